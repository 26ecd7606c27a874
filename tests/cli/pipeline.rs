//! Train, evaluate, export, predict: each step goes on from what the one before left.

use std::fs;
use std::path::Path;

use crate::common::{TINY, checkpoint, has_keys, image, small_cifar, trained, xtask_in};

const TRAIN: [&str; 9] =
    ["run", "model", "recipe", "epochs", "steps", "train_loss", "top1", "images_per_second", "seconds"];
const EVAL: [&str; 8] =
    ["model", "images", "top1_correct", "top5_correct", "top1", "top5", "loss", "images_per_second"];

#[test]
fn from_training_to_a_prediction_on_drawn_shapes() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let train = xtask_in(here, &[&["train", "--json", "--threads", "2"], TINY].concat());
    let result = train.object(&TRAIN);
    assert_eq!(result["run"], "runs/quick-start-1");
    assert_eq!((&result["model"], &result["recipe"]), (&"resnet8-v2".into(), &"quick-start".into()));
    assert_eq!((result["epochs"].as_u64(), result["steps"].as_u64()), (Some(2), Some(20)));
    for told in ["parameters", "multiply-adds", "memory", "generated shapes", "20 steps", "epoch 2/2"] {
        assert!(train.stderr.contains(told), "{told}\n{}", train.stderr);
    }
    let run = "runs/quick-start-1";
    for file in ["recipe.toml", "record.json", "metrics.jsonl", "checkpoints/last.safetensors"] {
        assert!(here.join(run).join(file).is_file(), "{file}");
    }

    // The run says where its data is from, how images are normalised and which weights it reports.
    let eval = xtask_in(here, &["eval", "--checkpoint", run, "--json", "--threads", "1"]).object(&EVAL);
    assert_eq!((eval["images"].as_u64(), &eval["top1"]), (Some(60), &result["top1"]));

    let export = xtask_in(here, &["export", "--checkpoint", run, "--out", "net.safetensors"]);
    assert!(export.succeeds().contains("net.safetensors"), "{}", export.stdout);
    let again = xtask_in(here, &["eval", "--checkpoint", "net.safetensors", "--json"]).object(&EVAL);
    assert_eq!((&again["top1_correct"], &again["loss"]), (&eval["top1_correct"], &eval["loss"]));

    fs::create_dir(here.join("images")).expect("a folder");
    image(&here.join("images/a.png"));
    image(&here.join("images/b.png"));
    let files = ["--json", "--logits", "--top", "3", "images", "images/a.png"];
    let predict = xtask_in(here, &[&["predict", "--checkpoint", "net.safetensors"][..], &files].concat());
    let lines: Vec<&str> = predict.succeeds().lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, file) in lines.iter().zip(["images/a.png", "images/b.png", "images/a.png"]) {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        has_keys(&line, &["file", "top", "logits"]);
        assert_eq!(line["file"], file);
        let top = line["top"].as_array().expect("a list");
        assert_eq!((top.len(), line["logits"].as_array().map(Vec::len)), (3, Some(10)));
        has_keys(&top[0], &["class", "name", "probability"]);
        let probability = |i: usize| top[i]["probability"].as_f64().expect("a number");
        assert!(probability(0) >= probability(1) && probability(1) >= probability(2) && probability(2) > 0.0);
    }
    let maps = ["predict", "--checkpoint", run, "--json", "--heatmap", "maps", "images"];
    let maps = xtask_in(here, &maps);
    assert_eq!(maps.succeeds().lines().count(), 2);
    for (line, name) in maps.succeeds().lines().zip(["a", "b"]) {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        has_keys(&line, &["file", "top", "heatmap"]);
        assert_eq!(line["heatmap"], format!("maps/{name}.png.heatmap.png"));
        let size = |path: &str| image::image_dimensions(here.join(path)).expect("an image");
        // A small image is enlarged by a whole factor.
        let (width, height) = size(&format!("images/{name}.png"));
        let large = size(&format!("maps/{name}.png.heatmap.png"));
        let factor = large.0 / width;
        assert!(large == (factor * width, factor * height) && large.0.max(large.1) >= 256, "{large:?}");
    }
    let one = xtask_in(here, &["predict", "--checkpoint", run, "--heatmap", "one.png", "images/a.png"]);
    assert!(one.succeeds().contains("heat map: one.png") && here.join("one.png").is_file());
    xtask_in(here, &["predict", "--checkpoint", run, "--heatmap", "one.png", "images"])
        .ends_saying(2, &["one.png is one file, and there are 2 images"]);
    xtask_in(here, &["predict", "--checkpoint", run, "--heatmap", "one.jpg", "images/a.png"])
        .ends_saying(2, &["heat maps are PNG; give --heatmap one.png"]);
    assert!(!here.join("one.jpg").exists(), "nothing is made");

    // An earlier map is drawn again; a picture is not lost, as by `--heatmap *.png`.
    let pictures = ["images/a.png", "images/b.png"].map(|path| fs::read(here.join(path)).expect("a file"));
    let drawn =
        |map: &str, images: &str| xtask_in(here, &["predict", "--checkpoint", run, "--heatmap", map, images]);
    drawn("one.png", "images/b.png").succeeds();
    drawn("images/a.png", "images/b.png")
        .ends_saying(1, &["images/a.png: it exists already and is no heat map; name another file"]);
    drawn("images/../images/a.png", "images/a.png").ends_saying(1, &["would replace an image"]);
    drawn("one.png", "one.png").ends_saying(1, &["would replace an image"]);
    // In a class folder, maps would be trained on.
    drawn("images/maps", "images").ends_saying(1, &["would lie among the images of images"]);
    for (path, before) in ["images/a.png", "images/b.png"].iter().zip(&pictures) {
        assert!(fs::read(here.join(path)).expect("a file") == *before, "{path}");
    }

    let names = xtask_in(here, &["predict", "--checkpoint", run, "images/a.png"]);
    let is_a_shape =
        ["disc", "ring", "crescent", "triangle", "square", "cross", "star", "heart", "arrow", "bars"];
    assert!(is_a_shape.iter().any(|name| names.succeeds().contains(name)), "{}", names.stdout);
}

#[test]
fn each_run_gets_a_folder_of_its_own_and_names_what_to_do_next() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in [1, 2] {
        let args = [&["train"], TINY, &["--set", "train.duration=1 step"]].concat();
        xtask_in(folder.path(), &args).succeeds();
        assert!(folder.path().join(format!("runs/quick-start-{number}/record.json")).is_file());
    }
}

#[test]
fn the_end_of_a_training_is_for_people() {
    let run = trained();
    let outcome = crate::common::xtask(&["train", "--resume", run]);
    for told in
        ["test accuracy", "next:", "cargo xtask eval", "cargo xtask predict", "cargo xtask export", run]
    {
        assert!(outcome.succeeds().contains(told), "{told}\n{}", outcome.stdout);
    }
    assert!(outcome.stderr.contains("is finished"), "{}", outcome.stderr);
}

#[test]
fn a_cifar_run_remembers_its_data_and_shuts_out_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("images")).expect("a folder");
    small_cifar(&here.join("images"));
    let train = [
        "train",
        "--recipe",
        "cifar10-resnet20-v2",
        "--data",
        "images",
        "--out",
        "run",
        "--epochs",
        "1",
        "--json",
    ];
    let set = ["--set", "model.name=resnet8-v2", "--set", "train.batch_size=10", "--seed", "3"];
    let result = xtask_in(here, &[&train[..], &set].concat()).object(&TRAIN);
    assert_eq!((result["steps"].as_u64(), result["run"].as_str()), (Some(5), Some("run")));
    let recipe = fs::read_to_string(here.join("run/recipe.toml")).expect("a recipe");
    assert!(recipe.contains("seed = 3") && recipe.contains("\"1 epoch\""), "{recipe}");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let run = here.join("run");
    let run = run.to_str().expect("UTF-8");
    let eval = xtask_in(elsewhere.path(), &["eval", "--checkpoint", run, "--json"]).object(&EVAL);
    assert_eq!((eval["images"].as_u64(), &eval["top1"]), (Some(10), &result["top1"]));
    let record = fs::read_to_string(here.join("run/record.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["test_reads"], 2, "the training's reading and this one");

    let other = xtask_in(here, &["eval", "--checkpoint", trained(), "--data", "images", "--json"]);
    other.object(&EVAL);
    assert!(other.stderr.contains("trained on other classes"), "{}", other.stderr);
    let assumed =
        xtask_in(here, &["eval", "--checkpoint", run, "--mean", "0,0,0", "--std", "1,1,1", "--json"]);
    assumed.object(&EVAL);
    assert!(assumed.stderr.contains("not with the --mean and --std given"), "{}", assumed.stderr);

    // As on a disk that is not mounted: no other data are taken instead.
    fs::rename(here.join("images"), here.join("moved")).expect("it is renamed");
    let gone = ["images, and nothing is there; mount it, or give the data's new place with --data DIR"];
    xtask_in(here, &["eval", "--checkpoint", "run"]).ends_saying(1, &gone);
    xtask_in(here, &["train", "--resume", "run", "--epochs", "2"]).ends_saying(1, &gone);
    let moved = xtask_in(here, &["eval", "--checkpoint", "run", "--data", "moved", "--json"]).object(&EVAL);
    assert_eq!(moved["top1"], result["top1"]);
}

#[test]
fn a_checkpoint_says_all_that_is_needed_to_use_it() {
    let bytes = fs::read(checkpoint()).expect("a checkpoint");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("safetensors");
    let metadata = header.metadata().clone().expect("metadata");
    for (key, words) in [
        ("model", "resnet8-v2"),
        ("classes", "\"heart\""),
        ("input", "[3,32,32]"),
        ("mean", "[0.5,0.5,0.5]"),
        ("std", "[0.25,0.25,0.25]"),
        ("interpolation", "bilinear"),
        ("resize", "32"),
        ("crop", "32"),
        ("recipe", "name = \"quick-start\""),
        ("metrics", "validation"),
    ] {
        assert!(metadata.get(key).is_some_and(|text| text.contains(words)), "{key}: {:?}", metadata.get(key));
    }
    let out = Path::new(trained()).with_file_name("said.safetensors");
    let path = out.to_str().expect("UTF-8");
    crate::common::xtask(&["export", "--checkpoint", trained(), "--out", path, "--force"]).succeeds();
    let bytes = fs::read(&out).expect("the file");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("safetensors");
    let exported = header.metadata().clone().expect("metadata");
    assert!(
        exported["metrics"].contains("top1_correct") && !exported.contains_key("training_state"),
        "{exported:?}"
    );
    assert!(header.tensors().keys().all(|name| !name.starts_with("optimizer.")));
}
