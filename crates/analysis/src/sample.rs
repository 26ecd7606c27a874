//! The images that a network is measured on: some of a training set, the same for all networks.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use resnet::{Images, OpenOptions};
use resnet_data::{
    Contents, DataKind, DataLoader, Feed, FileLoader, FileTransform, LoaderConfig, OnBroken, Transform,
    contents, generated, open_cifar,
};
use resnet_record::FileOptions;
use resnet_vision::image::Orientation;
use resnet_vision::{Augmentation, EvalTransform, Normalisation};

use crate::Error;

/// Generated images: enough for the largest sample.
const DRAWN: usize = 1024;
/// What a batch of images may take on its way through a network, in bytes.
const MEMORY: usize = 1 << 29;
/// Images of a sample where memory allows it.
const USUAL_IMAGES: usize = 64;

/// A data set whose training images networks are measured on.
#[derive(Debug)]
pub struct Source {
    images: Images,
    normalisation: Normalisation,
}

/// Images and labels on which a network is measured.
#[derive(Debug)]
pub(crate) struct Sample {
    /// `[N, 3, H, W]`
    pub(crate) images: Tensor,
    pub(crate) labels: Vec<u32>,
}

impl Source {
    /// The generated shapes, which need no data.
    pub fn drawn() -> Self {
        let images = Images::InMemory(generated::shapes(DRAWN, 10, 0));
        Source { images, normalisation: Normalisation::HALF }
    }

    /// The images in `folder`; where several data sets lie there, the number of `classes` chooses. Samples in
    /// files are read as `files` says.
    ///
    /// # Errors
    /// If nothing is recognised there or it cannot be read.
    pub fn open(folder: &Path, classes: usize, files: &FileOptions) -> Result<Self, Error> {
        let cifar = |kind| -> Result<Source, Error> {
            let normalisation =
                if kind == DataKind::Cifar100 { Normalisation::CIFAR100 } else { Normalisation::CIFAR10 };
            Ok(Source { images: Images::InMemory(open_cifar(folder, Some(kind))?), normalisation })
        };
        match contents(folder, None)? {
            Contents::Cifar(kind) => cifar(kind),
            Contents::Ambiguous { .. } if classes == 100 => cifar(DataKind::Cifar100),
            Contents::Ambiguous { .. } => cifar(DataKind::Cifar10),
            Contents::Files(_) => {
                let images = Images::in_files(folder, &OpenOptions::of(files)?)?;
                Ok(Source { images, normalisation: Normalisation::IMAGENET })
            }
            Contents::Nothing { wanted } => {
                Err(resnet_data::Error::Unrecognised { path: folder.to_owned(), wanted }.into())
            }
        }
    }

    /// The data set itself.
    pub(crate) fn images(&self) -> &Images {
        &self.images
    }

    /// How many classes it has.
    pub fn classes(&self) -> usize {
        self.images.classes().len()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.images.name()
    }

    /// `count` training images, chosen by `seed`, as a network called `model` takes them.
    pub(crate) fn sample(
        &self,
        (model, side): (&str, usize),
        how: Option<Normalisation>,
        (count, seed): (usize, u64),
    ) -> Result<Sample, Error> {
        let normalisation = how.unwrap_or(self.normalisation);
        let config = LoaderConfig { workers: 1, prefetch: 1, ..LoaderConfig::training(count, seed) };
        let data = || self.images.name().to_owned();
        let feed: Box<dyn Feed> = match &self.images {
            Images::InMemory(set) => {
                if set.train.height() != side {
                    let (model, found) = (model.to_owned(), set.train.height());
                    return Err(Error::OtherSize { model, wanted: side, data: data(), found });
                }
                let how = (Augmentation::None, normalisation);
                Box::new(DataLoader::new(Arc::new(set.train.clone()), how, config)?)
            }
            Images::InFiles(files) => {
                let transform =
                    EvalTransform { resize: side * 8 / 7, ..EvalTransform::small(side, normalisation) };
                let how = FileTransform {
                    transform: Transform::Eval(transform),
                    orientation: Orientation::Ignore,
                    on_broken: OnBroken::Fail,
                };
                Box::new(FileLoader::new(Arc::clone(&files.set().train), None, how, config)?)
            }
        };
        let batch = match feed.epoch(0, 0).next() {
            Some(batch) => batch?,
            None => return Err(Error::FewImages { data: data(), found: 0, wanted: count }),
        };
        if batch.len() < count {
            return Err(Error::FewImages { data: data(), found: batch.len(), wanted: count });
        }
        let shape = (batch.len(), 3, batch.height, batch.width);
        let images = Tensor::from_vec(batch.images, shape, &Device::Cpu)
            .map_err(Error::compute("a batch of images"))?;
        Ok(Sample { images, labels: batch.labels })
    }
}

/// How many images a network that keeps `floats` numbers an image is measured on, unless somebody asks for
/// another number.
pub(crate) fn usual_count(floats: usize) -> usize {
    (MEMORY / (4 * floats.max(1))).clamp(2, USUAL_IMAGES)
}
