//! One session of a training: epochs, what happens at their ends, and what is saved when.

mod evidence;
mod files;
mod pace;
mod post_mortem;
mod scoring;
mod steps;
mod together;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use resnet_data::FeedTimes;
use resnet_record::{
    Checkpoint, DataSeconds, EpochMetrics, EvaluateTest, FinalMetrics, Metric, ProcessesMetrics, Recipe,
    Results, Run, Selection,
};

use self::evidence::Evidence;
pub use self::files::{resumes_from, steps_done};
use self::pace::Pace;
use self::together::Shares;
use crate::candle_engine::CandleEngine;
use crate::checkpoint;
use crate::engine::{Engine, SnapshotContents};
use crate::processes::Processes;
use crate::snapshot::EngineState;
use crate::state::{State, Sums};
use crate::step_recipe::step_config;
use crate::targets::Targets;
use crate::training_plan::{Prepared, prepare};
use crate::{
    AllReduce as _, Classifier, EpochStanding, Error, Observer, Options, Outcome, TrainingData, TrainingPlan,
};

/// Whether the training continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

/// One session of a training, from its start or resumption to its end or interruption.
pub(crate) struct Session<'a> {
    engine: Box<dyn Engine + 'a>,
    processes: Processes,
    data: &'a dyn TrainingData,
    run: &'a mut Run,
    options: &'a Options,
    observer: &'a mut dyn Observer,
    recipe: Recipe,
    recipe_text: String,
    prepared: Prepared,
    targets: Targets,
    /// The fewest images that a process needs of a batch.
    fewest: usize,
    state: State,
    /// When this session began.
    begun: Instant,
    earlier_seconds: f64,
    saved: Instant,
    reads: Reads,
    /// The times of the loader's threads when the last epoch was closed.
    data_times: FeedTimes,
    /// Since the last line of metrics.
    window: Window,
    /// Where the time of steps went since the last epoch ended, or since this session began.
    pace: Pace,
    evidence: Evidence,
}

/// Readings of the test labels before this session.
struct Reads {
    /// Those of the record.
    recorded: u64,
    /// The data set's own count.
    counted: u64,
}

/// What the speed of some steps is computed from.
#[derive(Default)]
struct Window {
    images: u64,
    seconds: f64,
}

impl<'a> Session<'a> {
    /// Prepares data and optimizer, and takes up the run's checkpoint if there is one.
    pub(crate) fn open(
        model: &'a dyn Classifier,
        data: &'a dyn TrainingData,
        run: &'a mut Run,
        options: &'a Options,
        observer: &'a mut dyn Observer,
    ) -> Result<Session<'a>, Error> {
        let recipe = run.recipe().clone();
        let recipe_text = recipe.to_toml()?;
        let processes = Processes::new(Arc::clone(&options.processes));
        together::agree(&processes, &recipe, || data.identity())?;
        let prepared = prepare(&recipe, data, options)?;
        let fewest = prepared.plan.check(model)?;
        let targets = Targets::of(&recipe, data.classes());
        let engine = CandleEngine::new(model, step_config(&recipe, data, model)?)?;
        let engine = engine.among(processes.clone(), prepared.plan.shares_statistics);
        let mut engine: Box<dyn Engine + 'a> = Box::new(engine);
        let last = if run.is_kept_here() { resumes_from(run)? } else { None };
        let mut state = if let Some(last) = last {
            let loaded = checkpoint::read(&last, &engine.snapshot(SnapshotContents::Weights).shapes())?;
            let state = State::of(&loaded, &recipe, (&prepared.plan, data), &last)?;
            let before = EngineState { updates: state.step, ..EngineState::default() };
            engine.restore(state.engine.unwrap_or(before), loaded.arrays)?;
            state
        } else {
            State::fresh(recipe.train.seed, data.identity())
        };
        together::follow_first(&processes, &mut *engine, SnapshotContents::All, (&mut state, &mut *run))?;
        // A reading is recorded before it happens, so the record may know of one that the checkpoint does
        // not.
        let recorded = state.test_reads.max(run.record().test_reads);
        let reads = Reads { recorded, counted: data.test_reads() };
        // A file of samples that cannot be read is no reason to fail: it is written anew.
        let wants_samples =
            run.is_kept_here() && !run.folder().samples().is_ok_and(|samples| samples.is_some());
        let layers = model.layers(prepared.plan.size).map_err(Error::compute("listing layers"));
        let evidence = Evidence::new(data, layers, &recipe, wants_samples);
        let now = Instant::now();
        let earlier_seconds = state.seconds;
        let mut session = Session {
            engine,
            processes,
            data,
            run,
            options,
            observer,
            recipe,
            recipe_text,
            prepared,
            targets,
            fewest,
            state,
            begun: now,
            earlier_seconds,
            saved: now,
            reads,
            data_times: FeedTimes::default(),
            window: Window::default(),
            pace: Pace::default(),
            evidence,
        };
        session.prepared.plan.done = session.state.step;
        Ok(session)
    }

    fn plan(&self) -> &TrainingPlan {
        &self.prepared.plan
    }

    /// Trains to the end, or until it is stopped; a step that diverges is described in the run's folder.
    pub(crate) fn train(mut self) -> Result<Outcome, Error> {
        self.run_to_end().map_err(|error| self.describe(error))
    }

    fn run_to_end(&mut self) -> Result<Outcome, Error> {
        if let Some(results) = self.run.record().results {
            self.take_reported(results.checkpoint)?;
            return Ok(Outcome::Finished(results));
        }
        self.run.rewind(self.state.step, self.state.epoch)?;
        if self.state.step == 0 {
            // Shows a full disk or a forbidden folder now, not after the first epoch, and makes the very
            // start resumable.
            self.save_last()?;
        } else {
            self.note_resumption()?;
            if self.state.steps_in_epoch == 0 {
                // It may have been killed before it kept this epoch's checkpoint.
                self.keep_last()?;
            }
        }
        self.keep_layers();
        self.observer.on_start(&self.prepared.plan);
        while self.state.epoch < self.plan().epochs && !self.has_lost_patience() {
            if self.epoch()? == Flow::Stop {
                self.save_last()?;
                return Ok(Outcome::Interrupted { step: self.state.step });
            }
        }
        if self.is_replay() {
            return Ok(Outcome::Interrupted { step: self.state.step });
        }
        self.finish()
    }

    /// Whether the training ends early, because so many epochs were no better than the best. A replay scores
    /// nothing, so it can't tell.
    fn has_lost_patience(&self) -> bool {
        let ends = !self.is_replay() && self.state.has_lost_patience(&self.recipe, self.plan().epochs);
        if ends {
            let since = self.state.epochs_since_best();
            tracing::info!("no epoch of the last {since} was better than the best: the training ends early");
        }
        ends
    }

    /// Trains to the end of the open epoch and closes it.
    fn epoch(&mut self) -> Result<Flow, Error> {
        let plan = self.plan();
        // The last epoch ends where the training does.
        let steps = plan.steps_per_epoch.min(plan.steps - self.state.epoch * plan.steps_per_epoch);
        if self.state.steps_in_epoch < steps {
            let first = plan.batches_before(self.state.steps_in_epoch) + self.state.open.batches;
            let mut batches = self.prepared.feeds.train.epoch(self.state.epoch, first as usize);
            while self.state.steps_in_epoch < steps {
                if self.stopped() && !self.processes.are_several() {
                    return Ok(Flow::Stop);
                }
                let (start, waited) = (Instant::now(), batches.waited());
                let exchanged = self.processes.spent();
                let batch = batches.next().ok_or_else(|| {
                    Error::Setup(format!(
                        "the data ended within epoch {}; this is a bug of the loader",
                        self.state.epoch + 1
                    ))
                })??;
                let waited = (batches.waited() - waited).as_secs_f64();
                let between_steps = self.state.open.batches == 0;
                let shares = Shares::of(&self.processes, batch.labels.len(), self.stopped())?;
                // Several processes end an open step before they stop: no checkpoint has their gradients of
                // it.
                if shares.stops && self.processes.are_several() && between_steps {
                    return Ok(Flow::Stop);
                }
                self.learn(batch, shares)?;
                let is_complete =
                    self.state.open.batches == self.plan().batches_of(self.state.steps_in_epoch);
                let rate = self.plan().schedule.rate(self.state.step);
                if is_complete {
                    self.engine.step(rate)?;
                }
                let seconds = start.elapsed().as_secs_f64();
                self.state.step_seconds += seconds;
                let exchanged = (self.processes.spent() - exchanged).as_secs_f64();
                self.state.sums.count(seconds, waited, exchanged);
                self.pace.count(seconds, waited, exchanged);
                self.window.seconds += seconds;
                if is_complete {
                    self.pace.close_step();
                    self.close_step(rate, steps)?;
                }
                let can_save = is_complete || !self.processes.are_several();
                if self.state.steps_in_epoch < steps && can_save && self.is_time_to_save() {
                    self.save_last()?;
                }
            }
        }
        self.close_epoch()
    }

    /// Scores the epoch that has done its steps, writes it down, keeps it if it is the best, and saves.
    fn close_epoch(&mut self) -> Result<Flow, Error> {
        let number = self.state.epoch + 1;
        let sums = self.state.sums;
        let mut metrics = EpochMetrics {
            epoch: number,
            step: self.state.step,
            images: self.state.images,
            train_loss: sums.mean_loss(),
            train_top1: sums.top1(),
            rate: self.plan().schedule.rate(self.state.step - 1),
            images_per_second: sums.images_per_second(),
            data_wait: sums.data_wait(),
            communication: self.processes.are_several().then(|| sums.communication()),
            data_threads: None,
            validation: None,
            ema_validation: None,
            test: None,
            test_reads: self.test_reads(),
        };
        let mut is_best = false;
        let due =
            number.is_multiple_of(self.recipe.train.evaluate_every_epochs) || number == self.plan().epochs;
        if due && !self.is_replay() {
            match self.score_epoch(&mut metrics)? {
                Some(best) => is_best = best,
                None => return Ok(Flow::Stop),
            }
        }
        metrics.data_threads = self.data_seconds();
        self.state.sums = Sums::default();
        self.state.train_loss = metrics.train_loss;
        self.state.epoch = number;
        self.state.steps_in_epoch = 0;
        if let Some((steps, processes)) = self.pace.take(&self.processes)? {
            let (epoch, step) = (number, self.state.step);
            self.run.log(&Metric::Processes(ProcessesMetrics { epoch, step, steps, processes }))?;
        }
        self.run.log(&Metric::Epoch(metrics))?;
        let (broken, most) = (self.prepared.feeds.train.broken(), self.prepared.feeds.train.most_broken());
        self.note_all_left_out(&broken, most)?;
        self.save_last()?;
        self.keep_last()?;
        self.keep_predictions();
        let standing = if is_best { EpochStanding::Best } else { EpochStanding::NotBest };
        self.observer.on_epoch(&metrics, standing);
        Ok(Flow::Continue)
    }

    /// Scores the reported weights on the test images, once, and closes the record.
    fn finish(&mut self) -> Result<Outcome, Error> {
        let (checkpoint, checkpoint_epoch, validation) = match (self.plan().selection, self.state.best) {
            (Selection::BestOnValidation, Some(best)) => {
                let best = self.best_in_file(best)?;
                (Checkpoint::Best, best.epoch, Some(best.scores))
            }
            _ if self.recipe.ema.is_on() || self.recipe.train.update_bn_images > 0 => {
                if let Some(weights) = self.weights().last() {
                    self.put_in_place(weights)?;
                }
                self.save_weights(Checkpoint::Final, None)?;
                self.engine.end_evaluation()?;
                (Checkpoint::Final, self.state.epoch, None)
            }
            _ => (Checkpoint::Last, self.state.epoch, None),
        };
        self.take_reported(checkpoint)?;
        let mut test = None;
        if self.recipe.train.evaluate_test != EvaluateTest::Never {
            test = self.score_test()?;
            if test.is_none() {
                return Ok(Outcome::Interrupted { step: self.state.step });
            }
        }
        let results = Results {
            checkpoint,
            checkpoint_epoch,
            epochs: self.state.epoch,
            steps: self.state.step,
            train_loss: self.state.train_loss,
            validation,
            test,
            images_per_second: self.state.images as f64 / self.state.step_seconds.max(1e-9),
            seconds: self.seconds(),
        };
        let test_reads = self.test_reads();
        self.run.log(&Metric::Final(FinalMetrics {
            step: self.state.step,
            epoch: checkpoint_epoch,
            test,
            test_reads,
        }))?;
        self.run.sync()?;
        self.keep_predictions();
        self.run.update(|record| {
            record.test_reads = test_reads;
            record.finish(results);
        })?;
        Ok(Outcome::Finished(results))
    }

    fn test_reads(&self) -> u64 {
        self.reads.recorded + (self.data.test_reads() - self.reads.counted)
    }

    fn seconds(&self) -> f64 {
        self.earlier_seconds + self.begun.elapsed().as_secs_f64()
    }

    /// How the loader's threads spent their time since the last call; of an epoch that was interrupted, only
    /// the part in this session.
    fn data_seconds(&mut self) -> Option<DataSeconds> {
        let now = self.prepared.feeds.train.times()?;
        let before = std::mem::replace(&mut self.data_times, now);
        let seconds = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64();
        Some(DataSeconds {
            read: seconds(now.read, before.read),
            decode: seconds(now.decode, before.decode),
            transform: seconds(now.transform, before.transform),
        })
    }

    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    fn is_time_to_save(&self) -> bool {
        let every = self.recipe.train.save_every_seconds;
        every > 0 && self.saved.elapsed() >= Duration::from_secs(every)
    }
}
