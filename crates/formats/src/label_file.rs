//! The text of a list of labels: a file, or the ground truth inside ImageNet's development kit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::Error;

/// The ground truth of the validation images, in ILSVRC2012's ids.
pub const GROUND_TRUTH: &str = "ILSVRC2012_validation_ground_truth.txt";
/// What to do about a list that cannot be used.
pub const MEND: &str = "give a list with a name and a label for each image, such as caffe's val.txt or Kaggle's \
                        LOC_val_solution.csv";

/// The largest list that is read: a line for each image of ImageNet takes some 60 MB.
const MAX_LIST_BYTES: u64 = 1 << 28;

/// The development kit has about a hundred entries and unpacks to less than 10 MB.
const MAX_KIT_ENTRIES: usize = 10_000;

const MAX_KIT_BYTES: u64 = 1 << 28;

/// The text of the list at `path`, and the list's file name. A `.tar.gz` or `.tgz` is taken for ImageNet's
/// development kit, in which the list is [`GROUND_TRUTH`].
///
/// # Errors
/// If it cannot be read, is larger than 256 MiB or is not text in UTF-8, or if an archive does not hold the
/// ground truth.
pub fn text_of(path: &Path) -> Result<(String, String), Error> {
    let io = |cause| Error::io("read", path, cause);
    let bad = |cause: String| Error::bad_file(path.display().to_string(), cause, MEND);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (text, name) = match name.to_ascii_lowercase() {
        kit if kit.ends_with(".tar.gz") || kit.ends_with(".tgz") => {
            let unpacked = GzDecoder::new(BufReader::new(File::open(path).map_err(io)?));
            (in_kit(unpacked).map_err(bad)?, GROUND_TRUTH.to_owned())
        }
        _ => {
            let text = resnet_files::read_at_most(path, MAX_LIST_BYTES).map_err(io)?;
            let most = MAX_LIST_BYTES >> 20;
            let large = || bad(format!("it has more than {most} MiB, too many for a list of labels"));
            (text.ok_or_else(large)?, name)
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
