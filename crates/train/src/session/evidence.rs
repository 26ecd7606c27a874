//! What a session keeps for the run's page. None of it has a part in the training, so what cannot be kept is
//! a warning, once, and the training goes on.

use std::collections::BTreeMap;

use resnet_ops::layer_of;
use resnet_record::{LayerRow, Norms, Predictions, Samples, Split};
use resnet_vision::{Batch, Normalisation};

use super::{Session, together};
use crate::engine::VariableNorm;
use crate::gallery::{Gallery, GalleryPart, picture};
use crate::{AllReduce as _, Error, TrainingData, recipe};

/// Training images that are kept.
const SAMPLES: usize = 20;

/// What is to be written to the run's folder for its page.
#[derive(Debug)]
pub(super) struct Evidence {
    classes: Vec<String>,
    normalisation: Normalisation,
    /// The network's layers, until they are written.
    layers: Option<Result<Vec<LayerRow>, Error>>,
    /// The names of its layers with weights, in the order of the forward pass.
    names: Vec<String>,
    /// Whether images of a step are still to be kept.
    wants_samples: bool,
    /// Those of the last evaluation; they are written once a checkpoint has its step.
    predictions: Option<Predictions>,
    /// Whether a warning has been logged that something could not be kept.
    is_told: bool,
}

impl Evidence {
    pub(super) fn new(
        data: &dyn TrainingData,
        layers: Result<Vec<LayerRow>, Error>,
        recipe: &resnet_record::Recipe,
        wants_samples: bool,
    ) -> Self {
        let mut names: Vec<String> = vec![];
        for row in layers.iter().flatten().filter(|row| row.parameters > 0 && !row.name.is_empty()) {
            if !names.contains(&row.name) {
                names.push(row.name.clone());
            }
        }
        let (classes, normalisation) = (data.class_names(), recipe::normalisation(recipe));
        Evidence {
            classes,
            normalisation,
            layers: Some(layers),
            names,
            wants_samples,
            predictions: None,
            is_told: false,
        }
    }

    pub(super) fn gallery(&self, split: Split) -> Gallery {
        Gallery::new(split, &self.classes, self.normalisation)
    }

    fn warn(&mut self, done: Result<(), Error>) {
        if let (Err(error), false) = (done, self.is_told) {
            tracing::warn!("{error}; the run's page will lack it, the training goes on");
            self.is_told = true;
        }
    }
}

impl Session<'_> {
    /// Keeps what the network is made of.
    pub(super) fn keep_layers(&mut self) {
        let Some(layers) = self.evidence.layers.take() else { return };
        let done = layers.and_then(|layers| match layers.is_empty() {
            true => Ok(()),
            false => self.run.keep_layers(&layers).map_err(Error::from),
        });
        self.evidence.warn(done);
    }

    /// Keeps images of the first step as the network sees them, augmented and mixed.
    pub(super) fn keep_samples(&mut self, batch: &Batch, mixed: bool) {
        if !std::mem::take(&mut self.evidence.wants_samples) {
            return;
        }
        let done = samples(batch, mixed, &self.evidence)
            .and_then(|samples| self.run.keep_samples(&samples).map_err(Error::from));
        self.evidence.warn(done);
    }

    /// Keeps the norms of weights and gradients, by layer.
    pub(super) fn keep_norms(&mut self) {
        // Nobody draws a page of a replay.
        if self.is_replay() || !self.run.is_kept_here() {
            return;
        }
        let step = self.state.step;
        let done = self.engine.norms().and_then(|variables| {
            let mut layers: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
            for VariableNorm { name, weights, gradient } in &variables {
                let squares = layers.entry(layer_of(name)).or_default();
                squares[0] += weights.powi(2);
                squares[1] += gradient.powi(2);
            }
            // A network that does not list its layers gets them from its variables' names.
            if self.evidence.names.is_empty() {
                self.evidence.names = layers.keys().map(|layer| (*layer).to_owned()).collect();
            }
            let of = |part: usize| {
                let layer = |name: &String| {
                    layers.get(name.as_str()).map_or(0.0, |squares| squares[part].sqrt() as f32)
                };
                self.evidence.names.iter().map(layer).collect()
            };
            let norms = Norms { step, weights: of(0), gradients: of(1) };
            Ok(self.run.keep_norms(&self.evidence.names, &norms)?)
        });
        self.evidence.warn(done);
    }

    /// Remembers an evaluation, all processes' parts of it, until its checkpoint is written.
    pub(super) fn remember(&mut self, gallery: &Gallery, epoch: u64) -> Result<(), Error> {
        // A process whose part cannot be made sends an empty one: the others wait for it.
        let part = gallery.part().unwrap_or_else(|error| {
            self.evidence.warn(Err(error));
            GalleryPart::default()
        });
        let parts = match self.processes.are_several() {
            true => together::exchange(&self.processes, &part)?,
            false => vec![part],
        };
        if self.run.is_kept_here() {
            self.evidence.predictions = Some(gallery.joined(parts, self.state.step, epoch));
        }
        Ok(())
    }

    /// Writes what [`remember`](Self::remember) holds. If the process is killed before, the file still has
    /// the previous evaluation.
    pub(super) fn keep_predictions(&mut self) {
        if let Some(predictions) = self.evidence.predictions.take() {
            let done = self.run.keep_predictions(&predictions).map_err(Error::from);
            self.evidence.warn(done);
        }
    }
}

fn samples(batch: &Batch, mixed: bool, evidence: &Evidence) -> Result<Samples, Error> {
    let image = 3 * batch.height * batch.width;
    let name = |label: u32| evidence.classes.get(label as usize).cloned().unwrap_or(label.to_string());
    let shown = batch.images.chunks_exact(image).zip(&batch.labels).take(SAMPLES);
    let shown = shown.map(|(pixels, label)| {
        Ok((name(*label), picture(pixels, [batch.height, batch.width], evidence.normalisation)?))
    });
    Ok(Samples { images: shown.collect::<Result<_, Error>>()?, mixed })
}
