//! `draw` and `analyze`: pictures of what is built, measurements unit by unit, in files that overwrite
//! nothing of anybody else's.

use std::fs;

use serde_json::Value;

use crate::common::{TINY, has_keys, trained, xtask_in};
use crate::image_files::{draw, small};

#[test]
fn draw_writes_a_picture_over_its_own_and_over_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for what in [
        "figure1",
        "figure2",
        "figure4",
        "figure5",
        "v2-bottleneck",
        "resnet110-constant-scaling",
        "resnet50d",
    ] {
        assert_eq!(xtask_in(here, &["draw", what, "--out", "a.svg"]).succeeds(), "a.svg\n", "{what}");
    }
    let drawn = fs::read_to_string(here.join("a.svg")).expect("a picture");
    assert!(
        drawn.starts_with("<svg") && drawn.contains("resnet50d") && drawn.contains("2×2 mean"),
        "{drawn}"
    );
    fs::write(here.join("mine.svg"), "<svg>by hand</svg>").expect("it is written");
    xtask_in(here, &["draw", "figure1", "--out", "mine.svg"]).ends_saying(1, &["mine.svg"]);
    assert_eq!(fs::read_to_string(here.join("mine.svg")).expect("a file"), "<svg>by hand</svg>");
    xtask_in(here, &["draw", "figure3", "--out", "b.svg"])
        .ends_saying(1, &["figure4", "cargo xtask reproduce figure3"]);
    xtask_in(here, &["draw", "resnet21-v2", "--out", "b.svg"]).ends_saying(1, &["6n + 2"]);
    xtask_in(here, &["draw", "original"]).ends_saying(2, &["--out"]);
}

fn cuts(network: &Value) -> Vec<Vec<f64>> {
    let points = network["points"].as_array().expect("moments");
    let of = |point: &Value| -> Vec<f64> {
        let units = point["measures"]["units"].as_array().expect("units");
        units.iter().filter_map(|unit| unit["cut"].as_f64()).collect()
    };
    points.iter().map(of).collect()
}

#[test]
fn analyze_measures_variants_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // --model names a network, whatever lies in the folder.
    fs::create_dir(here.join("resnet8-v2")).expect("a folder");
    let args = ["analyze", "--model", "resnet8-v2", "--against", "resnet8-constant-scaling", "--images", "8"];
    let text = xtask_in(here, &args);
    assert!(
        text.succeeds().contains("resnet8-v2") && text.stdout.contains("analysis.html"),
        "{}",
        text.stdout
    );
    let page = fs::read_to_string(here.join("analysis.html")).expect("a page");
    for words in
        ["Equations (6) to (8)", "Equation (5)", "Equation (2)", "cargo xtask analyze --model resnet8-v2"]
    {
        assert!(page.contains(words), "{words}");
    }
    let more = ["--json", "--pictures", "pictures", "--out", "b.html"];
    let json = xtask_in(here, &[&args[..], &more].concat()).object(&["data", "networks"]);
    let [first, second] = &json["networks"].as_array().expect("networks")[..] else { panic!("{json}") };
    has_keys(first, &["model", "origin", "is_pre_activation", "images", "points"]);
    let unit = |network: &Value| network["points"][0]["measures"]["units"][2].clone();
    // The last unit's shortcut is an identity, or halves what it passes.
    assert_eq!(unit(first)["cut"], Value::Null);
    let half = unit(second)["shortcut_derivative"].as_f64().expect("a number");
    assert!((half - 0.5).abs() <= 0.3, "{half}");
    assert!(unit(second)["cut"].as_f64().is_some_and(|cut| cut > 1.0 && cut < 99.0), "{second}");
    for picture in ["variance", "mean", "gradient", "product", "cut", "branch"] {
        let svg = fs::read_to_string(here.join(format!("pictures/{picture}.svg"))).expect(picture);
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{picture}");
    }
    fs::write(here.join("mine.html"), "by hand").expect("it is written");
    let refused =
        xtask_in(here, &["analyze", "--model", "resnet8-v2", "--images", "4", "--out", "mine.html"]);
    refused.ends_saying(1, &["mine.html"]);
    xtask_in(here, &["analyze", "--model", "resnet50", "--images", "2"])
        .ends_saying(1, &["224 x 224", "32 x 32"]);
    xtask_in(here, &["analyze"]).ends_saying(2, &["--model"]);
    xtask_in(here, &["analyze", "--model", "nonsense"]).ends_saying(1, &["no network", "nonsense"]);
    xtask_in(here, &["analyze", "--checkpoint", "gone"]).ends_saying(1, &["cannot read", "gone"]);
    xtask_in(here, &["analyze", "--checkpoint", trained(), "--model", "resnet14-v1"])
        .ends_saying(1, &["trains resnet8-v2, not resnet14-v1"]);
}

/// Section 4.2: f = ReLU cuts some of the original unit's sums at any time, and nothing of a pre-activation
/// unit's; the share changes while the network trains.
#[test]
fn analyze_follows_a_run_and_shows_what_relu_cuts_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let original = ["--set", "model.name=resnet14-v1", "--keep", "2", "--out", "original"];
    xtask_in(here, &[&["train"], TINY, &original[..]].concat()).succeeds();
    let args = ["analyze", "--checkpoint", "original", "--against", trained(), "--images", "32", "--json"];
    let json = xtask_in(here, &args).object(&["data", "networks"]);
    let networks = json["networks"].as_array().expect("networks");
    let (original, proposed) = (cuts(&networks[0]), cuts(&networks[1]));
    // First weights, the checkpoint of the first epoch, the last: 10 steps each.
    let steps: Vec<u64> = networks[0]["points"]
        .as_array()
        .expect("moments")
        .iter()
        .filter_map(|point| point["step"].as_u64())
        .collect();
    assert_eq!(steps, [0, 10, 20]);
    for cut in &original {
        assert_eq!(cut.len(), 6);
        assert!(cut.iter().all(|share| *share > 0.5 && *share < 75.0), "{original:?}");
    }
    assert_ne!(original[0], original[2]);
    assert!(proposed.iter().all(Vec::is_empty), "{proposed:?}");
    let page = fs::read_to_string(here.join("analysis.html")).expect("a page");
    assert!(page.contains("while the network trains") && page.contains("after 20 steps"), "no course");

    // The last checkpoint says itself after which step it was written: a run that was stopped within its
    // second epoch has logged one.
    let metrics = here.join("original/metrics.jsonl");
    let text = fs::read_to_string(&metrics).expect("metrics");
    let logged =
        text.lines().filter(|line| !line.contains("\"train_loss\"") || line.contains("\"epoch\":1,"));
    fs::write(&metrics, logged.map(|line| format!("{line}\n")).collect::<String>()).expect("it is written");
    let args = ["analyze", "--checkpoint", "original", "--images", "2", "--json", "--out", "again.html"];
    let json = xtask_in(here, &args).object(&["data", "networks"]);
    assert_eq!(json["networks"][0]["points"][2]["step"], 20);
}

#[test]
fn analyze_preprocessing_tries_one_thing_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for split in ["train", "val"] {
        draw(&here.join("data").join(split), &[[200, 30, 30], [30, 30, 200]], 8);
    }
    xtask_in(here, &small("data", "run", &["--set", "train.duration=1 epochs"])).succeeds();
    let args = ["analyze", "preprocessing", "--checkpoint", "run", "--data", "data", "--json"];
    let keys =
        ["images", "accuracy", "reached", "expected", "unexplained", "uncertainty", "attributions", "trials"];
    let found = xtask_in(here, &args).object(&keys);
    assert_eq!(found["images"], 16);
    let trials = found["trials"].as_array().expect("trials");
    for axis in
        ["channels", "normalisation", "statistics", "crop", "interpolation", "antialiasing", "orientation"]
    {
        assert!(trials.iter().any(|trial| trial["axis"] == axis), "{axis} was not tried: {found}");
    }
    has_keys(&trials[0], &["axis", "to", "accuracy", "points", "is_beyond_luck"]);
    let text = xtask_in(here, &[&args[..6], &["--expected", "100"]].concat());
    assert!(text.succeeds().contains("test labels") && text.stdout.contains("16 images"), "{}", text.stdout);
    for wrong in ["0.917", "NaN", "101"] {
        xtask_in(here, &[&args[..6], &["--expected", wrong]].concat()).ends_saying(2, &["a percentage"]);
    }
    xtask_in(here, &args[..4]).ends_saying(2, &["--data"]);
    xtask_in(here, &[&args[..], &["--size", "64", "--resize", "8"]].concat()).ends_saying(1, &["crop of 64"]);
    // A broken image is refused, or left out where that is allowed.
    let whole = fs::read(here.join("data/val/class0/0.png")).expect("an image");
    fs::write(here.join("data/val/class0/cut.png"), &whole[..whole.len() / 2]).expect("a file");
    xtask_in(here, &args).ends_saying(1, &["class0/cut.png", "--skip-broken"]);
    let found = xtask_in(here, &[&args[..], &["--skip-broken", "10"]].concat()).object(&keys);
    assert_eq!(found["images"], 16);
}
