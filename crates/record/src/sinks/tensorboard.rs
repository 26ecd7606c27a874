//! Metrics as TensorBoard's event files: `tensorboard --logdir RUN/tensorboard` draws them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Sink;
use super::framing::{frame, unframe};
use super::protobuf::{Event, What};
use crate::{Error, Metric, Scores};

const PREFIX: &str = "events.out.tfevents.";
const VERSION: &str = "brain.Event:2";
/// The tag by which an epoch's events are known when a run is rewound.
const EPOCH: &str = "epoch";
/// The prefix of the result's tags. A rewind removes them: a run that goes on has no result yet.
const REPORTED: &str = "reported/";

/// Event files in a folder; each session of a run begins a new one with its first metric.
///
/// | tag | of | |
/// |---|---|---|
/// | `loss/step`, `learning_rate`, `images_per_second` | a logged step | |
/// | `loss/train`, `top1/train`, `epoch` | an epoch | accuracy in percent |
/// | `data_wait`, `communication` | an epoch | in percent of its time |
/// | `loss/SET`, `top1/SET`, `top5/SET` | an epoch | SET is `validation`, `ema_validation` or `test` |
/// | `reported/loss`, `reported/top1`, `reported/top5` | the result | on the test images |
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
    /// The first step that TensorBoard has to drop after a rewind; the next file begins with it.
    start: Option<u64>,
}

impl TensorBoard {
    /// Event files in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        Ok(TensorBoard { folder: folder.to_owned(), file: None, start: None })
    }

    fn append(&mut self, events: &[Event]) -> Result<(), Error> {
        let mut bytes = vec![];
        let (path, mut file) = match self.file.take() {
            Some(open) => open,
            None => {
                let opened = create(&self.folder)?;
                let first = [
                    Some(Event { wall_time: now(), step: 0, what: What::FileVersion(VERSION.to_owned()) }),
                    self.start.map(|step| Event { wall_time: now(), step, what: What::Start }),
                ];
                first.iter().flatten().for_each(|event| frame(&event.encode(), &mut bytes));
                opened
            }
        };
        events.iter().for_each(|event| frame(&event.encode(), &mut bytes));
        // In one piece: a record that a full disk cuts in two is the last of its file, and is left out.
        file.write_all(&bytes).map_err(Error::io("write", &path))?;
        self.file = Some((path, file));
        Ok(())
    }
}

impl Sink for TensorBoard {
    fn name(&self) -> String {
        format!("TensorBoard's files in {}", self.folder.display())
    }

    fn write(&mut self, metric: &Metric) -> Result<(), Error> {
        let (step, scalars) = scalars(metric);
        let what =
            What::Scalars(scalars.into_iter().map(|(tag, value)| (tag.to_owned(), value as f32)).collect());
        self.append(&[Event { wall_time: now(), step, what }])
    }

    fn sync(&mut self) -> Result<(), Error> {
        match &self.file {
            Some((path, file)) => file.sync_data().map_err(Error::io("write", path)),
            None => Ok(()),
        }
    }

    /// Removes events after the checkpoint from the files. A TensorBoard that is running has read them
    /// already: the next file tells it from which step on to drop them.
    fn rewind(&mut self, step: u64, epochs: u64) -> Result<(), Error> {
        self.file = None;
        let mut start = step + 1;
        for path in files(&self.folder)? {
            let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
            let (mut kept, mut rest, mut scalars) = (vec![], &bytes[..], 0);
            while let Some((data, taken)) = unframe(rest) {
                let event = Event::decode(data);
                if event.as_ref().is_none_or(|event| is_before(event, step, epochs)) {
                    kept.extend(&rest[..taken]);
                    scalars += usize::from(event.is_some_and(|it| matches!(it.what, What::Scalars(_))));
                } else if let Some(event) = event {
                    start = start.min(event.step);
                }
                rest = &rest[taken..];
            }
            match (scalars, kept.len() == bytes.len()) {
                (0, _) => fs::remove_file(&path).map_err(Error::io("write", &path))?,
                (_, true) => {}
                (_, false) => resnet_files::write_whole(&path, |out| out.write_all(&kept))
                    .map_err(Error::io("write", &path))?,
            }
        }
        self.start = (step > 0).then_some(start);
        Ok(())
    }
}

/// Whether a run that goes on after `step` steps and `epochs` closed epochs keeps this event.
fn is_before(event: &Event, step: u64, epochs: u64) -> bool {
    let What::Scalars(scalars) = &event.what else { return true };
    if scalars.iter().any(|(tag, _)| tag.starts_with(REPORTED)) {
        return false;
    }
    match scalars.iter().find(|(tag, _)| tag == EPOCH) {
        // As in `Metric::is_before`: an epoch whose scores were not saved is scored again.
        Some((_, epoch)) => f64::from(*epoch) <= epochs as f64,
        None => event.step <= step,
    }
}

/// The step of a metric, and its values by their tags.
fn scalars(metric: &Metric) -> (u64, Vec<(&'static str, f64)>) {
    match metric {
        Metric::Step(step) => {
            let values = [
                ("loss/step", step.loss),
                ("learning_rate", step.rate),
                ("images_per_second", step.images_per_second),
            ];
            (step.step, values.to_vec())
        }
        Metric::Epoch(epoch) => {
            let mut values = vec![
                (EPOCH, epoch.epoch as f64),
                ("loss/train", epoch.train_loss),
                ("top1/train", epoch.train_top1),
                ("data_wait", epoch.data_wait),
            ];
            values.extend(epoch.communication.map(|share| ("communication", share)));
            for (tags, scores) in [
                (["loss/validation", "top1/validation", "top5/validation"], epoch.validation),
                (["loss/ema_validation", "top1/ema_validation", "top5/ema_validation"], epoch.ema_validation),
                (["loss/test", "top1/test", "top5/test"], epoch.test),
            ] {
                values.extend(scores.iter().flat_map(|scores| measured(tags, scores)));
            }
            (epoch.step, values)
        }
        // The run's page draws these times, TensorBoard does not.
        Metric::Processes(epoch) => (epoch.step, vec![]),
        Metric::Final(result) => {
            let tags = ["reported/loss", "reported/top1", "reported/top5"];
            (result.step, result.test.iter().flat_map(|scores| measured(tags, scores)).collect())
        }
    }
}

fn measured([loss, top1, top5]: [&'static str; 3], scores: &Scores) -> Vec<(&'static str, f64)> {
    let mut values = vec![(loss, scores.loss), (top1, scores.top1())];
    values.extend(scores.top5().map(|value| (top5, value)));
    values
}

/// The event files of `folder`, oldest first.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()
    };
    let mut files = list().map_err(Error::io("read", folder))?;
    files.retain(|path| name(path).starts_with(PREFIX));
    files.sort();
    Ok(files)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A new file. TensorBoard reads files in the order of their names, which begin with a time in seconds: this
/// one's is later than any other's.
fn create(folder: &Path) -> Result<(PathBuf, File), Error> {
    let seconds_of = |path: &PathBuf| name(path).strip_prefix(PREFIX)?.split('.').next()?.parse::<u64>().ok();
    let latest = files(folder)?.iter().filter_map(seconds_of).max();
    let seconds = (now() as u64).max(latest.map_or(0, |latest| latest + 1));
    let path = folder.join(format!("{PREFIX}{seconds:010}.resnet"));
    let file = OpenOptions::new().append(true).create_new(true).open(&path);
    Ok((path.clone(), file.map_err(Error::io("create", path))?))
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EpochMetrics, FinalMetrics, StepMetrics};

    fn step(step: u64) -> Metric {
        let loss = 2.0 / step as f64;
        Metric::Step(StepMetrics {
            step,
            epoch: 1,
            images: step,
            loss,
            rate: 0.1,
            images_per_second: 9.0,
            certificate: None,
        })
    }

    fn epoch(epoch: u64, step: u64) -> Metric {
        Metric::Epoch(EpochMetrics {
            epoch,
            step,
            images: step,
            train_loss: 1.0,
            train_top1: 50.0,
            rate: 0.1,
            images_per_second: 9.0,
            data_wait: 0.0,
            communication: None,
            data_threads: None,
            validation: None,
            ema_validation: None,
            test: None,
            test_reads: 0,
        })
    }

    /// Steps of all events in the order in which TensorBoard reads them; starts and results by name.
    fn read(folder: &Path) -> Vec<String> {
        let mut found = vec![];
        for path in files(folder).unwrap() {
            let bytes = fs::read(path).unwrap();
            let mut rest = &bytes[..];
            while let Some((data, taken)) = unframe(rest) {
                let Event { step, what, .. } = Event::decode(data).unwrap();
                match what {
                    What::FileVersion(version) => assert_eq!(version, VERSION),
                    What::Start => found.push(format!("start {step}")),
                    What::Scalars(scalars) => match scalars.first() {
                        Some((tag, number)) if tag == EPOCH => found.push(format!("epoch {number}")),
                        Some(_) => found.push(step.to_string()),
                        None => found.push("result".to_owned()),
                    },
                }
                rest = &rest[taken..];
            }
            assert!(rest.is_empty(), "torn");
        }
        found
    }

    #[test]
    fn a_run_that_goes_on_has_each_step_once() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tensorboard");
        let mut sink = TensorBoard::open(&folder).unwrap();
        for metric in [step(1), step(2), epoch(1, 2), step(3), step(4), epoch(2, 4)] {
            sink.write(&metric).unwrap();
        }
        sink.sync().unwrap();
        drop(sink);
        // Killed while it wrote.
        let path = files(&folder).unwrap().remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 5);
        fs::write(&path, bytes).unwrap();

        // The checkpoint has step 3 and the first epoch.
        let mut sink = TensorBoard::open(&folder).unwrap();
        sink.rewind(3, 1).unwrap();
        assert_eq!(read(&folder), ["1", "2", "epoch 1", "3"]);
        for metric in [step(4), epoch(2, 4)] {
            sink.write(&metric).unwrap();
        }
        assert_eq!(read(&folder), ["1", "2", "epoch 1", "3", "start 4", "4", "epoch 2"]);
        // The epoch's line came, its checkpoint did not: it is closed again.
        let mut sink = TensorBoard::open(&folder).unwrap();
        sink.rewind(4, 1).unwrap();
        sink.write(&epoch(2, 4)).unwrap();
        assert_eq!(read(&folder), ["1", "2", "epoch 1", "3", "start 4", "4", "start 4", "epoch 2"]);
        assert_eq!(files(&folder).unwrap().len(), 3);
        // A result goes with the run's end, whatever else stays.
        sink.write(&Metric::Final(FinalMetrics { step: 4, epoch: 2, test: Some(scores()), test_reads: 1 }))
            .unwrap();
        sink.rewind(4, 2).unwrap();
        assert_eq!(read(&folder).last().unwrap(), "epoch 2");
        // A training that begins anew begins with nothing.
        sink.rewind(0, 0).unwrap();
        assert_eq!(files(&folder).unwrap(), Vec::<PathBuf>::new());
    }

    fn scores() -> Scores {
        Scores { images: 10, top1_correct: 9, top5_correct: None, loss: 0.5, images_per_second: 1.0 }
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("notes.txt"), "mine").unwrap();
        TensorBoard::open(scratch.path()).unwrap().rewind(0, 0).unwrap();
        assert_eq!(fs::read_to_string(scratch.path().join("notes.txt")).unwrap(), "mine");
    }
}
