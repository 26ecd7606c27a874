//! What a session reads and writes: checkpoints, and the record's list of samples that were left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use resnet_checkpoint::keys;
use resnet_data::sources::Broken;
use resnet_data::{Error as DataError, NotLeftOut};
use resnet_record::{Checkpoint, EpochMetrics, LeftOut, Run};

use super::{Session, together};
use crate::checkpoint;
use crate::engine::SnapshotContents;
use crate::state::{Best, State};
use crate::{AllReduce as _, Error};

/// The checkpoint that `run` resumes from; `None` if it has not begun.
///
/// # Errors
/// [`Error::CheckpointGone`] if it has begun and the checkpoint is missing, so that a new training does not
/// overwrite what is left of it.
pub fn resumes_from(run: &Run) -> Result<Option<PathBuf>, Error> {
    let (folder, record) = (run.folder(), run.record());
    let file = folder.last_checkpoint();
    if file.exists() {
        return Ok(Some(file));
    }
    let left = folder.weights_left();
    // A finished run needs the weights that it reports, and no others.
    match record.results.map(|results| results.checkpoint) {
        Some(reported) if reported != Checkpoint::Last && folder.checkpoint(reported).exists() => Ok(None),
        None if left != Some(Checkpoint::Best) && record.test_reads == 0 && folder.metrics()?.is_empty() => {
            Ok(None)
        }
        _ => Err(Error::CheckpointGone { file, left }),
    }
}

/// The steps after which the checkpoint at `file` was written, by which a run resumes.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Checkpoint`] if it is damaged or has no training state.
pub fn steps_done(file: &Path) -> Result<u64, Error> {
    Ok(State::read(file)?.step)
}

/// Gives `file` the name `also` as well, which is a copy where there are no links, in the place of another
/// file of that name.
fn name_also(file: &Path, also: &Path) -> io::Result<()> {
    let new = also.with_extension("new");
    // What a kill has left.
    let _ = fs::remove_file(&new);
    resnet_files::link_or_copy(file, &new)?;
    let renamed = fs::rename(&new, also);
    // Where both were one file already, that left the new name.
    let _ = fs::remove_file(&new);
    renamed
}

impl Session<'_> {
    pub(super) fn save_last(&mut self) -> Result<(), Error> {
        if self.is_replay() || !self.run.is_kept_here() {
            return Ok(());
        }
        let file = self.run.folder().last_checkpoint();
        self.state.test_reads = self.test_reads();
        self.state.seconds = self.seconds();
        let snapshot = self.engine.snapshot(SnapshotContents::All);
        (self.state.other_arrays, self.state.engine) = (snapshot.slots(), Some(snapshot.state()));
        drop(snapshot);
        let mut metadata = self.metadata();
        metadata.insert(keys::TRAINING_STATE.into(), self.state.to_json(&file)?);
        self.note_left_out(&self.prepared.feeds.train.broken())?;
        self.run.sync()?;
        checkpoint::write(&file, &self.engine.snapshot(SnapshotContents::All), &metadata, self.state.step)?;
        self.saved = Instant::now();
        self.observer.on_checkpoint(&file);
        Ok(())
    }

    /// Saves the weights that are in place, for `which`; `metrics` is what was measured of them.
    pub(super) fn save_weights(
        &mut self,
        which: Checkpoint,
        metrics: Option<&EpochMetrics>,
    ) -> Result<(), Error> {
        if !self.run.is_kept_here() {
            return Ok(());
        }
        let file = self.run.folder().checkpoint(which);
        let mut metadata = self.metadata();
        if let Some(text) = metrics.and_then(|metrics| serde_json::to_string(metrics).ok()) {
            metadata.insert(keys::METRICS.into(), text);
        }
        let snapshot = self.engine.snapshot(SnapshotContents::Weights);
        checkpoint::write(&file, &snapshot, &metadata, self.state.step)?;
        self.observer.on_checkpoint(&file);
        Ok(())
    }

    /// Gives the checkpoint of the epoch that was just closed a name of its own, in the place of what has it
    /// already, and lets go of those that are older than the recipe keeps.
    pub(super) fn keep_last(&self) -> Result<(), Error> {
        let (folder, kept) = (self.run.folder(), self.recipe.train.keep_checkpoints as usize);
        if kept == 0 || self.is_replay() || !self.run.is_kept_here() {
            return Ok(());
        }
        let (last, file) = (folder.last_checkpoint(), folder.kept_checkpoint(self.state.step));
        name_also(&last, &file).map_err(|cause| Error::Io { action: "write", file: file.clone(), cause })?;
        let steps = folder.kept_steps();
        for step in &steps[..steps.len().saturating_sub(kept)] {
            let file = folder.kept_checkpoint(*step);
            fs::remove_file(&file).map_err(|cause| Error::Io { action: "remove", file, cause })?;
        }
        Ok(())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata: BTreeMap<_, _> = self.options.metadata.clone().into_iter().collect();
        metadata.insert(keys::RECIPE.into(), self.recipe_text.clone());
        metadata
    }

    /// Records that the run goes on, and what is not as it was when it began. A replay is no part of its run.
    pub(super) fn note_resumption(&mut self) -> Result<(), Error> {
        if self.is_replay() {
            return Ok(());
        }
        let (step, processes) = (self.state.step, self.processes.rank().world_size);
        Ok(self.run.update(|record| record.resume(step, resnet_ops::threads(), processes))?)
    }

    /// Records which samples any process could not use, each one once.
    ///
    /// # Errors
    /// If they are more than `most` together, in all processes.
    pub(super) fn note_all_left_out(&mut self, broken: &[Broken], most: Option<u64>) -> Result<(), Error> {
        if !self.processes.are_several() {
            return self.note_left_out(broken);
        }
        let told = |broken: &Broken| (broken.place.clone(), broken.cause.clone(), broken.records);
        let all = together::exchange(&self.processes, &broken.iter().map(told).collect::<Vec<_>>())?;
        let broken = |(place, cause, records)| Broken { place, cause, records };
        let all: Vec<Broken> = all.into_iter().flatten().map(broken).collect();
        self.note_left_out(&all)?;
        let places: BTreeSet<&str> = all.iter().map(|broken| broken.place.as_str()).collect();
        match (most, all.last()) {
            (Some(most), Some(last)) if places.len() as u64 > most => {
                let why = NotLeftOut::LimitReached { before: most as usize };
                Err(DataError::Broken { place: last.place.clone(), cause: last.cause.clone(), why }.into())
            }
            _ => Ok(()),
        }
    }

    /// Records which samples could not be used, each one once.
    fn note_left_out(&mut self, broken: &[Broken]) -> Result<(), Error> {
        let known =
            |broken: &Broken, left_out: &[LeftOut]| left_out.iter().any(|it| it.place == broken.place);
        if broken.iter().all(|broken| known(broken, &self.run.record().left_out)) {
            return Ok(());
        }
        self.run.update(|record| {
            for broken in broken {
                if !known(broken, &record.left_out) {
                    let Broken { place, cause, records } = broken.clone();
                    record.left_out.push(LeftOut { place, cause, records });
                }
            }
        })?;
        Ok(())
    }

    /// The epoch whose weights are in `best.safetensors`. It is `best`, unless the program was killed after
    /// it had saved a better epoch there and before that epoch was closed, and the training then went another
    /// way.
    pub(super) fn best_in_file(&self, best: Best) -> Result<Best, Error> {
        if !self.run.is_kept_here() {
            return Ok(best);
        }
        let file = self.run.folder().checkpoint(Checkpoint::Best);
        let loaded = checkpoint::read(&file, &self.engine.snapshot(SnapshotContents::Weights).shapes())?;
        let text = loaded.metadata.get(keys::METRICS);
        let Some(metrics) = text.and_then(|text| serde_json::from_str::<EpochMetrics>(text).ok()) else {
            return Ok(best);
        };
        let scores = if self.recipe.ema.is_on() { metrics.ema_validation } else { metrics.validation };
        match scores {
            Some(scores) if metrics.epoch != best.epoch => {
                tracing::warn!(
                    "the best epoch was {}, but {} has the weights of epoch {}, which were saved before the training was \
                     interrupted; these are reported",
                    best.epoch,
                    file.display(),
                    metrics.epoch
                );
                Ok(Best { epoch: metrics.epoch, scores })
            }
            _ => Ok(best),
        }
    }

    /// Loads the weights that are reported into the model; it already has those of the last step.
    pub(super) fn take_reported(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        if checkpoint == Checkpoint::Last {
            return Ok(());
        }
        if self.run.is_kept_here() {
            let file = self.run.folder().checkpoint(checkpoint);
            let loaded = checkpoint::read(&file, &self.engine.snapshot(SnapshotContents::Weights).shapes())?;
            let state = self.engine.snapshot(SnapshotContents::Weights).state();
            self.engine.restore(state, loaded.arrays)?;
        }
        let own = (&mut self.state, &mut *self.run);
        together::follow_first(&self.processes, &mut *self.engine, SnapshotContents::Weights, own)
    }
}
