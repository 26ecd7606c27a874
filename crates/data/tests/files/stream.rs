//! `FileLoader`: the same batches whatever the threads, the source's layout or an interruption; broken
//! records by quota.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::images::{folders, png, shard};
use resnet_data::sources::{IndexCache, OpenFiles, Source, open_files};
use resnet_data::{
    Error, Feed, FileLoader, FileTransform, LastBatch, LoaderConfig, OnBroken, Order, Rank, Transform,
};
use resnet_vision::image::Orientation;
use resnet_vision::{Batch, EvalTransform, Normalisation, TrainTransform};

fn source(dir: &Path) -> Arc<dyn Source> {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() }).unwrap().train
}

/// What is done to images, and how they become batches.
#[derive(Clone)]
struct Config {
    how: FileTransform,
    config: LoaderConfig,
}

impl Config {
    fn with(mut self, change: impl FnOnce(&mut LoaderConfig)) -> Self {
        change(&mut self.config);
        self
    }

    fn on_broken(mut self, on_broken: OnBroken) -> Self {
        self.how.on_broken = on_broken;
        self
    }

    fn load(self, source: Arc<dyn Source>, records: Option<Vec<u32>>) -> Result<FileLoader, Error> {
        FileLoader::new(source, records, self.how, self.config)
    }
}

fn training() -> Config {
    let how = FileTransform {
        transform: Transform::Train(TrainTransform::inception(32), Normalisation::IMAGENET),
        orientation: Orientation::Apply,
        on_broken: OnBroken::Fail,
    };
    Config { how, config: LoaderConfig { prefetch: 2, ..LoaderConfig::training(4, 7) } }
}

fn evaluation() -> Config {
    let mut evaluation = training().with(|config| config.order = Order::Sequential);
    evaluation.how.transform = Transform::Eval(EvalTransform::small(8, Normalisation::HALF));
    evaluation
}

fn batches(dir: &Path, config: Config, epoch: u64, first: usize) -> Result<Vec<Batch>, Error> {
    config.load(source(dir), None)?.epoch(epoch, first).collect()
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a", "b", "c"], 6);
    let whole = batches(folder.path(), training(), 3, 0).unwrap();
    assert_eq!(whole.iter().map(Batch::len).collect::<Vec<_>>(), [4, 4, 4, 4, 2]);
    for workers in [0, 1, 5] {
        let config = training().with(|config| config.workers = workers);
        assert!(batches(folder.path(), config.clone(), 3, 0).unwrap() == whole, "{workers} workers");
        assert!(batches(folder.path(), config, 3, 2).unwrap() == whole[2..], "{workers} workers, resumed");
    }
    assert!(batches(folder.path(), training(), 4, 0).unwrap() != whole);
    assert!(batches(folder.path(), training().with(|config| config.seed = 8), 3, 0).unwrap() != whole);
}

#[test]
fn an_epoch_shows_every_image_once_with_its_own_label() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // What an image shows says which label it has.
    let sample = |i: u8| (format!("{i:04}"), png(8, 8, 10 * (i % 5)), u64::from(i % 5));
    for part in 0..4 {
        let samples: Vec<_> = (0..10).map(|i| sample(10 * part + i)).collect();
        shard(&dir.join(format!("train-{part}.tar")), &samples);
    }
    for order in [Order::Sequential, Order::Shuffled] {
        let config = evaluation().with(|config| (config.order, config.batch) = (order, 7));
        let all = batches(dir, config, 0, 0).unwrap();
        let mut seen = BTreeMap::new();
        for batch in &all {
            for (image, label) in batch.images.chunks_exact(3 * 64).zip(&batch.labels) {
                // The last pixel's red is the colour that the label decides.
                let red = ((image[63] * 0.5 + 0.5) * 255.0).round() as u32;
                assert_eq!(red, 10 * label);
                *seen.entry(*label).or_insert(0) += 1;
            }
        }
        assert_eq!(seen, (0..5).map(|label| (label, 8)).collect());
        let labels: Vec<u32> = all.iter().flat_map(|batch| batch.labels.clone()).collect();
        let sorted = (0..40).map(|i| i % 5).collect::<Vec<u32>>();
        assert_eq!(labels == sorted, order == Order::Sequential);
    }
}

#[test]
fn a_balanced_epoch_shows_rare_classes_as_often_as_frequent_ones() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a"], 9);
    folders(folder.path(), &["b"], 3);
    let balanced = || training().with(|config| config.order = Order::Balanced);
    for epoch in 0..3 {
        let all = batches(folder.path(), balanced(), epoch, 0).unwrap();
        let labels: Vec<u32> = all.iter().flat_map(|batch| batch.labels.clone()).collect();
        assert_eq!((labels.len(), labels.iter().sum::<u32>()), (12, 6), "{labels:?}");
        assert!(batches(folder.path(), balanced(), epoch, 2).unwrap() == all[2..]);
    }
}

#[test]
fn processes_share_each_batch_or_an_epoch_in_order() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a", "b"], 7);
    let images = |index, world_size, order, epoch| -> Vec<Vec<Vec<u32>>> {
        let rank = Rank { index, world_size };
        let config = evaluation().with(|config| (config.order, config.rank) = (order, rank));
        let batches = batches(folder.path(), config, epoch, 0).unwrap();
        let bits = |image: &[f32]| image.iter().map(|value| value.to_bits()).collect();
        batches.iter().map(|batch| batch.images.chunks_exact(3 * 64).map(bits).collect()).collect()
    };
    let repeated = Order::Repeated { times: 3, within: 6 };
    for order in [Order::Sequential, Order::Shuffled, Order::Balanced, repeated] {
        let whole = images(0, 1, order, 5);
        let parts: Vec<_> = (0..3).map(|rank| images(rank, 3, order, 5)).collect();
        match order {
            // Evaluation sees every image, each process a stretch of them.
            Order::Sequential => {
                assert_eq!(parts.concat().concat(), whole.concat());
                let lengths: Vec<usize> = parts.iter().map(|part| part.concat().len()).collect();
                assert_eq!(lengths, [4, 5, 5]);
            }
            _ => {
                for (number, batch) in whole.iter().enumerate() {
                    let shares: Vec<_> = parts.iter().map(|part| part[number].clone()).collect();
                    assert_eq!(shares.concat(), *batch, "{order:?}, {number}");
                }
            }
        }
    }
    for (rank, ranks) in [(2, 2), (0, 0)] {
        let own = Rank { index: rank, world_size: ranks };
        let config = evaluation().with(|config| config.rank = own);
        let message = config.load(source(folder.path()), None).unwrap_err().to_string();
        assert!(message.contains(&format!("process {rank} of {ranks}")), "{message}");
    }
}

#[test]
fn a_broken_record_is_named_or_left_out_by_quota() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(dir, &["a", "b"], 10);
    fs::write(dir.join("a/3.png"), b"\x89PNG\r\n\x1a\nand then nothing").unwrap();
    fs::write(dir.join("b/5.png"), "a text").unwrap();
    let message = batches(dir, evaluation(), 0, 0).unwrap_err().to_string();
    assert!(message.contains("3.png") && message.contains("mend or remove it"), "{message}");

    let some = |most| evaluation().on_broken(OnBroken::Skip { most }).with(|config| config.workers = 0);
    let loader = some(0.1).load(source(dir), None).unwrap();
    let shown: usize = loader.epoch(0, 0).map(|batch| batch.unwrap().len()).sum();
    assert_eq!((shown, loader.broken().len()), (18, 2));
    // In a second epoch they are counted once.
    assert_eq!(loader.epoch(1, 0).map(|batch| batch.unwrap().len()).sum::<usize>(), 18);
    assert_eq!(loader.broken().len(), 2);
    let message = batches(dir, some(0.05), 0, 0).unwrap_err().to_string();
    assert!(
        message.contains("5.png") && message.contains("the limit is the one broken sample before it"),
        "{message}"
    );
    let times = loader.times().unwrap();
    assert!([times.read, times.decode, times.transform].iter().all(|time| time.as_nanos() > 0), "{times:?}");
}

#[test]
fn what_is_known_to_be_broken_counts_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(dir, &["a", "b"], 10);
    fs::write(dir.join("a/3.png"), "").unwrap();
    fs::write(dir.join("b/5.png"), "a text").unwrap();
    let loader = |on_broken| {
        evaluation().on_broken(on_broken).with(|config| config.workers = 0).load(source(dir), None)
    };
    let message = loader(OnBroken::Fail).unwrap_err().to_string();
    assert!(message.contains("3.png") && message.contains("it is empty"), "{message}");
    let message = loader(OnBroken::Skip { most: 0.04 }).unwrap_err().to_string();
    assert!(message.contains("it costs 1 of the samples; the limit is 0"), "{message}");
    // One of the two that may be is gone before the first is read.
    let two = loader(OnBroken::Skip { most: 0.1 }).unwrap();
    assert_eq!(two.broken().len(), 1);
    assert_eq!(two.epoch(0, 0).map(|batch| batch.unwrap().len()).sum::<usize>(), 18);
    let places: Vec<String> = two.broken().into_iter().map(|broken| broken.place).collect();
    assert!(places[0].ends_with("3.png") && places[1].ends_with("5.png"), "{places:?}");
    let one = loader(OnBroken::Skip { most: 0.05 }).unwrap();
    let message = one.epoch(0, 0).find_map(Result::err).unwrap().to_string();
    assert!(
        message.contains("5.png") && message.contains("the limit is the one broken sample before it"),
        "{message}"
    );
}

#[test]
fn a_batch_may_be_broken_as_a_whole_but_not_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a"], 6);
    let spoil = |i: u32| fs::write(folder.path().join(format!("a/{i}.png")), "a text").unwrap();
    [2, 3].into_iter().for_each(spoil);
    let on_broken = OnBroken::Skip { most: 1.0 };
    let lengths = || -> Result<Vec<usize>, Error> {
        let all =
            batches(folder.path(), evaluation().on_broken(on_broken).with(|config| config.batch = 2), 0, 0)?;
        Ok(all.iter().map(Batch::len).collect())
    };
    // Batches keep their numbers, so that an epoch can be resumed behind one that is empty.
    assert_eq!(lengths().unwrap(), [2, 0, 2]);
    [0, 1, 4, 5].into_iter().for_each(spoil);
    let message = lengths().unwrap_err().to_string();
    assert!(message.contains("all others are broken too"), "{message}");
}

#[test]
fn a_file_that_vanished_is_named() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a", "b"], 2);
    let source = source(folder.path());
    fs::remove_file(folder.path().join("b/1.png")).unwrap();
    let loader = evaluation().load(source, None).unwrap();
    let results: Vec<_> = loader.epoch(0, 0).collect();
    let message = results.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(message.contains("1.png"), "{message}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["a"], 3);
    let refused = |records: Option<Vec<u32>>, config: Config| {
        config.load(source(folder.path()), records).unwrap_err().to_string()
    };
    assert!(refused(Some(vec![]), training()).contains("no image to load"));
    assert!(refused(Some(vec![3]), training()).contains("3 images, and none of the number 3"));
    assert!(refused(None, training().with(|config| config.batch = 0)).contains("batch of 0"));
    let dropping = training().with(|config| config.last_batch = LastBatch::Drop);
    assert!(refused(None, dropping).contains("no whole batch"));
}
