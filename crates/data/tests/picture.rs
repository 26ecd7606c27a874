//! Pictures against Pillow, and what no picture is.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use resnet_data::picture::{decode, decode_bytes};
use resnet_data::{Interpolation, Normalisation, Preprocess};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow")
}

/// File, size, and how far a channel may be from Pillow's: decoders of lossy formats may round differently.
const PICTURES: [(&str, (usize, usize), u8); 17] = [
    ("rgb.png", (24, 17), 0),
    ("rgba.png", (24, 17), 0),
    ("grey.png", (24, 17), 0),
    ("grey-alpha.png", (24, 17), 0),
    ("grey16.png", (24, 17), 0),
    ("bits.png", (24, 17), 0),
    ("palette.png", (24, 17), 0),
    ("mirrored.png", (17, 24), 0),
    ("lossless.webp", (24, 17), 0),
    ("rgba.webp", (24, 17), 0),
    ("lossy.webp", (24, 17), 2),
    ("colour.jpg", (24, 17), 2),
    ("subsampled.jpg", (24, 17), 3),
    ("progressive.jpg", (24, 17), 3),
    ("grey.jpg", (24, 17), 1),
    ("cmyk.jpg", (24, 17), 2),
    ("turned.jpg", (17, 24), 2),
];

#[test]
fn pixels_are_pillows() {
    let mut failures = Vec::new();
    for (name, size, tolerance) in PICTURES {
        let picture = decode(&folder().join(name)).unwrap();
        let expected = fs::read(folder().join(format!("{name}.rgb"))).unwrap();
        let worst = picture.pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        println!("{name}: {worst}");
        if (picture.width, picture.height) != size
            || expected.len() != picture.pixels.len()
            || worst > tolerance
        {
            failures.push(format!("{name}: {picture:?}, worst difference {worst}, allowed {tolerance}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_name_does_not_tell_the_format() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("photo.jpg");
    fs::copy(folder().join("rgba.webp"), &path).unwrap();
    assert_eq!(decode(&path).unwrap(), decode(&folder().join("rgba.webp")).unwrap());
}

#[test]
fn what_is_no_picture_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = temporary.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let png = fs::read(folder().join("rgb.png")).unwrap();
    let mut huge = png.clone();
    // Width and height of the header, whose checksum then no longer fits either.
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    for path in [
        file("empty.png", b""),
        file("text.jpg", b"hello, this is no picture"),
        file("gif.gif", b"GIF89a\x01\0\x01\0\0\0\0"),
        file("cut.png", &png[..png.len() / 2]),
        file("huge.png", &huge),
        temporary.path().join("absent.png"),
        temporary.path().to_owned(),
    ] {
        let message = decode(&path).unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
}

/// The header of a PNG of 60,000 x 60,000 with its checksum right: refused before memory is taken.
#[test]
fn a_bomb_is_refused_by_its_size() {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let checksum = header.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    bytes.extend(header);
    bytes.extend((!checksum).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let message = decode_bytes(&bytes, "bomb.png").unwrap_err().to_string();
    assert!(message.starts_with("bomb.png cannot be used: its 60000 x 60000 pixels"), "{message}");
}

#[test]
fn a_photograph_becomes_an_input() {
    let picture = decode(&folder().join("colour.jpg")).unwrap();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let preprocess =
            Preprocess { resize: 12, crop: 10, interpolation, normalisation: Normalisation::IMAGENET };
        let input = preprocess.apply(&picture);
        assert_eq!(input.len(), 300);
        // Blue grows from top to bottom.
        assert!(input[200] < input[290]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_and_changed_bytes_never_panic(
        file in prop::sample::select(PICTURES.map(|(name, ..)| name).to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in 0.0f64..=1.0,
        junk in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = fs::read(folder().join(file)).unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        let _ = decode_bytes(&bytes, file);
        let _ = decode_bytes(&junk, "junk");
    }
}
