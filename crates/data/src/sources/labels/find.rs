//! Where a list of labels lies: the names that ImageNet's and others' lists have beside their images.

use std::path::{Path, PathBuf};

use resnet_formats::label_file::GROUND_TRUTH;

use super::super::Split;

/// Kaggle's list of the validation images.
const KAGGLES: &str = "LOC_val_solution.csv";

/// What lists of images for validation are called.
const FOR_VALIDATION: [&str; 8] = [
    "val.txt",
    KAGGLES,
    // Tiny ImageNet's.
    "val_annotations.txt",
    GROUND_TRUTH,
    "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
    "ILSVRC2012_devkit_t12.tar.gz",
    "imagenet_2012_validation_synset_labels.txt",
    "labels.csv",
];
/// What lists of images to train on are called.
const FOR_TRAINING: [&str; 1] = ["labels.csv"];

/// The list of labels beside the images in `root`: for the tar file `name` or, if `name` is empty, for the
/// whole folder.
pub(crate) fn beside(root: &Path, name: &str, split: Split) -> Option<PathBuf> {
    let absolute = std::path::absolute(root).ok()?;
    let folder = absolute.file_name().unwrap_or_default().to_string_lossy();
    let stem = if name.is_empty() { &folder } else { name.strip_suffix(".tar").unwrap_or(name) };
    let own = [format!("{stem}.txt"), format!("{stem}.csv")];
    let known: &[&str] = match split {
        Split::Train => &FOR_TRAINING,
        Split::Val => &FOR_VALIDATION,
        // Test images often have no labels, and lie beside a list for the other splits.
        Split::Test => &[],
    };
    let names = || own.iter().map(String::as_str).chain(known.iter().copied());
    let near = absolute.ancestors().take(2).flat_map(|folder| names().map(|name| folder.join(name)));
    // Kaggle's lies four folders above its images: ILSVRC/Data/CLS-LOC/val.
    let far = absolute.ancestors().take(5).filter(|_| split == Split::Val).map(|folder| folder.join(KAGGLES));
    near.chain(far).find(|path| path.is_file())
}

/// Whether a list of this name has ILSVRC2012's ids.
pub(super) fn is_ground_truth(name: &str) -> bool {
    name.contains("ILSVRC2012_validation_ground_truth")
}
