//! Training and evaluation on images in files, from the recipe for ImageNet.

use std::fs;
use std::path::Path;

use crate::common::{command, has_keys, outcome_of, xtask_in};

/// The smallest network on small squares of whatever there is.
pub(crate) fn small<'a>(data: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "train",
        "--recipe",
        "imagenet-resnet50-v2",
        "--data",
        data,
        "--out",
        out,
        "--threads",
        "2",
        "--json",
    ];
    for set in [
        "model.name=resnet8-v2",
        "images.image_size=64",
        "images.evaluate={resize=72,crop=64}",
        "train.batch_size=8",
        "train.duration=2 epochs",
        "train.log_every_steps=1",
        "schedule={kind=\"cosine\",lr=0.05,warmup=\"1 steps\"}",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    args
}

/// Images of one colour a class, with a gradient in them.
pub(crate) fn draw(dir: &Path, classes: &[[u8; 3]], images: u8) {
    for (class, colour) in classes.iter().enumerate() {
        let folder = dir.join(format!("class{class}"));
        fs::create_dir_all(&folder).expect("a folder");
        for i in 0..images {
            let image = image::RgbImage::from_fn(90 + u32::from(i), 80, |x, _| {
                image::Rgb(colour.map(|c| c.saturating_add((x / 4) as u8)))
            });
            image.save(folder.join(format!("{i}.png"))).expect("an image");
        }
    }
}

/// The last weights of a run, by name.
fn weights(run: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(run.join("checkpoints/last.safetensors")).expect("weights");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut all: Vec<_> =
        tensors.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect();
    all.sort();
    all
}

/// The names in a folder.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_of_images_is_trained_on_resumed_and_evaluated() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let colours = [[200, 0, 0], [0, 200, 0], [0, 0, 200]];
    draw(&here.join("data/train"), &colours, 16);
    draw(&here.join("data/val"), &colours, 4);
    let outcome = xtask_in(here, &small("data", "run", &[]));
    let result: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
    assert_eq!((&result["steps"], &result["model"]), (&12.into(), &"resnet8-v2".into()));
    let recipe = fs::read_to_string(here.join("run/recipe.toml")).expect("the resolved recipe");
    assert!(recipe.contains("classes = 3"), "{recipe}");
    // The same seed, the same bits.
    xtask_in(here, &small("data", "again", &[])).succeeds();
    assert!(weights(&here.join("run")) == weights(&here.join("again")));

    let eval = xtask_in(here, &["eval", "--checkpoint", "run", "--data", "data", "--json"]);
    let scores: serde_json::Value = serde_json::from_str(eval.succeeds()).expect("JSON");
    assert_eq!((&scores["images"], &scores["top1"]), (&12.into(), &result["top1"]));
    // One split alone is what was asked for.
    let eval = xtask_in(here, &["eval", "--checkpoint", "run", "--data", "data/val", "--json"]);
    let alone: serde_json::Value = serde_json::from_str(eval.succeeds()).expect("JSON");
    assert_eq!(alone["top1"], scores["top1"]);
    // What is refused reads no label, so the run's record does not count it.
    let record = || fs::read_to_string(here.join("run/record.json")).expect("a record");
    let before = record();
    let refused = ["eval", "--checkpoint", "run", "--data", "data", "--resize", "60"];
    xtask_in(here, &refused).ends_saying(2, &["give a larger --resize"]);
    assert_eq!(record(), before);

    let predicted = xtask_in(here, &["predict", "--checkpoint", "run", "--json", "data/val/class0/0.png"]);
    assert!(predicted.succeeds().contains("class0"));
}

#[test]
fn what_is_wrong_with_images_is_said_before_or_at_the_first_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 10);
    xtask_in(here, &["train", "--recipe", "imagenet-resnet50-v2"]).ends_saying(1, &["--data DIR"]);
    xtask_in(here, &small("data", "none", &[]))
        .ends_saying(1, &["no images for evaluation", "evaluate_test=never"]);
    assert!(!here.join("none").exists(), "nothing was begun");

    let never = ["--set", "train.evaluate_test=never", "--set", "train.duration=3 steps"];
    fs::write(here.join("data/train/class1/5.png"), "no image").expect("a file");
    xtask_in(here, &small("data", "broken", &never)).ends_saying(1, &["class1/5.png", "--skip-broken"]);
    fs::write(here.join("data/train/class0/7.png"), "").expect("a file");
    xtask_in(here, &small("data", "empty", &[&never[..], &["--skip-broken", "4%"]].concat()))
        .ends_saying(1, &["class0/7.png", "it is empty", "--skip-broken allows 0"]);
    // One by one, so that a batch is broken as a whole: it has its step, and teaches nothing.
    let one = ["--set", "train.batch_size=1", "--set", "train.duration=1 epochs", "--skip-broken", "10%"];
    let outcome = xtask_in(here, &small("data", "skipping", &[&never[..], &one].concat()));
    let result: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
    assert_eq!(result["steps"], 19);
    let record = fs::read_to_string(here.join("skipping/record.json")).expect("the run's record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let left_out = record["left_out"].as_array().expect("what was left out");
    assert_eq!(left_out.len(), 2, "{record}");
    assert!(left_out[0]["place"].as_str().is_some_and(|place| place.contains("class0/7.png")), "{record}");
    assert_eq!((&left_out[0]["cause"], &left_out[0]["records"]), (&"it is empty".into(), &1.into()));
    let left_out = &left_out[1..];
    assert!(left_out[0]["place"].as_str().is_some_and(|place| place.contains("class1/5.png")), "{record}");
    assert!(left_out[0]["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{record}");
    let wrong = [&never[..], &["--set", "images.image_size=16"]].concat();
    xtask_in(here, &small("data", "wrong", &wrong)).ends_saying(1, &["images.image_size is 16"]);
}

#[test]
fn two_hundred_real_images_are_trained_on() {
    let Some(images) = resnet_testing::data::real_images() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let images = images.to_str().expect("UTF-8");
    let mut more = vec![];
    for set in ["model.name=resnet18-v2-imagenet", "train.evaluate_test=never", "train.duration=1 epochs"] {
        more.extend(["--set", set]);
    }
    let outcome = xtask_in(folder.path(), &small(images, "run", &more));
    let result: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
    assert_eq!(result["steps"], 25);
    // Two hundred classes: a fresh network's loss is near ln 200 = 5.3.
    assert!(result["train_loss"].as_f64().is_some_and(|loss| (4.5..7.0).contains(&loss)), "{result}");
}

#[test]
fn images_are_inspected_and_verified_and_broken_ones_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 10);
    draw(&here.join("data/val"), &[[200, 0, 0], [0, 200, 0]], 2);
    let outcome = xtask_in(here, &["data", "inspect", "data", "--sheet", "sheet.png", "--json"]);
    let found: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
    assert_eq!((&found["classes"], &found["splits"][0]["images"]), (&2.into(), &20.into()));
    assert_eq!(found["splits"][0]["width"], serde_json::json!([90, 95, 99]));
    let sheet = image::open(here.join("sheet.png")).expect("an image");
    assert_eq!((sheet.width(), sheet.height()), (1024, 768));
    // Another sheet takes its place, and no other picture does.
    xtask_in(here, &["data", "inspect", "data", "--sheet", "sheet.png", "--seed", "1"]).succeeds();
    xtask_in(here, &["data", "inspect", "data", "--sheet", "data/val/class0/0.png"])
        .ends_saying(1, &["data/val/class0/0.png", "is no contact sheet"]);
    assert!(xtask_in(here, &["data", "verify", "data"]).succeeds().contains("0 of 24 images are broken"));

    let whole = fs::read(here.join("data/train/class0/7.png")).expect("an image");
    fs::write(here.join("data/train/class0/7.png"), &whole[..whole.len() / 2]).expect("half of it");
    fs::write(here.join("data/train/class1/3.png"), "no image").expect("a file");
    fs::write(here.join("data/train/class1/9.png"), "").expect("a file");
    // Of the same name in the other split, and whole.
    fs::copy(here.join("data/val/class0/1.png"), here.join("data/val/class0/7.png")).expect("a file");
    let outcome = xtask_in(here, &["data", "verify", "data", "--skip-list", "broken.txt"]);
    outcome.ends_saying(1, &[]);
    assert!(outcome.stdout.contains("3 of 25 images are broken"), "{}", outcome.stdout);
    xtask_in(here, &["data", "verify", "data", "--skip-list", "nosuch/broken.txt"])
        .ends_saying(1, &["no folder nosuch for the skip list; create it"]);
    let listed = fs::read_to_string(here.join("broken.txt")).expect("a list");
    assert_eq!(listed, "train/class1/9.png\ntrain/class0/7.png\ntrain/class1/3.png\n");
    let again = ["data", "verify", "data", "--skip-list", "broken.txt"];
    xtask_in(here, &again).ends_saying(1, &["broken.txt exists already", "--force"]);
    let outcome = xtask_in(here, &[&again[..], &["--force"]].concat());
    assert!(outcome.stdout.contains("3 of 25 images are broken"), "{}", outcome.stdout);
    let schedule = r#"schedule={kind="multistep",lr=0.05,divide_by=10,milestones=["1 epoch"]}"#;
    let set = ["--set", schedule, "--set", "train.duration=1 epochs", "--skip-list", "broken.txt"];
    let begun = xtask_in(here, &small("data", "run", &set));
    // A run that is resumed leaves out what it began without.
    let resumed = xtask_in(here, &["train", "--resume", "run", "--epochs", "2", "--threads", "2"]);
    for outcome in [begun, resumed] {
        outcome.succeeds();
        assert!(outcome.stderr.contains("17 images to train, 5 to test"), "{}", outcome.stderr);
    }

    // What is wrong with the training split is nothing to an evaluation.
    let eval = ["eval", "--checkpoint", "run", "--data", "data", "--json"];
    assert!(!xtask_in(here, &eval).succeeds().contains("broken"));
    fs::write(here.join("data/val/class1/0.png"), "no image").expect("a file");
    xtask_in(here, &eval).ends_saying(1, &["val/class1/0.png", "--skip-broken"]);
    let outcome = xtask_in(here, &[&eval[..], &["--skip-broken", "20%"]].concat());
    let scores: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
    let broken = scores["broken"].as_array().expect("what was left out");
    assert_eq!((&scores["images"], broken.len()), (&4.into(), 1), "{scores}");
    has_keys(&broken[0], &["name", "cause"]);
    assert_eq!(broken[0]["name"], "val/class1/0.png");
    // A run is evaluated with what it was trained with.
    xtask_in(here, &small("data", "skipping", &[&set[..], &["--skip-broken", "20%"]].concat())).succeeds();
    let again = xtask_in(here, &["eval", "--checkpoint", "skipping", "--json"]);
    let again: serde_json::Value = serde_json::from_str(again.succeeds()).expect("JSON");
    assert_eq!((&again["images"], &again["broken"][0]["name"]), (&scores["images"], &broken[0]["name"]));
    // `data` names what is broken in the same words, as far as it decodes it.
    let verified = xtask_in(here, &["data", "verify", "data", "--json"]);
    let verified: serde_json::Value = serde_json::from_str(&verified.stdout).expect("JSON");
    assert_eq!((&verified["images"], verified["broken"].as_array().map(Vec::len)), (&25.into(), Some(4)));
    let inspected = xtask_in(here, &["data", "inspect", "data", "--json"]);
    let inspected: serde_json::Value = serde_json::from_str(inspected.succeeds()).expect("JSON");
    assert_eq!(inspected["splits"][0]["broken"][0]["name"], "train/class1/9.png");
}

#[test]
fn a_checkpoint_with_the_classes_in_another_order_is_not_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 4);
    draw(&here.join("data/val"), &[[200, 0, 0], [0, 200, 0]], 1);
    xtask_in(here, &small("data", "run", &["--set", "train.duration=1 steps"])).succeeds();
    fs::rename(here.join("data"), here.join("first")).expect("it is renamed");
    // A class map numbers them the other way round.
    let images = ["class1", "class0"];
    let mut shard = tar::Builder::new(fs::File::create(here.join("val-0.tar")).expect("a file"));
    for (label, class) in images.iter().enumerate() {
        let png = fs::read(here.join(format!("first/val/{class}/0.png"))).expect("an image");
        for (end, bytes) in [("png", &png[..]), ("cls", label.to_string().as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            shard.append_data(&mut header, format!("{label}.{end}"), bytes).expect("it is written");
        }
    }
    shard.into_inner().expect("a shard");
    fs::create_dir(here.join("turned")).expect("a folder");
    fs::rename(here.join("val-0.tar"), here.join("turned/val-0.tar")).expect("it is moved");
    fs::write(here.join("turned/classes.json"), r#"["class1", "class0"]"#).expect("a class map");
    let outcome = xtask_in(here, &["eval", "--checkpoint", "run", "--data", "turned"]);
    outcome.ends_saying(1, &["in another order", "class1"]);
}

#[test]
fn folders_become_shards_and_folders_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 10);
    draw(&here.join("data/val"), &[[200, 0, 0], [0, 200, 0]], 2);
    let convert = |from: &str, to: &str, out: &str| {
        xtask_in(here, &["data", "convert", from, "--to", to, "--out", out])
    };
    assert!(convert("data", "shards", "shards").succeeds().contains("24 images"));
    let json = ["data", "convert", "data", "--to", "folders", "--out", "copy", "--json"];
    let json = xtask_in(here, &json).object(&["images", "folder"]);
    assert_eq!((&json["images"], &json["folder"]), (&24.into(), &"copy".into()));
    convert("shards", "folders", "back").succeeds();
    let images = |root: &str| -> Vec<(String, Vec<u8>)> {
        let mut all = vec![];
        for class in ["class0", "class1"] {
            for split in ["train", "val"] {
                let dir = here.join(root).join(split).join(class);
                for entry in fs::read_dir(dir).expect("a class") {
                    let path = entry.expect("an entry").path();
                    all.push((format!("{split}/{class}"), fs::read(path).expect("an image")));
                }
            }
        }
        all.sort();
        all
    };
    assert!(images("data") == images("back"));
    let inspected = xtask_in(here, &["data", "inspect", "shards", "--json"]);
    let found: serde_json::Value = serde_json::from_str(inspected.succeeds()).expect("JSON");
    assert_eq!((&found["layout"], &found["splits"][1]["images"]), (&"tar shards".into(), &4.into()));
    convert("data", "shards", "back").ends_saying(1, &["back exists already"]);
    fs::remove_file(here.join("shards/val-00000.tar")).expect("it goes");
    let first = here.join("shards/train-00000.tar");
    let bytes = fs::read(&first).expect("a shard");
    fs::write(&first, &bytes[..bytes.len() / 2]).expect("half of it");
    convert("shards", "folders", "half").ends_saying(1, &["train-00000.tar"]);
    assert!(!names(here).iter().any(|name| name.contains("half")), "{:?}", names(here));
}

#[test]
fn images_are_packed_and_trained_on_as_the_same_images_in_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 8);
    draw(&here.join("data/val"), &[[200, 0, 0], [0, 200, 0]], 2);
    let pack = ["data", "convert", "data", "--to", "packed", "--side", "72", "--out", "packed"];
    assert!(xtask_in(here, &pack).succeeds().contains("20 images"));
    assert_eq!(
        names(&here.join("packed")),
        ["classes.json", "files.json", "train-00000.pack", "val-00000.pack"]
    );
    let inspected = xtask_in(here, &["data", "inspect", "packed", "--json"]);
    let found: serde_json::Value = serde_json::from_str(inspected.succeeds()).expect("JSON");
    assert_eq!((&found["layout"], &found["classes"]), (&"packed files".into(), &2.into()));
    let split = &found["splits"][0];
    assert_eq!((&split["images"], &split["broken"]), (&16.into(), &serde_json::json!([])));
    assert_eq!((&split["height"], &split["width"][0]), (&serde_json::json!([72, 72, 72]), &81.into()));
    assert!(xtask_in(here, &["data", "verify", "packed"]).succeeds().contains("0 of 20 images are broken"));

    // Out again as PNG, they are the same training data, to the last bit of the weights.
    xtask_in(here, &["data", "convert", "packed", "--to", "folders", "--out", "png"]).succeeds();
    let once = ["--set", "train.duration=1 epochs"];
    for data in ["packed", "png"] {
        xtask_in(here, &small(data, &format!("run-{data}"), &once)).succeeds();
    }
    assert!(weights(&here.join("run-packed")) == weights(&here.join("run-png")));

    let first = here.join("packed/train-00000.pack");
    let mut bytes = fs::read(&first).expect("a packed file");
    bytes[1000] ^= 1;
    fs::write(&first, &bytes).expect("it is written");
    let verified = xtask_in(here, &["data", "verify", "packed"]);
    verified.ends_saying(1, &[]);
    assert!(verified.stdout.contains("train-00000.pack:class0/0.png"), "{}", verified.stdout);
    xtask_in(here, &small("packed", "broken", &once)).ends_saying(1, &["class0/0.png at byte 8", "checksum"]);
    fs::write(&first, &bytes[..bytes.len() - 9]).expect("it is written");
    xtask_in(here, &["data", "inspect", "packed"]).ends_saying(1, &["train-00000.pack", "cut off"]);
}

#[test]
fn what_cannot_be_packed_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data/train"), &[[200, 0, 0], [0, 200, 0]], 3);
    let convert =
        |more: &[&str]| xtask_in(here, &[&["data", "convert", "data", "--out", "new"], more].concat());
    for (more, word) in [
        (&["--to", "packed"][..], "needs --side N"),
        (&["--to", "shards", "--side", "64"], "only --to packed"),
        (&["--to", "folders", "--interpolation", "bicubic"], "only --to packed"),
        (&["--to", "folders", "--shard-megabytes", "1"], "--to shards and --to packed; leave it out"),
        (&["--to", "packed", "--side", "0"], "1..=65536"),
        (&["--to", "packed", "--side", "64", "--interpolation", "nearest"], "bilinear, bicubic"),
    ] {
        convert(more).ends_saying(2, &[word]);
    }
    // An image larger than a file may be has one to itself.
    let large = image::RgbImage::from_fn(640, 600, |x, y| image::Rgb([x as u8, y as u8, 9]));
    large.save(here.join("data/train/class0/9.png")).expect("an image");
    convert(&["--to", "packed", "--side", "1000", "--shard-megabytes", "1"]).succeeds();
    let files = ["classes.json", "files.json", "train-00000.pack", "train-00001.pack", "train-00002.pack"];
    assert_eq!(names(&here.join("new")), files);
    fs::remove_dir_all(here.join("new")).expect("it goes");

    let whole = fs::read(here.join("data/train/class1/1.png")).expect("an image");
    fs::write(here.join("data/train/class1/1.png"), &whole[..whole.len() / 2]).expect("half of it");
    let outcome = convert(&["--to", "packed", "--side", "64"]);
    outcome.ends_saying(1, &["class1/1.png", "do not decode"]);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert_eq!(names(here), ["data"]);
}

#[test]
fn cifar_is_named_where_images_in_files_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("data_batch_1.bin"), "").expect("a file");
    for more in [&["inspect"][..], &["verify"], &["convert", "--to", "folders", "--out", "new"]] {
        xtask_in(folder.path(), &[&["data"], more, &["."]].concat())
            .ends_saying(1, &["holds CIFAR", "into memory", "images in files"]);
    }
}

#[test]
fn the_list_of_a_folder_that_cannot_be_written_is_kept_for_the_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("folders"), &[[200, 0, 0], [0, 200, 0]], 3);
    xtask_in(here, &["data", "convert", "folders", "--to", "shards", "--out", "data"]).succeeds();
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
    for name in ["data/train-00000.tar", "data/classes.json"] {
        let file = fs::File::options().write(true).open(here.join(name)).expect("a file");
        file.set_modified(then).expect("a clock");
    }
    // A folder where the list is to be, so that not even root can write it.
    fs::create_dir(here.join("data/.resnet-train.index")).expect("a folder");
    let inspect = || {
        let mut inspect = command(here, &["data", "inspect", "data", "--json"]);
        outcome_of(inspect.env("XDG_CACHE_HOME", here.join("caches")))
    };
    let first = inspect();
    first.succeeds();
    let kept: Vec<_> = fs::read_dir(here.join("caches/resnet")).expect("a folder").flatten().collect();
    let name = kept[0].file_name().into_string().expect("UTF-8");
    assert!(kept.len() == 1 && name.ends_with("-train.index"), "{name}");
    assert_eq!(inspect().succeeds(), first.succeeds());
}
