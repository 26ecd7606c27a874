//! Which folders are splits and which are classes, whatever they are called.

use std::fs;
use std::path::Path;

use crate::images::{folders, png};
use resnet_data::Error;
use resnet_data::sources::{FileSet, IndexCache, OpenFiles, Split, UnlabelledTest, open_files};

fn open(dir: &Path) -> Result<FileSet, Error> {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() })
}

/// The classes, the number of records to train on, and that for evaluation.
fn found(dir: &Path) -> (Vec<String>, usize, Option<usize>) {
    let set = open(dir).unwrap();
    let evaluation = set.evaluation.map(|split| split.index().len());
    (set.classes.to_vec(), set.train.index().len(), evaluation)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn a_class_may_be_called_as_a_split() {
    for name in ["valid", "test", "train", "dev", "val", "testing", "training", "validation", "Test"] {
        let folder = tempfile::tempdir().unwrap();
        folders(folder.path(), &[name, "invalid"], 2);
        let mut classes = words(&[name, "invalid"]);
        classes.sort();
        assert_eq!(found(folder.path()), (classes, 4, None), "{name}");
    }
}

#[test]
fn several_classes_may_be_called_as_splits_beside_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path(), &["train", "test", "val", "plane"], 1);
    assert_eq!(found(folder.path()), (words(&["plane", "test", "train", "val"]), 4, None));
}

#[test]
fn classes_inside_of_splits_may_be_called_as_splits() {
    let folder = tempfile::tempdir().unwrap();
    for (split, images) in [("train", 3), ("valid", 1)] {
        folders(&folder.path().join(split), &["valid", "invalid"], images);
    }
    for dir in [folder.path().to_owned(), folder.path().join("train")] {
        let (classes, train, evaluation) = found(&dir);
        assert_eq!((classes, train), (words(&["invalid", "valid"]), 6));
        assert_eq!(evaluation, (dir == folder.path()).then_some(2));
    }
}

#[test]
fn splits_are_known_by_their_usual_names() {
    for train in ["train", "training", "Train"] {
        for evaluation in ["val", "valid", "validation", "dev", "test", "testing", "TEST"] {
            let folder = tempfile::tempdir().unwrap();
            folders(&folder.path().join(train), &["a", "b"], 2);
            folders(&folder.path().join(evaluation), &["a", "b"], 1);
            assert_eq!(found(folder.path()), (words(&["a", "b"]), 4, Some(2)), "{train}, {evaluation}");
        }
    }
}

#[test]
fn an_evaluation_split_alone_can_be_evaluated_on() {
    for name in ["val", "test", "dev"] {
        let folder = tempfile::tempdir().unwrap();
        folders(&folder.path().join(name), &["a", "b"], 2);
        // A copy that was broken off leaves a folder like this.
        for step in ["alone", "beside an empty folder"] {
            assert_eq!(found(folder.path()), (words(&["a", "b"]), 4, None), "{name} {step}");
            assert_ne!(open(folder.path()).unwrap().split, Split::Train, "{name} {step}");
            fs::create_dir_all(folder.path().join("train")).unwrap();
        }
    }
}

#[test]
fn a_test_split_without_labels_is_left_out_where_it_is_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, list) = (folder.path(), folder.path().join("test.csv"));
    folders(&dir.join("train"), &["cat", "dog"], 2);
    fs::create_dir(dir.join("test")).unwrap();
    (1..3).for_each(|i| fs::write(dir.join(format!("test/{i}.png")), png(4, 4, i)).unwrap());
    for text in ["id\n1\n2\n", "id,width\n1,640\n2,480\n"] {
        fs::write(&list, text).unwrap();
        assert_eq!(found(dir), (words(&["cat", "dog"]), 4, None), "{text}");
        let unlabelled_test = UnlabelledTest::Refuse;
        let options = OpenFiles { cache: IndexCache::Off, unlabelled_test, ..OpenFiles::default() };
        let told = open_files(dir, &options).unwrap_err().to_string();
        assert!(told.contains("test.csv cannot be used"), "{told}");
    }
    // Labels are what a column of any other name holds.
    fs::write(&list, "id,animal\n1,dog\n2,cat\n").unwrap();
    assert_eq!(found(dir), (words(&["cat", "dog"]), 4, Some(2)));
}

#[test]
fn splits_of_images_without_class_folders_are_refused_and_not_taken_for_classes() {
    for names in [&["train", "test"][..], &["val"], &["train", "val", "test"]] {
        let folder = tempfile::tempdir().unwrap();
        folders(folder.path(), names, 2);
        let told = open(folder.path()).unwrap_err().to_string();
        assert!(told.contains("holds images and no class folders"), "{names:?}: {told}");
    }
    let folder = tempfile::tempdir().unwrap();
    folders(&folder.path().join("train"), &["a", "b"], 2);
    fs::create_dir(folder.path().join("val")).unwrap();
    fs::write(folder.path().join("val/0.png"), png(4, 4, 0)).unwrap();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("val") && told.contains("labels are not known"), "{told}");
}
