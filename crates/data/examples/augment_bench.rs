//! How many training examples a core prepares in a second: images of a folder, and CIFAR's images.
//!
//!     cargo run -p resnet-data --example augment_bench -- FOLDER
//!
//! FOLDER holds JPEG files or folders of them. It measures the same as `xtask/peers/augment_bench.py`, from
//! files in memory to normalised numbers: decode, random resized crop 224, flip, normalise. In turns with
//! that it measures the same work on records of a packed file with a shorter side of 256, checksums included.
//! It uses one thread, counts the seconds that this thread spent on a core, and prints the median and the
//! best of several passes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use resnet_data::sources::{IndexCache, OpenFiles, PackWriter, Source, open_files, open_image};
use resnet_data::{DataLoader, LoaderConfig, generated, read_image};
use resnet_vision::image::Encoded;
use resnet_vision::{Augmentation, Decoding, Interpolation, Key, Normalisation, TrainTransform};

const PASSES: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("give a folder of images")?;
    let mut paths = Vec::new();
    walk(Path::new(&folder), &mut paths)?;
    let files = paths.iter().map(read_image).collect::<Result<Vec<_>, _>>()?;

    let mut decode = |epoch: u64| -> Result<(), resnet_data::Error> {
        for file in &files {
            std::hint::black_box((epoch, Encoded::open(file, "an image")?.decode()?));
        }
        Ok(())
    };
    report(files.len(), &mut [("decode", &mut decode)])?;

    let packed = Packed::new(&files)?;
    let exact = TrainTransform::inception(224);
    let scaled = TrainTransform { decoding: Decoding::Scaled, ..exact.clone() };
    let show = |how: &TrainTransform, epoch: u64, index: usize, file: &[u8], input: &mut Vec<f32>| {
        let key = Key { seed: 0, epoch, index: index as u64 };
        input.clear();
        how.apply(&open_image(file, "an image")?, &Normalisation::IMAGENET, key, input)?;
        std::hint::black_box(input);
        Ok(())
    };
    let [mut of_jpeg, mut of_scaled, mut of_record, mut of_file] = [const { Vec::new() }; 4];
    report(
        files.len(),
        &mut [
            ("decode, random resized crop 224, flip, normalise", &mut |epoch| {
                (0..).zip(&files).try_for_each(|(index, file)| show(&exact, epoch, index, file, &mut of_jpeg))
            }),
            ("the same, decoded at a scale where that will do", &mut |epoch| {
                let mut files = (0..).zip(&files);
                files.try_for_each(|(index, file)| show(&scaled, epoch, index, file, &mut of_scaled))
            }),
            ("the same from packed records of side 256", &mut |epoch| {
                let mut records = (0..).zip(&packed.records);
                records.try_for_each(|(index, record)| show(&exact, epoch, index, record, &mut of_record))
            }),
            ("the same, each read from the packed file first", &mut |epoch| {
                (0..files.len()).try_for_each(|index| {
                    let record = packed.source.read(index..index + 1).remove(0);
                    let record = record.map_err(|broken| resnet_data::Error::Invalid(broken.to_string()))?;
                    show(&exact, epoch, index, &record, &mut of_file)
                })
            }),
        ],
    )?;

    let images = 20_000;
    let set = Arc::new(generated::shapes(images, 1, 0).train);
    let config = LoaderConfig { workers: 0, ..LoaderConfig::training(128, 0) };
    let loader = DataLoader::new(set, (Augmentation::PAPER, Normalisation::CIFAR10), config)?;
    let mut cifar = |epoch| {
        loader.epoch(epoch, 0).for_each(|batch| drop(std::hint::black_box(batch)));
        Ok(())
    };
    report(images, &mut [("32 x 32: pad, crop, flip, normalise", &mut cifar)])?;
    Ok(())
}

/// The images in a packed file, and its records in memory.
struct Packed {
    source: Arc<dyn Source>,
    records: Vec<Vec<u8>>,
    /// Keeps the packed file on disk until this is dropped.
    _folder: tempfile::TempDir,
}

impl Packed {
    fn new(files: &[Vec<u8>]) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut writer = PackWriter::new(File::create(folder.path().join("train-00000.pack"))?)?;
        for file in files {
            let image = Encoded::open(file, "an image")?.decode_shrunk(256, Interpolation::Bilinear)?;
            writer.push(&image, 0, "an image")?;
        }
        let bytes = writer.bytes();
        writer.finish()?;
        let before: usize = files.iter().map(Vec::len).sum();
        println!("{} images, {before} bytes, packed {bytes}", files.len());
        let options = OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() };
        let source = open_files(folder.path(), &options)?.train;
        let read = |index| source.read(index..index + 1).remove(0).map_err(|broken| broken.to_string());
        let records = (0..files.len()).map(read).collect::<Result<_, _>>()?;
        Ok(Packed { source, records, _folder: folder })
    }
}

/// Work on all images, given the pass's number.
type Pass<'a> = &'a mut dyn FnMut(u64) -> Result<(), resnet_data::Error>;

/// Measures some kinds of work, alternating.
fn report(images: usize, work: &mut [(&str, Pass<'_>)]) -> Result<(), resnet_data::Error> {
    let mut rates = vec![Vec::new(); work.len()];
    for epoch in 0..PASSES as u64 {
        for ((_, pass), rates) in work.iter_mut().zip(&mut rates) {
            let (start, worked) = (Instant::now(), worked());
            pass(epoch)?;
            let seconds = match (worked, self::worked()) {
                (Some(before), Some(after)) => after - before,
                _ => start.elapsed().as_secs_f64(),
            };
            rates.push(images as f64 / seconds);
        }
    }
    for ((what, _), mut rates) in work.iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        println!("{what}: median {:.0} a second, best {:.0}", rates[PASSES / 2], rates[PASSES - 1]);
    }
    Ok(())
}

/// Seconds that this thread has spent on a core; `None` except on Linux. Other processes on the machine
/// disturb this measure less than they disturb the clock.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(stat.split(' ').next()?.parse::<f64>().ok()? * 1e-9)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut paths =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    // Hidden ones are no images: an index that a training left there, for instance.
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    for path in paths.into_iter().filter(|path| !is_hidden(path)) {
        if path.is_dir() {
            walk(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
