//! The reported weights are chosen on validation images or not at all, and every reading of test labels is
//! counted.

use std::sync::Arc;

use crate::common::{StopAt, Tiny, When, create, data, outcome, resume, train, train_on};
use resnet_checkpoint::{TrainingCheckpoint, keys, read_training};
use resnet_data::{DataLoader, Dataset, LoaderConfig};
use resnet_record::{Checkpoint, EpochMetrics, Metric, RunFolder, Selection};
use resnet_train::{
    Classifier, EpochStanding, Observer, Options, Outcome, Quiet, Split, StepReport, TrainingPlan, evaluate,
    fit,
};
use resnet_vision::{Augmentation, Normalisation};

/// Sees to it that nobody has read a test label while there is training to do.
struct NoLooking<'a> {
    data: &'a Dataset,
    epochs: u64,
}

impl Observer for NoLooking<'_> {
    fn on_start(&mut self, plan: &TrainingPlan) {
        assert_eq!((plan.steps, plan.done, plan.validation_images), (12, 0, 30));
    }

    fn on_step(&mut self, _report: &StepReport) {
        assert_eq!(self.data.test.reads(), 0);
    }

    fn on_epoch(&mut self, epoch: &EpochMetrics, _standing: EpochStanding) {
        assert_eq!((self.data.test.reads(), epoch.test_reads), (0, 0));
        self.epochs += 1;
    }
}

#[test]
fn test_labels_are_read_once_and_at_the_end() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let data = data();
    let mut watch = NoLooking { data: &data, epochs: 0 };
    train_on(&data, &dir, &[], &mut watch).unwrap();
    assert_eq!((watch.epochs, data.test.reads()), (3, 1));
    let record = RunFolder::open(&dir).unwrap().record().unwrap();
    assert_eq!((record.test_reads, record.selection, record.mark()), (1, Selection::BestOnValidation, None));
}

#[test]
fn what_is_reported_is_what_the_file_of_the_best_weights_has() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let options = Options::default();
    let mut observer = StopAt::new(When::Evaluation(Split::Test, 1), &options);
    fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[]), &options, &mut observer).unwrap();
    // As if the file were left by a session that was killed before it had closed its ninth epoch.
    let file = RunFolder::open(&dir).unwrap().best_checkpoint();
    let TrainingCheckpoint { weights, mut metadata, .. } = read_training(&file).unwrap();
    let mut metrics: EpochMetrics = serde_json::from_str(&metadata[keys::METRICS]).unwrap();
    metrics.epoch = 9;
    metadata.insert(keys::METRICS.into(), serde_json::to_string(&metrics).unwrap());
    let shapes = weights.iter().map(|(name, stored)| (name.as_str(), &stored.shape[..])).collect();
    let values = |name: &str| Ok(weights[name].values.clone().unwrap());
    resnet_checkpoint::write::<resnet_checkpoint::Error>(&file, &shapes, &metadata, values).unwrap();
    let Outcome::Finished(results) = resume(&dir).unwrap() else { panic!("it has nothing left to train") };
    assert_eq!((results.checkpoint, results.checkpoint_epoch), (Checkpoint::Best, 9));
    assert_eq!(results.validation, metrics.validation);
}

#[test]
fn the_best_epoch_is_the_first_with_the_highest_validation_accuracy() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let model = Tiny::new(1, 10);
    // A rate at which accuracy goes up and down.
    let changes = ["train.duration=12 epochs", "schedule.lr=0.9"];
    let end = fit(&model, &data(), &mut create(&dir, &changes), &Options::default(), &mut Quiet).unwrap();
    let Outcome::Finished(results) = end else { panic!("{end:?}") };
    let metrics = RunFolder::open(&dir).unwrap().metrics().unwrap();
    let mut best: Option<(u64, u64)> = None;
    for metric in metrics {
        if let Metric::Epoch(EpochMetrics { epoch, validation: Some(scores), .. }) = metric
            && best.is_none_or(|(_, correct)| scores.top1_correct > correct)
        {
            best = Some((epoch, scores.top1_correct));
        }
    }
    let validation = results.validation.unwrap();
    assert_eq!(
        (results.checkpoint, Some((results.checkpoint_epoch, validation.top1_correct))),
        (Checkpoint::Best, best)
    );
    assert!(
        results.checkpoint_epoch < results.epochs,
        "the best is the last: this run shows nothing, change it"
    );

    // The test scores are those of the best weights, which the model now holds.
    let normalisation = Normalisation { mean: [0.5; 3], std: [0.25; 3] };
    let config = LoaderConfig { workers: 0, ..LoaderConfig::evaluation(7) };
    let feed =
        DataLoader::new(data().test.read_shared(), (Augmentation::None, normalisation), config).unwrap();
    let again = evaluate(&model, &feed, |_| true).unwrap().unwrap();
    let test = results.test.unwrap();
    assert_eq!(
        (again.top1_correct, again.top5_correct, again.images),
        (test.top1_correct, test.top5_correct, 60)
    );
    assert!((again.loss - test.loss).abs() < 1e-6);
}

#[test]
fn without_validation_images_there_is_no_best() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let Outcome::Finished(results) = train(&dir, &["data.validation=0"]) else { panic!() };
    assert_eq!(
        (results.checkpoint, results.checkpoint_epoch, results.validation),
        (Checkpoint::Last, 3, None)
    );
    let folder = RunFolder::open(&dir).unwrap();
    assert!(folder.last_checkpoint().exists() && !folder.best_checkpoint().exists());
    assert_eq!(folder.record().unwrap().selection, Selection::Last);
}

#[test]
fn evaluating_the_test_images_each_epoch_changes_only_the_count() {
    let scratch = tempfile::tempdir().unwrap();
    let (once, each, never) =
        (scratch.path().join("once"), scratch.path().join("each"), scratch.path().join("never"));
    train(&once, &[]);
    train(&each, &["train.evaluate_test=each-epoch"]);
    let Outcome::Finished(unseen) = train(&never, &["train.evaluate_test=never"]) else { panic!() };
    assert_eq!(outcome(&once).0, outcome(&each).0);
    assert_eq!(outcome(&once).0, outcome(&never).0);
    assert_eq!(outcome(&once).2, outcome(&each).2, "the reported results");
    let record = |dir| RunFolder::open(dir).unwrap().record().unwrap();
    assert_eq!([record(&once), record(&each), record(&never)].map(|record| record.test_reads), [1, 4, 0]);
    assert!(record(&each).mark().unwrap().contains("read 4 times"));
    assert_eq!(unseen.test, None);
    let reads: Vec<u64> = RunFolder::open(&each)
        .unwrap()
        .metrics()
        .unwrap()
        .iter()
        .filter_map(|metric| match metric {
            Metric::Epoch(epoch) => epoch.test.map(|_| epoch.test_reads),
            _ => None,
        })
        .collect();
    assert_eq!(reads, [1, 2, 3]);
}

#[test]
fn evaluations_come_at_the_set_interval_and_after_the_last_epoch() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    train(&dir, &["train.duration=5 epochs", "train.evaluate_every_epochs=2"]);
    let metrics = RunFolder::open(&dir).unwrap().metrics().unwrap();
    let scored: Vec<u64> = metrics
        .iter()
        .filter_map(|metric| match metric {
            Metric::Epoch(epoch) => epoch.validation.map(|_| epoch.epoch),
            _ => None,
        })
        .collect();
    assert_eq!(scored, [2, 4, 5]);
}

#[test]
fn training_learns_and_the_record_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    train(&dir, &["train.duration=20 epochs", "train.batch_size=16"]);
    let metrics = RunFolder::open(&dir).unwrap().metrics().unwrap();
    let losses: Vec<f64> = metrics
        .iter()
        .filter_map(|metric| match metric {
            Metric::Epoch(epoch) => Some(epoch.train_loss),
            _ => None,
        })
        .collect();
    assert_eq!(losses.len(), 20);
    assert!(losses[19] < 0.8 * losses[0], "{losses:?}");
}

#[test]
fn evaluation_counts_what_a_plain_loop_counts() {
    let data = data();
    let model = Tiny::new(5, 10);
    let normalisation = Normalisation::HALF;
    let set = Arc::new(data.train.clone());
    let config = LoaderConfig { workers: 2, ..LoaderConfig::evaluation(13) };
    let feed = DataLoader::new(set.clone(), (Augmentation::None, normalisation), config).unwrap();
    let scores = evaluate(&model, &feed, |_| true).unwrap().unwrap();

    let (mut top1, mut top5, mut loss) = (0, 0, 0.0);
    for i in 0..set.len() {
        let pixels =
            set.image(i).iter().enumerate().map(|(at, &byte)| normalisation.apply(at / 1024, byte)).collect();
        let image = candle_core::Tensor::from_vec(pixels, (1, 3, 32, 32), &candle_core::Device::Cpu).unwrap();
        let logits =
            model.logits(&image, resnet_ops::Mode::Eval).unwrap().to_vec2::<f32>().unwrap().remove(0);
        let label = set.labels()[i] as usize;
        let mut order: Vec<usize> = (0..10).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        top1 += u64::from(order[0] == label);
        top5 += u64::from(order[..5].contains(&label));
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        loss -= (f64::from(logits[label]).exp() / sum).ln();
    }
    assert_eq!((scores.top1_correct, scores.top5_correct), (top1, Some(top5)));
    assert!((scores.loss - loss / set.len() as f64).abs() < 1e-6, "{} {loss}", scores.loss);
    assert!(evaluate(&model, &feed, |done| done < 20).unwrap().is_none(), "it must stop when asked to");
}

#[test]
fn a_training_that_gets_no_better_ends_early_and_reports_the_best() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    // A rate at which accuracy goes up and down.
    let changes = ["train.duration=40 epochs", "schedule.lr=0.9", "schedule.warmup=0 steps"];
    for best_by in ["top1", "loss"] {
        let by = format!("train.best_by={best_by}");
        let Outcome::Finished(whole) =
            train(&dir(&format!("{best_by}-whole")), &[&changes[..], &[&by]].concat())
        else {
            panic!("it was stopped")
        };
        let early_dir = dir(best_by);
        let early_changes = [&changes[..], &[&by, "train.patience=3"]].concat();
        let Outcome::Finished(early) = train(&early_dir, &early_changes) else { panic!("it was stopped") };
        assert_eq!(early.epochs, early.checkpoint_epoch + 3, "{best_by}");
        assert!(early.epochs < whole.epochs, "{best_by}: {early:?}");

        // Which epoch is the best is what the metrics say.
        let metrics = RunFolder::open(&early_dir).unwrap().metrics().unwrap();
        let scores = metrics.into_iter().filter_map(|metric| match metric {
            Metric::Epoch(EpochMetrics { epoch, validation: Some(scores), .. }) => Some((epoch, scores)),
            _ => None,
        });
        let best = scores.reduce(|best, next| {
            let is_better = match best_by {
                "loss" => next.1.loss < best.1.loss,
                _ => next.1.top1_correct > best.1.top1_correct,
            };
            if is_better { next } else { best }
        });
        assert_eq!(best.unwrap().0, early.checkpoint_epoch, "{best_by}");
        // An epoch that was not scored decides nothing: the training goes on to one that is.
        let rare = [&early_changes[..], &["train.evaluate_every_epochs=5"]].concat();
        let Outcome::Finished(rare) = train(&dir(&format!("{best_by}-rare")), &rare) else {
            panic!("it was stopped")
        };
        assert!(rare.epochs.is_multiple_of(5) && rare.epochs > 5, "{best_by}: {rare:?}");
        // A run that has ended early is finished.
        assert_eq!(crate::common::resume(&early_dir).unwrap(), Outcome::Finished(early));
    }
}
