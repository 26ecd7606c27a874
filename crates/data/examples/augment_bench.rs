//! How many training examples a core prepares in a second: photographs of a folder, and CIFAR's images.
//!
//!     cargo run -p resnet-data --example augment_bench -- FOLDER
//!
//! FOLDER holds JPEG files or folders of them. Measured is what `xtask/peers/augment_bench.py` measures beside it, from
//! files in memory to normalised numbers: decode, random resized crop 224, flip, normalise. One thread; seconds are
//! those that it spent on a core; the median and the best of some passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use resnet_data::picture::{self, Encoded};
use resnet_data::{Key, Loader, LoaderConfig, Normalisation, PhotoAugmentation, generated};

const PASSES: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("give a folder of photographs")?;
    let mut paths = Vec::new();
    walk(Path::new(&folder), &mut paths)?;
    let files = paths.iter().map(|path| picture::read(path)).collect::<Result<Vec<_>, _>>()?;

    let decode = |epoch: u64| -> Result<(), resnet_data::Error> {
        for file in &files {
            std::hint::black_box((epoch, Encoded::open(file, "a photograph")?.decode()?));
        }
        Ok(())
    };
    report("decode", files.len(), decode)?;

    let augmentation = PhotoAugmentation::inception(224);
    augmentation.check()?;
    let mut input = Vec::new();
    let train = |epoch: u64| -> Result<(), resnet_data::Error> {
        for (index, file) in files.iter().enumerate() {
            let key = Key { seed: 0, epoch, index: index as u64 };
            input.clear();
            let photo = Encoded::open(file, "a photograph")?;
            augmentation.apply(&photo, &Normalisation::IMAGENET, key, &mut input)?;
            std::hint::black_box(&input);
        }
        Ok(())
    };
    report("decode, random resized crop 224, flip, normalise", files.len(), train)?;

    let images = 20_000;
    let set = Arc::new(generated::shapes(images, 1, 0).train);
    let config = LoaderConfig { workers: 0, ..LoaderConfig::training(128, 0, Normalisation::CIFAR10) };
    let loader = Loader::new(set, config)?;
    report("32 x 32: pad, crop, flip, normalise", images, |epoch| {
        loader.epoch(epoch, 0).for_each(|batch| drop(std::hint::black_box(batch)));
        Ok(())
    })?;
    Ok(())
}

fn report(
    what: &str,
    images: usize,
    mut pass: impl FnMut(u64) -> Result<(), resnet_data::Error>,
) -> Result<(), resnet_data::Error> {
    let mut rates = Vec::new();
    for epoch in 0..PASSES as u64 {
        let (start, worked) = (Instant::now(), worked());
        pass(epoch)?;
        let seconds = match (worked, self::worked()) {
            (Some(before), Some(after)) => after - before,
            _ => start.elapsed().as_secs_f64(),
        };
        rates.push(images as f64 / seconds);
    }
    rates.sort_by(f64::total_cmp);
    println!("{what}: median {:.0} a second, best {:.0}", rates[PASSES / 2], rates[PASSES - 1]);
    Ok(())
}

/// Seconds that this thread has spent on a core, known on Linux: others on the machine cost it less of these.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(stat.split(' ').next()?.parse::<f64>().ok()? * 1e-9)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut paths =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.file_name().is_none_or(|name| !name.to_string_lossy().starts_with('.')) {
            // A data set's own list lies beside it, hidden.
            found.push(path);
        }
    }
    Ok(())
}
