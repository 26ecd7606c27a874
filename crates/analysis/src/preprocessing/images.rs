//! Test images that are prepared again and again: encoded in memory, so that each can be decoded anew.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use resnet::train::rank;
use resnet::{Images, Pretrained};
use resnet_data::sources::{Broken, open_image};
use resnet_data::{NotLeftOut, OnBroken};
use resnet_ops::{Layer as _, Mode, is_running_statistic};
use resnet_vision::{EvalTransform, Image, resize};

use super::preparation::{Antialiasing, Axis, Channels, Crop, Preparation, Statistics};
use super::shrink::shrunk;
use crate::Error;

/// Images a batch: enough for statistics of its own.
const BATCH: usize = 100;

/// Some of a data set's test images, with their labels.
#[derive(Debug)]
pub struct TestSample {
    images: Vec<Held>,
    labels: Vec<u32>,
    /// Whether they come from files, whose sizes may differ from what a network takes.
    files: bool,
}

/// An image as it is kept: the pixels of a data set in memory, or the bytes of a file.
#[derive(Debug)]
enum Held {
    Pixels(Image),
    Encoded { bytes: Vec<u8>, name: String },
}

/// The broken files of a sample, of which so many may be left out.
struct BrokenFiles {
    on_broken: OnBroken,
    allowed: u64,
    left_out: usize,
}

impl BrokenFiles {
    fn leave_out(&mut self, place: String, cause: String) -> Result<(), Error> {
        let why = match self.on_broken {
            OnBroken::Fail => NotLeftOut::NoneMayBe,
            OnBroken::Skip { .. } if self.left_out as u64 >= self.allowed => {
                NotLeftOut::LimitReached { before: self.left_out }
            }
            OnBroken::Skip { .. } => {
                tracing::warn!("left out: {place}: {cause}");
                self.left_out += 1;
                return Ok(());
            }
        };
        Err(resnet_data::Error::Broken { place, cause, why }.into())
    }
}

impl TestSample {
    /// `count` of the test images, evenly from all of them, or all if there are fewer. Of a data set in files
    /// without an evaluation split, the training images are taken, and broken files are left out as far as
    /// the data set allows it.
    ///
    /// # Errors
    /// If a file is broken and may not be left out, nothing is left, or an image in memory has the wrong
    /// size.
    pub fn of(images: &Images, count: usize) -> Result<Self, Error> {
        let mut sample = TestSample { images: vec![], labels: vec![], files: false };
        match images {
            Images::InMemory(data) => {
                let set = data.test.read_shared();
                let size = (set.width(), set.height());
                for place in spread(set.len(), count) {
                    let image = interleaved(set.image(place), size)?;
                    sample.images.push(Held::Pixels(image));
                    sample.labels.push(set.label(place));
                }
            }
            Images::InFiles(files) => {
                sample.files = true;
                let set = files.set();
                let source = Arc::clone(set.evaluation.as_ref().unwrap_or(&set.train));
                let index = source.index();
                let places: Vec<usize> =
                    spread(index.len(), count).filter(|place| !index.is_skipped(*place)).collect();
                let on_broken = files.on_broken();
                let allowed = on_broken.allowed(places.len() as u64);
                let mut broken = BrokenFiles { on_broken, allowed, left_out: 0 };
                for place in places {
                    let name = index.name(place);
                    let read = source.read(place..place + 1).pop();
                    let read = read.unwrap_or_else(|| Err(Broken::new(name.clone(), "it cannot be read")));
                    match read
                        .map_err(|fault| fault.cause)
                        .and_then(|bytes| Held::encoded(bytes, name.clone()))
                    {
                        Ok(held) => {
                            sample.images.push(held);
                            sample.labels.push(index.labels()[place]);
                        }
                        Err(cause) => broken.leave_out(name, cause)?,
                    }
                }
            }
        }
        if sample.is_empty() {
            return Err(Error::FewImages { data: images.name().to_owned(), found: 0, wanted: count });
        }
        Ok(sample)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// What can be tried on them: images in memory have a network's size and no EXIF data.
    pub fn axes(&self) -> &'static [Axis] {
        match self.files {
            true => &[
                Axis::Channels,
                Axis::Normalisation,
                Axis::Statistics,
                Axis::Crop,
                Axis::Interpolation,
                Axis::Antialiasing,
                Axis::Orientation,
            ],
            false => &[Axis::Channels, Axis::Normalisation, Axis::Statistics, Axis::Crop],
        }
    }

    /// How many images the first round of a search that begins with `baseline` classifies.
    pub fn first_round(&self, baseline: &Preparation) -> u64 {
        (self.len() * (1 + baseline.changes(self.axes()).len())) as u64
    }

    /// Which of them `pretrained` classifies correctly if they are prepared like this; `on_images` is told
    /// how many are done.
    pub(super) fn correct(
        &self,
        pretrained: &Pretrained,
        preparation: &Preparation,
        on_images: &mut dyn FnMut(usize),
    ) -> Result<Vec<bool>, Error> {
        let kept = Kept::of(pretrained)?;
        let correct = self.pass(pretrained, preparation, on_images);
        kept.give_back().map_err(Error::compute(&pretrained.spec().name))?;
        correct
    }

    /// As [`TestSample::correct`], but where the batch's own statistics are tried, the running ones change.
    fn pass(
        &self,
        pretrained: &Pretrained,
        preparation: &Preparation,
        on_images: &mut dyn FnMut(usize),
    ) -> Result<Vec<bool>, Error> {
        let network = pretrained.network().model().network();
        let ready = network.for_inference();
        let mut correct = Vec::with_capacity(self.len());
        for (images, labels) in self.images.chunks(BATCH).zip(self.labels.chunks(BATCH)) {
            on_images(correct.len());
            let mut inputs = vec![];
            for image in images {
                inputs.extend(image.prepared(preparation)?);
            }
            let side = preparation.side;
            let logits = || -> candle_core::Result<Vec<Vec<f32>>> {
                let x = Tensor::from_vec(inputs, (labels.len(), 3, side, side), &Device::Cpu)?;
                let logits = match preparation.statistics {
                    Statistics::Running => ready.logits(&x)?,
                    Statistics::Batch => network.forward(&x, Mode::Train)?,
                };
                logits.to_vec2()
            };
            let logits = logits().map_err(Error::compute(&pretrained.spec().name))?;
            correct.extend(logits.iter().zip(labels).map(|(row, label)| is_first(row, *label as usize)));
        }
        Ok(correct)
    }
}

/// A copy of the running statistics: a pass with the batch's own changes them.
struct Kept(Vec<(Var, Tensor)>);

impl Kept {
    fn of(pretrained: &Pretrained) -> Result<Self, Error> {
        let variables = pretrained.network().model().variables();
        let running = variables.iter().filter(|(name, _)| is_running_statistic(name));
        let copied = running.map(|(_, variable)| Ok((variable.clone(), variable.as_tensor().copy()?)));
        copied.collect::<candle_core::Result<_>>().map(Kept).map_err(Error::compute(&pretrained.spec().name))
    }

    fn give_back(self) -> candle_core::Result<()> {
        self.0.into_iter().try_for_each(|(variable, value)| variable.set(&value))
    }
}

/// Whether `label` is the first class of a row by falling logit, as evaluations count.
fn is_first(row: &[f32], label: usize) -> bool {
    label < row.len() && rank(row, label) == Some(0)
}

/// `count` numbers below `len`, evenly.
fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(len);
    (0..count).map(move |index| index * len / count.max(1))
}

/// An image of interleaved pixels, from one plane per channel.
fn interleaved(planes: &[u8], (width, height): (usize, usize)) -> Result<Image, Error> {
    let pixels =
        (0..width * height).flat_map(|at| [0, 1, 2].map(|c| planes[c * width * height + at])).collect();
    Ok(Image::new(width, height, pixels).map_err(resnet::Error::from)?)
}

impl Held {
    /// A file, if it can be decoded.
    fn encoded(bytes: Vec<u8>, name: String) -> Result<Self, String> {
        let decoded = || -> Result<Image, resnet_data::Error> { Ok(open_image(&bytes, &name)?.decode()?) };
        decoded().map_err(|error| error.cause())?;
        Ok(Held::Encoded { bytes, name })
    }

    /// The network's input, `[3, side, side]`.
    fn prepared(&self, how: &Preparation) -> Result<Vec<f32>, Error> {
        let mut image = match self {
            Held::Pixels(image) => image.clone(),
            Held::Encoded { bytes, name } => {
                let encoded = open_image(bytes, name)?.oriented(how.orientation);
                encoded.decode().map_err(resnet::Error::from)?
            }
        };
        if how.channels == Channels::Bgr {
            image.pixels.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
        let shorter = image.width.min(image.height);
        let resized = |side: usize| {
            let of = |length: usize| (side * length / shorter).max(side);
            (of(image.width), of(image.height))
        };
        let to = match how.crop {
            Crop::Resized(side) => resized(side),
            Crop::Squashed => (how.side, how.side),
            Crop::Unresized => (image.width, image.height),
        };
        if to != (image.width, image.height) {
            let plain = match how.antialiasing {
                Antialiasing::On => None,
                Antialiasing::Off | Antialiasing::Nearest => {
                    shrunk(&image, to, (how.antialiasing, how.interpolation))
                }
            };
            image = plain.unwrap_or_else(|| resize(&image, to, how.interpolation));
        }
        // It has its size; what is left is to cut out the middle and to normalise.
        let transform = EvalTransform {
            resize: image.width.min(image.height),
            crop: how.side,
            interpolation: how.interpolation,
            normalisation: how.normalisation,
        };
        Ok(transform.apply(&image))
    }
}
