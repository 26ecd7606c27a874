//! Where a list of labels lies: the names that ImageNet's and others' lists have beside their images, and the
//! ground truth inside ImageNet's development kit.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::super::Split;
use super::MEND;
use crate::Error;

/// The largest list that is read: a line for each image of ImageNet takes some 60 MB.
const MAX_LIST_BYTES: u64 = 1 << 28;
/// The development kit has about a hundred entries and unpacks to less than 10 MB.
const MAX_KIT_ENTRIES: usize = 10_000;
const MAX_KIT_BYTES: u64 = 1 << 28;

/// The ground truth of the validation images, in ILSVRC2012's ids.
const GROUND_TRUTH: &str = "ILSVRC2012_validation_ground_truth.txt";
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

/// The list of labels beside the images in `root`: of the tar file `name`, or of all where that is nothing.
pub(crate) fn beside(root: &Path, name: &str, split: Split) -> Option<PathBuf> {
    let absolute = std::path::absolute(root).ok()?;
    let folder = absolute.file_name().unwrap_or_default().to_string_lossy();
    let stem = if name.is_empty() { &folder } else { name.strip_suffix(".tar").unwrap_or(name) };
    let own = [format!("{stem}.txt"), format!("{stem}.csv")];
    let known: &[&str] = match split {
        Split::Train => &FOR_TRAINING,
        Split::Val => &FOR_VALIDATION,
        // Often without labels, beside a list for the others.
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

/// The text of the list in `path`, and what the list is called.
pub(super) fn text_of(path: &Path) -> Result<(String, String), Error> {
    let io = |cause| Error::io("read", path, cause);
    let bad = |cause: String| Error::bad_file(path.display().to_string(), cause, MEND);
    let bytes = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?.len();
    if bytes > MAX_LIST_BYTES {
        return Err(bad(format!("its {bytes} bytes are too many for a list of labels")));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let (text, name) = match name.to_ascii_lowercase() {
        kit if kit.ends_with(".tar.gz") || kit.ends_with(".tgz") => {
            let unpacked = GzDecoder::new(BufReader::new(file));
            (in_kit(unpacked).map_err(bad)?, GROUND_TRUTH.to_owned())
        }
        _ => {
            let mut text = Vec::new();
            file.take(MAX_LIST_BYTES).read_to_end(&mut text).map_err(io)?;
            (text, name)
        }
    };
    match text.get(..2) {
        Some([0xff, 0xfe] | [0xfe, 0xff]) => Err(bad("it is UTF-16; write it as UTF-8".to_owned())),
        Some([0x1f, 0x8b]) => Err(bad("it is compressed with gzip; unpack it".to_owned())),
        _ => match String::from_utf8(text) {
            Ok(text) => Ok((text, name)),
            Err(cause) => Err(bad(format!("it is no text in UTF-8 ({})", cause.utf8_error()))),
        },
    }
}

/// The ground truth in the development kit, an archive that holds little else.
fn in_kit(unpacked: impl Read) -> Result<Vec<u8>, String> {
    let broken = |cause: io::Error| format!("it does not unpack as .tar.gz ({cause})");
    let mut archive = tar::Archive::new(unpacked.take(MAX_KIT_BYTES));
    for entry in archive.entries().map_err(broken)?.take(MAX_KIT_ENTRIES) {
        let entry = entry.map_err(broken)?;
        if entry.path_bytes().rsplit(|&byte| byte == b'/').next() == Some(GROUND_TRUTH.as_bytes()) {
            let mut text = Vec::new();
            entry.take(MAX_KIT_BYTES).read_to_end(&mut text).map_err(broken)?;
            return Ok(text);
        }
    }
    Err(format!("it has no {GROUND_TRUTH}"))
}
