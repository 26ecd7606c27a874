//! `data convert`: any images in files as class folders or as tar shards in WebDataset's convention,
//! where they are copied as they are encoded, or shrunk and decoded as packed files.

mod packed;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use resnet_data::sources::{Layout, Source, folder_names, open_image};
use resnet_vision::image;

use self::packed::{Packed, Shrinking};
use crate::args::{ConvertArgs, InterpolationArg, OrientationArg, Target};
use crate::failure::Ended;
use crate::progress::{Meter, Show, Unit};
use crate::{data, numbers, output};

pub(super) fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    let form = form(args)?;
    super::must_be_new(&args.out)?;
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    let splits: Vec<(&str, &dyn Source)> = super::splits(&set, ["train", "val"]).collect();
    data::tell(splits.iter().map(|(_, source)| source.index()));
    let images = super::whole_folder(&args.out, |partial| write(args, form, &set.classes, &splits, partial))?;
    output::line(&format!("{} images in {}", numbers::count(images), args.out.display()))
}

/// What is written.
#[derive(Clone, Copy)]
enum Form {
    Folders,
    Shards,
    Packed(Shrinking),
}

fn form(args: &ConvertArgs) -> anyhow::Result<Form> {
    let usage = |message: &str| Err(Ended::Usage(message.to_owned()).into());
    let has_view = args.interpolation.is_some() || args.orientation.is_some();
    match (args.to, args.side) {
        (Target::Packed, Some(side)) => {
            let interpolation = args.interpolation.unwrap_or(InterpolationArg::Bilinear).into();
            let orientation = args.orientation.unwrap_or(OrientationArg::Apply).into();
            Ok(Form::Packed(Shrinking { side: side as usize, interpolation, orientation }))
        }
        (Target::Packed, None) => {
            usage("--to packed needs --side N, the pixels that the shorter side is shrunk to, such as 256")
        }
        (Target::Folders, None) if !has_view => Ok(Form::Folders),
        (Target::Shards, None) if !has_view => Ok(Form::Shards),
        _ => usage(
            "--side, --interpolation and --orientation are for decoded images, which only --to packed writes; \
             leave them out",
        ),
    }
}

fn write(
    args: &ConvertArgs,
    form: Form,
    classes: &[String],
    splits: &[(&str, &dyn Source)],
    out: &Path,
) -> anyhow::Result<u64> {
    let total: u64 = splits.iter().map(|(_, source)| source.index().len() as u64).sum();
    let mut meter = Meter::new(Unit::Images, 0, total, Show::IfSlow);
    let most = args.shard_megabytes.get().saturating_mul(1 << 20);
    let mut writer: Box<dyn Writer> = match form {
        Form::Folders => Box::new(Folders::new(out, classes)?),
        Form::Shards => Box::new(Shards::new(out, classes, most)?),
        Form::Packed(shrinking) => Box::new(Packed::new(out, classes, most, shrinking)?),
    };
    let mut done = 0;
    for (split, source) in splits {
        writer.begin(split)?;
        let index = source.index();
        if let Some(fault) = index.faults().first() {
            bail!("{fault}; mend or remove it first");
        }
        for block in 0..index.blocks() {
            for (record, read) in index.block(block).zip(source.read(index.block(block))) {
                let mut bytes =
                    read.map_err(|broken| anyhow::anyhow!("{broken}; mend or remove it first"))?;
                let (name, place) = (index.name_in_split(record), index.place(record));
                if index.layout() == Layout::Packed && !matches!(form, Form::Packed(_)) {
                    // Pixels of ours say nothing to others.
                    bytes = image::encode_png(&open_image(&bytes, &place)?.decode()?)?;
                }
                let label = index.labels()[record] as usize;
                writer.sample(Sample { number: done, label, name, place, bytes })?;
                done += 1;
            }
            meter.update(done, str::to_owned);
        }
    }
    writer.end()?;
    Ok(done)
}

/// A sample to be written.
struct Sample {
    /// Of all that are written, from 0.
    number: u64,
    label: usize,
    /// As lists of records have it, without the folder of its split.
    name: String,
    /// As messages have it.
    place: String,
    bytes: Vec<u8>,
}

trait Writer {
    fn begin(&mut self, split: &str) -> anyhow::Result<()>;
    fn sample(&mut self, sample: Sample) -> anyhow::Result<()>;
    fn end(&mut self) -> anyhow::Result<()>;
}

/// The end of an encoded image's name, by its first bytes.
fn end_of(bytes: &[u8]) -> &'static str {
    image::extension(bytes)
}

/// `split/class/number.jpg`, with the classes' names in `classes.json`.
struct Folders {
    out: PathBuf,
    split: PathBuf,
    /// A folder per class.
    folders: Vec<String>,
}

impl Folders {
    fn new(out: &Path, classes: &[String]) -> anyhow::Result<Self> {
        write_classes(out, classes)?;
        Ok(Folders { out: out.to_owned(), split: PathBuf::new(), folders: folder_names(classes) })
    }
}

impl Writer for Folders {
    fn begin(&mut self, split: &str) -> anyhow::Result<()> {
        self.split = self.out.join(split);
        for class in &self.folders {
            let folder = self.split.join(class);
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(())
    }

    fn sample(&mut self, Sample { number, label, bytes, .. }: Sample) -> anyhow::Result<()> {
        let file = self.split.join(&self.folders[label]).join(format!("{number:08}.{}", end_of(&bytes)));
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The classes' names in the order of their labels, so that the labels stay what they are.
fn write_classes(out: &Path, classes: &[String]) -> anyhow::Result<()> {
    let file = out.join("classes.json");
    let text = serde_json::to_string_pretty(classes)?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// `split-00000.tar` and on, with the classes' names in `classes.json`.
struct Shards {
    out: PathBuf,
    most: u64,
    split: String,
    number: usize,
    shard: Option<(tar::Builder<File>, u64)>,
}

impl Shards {
    fn new(out: &Path, classes: &[String], most: u64) -> anyhow::Result<Self> {
        write_classes(out, classes)?;
        Ok(Shards { out: out.to_owned(), most, split: String::new(), number: 0, shard: None })
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if let Some((shard, _)) = self.shard.take() {
            let mut file = shard.into_inner().context("cannot write the end of a shard")?;
            file.flush().and_then(|()| file.sync_all()).context("cannot write the end of a shard")?;
        }
        Ok(())
    }
}

impl Writer for Shards {
    fn begin(&mut self, split: &str) -> anyhow::Result<()> {
        self.close()?;
        (self.split, self.number) = (split.to_owned(), 0);
        Ok(())
    }

    fn sample(&mut self, Sample { number, label, bytes, .. }: Sample) -> anyhow::Result<()> {
        if self.shard.as_ref().is_some_and(|(_, size)| size + bytes.len() as u64 > self.most) {
            self.close()?;
        }
        let (shard, size) = match &mut self.shard {
            Some(shard) => shard,
            none => {
                let path = self.out.join(format!("{}-{:05}.tar", self.split, self.number));
                self.number += 1;
                let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
                none.insert((tar::Builder::new(file), 0))
            }
        };
        for (end, bytes) in [(end_of(&bytes), &bytes[..]), ("cls", label.to_string().as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            shard
                .append_data(&mut header, format!("{number:09}.{end}"), bytes)
                .context("cannot write a shard")?;
        }
        *size += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.close()
    }
}
