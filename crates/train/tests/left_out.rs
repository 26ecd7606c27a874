//! Samples that cannot be used: their time is counted, their steps are passed over, evaluations end all the
//! same.

mod common;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use candle_core::{Result, Tensor, Var};
use common::{Tiny, data, recipe};
use resnet_data::{Batches, Dataset, Error as DataError, Feed};
use resnet_ops::Mode;
use resnet_record::{EpochMetrics, Metric, Recipe, Run, RunRecord};
use resnet_train::{
    Classifier, DataIdentity, Error, Observer, Options, Outcome, Split, TrainingData, TrainingFeeds,
    evaluate, fit,
};
use resnet_vision::Batch;

/// Data of whose batches some have lost images, after a search that takes its time.
struct Broken(Dataset);

/// How many images are left of a batch of the training data, by its number.
const LEFT: [usize; 4] = [32, 0, 1, 14];

#[derive(Debug)]
struct Gaps<F>(F, &'static [usize]);

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
        let validation = validation.map(|feed| Box::new(Gaps(feed, &[20])) as Box<dyn Feed>);
        Ok(TrainingFeeds { size, train: Box::new(Gaps(train, &LEFT)), validation })
    }

    fn test_images(&self) -> usize {
        self.0.test_images()
    }

    fn test(&self, recipe: &Recipe, options: &Options) -> std::result::Result<Box<dyn Feed>, Error> {
        Ok(Box::new(Gaps(self.0.test(recipe, options)?, &[32, 0])))
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
        fit(&Two(Tiny::new(1, 10)), &Broken(data()), &mut run, &Options::default(), &mut told).unwrap();
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

#[test]
fn an_evaluation_of_which_nothing_is_left_is_an_error() {
    let data = data();
    let feed = TrainingData::test(&data, &recipe(&[]), &Options::default()).unwrap();
    let error = evaluate(&Tiny::new(1, 10), &Gaps(feed, &[0, 0]), |_| true).unwrap_err();
    assert!(matches!(error, Error::NothingScored), "{error}");
}
