//! Runs as a list, with their states, progress and results; and a run's log as it grows.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, Metric, RunFolder, parse_metrics};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A process writes to it now.
    Training,
    /// It was stopped and can go on.
    Interrupted,
    /// Its loss or a weight became NaN or infinite.
    Diverged,
    /// It is done.
    Finished,
}

impl RunState {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            RunState::Training => "training",
            RunState::Interrupted => "interrupted",
            RunState::Diverged => "diverged",
            RunState::Finished => "finished",
        }
    }
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its folder.
    pub run: PathBuf,
    /// What it is doing.
    pub state: RunState,
    /// The recipe's name.
    pub recipe: String,
    /// The network's name.
    pub model: String,
    /// Epochs done.
    pub epoch: u64,
    /// Epochs of the whole training, if that is known.
    pub epochs: Option<u64>,
    /// Steps done, as far as they are logged.
    pub step: u64,
    /// Top-1 error in percent: of the reported weights, else of the last epoch. `None` before its first epoch
    /// ends.
    pub error: Option<f64>,
    /// The images that `error` was measured on: "test", else "validation", else "training".
    pub measured: Option<&'static str>,
    /// Time spent in seconds; of an unfinished run that of its training steps.
    pub seconds: f64,
    /// When it began: UTC, RFC 3339.
    pub started: String,
}

impl RunFolder {
    /// The metrics so far, without what [`parse_metrics`] leaves out.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Damaged`] naming the line.
    pub fn metrics(&self) -> Result<Vec<Metric>, Error> {
        let path = self.metrics_file();
        let log = fs::read(&path).map_err(Error::io("read", &path))?;
        let read = parse_metrics(&String::from_utf8_lossy(&log));
        let (metrics, _damaged) = read.map_err(|cause| Error::Damaged { path, cause })?;
        Ok(metrics)
    }

    /// Whether a process writes to the run now.
    pub(crate) fn is_being_written(&self) -> bool {
        let Ok(lock) = fs::File::open(self.lock_file()) else { return false };
        // A shared lock, let go of at once: it is refused only while a writer holds its own.
        matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
    }

    /// What the run is doing.
    ///
    /// # Errors
    /// If its record cannot be read.
    pub fn state(&self) -> Result<RunState, Error> {
        Ok(match () {
            () if self.is_being_written() => RunState::Training,
            () if self.record()?.results.is_some() => RunState::Finished,
            () if self.divergence().exists() => RunState::Diverged,
            () => RunState::Interrupted,
        })
    }

    /// The run as an entry of a list.
    ///
    /// # Errors
    /// If a file of the run cannot be read.
    pub fn summary(&self) -> Result<RunSummary, Error> {
        let (record, recipe, metrics) = (self.record()?, self.recipe()?, self.metrics()?);
        let epochs_done = metrics.iter().filter_map(|metric| match metric {
            Metric::Epoch(epoch) => Some(epoch),
            _ => None,
        });
        let last = epochs_done.clone().next_back();
        let steps = metrics.iter().map(|metric| match metric {
            Metric::Step(step) => step.step,
            Metric::Epoch(epoch) => epoch.step,
            Metric::Processes(epoch) => epoch.step,
            Metric::Final(end) => end.step,
        });
        let results = record.results;
        let tested = results.and_then(|results| results.test).or(last.and_then(|last| last.test));
        let reported = last.and_then(|last| last.judged_validation());
        let validated = results.and_then(|results| results.validation).or(reported);
        let (measured, error) = match (tested, validated, last) {
            (Some(test), ..) => (Some("test"), Some(test.error())),
            (None, Some(validation), _) => (Some("validation"), Some(validation.error())),
            (None, None, Some(last)) => (Some("training"), Some(100.0 - last.train_top1)),
            (None, None, None) => (None, None),
        };
        let mut images = 0;
        let trained = epochs_done.clone().map(|epoch| {
            // Of a log that was edited, they may become fewer.
            let own = epoch.images.saturating_sub(std::mem::replace(&mut images, epoch.images));
            own as f64 / epoch.images_per_second.max(1e-9)
        });
        // Begun at 0: the sum of no numbers is -0.
        let seconds = match results {
            Some(results) => results.seconds,
            None => trained.fold(0.0, |sum, one| sum + one),
        };
        let steps_per_epoch = epochs_done
            .clone()
            .next()
            .map(|first| first.step)
            .or(recipe.epoch_size(None).map(|epoch| epoch.steps));
        Ok(RunSummary {
            run: self.dir().to_owned(),
            state: self.state()?,
            recipe: record.recipe,
            model: record.model,
            epoch: last.map_or(0, |last| last.epoch),
            epochs: results.map(|results| results.epochs).or_else(|| {
                let steps = steps_per_epoch.filter(|steps| *steps > 0)?;
                let epoch = crate::EpochSize {
                    images: steps * recipe.train.batch_size as u64 * recipe.train.grad_accum_steps,
                    steps,
                };
                Some(recipe.train.duration.steps(epoch).div_ceil(steps))
            }),
            step: steps.max().unwrap_or(0),
            error,
            measured,
            seconds,
            started: record.started,
        })
    }
}

/// Where the last whole line ends.
fn end_of_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// The runs in `dir`, which is a run's folder or holds several, the latest last; and an error for each run
/// that cannot be read.
///
/// # Errors
/// [`Error::Io`] if `dir` cannot be read.
pub fn list_runs(dir: &Path) -> Result<(Vec<RunSummary>, Vec<Error>), Error> {
    let here = RunFolder::open(dir).ok();
    let found = match here {
        Some(run) => vec![run],
        None => {
            let entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
            entries.flatten().filter_map(|entry| RunFolder::open(&entry.path()).ok()).collect()
        }
    };
    let (mut runs, mut unread) = (vec![], vec![]);
    for folder in found {
        match folder.summary() {
            Ok(run) => runs.push(run),
            Err(error) => unread.push(error),
        }
    }
    runs.sort_by(|a, b| (&a.started, &a.run).cmp(&(&b.started, &b.run)));
    Ok((runs, unread))
}

/// Reads a run's metrics while another process writes them.
///
/// A run that is resumed removes from its log what came after its checkpoint. The steps that it does again
/// are then read again.
#[derive(Debug)]
pub struct Follow {
    folder: RunFolder,
    /// The whole lines that were read.
    read: Vec<u8>,
}

impl Follow {
    /// From the beginning of the log.
    pub fn new(folder: RunFolder) -> Follow {
        Follow { folder, read: vec![] }
    }

    /// What was logged since this was asked last.
    ///
    /// # Errors
    /// If the log cannot be read, or holds a line that is no metric.
    pub fn read(&mut self) -> Result<Vec<Metric>, Error> {
        let path = self.folder.metrics_file();
        let log = fs::read(&path).map_err(Error::io("read", &path))?;
        let same = self.read.iter().zip(&log).take_while(|(before, now)| before == now).count();
        let begin = end_of_lines(&log[..same]);
        // A line that is being written comes whole next time.
        let end = end_of_lines(&log);
        let read = parse_metrics(&String::from_utf8_lossy(&log[begin..end]));
        let (metrics, _damaged) = read.map_err(|cause| Error::Damaged { path, cause })?;
        self.read = log;
        self.read.truncate(end);
        Ok(metrics)
    }

    /// The run.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }
}
