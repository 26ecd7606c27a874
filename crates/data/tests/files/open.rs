//! `open_cifar` on folders, archives and parquet files, whole and broken.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use resnet_data::{Contents, DataKind, Error, contents, open_cifar};
use tempfile::TempDir;

const PIXELS: usize = 3072;

/// `records` records whose labels count up and whose pixels are `value`.
fn records(label_bytes: usize, classes: usize, records: usize, value: u8) -> Vec<u8> {
    (0..records)
        .flat_map(|i| {
            let mut record = vec![value; label_bytes + PIXELS];
            record[label_bytes - 1] = (i % classes) as u8;
            record
        })
        .collect()
}

fn cifar10_files() -> Vec<(String, Vec<u8>)> {
    let batch = |i: u8| (format!("data_batch_{i}.bin"), records(1, 10, 4, i));
    let mut files: Vec<_> = (1..=5).map(batch).collect();
    files.push(("test_batch.bin".to_owned(), records(1, 10, 3, 9)));
    files
}

fn cifar100_files() -> Vec<(String, Vec<u8>)> {
    vec![
        ("train.bin".to_owned(), records(2, 100, 101, 1)),
        ("test.bin".to_owned(), records(2, 100, 2, 2)),
        ("coarse_label_names.txt".to_owned(), b"fish\n".to_vec()),
    ]
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) {
    fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
}

fn tar_gz(path: &Path, inside: &str, files: &[(String, Vec<u8>)]) {
    let mut archive = tar::Builder::new(GzEncoder::new(File::create(path).unwrap(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{inside}/{name}"), &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn message(path: &Path, kind: Option<DataKind>) -> String {
    open_cifar(path, kind).unwrap_err().to_string()
}

#[test]
fn cifar10_from_its_folder_its_parent_one_file_and_its_archive() {
    let parent = temporary();
    let folder = parent.path().join("cifar-10-batches-bin");
    write(&folder, &cifar10_files());
    fs::create_dir(parent.path().join("another")).unwrap();
    let archive = temporary();
    let renamed = archive.path().join("mine.tgz");
    tar_gz(&archive.path().join("cifar-10-binary.tar.gz"), "cifar-10-batches-bin", &cifar10_files());
    tar_gz(&renamed, ".", &cifar10_files());
    for path in [folder.as_path(), parent.path(), &folder.join("test_batch.bin"), archive.path(), &renamed]
        .map(PathBuf::from)
    {
        for kind in [None, Some(DataKind::Cifar10)] {
            let data = open_cifar(&path, kind).unwrap();
            assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("cifar10", 20, 3));
            assert_eq!(data.train.labels()[..5], [0, 1, 2, 3, 0]);
            assert_eq!(
                (data.train.image(3)[0], data.train.image(4)[0], data.test.read().image(0)[5]),
                (1, 2, 9)
            );
            assert_eq!(data.train.classes()[9], "truck");
            assert!(data.origin.contains("cifar-10") || data.origin.contains("mine"), "{}", data.origin);
        }
        assert!(message(&path, Some(DataKind::Cifar100)).contains(&path.display().to_string()[..8]));
    }
}

#[test]
fn cifar100_from_a_folder_and_an_archive() {
    let parent = temporary();
    write(&parent.path().join("cifar-100-binary"), &cifar100_files());
    let archive = parent.path().join("x.tar.gz");
    tar_gz(&archive, "cifar-100-binary", &cifar100_files());
    for path in [parent.path(), &archive] {
        let data = open_cifar(path, None).unwrap();
        assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("cifar100", 101, 2));
        assert_eq!((data.train.label(99), data.train.classes()[99].as_str()), (99, "worm"));
    }
}

#[test]
fn class_names_are_taken_from_the_folder() {
    let folder = temporary();
    write(folder.path(), &cifar10_files());
    let names = folder.path().join("batches.meta.txt");
    fs::write(&names, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
    assert_eq!(open_cifar(folder.path(), None).unwrap().train.classes()[9], "j");
    fs::write(&names, "a\nb\n").unwrap();
    let message = message(folder.path(), None);
    assert!(message.contains("batches.meta.txt") && message.contains("2 class names"), "{message}");
}

#[test]
fn two_data_sets_are_ambiguous_until_one_is_named() {
    let parent = temporary();
    write(&parent.path().join("ten"), &cifar10_files());
    write(&parent.path().join("hundred"), &cifar100_files());
    assert!(matches!(open_cifar(parent.path(), None), Err(Error::Ambiguous { .. })));
    assert_eq!(open_cifar(parent.path(), Some(DataKind::Cifar100)).unwrap().train.len(), 101);
    assert_eq!(open_cifar(parent.path(), Some(DataKind::Cifar10)).unwrap().train.len(), 20);
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let broken = |change: &dyn Fn(&Path)| {
        let folder = temporary();
        write(folder.path(), &cifar10_files());
        change(folder.path());
        message(folder.path(), None)
    };
    let overwrite =
        |name: &'static str, bytes: Vec<u8>| move |dir: &Path| fs::write(dir.join(name), &bytes).unwrap();
    let mut bad_label = records(1, 10, 3, 1);
    bad_label[3073] = 10;
    for (message, wanted) in [
        (broken(&|dir| fs::remove_file(dir.join("data_batch_4.bin")).unwrap()), "lacks data_batch_4.bin"),
        (broken(&|dir| fs::remove_file(dir.join("test_batch.bin")).unwrap()), "lacks test_batch.bin"),
        (
            broken(&overwrite("data_batch_2.bin", vec![0; 5_000])),
            "data_batch_2.bin is cut short: after 1 whole",
        ),
        (broken(&overwrite("data_batch_2.bin", vec![])), "data_batch_2.bin cannot be used: it is empty"),
        (
            broken(&overwrite("test_batch.bin", bad_label)),
            "test_batch.bin: record 1 has label 10 at byte offset 3073",
        ),
    ] {
        assert!(message.contains(wanted), "{message:?} should contain {wanted:?}");
    }
}

#[test]
fn archives_are_not_trusted() {
    let folder = temporary();
    let path = folder.path().join("a.tar.gz");
    let mut files = cifar10_files();
    let refused = |files: &[(String, Vec<u8>)]| {
        tar_gz(&path, "d", files);
        message(&path, None)
    };
    assert!(refused(&files[..3]).contains("lacks data_batch_4.bin"));
    assert!(refused(&[]).contains("none of its files"));
    assert!(refused(&[files.clone(), cifar100_files()].concat()).contains("both"));
    assert!(refused(&[&files[..], &files[..1]].concat()).contains("data_batch_1.bin twice"));
    files[2].1.truncate(100);
    assert!(refused(&files).contains("a.tar.gz: data_batch_3.bin is cut short"));
    let pickled = [("data_batch_1".to_owned(), vec![0; 10])];
    assert!(refused(&pickled).contains("a.tar.gz: data_batch_1 cannot be used: the pickle has the opcode"));
    let many: Vec<_> = (0..1_001).map(|i| (format!("{i}.txt"), vec![])).collect();
    assert!(refused(&many).contains("more than 1000 entries"));

    // A flipped bit behind the last file's data: only the checksum at the end tells.
    tar_gz(&path, "d", &cifar10_files());
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 6;
    bytes[end] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(message(&path, None).contains("does not unpack"));
}

#[test]
fn an_endless_entry_is_not_read() {
    // A header that promises a record file of many gigabytes.
    let folder = temporary();
    let path = folder.path().join("a.tar.gz");
    let mut encoder = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path("data_batch_1.bin").unwrap();
    header.set_size(3073 * 10_000_000);
    header.set_cksum();
    std::io::Write::write_all(&mut encoder, header.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert!(message(&path, None).contains("more than any file"));
}

#[test]
fn folders_without_data_say_what_was_looked_for() {
    let folder = temporary();
    let text = message(folder.path(), None);
    assert!(text.contains("data_batch_1.bin") && text.contains("cifar-100-binary.tar.gz"), "{text}");
    assert!(message(&folder.path().join("absent"), None).contains("absent"));
    assert!(message(folder.path(), Some(DataKind::Generated)).contains("generated"));
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    assert!(message(&folder.path().join("notes.txt"), None).contains("notes.txt"));
    // A script of that name is no data.
    fs::write(folder.path().join("train"), "#!/bin/sh").unwrap();
    assert!(message(folder.path(), None).contains("no data set"));
    fs::write(folder.path().join("data_batch_1"), "\u{80}").unwrap();
    assert!(message(folder.path(), None).contains("no data set"));
}

#[test]
fn another_programs_train_bin_is_not_taken_for_cifar() {
    let folder = temporary();
    crate::images::folders(folder.path(), &["cat", "dog"], 2);
    let found = || contents(folder.path(), None).unwrap();
    for (name, length) in [("train.bin", 5_000), ("test.bin", 0), ("train.bin", 3073)] {
        fs::write(folder.path().join(name), vec![1; length]).unwrap();
        assert!(matches!(found(), Contents::Files(_)), "{name} of {length} bytes");
    }
    fs::write(folder.path().join("train.bin"), records(2, 100, 3, 1)).unwrap();
    assert_eq!(found(), Contents::Cifar(DataKind::Cifar100));
}

#[test]
fn the_real_data_is_read() {
    let Some(path) = resnet_testing::data::cifar10() else { return };
    let data = open_cifar(&path, Some(DataKind::Cifar10)).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.test.reads()), (50_000, 10_000, 0));
    assert_eq!((data.train.height(), data.train.width()), (32, 32));
    for (set, each) in [(&data.train, 5_000), (data.test.read(), 1_000)] {
        for class in 0..10 {
            assert_eq!(set.labels().iter().filter(|&&label| label == class).count(), each);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_changed_or_cut_archive_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in 0.0f64..=1.0,
        junk in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let folder = temporary();
        let path = folder.path().join("a.tar.gz");
        tar_gz(&path, "d", &cifar10_files());
        let mut bytes = fs::read(&path).unwrap();
        let whole = bytes.len();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        fs::write(&path, &bytes).unwrap();
        let result = open_cifar(&path, None);
        prop_assert!(bytes.len() == whole || result.is_err());
        fs::write(&path, &junk).unwrap();
        prop_assert!(open_cifar(&path, None).is_err());
    }
}

#[test]
fn a_path_that_is_no_image_file_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no.jpg");
    for (path, cause) in [(missing.as_path(), "No such file"), (folder.path(), "it is not a file")] {
        let told = resnet_data::read_image(path).unwrap_err().to_string();
        assert!(
            told.contains(path.to_str().unwrap()) && told.contains(cause) && !told.contains('\n'),
            "{told}"
        );
    }
}
