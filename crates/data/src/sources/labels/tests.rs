//! Tests of labels by list.

use super::*;

fn list(name: &str, text: &str) -> LabelList {
    LabelList::parse(text, name, name).unwrap()
}

fn names(names: &[&str]) -> Arc<[String]> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The labels that all of these images have.
fn labels(list: &LabelList, images: &[&str]) -> Vec<u32> {
    list.label(images, None).unwrap().labels.into_iter().map(Result::unwrap).collect()
}

const IMAGES: [&str; 3] =
    ["ILSVRC2012_val_00000001.JPEG", "val/ILSVRC2012_val_00000003.JPEG", "ILSVRC2012_val_00000002.JPEG"];

#[test]
fn imagenets_lists_give_the_same_labels() {
    for (name, text) in [
        (
            "val.txt",
            "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\nILSVRC2012_val_00000003.JPEG 230\n",
        ),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\r\nILSVRC2012_val_00000003,n02105855 85 1 499 272 \r\n\
             ILSVRC2012_val_00000001,n01751748 111 108 441 193 \r\nILSVRC2012_val_00000002,n09193705 1 2 3 4 \r\n",
        ),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n361\n171\n822\n"),
        ("imagenet_2012_validation_synset_labels.txt", "n01751748\nn09193705\nn02105855\n"),
    ] {
        let list = list(name, text);
        assert_eq!(labels(&list, &IMAGES), [65, 230, 970], "{name}");
        let classes = list.label(&IMAGES, None).unwrap().classes;
        assert_eq!((classes.len(), classes[65].as_str()), (1000, "n01751748"), "{name}");
    }
}

#[test]
fn a_file_of_classes_says_what_labels_mean() {
    let classes = names(&["dog", "cat", "owl"]);
    let labelled = |text: &str, images: &[&str]| list("l.csv", text).label(images, Some(&classes)).unwrap();
    let by_name = labelled("a.jpg,cat\nb.jpg,dog\n", &["b.jpg", "a.jpg"]);
    assert_eq!((by_name.labels, by_name.classes.len()), (vec![Ok(0), Ok(1)], 3));
    assert_eq!(labelled("a.jpg,2\nb.jpg,0\n", &["a.jpg"]).labels, [Ok(2)]);
    // Without it names are in order, and numbers count themselves.
    let own = list("l.csv", "a.jpg,cat\nb.jpg,ape\nc.jpg,cat").label(&["a.jpg", "b.jpg"], None).unwrap();
    assert_eq!((own.labels, &own.classes, own.absent), (vec![Ok(1), Ok(0)], &names(&["ape", "cat"]), 1));
    let own = list("l.txt", "a.jpg 2\nb.jpg 10").label(&["a.jpg", "b.jpg"], None).unwrap();
    assert_eq!((own.labels, own.classes.len(), own.classes[10].as_str()), (vec![Ok(2), Ok(10)], 11, "10"));
    // ILSVRC2012's ids are synsets, whatever order these are listed in.
    let reversed: Arc<[String]> = imagenet::classes()
        .map(|(synset, _)| synset.to_owned())
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let truth =
        list("ILSVRC2012_validation_ground_truth.txt", "490").label(&IMAGES[..1], Some(&reversed)).unwrap();
    assert_eq!((truth.labels, truth.classes[934].as_str()), (vec![Ok(934)], "n01751748"));
    // Words for ImageNet's classes, and a list with their synsets.
    let words: Arc<[String]> = imagenet::classes().map(|(_, words)| words.to_owned()).collect();
    let labelled = list("l.txt", "a.jpg n02099601").label(&["a.jpg"], Some(&words)).unwrap();
    assert_eq!((labelled.labels, labelled.classes[207].as_str()), (vec![Ok(207)], "golden retriever"));
}

#[test]
fn labels_that_imagenets_images_dont_have_are_told() {
    let told = |text: &str| list("val.txt", text).label(&IMAGES[..1], None).unwrap().warnings;
    assert!(told("ILSVRC2012_val_00000001.JPEG 65").is_empty());
    let warnings = told("ILSVRC2012_val_00000001.JPEG 490");
    assert!(warnings[0].contains("the label 490, but ImageNet's is 65"), "{warnings:?}");
}

#[test]
fn images_are_found_by_path_by_name_and_without_their_end() {
    let text = "x/a.jpg 0\ny/a.jpg 1\nb 2\nc.png 3\nval/d.JPEG 4";
    let images = ["x/a.jpg", "set/y/a.jpg", "x/b.jpeg", "c.jpg", "d.jpg"];
    assert_eq!(labels(&list("l.txt", text), &images), [0, 1, 2, 3, 4]);
    let found = list("l.txt", text).label(&["z/a.jpg", "b", "e.jpg"], None).unwrap().labels;
    let several = "the list has several labels for this name";
    assert_eq!(found, [Err(several), Ok(2), Err("the list has no label for it")]);
    // A row is one image's, and that of another folder has none.
    let several = "the list has one row for several images of this name";
    for (text, images, wanted) in [
        ("day1/i.jpg 0\nj.jpg 1", ["day2/i.jpg", "day1/i.jpg", "j.jpg"], [Err(several), Ok(0), Ok(1)]),
        ("i 0\nj 1", ["day1/i.jpg", "day2/i.jpg", "j.jpg"], [Err(several), Err(several), Ok(1)]),
        ("a/i.jpg 0\nj.jpg 1", ["x/a/i.jpg", "y/a/i.jpg", "j.jpg"], [Err(several), Err(several), Ok(1)]),
        ("i.jpg 0\nj.jpg 1", ["i.jpg", "i.png", "x/j.jpg"], [Ok(0), Err(several), Ok(1)]),
        ("i 0\nj 1", ["i.jpg", "i.png", "j.jpg"], [Err(several), Err(several), Ok(1)]),
    ] {
        assert_eq!(list("l.txt", text).label(&images, None).unwrap().labels, wanted, "{text}");
    }
    let refused = list("l.txt", "i 0").label(&["a/i.jpg", "b/i.jpg"], None).unwrap_err().to_string();
    assert!(
        refused.contains("labels none of the 2 images, such as a/i.jpg: the list has one row"),
        "{refused}"
    );
    // Names that are ordered otherwise than they are given.
    let in_order = list("synsets.txt", "n00000002\nn00000001");
    assert_eq!(labels(&in_order, &["b.jpg", "a.jpg"]), [0, 1]);
}

#[test]
fn a_list_that_does_not_fit_is_refused() {
    let two = names(&["dog", "dog"]);
    for (name, text, images, classes, wanted) in [
        ("l.txt", "a.jpg 0", &["b.jpg"][..], None, "labels none of the 1 images, such as b.jpg"),
        ("l.txt", "a.jpg 0\na.jpg 1", &["a.jpg"], None, "line 2: a.jpg has another label"),
        ("l.txt", "a.jpg 2", &["a.jpg"], Some(&two), "line 1: label 2, but labels count from 0 to 1"),
        ("l.txt", "a.jpg 99999999999999999999", &["a.jpg"], None, "labels count from 0 to 131071"),
        ("l.csv", "a.jpg,cat", &["a.jpg"], Some(&two), "line 1: class \"cat\" is none of the 2"),
        ("l.csv", "a.jpg,dog", &["a.jpg"], Some(&two), "is several of the classes"),
        ("val.txt", "ILSVRC2012_val_00000001.JPEG 1000", &IMAGES[..1], None, "0 to 999"),
        ("LOC.csv", "ILSVRC2012_val_00000001,n00000000", &IMAGES[..1], None, "class \"n00000000\" is none"),
        ("some.txt", "490\n361\n171", &IMAGES, None, "numbers alone"),
        ("ILSVRC2012_validation_ground_truth.txt", "0\n1\n1001", &IMAGES, None, "line 1: 0 is no id"),
        ("ILSVRC2012_validation_ground_truth.txt", "1\n2", &["a.jpg"], None, "2 labels without names for 1"),
    ] {
        let message = list(name, text).label(images, classes).unwrap_err().to_string();
        assert!(message.contains(wanted) && message.starts_with(name), "{text:?}: {message}");
    }
}

#[test]
fn a_number_that_is_no_label_is_no_class_among_numbers() {
    for odd in ["-1", "2.5", "nan", "1e3"] {
        let message = list("l.txt", &format!("a.jpg 0\nb.jpg {odd}\nc.jpg 1"));
        let message = message.label(&["a.jpg", "c.jpg"], None).unwrap_err().to_string();
        let wanted = format!("line 2: label {odd} is no label, and others are numbers from 0");
        assert!(message.contains(&wanted), "{message}");
    }
    // Names of classes may look like numbers.
    let grades = names(&["2.5", "3"]);
    let known = list("l.csv", "a.jpg,3\nb.jpg,2.5").label(&["a.jpg", "b.jpg"], Some(&grades)).unwrap();
    assert_eq!(known.labels, [Ok(1), Ok(0)]);
    assert_eq!(labels(&list("l.csv", "a.jpg,4.5\nb.jpg,2.5"), &["a.jpg", "b.jpg"]), [1, 0]);
    let hex = "a.jpg,12\nb.jpg,12e3\nc.jpg,ab";
    assert_eq!(labels(&list("l.csv", hex), &["a.jpg", "b.jpg", "c.jpg"]), [0, 1, 2]);
}

#[test]
fn a_list_is_found_beside_its_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    let data = at("ILSVRC/Data/CLS-LOC/val/x");
    let root = data.parent().unwrap();
    let found =
        |split| beside(root, "", split).map(|path| path.strip_prefix(folder.path()).unwrap().to_owned());
    assert_eq!(found(Split::Val), None);
    for path in
        ["LOC_val_solution.csv", "ILSVRC/Data/CLS-LOC/val.txt", "ILSVRC/Data/CLS-LOC/val/val_annotations.txt"]
    {
        std::fs::write(at(path), "").unwrap();
        assert_eq!(found(Split::Val), Some(path.into()));
    }
    assert_eq!(found(Split::Test), Some("ILSVRC/Data/CLS-LOC/val.txt".into()));
    assert_eq!(beside(root, "test.tar", Split::Test), None);
}

#[test]
fn what_is_no_text_is_refused_and_the_kit_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        LabelList::read(&path).unwrap_err().to_string()
    };
    for (bytes, wanted) in [
        (&b"\xff\xfea\0.\0"[..], "UTF-16"),
        (b"a.jpg caf\xe9", "no text in UTF-8"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"", "empty"),
    ] {
        let message = refusal("val.txt", bytes);
        assert!(message.contains(wanted) && message.contains("val.txt"), "{message}");
    }
    let kit = |name: &str| {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), Default::default()));
        let mut header = tar::Header::new_gnu();
        header.set_size(8);
        archive
            .append_data(&mut header, format!("ILSVRC2012_devkit_t12/data/{name}"), &b"490\n361\n"[..])
            .unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    };
    let path = folder.path().join("ILSVRC2012_devkit_t12.tar.gz");
    std::fs::write(&path, kit("ILSVRC2012_validation_ground_truth.txt")).unwrap();
    assert_eq!(labels(&LabelList::read(&path).unwrap(), &IMAGES[..1]), [65]);
    assert!(refusal("kit.tar.gz", &kit("readme.txt")).contains("no ILSVRC2012_validation_ground_truth.txt"));
    assert!(refusal("kit.tgz", b"nothing").contains("does not unpack"));
}
