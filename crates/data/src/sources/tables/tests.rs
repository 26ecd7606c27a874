//! Tests of parquet files as a source.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::parquet_files::testing::{Row, png, write, write_named};

fn opened(file: &[u8]) -> Result<(tempfile::TempDir, Tables), Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train-0.parquet"), file).unwrap();
    let index = open(folder.path(), "train", &["train-0.parquet".to_owned()], &IndexCache::Off)?;
    Ok((folder, Tables { index }))
}

fn rows(count: usize) -> Vec<Row> {
    (0..count).map(|i| Row::of(i as u8, i as i64 % 4)).collect()
}

#[test]
fn any_run_of_rows_in_a_block_is_read() {
    let (_folder, source) = opened(&write("label", &rows(20))).unwrap();
    let index = source.index();
    assert_eq!((index.len(), index.classes().len(), index.class_counts()), (20, 4, vec![5; 4]));
    // Row groups of seven.
    let blocks: Vec<Range<usize>> = (0..index.blocks()).map(|block| index.block(block)).collect();
    assert_eq!(blocks, [0..7, 7..14, 14..20]);
    for block in blocks {
        for start in block.clone() {
            for end in start + 1..=block.end {
                let wanted: Vec<_> = (start..end).map(|i| Ok(png(32, 32, i as u8))).collect();
                assert!(source.read(start..end) == wanted, "{start}..{end}");
            }
        }
    }
    assert!(index.place(9).ends_with("train-0.parquet: row 9") && index.name(9) == "train-0.parquet:9");
}

#[test]
fn nulls_and_labels_that_are_none_are_told_by_row() {
    let mut rows = rows(10);
    rows[2].png = None;
    rows[3].label = Some(-1);
    rows[5].label = None;
    let (_folder, source) = opened(&write("fine_label", &rows)).unwrap();
    let index = source.index();
    let told: Vec<String> = index.faults().iter().map(Broken::to_string).collect();
    assert!(
        told[0].contains("row 3: its label is -1") && told[1].contains("row 5: its label is null"),
        "{told:?}"
    );
    assert_eq!(index.len(), 8);
    let mut read: Vec<_> = (0..index.blocks()).flat_map(|block| source.read(index.block(block))).collect();
    let null = read.remove(2).unwrap_err().to_string();
    assert!(null.contains("row 2: its picture is null"), "{null}");
    let wanted: Vec<_> = [0, 1, 4, 6, 7, 8, 9].map(|row| Ok(png(32, 32, row))).into();
    assert!(read == wanted);
}

#[test]
fn a_label_that_a_later_file_has_no_name_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["train-0.parquet", "train-1.parquet"].map(str::to_owned);
    fs::write(folder.path().join(&names[0]), write("label", &rows(4))).unwrap();
    let named = write_named("label", &rows(2), Some(r#"["cat", "dog"]"#));
    fs::write(folder.path().join(&names[1]), named).unwrap();
    let told = open(folder.path(), "train", &names, &IndexCache::Off).unwrap_err().to_string();
    assert!(told.contains("label 2") && told.contains("only 2 classes"), "{told}");
}

/// Rows may share a picture that the file has once.
#[test]
fn a_picture_under_many_rows_takes_no_memory_that_the_file_does_not_stand_for() {
    let picture = vec![7; 100_000];
    let rows = vec![Row { png: Some(picture.clone()), label: Some(0) }; 7];
    let (_folder, source) = opened(&write("label", &rows)).unwrap();
    assert!(source.read(0..7).iter().all(|read| read.as_deref() == Ok(&picture[..])));
    let mut budget = 250_000;
    let shared = Some(parquet::data_type::ByteArray::from(picture));
    let read = [(); 3].map(|()| source.record(0, shared.clone(), &mut budget).is_ok());
    assert_eq!((read, budget), ([true, true, false], 50_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_damaged_file_is_an_error_or_broken_rows(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = write("label", &rows(9));
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok((_folder, source)) = opened(&bytes) {
            let index = source.index();
            for block in 0..index.blocks() {
                prop_assert_eq!(source.read(index.block(block)).len(), index.block(block).len());
            }
        }
    }
}
