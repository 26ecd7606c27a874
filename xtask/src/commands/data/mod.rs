//! `data`: what images there are, which are broken, other forms of them, and how they come from the hub.

mod convert;
mod fetch;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use rayon::prelude::*;
use resnet_data::names::printable;
use resnet_data::sources::{self, FileSet, Index, Source, open_files, open_image};
use resnet_vision::image;
use resnet_vision::{Image, Key, Normalisation, TrainTransform};
use serde::Serialize;

use crate::args::{ClassesArg, DataCommand, InspectArgs, LabelsArgs, VerifyArgs};
use crate::failure::Ended;
use crate::numbers;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::{data, text};

/// Images whose size is looked at.
const LOOKED_AT: usize = 1000;
/// Columns and rows of a sheet, and pixels of an image on it.
const SHEET: (usize, usize, usize) = (8, 6, 128);

pub(crate) fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Inspect(args) => inspect(args),
        DataCommand::Verify(args) => verify(args),
        DataCommand::Convert(args) => convert::run(args),
        DataCommand::Fetch(args) => fetch::run(args),
    }
}

/// The images in `dir`.
fn open(dir: &Path, classes: &ClassesArg, labels: &LabelsArgs) -> anyhow::Result<FileSet> {
    data::found(dir, open_files(dir, &labels.options(classes)))
}

#[derive(Serialize)]
struct Inspected {
    layout: &'static str,
    classes: usize,
    splits: Vec<Split>,
}

/// What there is of one split; a triple is the smallest, the median and the largest.
#[derive(Serialize)]
struct Split {
    split: &'static str,
    #[serde(rename = "pictures")] // its name in --json
    images: usize,
    bytes: u64,
    a_class: [u64; 3],
    empty_classes: Vec<String>,
    /// Of up to a thousand images.
    width: Option<[u64; 3]>,
    height: Option<[u64; 3]>,
    /// Files that are passed over, by what their names end in.
    left_out: BTreeMap<String, u64>,
    warnings: Vec<String>,
    faults: Vec<String>,
}

/// The splits of `set` under the names that are given to them.
fn splits<'a>(
    set: &'a FileSet,
    [train, evaluation]: [&'static str; 2],
) -> impl Iterator<Item = (&'static str, &'a dyn Source)> {
    let first = if set.split == sources::Split::Train { train } else { evaluation };
    let evaluated = set.evaluation.as_deref().map(|source| (evaluation, source));
    [(first, &*set.train)].into_iter().chain(evaluated)
}

/// What the splits are for.
const PURPOSES: [&str; 2] = ["training", "evaluation"];

fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let set = open(&args.dir, &args.classes, &args.labels)?;
    let inspected = Inspected {
        layout: set.layout.name(),
        classes: set.classes.len(),
        splits: splits(&set, PURPOSES).map(|(name, source)| Split::of(name, source)).collect(),
    };
    if let Some(file) = &args.sheet {
        sheet(&*set.train, args.seed, file)?;
    }
    if args.format.get() == Format::Json {
        return output::json(&inspected);
    }
    let mut lines = vec![format!(
        "{} in {}, {} classes",
        inspected.layout,
        set.origin,
        numbers::count(inspected.classes as u64)
    )];
    for (split, (_, source)) in inspected.splits.iter().zip(splits(&set, PURPOSES)) {
        let triple = |[low, middle, high]: [u64; 3]| format!("{low} to {high}, median {middle}");
        lines.push(format!(
            "\n{}: {} images, {}",
            split.split,
            numbers::count(split.images as u64),
            numbers::bytes(split.bytes)
        ));
        lines.push(format!("  a class       {}", triple(split.a_class)));
        if let (Some(width), Some(height)) = (split.width, split.height) {
            lines.push(format!("  width         {}", triple(width)));
            lines.push(format!("  height        {}", triple(height)));
        }
        if !split.empty_classes.is_empty() {
            lines.push(format!("  empty         {}", printable(&split.empty_classes.join(", "))));
        }
        if !split.left_out.is_empty() {
            lines.push(format!(
                "  left out      {}; they are not image files that are read",
                source.index().left_out()
            ));
        }
        let told = |kind: &str, texts: &[String]| -> Vec<String> {
            texts.iter().map(|text| format!("  {kind:<14}{}", printable(text))).collect()
        };
        lines.extend(told("warning", &split.warnings));
        lines.extend(told("fault", &split.faults));
    }
    output::line(&text::wrap(&lines.join("\n"), text::out(), 16))
}

impl Split {
    fn of(split: &'static str, source: &dyn Source) -> Self {
        let index = source.index();
        let step = index.len().div_ceil(LOOKED_AT).max(1);
        let sizes: Vec<(u64, u64)> =
            (0..index.len()).step_by(step).filter_map(|record| size(source, record)).collect();
        let (widths, heights) = sizes.into_iter().unzip();
        Split {
            split,
            images: index.len(),
            bytes: (0..index.len()).map(|record| index.bytes(record)).sum(),
            a_class: low_middle_high(index.class_counts()).unwrap_or_default(),
            empty_classes: index.empty_classes().into_iter().map(str::to_owned).collect(),
            width: low_middle_high(widths),
            height: low_middle_high(heights),
            left_out: index.left_out().kinds().map(|(kind, files)| (kind.to_owned(), files)).collect(),
            warnings: index.warnings().to_vec(),
            faults: index.faults().iter().map(ToString::to_string).collect(),
        }
    }
}

fn low_middle_high(mut values: Vec<u64>) -> Option<[u64; 3]> {
    values.sort_unstable();
    Some([*values.first()?, values[values.len() / 2], *values.last()?])
}

/// The encoded image of one record.
fn bytes(source: &dyn Source, record: usize) -> Result<Vec<u8>, String> {
    let read = source.read(record..record + 1).pop();
    read.unwrap_or_else(|| Ok(vec![])).map_err(|broken| broken.to_string())
}

/// Width and height, as the image's header tells them.
fn size(source: &dyn Source, record: usize) -> Option<(u64, u64)> {
    let bytes = bytes(source, record).ok()?;
    let (width, height) = open_image(&bytes, "").ok()?.size();
    Some((width as u64, height as u64))
}

/// Writes images of `source`, cut at random as training does.
fn sheet(source: &dyn Source, seed: u64, file: &Path) -> anyhow::Result<()> {
    let (columns, rows, side) = SHEET;
    let augmentation = TrainTransform::inception(side);
    // Evenly over the data, so that most classes differ.
    let (len, shown) = (source.index().len(), columns * rows);
    let mut pixels = vec![255; columns * side * rows * side * 3];
    for place in 0..shown.min(len) {
        let record = place * len / shown.min(len);
        let name = source.index().place(record);
        let encoded = bytes(source, record).map_err(anyhow::Error::msg)?;
        let key = Key { seed, epoch: 0, index: record as u64 };
        let mut planes = vec![];
        augmentation.apply(&open_image(&encoded, &name)?, &Normalisation::HALF, key, &mut planes)?;
        let (left, top) = (place % columns * side, place / columns * side);
        for (channel, plane) in planes.chunks_exact(side * side).enumerate() {
            for (at, value) in plane.iter().enumerate() {
                let (x, y) = (left + at % side, top + at / side);
                pixels[(y * columns * side + x) * 3 + channel] = ((value * 0.5 + 0.5) * 255.0).round() as u8;
            }
        }
    }
    let image = Image::new(columns * side, rows * side, pixels)?;
    write(file, &image::encode_png(&image)?)
}

#[derive(Serialize)]
struct Verified {
    #[serde(rename = "pictures")]
    images: u64,
    broken: Vec<BrokenImage>,
}

#[derive(Serialize, Clone)]
struct BrokenImage {
    name: String,
    cause: String,
}

fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let set = open(&args.dir, &args.classes, &args.labels)?;
    data::tell(splits(&set, PURPOSES).map(|(_, source)| source.index()));
    let total: u64 = splits(&set, PURPOSES).map(|(_, source)| source.index().len() as u64).sum();
    let mut meter = Meter::new(Unit::Images, 0, total, Show::IfSlow);
    let mut broken = vec![];
    let mut before = 0;
    for (_, source) in splits(&set, PURPOSES) {
        let index = source.index();
        broken.extend(
            index
                .faults()
                .iter()
                .map(|fault| BrokenImage { name: index.fault_name(fault), cause: fault.cause.clone() }),
        );
        let (done, found) = (AtomicU64::new(0), Mutex::new(vec![]));
        // Some blocks at a time, so that progress is told between them.
        let blocks: Vec<usize> = (0..index.blocks()).collect();
        for some in blocks.chunks(64) {
            some.par_iter().for_each(|block| {
                for (record, read) in index.block(*block).zip(source.read(index.block(*block))) {
                    if let Some(fault) = check(index, record, read) {
                        found.lock().unwrap_or_else(PoisonError::into_inner).push((record, fault));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
            meter.update(before + done.load(Ordering::Relaxed), str::to_owned);
        }
        before += index.len() as u64;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(record, _)| *record);
        broken.extend(found.into_iter().map(|(_, fault)| fault));
    }
    drop(meter);
    if let Some(file) = &args.skip_list {
        let names: String = broken.iter().map(|image| format!("{}\n", image.name)).collect();
        write(file, names.as_bytes())?;
    }
    let number = broken.len();
    if args.format.get() == Format::Json {
        output::json(&Verified { images: total, broken })?;
    } else {
        let line = |image: &BrokenImage| printable(&format!("{}: {}", image.name, image.cause)).into_owned();
        let lines: Vec<String> = broken.iter().map(line).collect();
        let summary =
            format!("{} of {} images are broken", numbers::count(number as u64), numbers::count(total));
        output::line(&text::wrap(&[lines, vec![summary]].concat().join("\n"), text::out(), 2))?;
    }
    if number > 0 { Err(Ended::Reported.into()) } else { Ok(()) }
}

/// What is wrong with a record, if anything: it must decode to its last pixel, without any damage.
fn check(
    index: &Index,
    record: usize,
    read: Result<Vec<u8>, resnet_data::sources::Broken>,
) -> Option<BrokenImage> {
    let cause = match read {
        Err(broken) => broken.cause,
        Ok(bytes) => verified(&bytes, &index.place(record)).err()?.cause(),
    };
    Some(BrokenImage { name: index.name(record), cause })
}

fn verified(bytes: &[u8], place: &str) -> Result<(), resnet_data::Error> {
    Ok(open_image(bytes, place)?.verify()?)
}

/// Refuses a folder that is to be made and is there.
fn must_be_new(out: &Path) -> anyhow::Result<()> {
    match out.exists() {
        true => bail!("{} is there already; name a folder that is not", out.display()),
        false => Ok(()),
    }
}

/// Makes the folder `out` with what `fill` puts into it, all or nothing: what is begun has another name.
fn whole_folder<T>(out: &Path, fill: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    must_be_new(out)?;
    let name = out.file_name().with_context(|| format!("{} is no name for a folder", out.display()))?;
    let partial = out.with_file_name(format!(".{}.partial-{}", name.to_string_lossy(), std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let filled = fill(&partial).and_then(|filled| {
        fs::rename(&partial, out).with_context(|| format!("cannot give {} its name", out.display()))?;
        Ok(filled)
    });
    if filled.is_err() {
        // What went wrong is told; what is left of it is only space.
        let _ = fs::remove_dir_all(&partial);
    }
    filled
}

/// Writes `bytes` to `file`, all or nothing.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = resnet_files::write_whole(file, |out| out.write_all(bytes));
    written.with_context(|| format!("cannot write {}", file.display()))
}
