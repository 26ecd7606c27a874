//! CIFAR in Python's form: fixtures that `cifar-python/generate.py` writes as the authors' files are written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use resnet_data::{DataKind, Dataset, ImageSet, open_cifar, open_cifar_test};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cifar-python")
}

/// The pixels of image `k` of file `number`, as the script draws them.
fn pixels(number: usize, k: usize) -> Vec<u8> {
    (0..3072).map(|i| ((7 * i + 31 * k + 5 * number + i / 1024) % 251) as u8).collect()
}

/// A folder with copies of fixtures.
fn copies(folder: &str, names: &[&str]) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in names {
        fs::copy(fixtures().join(folder).join(name), to.path().join(name)).unwrap();
    }
    to
}

fn archive(path: &Path, folder: &str) {
    let mut archive = tar::Builder::new(GzEncoder::new(File::create(path).unwrap(), Compression::fast()));
    archive.append_dir_all(folder, fixtures().join(folder)).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
}

#[track_caller]
fn assert_ten(data: &Dataset) {
    assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("cifar10", 10, 3));
    assert_eq!(data.train.labels(), [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    assert!((0..10).all(|i| data.train.image(i) == pixels(1 + i / 2, i % 2)));
    assert_ten_test(data.test.read());
}

#[track_caller]
fn assert_ten_test(test: &ImageSet) {
    assert_eq!((test.labels(), test.classes()[9].as_str()), (&[6, 7, 8][..], "truck"));
    assert!((0..3).all(|i| test.image(i) == pixels(6, i)));
}

#[test]
fn cifar10_for_python_is_read_from_its_folder_its_parent_a_file_and_its_archive() {
    let archives = tempfile::tempdir().unwrap();
    archive(&archives.path().join("cifar-10-python.tar.gz"), "cifar-10-batches-py");
    let renamed = tempfile::tempdir().unwrap();
    archive(&renamed.path().join("mine.tgz"), "cifar-10-batches-py");
    let folder = fixtures().join("cifar-10-batches-py");
    for path in [
        folder.clone(),
        folder.join("data_batch_2"),
        archives.path().to_owned(),
        archives.path().join("cifar-10-python.tar.gz"),
        renamed.path().join("mine.tgz"),
    ] {
        assert_ten(&open_cifar(&path, None).unwrap());
        assert!(open_cifar(&path, Some(DataKind::Cifar100)).is_err());
    }
    // Its parent has CIFAR-100 as well.
    assert_ten(&open_cifar(fixtures(), Some(DataKind::Cifar10)).unwrap());
    assert!(open_cifar(fixtures(), None).unwrap_err().to_string().contains("cifar10, cifar100"));
}

#[test]
fn cifar100_for_python_has_fine_labels_and_the_names_of_its_meta() {
    let archives = tempfile::tempdir().unwrap();
    archive(&archives.path().join("cifar-100-python.tar.gz"), "cifar-100-python");
    for path in [&fixtures().join("cifar-100-python"), archives.path(), &fixtures()] {
        let data = open_cifar(path, Some(DataKind::Cifar100)).unwrap();
        assert_eq!((data.name.as_str(), data.train.labels()), ("cifar100", &[19, 29, 99][..]));
        assert_eq!((data.test.read().labels(), data.test.classes()[49].as_str()), (&[49, 0][..], "fine 49"));
        assert!((0..3).all(|i| data.train.image(i) == pixels(7, i)));
    }
    // Without it the names are the known ones.
    let bare = copies("cifar-100-python", &["train", "test"]);
    assert_eq!(open_cifar(bare.path(), None).unwrap().train.classes()[99], "worm");
}

#[test]
fn each_protocol_and_order_of_python_3_gives_the_same_images() {
    let mut names: Vec<PathBuf> =
        fs::read_dir(fixtures().join("forms")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 9);
    for form in names {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&form, folder.path().join("test_batch")).unwrap();
        let data = open_cifar_test(folder.path(), None).unwrap();
        let test = data.test.read();
        assert_eq!((data.train.len(), test.labels()), (0, &[3, 8][..]), "{}", form.display());
        assert!((0..2).all(|i| test.image(i) == pixels(1, i)), "{}", form.display());
    }
}

#[test]
fn test_files_alone_can_be_evaluated_and_not_trained_on() {
    let ten = copies("cifar-10-batches-py", &["test_batch", "batches.meta"]);
    for path in [ten.path(), &ten.path().join("test_batch")] {
        let data = open_cifar_test(path, None).unwrap();
        assert!(data.train.is_empty());
        assert_ten_test(data.test.read());
        let message = open_cifar(path, None).unwrap_err().to_string();
        assert!(message.contains("lacks data_batch_1, which CIFAR-10 in Python's form needs"), "{message}");
    }
    let hundred = copies("cifar-100-python", &["test"]);
    assert_eq!(open_cifar_test(hundred.path(), None).unwrap().test.read().labels(), [49, 0]);

    let binary = tempfile::tempdir().unwrap();
    let record = |label: u8| std::iter::once(label).chain(pixels(6, label.into()));
    fs::write(binary.path().join("test_batch.bin"), (0..2).flat_map(record).collect::<Vec<u8>>()).unwrap();
    let data = open_cifar_test(binary.path(), None).unwrap();
    assert_eq!((data.test.read().labels(), data.test.read().image(1)), (&[0, 1][..], &pixels(6, 1)[..]));
    assert!(open_cifar(binary.path(), None).unwrap_err().to_string().contains("lacks data_batch_1.bin"));
    // Where all is there, only the test images are read.
    let whole = open_cifar_test(fixtures().join("cifar-10-batches-py"), None).unwrap();
    assert_eq!((whole.train.len(), whole.test.len()), (0, 3));
    let archived = binary.path().join("all.tar.gz");
    archive(&archived, "cifar-10-batches-py");
    assert_ten_test(open_cifar_test(&archived, None).unwrap().test.read());
    // Training images alone are nothing to evaluate on.
    let train = copies("cifar-100-python", &["train"]);
    assert!(open_cifar_test(train.path(), None).unwrap_err().to_string().contains("lacks test"));
}

#[test]
fn the_binary_form_is_preferred_where_both_are_there() {
    let both = copies("cifar-10-batches-py", &["test_batch"]);
    fs::write(both.path().join("test_batch.bin"), [&[4][..], &pixels(9, 9)].concat()).unwrap();
    assert_eq!(open_cifar_test(both.path(), None).unwrap().test.read().labels(), [4]);
}

#[test]
fn damaged_batches_are_told_and_named() {
    let whole = fs::read(fixtures().join("cifar-10-batches-py/test_batch")).unwrap();
    let refusal = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test_batch"), bytes).unwrap();
        open_cifar_test(folder.path(), Some(DataKind::Cifar10)).unwrap_err().to_string()
    };
    let with = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|window| window == from).unwrap();
        [&whole[..at], to, &whole[at + from.len()..]].concat()
    };
    for (bytes, wanted) in [
        (whole[..whole.len() - 2000].to_vec(), "the pickle ends too early"),
        (with(b"labels](K\x06", b"labels](K\x0a"), "record 0 has label 10, but labels are 0 to 9"),
        (with(b"labels](K\x06", b"labels](K\x06K\x06"), "4 labels for 3 images"),
        (with(b"labels](K\x06", b"labels](N"), "record 0 has a label that is no whole number"),
        (with(b"U\x06labels", b"U\x06Labels"), "no `labels`"),
        (with(b"U\x04data", b"U\x04dato"), "no `data`"),
        (with(b"K\x03M\x00\x0c\x86", b"K\x02M\x00\x0c\x86"), "9216 bytes for the shape [2, 3072]"),
        (with(b"K\x03M\x00\x0c\x86", b"M\x00\x0cK\x03\x86"), "shape [3072, 3]"),
        (with(b"U\x02u1", b"U\x02i1"), "of the type i1"),
        (with(b"_reconstruct", b"_somethingel"), "no array of numpy"),
        (b"\x80\x04N.".to_vec(), "no `data`"),
        // What would be run by Python is only a name here.
        (b"\x80\x02cos\nsystem\nU\x04exit\x85R.".to_vec(), "no `data`"),
    ] {
        let message = refusal(&bytes);
        assert!(
            message.contains(wanted) && message.contains("test_batch"),
            "{message:?} should say {wanted:?}"
        );
    }
    let folder = copies("cifar-10-batches-py", &["test_batch"]);
    fs::copy(fixtures().join("cifar-100-python/meta"), folder.path().join("batches.meta")).unwrap();
    let message = open_cifar_test(folder.path(), None).unwrap_err().to_string();
    assert!(message.contains("batches.meta") && message.contains("no list `label_names`"), "{message}");
}
