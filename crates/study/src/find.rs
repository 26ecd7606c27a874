//! Runs in folders, recognised by their recipe and seed: it doesn't matter who trained them, and under which
//! name.

use std::fs;
use std::path::Path;

use resnet_record::{Recipe, Results, RunFolder, RunRecord, RunState};

/// How many levels of folders below the given one are searched.
const DEEPEST: usize = 4;
/// Keys in which two recipes of the same training may differ, besides those without effect: the seed; the
/// number of classes, which the data give; and shared norm statistics, which are what one process has anyway.
const NO_OTHER_TRAINING: [&str; 3] = ["model.classes", "train.seed", "train.sync_bn"];

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunStatus {
    /// It is done.
    Finished(Results),
    /// Its loss or a weight became NaN or infinite, after so many steps.
    Diverged {
        /// Steps that were logged.
        step: u64,
    },
    /// A process trains it now.
    Training,
    /// It was stopped after so many steps, and can go on.
    Interrupted {
        /// Steps that were logged.
        step: u64,
    },
}

/// A run that was found in a folder.
#[derive(Debug, Clone)]
pub struct FoundRun {
    /// The run's folder.
    pub folder: RunFolder,
    /// Its recipe.
    pub recipe: Recipe,
    /// Its record.
    pub record: RunRecord,
    /// How far it has come.
    pub status: RunStatus,
}

impl FoundRun {
    fn read(folder: RunFolder) -> Result<FoundRun, resnet_record::Error> {
        // The state first: a run that ends in between is then still in training, and not interrupted.
        let state = folder.state()?;
        let (recipe, record) = (folder.recipe()?, folder.record()?);
        // A run is recognised by both, so they must be of one training.
        let (seed, model) = (recipe.train.seed, &recipe.model.name);
        let pairs = [("seed", record.seed == seed), ("model", record.model == *model)];
        if let Some((key, _)) = pairs.into_iter().find(|(_, is_same)| !is_same) {
            let cause = format!("its {key} is not the recipe's, which has seed {seed} and model {model}");
            return Err(resnet_record::Error::Damaged { path: folder.dir().join(RunFolder::RECORD), cause });
        }
        let status = match (state, record.results) {
            (RunState::Training, _) => RunStatus::Training,
            (RunState::Diverged, _) => RunStatus::Diverged { step: folder.summary()?.step },
            (_, Some(results)) => RunStatus::Finished(results),
            _ => RunStatus::Interrupted { step: folder.summary()?.step },
        };
        Ok(FoundRun { folder, recipe, record, status })
    }

    /// Whether the run trains as `recipe` says, from fresh weights; seeds may differ.
    pub(crate) fn is_of(&self, recipe: &Recipe) -> bool {
        self.record.from.is_none() && is_same_training(&self.recipe, recipe)
    }

    /// Whether the weights that its results are of are still there.
    pub(crate) fn has_weights(&self) -> bool {
        match self.status {
            RunStatus::Finished(results) => self.folder.checkpoint(results.checkpoint).is_file(),
            _ => false,
        }
    }

    /// Whether it is a result: it is finished and has test scores, or it diverged.
    pub(crate) fn is_over(&self) -> bool {
        match self.status {
            RunStatus::Finished(results) => results.test.is_some(),
            RunStatus::Diverged { .. } => true,
            RunStatus::Training | RunStatus::Interrupted { .. } => false,
        }
    }
}

/// Whether two recipes train the same but for their seed.
fn is_same_training(a: &Recipe, b: &Recipe) -> bool {
    let [a, b] = [a, b].map(|recipe| {
        let mut keys = recipe.flat();
        keys.retain(|key, _| !NO_OTHER_TRAINING.contains(&key.as_str()) && !recipe.is_without_effect(key));
        keys
    });
    a == b
}

/// The runs in `folder` and up to four levels below it, in the order of their paths; a folder that does not
/// exist has none. Beside them a sentence for each run that is left out because it cannot be read.
pub fn find_runs(folder: &Path) -> (Vec<FoundRun>, Vec<String>) {
    let (mut found, mut left_out) = (vec![], vec![]);
    look_into(folder, DEEPEST, &mut found, &mut left_out);
    (found, left_out)
}

fn look_into(folder: &Path, deepest: usize, found: &mut Vec<FoundRun>, left_out: &mut Vec<String>) {
    if let Ok(run) = RunFolder::open(folder) {
        match FoundRun::read(run) {
            Ok(run) => found.push(run),
            Err(error) => left_out.push(format!("{} is left out: {error}", folder.display())),
        }
        return;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    if deepest > 0 {
        folders.iter().for_each(|folder| look_into(folder, deepest - 1, found, left_out));
    }
}

#[cfg(test)]
mod tests {
    use resnet_record::Run;

    use super::*;

    #[test]
    fn a_training_is_known_by_what_it_does() {
        let recipe = Recipe::built_in("cifar10-resnet110-v1").unwrap();
        let with = |set: &str| {
            let mut changed = recipe.clone();
            changed.set(set).unwrap();
            changed
        };
        // The best of the scored epochs is reported where there are validation images.
        let validated = with("data.validation=500");
        let mut rare = validated.clone();
        rare.set("train.evaluate_every_epochs=10").unwrap();
        assert!(!is_same_training(&validated, &rare));
        for same in [
            "train.evaluate_every_epochs=10",
            "train.seed=7",
            "train.log_every_steps=5",
            "model.classes=10",
            "name=mine",
            "train.recompute=never",
        ] {
            assert!(is_same_training(&recipe, &with(same)), "{same}");
        }
        for other in ["model.name=resnet56-v1", "train.duration=3 epochs", "data.validation=500"] {
            assert!(!is_same_training(&recipe, &with(other)), "{other}");
        }
        assert!(find_runs(Path::new("/nowhere")).0.is_empty());
    }

    #[test]
    fn a_run_whose_record_is_of_another_training_is_left_out() {
        let recipe = Recipe::built_in("cifar10-resnet110-v1").unwrap();
        let found = |seed: u64, model: &str| {
            let scratch = tempfile::tempdir().unwrap();
            let made = RunRecord::begin("made", &recipe);
            let record = RunRecord { seed, model: model.to_owned(), ..made };
            drop(Run::create(&scratch.path().join("run"), &recipe, record).unwrap());
            let (runs, left_out) = find_runs(scratch.path());
            (runs.len(), left_out.len())
        };
        assert_eq!(found(0, "resnet110-v1"), (1, 0));
        assert_eq!([found(7, "resnet110-v1"), found(0, "resnet20-v2")], [(0, 1); 2]);
    }
}
