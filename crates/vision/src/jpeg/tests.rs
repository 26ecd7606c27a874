//! The decoder against Pillow at every scale, and on damaged files.

use std::path::Path;

use proptest::prelude::*;

use super::*;

const FILES: [&[u8]; 6] = [
    include_bytes!("../../tests/pillow/subsampled.jpg"),
    include_bytes!("../../tests/pillow/progressive.jpg"),
    include_bytes!("../../tests/pillow/half-height.jpg"),
    include_bytes!("../../tests/pillow/quarter-width.jpg"),
    include_bytes!("../../tests/pillow/restarts.jpg"),
    include_bytes!("../../tests/pillow/ycck.jpg"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

    /// Tests the decoder itself, without the `catch_unwind` that `image` puts around it.
    #[test]
    fn changed_bytes_never_panic(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in 0.5f64..=1.0,
        corner in (0.0f64..1.0, 0.0f64..1.0),
        scale in prop::sample::select(&Scale::ALL),
    ) {
        let mut bytes = FILES[file].to_vec();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        if let Ok(jpeg) = Jpeg::open(&bytes) {
            let (width, height) = scale.of(jpeg.size());
            // A changed header may tell of a large image; a part of it will do.
            let (left, top) = ((corner.0 * width as f64) as usize, (corner.1 * height as f64) as usize);
            let window = (left..width.min(left + 40), top..height.min(top + 40));
            if let Ok(pixels) = jpeg.decode(&window, scale) {
                prop_assert_eq!(pixels.len(), window.0.len() * window.1.len());
            }
        }
    }
}

/// The stored pixels of the file at `path` at `scale`.
fn decoded(path: &Path, scale: Scale) -> ((usize, usize), Vec<Pixel>) {
    let bytes = std::fs::read(path).unwrap();
    let jpeg = Jpeg::open(&bytes).unwrap();
    let (width, height) = scale.of(jpeg.size());
    ((width, height), jpeg.decode(&(0..width, 0..height), scale).unwrap())
}

#[test]
fn every_scale_is_libjpegs_to_the_byte() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow");
    let images = resnet_testing::data::real_images();
    let (mut compared, mut failures) = (0, Vec::new());
    for line in include_str!("../../tests/pillow/scaled.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, divisor, width, height, sum] = fields[..] else { panic!("{line}") };
        let folder = if name.contains('/') { images.as_ref() } else { Some(&fixtures) };
        let Some(folder) = folder else { continue };
        let scale = Scale::ALL.into_iter().find(|scale| scale.divisor().to_string() == divisor).unwrap();
        let (size, pixels) = decoded(&folder.join(name), scale);
        let mut crc = flate2::Crc::new();
        pixels.iter().for_each(|pixel| crc.update(&pixel[..3]));
        let fits = size == (width.parse().unwrap(), height.parse().unwrap());
        if !fits || crc.sum() != u32::from_str_radix(sum, 16).unwrap() {
            failures.push(line);
        }
        compared += 1;
    }
    assert!(compared >= 40, "{compared}");
    assert!(failures.is_empty(), "{} of {compared} differ: {failures:#?}", failures.len());
}

/// `bytes` with every step of quantisation set to `step`, as `with_steps` in tests/pillow/steps.py.
fn with_steps(mut bytes: Vec<u8>, step: u8) -> Vec<u8> {
    let mut place = 2;
    while bytes[place + 1] != 0xda {
        let length = usize::from(u16::from_be_bytes([bytes[place + 2], bytes[place + 3]]));
        if bytes[place + 1] == 0xdb {
            bytes[place + 4..place + 2 + length].chunks_mut(65).for_each(|table| table[1..].fill(step));
        }
        place += 2 + length;
    }
    bytes
}

#[test]
fn coefficients_beyond_those_of_images_wrap_around_and_saturate_as_in_libjpeg_turbo() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow");
    let mut failures = Vec::new();
    for line in include_str!("../../tests/pillow/steps.txt").lines() {
        let [name, step, sum] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = with_steps(std::fs::read(folder.join(name)).unwrap(), step.parse().unwrap());
        let image = crate::image::decode_bytes(&bytes, name).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(&image.pixels);
        if crc.sum() != u32::from_str_radix(sum, 16).unwrap() {
            failures.push(line);
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_window_at_a_scale_is_that_part_of_the_whole() {
    for bytes in FILES {
        let jpeg = Jpeg::open(bytes).unwrap();
        for scale in Scale::ALL {
            let (width, height) = scale.of(jpeg.size());
            let whole = jpeg.decode(&(0..width, 0..height), scale).unwrap();
            for (left, right) in [(0, 1), (1, width), (width - 1, width), (width / 2, width)] {
                for (top, bottom) in [(0, height), (1, 2), (height - 1, height)] {
                    let part = jpeg.decode(&(left..right, top..bottom), scale).unwrap();
                    let row = |y: usize| &whole[y * width + left..y * width + right];
                    assert_eq!(part, (top..bottom).flat_map(row).copied().collect::<Vec<_>>(), "{scale:?}");
                }
            }
        }
    }
}
