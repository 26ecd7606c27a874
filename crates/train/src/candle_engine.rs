//! candle's engine: the parts of a step, one after the other.

mod diagnosis;

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Var};
use resnet_checkpoint::keys;
use resnet_data::Feed;
use resnet_ops::Mode;
use resnet_record::{LayerOutput, Scores};
use resnet_vision::Batch;

use crate::engine::{
    Arrays, BatchInput, BatchOutcome, Contents, Diagnosis, Engine, Length, NormBatches, Weights,
};
use crate::evaluate::{Seen, device_of, evaluate_seen, rank, rows_of, tensors_of};
use crate::groups::Groups;
use crate::layout::{Layout, Place, read};
use crate::norms::estimate_norms;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::snapshot::{EngineState, Snapshot};
use crate::step::all_reduce::{AllReduce, Alone};
use crate::step::clip::Clip;
use crate::step::ema::{Ema, EmaConfig, write_flat};
use crate::step::gradients::Gradients;
use crate::step::loss::{Loss, Target};
use crate::{Classifier, Error};

/// The parts of a step that a recipe chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct StepConfig {
    /// What is made smaller.
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
    all_reduce: Box<dyn AllReduce>,
    clip: Clip,
    optimizer: Optimizer,
    ema: Option<Ema>,
    groups: Arc<Groups>,
    /// The weights in training, while others are evaluated in their place.
    aside: Option<Vec<f32>>,
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
            all_reduce: Box::new(Alone),
            clip,
            optimizer: Optimizer::new(optimizer).with_groups(Arc::clone(&groups)),
            groups,
            ema: ema.map_err(Error::compute("averaging the weights"))?,
            aside: None,
            layout,
        })
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

impl Engine for CandleEngine<'_> {
    fn backward(&mut self, input: BatchInput) -> Result<BatchOutcome, Error> {
        let BatchInput { batch, targets, step, number, rate } = input;
        let doing = || format!("step {step}");
        let (images, labels) = tensors_of(batch, &self.device).map_err(Error::compute(doing()))?;
        self.model.begin_step(number);
        let logits = self.model.logits(&images, Mode::Train).map_err(Error::compute(doing()))?;
        let (rows, classes) = rows_of(&logits, &labels)?;
        let images = labels.len() as u64;
        let correct = rows
            .chunks_exact(classes)
            .zip(&labels)
            .filter(|(row, label)| rank(row, **label as usize) == Some(0))
            .count();

        let target = targets.map_or(Target::Labels(labels), Target::Probabilities);
        let (loss, weight) = self.loss.of(&logits, target).map_err(Error::compute(doing()))?;
        let value = loss.to_scalar::<f32>().map_err(Error::compute(doing()))?;
        if !value.is_finite() {
            return Err(Error::NonFiniteLoss { step, rate, loss: value });
        }
        let mut gradients = loss.backward().map_err(Error::compute(doing()))?;
        // A classifier may not have made constants of them.
        for variable in self.groups.frozen().filter_map(|name| self.variables().get(name)) {
            gradients.remove(variable);
        }
        let found = self.gradients.add(self.variables(), &gradients, weight);
        if found.map_err(Error::compute(doing()))? == 0 {
            return Err(Error::Setup(
                "no variable of the network got a gradient; its logits must be computed from the variables it lists".into(),
            ));
        }
        Ok(BatchOutcome { images, loss: f64::from(value), correct: correct as u64 })
    }

    fn step(&mut self, rate: f64) -> Result<(), Error> {
        if self.gradients.is_empty() {
            return Ok(());
        }
        let variables = self.variables();
        let failed = |error| Error::compute("a step of the optimizer")(error);
        self.gradients.complete(&mut *self.all_reduce).map_err(failed)?;
        self.clip.apply(&mut self.gradients);
        self.optimizer.step(variables, &self.gradients, rate).map_err(failed)?;
        self.gradients.clear();
        if let Some(ema) = &mut self.ema {
            ema.update(variables, self.optimizer.updates()).map_err(failed)?;
        }
        Ok(())
    }

    fn lengths(&self) -> Result<Vec<Length>, Error> {
        let length =
            |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let of = |(_, place, gradient): (_, &Place, &[f32])| {
            let weights = read(&self.variables()[&place.name], length)?;
            Ok(Length { name: place.name.clone(), weights, gradient: length(gradient) })
        };
        self.gradients
            .iter()
            .map(of)
            .collect::<candle_core::Result<_>>()
            .map_err(Error::compute("measuring norms"))
    }

    fn begin_evaluation(&mut self, weights: Weights, norms: Option<NormBatches<'_>>) -> Result<(), Error> {
        let failed = |error| Error::compute("putting weights in place")(error);
        if weights == Weights::Averaged || norms.is_some() {
            self.set_aside().map_err(failed)?;
        }
        if weights == Weights::Averaged {
            let ema =
                self.ema.as_ref().ok_or_else(|| Error::Setup("no average of the weights is kept".into()))?;
            ema.write_to(self.variables()).map_err(failed)?;
        }
        match norms {
            Some(batches) => estimate_norms((self.model, &self.groups), &self.device, batches),
            None => Ok(()),
        }
    }

    fn evaluate(
        &mut self,
        feed: &dyn Feed,
        on_images: &mut dyn FnMut(u64) -> bool,
        seen: &mut dyn FnMut(Seen<'_>) -> Result<(), Error>,
    ) -> Result<Option<Scores>, Error> {
        evaluate_seen(self.model, feed, on_images, seen)
    }

    fn end_evaluation(&mut self) -> Result<(), Error> {
        match self.aside.take() {
            Some(weights) => write_flat(&self.layout, &weights, self.variables())
                .map_err(Error::compute("putting weights in place")),
            None => Ok(()),
        }
    }

    fn layers(&mut self, batch: Batch, number: u64) -> Result<Vec<LayerOutput>, Error> {
        let failed = |error| Error::compute("looking at the layers")(error);
        let (images, _) = tensors_of(batch, &self.device).map_err(failed)?;
        self.model.begin_step(number);
        let outputs = self.model.inspect(&images, Mode::Train).map_err(failed)?;
        Ok(outputs.into_iter().map(diagnosis::layer).collect())
    }

    fn diagnose(&mut self, batch: BatchInput) -> Result<Diagnosis, Error> {
        diagnosis::diagnose((self.model, &self.loss), &self.device, batch)
    }

    fn snapshot(&self, contents: Contents) -> Snapshot<'_> {
        let accumulated = self.gradients.weighed();
        let state = EngineState { updates: self.optimizer.updates(), accumulated };
        let mut snapshot = Snapshot::of(self.variables(), state);
        if contents == Contents::Weights {
            return snapshot;
        }
        let shape_of = |name: &str| self.variables().get(name).map_or(&[][..], |variable| variable.dims());
        for (slot, name, values) in self.optimizer.state() {
            snapshot.add(&format!("{}{slot}", keys::OPTIMIZER), name, shape_of(name), values);
        }
        if let Some(ema) = &self.ema {
            for place in self.layout.places() {
                snapshot.add(EMA, &place.name, &place.shape, &ema.values()[place.range.clone()]);
            }
        }
        if accumulated.is_some() {
            for (_, place, sum) in self.gradients.iter() {
                snapshot.add(ACCUMULATED, &place.name, &place.shape, sum);
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
        if let (Some(ema), Some(averages)) = (&mut self.ema, slots.remove(EMA)) {
            ema.restore(&averages);
        }
        if let (Some(weighed), Some(sums)) = (state.accumulated, slots.remove(ACCUMULATED)) {
            self.gradients.restore(weighed, &sums);
        }
        let bare =
            |(slot, values): (String, _)| Some((slot.strip_prefix(keys::OPTIMIZER)?.to_owned(), values));
        let slots = slots.into_iter().filter_map(bare).collect();
        self.optimizer.restore(state.updates, &self.layout, slots);
        Ok(())
    }
}

/// The slot of the moving averages; [`keys::EMA`] without its dot.
const EMA: &str = "ema";
/// The slot of a step's gradients so far; [`keys::ACCUMULATED`] without its dot.
const ACCUMULATED: &str = "accumulated";
