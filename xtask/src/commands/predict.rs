//! `predict`: classifies images.

use std::io::IsTerminal as _;
use std::path::Path;

use resnet::{Guess, Prediction, Pretrained};
use resnet_data::find_images;
use resnet_data::names::shown;
use resnet_terminal::output::{self, Format};
use resnet_terminal::progress::{Meter, Show, Unit};
use resnet_terminal::text;
use resnet_vision::image;
use serde::Serialize;

use crate::args::PredictArgs;
use crate::failure::{self, Ended};
use crate::heat_maps::Targets;
use crate::{threads, weights};

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
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation, &args.described)?;
    weights::warn_of_normalisation(&pretrained)?;
    weights::warn_of_resizing(&pretrained, pretrained.eval_transform()?)?;
    weights::warn_of_classes(&pretrained);
    let found = find_images(&args.images);
    let mut failed = found.failures.len();
    found.failures.into_iter().for_each(|error| failure::report(&error.into()));
    let targets = |out| Targets::new(out, &args.images, &found.files);
    let heat_maps = args.heatmap.as_deref().map(targets).transpose()?;

    // On a terminal the bar would overwrite the results.
    let watched = !std::io::stdout().is_terminal();
    let predictor = pretrained.predictor()?;
    let mut turned = 0;
    let mut meter = Meter::new(Unit::Images, 0, found.files.len() as u64, Show::IfSlow);
    'images: for (number, files) in found.files.chunks(BATCH).enumerate() {
        for (file, prediction) in files.iter().zip(predictor.predict_files(files)?) {
            let answered = prediction.map_err(anyhow::Error::from).and_then(|prediction| {
                turned += u64::from(prediction.is_turned);
                answer(args, &pretrained, heat_maps.as_ref(), (file, &prediction))
            });
            if let Err(error) = answered {
                if error.is::<output::Gone>() {
                    break 'images;
                }
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
    lines.extend(resnet_views::guesses(top, args.logits.then_some(logits), text::out()));
    lines.extend(heatmap.map(|map| format!("  heat map: {}", shown(map))));
    output::line(&lines.join("\n"))
}
