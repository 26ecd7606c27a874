//! Packed files, `train-00000.pack` and so on: images decoded and resized on all cores, written as pixels in
//! their order.

use std::fs::File;
use std::io::{BufWriter, IntoInnerError};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use resnet_vision::image::{self, Orientation};
use resnet_vision::{Image, Interpolation};

use super::writer::{Sample, Writer};
use crate::Error;
use crate::sources::file_list::FileList;
use crate::sources::{PackWriter, open_image};

/// Images wait until they and their pixels take so many bytes, and are then resized together.
const WAITING_BYTES: usize = 1 << 26;

/// How images are resized for packed files.
#[derive(Clone, Copy, Debug)]
pub struct Resizing {
    /// The shorter side's new length in pixels; smaller images stay as they are.
    pub side: usize,
    /// The filter.
    pub interpolation: Interpolation,
    /// Whether EXIF data turn images upright.
    pub orientation: Orientation,
}

/// Writes packed files.
pub(super) struct Packed {
    out: PathBuf,
    resizing: Resizing,
    max_bytes: u64,
    split: String,
    number: usize,
    file: Option<Pack>,
    waiting: Vec<Sample>,
    waiting_bytes: usize,
    /// How many images of the split were turned because their EXIF data say so.
    turned: u64,
    written: FileList,
}

/// A file that is being written.
struct Pack {
    path: PathBuf,
    writer: PackWriter<BufWriter<File>>,
    samples: u64,
}

impl Packed {
    pub(super) fn new(out: &Path, max_bytes: u64, resizing: Resizing) -> Self {
        Packed {
            out: out.to_owned(),
            resizing,
            max_bytes,
            split: String::new(),
            number: 0,
            file: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            turned: 0,
            written: FileList::default(),
        }
    }

    /// Resizes and writes the waiting images.
    fn flush(&mut self) -> Result<(), Error> {
        self.waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let Resizing { side, interpolation, orientation } = self.resizing;
        let resized: Vec<Result<Image, Error>> = waiting
            .par_iter()
            .map(|sample| {
                let encoded = open_image(&sample.bytes, &sample.place)?.oriented(orientation);
                Ok(encoded.decode_shrunk(side, interpolation)?)
            })
            .collect();
        for (sample, image) in waiting.iter().zip(resized) {
            self.append(sample, &image?)?;
        }
        Ok(())
    }

    fn append(&mut self, sample: &Sample, image: &Image) -> Result<(), Error> {
        let more = image.pixels.len() as u64;
        if self.file.as_ref().is_some_and(|pack| pack.writer.bytes().saturating_add(more) > self.max_bytes) {
            self.close()?;
        }
        let pack = match &mut self.file {
            Some(pack) => pack,
            none => {
                let path = self.out.join(format!("{}-{:05}.pack", self.split, self.number));
                self.number += 1;
                let begun = File::create(&path).and_then(|file| PackWriter::new(BufWriter::new(file)));
                let writer = begun.map_err(|cause| Error::write("write", &path, cause))?;
                none.insert(Pack { path, writer, samples: 0 })
            }
        };
        pack.samples += 1;
        pack.writer
            .push(image, sample.label, &sample.name)
            .map_err(|cause| Error::write(&format!("write {} into", sample.place), &pack.path, cause))
    }

    fn end_split(&mut self) -> Result<(), Error> {
        self.flush()?;
        if let Some(told) = image::turned(std::mem::take(&mut self.turned)) {
            tracing::info!("{}: {told}", self.split);
        }
        self.close()
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(Pack { path, writer, samples }) = self.file.take() else { return Ok(()) };
        self.written.add(&self.split, &path, samples);
        writer
            .finish()
            .and_then(|buffered| buffered.into_inner().map_err(IntoInnerError::into_error))
            .and_then(|file| file.sync_all())
            .map_err(|cause| Error::write("write the end of", &path, cause))
    }
}

impl Writer for Packed {
    fn begin(&mut self, split: &str) -> Result<(), Error> {
        self.end_split()?;
        (self.split, self.number) = (split.to_owned(), 0);
        Ok(())
    }

    fn sample(&mut self, sample: Sample) -> Result<(), Error> {
        // Its header says how many pixels it will have, so that a few huge images don't wait for many others.
        let encoded = open_image(&sample.bytes, &sample.place)?.oriented(self.resizing.orientation);
        self.turned += u64::from(encoded.is_turned());
        let (width, height) = encoded.shrunk_size(self.resizing.side);
        self.waiting_bytes += sample.bytes.len() + 3 * width * height;
        self.waiting.push(sample);
        if self.waiting_bytes >= WAITING_BYTES { self.flush() } else { Ok(()) }
    }

    fn end(&mut self) -> Result<FileList, Error> {
        self.end_split()?;
        Ok(std::mem::take(&mut self.written))
    }
}
