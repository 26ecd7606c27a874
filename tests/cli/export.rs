//! What we export, PyTorch loads strictly and computes the same with: `tests/export_roundtrip.py`, where Python has torch.
//!
//! `RESNET_PYTHON` names the Python to ask; `python3` otherwise.

use std::fs;
use std::path::Path;
use std::process::Command;

use candle_core::{Device, Tensor};
use resnet_models::{Model, checkpoint};
use resnet_ops::Mode;

use crate::common::{root, trained, xtask_in};

/// Images of the batch.
const IMAGES: usize = 4;
/// The script's exit code where there is no PyTorch.
const NO_TORCH: i32 = 77;

/// The batch of tests/goldens/recipe.py: splitmix64 of the name's hash, as numbers in [-1, 1).
fn batch() -> Vec<f32> {
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
    (1..=(IMAGES * 3 * 32 * 32) as u64).map(value).collect()
}

/// The logits of the batch by the network in `file`.
fn logits(file: &Path) -> Vec<Vec<f32>> {
    let checkpoint = checkpoint::read(file).expect("a checkpoint");
    let model = Model::init(&checkpoint.infer_spec().expect("a network"), 0).expect("a model");
    checkpoint.load_into(&model, checkpoint::Policy::STRICT).expect("it fits");
    let images = Tensor::from_vec(batch(), (IMAGES, 3, 32, 32), &Device::Cpu).expect("a tensor");
    model.forward(&images, Mode::Eval).and_then(|logits| logits.to_vec2()).expect("logits")
}

#[test]
fn pytorch_loads_a_trained_network_and_gets_its_logits() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    xtask_in(here, &["export", "--checkpoint", trained(), "--out", "net.safetensors"]).succeeds();
    let logits = logits(&here.join("net.safetensors"));
    let json = serde_json::json!({ "input": [IMAGES, 3, 32, 32], "logits": logits });
    fs::write(here.join("logits.json"), json.to_string()).expect("it is written");

    let python = std::env::var("RESNET_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = root().join("tests/export_roundtrip.py");
    let asked = Command::new(&python)
        .arg(script)
        .args(["net.safetensors", "resnet8-v2", "logits.json"])
        .current_dir(here)
        .output();
    let output = match asked {
        Ok(output) => output,
        Err(error) => {
            eprintln!(
                "skipped: {python} cannot be started ({error}); RESNET_PYTHON names a Python with torch and numpy"
            );
            return;
        }
    };
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(NO_TORCH) => eprintln!("skipped: {}; RESNET_PYTHON names another Python", told.trim()),
        code => assert_eq!(code, Some(0), "{told}"),
    }
}
