//! The loader's promises: same seed, same batches, whatever the threads and wherever a run resumes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use resnet_data::{DataLoader, Error, Feed, ImageSet, LastBatch, LoaderConfig, Order, Rank};
use resnet_vision::{Augmentation, Batch, Flip, Normalisation};

fn set(images: usize, side: usize) -> Arc<ImageSet> {
    let bytes = images * 3 * side * side;
    // The first byte of an image names it; the others are noise enough to notice a misplaced row.
    let mut pixels: Vec<u8> = (0..bytes).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
    pixels.chunks_exact_mut(3 * side * side).enumerate().for_each(|(i, image)| image[0] = i as u8);
    let labels = (0..images).map(|i| (i % 10) as u32).collect();
    let classes = (0..10).map(|i| i.to_string()).collect();
    Arc::new(ImageSet::new(pixels, labels, side, side, classes).unwrap())
}

fn config(batch: usize) -> LoaderConfig {
    LoaderConfig::training(batch, 11)
}

/// As in the paper.
const HOW: (Augmentation, Normalisation) = (Augmentation::PAPER, Normalisation::CIFAR10);

fn loader(images: usize, config: LoaderConfig) -> DataLoader {
    DataLoader::new(set(images, 8), HOW, config).unwrap()
}

#[test]
fn threads_change_nothing() {
    let all = |workers, prefetch, epoch| -> Vec<Batch> {
        loader(103, LoaderConfig { workers, prefetch, ..config(10) }).epoch(epoch, 0).collect()
    };
    let expected = all(0, 1, 5);
    assert_eq!(expected.len(), 11);
    for (workers, prefetch) in [(1, 1), (2, 3), (5, 2), (16, 40), (3, 0)] {
        assert!(all(workers, prefetch, 5) == expected, "{workers} workers, {prefetch} ahead");
    }
    assert!(all(2, 2, 6) != expected);
}

#[test]
fn resuming_gives_the_rest_of_the_epoch() {
    let loader = loader(64, config(5));
    let expected: Vec<Batch> = loader.epoch(2, 0).collect();
    for first in 0..=expected.len() + 1 {
        let rest: Vec<Batch> = loader.epoch(2, first).collect();
        assert!(rest == expected[first.min(expected.len())..], "from {first}");
    }
    assert_eq!(loader.epoch(2, usize::MAX).count(), 0);
}

/// Class 0 has 40 images, class 1 has 8, class 2 has 2.
fn unequal() -> Arc<ImageSet> {
    let labels: Vec<u32> = [(0, 40), (1, 8), (2, 2)].iter().flat_map(|&(class, n)| vec![class; n]).collect();
    let pixels = (0..50 * 3 * 8 * 8).map(|i: usize| ((i * 2_654_435_761) >> 13) as u8).collect();
    Arc::new(ImageSet::new(pixels, labels, 8, 8, ["a", "b", "c"].map(str::to_owned).into()).unwrap())
}

#[test]
fn a_balanced_epoch_shows_all_classes_equally_often_and_resumes() {
    let balanced = LoaderConfig { order: Order::Balanced, ..config(8) };
    let loader = DataLoader::new(unequal(), HOW, balanced).unwrap();
    assert_eq!((loader.images_per_epoch(), loader.batches_per_epoch()), (50, 7));
    for epoch in 0..3 {
        let all: Vec<Batch> = loader.epoch(epoch, 0).collect();
        let labels: Vec<u32> = all.iter().flat_map(|batch| batch.labels.clone()).collect();
        let counts = [0, 1, 2].map(|class| labels.iter().filter(|label| **label == class).count());
        assert!(counts.iter().all(|count| (16..=17).contains(count)), "{counts:?}");
        assert!(labels[..25].contains(&2) && labels[25..].contains(&2), "classes are mixed: {labels:?}");
        for first in 0..all.len() {
            assert!(loader.epoch(epoch, first).eq(all[first..].iter().cloned()), "from {first}");
        }
        // Each of class 2's two images comes eight times, cropped and mirrored otherwise.
        let side = 3 * 8 * 8;
        let rows = all.iter().flat_map(|batch| batch.images.chunks(side).zip(&batch.labels));
        let mut seen: Vec<Vec<u32>> = rows
            .filter(|(_, label)| **label == 2)
            .map(|(image, _)| image.iter().map(|value| value.to_bits()).collect())
            .collect();
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 10, "{} of 16 showings differ", seen.len());
    }
}

#[test]
fn a_repeated_image_is_shown_three_times_in_a_step_and_never_alike() {
    // A step is three batches of eight.
    let repeated = LoaderConfig { order: Order::Repeated { times: 3, within: 24 }, ..config(8) };
    let loader = loader(48, repeated);
    assert_eq!((loader.images_per_epoch(), loader.batches_per_epoch()), (48, 6));
    let mut seen = HashSet::new();
    for epoch in 0..6 {
        let all: Vec<Batch> = loader.epoch(epoch, 0).collect();
        for first in 0..all.len() {
            assert!(loader.epoch(epoch, first).eq(all[first..].iter().cloned()), "from {first}");
        }
        for (step, batches) in all.chunks(3).enumerate() {
            let names: Vec<String> = (0..3).flat_map(|batch| loader.names(epoch, 3 * step + batch)).collect();
            let distinct: HashSet<&String> = names.iter().collect();
            assert_eq!((names.len(), distinct.len()), (24, 8), "epoch {epoch}, step {step}");
            assert_eq!(batches.iter().map(Batch::len).sum::<usize>(), 24);
        }
        let bits = |image: &[f32]| image.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        seen.extend(all.iter().flat_map(|batch| batch.images.chunks(3 * 64)).map(bits));
    }
    // 288 showings, of 48 images six each; a crop and a flip of 162 may come twice.
    assert!(seen.len() > 250, "{}", seen.len());
}

#[test]
fn an_epoch_shows_every_image_once() {
    for order in [Order::Shuffled, Order::Sequential] {
        let how = (Augmentation::None, Normalisation::CIFAR10);
        let loader = DataLoader::new(set(50, 8), how, LoaderConfig { order, ..config(8) }).unwrap();
        let mut seen = Vec::new();
        for batch in loader.epoch(0, 0) {
            assert_eq!(batch.images.len(), batch.len() * 3 * 8 * 8);
            for (image, &label) in batch.images.chunks_exact(3 * 64).zip(&batch.labels) {
                let name = (0..=255).find(|&b| Normalisation::CIFAR10.apply(0, b) == image[0]).unwrap();
                assert_eq!(u32::from(name) % 10, label);
                seen.push(name);
            }
        }
        let in_order: Vec<u8> = (0..50).collect();
        assert_eq!(seen == in_order, order == Order::Sequential);
        seen.sort_unstable();
        assert_eq!(seen, in_order);
    }
}

#[test]
fn ranks_share_each_batch_or_an_epoch_in_order() {
    // The bits of each image, and its label: augmented, so that an image shows which place drew it.
    let batches = |rank, order| -> Vec<Vec<(Vec<u32>, u32)>> {
        let loader = loader(50, LoaderConfig { order, rank, ..config(8) });
        let bits = |image: &[f32]| image.iter().map(|value| value.to_bits()).collect();
        let of = |batch: Batch| batch.images.chunks_exact(3 * 64).map(bits).zip(batch.labels).collect();
        loader.epoch(3, 0).map(of).collect()
    };
    let repeated = Order::Repeated { times: 3, within: 16 };
    for order in [Order::Shuffled, Order::Balanced, repeated, Order::Sequential] {
        let whole = batches(Rank::ONLY, order);
        assert_eq!(whole.concat().len(), 50);
        for world_size in [1, 2, 4, 5, 7] {
            let parts = (0..world_size).map(|index| batches(Rank { index, world_size }, order));
            let parts: Vec<_> = parts.collect();
            if order == Order::Sequential {
                // Evaluation sees every image once, each process a stretch of them.
                assert_eq!(parts.concat().concat(), whole.concat(), "{world_size}");
                continue;
            }
            // Each batch is the same images, whoever has them; the last has two, so some have nothing.
            for (number, batch) in whole.iter().enumerate() {
                let shares: Vec<_> = parts.iter().map(|part| part[number].clone()).collect();
                assert_eq!(shares.concat(), *batch, "{order:?}, {world_size}, {number}");
                let fair = batch.len() / world_size;
                assert!(shares.iter().all(|share| (fair..=fair + 1).contains(&share.len())));
            }
        }
    }
}

#[test]
fn the_last_batch_is_kept_or_dropped() {
    for (images, batch, last_batch, sizes) in [
        (10, 4, LastBatch::Keep, vec![4, 4, 2]),
        (10, 4, LastBatch::Drop, vec![4, 4]),
        (8, 4, LastBatch::Keep, vec![4, 4]),
        (8, 4, LastBatch::Drop, vec![4, 4]),
        (3, 4, LastBatch::Keep, vec![3]),
        (3, usize::MAX, LastBatch::Keep, vec![3]),
    ] {
        let loader = loader(images, LoaderConfig { last_batch, ..config(batch) });
        assert_eq!(loader.images_per_epoch(), sizes.iter().sum::<usize>());
        assert_eq!(loader.batches_per_epoch(), sizes.len());
        let epoch = loader.epoch(0, 0);
        assert_eq!(epoch.len(), sizes.len());
        assert_eq!(epoch.map(|batch| batch.len()).collect::<Vec<_>>(), sizes);
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let pad = |padding| (Augmentation::PadCropFlip { padding, flip: Flip::Never }, Normalisation::CIFAR10);
    let bad_std = (Augmentation::PAPER, Normalisation { std: [0.0; 3], ..Normalisation::CIFAR10 });
    let of = |rank| LoaderConfig { rank, ..config(4) };
    for (images, how, config, wanted) in [
        (0, HOW, config(4), "no image to load"),
        (9, HOW, config(0), "batch of 0"),
        (9, HOW, LoaderConfig { order: Order::Repeated { times: 0, within: 4 }, ..config(4) }, "0 times"),
        (9, HOW, LoaderConfig { last_batch: LastBatch::Drop, ..config(10) }, "no whole batch of 10"),
        (9, pad(8), config(4), "padding of 8"),
        (9, pad(usize::MAX), config(4), "padding of"),
        (9, bad_std, config(4), "above 0"),
        (9, HOW, of(Rank { index: 2, world_size: 2 }), "process 2 of 2"),
        (9, HOW, of(Rank { index: 0, world_size: 0 }), "process 0 of 0"),
        (9, HOW, of(Rank { index: 0, world_size: 5 }), "no part of 4 images"),
    ] {
        let error: Error = DataLoader::new(set(images, 8), how, config).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn waiting_is_measured_and_an_early_end_is_quick() {
    let loader = loader(1_000, LoaderConfig { workers: 2, prefetch: 3, ..config(1) });
    let start = Instant::now();
    let mut epoch = loader.epoch(0, 0);
    assert!(epoch.next().is_some());
    assert!(epoch.waited() > Duration::ZERO && epoch.waited() <= start.elapsed());
    drop(epoch);
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// `cargo test -p resnet-data --test loader -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
fn images_per_second() {
    let set = set(20_000, 32);
    for (name, augmentation) in [("augmented", Augmentation::PAPER), ("plain", Augmentation::None)] {
        for workers in [0, 1, 2] {
            let config = LoaderConfig { workers, ..config(128) };
            let loader =
                DataLoader::new(Arc::clone(&set), (augmentation, Normalisation::CIFAR10), config).unwrap();
            let mut best = f64::MAX;
            let mut waited = Duration::ZERO;
            for epoch in 0..7 {
                let start = Instant::now();
                let mut batches = loader.epoch(epoch, 0);
                assert_eq!(batches.by_ref().map(|batch| batch.len()).sum::<usize>(), 20_000);
                best = best.min(start.elapsed().as_secs_f64());
                waited = batches.waited();
            }
            println!("{name}, {workers} workers: {:.0} images/s, last waited {waited:?}", 20_000.0 / best);
        }
    }
}
