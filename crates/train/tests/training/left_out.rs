//! Samples that cannot be used: their time is counted, their steps are passed over, evaluations end all the
//! same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Tiny, data, recipe};
use candle_core::{Result, Tensor, Var};
use resnet_data::sources::Broken as LeftOut;
use resnet_data::{Batches, Dataset, Error as DataError, Feed};
use resnet_ops::Mode;
use resnet_record::{EpochMetrics, Metric, Recipe, Run, RunRecord};
use resnet_train::{
    Classifier, DataIdentity, Error, Observer, Options, Outcome, Quiet, Split, Threads, TrainingData,
    TrainingFeeds, evaluate, fit,
};
use resnet_vision::Batch;

/// Data of whose batches some have lost images, after a search that takes its time; then the samples that are
/// told to be left out, of which there may be two.
struct Broken(Dataset, Vec<LeftOut>);

/// How many images are left of a batch of the training data, by its number.
const LEFT: [usize; 4] = [32, 0, 1, 14];

#[derive(Debug)]
struct Gaps<F>(F, &'static [usize], Vec<LeftOut>);

struct GapsBatches {
    inner: Box<dyn Batches>,
    left: std::slice::Iter<'static, usize>,
    waited: Duration,
}

impl Iterator for GapsBatches {
    type Item = std::result::Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.inner.next()?;
        let left = *self.left.next().unwrap_or(&usize::MAX);
        if left == 0 {
            let search = Duration::from_millis(60);
            std::thread::sleep(search);
            self.waited += search;
        }
        Some(batch.map(|mut batch| {
            let left = left.min(batch.labels.len());
            batch.images.truncate(left * 3 * batch.height * batch.width);
            batch.labels.truncate(left);
            batch
        }))
    }
}

impl Batches for GapsBatches {
    fn waited(&self) -> Duration {
        self.waited
    }
}

impl<F: std::ops::Deref<Target = dyn Feed> + Send + Sync + std::fmt::Debug> Feed for Gaps<F> {
    fn images(&self) -> usize {
        self.0.images()
    }

    fn images_per_epoch(&self) -> usize {
        self.0.images_per_epoch()
    }

    fn batches_per_epoch(&self) -> usize {
        self.0.batches_per_epoch()
    }

    fn epoch(&self, epoch: u64, first_batch: usize) -> Box<dyn Batches> {
        let left = self.1[first_batch.min(self.1.len())..].iter();
        Box::new(GapsBatches { inner: self.0.epoch(epoch, first_batch), left, waited: Duration::ZERO })
    }

    fn broken(&self) -> Vec<LeftOut> {
        self.2.clone()
    }

    fn most_broken(&self) -> Option<u64> {
        Some(2)
    }
}

impl TrainingData for Broken {
    fn class_counts(&self) -> Vec<u64> {
        self.0.class_counts()
    }

    fn origin(&self) -> &str {
        TrainingData::origin(&self.0)
    }

    fn classes(&self) -> usize {
        self.0.classes()
    }

    fn identity(&self) -> DataIdentity {
        self.0.identity()
    }

    fn training(&self, recipe: &Recipe, options: &Options) -> std::result::Result<TrainingFeeds, Error> {
        let TrainingFeeds { size, train, validation } = self.0.training(recipe, options)?;
        let validation = validation.map(|feed| Box::new(Gaps(feed, &[20], vec![])) as Box<dyn Feed>);
        Ok(TrainingFeeds { size, train: Box::new(Gaps(train, &LEFT, self.1.clone())), validation })
    }

    fn test_images(&self) -> usize {
        self.0.test_images()
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> std::result::Result<Box<dyn Feed>, Error> {
        Ok(Box::new(Gaps(self.0.test(recipe, options)?, &[32, 0], vec![])))
    }

    fn test_reads(&self) -> u64 {
        TrainingData::test_reads(&self.0)
    }
}

/// A network whose steps need two images.
struct Two(Tiny);

impl Classifier for Two {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        assert!(mode == Mode::Eval || images.dim(0)? >= 2);
        self.0.logits(images, mode)
    }

    fn fewest_images(&self, _size: [usize; 2]) -> Result<usize> {
        Ok(2)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}

/// The events of the evaluations: how many images were done in the end, of how many, and whether it ended.
#[derive(Default)]
struct Evaluations(Mutex<Vec<(Split, u64, u64, bool)>>);

impl Observer for Evaluations {
    fn on_evaluation(&mut self, split: Split, done: u64, images: u64) {
        let all = self.0.get_mut().unwrap();
        if done == 0 {
            all.push((split, done, images, false));
        } else if let Some(last) = all.last_mut() {
            *last = (split, done, images, false);
        }
    }

    fn on_evaluation_end(&mut self, split: Split) {
        let last = self.0.get_mut().unwrap().last_mut().unwrap();
        assert_eq!(last.0, split);
        last.3 = true;
    }
}

#[test]
fn a_batch_that_is_left_out_counts_as_a_step_and_ends_no_evaluation() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    // An epoch of 110 images in batches of 32.
    let recipe = recipe(&["train.duration=2 epochs"]);
    let mut run = Run::create(&dir, &recipe, RunRecord::begin("test", &recipe)).unwrap();
    let mut told = Evaluations::default();
    let outcome =
        fit(&Two(Tiny::new(1, 10)), &Broken(data(), vec![]), &mut run, &Options::default(), &mut told)
            .unwrap();
    let Outcome::Finished(results) = outcome else { panic!("{outcome:?}") };
    assert_eq!(results.steps, 8, "a batch that is left out counts in the schedule");

    let epochs: Vec<EpochMetrics> = run
        .folder()
        .metrics()
        .unwrap()
        .into_iter()
        .filter_map(|metric| if let Metric::Epoch(epoch) = metric { Some(epoch) } else { None })
        .collect();
    assert_eq!(epochs.iter().map(|epoch| epoch.images).collect::<Vec<_>>(), [46, 92]);
    for epoch in &epochs {
        let wait = epoch.data_wait;
        assert!(wait > 0.0 && wait <= 100.0, "{wait} % of an epoch that waits 60 ms for nothing");
        // 46 images in more than 60 ms.
        assert!(epoch.images_per_second < 46.0 / 0.06, "{}", epoch.images_per_second);
    }
    let evaluations = told.0.into_inner().unwrap();
    let validation = (Split::Validation, 20, 30, true);
    assert_eq!(evaluations, [validation, validation, (Split::Test, 32, 60, true)]);
}

/// Whether two processes, each of which leaves these samples out, train to the end; what they say if not.
fn two_leave_out(samples: [&[&str]; 2]) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = recipe(&["train.duration=1 epochs"]);
    std::thread::scope(|scope| {
        let train = |(index, process): (usize, Threads)| {
            let (recipe, dir) = (&recipe, scratch.path().join("run"));
            let lost = samples[index].iter().map(|place| LeftOut::new(*place, "it is empty")).collect();
            scope.spawn(move || {
                let record = RunRecord::begin("test", recipe);
                let mut run = match index {
                    0 => Run::create(&dir, recipe, record).unwrap(),
                    _ => Run::kept_elsewhere(&dir, recipe, record),
                };
                let options = Options { processes: Arc::new(process), ..Options::default() };
                let data = Broken(data(), lost);
                fit(&Two(Tiny::new(1, 10)), &data, &mut run, &options, &mut Quiet)
            })
        };
        let threads: Vec<_> = Threads::new(2).into_iter().enumerate().map(train).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.filter_map(|ended| ended.err().map(|error| error.to_string())).collect()
    })
}

#[test]
fn samples_are_left_out_up_to_one_limit_for_all_processes() {
    assert!(two_leave_out([&["a.png", "b.png"], &["b.png"]]).is_empty(), "two in all");
    let told = two_leave_out([&["a.png", "b.png"], &["c.png"]]);
    assert!(told.len() == 2 && told[0] == told[1], "{told:?}");
    assert!(told[0].contains("c.png cannot be used: it is empty"), "{told:?}");
}

#[test]
fn an_evaluation_of_which_nothing_is_left_is_an_error() {
    let data = data();
    let feed = TrainingData::test(&data, &recipe(&[]), &Options::default()).unwrap();
    let error = evaluate(&Tiny::new(1, 10), &Gaps(feed, &[0, 0], vec![]), |_| true).unwrap_err();
    assert!(matches!(error, Error::NothingScored), "{error}");
}
