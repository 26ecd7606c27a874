//! Images of many kinds against Pillow: each has its bytes, or a warning and no pass by `verify`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::read::GzDecoder;
use resnet_vision::Image;
use resnet_vision::image::{Encoded, Orientation, decode_bytes, verify};
use tracing::span;

/// Files that Pillow decodes, and that are refused here.
const REFUSED: [&str; 13] = [
    "marker-cc.jpg",
    "table-impossible.jpg",
    "arithmetic.jpg",
    "no-palette.gif",
    "no-palette-transparent.gif",
    "empty-screen.gif",
    "la.tif",
    "float.tif",
    "ycbcr.tif",
    "lab.tif",
    "bits-group3.tif",
    "grey2.tif",
    "grey4.tif",
];
/// Files that Pillow decodes to other pixels or refuses, or may, and that are decoded here with a warning.
const TOLD: [&str; 25] = [
    "scan-reversed.jpg",
    "marker-02.jpg",
    "marker-bf.jpg",
    "marker-c8.jpg",
    "marker-de.jpg",
    "marker-df.jpg",
    "marker-f0.jpg",
    "marker-fd.jpg",
    "interval-1.jpg",
    "restarts-off-1.jpg",
    "restarts-off-2.jpg",
    "restarts-off-6.jpg",
    "restarts-off-7.jpg",
    "restarts-one-missing.jpg",
    "two-components.jpg",
    "factors-2-2-2.jpg",
    "444.bmp",
    "655.bmp",
    "32-grbx.bmp",
    "outside.gif",
    "larger.gif",
    "cmyk.tif",
    "rgb-jpeg.tif",
    "grey-jpeg.tif",
    "alpha-multiplied.tif",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow")
}

/// What Pillow makes of a file: width, height and checksum as it is stored, and upright.
struct Expected {
    stored: (usize, usize, u32),
    upright: (usize, usize, u32),
}

/// Each file's name, its bytes and what Pillow makes of it, unless it refuses it.
fn kinds() -> Vec<(String, Vec<u8>, Option<Expected>)> {
    let mut expected: BTreeMap<&str, Option<Expected>> = include_str!("pillow/kinds.txt")
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let three = |at: usize| {
                let number = |text: &str| text.parse().unwrap();
                (number(fields[at]), number(fields[at + 1]), u32::from_str_radix(fields[at + 2], 16).unwrap())
            };
            let made = (fields[1] != "refused").then(|| Expected { stored: three(1), upright: three(4) });
            (fields[0], made)
        })
        .collect();
    let archive = File::open(folder().join("kinds.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let files = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let expected = expected.remove(&*name).unwrap_or_else(|| panic!("{name} is not in kinds.txt"));
        (name, bytes, expected)
    });
    files.collect()
}

fn sum(image: &Image) -> (usize, usize, u32) {
    let mut crc = flate2::Crc::new();
    crc.update(&image.pixels);
    (image.width, image.height, crc.sum())
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicU64>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Relaxed);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// `run`, and how many warnings came of it.
fn warned<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let warnings = Warnings::default();
    let done = tracing::subscriber::with_default(warnings.clone(), run);
    (done, warnings.0.load(Relaxed))
}

#[test]
fn each_kind_matches_pillow_or_warns_and_fails_verification() {
    let (mut refused, mut told, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for (name, bytes, expected) in kinds() {
        let (decoded, warnings) = warned(|| decode_bytes(&bytes, &name));
        let verified = verify(&bytes, &name);
        let same = match (&decoded, &expected) {
            (Ok(image), Some(expected)) => sum(image) == expected.upright,
            _ => false,
        };
        match (&decoded, &verified) {
            (Err(error), Err(_)) => {
                assert!(error.to_string().starts_with(&format!("{name} cannot be used: ")), "{error}");
                refused.extend(expected.map(|_| name));
            }
            (Ok(_), Err(_)) if warnings == 1 => told.push(name),
            (Ok(_), Ok(())) if same && warnings == 0 => {}
            _ => failures.push(format!("{name}: same {same}, {warnings} warnings, verify {verified:?}")),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(refused, REFUSED);
    assert_eq!(told, TOLD);
}

#[test]
fn an_orientation_that_is_ignored_leaves_images_as_pillow_opens_them() {
    let (mut compared, mut turned, mut failures) = (0, 0, Vec::new());
    for (name, bytes, expected) in kinds() {
        let (Some(expected), Ok(())) = (expected, verify(&bytes, &name)) else { continue };
        let open = |orientation| Encoded::open(&bytes, &name).unwrap().oriented(orientation);
        let (stored, upright) = (open(Orientation::Ignore), open(Orientation::Apply));
        let differs = expected.stored != expected.upright;
        let sizes = [stored.size(), upright.size()];
        if sum(&stored.decode().unwrap()) != expected.stored
            || sizes != [expected.stored, expected.upright].map(|(width, height, _)| (width, height))
            || (upright.is_turned(), stored.is_turned()) != (differs, false)
            || upright.has_exif_orientation() != stored.has_exif_orientation()
        {
            failures.push(name);
        }
        compared += 1;
        turned += usize::from(differs);
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(compared > 250 && turned > 50, "{compared} compared, {turned} turned");
}

#[test]
fn a_window_of_each_kind_is_that_part_of_the_whole() {
    for (name, bytes, _) in kinds() {
        let Ok(encoded) = Encoded::open(&bytes, &name) else { continue };
        let Ok(whole) = encoded.decode() else { continue };
        let (columns, rows) = (whole.width / 3..whole.width, whole.height / 2..whole.height);
        let window = encoded.decode_window(columns.clone(), rows.clone()).unwrap();
        let row = |y: usize| &whole.pixels[3 * (y * whole.width + columns.start)..3 * (y + 1) * whole.width];
        assert_eq!(window.pixels, rows.flat_map(row).copied().collect::<Vec<u8>>(), "{name}");
    }
}
