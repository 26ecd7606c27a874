//! All trainings that a study has left, one after another, beside other processes that do the same.

use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering;

use resnet::Images;
use resnet_record::{DataRecipe, Recipe, RunFolder};
use resnet_train::{Observer, Options};

use crate::grid::data_words;
use crate::study::State;
use crate::training::{Ended, train};
use crate::write::{draw_pages, keep};
use crate::{Error, Job, Study};

/// The trainings that a study has left and whose images are there.
#[derive(Debug)]
pub struct Trainings<'a> {
    study: &'a Study,
    /// New ones, and those that can go on.
    jobs: Vec<Ready<'a>>,
    /// Those that other processes were training when the study was planned, and may not finish.
    busy: Vec<Ready<'a>>,
    images: Vec<Images>,
}

/// A training and the number of its images in [`Trainings::images`].
#[derive(Debug, Clone, Copy)]
struct Ready<'a> {
    job: &'a Job,
    images: usize,
}

/// How the trainings of a study ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllEnded {
    /// Nothing is left to do here.
    Done {
        /// Trainings that other processes are still running.
        elsewhere: usize,
    },
    /// Somebody stopped them; what was begun is saved and can go on.
    Interrupted,
}

/// A training among those that are left, as text: `2 of 8: cifar10-resnet110-v2, seed 1`.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The training.
    pub job: &'a Job,
}

impl fmt::Display for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn { number, of, job } = self;
        write!(f, "{number} of {of}: {}, seed {}", job.row, job.recipe.train.seed)
    }
}

/// What is told of a study's trainings while they run.
pub trait StudyObserver {
    /// What is told of the steps of one training.
    type Training: Observer;

    /// A training begins or goes on; its run lies in `folder`.
    fn on_training(&mut self, turn: Turn<'_>, folder: &RunFolder) -> Self::Training;

    /// A training has ended.
    fn on_end(&mut self, turn: Turn<'_>, training: Self::Training, ended: &Ended);

    /// Another process has taken a training since the study was planned.
    fn on_taken(&mut self, turn: Turn<'_>);
}

impl<'a> Trainings<'a> {
    /// Opens the images of what `study` has left, each data set once, by `open`. Trainings whose images
    /// cannot be opened are left out with a warning.
    ///
    /// # Errors
    /// [`Error::NoImages`] if that would leave out all of them.
    pub fn open<E: fmt::Display>(
        study: &'a Study,
        open: impl Fn(&Recipe) -> Result<Images, E>,
    ) -> Result<Self, Error> {
        // The number of a data set's images, or why there are none.
        let mut sets: Vec<(&DataRecipe, Result<usize, String>)> = vec![];
        let mut trainings = Trainings { study, jobs: vec![], busy: vec![], images: vec![] };
        let unfinished = || study.jobs.iter().filter(|job| job.state != State::Over);
        for job in unfinished() {
            let data = &job.recipe.data;
            if !sets.iter().any(|(known, _)| is_same_set(known, data)) {
                let opened = open(&job.recipe).map_err(|error| format!("{error:#}")).and_then(|images| {
                    job.check(&images).map_err(|error| error.to_string())?;
                    trainings.images.push(images);
                    Ok(trainings.images.len() - 1)
                });
                sets.push((data, opened));
            }
            let set = sets.iter().find(|(known, _)| is_same_set(known, data));
            if let Some((_, Ok(images))) = set {
                let jobs = if job.state == State::Busy { &mut trainings.busy } else { &mut trainings.jobs };
                jobs.push(Ready { job, images: *images });
            }
        }
        let failures: Vec<String> = sets
            .iter()
            .filter_map(|(data, set)| {
                let left = unfinished().filter(|job| is_same_set(&job.recipe.data, data)).count();
                let trainings = crate::words::counted(left, "training");
                Some(format!("{trainings} on {} left out: {}", data_words(data.set), set.as_ref().err()?))
            })
            .collect();
        let is_needed = study.open().next().is_some();
        if !failures.is_empty() && trainings.images.is_empty() && is_needed {
            return Err(Error::NoImages(failures.join("\n")));
        }
        failures.iter().for_each(|failure| tracing::warn!("{failure}"));
        Ok(trainings)
    }

    /// Whether nothing is left to train.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.busy.is_empty()
    }

    /// Trains one after another until `options` say stop. After each, the study's pages are drawn, and the
    /// records of finished runs are copied to `kept`. What another process had taken and did not finish is
    /// trained in the end.
    ///
    /// # Errors
    /// If a training ends for another reason than divergence, or a page or record cannot be written.
    pub fn run(
        &self,
        options: &Options,
        kept: Option<&Path>,
        observer: &mut impl StudyObserver,
    ) -> Result<AllEnded, Error> {
        let (mut left, mut busy) = (self.jobs.clone(), self.busy.clone());
        loop {
            let Some(taken) = self.run_each(&left, options, kept, observer)? else {
                return Ok(AllEnded::Interrupted);
            };
            let now = Study::new(&self.study.request)?;
            busy.extend(taken);
            (left, busy) = busy.into_iter().partition(|ready| now.open().any(|job| job.is_same(ready.job)));
            if left.is_empty() {
                return Ok(AllEnded::Done { elsewhere: now.elsewhere() });
            }
        }
    }

    /// Trains each of `jobs`; gives those that another process had taken, `None` if it was stopped.
    fn run_each(
        &self,
        jobs: &[Ready<'a>],
        options: &Options,
        kept: Option<&Path>,
        observer: &mut impl StudyObserver,
    ) -> Result<Option<Vec<Ready<'a>>>, Error> {
        let mut taken = vec![];
        for (number, ready) in (1..).zip(jobs) {
            if options.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let turn = Turn { number, of: jobs.len(), job: ready.job };
            let images = &self.images[ready.images];
            let begin = |folder: &RunFolder| observer.on_training(turn, folder);
            let Some((ended, training)) = train(self.study, ready.job, images, options, begin)? else {
                observer.on_taken(turn);
                taken.push(*ready);
                continue;
            };
            observer.on_end(turn, training, &ended);
            if ended == Ended::Interrupted {
                return Ok(None);
            }
            let (results, _) = draw_pages(self.study)?;
            if let Some(folder) = kept {
                keep(&results, folder)?;
            }
        }
        Ok(Some(taken))
    }
}

impl Study {
    /// How many trainings other processes were running when the study was planned.
    pub fn elsewhere(&self) -> usize {
        self.jobs.iter().filter(|job| job.state == State::Busy).count()
    }
}

fn is_same_set(a: &DataRecipe, b: &DataRecipe) -> bool {
    (a.set, a.generated) == (b.set, b.generated)
}
