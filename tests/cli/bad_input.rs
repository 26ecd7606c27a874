//! What is wrong is named, with its cause; nothing is overwritten; nothing panics.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::common::{Outcome, TINY, checkpoint, image, small_cifar, trained, xtask, xtask_in};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[track_caller]
fn eval_on(data: &Path) -> Outcome {
    xtask(&["eval", "--checkpoint", trained(), "--data", text(data)])
}

#[test]
fn data_that_is_missing_or_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    eval_on(&here.join("nowhere")).ends_saying(1, &["nowhere", "No such file"]);
    eval_on(here).ends_saying(1, &[text(here), "no data set", "data_batch_1.bin"]);

    small_cifar(here);
    let test_batch = here.join("test_batch.bin");
    let whole = fs::read(&test_batch).expect("it was written");
    fs::write(&test_batch, &whole[..whole.len() - 100]).expect("it is written");
    eval_on(here).ends_saying(1, &["test_batch.bin", "cut short", "9 whole records"]);
    let mut wrong = whole.clone();
    wrong[3073] = 10;
    fs::write(&test_batch, &wrong).expect("it is written");
    eval_on(here).ends_saying(1, &["test_batch.bin", "record 1 has label 10", "offset 3073"]);
    fs::write(&test_batch, &whole).expect("it is written");
    fs::remove_file(here.join("data_batch_4.bin")).expect("it is removed");
    let train = ["train", "--recipe", "cifar10-resnet20-v2", "--data", text(here)];
    xtask(&train).ends_saying(1, &["data_batch_4.bin"]);

    // No network is allowed in these tests.
    xtask(&["train", "--recipe", "cifar10-resnet20-v2"])
        .ends_saying(1, &["cifar10", "HF_HUB_OFFLINE", "--data DIR"]);
    xtask(&["train", "--data", text(here)])
        .ends_saying(1, &["quick-start", "generates its own images", "--recipe"]);
    // An option that nothing would come of.
    xtask(&["train", "--skip-broken", "1%"]).ends_saying(2, &["--skip-broken", "samples in files"]);
}

/// The trained checkpoint with other tensors, in `file`.
fn rewrite(file: &Path, change: impl FnOnce(&mut HashMap<String, (Vec<usize>, Vec<u8>)>)) {
    let bytes = fs::read(checkpoint()).expect("a checkpoint");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("safetensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut all = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut all);
    let views = all.iter().map(|(name, (shape, data))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), data).expect("they fit"))
    });
    // As another program must, which changes tensors and keeps the metadata.
    let mut metadata = header.metadata().clone().expect("metadata");
    metadata.remove("tensors_crc32").expect("a checksum");
    let written = safetensors::serialize(views, Some(metadata)).expect("safetensors");
    fs::write(file, written).expect("it is written");
}

#[test]
fn checkpoints_that_do_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.safetensors");
    let eval = || xtask(&["eval", "--checkpoint", text(&file)]);

    eval().ends_saying(1, &["bad.safetensors", "No such file"]);
    rewrite(&file, |tensors| drop(tensors.remove("stages.1.blocks.0.norm1.bias")));
    eval().ends_saying(1, &["bad.safetensors", "stages.1.blocks.0.norm1.bias"]);
    rewrite(&file, |tensors| {
        tensors.insert("stages.0.blocks.0.norm9.bias".into(), (vec![1], vec![0; 4]));
    });
    eval().ends_saying(1, &["bad.safetensors", "stages.0.blocks.0.norm9.bias"]);
    rewrite(&file, |tensors| {
        tensors.insert("norm.bias".into(), (vec![65], vec![0; 260]));
    });
    eval().ends_saying(1, &["bad.safetensors", "norm.bias", "[65]", "[64]"]);

    let whole = fs::read(checkpoint()).expect("a checkpoint");
    let mut corrupt = whole.clone();
    corrupt[8..40].fill(b'x');
    let mut flipped = whole.clone();
    let middle = flipped.len() - 5_000;
    flipped[middle] ^= 1;
    let damaged: [(&[u8], &str); 6] = [
        (&corrupt, "damaged or not safetensors"),
        (&flipped, "is damaged: the checksum of its tensors is"),
        (&whole[..whole.len() / 2], "cut short"),
        (b"", "empty"),
        (&[0xff; 64], "safetensors"),
        (b"\x80\x02}q\x00", "safetensors"),
    ];
    for (bytes, words) in damaged {
        fs::write(&file, bytes).expect("it is written");
        eval().ends_saying(1, &["bad.safetensors", words]);
    }
    xtask(&["eval", "--checkpoint", text(folder.path())])
        .ends_saying(1, &[text(folder.path()), "not a run's folder"]);
    let other = ["eval", "--checkpoint", trained(), "--model", "resnet20-v2"];
    xtask(&other).ends_saying(1, &["best.safetensors", "resnet20-v2", "resnet8-v2"]);
}

#[test]
fn files_of_pytorch_that_cannot_be_used() {
    let files = crate::common::root().join("crates/models/tests/checkpoint/pytorch");
    let predict = |file: &Path| xtask(&["predict", "--checkpoint", text(file), "a.png"]);
    let rows: [(&str, &[&str]); 5] = [
        ("integers.pth", &["tensor weight is I32"]),
        ("two-equals.pth", &["several dictionaries of tensors: student, teacher", "--weights KEY"]),
        // Weights, but of no network.
        ("parameters.pth", &["cannot tell which network", "0.bias", "give it with --prefix"]),
        ("training.pth", &["cannot tell which network", "neither conv1.weight nor"]),
        ("gone.pth", &["No such file"]),
    ];
    for (name, words) in rows {
        predict(&files.join(name)).ends_saying(1, &[&[name], words].concat());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("half.pth");
    let whole = fs::read(files.join("views.pth")).expect("a file");
    for (bytes, words) in [(&whole[..whole.len() / 2], "cut short"), (b"", "half.pth is empty")] {
        fs::write(&file, bytes).expect("it is written");
        predict(&file).ends_saying(1, &["half.pth", words]);
    }
}

#[test]
fn weights_that_are_not_finite_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.safetensors");
    rewrite(&file, |tensors| {
        let (_, data) = tensors.get_mut("head.fc.bias").expect("a head");
        data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        data[8..12].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    image(&folder.path().join("a.png"));
    let outcome = xtask_in(folder.path(), &["predict", "--checkpoint", "bad.safetensors", "a.png"]);
    outcome.ends_saying(
        1,
        &["warning, NaN or infinite numbers in: head.fc.bias (2)", "logits for a.png hold NaN"],
    );
}

#[test]
fn names_that_do_not_exist() {
    xtask(&["summary", "resnet20v2"]).ends_saying(1, &["resnet20v2", "did you mean \"resnet20-v2\"?"]);
    xtask(&["summary", "resnet21-v2"]).ends_saying(1, &["resnet21-v2", "6n + 2"]);
    xtask(&["train", "--recipe", "quickstart"])
        .ends_saying(1, &["quickstart", "did you mean \"quick-start\"?"]);
    xtask(&["train", "--recipe", "my/own.toml"]).ends_saying(1, &["my/own.toml", "No such file"]);
    xtask(&["train", "--set", "train.bach=64"]).ends_saying(1, &["train.bach=64", "`bach`", "`batch_size`"]);
    xtask(&["train", "--set", "train.batch_size=0"]).ends_saying(1, &["train.batch_size is 0"]);
    xtask(&["train", "--set", "model.name=resnet9-v9"]).ends_saying(1, &["resnet9-v9", "did you mean"]);
    let too_many = "data.generated={train=4500000,test=10}";
    xtask(&["train", "--set", too_many]).ends_saying(1, &["4500000", "1,000,000"]);
    xtask(&["train", "--resume", "runs/none"]).ends_saying(1, &["runs/none", "not a run's folder"]);
    xtask(&["predict", "--model", "timm/resnet50", "cat.png"])
        .ends_saying(1, &["timm/resnet50", "no-hub-cache", "--checkpoint FILE"]);

    let folder = tempfile::tempdir().expect("a folder");
    let recipe = fs::read_to_string(crate::common::root().join("crates/record/recipes/quick-start.toml"))
        .expect("a recipe");
    fs::write(folder.path().join("own.toml"), recipe.replace("momentum = 0.9", "momentun = 0.9"))
        .expect("it is written");
    let outcome = xtask_in(folder.path(), &["train", "--recipe", "own.toml"]);
    outcome.ends_saying(1, &["own.toml, line", "momentun"]);
    assert!(!folder.path().join("runs").exists(), "nothing is begun");
}

#[test]
fn folders_and_files_that_cannot_be_written_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("file"), "mine").expect("it is written");
    let train = |out: &str| xtask_in(here, &[&["train", "--out", out], TINY].concat());
    train("file/run").ends_saying(1, &["file/run"]);
    train("file").ends_saying(1, &["file"]);
    train(".").ends_saying(1, &["not empty", "--resume"]);

    let export = |out: &str| xtask_in(here, &["export", "--checkpoint", trained(), "--out", out]);
    export("file").ends_saying(1, &["file exists already", "--force"]);
    export(".").ends_saying(1, &["is a folder"]);
    export("none/net.safetensors").ends_saying(1, &["none/net.safetensors", "No such file"]);
    let torchvision = ["export", "--checkpoint", trained(), "--out", "net", "--dialect", "torchvision"];
    xtask_in(here, &torchvision).ends_saying(1, &["resnet8-v2", "torchvision", "native or timm"]);
    assert_eq!(fs::read_to_string(here.join("file")).expect("it is there"), "mine");
    assert_eq!(fs::read_dir(here).expect("a folder").count(), 1, "nothing else was left");
}

#[test]
fn an_unreadable_image_does_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    image(&here.join("good.png"));
    let whole = fs::read(here.join("good.png")).expect("an image");
    fs::write(here.join("cut.png"), &whole[..whole.len() / 2]).expect("it is written");
    fs::write(here.join("text.jpg"), "no image").expect("it is written");
    fs::create_dir(here.join("empty")).expect("a folder");
    let files = ["gone.png", "cut.png", "good.png", "text.jpg", "empty"];
    let outcome = xtask_in(here, &[&["predict", "--json", "--checkpoint", trained()][..], &files].concat());
    outcome.ends_saying(1, &["gone.png", "cut.png", "text.jpg", "empty holds no image"]);
    assert!(!outcome.stderr.contains("good.png"), "{}", outcome.stderr);
    assert!(outcome.stdout.lines().count() == 1 && outcome.stdout.contains("good.png"), "{}", outcome.stdout);
}

#[test]
fn a_training_that_diverges_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = [&["train", "--out", "run"], TINY, &["--set", "schedule.lr=1e30"]].concat();
    xtask_in(folder.path(), &args).ends_saying(1, &["diverged", "rate"]);
    assert!(
        folder.path().join("run/checkpoints/last.safetensors").is_file(),
        "the start is there to resume from"
    );
    // The network's own layers are named, and the images that it saw.
    let text = fs::read_to_string(folder.path().join("run/diverged.json")).expect("a description");
    let described: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let layer = described["first_layer"].as_str().expect("a layer");
    assert!(layer.starts_with("stem") || layer.starts_with("stages"), "{layer}");
    assert_eq!(described["images"].as_array().map(Vec::len), Some(20));
    assert!(described["layers"].as_array().is_some_and(|layers| layers.len() > 10), "{text}");
}
