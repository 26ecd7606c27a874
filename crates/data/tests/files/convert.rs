//! `inspect`, `verify` and `convert` on small folders.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use crate::images::{folders, png};
use resnet_data::sources::{Broken, FileSet, IndexCache, Layout, OpenFiles, open_files};
use resnet_data::{
    CopyFormat, Error, Resizing, SplitRole, Triple, broken_samples, contact_sheet, convert, decode_image,
    inspect, read_skip_list, verify, write_contact_sheet,
};
use resnet_vision::Interpolation;
use resnet_vision::image::Orientation;

fn open(dir: &Path) -> FileSet {
    open_files(dir, &OpenFiles { cache: IndexCache::Off, ..OpenFiles::default() }).unwrap()
}

/// Two classes with three images each to train on, and one of them with one to evaluate on.
fn small(dir: &Path) {
    folders(&dir.join("train"), &["cat", "dog"], 3);
    folders(&dir.join("val"), &["dog"], 1);
}

/// Labels and encoded images of all splits, in order.
fn contents(set: &FileSet) -> Vec<(SplitRole, u32, Vec<u8>)> {
    let mut contents = vec![];
    for (role, source) in set.splits() {
        let index = source.index();
        for record in 0..index.len() {
            let bytes = source.read(record..record + 1).remove(0).unwrap();
            contents.push((role, index.labels()[record], bytes));
        }
    }
    contents
}

/// The progress of a copy that nobody stops.
fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn an_inspection_counts_what_is_there() {
    let here = tempfile::tempdir().unwrap();
    small(here.path());
    fs::write(here.path().join("train/cat/notes.txt"), "").unwrap();
    fs::write(here.path().join("train/cat/empty.png"), "").unwrap();
    let set = open(here.path());
    let [train, val] = &inspect(&set)[..] else { panic!("two splits") };
    assert_eq!((train.role, train.images), (SplitRole::Training, 6));
    assert_eq!(
        (val.role, val.images, &val.empty_classes[..]),
        (SplitRole::Evaluation, 1, &["cat".to_owned()][..])
    );
    assert_eq!(train.per_class, Some(Triple { low: 3, median: 3, high: 3 }));
    assert_eq!(val.per_class, Some(Triple { low: 0, median: 1, high: 1 }));
    assert!(train.width.is_some() && train.height.is_some());
    assert_eq!(train.left_out.to_string(), "1 file .txt");
    assert_eq!(train.broken.iter().map(|sample| &*sample.name).collect::<Vec<_>>(), ["train/cat/empty.png"]);
    assert_eq!(
        train.bytes,
        contents(&set).iter().take(6).map(|(_, _, bytes)| bytes.len() as u64).sum::<u64>()
    );
}

#[test]
fn a_contact_sheet_is_drawn_by_its_seed() {
    let here = tempfile::tempdir().unwrap();
    small(here.path());
    let set = open(here.path());
    let sheet = |seed| contact_sheet(&*set.train, seed).unwrap();
    let first = sheet(0);
    assert_eq!((first.width, first.height), (8 * 128, 6 * 128));
    assert!(first.pixels == sheet(0).pixels && first.pixels != sheet(1).pixels);
    // Six images; the seventh place is white.
    assert_eq!(first.pixels[3 * (7 * 128)], 255);
    assert!(contact_sheet(open(&here.path().join("val")).train.as_ref(), 0).is_ok());
}

#[test]
fn a_contact_sheet_replaces_another_one_and_no_other_file() {
    let here = tempfile::tempdir().unwrap();
    small(&here.path().join("data"));
    let set = open(&here.path().join("data"));
    let write = |seed, name: &str| write_contact_sheet(&*set.train, seed, &here.path().join(name));
    for seed in [0, 1] {
        write(seed, "sheet.png").unwrap();
        let written = decode_image(here.path().join("sheet.png")).unwrap();
        assert_eq!(written, contact_sheet(&*set.train, seed).unwrap());
    }
    let mine = fs::read(here.path().join("data/train/dog/0.png")).unwrap();
    let told = write(0, "data/train/dog/0.png").unwrap_err().to_string();
    assert!(told.contains("dog/0.png: it exists already and is no contact sheet"), "{told}");
    assert_eq!(fs::read(here.path().join("data/train/dog/0.png")).unwrap(), mine);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere.png", here.path().join("link.png")).unwrap();
        assert!(write(0, "link.png").unwrap_err().to_string().contains("link.png: it exists already"));
        assert!(!here.path().join("nowhere.png").exists());
    }
}

#[test]
fn broken_samples_are_listed_and_can_be_skipped() {
    let here = tempfile::tempdir().unwrap();
    small(here.path());
    fs::write(here.path().join("train/dog/1.png"), "no image").unwrap();
    fs::write(here.path().join("train/cat/empty.png"), "").unwrap();
    let mut told = vec![];
    let verified = verify(&open(here.path()), |done| told.push(done));
    assert_eq!(verified.images, 8);
    assert_eq!(told, [6, 7]);
    let names: Vec<&str> = verified.broken.iter().map(|sample| sample.name.as_str()).collect();
    // What was known before it was read comes first.
    assert_eq!(names, ["train/cat/empty.png", "train/dog/1.png"]);
    let list = here.path().join("broken.txt");
    // As Windows' editors write it.
    let text = format!("\u{feff}{}\n", verified.skip_list().replace('\n', "\r\n"));
    fs::write(&list, text).unwrap();
    let skip = read_skip_list(&list).unwrap();
    assert_eq!(skip, names);
    let options = OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() };
    let set = open_files(here.path(), &options).unwrap();
    assert_eq!((set.train.index().faults().len(), set.train.index().skipped()), (0, 1));
    // Neither a sheet nor a copy needs what is skipped.
    let copy = here.path().join("copy");
    assert_eq!(convert(&set, CopyFormat::Shards { max_bytes: 1 << 20 }, &copy, go_on).unwrap(), Some(6));
    assert_eq!(contents(&open(&copy)).len(), 6);
    assert_eq!(contact_sheet(&*set.train, 0).unwrap().pixels[3 * (5 * 128)], 255, "a sixth image is shown");
    // A place in a shard is told otherwise than a list names it.
    let shards = open(&copy);
    let index = shards.train.index();
    let left_out = Broken::new(index.place(1), "it does not decode");
    assert_eq!(broken_samples(index, &[left_out])[0].name, index.name(1));
    let gone = read_skip_list(&here.path().join("gone")).unwrap_err().to_string();
    assert!(gone.contains("skip list") && gone.contains("gone"), "{gone}");
}

#[test]
fn folders_and_shards_hold_the_same_bytes() {
    let here = tempfile::tempdir().unwrap();
    let data = here.path().join("data");
    small(&data);
    let set = open(&data);
    let (shards, back) = (here.path().join("shards"), here.path().join("back"));
    let mut told = 0;
    let written = convert(&set, CopyFormat::Shards { max_bytes: 1 << 20 }, &shards, |done| {
        told = done;
        ControlFlow::Continue(())
    });
    assert_eq!((written.unwrap(), told), (Some(7), 7));
    let sharded = open(&shards);
    assert_eq!((sharded.layout, &sharded.classes), (Layout::Shards, &set.classes));
    assert!(contents(&sharded) == contents(&set));
    convert(&sharded, CopyFormat::Folders, &back, go_on).unwrap();
    assert!(contents(&open(&back)) == contents(&set));
    // A shard for each image, if it may hold no more than a byte.
    convert(&set, CopyFormat::Shards { max_bytes: 1 }, &here.path().join("many"), go_on).unwrap();
    assert!(here.path().join("many/train-00005.tar").exists());
}

#[test]
fn packed_files_hold_resized_pixels() {
    let here = tempfile::tempdir().unwrap();
    folders(&here.path().join("data/train"), &["a"], 1);
    fs::write(here.path().join("data/train/a/0.png"), png(40, 20, 7)).unwrap();
    let resizing =
        Resizing { side: 10, interpolation: Interpolation::Bilinear, orientation: Orientation::Apply };
    let packed = here.path().join("packed");
    let format = CopyFormat::Packed { max_bytes: 1 << 20, resizing };
    convert(&open(&here.path().join("data")), format, &packed, go_on).unwrap();
    let set = open(&packed);
    assert_eq!(set.layout, Layout::Packed);
    let [split] = &inspect(&set)[..] else { panic!("one split") };
    let sizes = [split.width, split.height].map(|size| size.unwrap().high);
    assert_eq!(sizes, [20, 10]);
    // Others read PNG files of the same pixels.
    convert(&set, CopyFormat::Folders, &here.path().join("back"), go_on).unwrap();
    assert!(here.path().join("back/train/a/00000000.png").exists());
}

#[test]
fn a_broken_sample_leaves_no_copy() {
    let here = tempfile::tempdir().unwrap();
    let data = here.path().join("data");
    small(&data);
    let out = here.path().join("out");
    folders(&data.join("val"), &["dog"], 2);
    fs::write(data.join("val/dog/0.png"), "").unwrap();
    let refused = convert(&open(&data), CopyFormat::Folders, &out, go_on).unwrap_err().to_string();
    assert!(refused.contains("0.png") && refused.contains("mend or remove it first"), "{refused}");
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1);
    fs::create_dir(&out).unwrap();
    assert!(matches!(convert(&open(&data), CopyFormat::Folders, &out, go_on), Err(Error::Exists { .. })));
}

#[test]
fn a_file_that_a_copy_lacks_is_a_fault_with_its_samples() {
    let here = tempfile::tempdir().unwrap();
    let data = here.path().join("data");
    small(&data);
    let side = Resizing { side: 8, interpolation: Interpolation::Bilinear, orientation: Orientation::Apply };
    // Three samples a file.
    for format in [
        CopyFormat::Shards { max_bytes: 3 * fs::metadata(data.join("train/cat/0.png")).unwrap().len() + 40 },
        CopyFormat::Packed { max_bytes: 3 * 4 * 8 * 8, resizing: side },
    ] {
        let out = here.path().join("out");
        convert(&open(&data), format, &out, go_on).unwrap();
        let whole = open(&out);
        assert!(whole.splits().all(|(_, source)| source.index().faults().is_empty()), "{format:?}");
        let end = if whole.layout == Layout::Packed { "pack" } else { "tar" };
        let list: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join("files.json")).unwrap()).unwrap();
        assert_eq!(list["val"], serde_json::json!({ format!("val-00000.{end}"): 1 }), "{format:?}");
        // The last one, whose number nothing else tells.
        let last = list["train"].as_object().unwrap().iter().next_back().unwrap();
        fs::remove_file(out.join(last.0)).unwrap();
        let cut = open(&out);
        let [fault] = cut.train.index().faults() else { panic!("{format:?}: one fault") };
        assert_eq!(fault.place, out.join(last.0).display().to_string());
        assert_eq!(fault.records, last.1.as_u64().unwrap());
        assert!(fault.cause.contains("missing, and files.json beside it lists it"), "{fault}");
        assert_eq!(cut.train.index().len() as u64 + fault.records, 6);
        let refused = convert(&cut, CopyFormat::Folders, &here.path().join("no"), go_on).unwrap_err();
        assert!(refused.to_string().contains("is missing"), "{refused}");
        // A list of samples may name it, and without the copy's list nothing is known of it.
        let skip = vec![cut.train.index().fault_name(fault)];
        assert_eq!(&skip[0], last.0);
        let options = OpenFiles { cache: IndexCache::Off, skip, ..OpenFiles::default() };
        assert!(open_files(&out, &options).unwrap().train.index().faults().is_empty());
        for other in [None, Some(r#"["no such list"]"#)] {
            fs::remove_file(out.join("files.json")).unwrap();
            other.into_iter().for_each(|text| fs::write(out.join("files.json"), text).unwrap());
            assert!(open(&out).train.index().faults().is_empty());
            fs::write(out.join("files.json"), "").unwrap();
        }
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn a_gap_in_the_numbers_of_files_is_a_fault() {
    let here = tempfile::tempdir().unwrap();
    let data = here.path().join("data");
    small(&data);
    let out = here.path().join("out");
    convert(&open(&data), CopyFormat::Shards { max_bytes: 1 }, &out, go_on).unwrap();
    // As another program's shards, and those that we wrote before.
    fs::remove_file(out.join("files.json")).unwrap();
    fs::remove_file(out.join("train-00003.tar")).unwrap();
    let cut = open(&out);
    let told: Vec<(String, u64)> =
        cut.train.index().faults().iter().map(|fault| (fault.to_string(), fault.records)).collect();
    let gap = out.join("train-00003.tar").display().to_string();
    assert_eq!(told, [(format!("{gap}: the file is missing, and others of its series are there"), 1)]);
}

#[test]
fn a_copy_that_is_stopped_leaves_nothing() {
    let here = tempfile::tempdir().unwrap();
    let data = here.path().join("data");
    small(&data);
    let (set, out) = (open(&data), here.path().join("out"));
    let side = Resizing { side: 8, interpolation: Interpolation::Bilinear, orientation: Orientation::Apply };
    let formats = [
        CopyFormat::Folders,
        CopyFormat::Shards { max_bytes: 1 },
        CopyFormat::Packed { max_bytes: 1, resizing: side },
    ];
    for format in formats {
        let mut calls = 0;
        let stopped = convert(&set, format, &out, |_| {
            calls += 1;
            ControlFlow::Break(())
        });
        assert_eq!((stopped.unwrap(), calls), (None, 1), "{format:?}");
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1, "{format:?}: only the data are there");
    }
}
