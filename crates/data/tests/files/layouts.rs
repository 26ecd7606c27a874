//! `open_files` on what people have: folders with other files in them, tars made on a Mac, labels as text.

use std::fs;
use std::path::Path;

use crate::images::{age, folders, png, shard, tar_of};
use resnet_data::Error;
use resnet_data::sources::{FileSet, IndexCache, OpenFiles, Source, open_files};

fn open(dir: &Path) -> Result<FileSet, Error> {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() })
}

/// Opens `dir` with a list of its classes.
fn open_listed(dir: &Path, list: &Path) -> Result<FileSet, Error> {
    let classes = Some(list.to_owned());
    open_files(dir, &OpenFiles { cache: IndexCache::Off, classes, ..OpenFiles::default() })
}

/// Name and label of each record.
fn labels(source: &dyn Source) -> Vec<(String, u32)> {
    let index = source.index();
    (0..index.len()).map(|record| (index.name(record), index.labels()[record])).collect()
}

fn faults(source: &dyn Source) -> Vec<String> {
    source.index().faults().iter().map(ToString::to_string).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A shard with an image and this `.cls` for each sample.
fn labelled(path: &Path, classes: &[&str]) {
    let members: Vec<(String, Vec<u8>)> = (0..)
        .zip(classes)
        .flat_map(|(i, class)| {
            [(format!("{i}.jpg"), png(4, 4, i)), (format!("{i}.cls"), class.as_bytes().to_vec())]
        })
        .collect();
    fs::write(path, tar_of(&members)).unwrap();
}

#[test]
fn every_image_ending_is_taken_and_all_others_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let images =
        ["a.jpg", "b.JPEG", "c.jfif", "d.jpe", "e.png", "f.webp", "g.bmp", "h.gif", "i.tif", "j.TIFF"];
    let others = ["notes.txt", "more.TXT", "drawing.xcf", "README", "README.md", "image.heic"];
    let nobodys = [".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini"];
    for class in ["cat", "dog", "__MACOSX", ".cache"] {
        fs::create_dir(dir.join(class)).unwrap();
        for name in images.iter().chain(&others).chain(&nobodys) {
            fs::write(dir.join(class).join(name), png(4, 4, 1)).unwrap();
        }
    }
    fs::create_dir_all(dir.join("cat/__MACOSX/cat")).unwrap();
    fs::write(dir.join("cat/__MACOSX/cat/x.jpg"), "x").unwrap();
    fs::write(dir.join("stray.jpg"), png(4, 4, 1)).unwrap();
    let set = open(dir).unwrap();
    let index = set.train.index();
    assert_eq!(&set.classes[..], names(&["cat", "dog"]));
    let taken: Vec<String> = labels(&*set.train).into_iter().map(|(name, _)| name).collect();
    let wanted = ["cat", "dog"].iter().flat_map(|class| images.map(|name| format!("{class}/{name}")));
    assert_eq!(taken, wanted.collect::<Vec<_>>());
    let left_out: Vec<(&str, u64)> = index.left_out().kinds().collect();
    let wanted = [
        (".heic", 2),
        (".jpg outside the class folders", 1),
        (".md", 2),
        (".txt", 4),
        (".xcf", 2),
        ("without an ending", 2),
    ];
    assert_eq!((left_out, index.faults().len()), (wanted.to_vec(), 0));
}

/// As timm and torchvision number them (`timm/class_order.py`).
#[test]
fn class_folders_called_by_labels_have_timms_order_and_others_torchvisions() {
    let orders: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../timm/class_order.json")).unwrap();
    for order in orders {
        let of = |peer: &str| -> Vec<String> { serde_json::from_value(order[peer].clone()).unwrap() };
        let (timm, torchvision) = (of("timm"), of("torchvision"));
        let folder = tempfile::tempdir().unwrap();
        let given: Vec<&str> = timm.iter().map(String::as_str).collect();
        folders(folder.path(), &given, 1);
        let set = open(folder.path()).unwrap();
        let are_labels = timm.iter().enumerate().all(|(label, name)| name.parse() == Ok(label));
        let wanted = if are_labels { &timm } else { &torchvision };
        assert_eq!(&set.classes[..], &wanted[..]);
        let found: Vec<(String, u32)> =
            (0..).zip(wanted).map(|(label, name)| (format!("{name}/0.png"), label)).collect();
        assert_eq!(labels(&*set.train), found);
        let warnings = set.train.index().warnings();
        assert_eq!(warnings.len(), usize::from(timm != torchvision), "{warnings:?}");
    }
}

#[test]
fn folders_called_by_labels_keep_them_where_the_other_split_lacks_some() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<String> = (0..12).map(|label| label.to_string()).collect();
    folders(&folder.path().join("train"), &all.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    folders(&folder.path().join("val"), &["0", "10", "5"], 1);
    let val = open(folder.path()).unwrap().evaluation.unwrap();
    let mut found = labels(&*val);
    found.sort_by_key(|(_, label)| *label);
    let wanted = [0, 5, 10].map(|label| (format!("val/{label}/0.png"), label));
    assert_eq!(found, wanted);
}

#[test]
fn class_folders_called_by_numbers_are_matched_by_name_where_these_are_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    folders(&folder.path().join("train"), &["0", "2", "3"], 1);
    folders(&folder.path().join("val"), &["0", "2"], 1);
    let val = open(folder.path()).unwrap().evaluation.unwrap();
    assert_eq!(val.index().labels(), [0, 1]);
    folders(&folder.path().join("val"), &["1"], 1);
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("class \"1\", which is not in the training data"), "{told}");
}

#[test]
fn samples_with_dots_in_their_names_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let image = || png(4, 4, 1);
    let members = [
        ("0.jpg", image()),
        ("0.cls", b"1".to_vec()),
        ("0.seg.png", image()),
        ("0.txt", vec![]),
        ("image.v1.1.jpg", image()),
        ("image.v1.1.cls", b"0".to_vec()),
        ("image.v1.2.jpg", image()),
        ("image.v1.2.cls", b"0".to_vec()),
        ("a.b/2.JFIF", image()),
        ("a.b/2.cls", b"2".to_vec()),
        ("3.v2.jpg", image()),
        ("3.cls", b"2".to_vec()),
    ];
    fs::write(folder.path().join("a.tar"), tar_of(&members)).unwrap();
    let set = open(folder.path()).unwrap();
    let wanted = [("a.tar:0.jpg".to_owned(), 1), ("a.tar:a.b/2.JFIF".to_owned(), 2)];
    assert_eq!(labels(&*set.train), wanted);
    let index = set.train.index();
    assert_eq!(index.faults().iter().map(|fault| fault.records).collect::<Vec<_>>(), [2, 1]);
    for (told, words) in
        faults(&*set.train).iter().zip([["image.v1.1.jpg", ".v1.1.jpg"], ["3.v2.jpg", ".v2.jpg"]])
    {
        assert!(words.iter().all(|word| told.contains(word)) && told.contains("first dot"), "{told}");
    }
    assert_eq!(index.left_out().to_string(), "1 file .seg.png, 1 file .txt");
}

#[test]
fn what_a_mac_puts_between_the_members_of_a_sample_ends_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8], kind: tar::EntryType| {
        // As bsdtar writes a file that has attributes.
        let attributes: [(&str, &[u8]); 2] =
            [("LIBARCHIVE.xattr.com.apple.quarantine", b"MDA4"), ("mtime", b"1.5")];
        archive.append_pax_extensions(attributes).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_entry_type(kind);
        if kind.is_hard_link() || kind.is_symlink() {
            archive.append_link(&mut header, name, "0.jpg").unwrap();
        } else {
            archive.append_data(&mut header, name, bytes).unwrap();
        }
    };
    let (file, apple) = (tar::EntryType::Regular, b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ");
    add("./", b"", tar::EntryType::Directory);
    for i in 0..4 {
        add(&format!("./._{i}.jpg"), apple, file);
        add(&format!("./{i}.jpg"), &png(4, 4, i), file);
        add("./deeper", b"", tar::EntryType::Directory);
        add(&format!("__MACOSX/._{i}.cls"), apple, file);
        add(&format!("__MACOSX/{i}.jpg"), apple, file);
        add("./.DS_Store", b"x", file);
        add("./linked.jpg", b"", tar::EntryType::Link);
        add("./linked.png", b"", tar::EntryType::Symlink);
        add(&format!("./._{i}.cls"), apple, file);
        add("README", b"x", file);
        add(&format!("./{i}.cls"), (i % 2).to_string().as_bytes(), file);
    }
    fs::write(folder.path().join("train-000.tar"), archive.into_inner().unwrap()).unwrap();
    let set = open(folder.path()).unwrap();
    let found: Vec<u32> = labels(&*set.train).into_iter().map(|(_, label)| label).collect();
    assert_eq!((found, faults(&*set.train)), (vec![0, 1, 0, 1], vec![]));
    let told = set.train.index().left_out().to_string();
    assert_eq!(told, "8 files (links in tar files), 4 files without an ending");
    for (record, bytes) in set.train.read(0..4).into_iter().enumerate() {
        assert!(bytes.unwrap() == png(4, 4, record as u8));
    }
}

#[test]
fn shards_that_were_put_together_are_read_whole_and_one_without_an_end_mark_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let sample = |i: u8| (i.to_string(), png(4, 4, i), u64::from(i));
    shard(&dir.join("train-a.tar"), &[sample(0), sample(1)]);
    shard(&dir.join("train-b.tar"), &[sample(2), sample(3)]);
    let [a, b] = ["train-a.tar", "train-b.tar"].map(|name| fs::read(dir.join(name)).unwrap());
    fs::remove_file(dir.join("train-b.tar")).unwrap();
    fs::write(dir.join("train-a.tar"), [&a[..], &b].concat()).unwrap();
    let set = open(dir).unwrap();
    assert_eq!(set.train.index().labels(), [0, 1, 2, 3]);
    assert_eq!((faults(&*set.train), set.train.index().warnings().len()), (vec![], 0));
    let bytes: Vec<Vec<u8>> = set.train.read(0..4).into_iter().map(Result::unwrap).collect();
    assert!(bytes == (0..4).map(|i| png(4, 4, i)).collect::<Vec<_>>());

    let end = b.len() - 1024;
    fs::write(dir.join("train-a.tar"), &b[..end]).unwrap();
    let set = open(dir).unwrap();
    assert_eq!((set.train.index().labels(), faults(&*set.train)), (&[2, 3][..], vec![]));
    let told = &set.train.index().warnings()[0];
    assert!(told.contains("train-a.tar") && told.contains("end mark"), "{told}");
    // The label of the last sample is gone with the end.
    fs::write(dir.join("train-a.tar"), &b[..end - 1024]).unwrap();
    let set = open(dir).unwrap();
    assert_eq!((set.train.index().labels(), faults(&*set.train).len()), (&[2][..], 1));
}

#[test]
fn labels_are_names_where_a_list_or_all_of_them_tell_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    labelled(&dir.join("train-0.tar"), &["dog\n", "golden retriever", "cat"]);
    labelled(&dir.join("val-0.tar"), &["golden retriever", "dog"]);
    let set = open(dir).unwrap();
    assert_eq!(&set.classes[..], names(&["cat", "dog", "golden retriever"]));
    let val = set.evaluation.unwrap();
    assert_eq!((set.train.index().labels(), val.index().labels()), (&[1, 2, 0][..], &[2, 1][..]));

    let list = dir.join("order");
    fs::write(&list, "golden retriever\ndog\ncat\nfox\n").unwrap();
    let set = open_listed(dir, &list).unwrap();
    assert_eq!((set.train.index().labels(), set.classes.len()), (&[1, 0, 2][..], 4));
    fs::rename(&list, dir.join("classes.txt")).unwrap();
    assert_eq!(open(dir).unwrap().train.index().labels(), [1, 0, 2]);
    fs::write(dir.join("classes.txt"), "golden retriever\ndog\ndog\n").unwrap();
    let told = faults(&*open(dir).unwrap().train);
    assert!(told.len() == 2 && told[0].contains("\"dog\", which several classes"), "{told:?}");
    assert!(told[1].contains("\"cat\"") && told[1].contains("classes.txt does not list"), "{told:?}");

    // Numbers and names beside each other need a list.
    fs::remove_file(dir.join("classes.txt")).unwrap();
    labelled(&dir.join("train-1.tar"), &["1"]);
    let told = open(dir).unwrap_err().to_string();
    assert!(told.contains("0.jpg is a number") && told.contains("no list"), "{told}");
    fs::write(dir.join("classes.txt"), "cat\ndog\ngolden retriever\n").unwrap();
    assert_eq!(open(dir).unwrap().train.index().labels(), [1, 2, 0, 1]);
}

#[test]
fn a_list_orders_the_classes_of_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, list) = (folder.path().join("data"), folder.path().join("list.txt"));
    folders(&dir.join("train"), &["ant", "bee", "cat"], 1);
    folders(&dir.join("val"), &["cat"], 1);
    fs::write(&list, "cat\nbee\ndog\nant\n").unwrap();
    let set = open_listed(&dir, &list).unwrap();
    assert_eq!(
        (&set.classes[..], set.train.index().labels()),
        (&names(&["cat", "bee", "dog", "ant"])[..], &[0, 1, 3][..])
    );
    assert_eq!(set.evaluation.unwrap().index().labels(), [0]);
    // One that is given has to fit; one that lies there may be about something else.
    fs::write(&list, "cat\nbee\n").unwrap();
    let told = open_listed(&dir, &list).unwrap_err().to_string();
    assert!(told.contains("list.txt") && told.contains("class folder ant "), "{told}");
    fs::write(dir.join("classes.txt"), "Formica rufa\nApis mellifera\nFelis catus\n").unwrap();
    let set = open(&dir).unwrap();
    assert_eq!(
        (&set.classes[..], set.train.index().labels()),
        (&names(&["ant", "bee", "cat"])[..], &[0, 1, 2][..])
    );
    assert!(set.train.index().warnings()[0].contains("lists none"), "{:?}", set.train.index().warnings());
    fs::write(dir.join("classes.txt"), "cat\nbee\n").unwrap();
    assert!(open(&dir).unwrap_err().to_string().contains("class folder ant "));
    assert!(open_listed(&dir, Path::new("no such list")).unwrap_err().to_string().contains("no such list"));

    // Shards with labels below the list's end, and the same list in the order of labels.
    let shards = tempfile::tempdir().unwrap();
    labelled(&shards.path().join("a.tar"), &["2", "0"]);
    fs::write(&list, r#"["x", "y", "z"]"#).unwrap();
    let set = open_listed(shards.path(), &list).unwrap();
    assert_eq!((&set.classes[..], set.train.index().labels()), (&names(&["x", "y", "z"])[..], &[2, 0][..]));
    fs::write(&list, r#"["x", "y"]"#).unwrap();
    assert!(faults(&*open_listed(shards.path(), &list).unwrap().train)[0].contains("below 2"));
}

#[test]
fn an_index_made_with_another_list_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, list) = (folder.path().join("data"), folder.path().join("list"));
    fs::create_dir(&dir).unwrap();
    labelled(&dir.join("a.tar"), &["cat", "dog"]);
    fs::write(&list, "dog\ncat").unwrap();
    fs::write(folder.path().join("other"), "fox\ndog\ncat").unwrap();
    age(folder.path(), 100);
    let labels = |classes: Option<&Path>| {
        let cache = IndexCache::Folder(folder.path().join("caches"));
        let options = OpenFiles { cache, classes: classes.map(Path::to_owned), ..OpenFiles::default() };
        open_files(&dir, &options).unwrap().train.index().labels().to_vec()
    };
    for _ in 0..2 {
        assert_eq!([labels(None), labels(None)], [[0, 1], [0, 1]]);
        assert_eq!([labels(Some(&list)), labels(Some(&list))], [[1, 0], [1, 0]]);
        assert_eq!(labels(Some(&folder.path().join("other"))), [2, 1]);
    }
}

#[test]
fn class_folders_whose_times_were_set_back_are_listed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(dir, &["a", "b"], 2);
    age(dir, 1000);
    let found = || {
        let set = open_files(dir, &OpenFiles::default()).unwrap();
        let index = set.train.index();
        let bytes: Vec<u64> = (0..index.len()).map(|record| index.bytes(record)).collect();
        (labels(&*set.train), bytes, index.faults().len())
    };
    let (before, bytes, _) = found();
    assert_eq!(before.len(), 4);
    // Other images under the same times, then another image under the same name and times.
    fs::rename(dir.join("a/0.png"), dir.join("a/2.png")).unwrap();
    fs::remove_file(dir.join("b/1.png")).unwrap();
    age(dir, 1000);
    let names: Vec<String> = found().0.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a/1.png", "a/2.png", "b/0.png"]);
    fs::write(dir.join("b/0.png"), png(40, 40, 7)).unwrap();
    age(dir, 1000);
    assert!(found().1[2] != bytes[2] && found().1[2] == png(40, 40, 7).len() as u64);
    fs::write(dir.join("b/0.png"), "").unwrap();
    age(dir, 1000);
    assert_eq!((found().0.len(), found().2), (2, 1));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_or_break_lines_are_read_shown_escaped_and_skipped_by_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&class).unwrap();
    for (i, name) in [&b"\xff.png"[..], b"a\nb.png", b"esc\x1b[2J.png", b"back\\slash.png"].iter().enumerate()
    {
        fs::write(class.join(OsStr::from_bytes(name)), png(4, 4, i as u8)).unwrap();
    }
    fs::write(class.join(OsStr::from_bytes(b"\xfe.png")), "").unwrap();
    let set = open(folder.path()).unwrap();
    assert_eq!(&set.classes[..], [r"caf\xe9"]);
    let wanted = [r"\xff.png", r"a\x0ab.png", r"back\\slash.png", r"esc\x1b[2J.png"];
    let wanted = wanted.map(|name| (format!(r"caf\xe9/{name}"), 0));
    assert_eq!(labels(&*set.train), wanted);
    for (bytes, value) in set.train.read(0..1).into_iter().chain(set.train.read(3..4)).zip([0, 2]) {
        assert!(bytes.unwrap() == png(4, 4, value));
    }
    let place = set.train.index().place(3);
    assert!(place.ends_with(r"caf\xe9/esc\x1b[2J.png") && !place.contains(char::is_control), "{place}");
    assert!(faults(&*set.train)[0].contains(r"\xfe.png: it is empty"));
    let skip = vec![r"caf\xe9/\xfe.png".to_owned(), wanted[1].0.clone()];
    let set = open_files(folder.path(), &OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() })
        .unwrap();
    assert_eq!((set.train.index().skipped(), faults(&*set.train)), (1, vec![]));
}
