//! candle's engine: the parts of a step, one after the other.

mod diagnosis;
mod overlap;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use resnet_checkpoint::keys;
use resnet_data::Feed;
use resnet_ops::{BatchPart, Mode, SumOver};
use resnet_record::{LayerOutput, Scores};
use resnet_vision::Batch;

use self::overlap::Overlap;
use crate::engine::{
    Arrays, BatchInput, BatchOutcome, Diagnosis, Engine, EvaluatedWeights, NormBatches, SnapshotContents,
    VariableNorm,
};
use crate::evaluate::{Seen, Tally, device_of, rank, rows_of, tally, tensors_of};
use crate::groups::Groups;
use crate::layout::{Layout, Place, read};
use crate::norms::estimate_norms;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::processes::{Begun, Processes};
use crate::snapshot::{EngineState, Snapshot};
use crate::step::clip::Clip;
use crate::step::ema::{Ema, EmaConfig, write_flat};
use crate::step::gradients::Gradients;
use crate::step::loss::Loss;
use crate::{AllReduce as _, Alone, Classifier, Error};

/// The parts of a step that a recipe chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct StepConfig {
    /// The loss that a step minimises.
    pub loss: Loss,
    /// The bound on gradients.
    pub clip: Clip,
    /// What moves the weights.
    pub optimizer: OptimizerConfig,
    /// A moving average of the weights.
    pub ema: Option<EmaConfig>,
    /// Which variables train, and how fast.
    pub groups: Groups,
}

/// Trains a [`Classifier`] on candle's tensors.
pub struct CandleEngine<'a> {
    model: &'a dyn Classifier,
    device: Device,
    layout: Arc<Layout>,
    loss: Loss,
    gradients: Gradients,
    processes: Processes,
    /// Sums batch norm's statistics over processes; `None` where each process normalises by its own.
    statistics: Option<Arc<SumOver>>,
    /// What is exchanged while this process computes.
    overlap: Overlap,
    /// Images since the last step.
    images: u64,
    clip: Clip,
    optimizer: Optimizer,
    ema: Option<Ema>,
    groups: Arc<Groups>,
    /// The weights in training, while others are evaluated in their place.
    aside: Option<Vec<f32>>,
}

/// What it trains with, without the weights.
impl fmt::Debug for CandleEngine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleEngine")
            .field("variables", &self.layout.places().len())
            .field("loss", &self.loss)
            .field("clip", &self.clip)
            .field("processes", &self.processes)
            .finish_non_exhaustive()
    }
}

impl<'a> CandleEngine<'a> {
    /// An engine for one process that has done no step.
    ///
    /// # Errors
    /// If a variable is not f32 or not on the CPU.
    pub fn new(model: &'a dyn Classifier, config: StepConfig) -> Result<Self, Error> {
        let variables = model.variables();
        let layout = Arc::new(Layout::of(variables));
        let StepConfig { loss, clip, optimizer, ema, groups } = config;
        let groups = Arc::new(groups);
        let ema = ema.map(|config| Ema::new(config, Arc::clone(&layout), variables)).transpose();
        Ok(CandleEngine {
            model,
            device: device_of(model),
            loss,
            gradients: Gradients::new(Arc::clone(&layout)),
            processes: Processes::new(Arc::new(Alone)),
            statistics: None,
            overlap: Overlap::default(),
            images: 0,
            clip,
            optimizer: Optimizer::new(optimizer).with_groups(Arc::clone(&groups)),
            groups,
            ema: ema.map_err(Error::compute("averaging the weights"))?,
            aside: None,
            layout,
        })
    }

    /// The same, as one of several `processes`. Their batch norms normalise by the statistics of the whole
    /// batch where `shares_statistics`, else each by those of its part.
    pub(crate) fn among(self, processes: Processes, shares_statistics: bool) -> Self {
        let all = processes.clone();
        let sum = move |values: &mut [f64]| all.sum_f64(values).map_err(candle_core::Error::wrap);
        let overlap = Overlap::of(self.model, &self.groups);
        CandleEngine { processes, statistics: shares_statistics.then(|| Arc::new(sum) as _), overlap, ..self }
    }

    /// Begins to sum over processes what this one computed of a batch: weight, weighted loss, images and
    /// correct answers.
    fn tell(&self, own: BatchOutcome, weight: f64) -> Result<Begun<f64>, Error> {
        let weighed = weight * own.loss;
        self.processes.begin_sum_f64(vec![weight, weighed, own.images as f64, own.correct as f64])
    }

    /// The loss to differentiate, and its weight in the step. Where processes share batch norm's statistics,
    /// the backward pass sums gradients over processes, so all of them must differentiate one loss: each
    /// scales its own mean by its share of the batch before the backward pass, not after it. For that it
    /// waits for the sums of what all processes `told`.
    fn scaled(
        &self,
        told: Begun<f64>,
        loss: Tensor,
        weight: f64,
    ) -> Result<(Begun<f64>, Tensor, f64), Error> {
        if self.statistics.is_none() {
            return Ok((told, loss, weight));
        }
        let told = told.wait()?;
        let even = told[0] / self.processes.rank().world_size as f64;
        let loss = if weight == even { Ok(loss) } else { loss.affine(weight / even, 0.0) };
        Ok((Begun::ended(told), loss.map_err(Error::compute("weighing a loss"))?, even))
    }

    fn variables(&self) -> &'a BTreeMap<String, Var> {
        self.model.variables()
    }

    /// Keeps the weights in training aside, once.
    fn set_aside(&mut self) -> candle_core::Result<()> {
        if self.aside.is_none() {
            let mut all = Vec::with_capacity(self.layout.len());
            for variable in self.variables().values() {
                read(variable, |values| all.extend_from_slice(values))?;
            }
            self.aside = Some(all);
        }
        Ok(())
    }
}

/// The outcome of a batch over all processes, from the sums that [`CandleEngine::tell`] began.
fn heard(sums: Vec<f64>) -> BatchOutcome {
    let [weight, loss, images, correct] = sums[..] else { unreachable!("four numbers were told") };
    BatchOutcome { images: images as u64, loss: loss / weight, correct: correct as u64 }
}

impl Engine for CandleEngine<'_> {
    fn backward(&mut self, input: BatchInput) -> Result<BatchOutcome, Error> {
        let BatchInput { batch, target, step, draw, rate, first_image, is_whole_step } = input;
        let doing = || format!("step {step}");
        let (images, labels) = tensors_of(batch, &self.device).map_err(Error::compute(doing()))?;
        self.model.begin_step(draw);
        let part = BatchPart { first_image, sum: self.statistics.clone(), on_gradient: None };
        let logits = part.clone().during(|| self.model.logits(&images, Mode::Train));
        let logits = logits.map_err(Error::compute(doing()))?;
        let (rows, classes) = rows_of(&logits, &labels)?;
        let images = labels.len() as u64;
        let correct = rows
            .chunks_exact(classes)
            .zip(&labels)
            .filter(|(row, label)| rank(row, **label as usize) == Some(0))
            .count();

        let (loss, weight) = self.loss.of(&logits, target).map_err(Error::compute(doing()))?;
        let value = loss.to_scalar::<f32>().map_err(Error::compute(doing()))?;
        let outcome = BatchOutcome { images, loss: f64::from(value), correct: correct as u64 };
        let told = self.tell(outcome, weight)?;
        self.images += images;
        let (told, loss, weight) = self.scaled(told, loss, weight)?;
        let on_gradient = if is_whole_step { self.begin_sending(weight)? } else { None };
        let part = BatchPart { on_gradient, ..part };
        let found = self.gradients.add_backward(self.model.variables(), &loss, weight, part);
        let found = found.map_err(Error::compute(doing()))?;
        // A single process keeps its own numbers, to the bit.
        let outcome = if self.processes.are_several() { heard(told.wait()?) } else { outcome };
        if !(outcome.loss as f32).is_finite() {
            return Err(Error::NonFiniteLoss { step, rate, loss: outcome.loss as f32 });
        }
        // A classifier may have computed gradients of frozen variables all the same.
        self.groups.frozen().for_each(|name| self.gradients.forget(name));
        if found == 0 {
            return Err(Error::Setup(
                "no variable of the network got a gradient; its logits must be computed from the variables it lists".into(),
            ));
        }
        Ok(outcome)
    }

    fn step(&mut self, rate: f64) -> Result<(), Error> {
        if !self.complete_gradients()? {
            return Ok(());
        }
        let variables = self.variables();
        let failed = |error| Error::compute("a step of the optimizer")(error);
        self.clip.apply(&mut self.gradients);
        self.optimizer.step(variables, &self.gradients, rate).map_err(failed)?;
        self.gradients.clear();
        self.average_statistics()?;
        if let Some(ema) = &mut self.ema {
            ema.update(variables, self.optimizer.updates()).map_err(failed)?;
        }
        Ok(())
    }

    fn norms(&self) -> Result<Vec<VariableNorm>, Error> {
        let norm = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let of = |(place, gradient): (&Place, &[f32])| {
            let weights = read(&self.variables()[&place.name], norm)?;
            Ok(VariableNorm { name: place.name.clone(), weights, gradient: norm(gradient) })
        };
        self.gradients
            .iter()
            .map(of)
            .collect::<candle_core::Result<_>>()
            .map_err(Error::compute("measuring norms"))
    }

    fn begin_evaluation(
        &mut self,
        weights: EvaluatedWeights,
        norms: Option<NormBatches<'_>>,
    ) -> Result<(), Error> {
        let failed = |error| Error::compute("putting weights in place")(error);
        if weights == EvaluatedWeights::Averaged || norms.is_some() {
            self.set_aside().map_err(failed)?;
        }
        if weights == EvaluatedWeights::Averaged {
            let ema =
                self.ema.as_ref().ok_or_else(|| Error::Setup("no average of the weights is kept".into()))?;
            ema.write_to(self.variables()).map_err(failed)?;
        }
        match norms {
            Some(batches) => {
                let others = (&self.processes, self.statistics.as_ref());
                estimate_norms((self.model, &self.groups), &self.device, others, batches)
            }
            None => Ok(()),
        }
    }

    fn evaluate(
        &mut self,
        feed: &dyn Feed,
        on_images: &mut dyn FnMut(u64) -> bool,
        seen: &mut dyn FnMut(Seen<'_>) -> Result<(), Error>,
    ) -> Result<Option<Scores>, Error> {
        let begun = Instant::now();
        let own = tally(self.model, feed, on_images, seen)?;
        let all = Tally::together(own, &self.processes)?;
        all.map(|tally| tally.scores(begun.elapsed())).transpose()
    }

    fn end_evaluation(&mut self) -> Result<(), Error> {
        match self.aside.take() {
            Some(weights) => write_flat(&self.layout, &weights, self.variables())
                .map_err(Error::compute("putting weights in place")),
            None => Ok(()),
        }
    }

    fn layers(&mut self, batch: Batch, draw: u64) -> Result<Vec<LayerOutput>, Error> {
        let failed = |error| Error::compute("looking at the layers")(error);
        let (images, _) = tensors_of(batch, &self.device).map_err(failed)?;
        self.model.begin_step(draw);
        let outputs = self.model.inspect(&images, Mode::Train).map_err(failed)?;
        Ok(outputs.into_iter().map(diagnosis::layer).collect())
    }

    fn diagnose(&mut self, batch: BatchInput) -> Result<Diagnosis, Error> {
        diagnosis::diagnose((self.model, &self.loss), &self.device, batch)
    }

    fn snapshot(&self, contents: SnapshotContents) -> Snapshot<'_> {
        let accumulated = self.gradients.weighed();
        let state = EngineState { updates: self.optimizer.updates(), accumulated };
        let mut snapshot = Snapshot::of(self.variables(), state);
        if contents == SnapshotContents::Weights {
            return snapshot;
        }
        let shape_of = |name: &str| self.variables().get(name).map_or(&[][..], |variable| variable.dims());
        for (slot, name, values) in self.optimizer.state() {
            snapshot.add(&format!("{}{slot}", keys::OPTIMIZER), name, shape_of(name), values);
        }
        if let Some(ema) = &self.ema {
            for place in self.layout.places() {
                snapshot.add(slot(keys::EMA), &place.name, &place.shape, &ema.values()[place.range.clone()]);
            }
        }
        if accumulated.is_some() {
            for (place, sum) in self.gradients.iter() {
                snapshot.add(slot(keys::ACCUMULATED), &place.name, &place.shape, sum);
            }
        }
        snapshot
    }

    fn restore(&mut self, state: EngineState, arrays: Arrays) -> Result<(), Error> {
        let Arrays { weights, mut slots } = arrays;
        let variables = self.variables();
        for (name, values) in &weights {
            if let Some(variable) = variables.get(name) {
                crate::layout::change(variable, |w| w.copy_from_slice(values))
                    .map_err(Error::compute(format!("loading {name}")))?;
            }
        }
        if let (Some(ema), Some(averages)) = (&mut self.ema, slots.remove(slot(keys::EMA))) {
            ema.restore(&averages);
        }
        if let (Some(weighed), Some(sums)) = (state.accumulated, slots.remove(slot(keys::ACCUMULATED))) {
            self.gradients.restore(weighed, &sums);
        }
        let bare =
            |(slot, values): (String, _)| Some((slot.strip_prefix(keys::OPTIMIZER)?.to_owned(), values));
        let slots = slots.into_iter().filter_map(bare).collect();
        self.optimizer.restore(state.updates, &self.layout, slots);
        Ok(())
    }
}

/// The slot whose arrays have names that begin with `prefix`, one of [`keys`]: the prefix without its dot.
fn slot(prefix: &'static str) -> &'static str {
    prefix.trim_end_matches('.')
}
