//! Real images against Pillow: every decoded and every resized byte, and windows against the whole.
//!
//! Needs the images of `RESNET_TEST_DATA`; Pillow's results are in `pillow/images.txt`, with their
//! generator.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use resnet_vision::image::{Encoded, decode_bytes};
use resnet_vision::{Decoding, Image, Interpolation, Key, Normalisation, TrainTransform, resize};

/// A line of images.txt.
struct Row {
    path: PathBuf,
    size: (usize, usize),
    /// Of the decoded pixels, then of each of `RESIZED`.
    sums: Vec<u32>,
}

/// The filter and the new length of a side, as in images.py.
type Resized = (Interpolation, fn(usize) -> usize);
const RESIZED: [Resized; 4] = [
    (Interpolation::Bilinear, |side| side / 3 + 1),
    (Interpolation::Bilinear, |side| side * 5 / 4),
    (Interpolation::Bicubic, |side| side / 3 + 1),
    (Interpolation::Bicubic, |side| side * 5 / 4),
];

/// The images, or none, which is recorded as a skipped test.
#[track_caller]
fn rows() -> Vec<Row> {
    let Some(images) = resnet_testing::data::real_images() else { return Vec::new() };
    let rows: Vec<Row> = include_str!("pillow/images.txt")
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            Row {
                path: images.join(fields[0]),
                size: (fields[1].parse().unwrap(), fields[2].parse().unwrap()),
                sums: fields[3..].iter().map(|sum| u32::from_str_radix(sum, 16).unwrap()).collect(),
            }
        })
        .collect();
    assert_eq!(rows.len(), 200);
    rows
}

fn checksum(pixels: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(pixels);
    crc.sum()
}

#[test]
fn every_byte_of_every_image_matches_pillow() {
    let mut failures = Vec::new();
    for Row { path, size, sums } in rows() {
        let image = decode_bytes(&fs::read(&path).unwrap(), &path.display().to_string()).unwrap();
        let mut made = vec![checksum(&image.pixels)];
        for (interpolation, scale) in RESIZED {
            let to = (scale(image.width), scale(image.height));
            made.push(checksum(&resize(&image, to, interpolation).pixels));
        }
        if (image.width, image.height) != size || made != sums {
            let differs: Vec<bool> = made.iter().zip(&sums).map(|(a, b)| a != b).collect();
            failures.push(format!("{}: {differs:?}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{} images differ: {failures:#?}", failures.len());
}

#[test]
fn a_window_of_an_image_is_that_part_of_the_whole() {
    for (number, Row { path, .. }) in rows().into_iter().enumerate().step_by(4) {
        let bytes = fs::read(&path).unwrap();
        let image = Encoded::open(&bytes, "image").unwrap();
        let whole = image.decode().unwrap();
        let (width, height) = image.size();
        for corner in 0..4 {
            let part = |size: usize, salt: usize| -> Range<usize> {
                let start = (number * 7919 + corner * 104_729 + salt) % size;
                start..start + 1 + (number * 31 + corner * 17) % (size - start)
            };
            let (columns, rows) = (part(width, 0), part(height, 5));
            let window = image.decode_window(columns.clone(), rows.clone()).unwrap();
            assert_eq!(window, cut(&whole, columns, rows), "{}", path.display());
        }
    }
}

/// Training images so small that images of 500 pixels are large beside them.
#[test]
fn scaled_decoding_changes_images_little() {
    let exact = TrainTransform::inception(56);
    let scaled = TrainTransform { decoding: Decoding::Scaled, ..exact.clone() };
    let (rows, mut differences) = (rows(), Vec::new());
    if rows.is_empty() {
        return;
    }
    for (index, Row { path, .. }) in (0..).zip(rows) {
        let bytes = fs::read(&path).unwrap();
        let image = Encoded::open(&bytes, "image").unwrap();
        let transformed = |how: &TrainTransform| {
            let mut values = Vec::new();
            let key = Key { seed: 0, epoch: 0, index };
            how.apply(&image, &Normalisation::UNIT, key, &mut values).unwrap();
            values
        };
        let (exact, scaled) = (transformed(&exact), transformed(&scaled));
        let sum: f32 = exact.iter().zip(&scaled).map(|(a, b)| (a - b).abs()).sum();
        differences.extend((sum != 0.0).then_some(255.0 * sum / exact.len() as f32));
    }
    let mean = differences.iter().sum::<f32>() / differences.len() as f32;
    let most = resnet_testing::largest(differences.iter().copied());
    println!("of {} images the bytes differ by {mean:.2} in the mean, {most:.2} at most", differences.len());
    assert!(differences.len() > 100 && mean < 0.6 && most < 1.5, "{differences:?}");
}

fn cut(whole: &Image, columns: Range<usize>, rows: Range<usize>) -> Image {
    let (width, height) = (columns.len(), rows.len());
    let row =
        |y: usize| &whole.pixels[3 * (y * whole.width + columns.start)..3 * (y * whole.width + columns.end)];
    Image::new(width, height, rows.flat_map(row).copied().collect()).unwrap()
}
