//! Packed files come back as they were written, and no damage to them goes unnoticed.

use std::path::Path;
use std::{fs, io};

use proptest::prelude::*;
use resnet_data::Error;
use resnet_data::sources::{FileSet, IndexCache, OpenFiles, PackWriter, Source, open_files, open_image};
use resnet_formats::packed::{MAX_NAME, to_bytes};
use resnet_vision::Image;

/// What a record is made of.
type Sample = (Image, u32, String);

fn image(width: usize, height: usize, seed: usize) -> Image {
    let pixels = (0..3 * width * height).map(|i| (i * 97 + i * i * 31 + seed * 53) as u8).collect();
    Image::new(width, height, pixels).unwrap()
}

fn packed(images: &[Sample]) -> Vec<u8> {
    let mut file = PackWriter::new(Vec::new()).unwrap();
    for (image, label, name) in images {
        file.push(image, *label, name).unwrap();
    }
    let before = file.bytes();
    let bytes = file.finish().unwrap();
    assert!((bytes.len() as u64) > before);
    bytes
}

fn three() -> Vec<Sample> {
    let name = |name: &str| name.to_owned();
    vec![
        (image(2, 3, 1), 1, name("n1/a.jpg")),
        (image(1, 1, 2), 0, name("")),
        (image(4, 1, 3), 1, name("é:1")),
    ]
}

/// Opens `bytes` as the only file of a split.
fn open_bytes(dir: &Path, bytes: &[u8]) -> Result<FileSet, Error> {
    fs::write(dir.join("train-00000.pack"), bytes).unwrap();
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() })
}

/// The record as it was written, or what is wrong with it.
fn sample(source: &dyn Source, record: usize) -> Result<Sample, String> {
    let index = source.index();
    let bytes = source.read(record..record + 1).remove(0).map_err(|broken| broken.to_string())?;
    let place = index.place(record);
    let image = open_image(&bytes, &place).and_then(|it| Ok(it.decode()?)).map_err(|e| e.to_string())?;
    Ok((image, index.labels()[record], index.name(record)["train-00000.pack:".len()..].to_owned()))
}

/// All records, if nothing at all is wrong; `wanted` is what any that comes out at all must be.
fn all(dir: &Path, bytes: &[u8], wanted: &[Sample]) -> Result<(), String> {
    let set = open_bytes(dir, bytes).map_err(|error| error.to_string())?;
    let index = set.train.index();
    assert_eq!(index.faults(), [], "no label was changed without a checksum's knowing");
    let mut first = if index.len() == wanted.len() { Ok(()) } else { Err("other records".to_owned()) };
    for (record, wanted) in (0..index.len()).zip(wanted) {
        match sample(&*set.train, record) {
            Ok(found) => assert!(found == *wanted, "record {record} came out wrong"),
            Err(cause) => first = Err(cause),
        }
    }
    first
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = packed(&three());
    assert_eq!(all(folder.path(), &whole, &three()), Ok(()));
    for place in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= change;
            let told = all(folder.path(), &bytes, &three()).expect_err(&format!("byte {place}"));
            assert!(told.contains("train-00000.pack"), "{told}");
        }
    }
}

#[test]
fn no_cut_or_longer_file_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = packed(&three());
    for length in 0..whole.len() {
        assert!(open_bytes(folder.path(), &whole[..length]).is_err(), "{length} bytes");
    }
    for more in [&[0][..], &[0; 70_000], &whole] {
        assert!(open_bytes(folder.path(), &[&whole, more].concat()).is_err());
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let whole = packed(&three());
    let refusal = |bytes: &[u8], words: &[&str]| {
        let told = open_bytes(dir, bytes).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(told.contains(word), "{told:?} should contain {word:?}"));
    };
    let with = |place: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[place] = value;
        bytes
    };
    refusal(b"", &["train-00000.pack", "0 bytes", "convert the images again"]);
    refusal(&with(7, 2), &["version 2", "1 is known"]);
    refusal(&with(0, b'X'), &["byte 0"]);
    refusal(&whole[..whole.len() - 1], &["cut off"]);
    let table = 8 + (24 + 8 + 18 + 4) + (24 + 3 + 4) + (24 + 4 + 12 + 4);
    refusal(&with(table + 8, 0), &[&format!("from byte {table} on"), "checksum"]);
    refusal(&packed(&[]), &["packed files hold no image"]);

    // A record's damage is that record's.
    let set = open_bytes(dir, &with(8 + 24 + 8 + 5, 7)).unwrap();
    let told = sample(&*set.train, 0).unwrap_err();
    assert!(told.contains("train-00000.pack: n1/a.jpg at byte 8") && told.contains("checksum"), "{told}");
    assert!(sample(&*set.train, 1).unwrap() == three()[1]);
    assert_eq!(set.train.index().name(0), "train-00000.pack:n1/a.jpg");
    let set = open_bytes(dir, &with(8 + 24, b'm')).unwrap();
    let told = sample(&*set.train, 0).unwrap_err();
    assert!(told.contains("n1/a.jpg at byte 8: the record there has another name"), "{told}");

    // A file that changes after it was listed is not read.
    let set = open_bytes(dir, &whole).unwrap();
    fs::write(dir.join("train-00000.pack"), packed(&three()[..2])).unwrap();
    assert!(sample(&*set.train, 0).unwrap_err().contains("has changed"));

    fs::write(dir.join("classes.json"), r#"["only"]"#).unwrap();
    let set = open_bytes(dir, &whole).unwrap();
    let faults = set.train.index().faults();
    assert!(set.train.index().len() == 1 && faults.len() == 2, "{faults:?}");
    assert!(faults[0].to_string().contains("n1/a.jpg at byte 8: its label is 1"), "{}", faults[0]);
}

#[test]
fn what_is_too_large_is_not_written() {
    let tiny = image(2, 2, 0);
    let told = to_bytes(&tiny, 0, "", 39).unwrap_err();
    assert!(told.contains("2 x 2 pixels are too many"), "{told}");
    assert_eq!(to_bytes(&tiny, 0, "", 40).unwrap().len(), 40);
    let mut file = PackWriter::new(Vec::new()).unwrap();
    let told = file.push(&tiny, 0, &"x".repeat(MAX_NAME + 1)).unwrap_err();
    assert!(told.kind() == io::ErrorKind::InvalidInput && file.bytes() == 8, "{told}");
    file.push(&tiny, 0, &"x".repeat(MAX_NAME)).unwrap();
}

#[test]
fn a_table_longer_than_the_first_look_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<Sample> =
        (0..5000).map(|i| (image(1, 1, i), i as u32 % 7, format!("image {i}"))).collect();
    assert_eq!(all(folder.path(), &packed(&images), &images), Ok(()));
}

/// The bytes with checksums made to fit, as by somebody who means harm.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let (end, sum) = (bytes.len() - 28, bytes.len() - 12);
    let table = u64::from_le_bytes(std::array::from_fn(|i| bytes[end + i])).min(end as u64) as usize;
    let checksum = crc32fast::hash(&bytes[table..sum]).to_le_bytes();
    bytes[sum..sum + 4].copy_from_slice(&checksum);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn images_come_back_as_they_were(
        sizes in prop::collection::vec((prop_oneof![Just(1), 1usize..40], prop_oneof![Just(1), 1usize..40]), 1..5),
        name in "\\PC{0,12}",
        label in 0u32..1000,
        window in prop::array::uniform4(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let sample = |(i, &(width, height)): (usize, &(usize, usize))| {
            (image(width, height, i), label + i as u32, format!("{name}{i}"))
        };
        let images: Vec<Sample> = sizes.iter().enumerate().map(sample).collect();
        prop_assert_eq!(all(folder.path(), &packed(&images), &images), Ok(()));

        // A window is that part of the whole, by both ways.
        let (whole, _, _) = &images[0];
        let bytes = to_bytes(whole, 0, &name, u64::MAX).unwrap();
        let encoded = open_image(&bytes, "a record").unwrap();
        let range = |a: &prop::sample::Index, b: &prop::sample::Index, length: usize| {
            let (a, b) = (a.index(length), b.index(length));
            a.min(b)..a.max(b) + 1
        };
        let (columns, rows) = (range(&window[0], &window[1], whole.width), range(&window[2], &window[3], whole.height));
        let part = encoded.decode_window(columns.clone(), rows.clone()).unwrap();
        let all = encoded.decode().unwrap();
        let line = |row: usize| &all.pixels[3 * (row * all.width + columns.start)..3 * (row * all.width + columns.end)];
        let expected: Vec<u8> = rows.flat_map(|row| line(row).to_vec()).collect();
        prop_assert!(part.pixels == expected);
    }

    #[test]
    fn a_table_that_lies_is_an_error_or_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = packed(&three());
        let table = 8 + 54 + 31 + 44;
        for (place, value) in changes {
            let place = table + place.index(bytes.len() - 8 - table);
            bytes[place] = value;
        }
        if let Ok(set) = open_bytes(folder.path(), &resealed(bytes)) {
            for record in 0..set.train.index().len() {
                if let Ok((found, _, name)) = sample(&*set.train, record) {
                    prop_assert!(three().iter().any(|(wanted, _, known)| found == *wanted && name == *known));
                }
            }
        }
    }

    #[test]
    fn a_record_that_lies_is_an_error_or_an_image(
        head in prop::collection::vec(prop_oneof![0u32..6, any::<u32>()], 4),
        rest in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = b"RESNRGB\x01".to_vec();
        head.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(rest);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        if let Ok(image) = resnet_vision::image::decode_bytes(&bytes, "a record") {
            prop_assert!(image.pixels.len() == 3 * image.width * image.height);
        }
    }
}
