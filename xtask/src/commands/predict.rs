//! `predict`: classifies images.

use std::io::IsTerminal as _;
use std::path::Path;

use resnet::data::find_images;
use resnet::data::names::{printable, shown};
use resnet::vision::image;
use resnet::{Guess, Prediction, Pretrained};
use serde::Serialize;

use crate::args::PredictArgs;
use crate::failure::{self, Ended};
use crate::heat_maps::Targets;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::{text, threads, weights};

/// Images per batch.
const BATCH: usize = 32;

#[derive(Serialize)]
struct Json<'a> {
    file: &'a str,
    top: Vec<JsonGuess<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heatmap: Option<String>,
}

#[derive(Serialize)]
struct JsonGuess<'a> {
    class: usize,
    name: &'a str,
    probability: f64,
}

pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation)?;
    weights::normalisation(&pretrained)?;
    weights::classes(&pretrained);
    let found = find_images(&args.images);
    let mut failed = found.failures.len();
    found.failures.into_iter().for_each(|error| failure::report(&error.into()));
    let heat_maps = args.heatmap.as_ref().map(|out| Targets::new(out, &found.files)).transpose()?;

    // On a terminal the bar would overwrite the results.
    let watched = !std::io::stdout().is_terminal();
    let predictor = pretrained.predictor()?;
    let mut turned = 0;
    let mut meter = Meter::new(Unit::Images, 0, found.files.len() as u64, Show::IfSlow);
    for (number, files) in found.files.chunks(BATCH).enumerate() {
        for (file, prediction) in files.iter().zip(predictor.predict_files(files)?) {
            let answered = prediction.map_err(anyhow::Error::from).and_then(|prediction| {
                turned += u64::from(prediction.is_turned);
                answer(args, &pretrained, heat_maps.as_ref(), (file, &prediction))
            });
            if let Err(error) = answered {
                failure::report(&error);
                failed += 1;
            }
        }
        if watched {
            meter.update((number * BATCH + files.len()) as u64, str::to_owned);
        }
    }
    drop(meter);
    if let Some(told) = image::turned(turned) {
        tracing::info!("{told}");
    }
    if failed > 0 { Err(Ended::Reported.into()) } else { Ok(()) }
}

/// Prints a file's answer; the error is that of its heat map.
fn answer(
    args: &PredictArgs,
    pretrained: &Pretrained,
    heat_maps: Option<&Targets>,
    (file, prediction): (&Path, &Prediction),
) -> anyhow::Result<()> {
    let top = prediction.top(args.top.get());
    let class = top.first().map_or(0, |guess| guess.class);
    let drawn = heat_maps.map(|maps| maps.write(pretrained, file, class)).transpose();
    print(args, file, &top, &prediction.logits, drawn.as_ref().ok().copied().flatten())?;
    drawn.map(|_| ())
}

fn print<'a>(
    args: &PredictArgs,
    file: &Path,
    top: &[Guess<'a>],
    logits: &[f32],
    heatmap: Option<&Path>,
) -> anyhow::Result<()> {
    if args.format.get() == Format::Json {
        let (file, logits) = (&shown(file), args.logits.then_some(logits));
        let guess = |guess: &Guess<'a>| JsonGuess {
            class: guess.class,
            name: guess.name,
            probability: guess.probability,
        };
        let top = top.iter().map(guess).collect();
        return output::json(&Json { file, top, logits, heatmap: heatmap.map(shown) });
    }
    let mut lines = vec![shown(file)];
    lines.extend(table(top, args.logits.then_some(logits), text::out()));
    lines.extend(heatmap.map(|map| format!("  heat map: {}", shown(map))));
    output::line(&lines.join("\n"))
}

/// One guess per line. Names that are too long for the terminal wrap; the class follows them.
fn table(top: &[Guess<'_>], logits: Option<&[f32]>, width: Option<usize>) -> Vec<String> {
    let names = top.iter().map(|guess| printable(guess.name).chars().count()).max().unwrap_or(0);
    let line = |Guess { class, name, probability }: &Guess<'_>| {
        let name = printable(name);
        let logit = logits.map_or(String::new(), |logits| format!("  {:>9.4}", logits[*class]));
        let before = format!("  {:>6.2} %{logit}  ", 100.0 * probability);
        let aligned = format!("{before}{name:<names$}  (class {class})");
        match width.is_some_and(|width| aligned.chars().count() > width) {
            true => text::wrap(&format!("{before}{name}  (class {class})"), width, before.len()),
            false => aligned,
        }
    };
    top.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_wrap_under_themselves() {
        let top = [
            Guess { class: 0, name: "toilet tissue, toilet paper, bathroom tissue", probability: 0.8808 },
            Guess { class: 1, name: "cat", probability: 0.1192 },
        ];
        let whole = [
            "   88.08 %     3.0000  toilet tissue, toilet paper, bathroom tissue  (class 0)",
            "   11.92 %     1.0000  cat                                           (class 1)",
        ];
        for width in [Some(80), Some(200), None] {
            assert_eq!(table(&top, Some(&[3.0, 1.0]), width), whole);
        }
        let narrow = [
            "   88.08 %  toilet tissue, toilet paper,\n           bathroom tissue  (class 0)",
            "   11.92 %  cat  (class 1)",
        ];
        assert_eq!(
            table(&top, None, Some(40)),
            narrow.map(|line| line.replace("\n           ", "\n            "))
        );
    }
}
