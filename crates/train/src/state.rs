//! `State`: what a training must remember, besides weights and the engine's arrays, to resume as if it had
//! never stopped.

use std::collections::BTreeMap;
use std::path::Path;

use resnet_checkpoint::keys;
use resnet_record::{Digest, Recipe, Scores};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Loaded, unreadable};
use crate::same_rates::continues;
use crate::snapshot::EngineState;
use crate::{DataIdentity, Error, TrainingData, TrainingPlan};

/// The version of the format of this state.
const FORMAT: u32 = 1;

/// The state of a training. All random numbers depend on seed, epoch and image only, so there is no generator
/// to save.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    format: u32,
    /// The training's seed, which the recipe has as well.
    pub(crate) seed: u64,
    /// Its data; absent in checkpoints that are older than this field.
    #[serde(default)]
    pub(crate) data: Option<DataIdentity>,
    /// Steps done.
    pub(crate) step: u64,
    /// Epochs closed: all steps done, scored and recorded.
    pub(crate) epoch: u64,
    /// Steps done of the epoch that is open.
    #[serde(rename = "batch")]
    pub(crate) steps_in_epoch: u64,
    /// Batches done of the step that is open, where a step has several.
    #[serde(default, skip_serializing_if = "OpenStep::is_none")]
    pub(crate) open: OpenStep,
    /// What the engine remembers beside arrays; absent in checkpoints that are older than this field.
    #[serde(default)]
    pub(crate) engine: Option<EngineState>,
    /// Images seen.
    pub(crate) images: u64,
    /// Sums over the open epoch, so that its line of metrics is the same after an interruption.
    pub(crate) sums: Sums,
    /// Mean training loss of the last closed epoch, in nats.
    pub(crate) train_loss: f64,
    /// The best closed epoch on the validation images.
    pub(crate) best: Option<Best>,
    /// Readings of the test labels, as in the record.
    pub(crate) test_reads: u64,
    /// Seconds spent in steps.
    pub(crate) step_seconds: f64,
    /// Seconds spent, evaluation and checkpoints included.
    pub(crate) seconds: f64,
    /// The number of arrays in the same file that are not weights. The first version had only velocities.
    #[serde(rename = "velocities")]
    pub(crate) other_arrays: usize,
}

/// A step that has not had all of its batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenStep {
    /// Batches done, those without usable images included.
    pub(crate) batches: u64,
    pub(crate) images: u64,
    /// The sum of the images' losses.
    pub(crate) loss: f64,
    /// The digest of its batches so far, if the step is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Digest>,
}

impl OpenStep {
    fn is_none(&self) -> bool {
        *self == OpenStep::default()
    }
}

/// Sums over the images of an epoch that is not closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    pub(crate) images: u64,
    /// Of the images' losses.
    pub(crate) loss: f64,
    pub(crate) correct: u64,
    /// Spent in steps.
    pub(crate) seconds: f64,
    /// Of these, spent waiting for data.
    #[serde(default)]
    pub(crate) waited: f64,
    /// Of the seconds in steps, those spent with other processes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) exchanged: f64,
}

fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

impl Sums {
    /// Counts the time of a batch, in seconds: all of it, and what went into waiting for data and for other
    /// processes.
    pub(crate) fn count(&mut self, seconds: f64, waited: f64, exchanged: f64) {
        self.seconds += seconds;
        self.waited += waited;
        self.exchanged += exchanged;
    }

    /// Mean loss in nats.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// Accuracy in percent.
    pub(crate) fn top1(&self) -> f64 {
        100.0 * self.correct as f64 / self.images.max(1) as f64
    }

    /// Time spent waiting for data, in percent.
    pub(crate) fn data_wait(&self) -> f64 {
        100.0 * self.waited / self.seconds.max(1e-9)
    }

    /// Time spent with other processes, in percent.
    pub(crate) fn communication(&self) -> f64 {
        100.0 * self.exchanged / self.seconds.max(1e-9)
    }

    /// Speed.
    pub(crate) fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds.max(1e-9)
    }
}

/// The best epoch so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Best {
    /// From 1.
    pub(crate) epoch: u64,
    /// On the validation images.
    pub(crate) scores: Scores,
}

impl State {
    /// The state in a checkpoint, if this training can resume from it.
    pub(crate) fn of(
        loaded: &Loaded,
        recipe: &Recipe,
        (plan, data): (&TrainingPlan, &dyn TrainingData),
        file: &Path,
    ) -> Result<Self, Error> {
        let bad = |cause: &str| Error::checkpoint(file, cause);
        let mut state = State::of_metadata(&loaded.metadata, file)?;
        let written = loaded.metadata.get(keys::RECIPE).and_then(|text| Recipe::of_checkpoint(text));
        if !written.is_some_and(|written| written == *recipe || continues(&written, recipe, plan, state.step))
        {
            return Err(bad(
                "it was trained by another recipe than the run's recipe.toml; put that file back as it was, or start a new run",
            ));
        }
        if !state.fits(plan) || state.other_arrays != loaded.slots() {
            return Err(bad(
                "its training state does not fit its weights, its recipe or this data set; resume on the data \
                            it began with",
            ));
        }
        let (identity, origin) = (data.identity(), data.origin());
        match state.data.replace(identity) {
            Some(before) if before.classes != identity.classes => {
                return Err(bad(&format!(
                    "it was trained on other classes, or classes in another order, than {origin} has; resume on the data it \
                     began with"
                )));
            }
            Some(before) if before.images != identity.images => tracing::warn!(
                "the images to train on in {origin} have changed since this run was stopped, or are left out by another \
                 list: training continues with them, and its weights will differ from those of an uninterrupted run"
            ),
            _ => {}
        }
        Ok(state)
    }

    /// Before the first step.
    pub(crate) fn fresh(seed: u64, data: DataIdentity) -> State {
        State {
            format: FORMAT,
            seed,
            data: Some(data),
            step: 0,
            epoch: 0,
            steps_in_epoch: 0,
            open: OpenStep::default(),
            engine: None,
            images: 0,
            sums: Sums::default(),
            train_loss: 0.0,
            best: None,
            test_reads: 0,
            step_seconds: 0.0,
            seconds: 0.0,
            other_arrays: 0,
        }
    }

    /// Whether a training of this plan can be in this state.
    pub(crate) fn fits(&self, plan: &TrainingPlan) -> bool {
        if self.best.is_some_and(|best| best.epoch > self.epoch) {
            return false;
        }
        let whole = self.epoch.checked_mul(plan.steps_per_epoch);
        let at = whole.and_then(|steps| steps.checked_add(self.steps_in_epoch));
        // The last epoch may be closed before it is whole.
        let ended = self.epoch == plan.epochs && self.steps_in_epoch == 0 && self.step == plan.steps;
        if self.open.batches > 0 && (ended || self.open.batches >= plan.grad_accum_steps) {
            return false;
        }
        ended
            || (at == Some(self.step)
                && self.steps_in_epoch <= plan.steps_per_epoch
                && self.step <= plan.steps)
    }

    /// The text for a checkpoint's metadata.
    pub(crate) fn to_json(&self, file: &Path) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| {
            Error::checkpoint(file, format!("its training state cannot be written: {error}"))
        })
    }

    /// The state in the checkpoint at `file`.
    pub(crate) fn read(file: &Path) -> Result<State, Error> {
        let read = resnet_checkpoint::read_training(file).map_err(|error| unreadable(file, error))?;
        State::of_metadata(&read.metadata, file)
    }

    /// The state in the metadata of the checkpoint at `file`.
    fn of_metadata(metadata: &BTreeMap<String, String>, file: &Path) -> Result<State, Error> {
        let text = metadata.get(keys::TRAINING_STATE).ok_or_else(|| {
            let cause = "it has weights but no training state, as an export has; only a run's last.safetensors can be \
                         resumed";
            Error::checkpoint(file, cause)
        })?;
        State::from_json(text, file)
    }

    /// Epochs closed since the best one; 0 if there is none yet.
    pub(crate) fn epochs_since_best(&self) -> u64 {
        self.best.map_or(0, |best| self.epoch - best.epoch)
    }

    /// Whether a training of so many `epochs` by `recipe` ends here, because too many epochs were no better
    /// than the best. An epoch that was not scored can't have been better, and decides nothing.
    pub(crate) fn has_lost_patience(&self, recipe: &Recipe, epochs: u64) -> bool {
        let patience = recipe.train.patience;
        let is_scored = self.epoch.is_multiple_of(recipe.train.evaluate_every_epochs);
        patience > 0 && is_scored && self.epochs_since_best() >= patience && self.epoch < epochs
    }

    /// Parses the text in a checkpoint's metadata.
    pub(crate) fn from_json(text: &str, file: &Path) -> Result<State, Error> {
        let bad = |cause: String| Error::checkpoint(file, cause);
        let state: State = serde_json::from_str(text)
            .map_err(|error| bad(format!("its training state is damaged: {error}")))?;
        if state.format != FORMAT {
            return Err(bad(format!(
                "its training state has format {}, this program reads {FORMAT}; resume it with the program that wrote it",
                state.format
            )));
        }
        Ok(state)
    }
}
