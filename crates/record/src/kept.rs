//! The files in a run's folder that its page shows: read from it, and kept in it.

use serde::Serialize;

use crate::evidence::{self, LAYERS, PREDICTIONS, SAMPLES};
use crate::{Error, LayerRow, NormHistory, Norms, Predictions, Run, RunFolder, Samples};

impl RunFolder {
    /// The last evaluation, image by image; `None` before the first evaluation, and in older runs.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn predictions(&self) -> Result<Option<Predictions>, Error> {
        evidence::read(self.dir(), PREDICTIONS)
    }

    /// Images that were trained on; none before the first step, and in older runs.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn samples(&self) -> Result<Option<Samples>, Error> {
        evidence::read(self.dir(), SAMPLES)
    }

    /// The network's layers; none in older runs.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn layers(&self) -> Result<Vec<LayerRow>, Error> {
        Ok(evidence::read(self.dir(), LAYERS)?.unwrap_or_default())
    }

    /// Norms of weights and gradients by layer and step; none in older runs.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn norms(&self) -> Result<NormHistory, Error> {
        evidence::norms(self.dir())
    }
}

impl Run {
    /// Writes `predictions.json` in place of an older one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_predictions(&self, predictions: &Predictions) -> Result<(), Error> {
        self.keep(PREDICTIONS, predictions)
    }

    /// Writes `samples.json` in place of an older one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_samples(&self, samples: &Samples) -> Result<(), Error> {
        self.keep(SAMPLES, samples)
    }

    /// Writes `layers.json` in place of an older one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_layers(&self, layers: &[LayerRow]) -> Result<(), Error> {
        self.keep(LAYERS, layers)
    }

    /// Adds a line to `norms.jsonl`, whose first line names the `layers`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_norms(&self, layers: &[String], norms: &Norms) -> Result<(), Error> {
        match self.is_kept_here() {
            true => evidence::add_norms(self.folder().dir(), layers, norms),
            false => Ok(()),
        }
    }

    fn keep<T: Serialize + ?Sized>(&self, file: &str, value: &T) -> Result<(), Error> {
        if self.is_kept_here() { evidence::keep(self.folder().dir(), file, value) } else { Ok(()) }
    }
}
