//! `recipes`: lists what can be trained, with the hours that it takes here; or prints one recipe.

use resnet_bench::{Speed, listed, speed_file};
use resnet_record::BUILT_IN;
use serde_json::json;

use crate::args::RecipesArgs;
use crate::output::{self, Format};
use crate::table::{Column, Table};
use crate::{numbers, progress, recipes, threads};

pub(crate) fn run(args: &RecipesArgs) -> anyhow::Result<()> {
    if let Some(name) = &args.name {
        // As it is written, comments and all; one in a file with its defaults.
        let built_in = BUILT_IN.iter().find(|(known, _)| known == name);
        let text = built_in.map_or_else(
            || recipes::find(name)?.to_toml().map_err(anyhow::Error::from),
            |(_, text)| Ok(text.clone()),
        );
        return output::line(text?.trim_end());
    }
    let threads = threads::start(&args.threads)?;
    let file = speed_file();
    let kept = file.as_deref().filter(|_| !args.measure).and_then(|file| Speed::kept(file, threads));
    let speed = match kept {
        Some(speed) => speed,
        None => {
            progress::line("measuring this machine's speed, once ...");
            let speed = Speed::measure(threads)?;
            if let Some(error) = file.and_then(|file| speed.keep(&file).err()) {
                tracing::warn!("the speed is not kept: {error:#}");
            }
            speed
        }
    };
    let rows = listed(&speed)?;
    if args.format.get() == Format::Json {
        return output::json(&json!({ "recipes": rows, "speed": speed }));
    }
    let mut table = Table::new([
        Column::text("recipe"),
        Column::text("published in"),
        Column::number("error"),
        Column::number("time here"),
        Column::text("what it trains").optional(1),
    ]);
    for row in rows {
        let paper = row.paper.unwrap_or_default();
        let place =
            paper.split(':').next().unwrap_or_default().trim_start_matches("arXiv 1603.05027, ").to_owned();
        let time = numbers::long(3600.0 * row.hours);
        table.add([row.recipe, place, row.published.unwrap_or_default(), time, row.about]);
    }
    output::print_table(&table)?;
    let probe = |probe: &resnet_bench::Probe| {
        format!("{} {}/s", probe.model, numbers::short(probe.multiply_adds_per_second as u64))
    };
    let probes: Vec<String> = speed.probes.iter().map(probe).collect();
    output::sentences(&format!(
        "\nTime: the multiply-adds of a recipe's training steps at the speed of a probe of its kind, measured here {} ago on {}: {}; \
         --measure measures anew. Evaluation and loading of data are not in it. A recipe of images in files is taken to have ImageNet's {}.\n\
         Tables without a number of their own are of arXiv 1603.05027. `cargo xtask recipes NAME` prints a recipe, `cargo xtask schedule NAME` \
         draws its learning rate, `cargo xtask train --recipe NAME` runs it.",
        numbers::long(speed.age()),
        numbers::counted(threads as u64, "thread"),
        probes.join(", "),
        numbers::count(resnet_bench::IMAGENET),
    ))
}
