//! Trainings that could not end well are refused before they begin, in a sentence that says what to do.

use std::fs;
use std::path::Path;

use crate::common::{TINY, command, outcome_of, small_cifar, xtask, xtask_in};
use crate::image_files::{draw, small};

/// Classes of two colours, `train` and `val`.
fn two_classes(folder: &Path, images: u8) {
    draw(&folder.join("data/train"), &[[200, 0, 0], [0, 200, 0]], images);
    draw(&folder.join("data/val"), &[[200, 0, 0], [0, 200, 0]], 2);
}

#[test]
fn a_data_set_of_one_class_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0]], 10);
    draw(&here.join("data/val"), &[[200, 0, 0]], 4);
    xtask_in(here, &small("data", "run", &[])).ends_saying(1, &["data has only one class", "at least two"]);
    assert!(!here.join("run").exists(), "nothing is begun");
}

#[test]
fn a_last_batch_of_one_image_is_told_before_the_first_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    two_classes(here, 9);
    fs::remove_file(here.join("data/train/class1/8.png")).expect("it was there");
    // 17 images in batches of 8; of 32 x 32 pixels ImageNet's networks leave one.
    let set =
        ["model.name=resnet18-v2-imagenet", "images.image_size=32", "images.evaluate={resize=32,crop=32}"]
            .map(|set| ["--set", set])
            .concat();
    let outcome = xtask_in(here, &small("data", "run", &set));
    outcome.ends_saying(1, &["17 images in batches of 8 leave 1", "--set train.last_batch=drop"]);
    assert!(!here.join("run").exists(), "nothing is begun");
    let advised = [&set[..], &["--set", "train.last_batch=drop"]].concat();
    xtask_in(here, &small("data", "run", &advised)).succeeds();
    let alone = [&set[..], &["--set", "train.batch_size=1"]].concat();
    xtask_in(here, &small("data", "alone", &alone)).ends_saying(1, &["batches of 1 are too small"]);
}

#[test]
fn more_threads_than_cores_are_told_and_not_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let one_step = ["--set", "train.duration=1 step", "--threads", "20000"];
    let outcome = xtask_in(folder.path(), &[&["train", "--out", "run"], TINY, &one_step].concat());
    outcome.succeeds();
    let cores = std::thread::available_parallelism().expect("a number");
    let told = format!("--threads 20000 is more than this machine has cores; using {cores}");
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    let record = fs::read_to_string(folder.path().join("run/record.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["threads"], cores.get());
}

#[test]
fn threads_of_the_environment_are_bounded_too() {
    let folder = tempfile::tempdir().expect("a folder");
    for (set, words) in [
        ("20000", "RAYON_NUM_THREADS=20000 is more than this machine has cores; using "),
        ("many", "RAYON_NUM_THREADS=\"many\" is no number above 0; using one thread per core"),
    ] {
        let args = [&["train", "--out", set], TINY].concat();
        let outcome = outcome_of(command(folder.path(), &args).env("RAYON_NUM_THREADS", set));
        outcome.ends_saying(0, &[words]);
    }
}

#[test]
fn the_wrong_assignment_of_several_is_named() {
    let sets = ["train.seed=1", "train.bach=64", "data.validation=40"];
    let args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let outcome = xtask(&[&["train"], &args[..]].concat());
    outcome.ends_saying(1, &["cannot set 'train.bach=64': unknown field `bach`"]);
}

#[test]
fn data_without_a_recipe_for_them_get_the_name_of_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    two_classes(here, 3);
    fs::create_dir(here.join("cifar")).expect("a folder");
    small_cifar(&here.join("cifar"));
    fs::create_dir(here.join("empty")).expect("a folder");
    let images =
        "data holds class folders; train on it with a recipe for that, such as --recipe imagenet-resnet50-v2";
    let cifar =
        "cifar holds CIFAR-10; train on it with a recipe for that, such as --recipe cifar10-resnet20-v2";
    let draws = "recipe 'quick-start' generates its own images";
    let rows: [(&[&str], &[&str]); 5] = [
        (&["--data", "data"], &[draws, images]),
        (&["--data", "cifar"], &[draws, cifar]),
        (&["--data", "empty"], &[draws, "leave out --data empty"]),
        (&["--recipe", "cifar10-resnet20-v2", "--data", "data"], &["is for other data", images]),
        (&["--recipe", "imagenet-resnet50-v2", "--data", "cifar"], &["is for other data", cifar]),
    ];
    for (args, words) in rows {
        xtask_in(here, &[&["train"], args].concat()).ends_saying(1, words);
    }
    assert!(!here.join("runs").exists(), "nothing is begun");
}
