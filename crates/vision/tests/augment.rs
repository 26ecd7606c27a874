//! Augmentation of images: random crops against torchvision's distribution, and what a key determines.

use std::ops::RangeInclusive;
use std::path::Path;

use resnet_testing::largest;
use resnet_vision::image::Encoded;
use resnet_vision::{
    ColorJitter, Crop, Decoding, Filling, Flip, Image, Interpolation, Key, Normalisation, Policy,
    RandomErasing, TrainTransform, resize,
};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow").join(name)).unwrap()
}

fn apply(augmentation: &TrainTransform, image: &Encoded<'_>, epoch: u64, index: u64) -> Vec<f32> {
    augmentation.check().unwrap();
    let mut out = Vec::new();
    let key = Key { seed: 5, epoch, index };
    augmentation.apply(image, &Normalisation::UNIT, key, &mut out).unwrap();
    out
}

/// Kolmogorov and Smirnov's distance between 10,000 crops and torchvision's 300,000, at its percentiles.
#[test]
fn random_crops_are_distributed_as_in_torchvision() {
    const DRAWS: u64 = 10_000;
    let mut report = Vec::new();
    for line in include_str!("pillow/crops.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let size: (usize, usize) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        let percentiles: Vec<f64> = fields[3..].iter().map(|field| field.parse().unwrap()).collect();
        assert_eq!(percentiles.len(), 99);
        let drawn: Vec<f64> = (0..DRAWS)
            .map(|index| {
                let (columns, rows) = Crop::INCEPTION.part(size, 224, Key { seed: 0, epoch: 0, index });
                assert!(columns.end <= size.0 && rows.end <= size.1);
                match fields[0] {
                    "area" => (columns.len() * rows.len()) as f64 / (size.0 * size.1) as f64,
                    _ => columns.len() as f64 / rows.len() as f64,
                }
            })
            .collect();
        // Where many crops have the very same number, a percentile lies anywhere among them: the fraction
        // below it and the fraction up to it (to six decimals, as written) enclose it.
        let fraction = |least: f64| drawn.iter().filter(|x| **x < least).count() as f64 / DRAWS as f64;
        let distance = percentiles.iter().enumerate().map(|(i, x)| {
            let expected = (i + 1) as f64 / 100.0;
            largest([fraction(x - 1e-6) - expected, expected - fraction(x + 1e-6), 0.0])
        });
        report.push((line.split_at(12).0, largest(distance)));
    }
    println!("{report:?}");
    // The distance that one in a thousand exceeds is 1.95 sqrt(1 / 10,000 + 1 / 300,000).
    assert!(report.len() == 4 && report.iter().all(|(_, distance)| *distance < 0.0198), "{report:?}");
}

/// What a crop shows is a part of the image resized as a whole, mirrored or not.
#[test]
fn scale_augmentation_cuts_from_the_resized_image() {
    let bytes = fixture("subsampled.jpg");
    let image = Encoded::open(&bytes, "subsampled.jpg").unwrap();
    let whole = image.decode().unwrap();
    let crop = Crop::RandomScale { shorter: 9..=12 };
    let augmentation = TrainTransform { crop, flip: Flip::Never, ..TrainTransform::inception(8) };
    let mirrored = TrainTransform { flip: Flip::Half, ..augmentation.clone() };
    let (mut found, mut turned) = ([0; 4], 0);
    for index in 0..60 {
        let shown = apply(&augmentation, &image, 1, index);
        let places = (9..=12usize).filter(|&shorter| {
            let to = (shorter * 24 / 17, shorter);
            let resized = resize(&whole, to, Interpolation::Bilinear);
            let mut corners = (0..=to.0 - 8).flat_map(|x| (0..=to.1 - 8).map(move |y| (x, y)));
            corners.any(|(x, y)| part(&resized, x, y) == shown)
        });
        let places: Vec<usize> = places.collect();
        assert_eq!(places.len(), 1, "{places:?}");
        found[places[0] - 9] += 1;

        let other = apply(&mirrored, &image, 1, index);
        if other != shown {
            turned += 1;
            let back: Vec<f32> = other.chunks_exact(8).flat_map(|row| row.iter().rev().copied()).collect();
            assert_eq!(back, shown);
        }
    }
    assert!(found.iter().all(|&times| times > 4) && (15..46).contains(&turned), "{found:?} {turned}");
}

/// The 8 x 8 square at a place, plane by plane, in [0, 1].
fn part(image: &Image, left: usize, top: usize) -> Vec<f32> {
    let byte = |c: usize, i: usize| image.pixels[3 * ((top + i / 8) * image.width + left + i % 8) + c];
    (0..192).map(|i| f32::from(byte(i / 64, i % 64)) / 255.0).collect()
}

/// Waves of 128 and 160 pixels, as a JPEG file that says it is turned in EXIF's way number `orientation`.
fn waves((width, height): (u32, u32), orientation: u8) -> Vec<u8> {
    let wave = |place: u32, length: f32| (place as f32 * std::f32::consts::TAU / length).sin();
    let pixels: Vec<u8> = (0..height * width)
        .map(|i| (i % width, i / width))
        .flat_map(|(x, y)| [wave(x, 128.0), wave(y, 160.0), wave(x + y, 128.0)])
        .map(|wave| (128.0 + 100.0 * wave) as u8)
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.encode(&pixels, width, height, image::ExtendedColorType::Rgb8).unwrap();
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    let exif = [&b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
    bytes.splice(2..2, exif);
    bytes
}

/// Half a pixel beside its place, of those that are decoded, would be a mean difference above 1.1.
#[test]
fn scaled_decoding_shows_nearly_the_same() {
    for orientation in 1..=8 {
        let bytes = waves((1200, 1008), orientation);
        let image = Encoded::open(&bytes, "waves.jpg").unwrap();
        assert_eq!(image.size(), if orientation > 4 { (1008, 1200) } else { (1200, 1008) });
        let crops = [
            Crop::INCEPTION,
            Crop::RandomResized { area: 0.9..=1.0, ratio: 0.9..=1.1 },
            Crop::RandomScale { shorter: 56..=64 },
        ];
        let mut softer = 0;
        for crop in crops {
            let exact = TrainTransform { crop, ..TrainTransform::inception(56) };
            let scaled = TrainTransform { decoding: Decoding::Scaled, ..exact.clone() };
            for index in 0..8 {
                let (exact, scaled) = (apply(&exact, &image, 0, index), apply(&scaled, &image, 0, index));
                let sum: f32 = exact.iter().zip(&scaled).map(|(a, b)| (a - b).abs()).sum();
                let mean = 255.0 * sum / exact.len() as f32;
                assert!(mean < 1.0, "{mean} {orientation} {index}");
                softer += usize::from(mean > 0.0);
            }
        }
        assert!(softer > 15, "{softer} of 24 were decoded at a scale");
    }
}

#[test]
fn an_image_that_is_not_much_larger_is_decoded_exactly() {
    let all = |decoding, bytes: &[u8]| -> Vec<Vec<f32>> {
        let image = Encoded::open(bytes, "an image").unwrap();
        let augmentation = TrainTransform { decoding, ..TrainTransform::inception(56) };
        (0..8).map(|index| apply(&augmentation, &image, 0, index)).collect()
    };
    // Less than 2 x 2 x 56 pixels along a side; more of them turned, and not a whole number of twos; no JPEG.
    let png = image::load_from_memory(&waves((480, 480), 1)).unwrap();
    let mut as_png = std::io::Cursor::new(Vec::new());
    png.write_to(&mut as_png, image::ImageFormat::Png).unwrap();
    for bytes in [waves((223, 230), 1), waves((481, 481), 3), as_png.into_inner()] {
        assert_eq!(all(Decoding::Exact, &bytes), all(Decoding::Scaled, &bytes));
    }
    let upright = waves((481, 481), 1);
    assert_ne!(all(Decoding::Exact, &upright), all(Decoding::Scaled, &upright));
}

#[test]
fn a_key_determines_everything_and_each_step_has_its_own_stream() {
    let bytes = fixture("turned.jpg");
    let image = Encoded::open(&bytes, "turned.jpg").unwrap();
    let plain = TrainTransform::inception(16);
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    let all = TrainTransform {
        policy: Policy::Trivial,
        jitter,
        lighting: 0.1,
        erasing: Some(RandomErasing { probability: 1.0, filling: Filling::Noise }),
        ..plain.clone()
    };
    for augmentation in
        [&plain, &all, &TrainTransform { crop: Crop::RandomScale { shorter: 16..=30 }, ..all.clone() }]
    {
        let shown = apply(augmentation, &image, 2, 9);
        assert_eq!(shown.len(), 3 * 16 * 16);
        assert_eq!(shown, apply(augmentation, &image, 2, 9));
        assert_ne!(shown, apply(augmentation, &image, 3, 9));
        assert_ne!(shown, apply(augmentation, &image, 2, 10));
    }
    // RandomErasing draws from its own stream: outside the rectangle nothing moved.
    let mean = Some(RandomErasing { probability: 1.0, filling: Filling::Mean });
    for index in 0..20 {
        let shown = apply(&plain, &image, 0, index);
        let erased = apply(&TrainTransform { erasing: mean, ..plain.clone() }, &image, 0, index);
        assert!(shown.iter().zip(&erased).all(|(a, b)| a == b || *b == 0.0));
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let good = TrainTransform::paper(224);
    good.check().unwrap();
    for bad in [
        TrainTransform { side: 0, ..good.clone() },
        TrainTransform { side: 257, ..good.clone() },
        TrainTransform { crop: Crop::RandomScale { shorter: RangeInclusive::new(480, 256) }, ..good.clone() },
        TrainTransform { crop: Crop::RandomResized { area: 0.0..=1.0, ratio: 1.0..=1.0 }, ..good.clone() },
        TrainTransform { crop: Crop::RandomResized { area: 0.1..=1.0, ratio: 2.0..=1.0 }, ..good.clone() },
        TrainTransform { lighting: f64::NAN, ..good.clone() },
        TrainTransform { policy: Policy::Rand { operations: 2, magnitude: 31 }, ..good.clone() },
        TrainTransform { jitter: ColorJitter { hue: 0.7, ..Default::default() }, ..good.clone() },
        TrainTransform {
            erasing: Some(RandomErasing { probability: 1.5, filling: Filling::Mean }),
            ..good.clone()
        },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}
