//! Images in files: which of them are trained on, and which are held out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use resnet_data::sources::{IndexCache, OpenFiles, open_files};
use resnet_data::{Feed, OnBroken};
use resnet_record::Recipe;
use resnet_train::{ImageFiles, Options, TrainingData, TrainingFeeds};

fn recipe() -> Recipe {
    let text = include_str!("../../../record/recipes/imagenet-resnet50-v2.toml");
    let mut recipe = Recipe::parse(text, "imagenet-resnet50-v2.toml").unwrap();
    recipe.set_all(&["train.batch_size=1", "data.validation=6"]).unwrap();
    recipe
}

/// Two classes of ten files each, which are not decoded.
fn draw(dir: &Path) {
    for class in ["a", "b"] {
        fs::create_dir_all(dir.join(class)).unwrap();
        (0..10).for_each(|i| fs::write(dir.join(class).join(format!("{i}.png")), "x").unwrap());
    }
}

fn opened(dir: &Path, skip: &[String]) -> ImageFiles {
    let options = OpenFiles { cache: IndexCache::Off, skip: skip.to_vec(), ..OpenFiles::default() };
    ImageFiles::new(open_files(dir, &options).unwrap(), OnBroken::Fail)
}

/// The names of all images of a feed, within `dir`.
fn names(feed: &dyn Feed, dir: &Path) -> BTreeSet<String> {
    let batches = 0..feed.batches_per_epoch();
    let within = |place: String| Path::new(&place).strip_prefix(dir).unwrap().display().to_string();
    batches.flat_map(|batch| feed.names(0, batch)).map(within).collect()
}

#[test]
fn a_list_of_samples_to_skip_moves_no_image_into_or_out_of_those_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    draw(dir);
    let parts = |skip: &[String]| {
        let feeds = opened(dir, skip).training(&recipe(), &Options::default()).unwrap();
        let TrainingFeeds { train, validation, .. } = feeds;
        (names(&*train, dir), names(&*validation.unwrap(), dir))
    };
    let (train, held_out) = parts(&[]);
    assert_eq!((train.len(), held_out.len()), (14, 6));
    let skip: Vec<String> = train.iter().take(3).chain(held_out.iter().take(1)).cloned().collect();
    let without = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().filter(|name| !skip.contains(name)).cloned().collect()
    };
    assert_eq!(parts(&skip), (without(&train), without(&held_out)));
}

#[test]
fn a_split_for_validation_is_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    draw(&folder.path().join("val"));
    // An empty folder, such as a copy that was broken off leaves.
    fs::create_dir(folder.path().join("train")).unwrap();
    let train = |dir: &Path| opened(dir, &[]).training(&recipe(), &Options::default());
    let told = train(folder.path()).unwrap_err().to_string();
    assert!(told.contains("holds only a validation split; add images to train on"), "{told}");
    // Asked for by its own path, it is what there is.
    assert!(train(&folder.path().join("val")).is_ok());
}
