//! `inspect`: what a data set in files holds, and some of its images as training sees them.

use std::path::Path;

use resnet_vision::image::PngMark;
use resnet_vision::{Image, Key, Normalisation, TrainTransform};

use crate::sources::{Broken, FileSet, LeftOut, Source, open_image};
use crate::verify::{BrokenSample, broken_samples};
use crate::{Error, SplitRole};

/// How many images of a split have their size read.
const MEASURED: usize = 1000;
/// Columns and rows of a contact sheet, and the side of an image on it in pixels.
const SHEET: (usize, usize, usize) = (8, 6, 128);

/// The mark of every sheet that is written.
const MARK: PngMark = PngMark(b"\0\0\0\x1dtEXtSoftware\0resnet contact sheet\x8e\x14\xd7\x9b");

/// What one split of a data set holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the split is used for.
    pub role: SplitRole,
    /// How many samples there are, those to be skipped included.
    pub images: usize,
    /// The size of all encoded images together.
    pub bytes: u64,
    /// Samples per class.
    pub per_class: Option<Triple>,
    /// Names of the classes without a sample.
    pub empty_classes: Vec<String>,
    /// Widths in pixels, of up to a thousand images evenly over the split.
    pub width: Option<Triple>,
    /// Heights in pixels, of the same images.
    pub height: Option<Triple>,
    /// Files that are no images by their names.
    pub left_out: LeftOut,
    /// What is odd and loses no sample, each a sentence.
    pub warnings: Vec<String>,
    /// What is known to be broken before any image is decoded.
    pub broken: Vec<BrokenSample>,
}

/// The smallest of some numbers, their median and the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triple {
    /// The smallest.
    pub low: u64,
    /// The upper one of two medians.
    pub median: u64,
    /// The largest.
    pub high: u64,
}

impl Triple {
    /// Of `values`; `None` if there are none.
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        Some(Triple { low: *values.first()?, median: values[values.len() / 2], high: *values.last()? })
    }
}

/// Looks at each split of `set`: one inspection per split.
///
/// ```no_run
/// use resnet_data::sources::{OpenFiles, open_files};
///
/// let set = open_files("/data/imagenet", &OpenFiles::default())?;
/// for split in resnet_data::inspect(&set) {
///     println!("{}: {} images, {} bytes", split.role.name(), split.images, split.bytes);
/// }
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn inspect(set: &FileSet) -> Vec<Inspection> {
    set.splits().map(|(role, source)| inspect_split(role, source)).collect()
}

fn inspect_split(role: SplitRole, source: &dyn Source) -> Inspection {
    let index = source.index();
    let step = index.len().div_ceil(MEASURED).max(1);
    let sizes = (0..index.len()).step_by(step).filter_map(|record| size(source, record));
    let (widths, heights) = sizes.unzip();
    Inspection {
        role,
        images: index.len(),
        bytes: (0..index.len()).map(|record| index.bytes(record)).sum(),
        per_class: Triple::of(index.class_counts()),
        empty_classes: index.empty_classes().into_iter().map(str::to_owned).collect(),
        width: Triple::of(widths),
        height: Triple::of(heights),
        left_out: index.left_out().clone(),
        warnings: index.warnings().to_vec(),
        broken: broken_samples(index, index.faults()),
    }
}

/// The encoded image of one record.
fn encoded(source: &dyn Source, record: usize) -> Result<Vec<u8>, Broken> {
    source.read(record..record + 1).pop().unwrap_or_else(|| Ok(vec![]))
}

/// Width and height according to the image's header.
fn size(source: &dyn Source, record: usize) -> Option<(u64, u64)> {
    let bytes = encoded(source, record).ok()?;
    let (width, height) = open_image(&bytes, "").ok()?.size();
    Some((width as u64, height as u64))
}

/// A sheet of 8 x 6 images of `source`, 128 x 128 pixels each, cropped at random as in training. The images
/// are taken evenly over the split, so that most are of different classes; places that stay empty are white.
///
/// # Errors
/// If one of these images cannot be read or decoded.
pub fn contact_sheet(source: &dyn Source, seed: u64) -> Result<Image, Error> {
    let (columns, rows, side) = SHEET;
    let transform = TrainTransform::inception(side);
    let index = source.index();
    let records: Vec<usize> = index.usable().collect();
    let shown = records.len().min(columns * rows);
    let mut pixels = vec![255; columns * side * rows * side * 3];
    for place in 0..shown {
        let record = records[place * records.len() / shown];
        let name = index.place(record);
        let bytes = encoded(source, record).map_err(|broken| Error::Invalid(broken.to_string()))?;
        let key = Key { seed, epoch: 0, index: record as u64 };
        let mut planes = vec![];
        transform.apply(&open_image(&bytes, &name)?, &Normalisation::HALF, key, &mut planes)?;
        let (left, top) = (place % columns * side, place / columns * side);
        for (channel, plane) in planes.chunks_exact(side * side).enumerate() {
            for (at, value) in plane.iter().enumerate() {
                let (x, y) = (left + at % side, top + at / side);
                pixels[(y * columns * side + x) * 3 + channel] = ((value * 0.5 + 0.5) * 255.0).round() as u8;
            }
        }
    }
    Ok(Image::new(columns * side, rows * side, pixels)?)
}

/// Writes a [`contact_sheet`] to the PNG file `file`, whole or not at all. An earlier sheet, which has a mark
/// of its own, is replaced; any other file is left, so that nobody's picture is lost by a wrong name. Devices
/// and pipes are written to.
///
/// # Errors
/// If another file or a link to nowhere is there, if one of the images cannot be read or decoded, or if the
/// operating system refuses to write.
pub fn write_contact_sheet(source: &dyn Source, seed: u64, file: &Path) -> Result<(), Error> {
    let failed = |cause| Error::write("write the contact sheet", file, cause);
    resnet_files::may_replace(file, "contact sheet", |there| MARK.is_in(there)).map_err(failed)?;
    let png = MARK.encode(&contact_sheet(source, seed)?)?;
    resnet_files::write_whole(file, |out| out.write_all(&png)).map_err(failed)
}
