//! What people's folders and shards hold: files that are no images, classes in an order, conversions that
//! keep every label.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::xtask_in;
use crate::image_files::small;

/// A PNG whose shade tells its class.
fn png(class: usize) -> Vec<u8> {
    let image = image::RgbImage::from_fn(72, 72, |x, y| {
        let shade = (20 * class) as u8;
        image::Rgb([shade.saturating_add((x / 8) as u8), 255 - shade, (y % 7) as u8 * 9])
    });
    let mut bytes = std::io::Cursor::new(vec![]);
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("memory can be written to");
    bytes.into_inner()
}

/// A shard with so many samples of each class, labelled by numbers.
fn shard(path: &Path, classes: usize, each: usize) {
    let mut shard = tar::Builder::new(fs::File::create(path).expect("a file"));
    for sample in 0..classes * each {
        let class = sample % classes;
        for (end, bytes) in [("png", png(class)), ("cls", class.to_string().into_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            shard.append_data(&mut header, format!("{sample:03}.{end}"), &bytes[..]).expect("it is written");
        }
    }
    shard.into_inner().expect("a shard");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The labels in the shards of `data`, in order; no label where the image is another class's.
fn labels(here: &Path, data: &str) -> Vec<usize> {
    let mut found: Vec<(Vec<u8>, usize)> = vec![];
    let archive = fs::File::open(here.join(data).join("train-00000.tar")).expect("a shard");
    let mut archive = tar::Archive::new(archive);
    let mut image = vec![];
    for member in archive.entries().expect("members") {
        let mut member = member.expect("a member");
        let mut bytes = vec![];
        std::io::Read::read_to_end(&mut member, &mut bytes).expect("its bytes");
        match member.path().expect("a name").extension().is_some_and(|end| end == "cls") {
            false => image = bytes,
            true => {
                found.push((image.clone(), String::from_utf8(bytes).expect("text").parse().expect("a label")))
            }
        }
    }
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("an image").to_rgb8();
    let is_its = |bytes: &[u8], label: usize| pixels(bytes) == pixels(&png(label));
    found.iter().map(|(bytes, label)| if is_its(bytes, *label) { *label } else { usize::MAX }).collect()
}

#[test]
fn labels_survive_every_conversion() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for (data, names) in [
        ("numbers", None),
        ("unsorted", Some(r#"["dog", "cat", "ant"]"#)),
        ("twice", Some(r#"["crane", "dog", "crane"]"#)),
        ("odd", Some(r#"["a/b", "..", "Crane", "crane", ".hidden"]"#)),
    ] {
        let classes = names.map_or(12, |names| json(names).as_array().expect("a list").len());
        let at = |stage: &str| format!("{data}-{stage}");
        fs::create_dir(here.join(data)).expect("a folder");
        shard(&here.join(data).join("train-000.tar"), classes, 1);
        if let Some(names) = names {
            fs::write(here.join(data).join("classes.json"), names).expect("a list");
        }
        let convert = |from: &str, form: &str, to: &str| {
            let mut args = vec!["data", "convert", from, "--to", form, "--out", to];
            if form == "packed" {
                args.extend(["--side", "72"]);
            }
            xtask_in(here, &args).succeeds();
        };
        convert(data, "folders", &at("folders"));
        convert(&at("folders"), "packed", &at("packed"));
        convert(&at("packed"), "folders", &at("again"));
        // The folder of the split alone is numbered as the whole is.
        convert(&at("again/train"), "shards", &at("shards"));
        assert!(labels(here, &at("shards")).into_iter().eq(0..classes), "{data}");
        let list = json(&fs::read_to_string(here.join(at("shards")).join("classes.json")).expect("a list"));
        let wanted = names.map_or_else(|| (0..12).map(|label| label.to_string()).collect(), json);
        assert_eq!(list, wanted, "{data}");
        let folders = fs::read_dir(here.join(at("folders/train"))).expect("a folder").count();
        assert_eq!(folders, classes, "{data}");
    }
}

#[test]
fn a_network_without_names_scores_folders_called_by_labels_as_the_shards_they_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("shards")).expect("a folder");
    shard(&here.join("shards/train-000.tar"), 12, 2);
    shard(&here.join("shards/val-000.tar"), 12, 1);
    xtask_in(here, &small("shards", "run", &["--set", "train.duration=6 steps"])).succeeds();
    xtask_in(here, &["data", "convert", "shards", "--to", "folders", "--out", "folders"]).succeeds();
    fs::remove_file(here.join("folders/classes.json")).expect("the names tell enough");
    let scores = |data: &str| {
        let eval = xtask_in(here, &["eval", "--checkpoint", "run", "--data", data, "--json"]);
        let scores = json(eval.succeeds());
        (scores["loss"].clone(), scores["top1_correct"].clone(), eval.stderr)
    };
    let ((loss, correct, _), (same_loss, same, told)) = (scores("shards"), scores("folders"));
    assert_eq!((&loss, &correct), (&same_loss, &same));
    assert!(told.contains("class folders 0 to 11") && told.contains("torchvision"), "{told}");
}

#[test]
fn what_is_left_out_is_counted_by_ending_wherever_the_folder_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for split in ["train", "val"] {
        for class in 0..2 {
            let dir = here.join("data").join(split).join(format!("class{class}"));
            fs::create_dir_all(&dir).expect("a folder");
            (0..8).for_each(|i| fs::write(dir.join(format!("{i}.PNG")), png(class)).expect("an image"));
            fs::write(dir.join("drawing.xcf"), "x").expect("a file");
            fs::write(dir.join(".DS_Store"), "x").expect("a file");
        }
        fs::write(here.join("data").join(split).join("class0/notes.txt"), "x").expect("a file");
    }
    let all = "left out: 4 files .xcf, 2 files .txt";
    let told = |args: &[&str], wanted: &str| {
        let outcome = xtask_in(here, args);
        outcome.succeeds();
        assert_eq!(outcome.stderr.matches("left out").count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
    };
    told(&small("data", "run", &["--set", "train.duration=1 steps"]), all);
    told(&["eval", "--checkpoint", "run", "--data", "data"], "left out: 2 files .xcf, 1 file .txt");
    told(&["data", "verify", "data"], all);
    told(&["data", "convert", "data", "--to", "shards", "--out", "shards"], all);
    let shown = xtask_in(here, &["data", "inspect", "data"]);
    assert_eq!(
        shown.succeeds().matches("left out      2 files .xcf, 1 file .txt").count(),
        2,
        "{}",
        shown.stdout
    );
    let shown = json(xtask_in(here, &["data", "inspect", "data", "--json"]).succeeds());
    assert_eq!(shown["splits"][1]["left_out"], serde_json::json!({".xcf": 2, ".txt": 1}));
}

#[test]
fn a_list_of_classes_numbers_them_in_training_evaluation_and_conversion() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for (class, name) in ["ant", "bee", "cat"].into_iter().enumerate() {
        for split in ["train", "val"] {
            let dir = here.join("data").join(split).join(name);
            fs::create_dir_all(&dir).expect("a folder");
            (0..4).for_each(|i| fs::write(dir.join(format!("{i}.png")), png(4 * class)).expect("an image"));
        }
    }
    fs::write(here.join("order.txt"), "cat\nant\nbee\n").expect("a list");
    fs::write(here.join("short.txt"), "cat\nant\n").expect("a list");
    xtask_in(here, &small("data", "none", &["--classes", "short.txt"]))
        .ends_saying(1, &["short.txt", "class folder bee"]);
    let listed = ["--classes", "order.txt", "--set", "train.duration=2 epochs"];
    let trained = json(xtask_in(here, &small("data", "run", &listed)).succeeds());
    let record = json(&fs::read_to_string(here.join("run/record.json")).expect("a record"));
    assert!(record["class_list"].as_str().is_some_and(|list| list.ends_with("order.txt")), "{record}");
    let eval = |more: &[&str]| {
        let args = [&["eval", "--checkpoint", "run", "--json"], more].concat();
        xtask_in(here, &args)
    };
    for more in [&[][..], &["--data", "data"], &["--data", "data", "--classes", "order.txt"]] {
        assert_eq!(json(eval(more).succeeds())["top1"], trained["top1"], "{more:?}");
    }
    let analyze = |more: &[&str]| {
        let args = ["analyze", "--checkpoint", "run", "--images", "4", "--json", "--out", "analysis.html"];
        xtask_in(here, &[&args[..], more].concat())
    };
    let of_data = |more: &[&str]| json(analyze(more).succeeds())["networks"][0]["points"].clone();
    assert_eq!(of_data(&[]), of_data(&["--data", "data"]));
    fs::rename(here.join("order.txt"), here.join("moved.txt")).expect("a file");
    analyze(&[]).ends_saying(1, &["order.txt"]);
    analyze(&["--data", "data"]).ends_saying(1, &["in another order"]);
    fs::rename(here.join("moved.txt"), here.join("order.txt")).expect("a file");
    fs::write(here.join("other.txt"), "ant\nbee\ncat\n").expect("a list");
    eval(&["--data", "data", "--classes", "other.txt"]).ends_saying(1, &["in another order"]);
    let shown = xtask_in(
        here,
        &["data", "convert", "data", "--to", "shards", "--classes", "order.txt", "--out", "s"],
    );
    shown.succeeds();
    let names = json(&fs::read_to_string(here.join("s/classes.json")).expect("a list"));
    assert_eq!(names, serde_json::json!(["cat", "ant", "bee"]));
    // Images that are read as a whole have their classes with them.
    let drawn = ["train", "--classes", "order.txt", "--out", "drawn"];
    xtask_in(here, &drawn).ends_saying(2, &["--classes is for samples in files"]);
}
