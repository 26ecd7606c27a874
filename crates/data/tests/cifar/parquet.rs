//! CIFAR from parquet files: rows over groups and files, and each way in which one can be wrong.

use std::fs;

use proptest::prelude::*;

use resnet_data::{Contents, DataKind, Error, contents, open_cifar};

use crate::parquet_files::{Row, png, write};

fn folder(train: &[u8], test: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train-00000-of-00001.parquet"), train).unwrap();
    fs::write(folder.path().join("test-00000-of-00001.parquet"), test).unwrap();
    folder
}

fn rows(count: usize) -> Vec<Row> {
    (0..count).map(|i| Row::of(i as u8, i as i64 % 10)).collect()
}

/// The message for a training file of these bytes.
fn refusal(train: &[u8]) -> String {
    let folder = folder(train, &write("label", &rows(1)));
    open_cifar(folder.path(), Some(DataKind::Cifar10)).unwrap_err().to_string()
}

#[test]
fn rows_are_read_over_row_groups_and_files() {
    let folder = folder(&write("label", &rows(20)), &write("label", &rows(5)));
    let second = folder.path().join("train-00001-of-00002.parquet");
    fs::write(second, write("label", &[Row::of(77, 3)])).unwrap();
    assert_eq!(open_cifar(folder.path(), None).unwrap().name, DataKind::Cifar10.name());
    let data = open_cifar(folder.path(), Some(DataKind::Cifar10)).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.train.classes()[1].as_str()), (21, 5, "automobile"));
    assert_eq!((data.train.label(13), data.train.label(20)), (3, 3));
    let image = data.train.image(13);
    assert_eq!((image[0], image[1], image[1024], image[1025], image[2048], image[3071]), (13, 3, 1, 4, 2, 5));
    assert_eq!(data.train.image(20)[0], 77);
}

#[test]
fn cifar100_uses_its_fine_labels() {
    let rows = [Row::of(1, 99), Row::of(2, 0)];
    let folder = folder(&write("fine_label", &rows), &write("fine_label", &rows));
    assert_eq!(open_cifar(folder.path(), None).unwrap().name, DataKind::Cifar100.name());
    let data = open_cifar(folder.path(), Some(DataKind::Cifar100)).unwrap();
    assert_eq!((data.train.labels(), data.train.classes().len()), (&[99, 0][..], 100));
}

#[test]
fn images_of_another_size_are_another_data_set() {
    let row = Row { png: Some(png(64, 64, 0)), label: Some(1) };
    let folder = folder(&write("label", std::slice::from_ref(&row)), &write("label", &[row]));
    let told = open_cifar(folder.path(), Some(DataKind::Cifar10)).unwrap_err().to_string();
    assert!(told.contains("columns and images of cifar10") && told.contains("32 x 32"), "{told}");
    let found = contents(folder.path(), None).unwrap();
    assert!(matches!(found, Contents::Files(layout) if layout.name() == "parquet files"), "{found:?}");
}

#[test]
fn nulls_labels_and_images_that_do_not_fit_are_named_by_row() {
    let with = |row: Row| {
        let mut rows = rows(12);
        rows[9] = row;
        refusal(&write("label", &rows))
    };
    let image = |png| Row { png, label: Some(1) };
    for (message, wanted) in [
        (with(image(None)), "null"),
        (with(Row { label: None, ..Row::of(0, 0) }), "null"),
        (with(Row::of(0, 10)), "row 9: label 10"),
        (with(Row::of(0, -1)), "row 9: label -1"),
        (with(image(Some(vec![]))), "row 9: the image does not decode"),
        (with(image(Some(b"GIF89a".to_vec()))), "row 9: the image does not decode"),
        (with(image(Some(png(32, 16, 0)))), "row 9: the image is 32 x 16"),
        (with(image(Some(png(33, 32, 0)))), "row 9: the image does not decode"),
        (with(image(Some(png(32, 32, 0)[..100].to_vec()))), "row 9: the image does not decode"),
        (refusal(&write("label", &[])), "no rows"),
        (refusal(b"PAR1 not parquet"), "cannot be used"),
        (refusal(b""), "cannot be used"),
    ] {
        assert!(message.contains(wanted), "{message:?} should contain {wanted:?}");
        assert!(message.contains("train-00000-of-00001.parquet"), "{message:?} should name the file");
    }
}

#[test]
fn both_parts_are_needed() {
    let folder = folder(&write("label", &rows(1)), &write("label", &rows(1)));
    fs::remove_file(folder.path().join("test-00000-of-00001.parquet")).unwrap();
    let message = open_cifar(folder.path(), Some(DataKind::Cifar10)).unwrap_err().to_string();
    assert!(message.contains("lacks test-*.parquet"), "{message}");
}

fn try_reading(bytes: &[u8]) -> Result<(), Error> {
    let folder = folder(bytes, &write("label", &rows(1)));
    open_cifar(folder.path(), Some(DataKind::Cifar10)).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(try_reading(&[&b"PAR1"[..], &bytes, b"PAR1"].concat()).is_err());
        prop_assert!(try_reading(&bytes).is_err());
    }

    #[test]
    fn a_truncated_file_is_an_error(part in 0.0f64..1.0) {
        let whole = write("label", &rows(9));
        prop_assert!(try_reading(&whole).is_ok());
        prop_assert!(try_reading(&whole[..(whole.len() as f64 * part) as usize]).is_err());
    }

    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = write("label", &rows(9));
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = try_reading(&bytes);
    }
}

#[test]
fn a_file_without_the_column_of_labels_is_named() {
    let folder = folder(&write("label", &rows(2)), &write("labels", &rows(2)));
    let message = open_cifar(folder.path(), Some(DataKind::Cifar10)).unwrap_err().to_string();
    let words = ["test-00000-of-00001.parquet", "no column `label`"];
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    let of_other_columns = refusal(&write("labels", &rows(2)));
    assert!(of_other_columns.contains("do not have the columns and images of cifar10"), "{of_other_columns}");
}
