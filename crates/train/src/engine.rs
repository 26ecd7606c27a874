//! `Engine`: the interface between a training and what computes it.
//!
//! A session knows epochs, schedules, files and the record. An engine knows variables, gradients and what
//! keeps state. Between them go batches of pixels, numbers, and named arrays.

use std::collections::BTreeMap;
use std::fmt;

use resnet_data::Feed;
use resnet_record::{LayerOutput, Scores, VariableExtremes};
use resnet_vision::Batch;

use crate::Error;
use crate::evaluate::Seen;
use crate::snapshot::{EngineState, Snapshot};
use crate::step::loss::Target;

/// Computes a training. Its steps are functions of what it was given, so that a training that resumes from a
/// [`Snapshot`] goes on to the same bits. Implemented by [`CandleEngine`](crate::CandleEngine) alone;
/// [`fit`](crate::fit) chooses it.
///
/// An optimizer step is a call of [`Engine::backward`] for each of its batches, and one of [`Engine::step`].
pub trait Engine {
    /// Forward and backward on one batch, whose gradients are added to those of the step.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`] before anything but running statistics is changed.
    fn backward(&mut self, batch: BatchInput) -> Result<BatchOutcome, Error>;

    /// Moves the weights at the learning rate `rate` by the gradients of the batches since the last step. It
    /// does nothing if there are none.
    ///
    /// # Errors
    /// If the processes that train together cannot exchange their gradients.
    fn step(&mut self, rate: f64) -> Result<(), Error>;

    /// The Euclidean norms of the variables that train, and of their gradients in the last step as the
    /// optimizer got them: for the run's page.
    ///
    /// # Errors
    /// Only if they cannot be read.
    fn norms(&self) -> Result<Vec<VariableNorm>, Error>;

    /// Has the weights that are to be evaluated take the place of those in training until
    /// [`Engine::end_evaluation`], with running statistics estimated anew where there are batches for it.
    ///
    /// # Errors
    /// If there are no such weights, or a batch cannot be read.
    fn begin_evaluation(
        &mut self,
        weights: EvaluatedWeights,
        norms: Option<NormBatches<'_>>,
    ) -> Result<(), Error>;

    /// Scores the weights that were put in place on all images of `feed`, and shows each answer to `seen`;
    /// see [`crate::evaluate`].
    ///
    /// # Errors
    /// As [`crate::evaluate`].
    fn evaluate(
        &mut self,
        feed: &dyn Feed,
        on_images: &mut dyn FnMut(u64) -> bool,
        seen: &mut dyn FnMut(Seen<'_>) -> Result<(), Error>,
    ) -> Result<Option<Scores>, Error>;

    /// Puts the weights in training back in their place.
    ///
    /// # Errors
    /// Only if they cannot be copied.
    fn end_evaluation(&mut self) -> Result<(), Error>;

    /// A summary of each layer's output for a batch, in the order of the forward pass, without learning from
    /// it; `draw` as in [`BatchInput`]. Empty where the network cannot tell.
    ///
    /// # Errors
    /// Whatever the network's operations report.
    fn layers(&mut self, batch: Batch, draw: u64) -> Result<Vec<LayerOutput>, Error>;

    /// What is inside the network for a batch, without learning from it: for a report of a divergence, after
    /// which the training does not go on.
    ///
    /// # Errors
    /// Whatever the network's operations report.
    fn diagnose(&mut self, batch: BatchInput) -> Result<Diagnosis, Error>;

    /// The named arrays that a checkpoint holds.
    fn snapshot(&self, contents: SnapshotContents) -> Snapshot<'_>;

    /// Goes on with the weights, and what is remembered beside them, of a snapshot.
    ///
    /// # Errors
    /// If a variable cannot be written. Arrays that are missing leave what is there; the caller has counted
    /// them.
    fn restore(&mut self, state: EngineState, arrays: Arrays) -> Result<(), Error>;
}

/// A batch to learn from.
#[derive(Debug)]
pub struct BatchInput {
    /// Images and their labels: this process's, where several share a batch.
    pub batch: Batch,
    /// The place in the whole batch of this process's first image; 0 for a single process.
    pub first_image: usize,
    /// Whether it is the only batch of its step, so that its gradients are those of the step.
    pub is_whole_step: bool,
    /// What is learnt of the images.
    pub target: Target,
    /// Optimizer steps before this one.
    pub step: u64,
    /// The number that random draws depend on: batches before this one, counted as if every step had
    /// `train.grad_accum_steps` of them.
    pub draw: u64,
    /// The learning rate of the step, for messages.
    pub rate: f64,
}

/// Loss and accuracy on a batch before the step changes the weights, over the images of all processes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchOutcome {
    /// Images of the batch.
    pub images: u64,
    /// Mean loss, in nats.
    pub loss: f64,
    /// Images whose label had the highest logit; of a mixed image its own label counts.
    pub correct: u64,
}

/// Euclidean norms of a variable and of its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableNorm {
    /// Its name.
    pub name: String,
    /// The norm of its values.
    pub weights: f64,
    /// The norm of its gradient, clipped if the recipe clips.
    pub gradient: f64,
}

/// The inside of a network for one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// The batch's labels.
    pub labels: Vec<u32>,
    /// The layers' outputs, in the order of the forward pass.
    pub layers: Vec<LayerOutput>,
    /// Weights and gradients, in the order of their names.
    pub variables: Vec<VariableExtremes>,
}

/// Which weights are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluatedWeights {
    /// Those in training.
    Raw,
    /// Their moving average.
    Averaged,
}

/// Batches of training images from which running statistics are estimated anew.
pub struct NormBatches<'a> {
    /// The batches, in their order.
    pub batches: &'a mut dyn Iterator<Item = Result<Batch, resnet_data::Error>>,
    /// How many images to use, over all processes.
    pub images: u64,
    /// Images that a batch needs at least; smaller ones are passed over.
    pub fewest: usize,
}

impl fmt::Debug for NormBatches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NormBatches")
            .field("images", &self.images)
            .field("fewest", &self.fewest)
            .finish_non_exhaustive()
    }
}

/// What a snapshot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotContents {
    /// Weights and running statistics, as they are in place.
    Weights,
    /// All that resuming needs.
    All,
}

/// Named arrays out of a checkpoint.
#[derive(Debug, Default)]
pub struct Arrays {
    /// By the variable's name.
    pub weights: BTreeMap<String, Vec<f32>>,
    /// By slot, such as `optimizer.momentum`, and the variable's name.
    pub slots: BTreeMap<String, BTreeMap<String, Vec<f32>>>,
}
