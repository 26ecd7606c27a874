//! `open_files`: folders, shards and tables are recognised, listed once, read, and listed again when they
//! change.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::images::{age, all, assert_says, folders, png, shard};
use resnet_data::Error;
use resnet_data::sources::{FileSet, IndexCache, Layout, OpenFiles, open_files};

fn open(dir: &Path) -> Result<FileSet, Error> {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() })
}

#[track_caller]
fn refusal(dir: &Path, words: &[&str]) {
    assert_says(&open(dir).unwrap_err().to_string(), words);
}

#[test]
fn imagenets_layout_is_recognised_from_inside_and_outside() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    folders(&data.join("train"), &["n2", "n1", "n3"], 2);
    folders(&data.join("val"), &["n1", "n3"], 1);
    fs::create_dir(data.join("train/n1/deeper")).unwrap();
    fs::write(data.join("train/n1/deeper/x.jpeg"), png(4, 4, 9)).unwrap();
    fs::write(data.join("train/n1/notes.txt"), "").unwrap();
    fs::write(data.join("train/n1/._0.png"), "").unwrap();
    for dir in [folder.path(), &data] {
        let set = open(dir).unwrap();
        assert_eq!(
            (set.layout, &set.classes[..]),
            (Layout::Folders, &["n1", "n2", "n3"].map(String::from)[..])
        );
        let train = all(&*set.train);
        let names: Vec<(&str, u32)> = train.iter().map(|(name, label, _)| (name.as_str(), *label)).collect();
        let wanted = [
            ("train/n1/0.png", 0),
            ("train/n1/1.png", 0),
            ("train/n1/deeper/x.jpeg", 0),
            ("train/n2/0.png", 1),
            ("train/n2/1.png", 1),
            ("train/n3/0.png", 2),
            ("train/n3/1.png", 2),
        ];
        assert_eq!(names, wanted);
        assert!(train[2].2 == png(4, 4, 9));
        assert_eq!(set.train.index().left_out().to_string(), "1 file .txt");
        // Numbered as the training split numbers them.
        let val = set.evaluation.unwrap();
        assert_eq!((val.index().labels(), val.index().empty_classes()), (&[0, 2][..], vec!["n2"]));
    }
    let train = open(&data.join("train")).unwrap();
    assert!(train.evaluation.is_none() && train.train.index().len() == 7);
    assert_eq!(train.train.index().name(0), "n1/0.png");

    // The splits have records of one name, of which one is left out, and one that is empty.
    fs::write(data.join("val/n3/0.png"), "").unwrap();
    let fault = |skip: &[&str]| {
        let skip = skip.iter().map(|&name| name.to_owned()).collect();
        let set =
            open_files(&data, &OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() }).unwrap();
        let val = set.evaluation.unwrap();
        let faults: Vec<String> = val.index().faults().iter().map(|it| val.index().fault_name(it)).collect();
        (set.train.index().skipped(), val.index().skipped(), faults)
    };
    assert_eq!(fault(&["val/n1/0.png"]), (0, 1, vec!["val/n3/0.png".to_owned()]));
    assert_eq!(fault(&["train/n1/0.png", "val/n3/0.png"]), (1, 0, vec![]));
}

#[test]
fn shards_are_split_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let sample = |i: u8| (format!("{i:04}"), png(6, 5, i), u64::from(i) % 3);
    shard(&dir.join("set-train-0.tar"), &[sample(0), sample(1)]);
    shard(&dir.join("set-train-1.tar"), &[sample(2), sample(3), sample(4)]);
    shard(&dir.join("set-validation-0.tar"), &[sample(5)]);
    fs::write(dir.join("classes.json"), r#"["a", "b", "c", "d"]"#).unwrap();
    let set = open(&dir.join("set-train-0.tar")).unwrap();
    assert_eq!((set.layout, set.classes.len()), (Layout::Shards, 4));
    let wanted: Vec<_> = (0..5u8)
        .map(|i| (format!("set-train-{}.tar:{i:04}.png", u8::from(i > 1)), u32::from(i) % 3, png(6, 5, i)))
        .collect();
    assert!(all(&*set.train) == wanted);
    assert!(
        all(&*set.evaluation.unwrap()) == [("set-validation-0.tar:0005.png".to_owned(), 2, png(6, 5, 5))]
    );
    assert_eq!(set.train.index().empty_classes(), ["d"]);
    // The records of one shard lie together in one block, so they are read together.
    assert_eq!(set.train.index().blocks(), 2);
}

#[test]
fn what_is_no_data_set_is_refused_with_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    refusal(dir, &["no data set", "class folders", "*.tar"]);
    refusal(&dir.join("gone"), &["cannot open", "gone"]);
    fs::write(dir.join("x.bin"), "").unwrap();
    refusal(&dir.join("x.bin"), &["x.bin", "neither"]);
    fs::write(dir.join("a.tar.gz"), "").unwrap();
    refusal(dir, &["a.tar.gz", "compressed", "unpack"]);
    fs::remove_file(dir.join("a.tar.gz")).unwrap();
    shard(&dir.join("a.tar"), &[]);
    refusal(dir, &["hold no image"]);
    folders(dir, &["cat"], 1);
    refusal(dir, &["several", "tar shards", "class folders"]);
    fs::remove_file(dir.join("a.tar")).unwrap();
    assert!(open(dir).is_ok());

    let split = tempfile::tempdir().unwrap();
    folders(&split.path().join("train"), &["a"], 1);
    folders(&split.path().join("val"), &["a", "z"], 1);
    refusal(split.path(), &["val", "class \"z\"", "not in the training data"]);
    fs::remove_dir_all(split.path().join("val")).unwrap();
    fs::create_dir(split.path().join("val")).unwrap();
    fs::write(split.path().join("val/0.png"), png(2, 2, 0)).unwrap();
    refusal(split.path(), &["val", "no class folders"]);
}

#[test]
fn a_compressed_tar_is_left_over_where_something_else_holds_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for split in ["train", "val"] {
        folders(&dir.join(split), &["cat", "dog"], 1);
        fs::write(dir.join(split).join("images.tgz"), "").unwrap();
    }
    let set = open(dir).unwrap();
    assert_eq!((set.layout, set.evaluation.unwrap().index().len()), (Layout::Folders, 2));
    assert_eq!(open(&dir.join("train")).unwrap().layout, Layout::Folders);
    // What is asked for by its own path is not passed over.
    refusal(&dir.join("train/images.tgz"), &["images.tgz", "compressed", "unpack"]);
    shard(&dir.join("train/a.tar"), &[("x".to_owned(), png(2, 2, 1), 0)]);
    refusal(&dir.join("train"), &["several", "tar shards", "class folders"]);
}

#[test]
fn a_shard_by_its_own_path_is_opened_whatever_folders_lie_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(&dir.join("train"), &["cat", "dog"], 1);
    for name in ["set-train-0.tar", "set-val-0.tar"] {
        shard(&dir.join(name), &[("x".to_owned(), png(2, 2, 1), 0)]);
    }
    let set = open(&dir.join("set-val-0.tar")).unwrap();
    assert_eq!((set.layout, set.train.index().len()), (Layout::Shards, 1));
    assert_eq!(set.evaluation.unwrap().index().name(0), "set-val-0.tar:x.png");
    assert_eq!(open(dir).unwrap().layout, Layout::Folders);
}

#[test]
fn an_index_is_kept_and_renewed_when_the_data_change() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, caches) = (folder.path().join("data"), folder.path().join("caches"));
    fs::create_dir(&dir).unwrap();
    let samples = |name: &str, count: u8| {
        let samples: Vec<_> = (0..count).map(|i| (i.to_string(), png(3, 3, i), 1)).collect();
        shard(&dir.join(name), &samples);
    };
    samples("a.tar", 4);
    let options = OpenFiles { cache: IndexCache::Folder(caches.clone()), ..OpenFiles::default() };
    let len = || open_files(&dir, &options).unwrap().train.index().len();
    assert_eq!(len(), 4);
    assert!(!caches.exists(), "an index of files written just now is not to be trusted");
    age(&dir, 100);
    assert_eq!(len(), 4);
    let kept = fs::read_dir(&caches).unwrap().next().unwrap().unwrap().path();
    let written = || fs::metadata(&kept).unwrap().modified().unwrap();
    let mark = SystemTime::now() - Duration::from_secs(50);
    let touch = || fs::File::options().write(true).open(&kept).unwrap().set_modified(mark).unwrap();
    touch();
    assert!(len() == 4 && written() == mark, "a good index is only read");

    samples("b.tar", 1);
    assert_eq!(len(), 5);
    age(&dir, 90);
    assert!(len() == 5 && written() > mark);
    touch();
    samples("b.tar", 2);
    age(&dir, 80);
    assert!(len() == 6 && written() > mark);
    fs::remove_file(dir.join("b.tar")).unwrap();
    assert_eq!(len(), 4);

    // A damaged index is no index.
    age(&dir, 60);
    assert_eq!(len(), 4);
    let mut bytes = fs::read(&kept).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&kept, bytes).unwrap();
    assert_eq!(len(), 4);
}

#[test]
fn an_index_lies_beside_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    shard(&dir.join("a.tar"), &[("x".to_owned(), png(2, 2, 1), 0)]);
    age(dir, 100);
    let open = || open_files(dir, &OpenFiles::default()).unwrap().train.index().len();
    assert_eq!(open(), 1);
    assert!(dir.join(".resnet-train.index").is_file());
    let more: Vec<_> = (0..3u8).map(|i| (i.to_string(), png(2, 2, i), 1)).collect();
    shard(&dir.join("a.tar"), &more);
    assert_eq!(open(), 3);
}

#[test]
fn a_shard_or_table_that_changed_in_place_is_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let labels = |label: u64| [("x".to_owned(), png(2, 2, 1), label), ("y".to_owned(), png(2, 2, 2), label)];
    shard(&dir.join("a.tar"), &labels(1));
    age(dir, 100);
    let open = || open_files(dir, &OpenFiles::default()).unwrap().train.index().labels().to_vec();
    assert_eq!((open(), open()), (vec![1, 1], vec![1, 1]));
    let bytes = fs::metadata(dir.join("a.tar")).unwrap().len();
    shard(&dir.join("a.tar"), &labels(3));
    assert_eq!(fs::metadata(dir.join("a.tar")).unwrap().len(), bytes);
    age(&dir.join("a.tar"), 90);
    assert_eq!((open(), open()), (vec![3, 3], vec![3, 3]));
    // Other members under the same size and time are noticed when they are read.
    let set = || open_files(dir, &OpenFiles::default()).unwrap().train;
    let modified = fs::metadata(dir.join("a.tar")).unwrap().modified().unwrap();
    shard(&dir.join("a.tar"), &[("y".to_owned(), png(2, 2, 2), 3), ("x".to_owned(), png(2, 2, 1), 3)]);
    fs::File::options().write(true).open(dir.join("a.tar")).unwrap().set_modified(modified).unwrap();
    assert_eq!((open(), set().index().name(0)), (vec![3, 3], "a.tar:x.png".to_owned()));
    let told = set().read(0..1).remove(0).unwrap_err().to_string();
    assert_says(&told, &["x.png at byte 0", "its header in the shard is damaged, or another's"]);
    // A link to another file is another file, as when a snapshot of the hub's cache moves on.
    #[cfg(unix)]
    {
        fs::rename(dir.join("a.tar"), dir.join("blob")).unwrap();
        shard(&dir.join("other"), &labels(2));
        age(&dir.join("other"), 80);
        std::os::unix::fs::symlink("blob", dir.join("a.tar")).unwrap();
        assert_eq!(open(), [3, 3]);
        fs::remove_file(dir.join("a.tar")).unwrap();
        std::os::unix::fs::symlink("other", dir.join("a.tar")).unwrap();
        assert_eq!(open(), [2, 2]);
    }
}

#[test]
fn records_that_vanish_change_or_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(dir, &["a", "b"], 2);
    let skip = vec!["a/1.png".to_owned(), "zebra".to_owned()];
    let options = OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() };
    let set = open_files(dir, &options).unwrap();
    let index = set.train.index();
    assert_eq!((index.skipped(), index.is_skipped(1), index.class_counts()), (1, true, vec![1, 2]));
    fs::remove_file(dir.join("b/0.png")).unwrap();
    fs::write(dir.join("b/1.png"), "").unwrap();
    let told = |record: usize| set.train.read(record..record + 1)[0].clone().unwrap_err().to_string();
    assert!(told(2).contains("b/0.png: cannot open it"), "{}", told(2));
    assert!(told(3).contains("b/1.png: it is empty"), "{}", told(3));

    let shards = tempfile::tempdir().unwrap();
    let sample = |i: u8| (i.to_string(), png(2, 2, i), 1);
    shard(&shards.path().join("a.tar"), &[sample(0), sample(1)]);
    let set = open(shards.path()).unwrap();
    shard(&shards.path().join("a.tar"), &[sample(3), sample(4), sample(5)]);
    let told = set.train.read(0..2).remove(1).unwrap_err().to_string();
    assert!(told.contains("a.tar: 1.png at byte") && told.contains("has changed"), "{told}");
}

#[test]
fn two_hundred_real_images_are_a_data_set() {
    let Some(images) = resnet_testing::data::real_images() else { return };
    let set = open(&images).unwrap();
    let index = set.train.index();
    assert_eq!((index.len(), set.classes.len(), index.faults()), (200, 200, &[][..]));
    assert!(index.name(0).starts_with("n01440764/") && all(&*set.train).len() == 200);
}
