//! `predict`: which classes images are of.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use resnet_data::names::{printable, shown};
use resnet_data::{Error, read_image};
use resnet_ops::Mode;
use resnet_train::Classifier as _;
use resnet_vision::Preprocess;
use resnet_vision::picture::{self, Encoded};
use serde::Serialize;

use crate::args::PredictArgs;
use crate::failure::{self, Ended};
use crate::heatmap::Targets;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::weights::{self, Trained};
use crate::{pictures, text, threads, transform};

/// Pictures at a time.
const BATCH: usize = 32;

#[derive(Serialize)]
struct Json<'a> {
    file: &'a str,
    top: &'a [Guess<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heatmap: Option<String>,
}

#[derive(Serialize)]
struct Guess<'a> {
    class: usize,
    name: &'a str,
    probability: f64,
}

pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let trained = weights::load(&args.source, args.names.given())?;
    let preprocess = transform::applied(trained.preprocessing(&args.normalisation)?);
    let names = trained.classes()?;
    let found = pictures::find(&args.pictures);
    let mut failed = found.failures.len();
    found.failures.iter().for_each(failure::report);
    let heatmap = args.heatmap.as_ref().map(|out| Targets::new(out, &found.files)).transpose()?;

    // On one terminal results and a bar would write over each other.
    let watched = !std::io::stdout().is_terminal();
    let turned = AtomicU64::new(0);
    let mut meter = Meter::new(Unit::Pictures, 0, found.files.len() as u64, Show::IfSlow);
    for (number, files) in found.files.chunks(BATCH).enumerate() {
        for (file, logits) in files.iter().zip(batch(&trained, &preprocess, files, &turned)?) {
            match logits {
                Ok(logits) => {
                    let top = guesses(&logits, &names, args.top.get());
                    let draw = |maps: &'_ Targets| {
                        let class = top.first().map_or(0, |guess| guess.class);
                        maps.write(&trained, &preprocess, file, class).map(Path::to_owned)
                    };
                    let drawn = heatmap.as_ref().map(draw).transpose();
                    let map = drawn.as_ref().ok().and_then(Option::as_deref);
                    print(args, file, &top, &logits, map)?;
                    if let Err(error) = drawn {
                        failure::report(&error);
                        failed += 1;
                    }
                }
                Err(error) => {
                    failure::report(&error);
                    failed += 1;
                }
            }
        }
        if watched {
            meter.update((number * BATCH + files.len()) as u64, str::to_owned);
        }
    }
    drop(meter);
    if let Some(told) = picture::turned(turned.into_inner()) {
        tracing::info!("{told}");
    }
    if failed > 0 { Err(Ended::Reported.into()) } else { Ok(()) }
}

/// The logits of each file, or why there are none; `turned` counts images that EXIF data turned. The outer
/// error is the network's.
fn batch(
    trained: &Trained,
    preprocess: &Preprocess,
    files: &[PathBuf],
    turned: &AtomicU64,
) -> anyhow::Result<Vec<anyhow::Result<Vec<f32>>>> {
    let read = |file: &PathBuf| {
        let (bytes, name) = (read_image(file)?, shown(file));
        let encoded = Encoded::open(&bytes, &name)?;
        turned.fetch_add(u64::from(encoded.is_turned()), Ordering::Relaxed);
        Ok(preprocess.apply(&encoded.decode()?))
    };
    let inputs: Vec<Result<Vec<f32>, Error>> = files.par_iter().map(read).collect();
    let whole: Vec<&Vec<f32>> = inputs.iter().filter_map(|input| input.as_ref().ok()).collect();
    let side = preprocess.crop;
    let mut rows = if whole.is_empty() {
        Vec::new()
    } else {
        let pixels: Vec<f32> = whole.iter().flat_map(|input| input.iter().copied()).collect();
        let logits = Tensor::from_vec(pixels, (whole.len(), 3, side, side), &Device::Cpu)
            .and_then(|images| trained.net.logits(&images, Mode::Eval)?.to_vec2::<f32>());
        logits.with_context(|| format!("{} failed on pictures of {side} x {side}", trained.spec().name))?
    }
    .into_iter();
    let outcome = |(input, file): (Result<_, Error>, &PathBuf)| {
        input?;
        let row = rows.next().unwrap_or_default();
        if row.iter().any(|logit| logit.is_nan()) {
            let (file, weights) = (shown(file), shown(&trained.file));
            bail!(
                "the network's logits for {file} hold NaN; {weights} is damaged, or mean and std do not fit it"
            );
        }
        Ok(row)
    };
    Ok(inputs.into_iter().zip(files).map(outcome).collect())
}

fn print(
    args: &PredictArgs,
    file: &Path,
    top: &[Guess<'_>],
    logits: &[f32],
    heatmap: Option<&Path>,
) -> anyhow::Result<()> {
    if args.format.get() == Format::Json {
        let (file, logits) = (&shown(file), args.logits.then_some(logits));
        return output::json(&Json { file, top, logits, heatmap: heatmap.map(shown) });
    }
    let mut lines = vec![shown(file)];
    lines.extend(table(top, args.logits.then_some(logits), text::out()));
    lines.extend(heatmap.map(|map| format!("  heat map: {}", shown(map))));
    output::line(&lines.join("\n"))
}

/// The guesses under each other. Names that are too long for the terminal wrap; the class stays behind them.
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

/// The most probable classes, the first of equals first.
fn guesses<'a>(logits: &[f32], names: &'a [String], count: usize) -> Vec<Guess<'a>> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight =
        |logit: f32| if logit == highest { 1.0 } else { (f64::from(logit) - f64::from(highest)).exp() };
    let sum: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let mut order: Vec<usize> = (0..logits.len().min(names.len())).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    let guess = |class: usize| Guess { class, name: &names[class], probability: weight(logits[class]) / sum };
    order.into_iter().take(count).map(guess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_wrap_under_themselves() {
        let names = ["toilet tissue, toilet paper, bathroom tissue", "cat"].map(str::to_owned);
        let top = guesses(&[3.0, 1.0], &names, 2);
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

    #[test]
    fn guesses_are_a_softmax_in_order() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).into();
        let top = guesses(&[0.0, 2f32.ln(), 0.0], &names, 2);
        assert_eq!(top.iter().map(|guess| guess.name).collect::<Vec<_>>(), ["b", "a"]);
        assert!((top[0].probability - 0.5).abs() < 1e-7 && (top[1].probability - 0.25).abs() < 1e-7);
        assert_eq!(guesses(&[1e30, -1e30, f32::INFINITY], &names, 9)[0].probability, 1.0);
        assert_eq!(guesses(&[1.0; 3], &names, 9).len(), 3);
    }
}
