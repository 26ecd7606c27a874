//! `convert`: a copy of a data set in files in another form.
//!
//! | file | |
//! |---|---|
//! | `writer.rs` | what is asked of a form: `Writer`, `Sample`; the list of classes |
//! | `folders.rs`, `shards.rs` | encoded images, copied as they are |
//! | `packed.rs` | pixels, resized on all cores |

mod folders;
mod packed;
mod shards;
mod writer;

use std::ops::ControlFlow;
use std::path::Path;

use resnet_vision::image;

use self::folders::Folders;
use self::packed::Packed;
pub use self::packed::Resizing;
use self::shards::Shards;
use self::writer::{Sample, Writer};
use crate::sources::{Broken, FileSet, Layout, open_image};
use crate::{Error, new_folder};

/// The form of the copy.
#[derive(Clone, Copy, Debug)]
pub enum CopyFormat {
    /// A folder per class: `train/CLASS/00000000.jpg`. Encoded images are copied as they are.
    Folders,
    /// Tar shards in WebDataset's convention, `train-00000.tar` and so on. Encoded images are copied as they
    /// are.
    Shards {
        /// The most bytes of images in one shard; a larger image gets a shard of its own.
        max_bytes: u64,
    },
    /// Packed files, `train-00000.pack` and so on: pixels, resized once, which training need not decode.
    Packed {
        /// About the most bytes of one file; a larger image gets a file of its own.
        max_bytes: u64,
        /// How images are resized.
        resizing: Resizing,
    },
}

/// Writes all samples of `set` into the new folder `out`, which appears when it is complete and on the disk;
/// returns how many there are. Samples that [`OpenFiles::skip`](crate::sources::OpenFiles::skip) names are
/// left out. Labels stay as they are: the names of the classes are written to `classes.json`, in order. Of
/// shards and packed files, `files.json` says how many samples each has, by which
/// [`open_files`](crate::sources::open_files) notices when one is missing.
/// `progress` is called after each block with the number of images done; when it breaks, the copy is removed
/// and there is no number.
///
/// # Errors
/// [`Error::Exists`] if there is something at `out`; otherwise if a sample is broken, or the operating system
/// refuses to write. Then nothing is left behind.
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use resnet_data::sources::{OpenFiles, open_files};
/// use resnet_data::{CopyFormat, convert};
///
/// let set = open_files("/data/imagenet", &OpenFiles::default())?;
/// let format = CopyFormat::Shards { max_bytes: 256 << 20 };
/// convert(&set, format, "/data/imagenet-shards".as_ref(), |done| {
///     eprintln!("{done} images");
///     ControlFlow::Continue(())
/// })?;
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn convert(
    set: &FileSet,
    format: CopyFormat,
    out: &Path,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<u64>, Error> {
    let folder = new_folder::begin(out)?;
    let mut writer: Box<dyn Writer> = match format {
        CopyFormat::Folders => Box::new(Folders::new(folder.path(), &set.classes)),
        CopyFormat::Shards { max_bytes } => Box::new(Shards::new(folder.path(), max_bytes)),
        CopyFormat::Packed { max_bytes, resizing } => {
            Box::new(Packed::new(folder.path(), max_bytes, resizing))
        }
    };
    writer::write_classes(folder.path(), &set.classes)?;
    let Some(written) = write(set, format, &mut *writer, &mut progress)? else { return Ok(None) };
    writer.end()?.write(folder.path())?;
    folder.finish().map_err(|cause| Error::write("create", out, cause))?;
    Ok(Some(written))
}

fn write(
    set: &FileSet,
    format: CopyFormat,
    writer: &mut dyn Writer,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<u64>, Error> {
    let mut done = 0;
    for (role, source) in set.splits() {
        writer.begin(role.folder())?;
        let index = source.index();
        if let Some(fault) = index.faults().first() {
            return Err(refused(fault));
        }
        for block in 0..index.blocks() {
            let records = index.block(block).zip(source.read(index.block(block)));
            for (record, read) in records.filter(|(record, _)| !index.is_skipped(*record)) {
                let mut bytes = read.map_err(|broken| refused(&broken))?;
                let (name, place) = (index.name_in_split(record), index.place(record));
                if index.layout() == Layout::Packed && !matches!(format, CopyFormat::Packed { .. }) {
                    // Only this crate reads packed pixels.
                    bytes = image::encode_png(&open_image(&bytes, &place)?.decode()?)?;
                }
                let label = index.labels()[record];
                writer.sample(Sample { number: done, label, name, place, bytes })?;
                done += 1;
            }
            if progress(done).is_break() {
                return Ok(None);
            }
        }
    }
    Ok(Some(done))
}

fn refused(broken: &Broken) -> Error {
    Error::Invalid(format!("{broken}; mend or remove it first"))
}
