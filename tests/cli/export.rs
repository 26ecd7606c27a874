//! What we export, PyTorch, torchvision and timm load strictly and compute the same with:
//! `tests/export_roundtrip.py` and `tests/export_peers.py`, where Python has them.

use std::fs;
use std::path::Path;
use std::process::Command;

use candle_core::{Device, Tensor};
use resnet_models::{Model, checkpoint, registry};
use resnet_ops::Mode;
use resnet_testing::{Need, python};

use crate::common::{root, trained, xtask_in};

/// Compares logits of a batch that both sides make.
const ROUNDTRIP: &str = "tests/export_roundtrip.py";
/// Compares the logits of an image file.
const PEERS: &str = "tests/export_peers.py";
/// Images of the batch.
const IMAGES: usize = 4;

/// ImageNet's networks that timm takes back: one of each kind of unit, stem, shortcut and norm.
const TIMMS: [&str; 4] = ["resnet18", "resnet50d", "resnetv2_50", "resnetv2_50x1_bit"];
/// Side of the images for these: small, and no multiple of their stride.
const SIDE: usize = 104;

/// The batch of tests/goldens/recipe.py: splitmix64 of the name's hash, as numbers in [-1, 1).
fn batch(side: usize) -> Vec<f32> {
    let hash = "input"
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    let value = |i: u64| {
        let mut z = hash.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (2.0 * ((z >> 40) as f64 / f64::from(1 << 24)) - 1.0) as f32
    };
    (1..=(IMAGES * 3 * side * side) as u64).map(value).collect()
}

/// Writes the logits of the batch by the network in `file` as the script wants them.
fn write_logits(file: &Path, side: usize, json: &Path) {
    let checkpoint = checkpoint::read(file).expect("a checkpoint");
    let model = Model::init(&checkpoint.infer_spec().expect("a network"), 0).expect("a model");
    checkpoint.load_into(&model, checkpoint::Policy::STRICT).expect("it fits");
    let images = Tensor::from_vec(batch(side), (IMAGES, 3, side, side), &Device::Cpu).expect("a tensor");
    let logits: Vec<Vec<f32>> =
        model.forward(&images, Mode::Eval).and_then(|logits| logits.to_vec2()).expect("logits");
    let text = serde_json::json!({ "input": [IMAGES, 3, side, side], "logits": logits }).to_string();
    fs::write(json, text).expect("it is written");
}

/// Has a script of tests/ look at what lies in `folder`, if there is a Python with what it needs.
#[track_caller]
fn ask_python(folder: &Path, needs: &[Need], script: &str, args: &[String]) {
    let Some(python) = python(needs) else { return };
    let asked = Command::new(python).arg(root().join(script)).args(args).current_dir(folder).output();
    let output = asked.expect("Python starts");
    assert_eq!(output.status.code(), Some(0), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn pytorch_loads_a_trained_network_and_gets_its_logits() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    xtask_in(here, &["export", "--checkpoint", trained(), "--out", "net.safetensors"]).succeeds();
    write_logits(&here.join("net.safetensors"), 32, &here.join("logits.json"));
    let args = ["net.safetensors", "resnet8-v2", "logits.json"].map(str::to_owned);
    ask_python(here, &[Need::Torch], ROUNDTRIP, &args);
}

/// A checkpoint of fresh weights, with statistics and shifts that aren't all alike.
pub(crate) fn fresh(file: &Path, name: &str, classes: usize) {
    let model = Model::init(&registry::find(name, classes).expect("a name"), 1).expect("a model");
    for (name, variable) in model.variables() {
        let low = match name.rsplit('.').next() {
            Some("running_var") => 0.5,
            Some("running_mean" | "bias") => -0.05,
            _ => continue,
        };
        let count = variable.elem_count();
        let values: Vec<f32> = (0..count).map(|i| low + 0.1 * (i * 37 % 101) as f32 / 101.0).collect();
        let values = Tensor::from_vec(values, variable.dims(), &Device::Cpu).expect("a tensor");
        variable.set(&values).expect("it fits");
    }
    let preprocessing = checkpoint::Preprocessing {
        input: [3, 224, 224],
        resize: 235,
        interpolation: checkpoint::Resampling::Bicubic,
        crop: 224,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };
    let metadata = checkpoint::Metadata { preprocessing: Some(preprocessing), ..Default::default() };
    checkpoint::export(file, &model, &metadata, checkpoint::Dialect::Native).expect("it is written");
}

/// The metadata of a safetensors file.
fn metadata(file: &Path) -> std::collections::HashMap<String, String> {
    let bytes = fs::read(file).expect("a file");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("safetensors");
    header.metadata().clone().unwrap_or_default()
}

#[test]
fn weights_that_say_nothing_are_exported_as_they_are_evaluated() {
    const CLASSES: usize = 12;
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // ImageNet's network, and nothing about it.
    fresh(&here.join("told.safetensors"), "resnet18", CLASSES);
    let bytes = fs::read(here.join("told.safetensors")).expect("a file");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let bare = safetensors::serialize(tensors.iter(), None).expect("safetensors");
    fs::write(here.join("bare.safetensors"), bare).expect("it is written");

    let normalised = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"];
    fs::create_dir(here.join("out")).expect("a folder");
    let out = "out/model.safetensors";
    let export = ["export", "--checkpoint", "bare.safetensors", "--dialect", "timm", "--out", out];
    let outcome = xtask_in(here, &[&export[..], &normalised].concat());
    outcome.succeeds();
    let assumed = "taking a shorter side of 256 pixels, a crop of 224 and a bilinear filter";
    assert!(outcome.stderr.contains(assumed), "{}", outcome.stderr);
    // 224 of 256 pixels, as timm and torchvision have it.
    let config = fs::read_to_string(here.join("out/config.json")).expect("timm's config");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["pretrained_cfg"]["crop_pct"], 0.875, "{config}");
    assert_eq!(config["pretrained_cfg"]["input_size"], serde_json::json!([3, 224, 224]), "{config}");
    let said = metadata(&here.join(out));
    assert_eq!((said["resize"].as_str(), said["crop"].as_str()), ("256", "224"));

    // An image whose middle is not the whole, with detail that another size would blur.
    for class in 0..CLASSES {
        let dir = here.join(format!("val/{class:02}"));
        fs::create_dir_all(&dir).expect("a folder");
        let noise = |x: u32, y: u32, c: u32| (x * x * 7 + y * 31 * c + x * y + class as u32 * 40) as u8;
        image::RgbImage::from_fn(330, 280, |x, y| image::Rgb([1, 2, 3].map(|c| noise(x, y, c))))
            .save(dir.join("a.png"))
            .expect("an image");
    }
    let of = |command: &[&str], file: &str, more: &[&str]| {
        let outcome = xtask_in(here, &[command, &["--json", "--checkpoint", file], more].concat());
        outcome.succeeds().to_owned()
    };
    let predict = ["predict", "--logits", "val/03/a.png"];
    assert_eq!(of(&predict, "bare.safetensors", &normalised), of(&predict, out, &[]));
    let told = ["--resize", "232", "--interpolation", "bicubic"];
    let bare = ["--checkpoint", "bare.safetensors"];
    let named = xtask_in(here, &[&predict[..], &bare, &normalised, &told].concat());
    named.succeeds();
    assert!(!named.stderr.contains("were resized"), "{}", named.stderr);
    let eval = ["eval", "--data", "val"];
    let loss = |text: String| {
        let scores: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        (scores["images"].as_u64(), scores["loss"].as_f64())
    };
    let before = loss(of(&eval, "bare.safetensors", &normalised));
    assert_eq!((before.0, loss(of(&eval, out, &[]))), (Some(CLASSES as u64), before));
}

#[test]
fn timm_takes_its_own_networks_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut args = vec![];
    for name in TIMMS {
        fs::create_dir(here.join(name)).expect("a folder");
        fresh(&here.join("fresh.safetensors"), name, 12);
        let out = format!("{name}/model.safetensors");
        let export = ["export", "--checkpoint", "fresh.safetensors", "--dialect", "timm", "--out", &out];
        let outcome = xtask_in(here, &export);
        assert!(
            outcome.succeeds().contains(&format!("timm.create_model(\"local-dir:{name}\"")),
            "{}",
            outcome.stdout
        );
        let json = format!("{name}/logits.json");
        write_logits(&here.join(&out), SIDE, &here.join(&json));
        args.extend([out.clone(), name.to_owned(), json]);

        // The folder is one that we read as well; neither file in it is replaced unasked.
        xtask_in(here, &["export", "--checkpoint", name, "--out", "again.safetensors", "--force"]).succeeds();
        fs::remove_file(here.join(name).join("model.safetensors")).expect("it was there");
        xtask_in(here, &export).ends_saying(1, &["config.json exists already", "--force"]);
        xtask_in(here, &[&export[..], &["--force"]].concat()).succeeds();
    }
    ask_python(here, &[Need::Torch, Need::Timm], ROUNDTRIP, &args);
}

#[test]
fn an_export_spares_what_it_reads_and_the_checkpoints_of_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fresh(&here.join("net.safetensors"), "resnet8-v2", 3);
    let before = fs::read(here.join("net.safetensors")).expect("a file");
    let export =
        |out: &str| xtask_in(here, &["export", "--checkpoint", "net.safetensors", "--force", "--out", out]);
    let itself = "net.safetensors is the file that the weights are read from";
    export("net.safetensors").ends_saying(1, &[itself, "give another --out"]);
    assert!(fs::read(here.join("net.safetensors")).expect("a file") == before);
    let among = format!("{}/checkpoints/new.safetensors", trained());
    export(&among).ends_saying(1, &["is among the checkpoints of the run", "give another --out"]);
    assert!(!Path::new(&among).exists());
    export("mine.pth").ends_saying(1, &["mine.pth ends as another kind of file does", ".safetensors"]);
    let keys = ["model", "tensors", "bytes", "files"];
    let json = ["export", "--checkpoint", "net.safetensors", "--json", "--out", "copy.safetensors"];
    let written = xtask_in(here, &json).object(&keys);
    assert_eq!((&written["model"], &written["files"][0]), (&"resnet8-v2".into(), &"copy.safetensors".into()));
    let bytes = fs::metadata(here.join("copy.safetensors")).expect("a file").len();
    assert_eq!(written["bytes"].as_u64(), Some(bytes));
    assert_eq!(fs::read_dir(here).expect("a folder").count(), 2, "nothing else is written");
}

#[test]
fn names_of_classes_are_given_by_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fresh(&here.join("net.safetensors"), "resnet8-v2", 3);
    fs::write(here.join("classes.txt"), "cat\ndog\nowl\n").expect("a list");
    crate::common::image(&here.join("a.png"));
    let predict = |file: &str, more: &[&str]| {
        xtask_in(here, &[&["predict", "--json", "--checkpoint", file, "a.png"], more].concat())
    };
    let numbered = predict("net.safetensors", &[]);
    assert!(numbered.succeeds().contains("class 2") && numbered.stderr.contains("--classes FILE"));
    let named = predict("net.safetensors", &["--classes", "classes.txt"]);
    assert!(named.succeeds().contains("\"owl\"") && !named.stderr.contains("--classes"), "{}", named.stderr);
    let list = ["--classes", "classes.txt", "--out", "named.safetensors"];
    xtask_in(here, &[&["export", "--checkpoint", "net.safetensors"], &list[..]].concat()).succeeds();
    assert_eq!(predict("named.safetensors", &[]).succeeds(), named.succeeds());
    fs::write(here.join("classes.txt"), "cat\ndog\n").expect("a list");
    predict("net.safetensors", &["--classes", "classes.txt"])
        .ends_saying(1, &["2 names of classes are given", "its head has 3"]);
}

#[test]
fn transformers_gets_its_config_beside_the_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fresh(&here.join("net.safetensors"), "resnet18", 2);
    fs::create_dir(here.join("mine")).expect("a folder");
    let out = "mine/model.safetensors";
    let export = ["export", "--checkpoint", "net.safetensors", "--dialect", "transformers", "--out", out];
    let outcome = xtask_in(here, &export);
    let told = r#"transformers.AutoModelForImageClassification.from_pretrained("mine")"#;
    assert!(outcome.succeeds().contains(told), "{}", outcome.stdout);
    // The folder is one that we read as well; its config is not the weights.
    xtask_in(here, &["export", "--checkpoint", "mine", "--out", "again.safetensors"]).succeeds();
    xtask_in(here, &["export", "--checkpoint", "mine/config.json", "--out", "other.safetensors"])
        .ends_saying(1, &["mine/config.json is JSON", "give the folder that holds it"]);
}

/// A network, the dialect it is written in, and the library that loads it under the same name.
const IN_PEERS: [(&str, &str, &str); 6] = [
    ("resnet18", "torchvision", "torchvision"),
    ("resnet50", "native", "torchvision"),
    ("resnet50", "timm", "timm"),
    ("resnet50d", "timm", "timm"),
    ("resnetv2_50", "native", "timm"),
    ("resnetv2_50x1_bit", "timm", "timm"),
];

#[test]
fn torchvision_and_timm_see_in_an_image_what_predict_sees() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let wave = |x: u32, y: u32, by: f64| (127.0 + 120.0 * (f64::from(x * y + 40 * x) / by).sin()) as u8;
    let colours = |x, y| image::Rgb([wave(x, y, 900.0), wave(y, x, 700.0), wave(x, x + y, 1500.0)]);
    image::RgbImage::from_fn(321, 258, colours).save(here.join("image.jpg")).expect("an image is written");
    let mut args = vec![];
    for (name, dialect, library) in IN_PEERS {
        let place = format!("{name}-{dialect}");
        fs::create_dir(here.join(&place)).expect("a folder");
        fresh(&here.join("fresh.safetensors"), name, 12);
        let (file, json) = (format!("{place}/net.safetensors"), format!("{place}/prediction.json"));
        let export = ["export", "--checkpoint", "fresh.safetensors", "--dialect", dialect, "--out", &file];
        xtask_in(here, &export).succeeds();
        let predict = ["predict", "--checkpoint", &file, "--logits", "--json", "image.jpg"];
        let outcome = xtask_in(here, &predict);
        let prediction = outcome.succeeds();
        let found: serde_json::Value = serde_json::from_str(prediction).expect("JSON");
        assert_eq!(found["logits"].as_array().map(Vec::len), Some(12), "{prediction}");
        fs::write(here.join(&json), prediction).expect("it is written");
        args.extend([file, library.to_owned(), name.to_owned(), "image.jpg".to_owned(), json]);
    }
    ask_python(here, &[Need::Torch, Need::Torchvision, Need::Timm], PEERS, &args);
}
