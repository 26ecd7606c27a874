//! Tests of parquet files as a source.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use resnet_data::Error;
use resnet_data::FileError;
use resnet_data::sources::{Broken, Columns, Index, IndexCache, OpenFiles, Source, open_files};

use crate::parquet_files::{Row, png, write, write_named};

fn open(dir: &Path, columns: &Columns, cache: &IndexCache) -> Result<Arc<dyn Source>, Error> {
    let options = OpenFiles { columns: columns.clone(), cache: cache.clone(), ..OpenFiles::default() };
    Ok(open_files(dir, &options)?.train)
}

fn opened(file: &[u8]) -> Result<(tempfile::TempDir, Arc<dyn Source>), Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train-0.parquet"), file).unwrap();
    let source = open(folder.path(), &Columns::default(), &IndexCache::Off)?;
    Ok((folder, source))
}

/// A file with the columns `scan`, encoded images as such, and `kind`, whose type and values are given.
fn plain(
    kind: &str,
    write_labels: impl Fn(&mut SerializedColumnWriter<'_>),
    rows: u8,
    how: Compression,
) -> Vec<u8> {
    let schema = format!("message schema {{ required binary scan; {kind}; required binary path (UTF8); }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(how).build());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let bytes = |values: Vec<Vec<u8>>| values.into_iter().map(ByteArray::from).collect::<Vec<_>>();
    let mut column = group.next_column().unwrap().unwrap();
    let images = bytes((0..rows).map(|row| png(32, 32, row)).collect());
    column.typed::<ByteArrayType>().write_batch(&images, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    write_labels(&mut column);
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let paths = bytes((0..rows).map(|row| format!("{row}.png").into_bytes()).collect());
    column.typed::<ByteArrayType>().write_batch(&paths, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

fn texts(labels: &[&str]) -> impl Fn(&mut SerializedColumnWriter<'_>) {
    let labels: Vec<ByteArray> =
        labels.iter().map(|label| ByteArray::from(label.as_bytes().to_vec())).collect();
    move |column| {
        column.typed::<ByteArrayType>().write_batch(&labels, None, None).unwrap();
    }
}

/// Opens `file` with the columns that [`plain`] writes.
fn opened_plain(file: &[u8]) -> Result<Index, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train-0.parquet"), file).unwrap();
    let columns = Columns { image: Some("scan".to_owned()), label: Some("kind".to_owned()) };
    let source = open(folder.path(), &columns, &IndexCache::Off)?;
    let read = source.read(0..source.index().block(0).len());
    assert!(read.iter().zip(0..).all(|(read, row)| read.as_deref() == Ok(&png(32, 32, row)[..])));
    Ok(source.index().clone())
}

#[test]
fn a_test_file_whose_labels_are_withheld_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[Row]| fs::write(folder.path().join(name), write("label", rows)).unwrap();
    write("train-0.parquet", &[Row::of(1, 0), Row::of(2, 1)]);
    write("test-0.parquet", &[Row::of(3, -1)]);
    let options = OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() };
    let set = open_files(folder.path(), &options).unwrap();
    assert!(set.evaluation.is_none() && set.train.index().len() == 2);
}

#[test]
fn columns_of_other_names_and_labels_of_every_type_are_read() {
    let none = Compression::UNCOMPRESSED;
    let of = |file: Vec<u8>| {
        let index = opened_plain(&file).unwrap();
        (index.labels().to_vec(), index.classes().join(" "))
    };
    let named =
        |labels: &[&str]| of(plain("required binary kind (UTF8)", texts(labels), labels.len() as u8, none));
    assert_eq!(named(&["dog", "cat", "owl", "cat"]), (vec![1, 0, 2, 0], "cat dog owl".to_owned()));
    // Numbers as text are numbers.
    assert_eq!(named(&["10", "2"]), (vec![10, 2], "0 1 2 3 4 5 6 7 8 9 10".to_owned()));
    assert_eq!(named(&["10", "02"]), (vec![1, 0], "02 10".to_owned()));
    let wide = |column: &mut SerializedColumnWriter<'_>| {
        column.typed::<Int64Type>().write_batch(&[2, 0], None, None).unwrap();
    };
    assert_eq!(of(plain("required int64 kind", wide, 2, none)), (vec![2, 0], "0 1 2".to_owned()));
    let narrow = |column: &mut SerializedColumnWriter<'_>| {
        column.typed::<Int32Type>().write_batch(&[1, 1, 0], None, None).unwrap();
    };
    assert_eq!(of(plain("required int32 kind (INT_8)", narrow, 3, none)), (vec![1, 1, 0], "0 1".to_owned()));
    let bits = |column: &mut SerializedColumnWriter<'_>| {
        column.typed::<BoolType>().write_batch(&[true, false], None, None).unwrap();
    };
    assert_eq!(of(plain("required boolean kind", bits, 2, none)), (vec![1, 0], "0 1".to_owned()));
}

#[test]
fn each_compression_that_people_write_is_read() {
    let labels = ["b", "a", "a", "b", "a"];
    for how in [
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let file = plain("required binary kind (UTF8)", texts(&labels), 5, how);
        assert_eq!(opened_plain(&file).unwrap().labels(), [1, 0, 0, 1, 0], "{how:?}");
    }
}

#[test]
fn a_sound_file_of_other_columns_is_told_with_the_columns_that_it_has() {
    let file = plain("required binary kind (UTF8)", texts(&["a"]), 1, Compression::UNCOMPRESSED);
    let Err(Error::File(FileError::NoColumn { what, wanted, columns, .. })) = opened(&file).map(drop) else {
        panic!("no such column")
    };
    assert_eq!((what, wanted.as_str()), ("images", "`image` or `img`"));
    assert_eq!(columns, "scan (bytes), kind (text), path (text)");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.parquet"), file).unwrap();
    let refusal = |image: &str, label: Option<&str>| {
        let columns = Columns { image: Some(image.to_owned()), label: label.map(str::to_owned) };
        open(folder.path(), &columns, &IndexCache::Off).unwrap_err().to_string()
    };
    for (told, wanted) in [
        (refusal("scan", None), "no column of labels called `label` or `fine_label` or `labels`"),
        // Paths are no images, and images no labels.
        (refusal("path", Some("kind")), "no column of images called `path`"),
        (refusal("scan", Some("scan")), "no column of labels called `scan`"),
    ] {
        assert!(told.contains(wanted) && told.contains("a.parquet") && !told.contains("fetch"), "{told}");
    }
}

#[test]
fn an_index_is_of_the_columns_that_it_was_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.parquet");
    fs::write(&file, write("label", &rows(4))).unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
    fs::File::options().write(true).open(&file).unwrap().set_modified(then).unwrap();
    let cache = IndexCache::Folder(folder.path().join("caches"));
    let opened = |columns: &Columns| open(folder.path(), columns, &cache).map(|source| source.index().len());
    let usual = Columns::default();
    assert_eq!([opened(&usual).unwrap(), opened(&usual).unwrap()], [4, 4]);
    assert!(opened(&Columns { label: Some("other".to_owned()), ..usual }).is_err());
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
    assert!(null.contains("row 2: its image is null"), "{null}");
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
    let told = open(folder.path(), &Columns::default(), &IndexCache::Off).unwrap_err().to_string();
    assert!(told.contains("label 2") && told.contains("only 2 classes"), "{told}");
}

#[test]
fn a_list_of_classes_beside_the_files_numbers_them() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = (folder.path().join("a.parquet"), folder.path().join("classes.txt"));
    let opened = || open(folder.path(), &Columns::default(), &IndexCache::Off).unwrap();
    let named = write_named("label", &rows(4), Some(r#"["ape", "bee", "cat", "dog"]"#));
    fs::write(&list, "dog\ncat\nfox\nbee\nape\n").unwrap();
    for (bytes, labels) in [(named, [4, 3, 1, 0]), (write("label", &rows(4)), [0, 1, 2, 3])] {
        fs::write(&file, bytes).unwrap();
        let source = opened();
        let index = source.index();
        assert_eq!((index.labels(), index.classes()[2].as_str()), (&labels[..], "fox"));
    }
    // Labels that reach beyond the list.
    fs::write(&list, "dog\ncat\n").unwrap();
    let source = opened();
    assert_eq!((source.index().labels(), source.index().classes().len()), (&[0, 1, 2, 3][..], 4));
    let told = &source.index().warnings()[0];
    assert!(told.contains("classes.txt") && told.contains("highest label is 3"), "{told}");
}

/// Rows may share an image that the file has once.
#[test]
fn an_image_under_many_rows_is_read_for_each() {
    let image = vec![7; 100_000];
    let rows = vec![Row { png: Some(image.clone()), label: Some(0) }; 7];
    let (_folder, source) = opened(&write("label", &rows)).unwrap();
    assert!(source.read(0..7).iter().all(|read| read.as_deref() == Ok(&image[..])));
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
