//! Real images and real checkpoints, where they are: `RESNET_TEST_DATA` names the folder that `prepare.py`
//! wrote, and the checkpoints lie in `../shared/checkpoints`. Skipped elsewhere.

use resnet_testing::data;

use crate::common::{xtask, xtask_in};

const MEAN: [&str; 4] = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"];

/// The folder of the images and a checkpoint, or nothing, which is recorded as a skipped test.
#[track_caller]
fn given(checkpoint: &str) -> Option<(String, String)> {
    let text = |path: std::path::PathBuf| path.into_os_string().into_string().expect("a path in UTF-8");
    Some((text(data::cifar10()?), text(data::checkpoint(checkpoint)?)))
}

#[test]
fn published_weights_score_as_in_pytorch() {
    let rows = [
        ("resnet20-cifar10.safetensors", "resnet20-v1", 8103, 9872, 0.87880),
        ("resnet32-cifar10.safetensors", "resnet32-v1", 8256, 9900, 0.92271),
    ];
    for (file, model, top1, top5, loss) in rows {
        let Some((data, file)) = given(file) else { return };
        let args = [&["eval", "--json", "--checkpoint", &file, "--data", &data][..], &MEAN].concat();
        let outcome = xtask(&args);
        let result: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
        assert_eq!(result["model"], model);
        let near = |key: &str, expected: u64| {
            result[key].as_u64().is_some_and(|found| found.abs_diff(expected) <= 2)
        };
        assert!(near("top1_correct", top1) && near("top5_correct", top5), "{result}");
        assert!((result["loss"].as_f64().expect("a number") - loss).abs() <= 1e-4, "{result}");
    }
}

#[test]
fn published_weights_give_pytorchs_logits() {
    let rows = [
        (
            "resnet20-cifar10.safetensors",
            [-7.2403, -4.53087, -0.7733, 9.55583, 2.99745, -0.96617, -2.01714, 8.92208, -4.37757, -1.62573],
        ),
        (
            "resnet32-cifar10.safetensors",
            [-3.88809, -5.36176, -3.7926, 14.15457, 1.06863, 4.48082, 1.7039, 3.21507, -6.56817, -5.00575],
        ),
    ];
    for (file, expected) in rows {
        let Some((data, file)) = given(file) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let data = resnet_data::open_cifar(data, None).expect("CIFAR-10");
        let pixels = data.test.read().image(0);
        let pixel = |x: u32, y: u32| image::Rgb([0, 1, 2].map(|c| pixels[c * 1024 + (y * 32 + x) as usize]));
        image::RgbImage::from_fn(32, 32, pixel)
            .save(folder.path().join("first.png"))
            .expect("an image is written");

        let args =
            [&["predict", "--json", "--logits", "--checkpoint", &file, "first.png"][..], &MEAN].concat();
        let outcome = xtask_in(folder.path(), &args);
        let result: serde_json::Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
        assert_eq!(result["top"][0]["name"], "cat");
        for (class, expected) in expected.iter().enumerate() {
            let found = result["logits"][class].as_f64().expect("a number");
            assert!((found - expected).abs() <= 1e-3, "{file}: class {class}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_checkpoint_without_metadata_says_what_is_assumed() {
    let Some((_, file)) = given("resnet20-cifar10.safetensors") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    crate::common::image(&folder.path().join("a.png"));
    let outcome = xtask_in(folder.path(), &["predict", "--checkpoint", &file, "a.png"]);
    outcome.succeeds();
    for words in [
        "assuming mean 0.4914,0.4822,0.4465 and std",
        "those of CIFAR-10",
        "give --mean and --std",
        "does not name its 10 classes",
    ] {
        assert!(outcome.stderr.contains(words), "{words}\n{}", outcome.stderr);
    }
    xtask(&["eval", "--checkpoint", &file]).ends_saying(2, &["give --data DIR"]);
}
