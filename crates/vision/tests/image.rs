//! Images against Pillow, and files that are not images.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use resnet_vision::image::{Encoded, decode_bytes, encode_png, verify};
use resnet_vision::{EvalTransform, Image, Interpolation, Normalisation};

fn decode(name: &str) -> Image {
    decode_bytes(&fs::read(folder().join(name)).unwrap(), name).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow")
}

/// Files and their upright sizes.
const IMAGES: [(&str, (usize, usize)); 27] = [
    ("rgb.png", (24, 17)),
    ("rgba.png", (24, 17)),
    ("grey.png", (24, 17)),
    ("grey-alpha.png", (24, 17)),
    ("grey16.png", (24, 17)),
    ("bits.png", (24, 17)),
    ("palette.png", (24, 17)),
    ("mirrored.png", (17, 24)),
    ("lossless.webp", (24, 17)),
    ("rgba.webp", (24, 17)),
    ("lossy.webp", (24, 17)),
    ("colour.jpg", (24, 17)),
    ("subsampled.jpg", (24, 17)),
    ("progressive.jpg", (24, 17)),
    ("grey.jpg", (24, 17)),
    ("cmyk.jpg", (24, 17)),
    ("turned.jpg", (17, 24)),
    ("half-width.jpg", (24, 17)),
    ("half-height.jpg", (24, 17)),
    ("quarter-width.jpg", (24, 17)),
    ("narrow.jpg", (4, 7)),
    ("restarts.jpg", (24, 17)),
    ("progressive-full.jpg", (24, 17)),
    ("stored-rgb.jpg", (24, 17)),
    ("ycck.jpg", (24, 17)),
    ("grey-sampled.jpg", (24, 17)),
    ("rgb16.png", (24, 17)),
];

#[test]
fn pixels_match_pillow_to_the_byte() {
    let mut failures = Vec::new();
    for (name, size) in IMAGES {
        let image = decode(name);
        let expected = fs::read(folder().join(format!("{name}.rgb"))).unwrap();
        let differing = image.pixels.iter().zip(&expected).filter(|(a, b)| a != b).count();
        if (image.width, image.height) != size || expected.len() != image.pixels.len() || differing > 0 {
            failures.push(format!("{name}: {image:?}, {differing} bytes of {} differ", expected.len()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_window_is_that_part_of_the_whole() {
    for (name, (width, height)) in IMAGES {
        let bytes = fs::read(folder().join(name)).unwrap();
        let encoded = Encoded::open(&bytes, name).unwrap();
        let whole = encoded.decode().unwrap();
        assert_eq!(encoded.size(), (width, height), "{name}");
        for (left, right) in [(0, 1), (1, width), (width - 1, width), (width / 2, width - 1)] {
            for (top, bottom) in [(0, height), (2, 3), (height - 1, height)] {
                let window = encoded.decode_window(left..right, top..bottom).unwrap();
                let row = |y: usize| &whole.pixels[3 * (y * width + left)..3 * (y * width + right)];
                let expected: Vec<u8> = (top..bottom).flat_map(row).copied().collect();
                assert_eq!(window.pixels, expected, "{name} {left}..{right} {top}..{bottom}");
            }
        }
        let outside = encoded.decode_window(0..width + 1, 0..1).unwrap_err().to_string();
        assert!(outside.contains(name), "{outside}");
        assert!(encoded.decode_window(1..1, 0..1).is_err());
    }
}

#[test]
fn the_format_does_not_depend_on_the_name() {
    let bytes = fs::read(folder().join("rgba.webp")).unwrap();
    assert_eq!(decode_bytes(&bytes, "image.jpg").unwrap(), decode_bytes(&bytes, "rgba.webp").unwrap());
}

#[test]
fn files_that_are_not_images_are_named_as_what_they_are() {
    let png = fs::read(folder().join("rgb.png")).unwrap();
    let mut huge = png.clone();
    // Width and height of the header, whose checksum then no longer fits either.
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    for (name, bytes) in [
        ("empty.png", &b""[..]),
        ("text.jpg", b"hello, this is no image"),
        ("gif.gif", b"GIF89a\x01\0\x01\0\0\0\0"),
        ("pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("cut.png", &png[..png.len() / 2]),
        ("huge.png", &huge),
    ] {
        let message = decode_bytes(bytes, name).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    }
}

/// As Pillow and torchvision have it, where decoders by themselves make up what is missing.
#[test]
fn a_file_is_refused_wherever_it_is_cut_off() {
    for (name, _) in IMAGES {
        let bytes = fs::read(folder().join(name)).unwrap();
        // A PNG file's last chunk holds nothing.
        let needed = bytes.len() - if name.ends_with(".png") { 12 } else { 0 };
        for length in 0..needed {
            let message = match Encoded::open(&bytes[..length], name).map(|encoded| encoded.decode()) {
                Err(error) | Ok(Err(error)) => error.to_string(),
                Ok(Ok(image)) => panic!("{length} bytes of {} of {name} are {image:?}", bytes.len()),
            };
            assert!(message.starts_with(&format!("{name} cannot be used: ")), "{message}");
            if name.ends_with(".jpg") && length > 2 {
                assert!(message.contains(&format!("its data end at byte {length}")), "{message}");
            }
        }
        if name.ends_with(".jpg") {
            // Zeros where a crash left nothing else, and what some cameras put behind an image.
            let zeros = [&bytes[..bytes.len() * 3 / 4], &vec![0; bytes.len() / 4]].concat();
            assert!(Encoded::open(&zeros, name).is_err(), "{name}");
            let longer = [&bytes[..], b"MotionPhoto\xff\x01\0"].concat();
            let decode = |bytes| Encoded::open(bytes, name).unwrap().decode().unwrap();
            assert_eq!(decode(&longer), decode(&bytes), "{name}");
        }
    }
}

#[test]
fn damage_in_the_middle_is_found_by_verifying() {
    let bytes = fs::read(folder().join("colour.jpg")).unwrap();
    let scan = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
    let mut damaged = 0;
    for place in scan..bytes.len() - 20 {
        let mut bytes = bytes.clone();
        bytes[place..place + 16].fill(0xaa);
        // What is there is shown, whatever it is.
        assert_eq!(decode_bytes(&bytes, "damaged.jpg").unwrap().pixels.len(), 24 * 17 * 3);
        if let Err(error) = verify(&bytes, "damaged.jpg") {
            assert!(error.to_string().contains("damaged.jpg cannot be used: its JPEG data are damaged"));
            damaged += 1;
        }
    }
    assert!(damaged > 100, "{damaged}");
    for (name, _) in IMAGES {
        verify(&fs::read(folder().join(name)).unwrap(), name).unwrap();
    }
}

#[test]
fn an_image_is_written_without_loss() {
    let image = decode("subsampled.jpg");
    let written = encode_png(&image).unwrap();
    assert_eq!(decode_bytes(&written, "written.png").unwrap(), image);
}

/// A chunk of a PNG file, its checksum right.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], name, data, &crc.sum().to_be_bytes()].concat()
}

/// A PNG file's signature and header.
fn header(width: u32, height: u32) -> Vec<u8> {
    let data = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &data)].concat()
}

/// Refused before memory is taken.
#[test]
fn a_decompression_bomb_is_refused_by_its_size() {
    let bytes = [header(60_000, 60_000), chunk(b"IDAT", b"\x35\xaf\x06\x1e")].concat();
    let message = decode_bytes(&bytes, "bomb.png").unwrap_err().to_string();
    assert!(message.starts_with("bomb.png cannot be used: its 60000 x 60000 pixels"), "{message}");

    let mut bytes = fs::read(folder().join("colour.jpg")).unwrap();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].fill(0xff);
    let message = decode_bytes(&bytes, "bomb.jpg").unwrap_err().to_string();
    assert!(message.starts_with("bomb.jpg cannot be used: its 65535 x 65535 pixels"), "{message}");
}

#[test]
fn a_file_of_a_few_bytes_claims_no_memory() {
    let screen = |side: u16| {
        let [low, high] = side.to_le_bytes();
        [b"GIF89a", &[low, high, low, high, 0, 0, 0][..], b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;"]
            .concat()
    };
    let bmp = |side: u32, bits: u8, compression: u8| {
        let side = side.to_le_bytes();
        [
            b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
            &side[..],
            &side,
            &[1, 0, bits, 0, compression],
            &[0; 1100],
        ]
        .concat()
    };
    let before = peak_memory();
    for (bytes, wanted) in [
        (screen(9000), "cannot hold 9000 x 9000 pixels"),
        (screen(60_000), "60000 x 60000 pixels are more than"),
        (bmp(9000, 24, 0), "its pixels take 243000000 bytes"),
        (bmp(9000, 8, 1), "cannot hold 9000 x 9000 pixels"),
        (
            [header(9000, 9000), chunk(b"IDAT", b"\x35\xaf\x06\x1e")].concat(),
            "cannot hold 9000 x 9000 pixels",
        ),
    ] {
        let message = decode_bytes(&bytes, "small").unwrap_err().to_string();
        assert!(message.starts_with("small cannot be used: ") && message.contains(wanted), "{message}");
    }
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after < before + (200 << 10), "from {before} to {after} KiB");
    }
}

/// 300 MB of zeros, said to be a colour profile, and three pixels.
#[test]
fn a_colour_profile_that_inflates_beyond_reason_takes_no_memory() {
    let pack = |size: usize| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..size >> 20 {
            out.write_all(&zeros).unwrap();
        }
        out.write_all(&zeros[..size % (1 << 20)]).unwrap();
        out.finish().unwrap()
    };
    let profile = [b"profile\0\0", &pack(300 << 20)[..]].concat();
    let bytes =
        [header(3, 1), chunk(b"iCCP", &profile), chunk(b"IDAT", &pack(10)), chunk(b"IEND", b"")].concat();
    let before = peak_memory();
    let decoded = decode_bytes(&bytes, "profile.png");
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after < before + (150 << 10), "from {before} to {after} KiB");
    }
    match decoded {
        Ok(image) => assert_eq!(image.pixels, [0; 9]),
        Err(error) => assert!(error.to_string().starts_with("profile.png cannot be used"), "{error}"),
    }
}

/// The most memory that this process ever held, in KiB; known on Linux.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn an_image_becomes_an_input() {
    let image = decode("colour.jpg");
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let eval_transform =
            EvalTransform { resize: 12, crop: 10, interpolation, normalisation: Normalisation::IMAGENET };
        let input = eval_transform.apply(&image);
        assert_eq!(input.len(), 300);
        // Blue grows from top to bottom.
        assert!(input[200] < input[290]);
        for (name, _) in IMAGES {
            let bytes = fs::read(folder().join(name)).unwrap();
            let encoded = Encoded::open(&bytes, name).unwrap();
            let expected = eval_transform.apply(&encoded.decode().unwrap());
            assert!(eval_transform.apply_encoded(&encoded).unwrap() == expected, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_and_changed_bytes_never_panic(
        file in prop::sample::select(IMAGES.map(|(name, ..)| name).to_vec()),
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
