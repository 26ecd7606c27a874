//! ImageNet as it is downloaded, and images whose labels are in a list.

use std::fs;
use std::path::Path;

use crate::images::{age, all, assert_says, folders, png, shard, tar_of};
use resnet_data::sources::{FileSet, IndexCache, Layout, OpenFiles, Source, Split, open_files};

fn options(labels: Option<&Path>) -> OpenFiles {
    OpenFiles { cache: IndexCache::Off, labels: labels.map(Path::to_owned), ..OpenFiles::default() }
}

fn open(dir: &Path) -> FileSet {
    open_files(dir, &options(None)).unwrap()
}

#[track_caller]
fn refusal(dir: &Path, labels: Option<&Path>, words: &[&str]) {
    assert_says(&open_files(dir, &options(labels)).unwrap_err().to_string(), words);
}

fn labels(source: &dyn Source) -> Vec<(String, u32)> {
    all(source).into_iter().map(|(name, label, _)| (name, label)).collect()
}

/// A tar of an image for each of `values`, with what macOS adds.
fn class_tar(class: &str, values: &[u8]) -> Vec<u8> {
    let mut members = vec![(format!("._{class}_0.JPEG"), vec![1; 700])];
    members.extend(values.iter().map(|&value| (format!("{class}_{value}.JPEG"), png(5, 4, value))));
    tar_of(&members)
}

/// `ILSVRC2012_img_train.tar` with two classes.
fn train_tar(path: &Path) {
    let members = [
        ("n01443537.tar", class_tar("n01443537", &[1, 2, 3])),
        ("._n01443537.tar", vec![7; 99]),
        ("readme.txt", b"hello".to_vec()),
        ("n01440764.tar", class_tar("n01440764", &[4])),
    ];
    fs::write(path, tar_of(&members)).unwrap();
}

/// `ILSVRC2012_img_val.tar` with the first three images.
fn val_tar(path: &Path, folder: &str) {
    let image = |i: u8| (format!("{folder}ILSVRC2012_val_{i:08}.JPEG"), png(4, 4, 100 + i));
    fs::write(path, tar_of(&[image(1), image(2), image(3)])).unwrap();
}

const VAL_TXT: &str =
    "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\nILSVRC2012_val_00000003.JPEG 230\n";

#[test]
fn a_tar_of_class_tars_is_read_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ILSVRC2012_img_train.tar");
    train_tar(&file);
    for path in [folder.path(), &file] {
        let set = open(path);
        assert_eq!((set.layout, set.split, set.evaluation.is_none()), (Layout::Archives, Split::Train, true));
        assert_eq!(set.classes[..], ["n01440764", "n01443537"].map(String::from));
        let wanted =
            [("n01443537_1", 1, 1), ("n01443537_2", 1, 2), ("n01443537_3", 1, 3), ("n01440764_4", 0, 4)];
        let wanted = wanted.map(|(name, label, value)| {
            let class = &name[..9];
            (format!("ILSVRC2012_img_train.tar:{class}/{name}.JPEG"), label, png(5, 4, value))
        });
        assert!(all(&*set.train) == wanted, "{:?}", labels(&*set.train));
        assert_eq!((set.train.index().left_out().files(), set.train.index().faults()), (1, &[][..]));
        // Neighbours are of one class: each is read by itself, so that all are mixed.
        assert_eq!(set.train.index().blocks(), 4);
    }
}

#[test]
fn class_tars_side_by_side_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    for (class, value) in [("n00000007", 1), ("n00000003", 2)] {
        fs::write(folder.path().join(format!("{class}.tar")), class_tar(class, &[value])).unwrap();
    }
    let found = labels(&*open(folder.path()).train);
    let name = |class: &str, i| format!("{class}.tar:{class}/{class}_{i}.JPEG");
    assert_eq!(found, [(name("n00000003", 2), 0), (name("n00000007", 1), 1)]);
}

#[test]
fn the_validation_tar_is_labelled_by_each_list_beside_it_or_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let file = dir.join("ILSVRC2012_img_val.tar");
    val_tar(&file, "");
    refusal(dir, None, &["ILSVRC2012_img_val.tar", "no class folders", "val.txt"]);
    let wanted: Vec<(String, u32)> = [65, 970, 230]
        .into_iter()
        .zip(1..)
        .map(|(label, i)| (format!("ILSVRC2012_img_val.tar:ILSVRC2012_val_{i:08}.JPEG"), label))
        .collect();
    for (name, text) in [
        ("val.txt", VAL_TXT),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\nILSVRC2012_val_00000003,n02105855 1 2 3 4\nILSVRC2012_val_00000001,n01751748 1 2 3 4\nILSVRC2012_val_00000002,n09193705 1 2 3 4\n",
        ),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n361\n171\n"),
    ] {
        let list = dir.join(name);
        fs::write(&list, text).unwrap();
        for path in [dir, &file] {
            let set = open(path);
            assert_eq!(
                (set.split, set.classes.len(), set.classes[65].as_str()),
                (Split::Val, 1000, "n01751748")
            );
            assert_eq!(labels(&*set.train), wanted, "{name}");
        }
        fs::remove_file(&list).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let list = elsewhere.path().join(name);
        fs::write(&list, text).unwrap();
        assert_eq!(labels(&*open_files(dir, &options(Some(&list))).unwrap().train), wanted, "{name}");
    }
    // In a folder of the tar.
    val_tar(&file, "ILSVRC2012_img_val/");
    fs::write(dir.join("val.txt"), VAL_TXT).unwrap();
    assert_eq!(labels(&*open(dir).train)[2].1, 230);
}

#[test]
fn torchvisions_three_files_are_a_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    train_tar(&dir.join("ILSVRC2012_img_train.tar"));
    val_tar(&dir.join("ILSVRC2012_img_val.tar"), "");
    let mut kit = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(12);
    let name = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt";
    kit.append_data(&mut header, name, &b"449\n450\n450\n"[..]).unwrap();
    fs::write(dir.join("ILSVRC2012_devkit_t12.tar.gz"), kit.into_inner().unwrap().finish().unwrap()).unwrap();
    fs::write(dir.join("ILSVRC2012_bbox_train_v2.tar.gz"), "").unwrap();
    // Of the validation images' classes the two are used that there are training images of.
    let set = open(dir);
    let val = set.evaluation.unwrap();
    assert_eq!((set.train.index().len(), val.index().labels()), (4, &[0, 1, 1][..]));
    assert_eq!(val.index().classes(), &set.classes[..]);
}

#[test]
fn a_flat_folder_with_a_list_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("val");
    fs::create_dir_all(&dir).unwrap();
    for (name, value) in [("b.png", 2), ("a.png", 1), ("._a.png", 4), ("val.log", 5)] {
        fs::write(dir.join(name), png(3, 3, value)).unwrap();
    }
    refusal(&dir, None, &["val", "no class folders"]);
    let list = folder.path().join("val.txt");
    fs::write(&list, "a.png 1\nb.png 0\nc.png 2\ngone.png 1\n").unwrap();
    let wanted = [("a.png", 1, 1), ("b.png", 0, 2), ("deeper/c.png", 2, 3)];
    let wanted = wanted.map(|(name, label, value)| (name.to_owned(), label, png(3, 3, value)));
    let set = open(&dir);
    assert_eq!((set.layout, set.split, set.classes.len()), (Layout::Listed, Split::Val, 3));
    assert!(all(&*set.train) == wanted[..2], "{:?}", labels(&*set.train));
    assert_eq!(set.train.index().left_out().files(), 1);
    assert!(set.train.index().warnings()[0].starts_with("2 images of"));
    // Where a list is given, folders say nothing.
    fs::create_dir(dir.join("deeper")).unwrap();
    fs::write(dir.join("deeper/c.png"), png(3, 3, 3)).unwrap();
    let given = || open_files(&dir, &options(Some(&list))).unwrap();
    assert!(all(&*given().train) == wanted, "{:?}", labels(&*given().train));
    // What the list leaves out, and what is empty, are faults.
    fs::write(dir.join("d.png"), png(3, 3, 9)).unwrap();
    fs::write(dir.join("b.png"), "").unwrap();
    let set = given();
    let index = set.train.index();
    let faults: Vec<String> = index.faults().iter().map(|it| index.fault_name(it)).collect();
    assert_eq!((index.len(), faults), (2, vec!["b.png".to_owned(), "d.png".to_owned()]));
    let skip = vec!["d.png".to_owned(), "b.png".to_owned(), "a.png".to_owned()];
    let set = open_files(&dir, &OpenFiles { skip, ..options(Some(&list)) }).unwrap();
    assert_eq!((set.train.index().faults(), set.train.index().skipped()), (&[][..], 1));

    fs::write(&list, "x.png 1\n").unwrap();
    refusal(&dir, Some(&list), &["val.txt", "labels none of the 4 images"]);
    fs::write(&list, "a.png\n").unwrap();
    refusal(&dir, Some(&list), &["val.txt", "line 1 has one column"]);
    refusal(&dir, Some(Path::new("none.csv")), &["cannot open", "none.csv"]);
}

#[test]
fn a_flat_folder_for_evaluation_is_numbered_as_the_training_folders() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(&dir.join("train"), &["cat", "dog", "owl"], 2);
    fs::create_dir(dir.join("val")).unwrap();
    for (name, value) in [("1.png", 1), ("2.png", 2)] {
        fs::write(dir.join("val").join(name), png(3, 3, value)).unwrap();
    }
    refusal(dir, None, &["val", "no class folders"]);
    let list = dir.join("labels.csv");
    fs::write(&list, "id,species\r\n1,owl\r\n2,dog\r\n").unwrap();
    let set = open(dir);
    assert_eq!(labels(&*set.evaluation.unwrap()), [("val/1.png".to_owned(), 2), ("val/2.png".to_owned(), 1)]);
    assert_eq!(set.layout, Layout::Folders);
    // Folders and shards have labels of their own.
    let shards = tempfile::tempdir().unwrap();
    shard(&shards.path().join("a.tar"), &[("x".to_owned(), png(2, 2, 1), 0)]);
    refusal(
        shards.path(),
        Some(&list),
        &["tar shards have labels of their own", "labels.csv", "leave the list out"],
    );
}

#[test]
fn tiny_imagenets_validation_images_have_the_labels_of_their_annotations() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for class in ["n02124075", "n01443537"] {
        folders(&dir.join("train").join(class), &["images"], 1);
    }
    fs::create_dir_all(dir.join("val/images")).unwrap();
    fs::create_dir_all(dir.join("test/images")).unwrap();
    for i in 0..2 {
        fs::write(dir.join(format!("val/images/val_{i}.JPEG")), png(3, 3, i)).unwrap();
        fs::write(dir.join(format!("test/images/test_{i}.JPEG")), png(3, 3, i)).unwrap();
    }
    let annotations = "val_0.JPEG\tn02124075\t0\t32\t44\t62\nval_1.JPEG\tn01443537\t52\t55\t57\t59\n";
    fs::write(dir.join("val/val_annotations.txt"), annotations).unwrap();
    let set = open(dir);
    assert_eq!(
        (&set.classes[..], set.train.index().len()),
        (&["n01443537", "n02124075"].map(String::from)[..], 2)
    );
    let wanted = [("val/images/val_0.JPEG".to_owned(), 1), ("val/images/val_1.JPEG".to_owned(), 0)];
    assert_eq!(labels(&*set.evaluation.unwrap()), wanted);
}

#[test]
fn classes_are_numbered_by_the_list_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    train_tar(&dir.join("train.tar"));
    let classes = dir.join("order.txt");
    fs::write(&classes, "n01443537 goldfish\nn00000001 nothing\nn01440764 tench\n").unwrap();
    let options = OpenFiles { classes: Some(classes), ..options(None) };
    let set = open_files(dir.join("train.tar"), &options).unwrap();
    assert_eq!((set.train.index().labels(), set.classes.len()), (&[0, 0, 0, 2][..], 3));
    val_tar(&dir.join("val.tar"), "");
    fs::write(dir.join("val.txt"), VAL_TXT.replace(" 65", " 2").replace(" 970", " 0").replace(" 230", " 1"))
        .unwrap();
    let set = open_files(dir.join("val.tar"), &options).unwrap();
    assert_eq!((set.train.index().labels(), set.classes[2].as_str()), (&[2, 0, 1][..], "n01440764"));
}

#[test]
fn a_damaged_or_compressed_archive_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let file = dir.join("ILSVRC2012_img_train.tar");
    train_tar(&file);
    let whole = fs::read(&file).unwrap();
    // Cut inside the second inner tar: the first one's images are there, the rest is a fault.
    fs::write(&file, &whole[..whole.len() - 4000]).unwrap();
    let set = open(dir);
    let faults = set.train.index().faults();
    assert_eq!((set.train.index().len(), faults.len()), (3, 1));
    let told = faults[0].to_string();
    assert!(
        told.contains("ILSVRC2012_img_train.tar at byte") && told.contains("n01440764.tar should have"),
        "{told}"
    );

    // Cut at its end mark, as a download may be broken off.
    fs::write(&file, &whole[..whole.len() - 1024]).unwrap();
    let set = open(dir);
    assert_eq!((set.train.index().len(), set.train.index().faults()), (4, &[][..]));
    assert!(set.train.index().warnings()[0].contains("without tar's end mark"));

    let twice = [("n01440764.tar", class_tar("a", &[1])), ("x/n01440764.tar", class_tar("b", &[1]))];
    fs::write(&file, tar_of(&twice)).unwrap();
    refusal(dir, None, &["holds n01440764.tar twice"]);
    fs::write(&file, tar_of(&[("n1.tar", class_tar("a", &[1])), ("n2.tar.gz", vec![0; 10])])).unwrap();
    refusal(dir, None, &["n2.tar.gz", "compressed"]);
    fs::write(&file, b"\x1f\x8b\x08\x00 and so on").unwrap();
    refusal(dir, None, &["ILSVRC2012_img_train.tar", "compressed", "unpack"]);
}

#[test]
fn the_list_of_an_archive_is_kept_until_archive_or_labels_change() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    fs::create_dir(&dir).unwrap();
    val_tar(&dir.join("val.tar"), "");
    let write = |text: &str, old| {
        fs::write(dir.join("val.txt"), text).unwrap();
        age(&dir, old);
    };
    write(VAL_TXT, 100);
    let cache = IndexCache::Folder(folder.path().join("caches"));
    let options = OpenFiles { cache, ..OpenFiles::default() };
    let open = || open_files(&dir, &options).unwrap();
    let first = open();
    assert!(folder.path().join("caches").is_dir());
    assert_eq!(all(&*open().train), all(&*first.train));
    write(&VAL_TXT.replace("970", "9"), 90);
    assert_eq!(open().train.index().labels(), [65, 9, 230]);
}

/// Images in a folder that is made, one for each of these names.
fn flat(dir: &Path, names: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    (0..).zip(names).for_each(|(value, name)| fs::write(dir.join(name), png(3, 3, value)).unwrap());
}

#[test]
fn listed_images_keep_their_labels_where_the_training_classes_are_numbers() {
    let evaluated = |dir: &Path| {
        let set = open(dir);
        (set.evaluation.unwrap().index().labels().to_vec(), set.classes.len())
    };
    let numbers: Vec<String> = (0..1000).map(|label| label.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let validation = [1, 2, 3].map(|i| format!("ILSVRC2012_val_0000000{i}.JPEG"));
    for (classes, wanted) in [(1000, Some([65, 970, 230])), (971, Some([65, 970, 230])), (231, None)] {
        let folder = tempfile::tempdir().unwrap();
        for class in &numbers[..classes] {
            flat(&folder.path().join("train").join(class), &["0.png"]);
        }
        flat(&folder.path().join("val"), &validation.each_ref().map(String::as_str));
        fs::write(folder.path().join("val.txt"), VAL_TXT).unwrap();
        match wanted {
            Some(wanted) => assert_eq!(evaluated(folder.path()), (wanted.to_vec(), classes)),
            None => refusal(folder.path(), None, &["val", "not in the training data"]),
        }
    }

    // Names stand for numbers if there are as many, even where one of them has no image.
    let folder = tempfile::tempdir().unwrap();
    let (dir, list) = (folder.path(), folder.path().join("labels.csv"));
    folders(&dir.join("train"), &numbers[..3], 1);
    flat(&dir.join("val"), &["1.png", "2.png"]);
    fs::write(&list, "id,class\n1,owl\n2,ape\n3,cat\n").unwrap();
    assert_eq!(evaluated(dir), (vec![2, 0], 3));
    fs::write(&list, "id,class\n1,owl\n2,ape\n").unwrap();
    refusal(dir, None, &["val", "class \"ape\"", "not in the training data"]);

    // A list of classes that gives a name twice.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    folders(&dir.join("train"), &["crane-0", "dog", "crane-2"], 1);
    flat(&dir.join("val"), &["a.png", "b.png"]);
    fs::write(dir.join("classes.txt"), "crane\ndog\ncrane\n").unwrap();
    fs::write(dir.join("val.txt"), "a.png 2\nb.png 1\n").unwrap();
    assert_eq!(evaluated(dir), (vec![2, 1], 3));
}

#[test]
fn a_list_of_classes_beside_class_tars_numbers_them_unless_it_is_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    train_tar(&dir.join("train.tar"));
    let list = dir.join("classes.txt");
    fs::write(&list, "n01443537 goldfish\nn00000001 nothing\nn01440764 tench\n").unwrap();
    let set = open(dir);
    assert_eq!((set.train.index().labels(), set.classes.len()), (&[0, 0, 0, 2][..], 3));
    fs::write(&list, "cat\ndog\n").unwrap();
    let set = open(dir);
    assert_eq!((set.train.index().labels(), set.classes[0].as_str()), (&[1, 1, 1, 0][..], "n01440764"));
    assert_says(&set.train.index().warnings()[0], &["classes.txt", "class \"n01440764\""]);
    fs::write(&list, "n01443537\nn00000001\n").unwrap();
    refusal(dir, None, &["class \"n01440764\"", "classes.txt", "list all"]);
}
