//! The run's folder: its paths, its creation, and the one process that writes to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::lock::{LOCK, Lock, lock};
use crate::record::{FORMAT, kept_name, kept_step};
use crate::resume::{missing, remove_kept_after, remove_temporaries};
use crate::sinks::MetricsFile;
use crate::{
    Checkpoint, Difference, Divergence, Error, Metric, Recipe, RecipeChange, RunRecord, Sink, TensorBoard,
    evidence, time,
};

const CHECKPOINTS: &str = "checkpoints";
const TENSORBOARD: &str = "tensorboard";

/// A run's folder, to look at.
///
/// ```text
/// recipe.toml                      the recipe as resolved
/// record.json                      RunRecord
/// test-reads.jsonl                 readings of the test labels while it trained, which the record lacks yet
/// metrics.jsonl                    one Metric a line
/// checkpoints/last.safetensors     where the run stands
/// checkpoints/best.safetensors     only with validation images
/// checkpoints/final.safetensors    only where averaged weights are reported, and none were selected
/// checkpoints/step-NUMBER.safetensors  of the latest epochs, if the recipe keeps them
/// diverged.json                    Divergence, if the loss or a weight became NaN or infinite
/// predictions.json                 Predictions of the last evaluation
/// samples.json                     Samples that were trained on
/// layers.json                      a LayerRow for each layer
/// norms.jsonl                      NormHistory
/// tensorboard/                     event files, if they were asked for
/// report.html                      the page that resnet-report makes of all this
/// ```
#[derive(Debug, Clone)]
pub struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    /// The file of the recipe; with it a folder is a run.
    pub const RECIPE: &str = "recipe.toml";
    /// The file of the record.
    pub const RECORD: &str = "record.json";
    /// The file of the metrics.
    pub const METRICS: &str = "metrics.jsonl";
    /// The file of [`Divergence`].
    pub const DIVERGENCE: &str = "diverged.json";

    /// The run in `dir`.
    ///
    /// # Errors
    /// [`Error::NotARun`] if there is none.
    pub fn open(dir: &Path) -> Result<RunFolder, Error> {
        match [Self::RECIPE, Self::RECORD].into_iter().find(|file| !dir.join(file).is_file()) {
            Some(missing) => Err(Error::NotARun { folder: dir.to_owned(), missing }),
            None => Ok(RunFolder { dir: dir.to_owned() }),
        }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    pub(crate) fn metrics_file(&self) -> PathBuf {
        self.dir.join(Self::METRICS)
    }

    /// `checkpoints/last.safetensors`; absent until the first is written.
    pub fn last_checkpoint(&self) -> PathBuf {
        self.checkpoint(Checkpoint::Last)
    }

    /// `checkpoints/best.safetensors`; absent without validation images.
    pub fn best_checkpoint(&self) -> PathBuf {
        self.checkpoint(Checkpoint::Best)
    }

    /// The checkpoint besides the last that has weights of the run, if there is one.
    pub fn weights_left(&self) -> Option<Checkpoint> {
        [Checkpoint::Best, Checkpoint::Final].into_iter().find(|which| self.checkpoint(*which).exists())
    }

    /// The file of one of the run's checkpoints.
    pub fn checkpoint(&self, which: Checkpoint) -> PathBuf {
        self.dir.join(CHECKPOINTS).join(which.file_name())
    }

    /// `checkpoints/step-NUMBER.safetensors`: where the run stood after that many steps.
    pub fn kept_checkpoint(&self, step: u64) -> PathBuf {
        self.dir.join(CHECKPOINTS).join(kept_name(step))
    }

    /// The steps after which a checkpoint was kept, ascending; none if the folder cannot be read.
    pub fn kept_steps(&self) -> Vec<u64> {
        let files = fs::read_dir(self.dir.join(CHECKPOINTS)).into_iter().flatten().flatten();
        let mut steps: Vec<u64> = files.filter_map(|file| kept_step(file.file_name().to_str()?)).collect();
        steps.sort_unstable();
        steps
    }

    /// `diverged.json`: what is known of the step in which the training diverged; absent if it did not.
    pub fn divergence(&self) -> PathBuf {
        self.dir.join(Self::DIVERGENCE)
    }

    /// The recipe that the run follows: the one that it began with, or the one that it was changed to since.
    ///
    /// # Errors
    /// [`Error::Io`], or those of [`Recipe::parse`].
    pub fn recipe(&self) -> Result<Recipe, Error> {
        Recipe::of_run(&self.dir.join(Self::RECIPE))
    }

    /// The record, with the readings of the test labels that are noted beside it.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Damaged`] if it is not a record of this version or its scores cannot be.
    pub fn record(&self) -> Result<RunRecord, Error> {
        let path = self.dir.join(Self::RECORD);
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let mut record: RunRecord = serde_json::from_str(&text)
            .map_err(|error| Error::Damaged { path: path.clone(), cause: error.to_string() })?;
        if record.format != FORMAT {
            let cause = format!("its format is {}, this program reads {FORMAT}", record.format);
            return Err(Error::Damaged { path, cause });
        }
        record.test_reads = record.test_reads.saturating_add(self.noted_test_readings()?);
        match record.contradiction() {
            Some(cause) => Err(Error::Damaged { path, cause }),
            None => Ok(record),
        }
    }
}

/// A run's folder, to write to: while this lives, no other process can.
///
/// ```
/// # let text = include_str!("../../record/recipes/quick-start.toml");
/// # let scratch = tempfile::tempdir().unwrap();
/// # let dir = scratch.path().join("first");
/// use resnet_record::{Metric, Recipe, Run, RunRecord, StepMetrics};
/// let recipe = Recipe::parse(text, "quick-start.toml")?;
/// let mut run = Run::create(&dir, &recipe, RunRecord::begin("first", &recipe))?;
/// let (step, epoch, images) = (1, 1, 64);
/// let (loss, rate, images_per_second, certificate) = (2.3, 0.1, 90.0, None);
/// let first = StepMetrics { step, epoch, images, loss, rate, images_per_second, certificate };
/// run.log(&Metric::Step(first))?;
/// run.update(|record| record.test_reads += 1)?;
/// drop(run);
///
/// let run = Run::open(&dir)?;
/// assert_eq!(run.recipe(), &recipe);
/// assert_eq!(run.record().test_reads, 1);
/// assert_eq!(run.folder().metrics()?.len(), 1);
/// assert!(Run::create(&dir, &recipe, RunRecord::begin("first", &recipe)).is_err(), "it is not empty");
/// # Ok::<(), resnet_record::Error>(())
/// ```
#[derive(Debug)]
pub struct Run {
    folder: RunFolder,
    recipe: Recipe,
    record: RunRecord,
    /// None where another process keeps the run.
    kept: Option<Kept>,
    /// Where metrics go besides `metrics.jsonl`; a sink that fails is removed.
    sinks: Vec<Box<dyn Sink>>,
}

/// What only the process that writes to the folder holds.
#[derive(Debug)]
struct Kept {
    metrics: MetricsFile,
    _lock: Lock,
}

impl Run {
    /// Makes the folder, which must be absent or empty, and writes the recipe and the record into it.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if the recipe is not valid, [`Error::NotEmpty`], [`Error::InUse`] if another
    /// process has just begun a run there, or [`Error::Io`] if it cannot be written; nothing that was there
    /// is touched.
    pub fn create(dir: &Path, recipe: &Recipe, record: RunRecord) -> Result<Run, Error> {
        recipe.validate()?;
        let text = recipe.to_toml()?;
        let checkpoints = dir.join(CHECKPOINTS);
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        if fs::read_dir(dir).map_err(Error::io("read", dir))?.next().is_some() {
            return Err(Error::NotEmpty { folder: dir.to_owned() });
        }
        let lock = lock(dir)?;
        fs::create_dir(&checkpoints).map_err(Error::io("create", &checkpoints))?;
        let metrics = MetricsFile::open(&dir.join(RunFolder::METRICS))?;
        // The recipe last: with it the folder is a run.
        write_record(dir, &record)?;
        write_atomically(&dir.join(RunFolder::RECIPE), text.as_bytes())?;
        let folder = RunFolder { dir: dir.to_owned() };
        let kept = Some(Kept { metrics, _lock: lock });
        Ok(Run { folder, recipe: recipe.clone(), record, kept, sinks: vec![] })
    }

    /// Opens a run to go on with it; what an interrupted save left of a checkpoint is removed.
    ///
    /// # Errors
    /// [`Error::NotARun`], [`Error::InUse`], [`Error::Damaged`], [`Error::Io`], or those of
    /// [`RunFolder::recipe`].
    pub fn open(dir: &Path) -> Result<Run, Error> {
        let folder = RunFolder::open(dir)?;
        let lock = lock(dir)?;
        let (recipe, record) = (folder.recipe()?, folder.record()?);
        if lock.is_exclusive() {
            remove_temporaries(&dir.join(CHECKPOINTS));
        }
        folder.take_over_test_readings(&record)?;
        let metrics = MetricsFile::open(&dir.join(RunFolder::METRICS))?;
        let mut run =
            Run { folder, recipe, record, kept: Some(Kept { metrics, _lock: lock }), sinks: vec![] };
        // A run that has event files goes on with them unasked: events of steps that are done again must be
        // removed.
        if dir.join(TENSORBOARD).is_dir() {
            run.add_tensorboard()?;
        }
        Ok(run)
    }

    /// A run that another process keeps in the folder `dir`, which is not touched: what is logged or kept
    /// here is forgotten, and the record changes in memory alone.
    pub fn kept_elsewhere(dir: &Path, recipe: &Recipe, record: RunRecord) -> Run {
        let folder = RunFolder { dir: dir.to_owned() };
        Run { folder, recipe: recipe.clone(), record, kept: None, sinks: vec![] }
    }

    /// Whether it is this process that writes to the folder.
    pub fn is_kept_here(&self) -> bool {
        self.kept.is_some()
    }

    /// From now on metrics go to `sink` as well. If it fails, that is logged as a warning, and the run goes
    /// on without it.
    pub fn add_sink(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// From now on metrics go to TensorBoard's event files in the folder `tensorboard` as well; once for all:
    /// a run that is opened again goes on with them.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be made.
    pub fn add_tensorboard(&mut self) -> Result<(), Error> {
        let sink = TensorBoard::open(&self.folder.dir.join(TENSORBOARD))?;
        if !self.sinks.iter().any(|known| known.name() == sink.name()) {
            self.add_sink(sink);
        }
        Ok(())
    }

    /// The folder, to look at.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The record as it stands on disk.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Changes the record and writes it, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`]; the record is then as before.
    pub fn update(&mut self, change: impl FnOnce(&mut RunRecord)) -> Result<(), Error> {
        let mut record = self.record.clone();
        change(&mut record);
        if self.is_kept_here() {
            write_record(self.folder.dir(), &record)?;
        }
        self.record = record;
        Ok(())
    }

    /// Goes on by `recipe`, which the caller has found to fit the `step` steps that are done; the record
    /// says what changed. A finished run is unfinished then, and its results so far become earlier ones.
    ///
    /// # Errors
    /// [`Error::Fixed`] if a key differs that cannot change, [`Error::Io`].
    pub fn change_recipe(&mut self, recipe: &Recipe, step: u64) -> Result<Vec<Difference>, Error> {
        recipe.validate()?;
        let keys = self.recipe.change_to(recipe)?;
        if keys.is_empty() {
            return Ok(keys);
        }
        let change = RecipeChange { step, at: time::rfc3339(SystemTime::now()), keys: keys.clone() };
        let text = recipe.to_toml()?;
        // The record first: a run whose recipe changed and says nothing of it would be worse than the
        // reverse.
        self.update(|record| {
            record.changes.push(change);
            record.earlier_results.extend(record.results.take());
            record.ended = None;
        })?;
        write_atomically(&self.folder.dir.join(RunFolder::RECIPE), text.as_bytes())?;
        self.recipe = recipe.clone();
        Ok(keys)
    }

    /// Adds a line of metrics; every sink gets it too.
    ///
    /// # Errors
    /// [`Error::Io`], with a full disk for instance, if it cannot be written to `metrics.jsonl`.
    pub fn log(&mut self, metric: &Metric) -> Result<(), Error> {
        self.kept.iter_mut().try_for_each(|kept| kept.metrics.write(metric))?;
        self.each_sink(|sink| sink.write(metric));
        Ok(())
    }

    /// Forces the metrics so far onto the disk, so that they survive a power cut; called before a checkpoint
    /// is written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&mut self) -> Result<(), Error> {
        self.kept.iter_mut().try_for_each(|kept| kept.metrics.sync())?;
        self.each_sink(|sink| sink.sync());
        Ok(())
    }

    /// Writes `diverged.json`, whole or not at all; an earlier one is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn diverged(&self, divergence: &Divergence) -> Result<(), Error> {
        if self.is_kept_here() { write_json(&self.folder.divergence(), divergence) } else { Ok(()) }
    }

    /// Cuts away, file by file in an atomic step each, what was logged after a checkpoint of `step` steps and
    /// `epochs` closed epochs, so that a run which goes on from there has each step once. Damaged lines go
    /// as well, and so do checkpoints that were kept of later steps. If the metrics end before the
    /// checkpoint, that is logged as a warning.
    ///
    /// # Errors
    /// [`Error::Damaged`] if another version wrote a line of the metrics, [`Error::Io`].
    pub fn rewind(&mut self, step: u64, epochs: u64) -> Result<(), Error> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        kept.metrics.rewind(step, epochs)?;
        remove_kept_after(step, &self.folder.dir.join(CHECKPOINTS))?;
        let metrics = self.folder.metrics()?;
        if let Some(lacks) = missing(&metrics, (&self.recipe, &self.record), (step, epochs)) {
            let log = self.folder.metrics_file();
            tracing::warn!("{} lacks {lacks}: it was copied while the run trained, or lost", log.display());
        }
        self.each_sink(|sink| sink.rewind(step, epochs));
        // The step that it describes is done anew.
        let _ = fs::remove_file(self.folder.divergence());
        evidence::rewind(self.folder.dir(), step)
    }

    fn each_sink(&mut self, act: impl Fn(&mut dyn Sink) -> Result<(), Error>) {
        self.sinks.retain_mut(|sink| match act(&mut **sink) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!("{error}; the training goes on without {}", sink.name());
                false
            }
        });
    }
}

pub(crate) fn write_record(dir: &Path, record: &RunRecord) -> Result<(), Error> {
    write_json(&dir.join(RunFolder::RECORD), record)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Damaged { path: path.to_owned(), cause: error.to_string() })?;
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    resnet_files::write_whole(path, |out| out.write_all(bytes)).map_err(Error::io("write", path))
}
