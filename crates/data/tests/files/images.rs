//! Small data sets in files, written for tests.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, SystemTime};

use resnet_data::sources::Source;

/// A PNG of one colour, which `value` decides, but for a corner.
pub(crate) fn png(width: u32, height: u32, value: u8) -> Vec<u8> {
    let mut image = image::RgbImage::from_pixel(width, height, image::Rgb([value, 100, 200]));
    image.put_pixel(0, 0, image::Rgb([1, 2, value]));
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

/// A folder a class with so many images in each, 0.png, 1.png, ..., all different.
pub(crate) fn folders(root: &Path, classes: &[&str], images: u8) {
    for (class, name) in (0..).zip(classes) {
        fs::create_dir_all(root.join(name)).unwrap();
        for i in 0..images {
            let bytes = png(8 + u32::from(i) % 5, 9, 40 * class + i);
            fs::write(root.join(name).join(format!("{i}.png")), bytes).unwrap();
        }
    }
}

/// A tar shard of samples: a key, an image and a label each.
pub(crate) fn shard(path: &Path, samples: &[(String, Vec<u8>, u64)]) {
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    for (key, image, label) in samples {
        for (end, bytes) in [("png", &image[..]), ("cls", label.to_string().as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, format!("{key}.{end}"), bytes).unwrap();
        }
    }
    archive.into_inner().unwrap();
}

/// Sets back the clock of everything below `path` by so many seconds.
pub(crate) fn age(path: &Path, seconds: u64) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| age(&entry.unwrap().path(), seconds));
    }
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::open(path).unwrap().set_modified(then).unwrap();
}

/// A tar file of these members.
pub(crate) fn tar_of<N: AsRef<str>>(members: &[(N, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name.as_ref(), &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Names, labels and bytes of all records.
pub(crate) fn all(source: &dyn Source) -> Vec<(String, u32, Vec<u8>)> {
    let index = source.index();
    (0..index.blocks())
        .flat_map(|block| index.block(block).zip(source.read(index.block(block))))
        .map(|(record, bytes)| (index.name(record), index.labels()[record], bytes.unwrap()))
        .collect()
}

/// Fails unless `message` has all `words`.
#[track_caller]
pub(crate) fn assert_says(message: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(message.contains(word), "{message:?} should contain {word:?}"));
}
