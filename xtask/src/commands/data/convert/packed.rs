//! The target `packed`: images decoded and shrunk on all cores, and written as pixels in their order.

use std::fs::File;
use std::io::{BufWriter, IntoInnerError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rayon::prelude::*;
use resnet_data::Error;
use resnet_data::sources::{PackWriter, open_image};
use resnet_vision::image::{self, Orientation};
use resnet_vision::{Image, Interpolation};

use super::{Sample, Writer, write_classes};

/// Images wait until they and what becomes of them take so many bytes, and are then shrunk together.
const WAITING_BYTES: usize = 1 << 26;

/// How images are shrunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shrinking {
    /// The shorter side's length in pixels; who has no more keeps it.
    pub(super) side: usize,
    pub(super) interpolation: Interpolation,
    pub(super) orientation: Orientation,
}

/// `split-00000.pack` and on, with the classes' names in `classes.json`.
pub(super) struct Packed {
    out: PathBuf,
    shrinking: Shrinking,
    /// The most bytes of a file.
    most: u64,
    split: String,
    number: usize,
    file: Option<Pack>,
    waiting: Vec<Sample>,
    waiting_bytes: usize,
    /// How many images EXIF data turned.
    turned: u64,
}

/// A file that is being written.
struct Pack {
    path: PathBuf,
    writer: PackWriter<BufWriter<File>>,
}

impl Packed {
    pub(super) fn new(
        out: &Path,
        classes: &[String],
        most: u64,
        shrinking: Shrinking,
    ) -> anyhow::Result<Self> {
        write_classes(out, classes)?;
        Ok(Packed {
            out: out.to_owned(),
            shrinking,
            most,
            split: String::new(),
            number: 0,
            file: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            turned: 0,
        })
    }

    /// Shrinks and writes what waits.
    fn flush(&mut self) -> anyhow::Result<()> {
        self.waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let Shrinking { side, interpolation, orientation } = self.shrinking;
        let shrunk: Vec<Result<Image, Error>> = waiting
            .par_iter()
            .map(|sample| {
                let encoded = open_image(&sample.bytes, &sample.place)?.oriented(orientation);
                Ok(encoded.decode_shrunk(side, interpolation)?)
            })
            .collect();
        for (sample, image) in waiting.iter().zip(shrunk) {
            self.append(sample, &image?)?;
        }
        Ok(())
    }

    fn append(&mut self, sample: &Sample, image: &Image) -> anyhow::Result<()> {
        let more = image.pixels.len() as u64;
        if self.file.as_ref().is_some_and(|pack| pack.writer.bytes().saturating_add(more) > self.most) {
            self.close()?;
        }
        let pack = match &mut self.file {
            Some(pack) => pack,
            none => {
                let path = self.out.join(format!("{}-{:05}.pack", self.split, self.number));
                self.number += 1;
                let begun = File::create(&path).and_then(|file| PackWriter::new(BufWriter::new(file)));
                let writer = begun.with_context(|| format!("cannot write {}", path.display()))?;
                none.insert(Pack { path, writer })
            }
        };
        pack.writer
            .push(image, sample.label as u32, &sample.name)
            .with_context(|| format!("cannot write {} into {}", sample.place, pack.path.display()))
    }

    fn close(&mut self) -> anyhow::Result<()> {
        let Some(Pack { path, writer }) = self.file.take() else { return Ok(()) };
        writer
            .finish()
            .and_then(|buffered| buffered.into_inner().map_err(IntoInnerError::into_error))
            .and_then(|file| file.sync_all())
            .with_context(|| format!("cannot write the end of {}", path.display()))
    }
}

impl Writer for Packed {
    fn begin(&mut self, split: &str) -> anyhow::Result<()> {
        self.end()?;
        (self.split, self.number) = (split.to_owned(), 0);
        Ok(())
    }

    fn sample(&mut self, sample: Sample) -> anyhow::Result<()> {
        // Its header tells what it will take, so that a few huge ones don't wait for many.
        let encoded = open_image(&sample.bytes, &sample.place)?.oriented(self.shrinking.orientation);
        self.turned += u64::from(encoded.is_turned());
        let (width, height) = encoded.shrunk_size(self.shrinking.side);
        self.waiting_bytes += sample.bytes.len() + 3 * width * height;
        self.waiting.push(sample);
        if self.waiting_bytes >= WAITING_BYTES { self.flush() } else { Ok(()) }
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.flush()?;
        // Each split ends for itself.
        if let Some(told) = image::turned(std::mem::take(&mut self.turned)) {
            tracing::info!("{}: {told}", self.split);
        }
        self.close()
    }
}
