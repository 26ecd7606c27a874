//! Which trainings a table takes, which of them are there already, and how long the others need.

use std::path::{Path, PathBuf};

use resnet::Images;
use resnet_bench::{Speed, spec_of};
use resnet_data::Contents;
use resnet_record::Recipe;

use crate::deviations::epoch_of;
use crate::find::{FoundRun, RunStatus, find_runs};
use crate::grid::Grid;
use crate::tables::grid;
use crate::target::Target;
use crate::words::distinct;
use crate::{Error, ImageKind, Scale};

/// Which trainings are asked for, and where runs lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Tables and figures.
    pub targets: Vec<Target>,
    /// How much is trained.
    pub scale: Scale,
    /// Seeds of each row, from 0.
    pub seeds: u64,
    /// Rows, by their names; none means all.
    pub only: Vec<String>,
    /// What images are trained on.
    pub images: ImageKind,
    /// The folder that runs and pages are written to; it has a folder for each scale.
    pub out: PathBuf,
    /// Folders of runs that were made elsewhere.
    pub runs: Vec<PathBuf>,
}

impl Request {
    /// Where this scale's runs and pages lie.
    pub fn folder(&self) -> PathBuf {
        self.out.join(self.scale.name())
    }

    /// The file of the page of `target`.
    pub fn page_file(&self, target: Target) -> PathBuf {
        self.folder().join(format!("{}.html", target.name()))
    }
}

/// How far a training of the study has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// Nothing is left to do: it is finished, or it diverged, which is a result as well.
    Over,
    /// It has not begun.
    New,
    /// It was interrupted and can go on; the share of its steps that is done, 0 to 1.
    Begun(f64),
    /// Another process trains it now.
    Busy,
}

/// A training of the study: a row of one or several tables with one seed.
#[derive(Debug, Clone)]
pub struct Job {
    /// The row's name: the built-in recipe of the paper's training.
    pub row: String,
    /// The paper's training.
    pub paper: Recipe,
    /// What is trained in its place, with the seed.
    pub recipe: Recipe,
    /// The run's folder.
    pub folder: PathBuf,
    /// How far it has come.
    pub state: State,
}

/// The trainings of some tables and figures, each once, with the state of each.
#[derive(Debug)]
pub struct Study {
    /// What was asked for.
    pub request: Request,
    /// The tables and figures.
    pub grids: Vec<Grid>,
    /// Their trainings, seed by seed, so that every row has a first one early.
    pub jobs: Vec<Job>,
}

impl Study {
    /// Finds the runs that exist and plans the other trainings; writes nothing.
    ///
    /// # Errors
    /// [`Error::NoRow`] if a row that is asked for is in none of the tables; [`Error::NoRuns`] if a folder of
    /// runs that were made elsewhere has none.
    pub fn new(request: &Request) -> Result<Study, Error> {
        let grids: Vec<Grid> = request.targets.iter().map(|target| grid(*target)).collect();
        let rows = || grids.iter().flat_map(|grid| &grid.rows).filter(|row| row.recipe.is_some());
        if let Some(name) = request.only.iter().find(|name| !rows().any(|row| row.is_called(name))) {
            let of: Vec<String> = request.targets.iter().map(Target::to_string).collect();
            let rows = distinct(rows().map(|row| row.name.clone()));
            return Err(Error::NoRow { name: name.clone(), of: crate::words::listed(&of), rows });
        }
        let (found, left_out) = search(request);
        left_out.iter().for_each(|told| tracing::warn!("{told}"));
        let has_runs = |folder: &Path| found.iter().any(|run| run.folder.dir().starts_with(folder));
        // Whoever names a wrong folder would train for hours what is done.
        if let Some(folder) = request.runs.iter().find(|folder| !has_runs(folder)) {
            return Err(Error::NoRuns(folder.clone()));
        }
        let mut jobs: Vec<Job> = vec![];
        for seed in 0..request.seeds {
            for row in rows() {
                let is_wanted =
                    request.only.is_empty() || request.only.iter().any(|name| row.is_called(name));
                let is_known = jobs.iter().any(|job| job.row == row.name && job.recipe.train.seed == seed);
                let Some((paper, mut recipe)) =
                    row.recipe.clone().zip(row.recipe_at(request.scale, request.images))
                else {
                    continue;
                };
                if !is_wanted || is_known {
                    continue;
                }
                recipe.train.seed = seed;
                let (folder, state) = place(request, &row.name, &recipe, &found);
                jobs.push(Job { row: row.name.clone(), paper, recipe, folder, state });
            }
        }
        Ok(Study { request: request.clone(), grids, jobs })
    }

    /// The training as it stands now: other processes may have begun or ended it since.
    pub(crate) fn looked_up_again(&self, job: &Job) -> Job {
        let (folder, state) = place(&self.request, &job.row, &job.recipe, &found(&self.request));
        Job { folder, state, ..job.clone() }
    }

    /// The trainings that are new or can go on.
    pub fn open(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| matches!(job.state, State::New | State::Begun(_)))
    }
}

impl Job {
    /// Whether `images` can be those of the row: CIFAR in parquet files opens as images in files, and is no
    /// ImageNet. Other photographs will do, with their number of classes among the deviations.
    ///
    /// # Errors
    /// [`Error::NotImageNet`] if they are CIFAR's, and the row is about ImageNet.
    pub(crate) fn check(&self, images: &Images) -> Result<(), Error> {
        let Images::InFiles(_) = images else { return Ok(()) };
        match resnet_data::contents(Path::new(images.origin()), None) {
            Ok(Contents::Cifar(_) | Contents::Ambiguous { .. }) => {
                Err(Error::NotImageNet { row: self.row.clone(), origin: images.origin().to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether `other` is the same row with the same seed.
    pub(crate) fn is_same(&self, other: &Job) -> bool {
        self.row == other.row && self.recipe.train.seed == other.recipe.train.seed
    }

    /// The seconds that are left of it at this machine's `speed`; scoring and loading are not counted.
    ///
    /// # Errors
    /// If the recipe's network does not exist, or its multiply-adds cannot be counted.
    pub fn seconds(&self, speed: &Speed) -> Result<f64, Error> {
        let spec = spec_of(&self.recipe).map_err(resnet::Error::from)?;
        let left = match self.state {
            State::New => 1.0,
            State::Begun(share) => 1.0 - share,
            State::Over | State::Busy => 0.0,
        };
        let seconds = speed.seconds(&spec, self.recipe.images_seen(epoch_of(&self.recipe)));
        Ok(left * seconds.map_err(|error| Error::Other(error.to_string()))?)
    }
}

/// The runs of this scale, and those that were made elsewhere. What cannot be read was told when the study
/// was planned.
pub(crate) fn found(request: &Request) -> Vec<FoundRun> {
    search(request).0
}

/// The same, and a sentence for each run that cannot be read.
fn search(request: &Request) -> (Vec<FoundRun>, Vec<String>) {
    let own = request.folder();
    let (found, left_out): (Vec<_>, Vec<_>) =
        std::iter::once(&own).chain(&request.runs).map(|folder| find_runs(folder)).unzip();
    (found.concat(), left_out.concat())
}

/// Where the training lies, or will, and how far it is. What is over anywhere is over; only a run in our own
/// folder goes on.
fn place(request: &Request, row: &str, recipe: &Recipe, found: &[FoundRun]) -> (PathBuf, State) {
    let seed = recipe.train.seed;
    let own = request.folder();
    let same = || found.iter().filter(|run| run.record.seed == seed && run.is_of(recipe));
    if let Some(run) = same().find(|run| run.is_over()) {
        return (run.folder.dir().to_owned(), State::Over);
    }
    if let Some(run) = same().find(|run| run.status == RunStatus::Training) {
        return (run.folder.dir().to_owned(), State::Busy);
    }
    let begun = same().find_map(|run| match run.status {
        RunStatus::Interrupted { step } if run.folder.dir().starts_with(&own) => Some((run, step)),
        _ => None,
    });
    if let Some((run, step)) = begun {
        let steps = recipe.train.duration.steps(epoch_of(recipe)).max(1);
        return (run.folder.dir().to_owned(), State::Begun((step as f64 / steps as f64).min(1.0)));
    }
    (free_folder(&own, &format!("{row}-seed-{seed}")), State::New)
}

/// The first folder for `name` in which nothing lies: a run of another recipe may have the name.
fn free_folder(own: &Path, name: &str) -> PathBuf {
    let is_free = |folder: &PathBuf| folder.read_dir().map_or(true, |mut entries| entries.next().is_none());
    folders_named(own, name).find(is_free).unwrap_or_else(|| own.join(name))
}

/// `NAME`, `NAME-2`, `NAME-3` and so on in `folder`.
pub(crate) fn folders_named(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let others = (2u64..).map(move |number| folder.join(format!("{name}-{number}")));
    std::iter::once(folder.join(name)).chain(others)
}

#[cfg(test)]
mod tests {
    use resnet_record::{Checkpoint, Metric, Results, Run, RunRecord, Scores, StepMetrics};

    use super::*;

    fn request(out: &Path) -> Request {
        Request {
            targets: vec![Target::Table1, Target::Table2],
            scale: Scale::Small,
            seeds: 2,
            only: vec![],
            images: ImageKind::Real,
            out: out.to_owned(),
            runs: vec![],
        }
    }

    /// A run of the job, as another machine may have made it, with so many of its steps.
    fn made(dir: &Path, recipe: &Recipe, step: u64, is_finished: bool) {
        let mut run = Run::create(dir, recipe, RunRecord::begin("made", recipe)).unwrap();
        let metrics = StepMetrics {
            step,
            epoch: 1,
            images: 128 * step,
            loss: 1.0,
            rate: 0.1,
            images_per_second: 100.0,
            certificate: None,
        };
        run.log(&Metric::Step(metrics)).unwrap();
        let test =
            Scores { images: 100, top1_correct: 90, top5_correct: None, loss: 0.5, images_per_second: 100.0 };
        let results = Results {
            checkpoint: Checkpoint::Last,
            checkpoint_epoch: 8,
            epochs: 8,
            steps: step,
            train_loss: 0.5,
            validation: None,
            test: Some(test),
            images_per_second: 100.0,
            seconds: 10.0,
        };
        if is_finished {
            run.update(|record| record.finish(results)).unwrap();
        }
    }

    #[test]
    fn tables_that_share_a_row_train_it_once() {
        let scratch = tempfile::tempdir().unwrap();
        let study = Study::new(&request(scratch.path())).unwrap();
        // Eleven rows and ten, the original of 110 layers in both, with two seeds.
        assert_eq!(study.jobs.len(), 2 * (11 + 10 - 1));
        assert!(study.jobs[..20].iter().all(|job| job.recipe.train.seed == 0 && job.state == State::New));
        let only = Request { only: vec!["resnet110-plain".to_owned()], ..request(scratch.path()) };
        let study = Study::new(&only).unwrap();
        assert_eq!(study.jobs.len(), 2);
        assert!(study.jobs[1].folder.ends_with("small/cifar10-resnet110-plain-seed-1"));
        let none = Request { only: vec!["resnet110-v3".to_owned()], ..request(scratch.path()) };
        let message = Study::new(&none).unwrap_err().to_string();
        assert!(
            message.contains("table 1 and table 2") && message.contains("cifar10-resnet110-v1"),
            "{message}"
        );
    }

    #[test]
    fn what_is_there_is_not_trained_again_wherever_it_lies() {
        let scratch = tempfile::tempdir().unwrap();
        let (here, elsewhere) = (scratch.path().join("out"), scratch.path().join("elsewhere"));
        let asked = Request { runs: vec![elsewhere.clone()], ..request(&here) };
        let message = Study::new(&asked).unwrap_err().to_string();
        assert!(message.contains("no run") && message.contains("elsewhere or below it"), "{message}");
        let fresh = Study::new(&request(&here)).unwrap();
        let job = |number: usize| &fresh.jobs[number];
        made(&elsewhere.join("night/one"), &job(0).recipe, 3_128, true);
        made(&job(1).folder, &job(1).recipe, 1_564, false);
        // Begun elsewhere: whoever began it goes on with it.
        made(&elsewhere.join("two"), &job(2).recipe, 1_564, false);
        // Fine-tuned by the row's recipe: no result of the row.
        let mut run = Run::open(&elsewhere.join("night/one")).unwrap();
        let tuned = RunRecord { from: Some("mine.safetensors".to_owned()), ..run.record().clone() };
        drop(run.update(|record| *record = tuned));
        drop(run);
        assert_eq!(Study::new(&asked).unwrap().jobs[0].state, State::New);
        made(&elsewhere.join("night/two"), &job(0).recipe, 3_128, true);
        // A run of another recipe lies where the next one would.
        made(&job(3).folder, &job(4).recipe, 10, true);
        let study = Study::new(&asked).unwrap();
        let states: Vec<State> = study.jobs[..6].iter().map(|job| job.state).collect();
        assert_eq!(states, [State::Over, State::Begun(0.5), State::New, State::New, State::Over, State::New]);
        assert!(study.jobs[3].folder.to_string_lossy().ends_with("-seed-0-2"));
        assert_eq!(study.open().count(), 40 - 2);
    }
}
