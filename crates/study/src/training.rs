//! One training of the study: started or resumed, and how it ended. Several processes may share a study: each
//! takes trainings that no other one has.

use std::fs::{self, File};
use std::path::Path;

use resnet::{Images, Training, absolute_origin};
use resnet_record::{EpochSize, Run, RunFolder};
use resnet_train::{Observer, Options};

use crate::coding::jpeg_edges;
use crate::{Error, Job, State, Study, deviations};

/// How a training of the study ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It is done.
    Finished,
    /// It diverged: a result, as in the paper. With the sentence that says how.
    Diverged(String),
    /// Somebody stopped it; it is saved and can go on.
    Interrupted,
}

/// Trains `job` on `images`, or resumes it; `None` if another process trains it, or has trained it, since the
/// study was planned. `observer` is called with the run's folder once that exists, and makes the observer of
/// the training.
///
/// # Errors
/// [`Error::NotImageNet`]; otherwise if it ends for another reason than divergence: the error names row and
/// seed.
pub(crate) fn train<O: Observer>(
    study: &Study,
    job: &Job,
    images: &Images,
    options: &Options,
    observer: impl FnOnce(&RunFolder) -> O,
) -> Result<Option<(Ended, O)>, Error> {
    job.check(images)?;
    let failed = |source| failed(job, source);
    let training = Training::new(&job.recipe, images).map_err(failed)?;
    let Some(mut run) = begin(study, job, &training, images)? else { return Ok(None) };
    let mut observer = observer(run.folder());
    let ended = match training.fit(images, &mut run, options, &mut observer) {
        Ok(resnet_train::Outcome::Finished(_)) => Ended::Finished,
        Ok(resnet_train::Outcome::Interrupted { .. }) => Ended::Interrupted,
        Err(resnet::Error::Train(error)) if error.is_divergence() => Ended::Diverged(error.to_string()),
        Err(error) => return Err(failed(error)),
    };
    Ok(Some((ended, observer)))
}

/// The job's run, if no other process has it.
fn begin(study: &Study, job: &Job, training: &Training, images: &Images) -> Result<Option<Run>, Error> {
    let _turn = turn(&study.request.folder())?;
    let job = study.looked_up_again(job);
    if matches!(job.state, State::Over | State::Busy) {
        return Ok(None);
    }
    open(&job, training, images).map(Some).map_err(|error| failed(&job, error.into()))
}

fn failed(job: &Job, source: resnet::Error) -> Error {
    Error::Training { row: job.row.clone(), seed: job.recipe.train.seed, source: Box::new(source) }
}

/// Waits while another process begins a training in `folder` or draws its pages; until the file is dropped,
/// others wait.
pub(crate) fn turn(folder: &Path) -> Result<File, Error> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(Error::io("write", &path))?;
    // On a file system without locks the run's own folder is all that keeps two processes apart.
    let _ = file.lock();
    Ok(file)
}

/// The job's run, made if it is not there.
fn open(job: &Job, training: &Training, images: &Images) -> Result<Run, resnet_record::Error> {
    if RunFolder::open(&job.folder).is_ok() {
        return Run::open(&job.folder);
    }
    let edges = match images {
        Images::InMemory(data) if job.recipe.data.generated.is_none() => jpeg_edges(&data.train),
        Images::InMemory(_) | Images::InFiles(_) => None,
    };
    let name = job.folder.file_name().unwrap_or(Path::new(&job.row).as_os_str()).to_string_lossy();
    let mut record = training.record(&name);
    record.data = absolute_origin(images.origin());
    let plan = training.plan();
    let epoch = EpochSize { images: plan.train_images as u64, steps: plan.steps_per_epoch };
    record.deviations = deviations(&job.paper, training.recipe(), edges, Some(epoch));
    Run::create(&job.folder, training.recipe(), record)
}
