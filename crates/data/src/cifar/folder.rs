//! CIFAR from a folder.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use resnet_formats::cifar::PIXELS;

use super::{Form, Layout, Needed};
use crate::{DataKind, Dataset, Error};

/// The largest file of class names that is read.
pub(crate) const MAX_NAMES_BYTES: u64 = 1 << 16;

/// The first byte of a pickle: of protocols from 2 on, then of 0 and 1. It tells CIFAR-100's file `train`
/// from a script of that name.
const PICKLE_STARTS: [u8; 3] = [0x80, b'(', b'}'];

/// Whether `dir` holds at least one of the layout's record files.
pub(crate) fn holds(dir: &Path, layout: &Layout) -> bool {
    layout.files().any(|name| is_one(&dir.join(name), layout))
}

/// Whether `path` is one of the layout's record files. CIFAR-100's `train.bin` and `test.bin` are other
/// programs' names too, so these must have the length of whole records.
fn is_one(path: &Path, layout: &Layout) -> bool {
    match layout.form {
        Form::Binary { label_bytes } => {
            let record = (label_bytes + PIXELS) as u64;
            let is_whole = |length: u64| length > 0 && length.is_multiple_of(record);
            let may_be_cut = layout.kind != DataKind::Cifar100;
            fs::metadata(path).is_ok_and(|it| it.is_file() && (may_be_cut || is_whole(it.len())))
        }
        Form::Pickled { .. } => {
            let mut first = [0];
            let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
            read.is_ok() && PICKLE_STARTS.contains(&first[0])
        }
    }
}

/// Reads the files of `layout` from `dir` that are `needed`.
pub(crate) fn read(dir: &Path, layout: &Layout, needed: Needed) -> Result<Dataset, Error> {
    // A missing file is told before minutes are spent on reading the others.
    if let Some(missing) = layout.needed(needed).find(|name| !dir.join(name).is_file()) {
        return Err(layout.missing(dir, missing));
    }
    let names = read_names(dir, layout)?;
    let parts = layout.needed(needed).map(|name| {
        let path = dir.join(name);
        let file = File::open(&path).map_err(|cause| Error::io("open", &path, cause))?;
        let bytes = file.metadata().map_err(|cause| Error::io("read", &path, cause))?.len();
        let reader = BufReader::with_capacity(1 << 16, file);
        layout.read(reader, bytes, &path.display().to_string(), names.len())
    });
    let parts = parts.collect::<Result<Vec<_>, Error>>()?;
    layout.assemble(parts, names, dir.display().to_string())
}

fn read_names(dir: &Path, layout: &Layout) -> Result<Arc<[String]>, Error> {
    let path = dir.join(layout.names);
    let Ok(metadata) = fs::metadata(&path) else { return Ok((layout.default_names)()) };
    let bad = |cause: String| {
        Err(Error::bad_file(path.display().to_string(), cause, "delete it to use the known names"))
    };
    // A device has no length and may never end.
    if !metadata.is_file() {
        return bad("it is not a file".to_owned());
    }
    if metadata.len() > MAX_NAMES_BYTES {
        return bad(format!("it has {} bytes, too many for a list of class names", metadata.len()));
    }
    let bytes = fs::read(&path).map_err(|cause| Error::io("read", &path, cause))?;
    layout.parse_names(&path.display().to_string(), &bytes)
}
