//! Files that PyTorch wrote (pytorch/generate.py): read to the number, or refused with the reason; and
//! damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use resnet_models::checkpoint::{self, Array, Checkpoint, Ignored, Precision};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoint/pytorch").join(name)
}

fn read(name: &str) -> Checkpoint {
    checkpoint::read(&file(name)).unwrap()
}

/// 0, 1, 2, ... in this shape.
fn count(shape: &[usize]) -> Array {
    Array { shape: shape.to_vec(), values: (0..shape.iter().product()).map(|i: usize| i as f32).collect() }
}

fn array(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: values.to_vec() }
}

#[test]
fn views_of_storages_are_read_as_pytorch_sees_them() {
    let read = read("views.pth");
    let transposed: Vec<f32> = (0..24).map(|i| (i % 4 * 6 + i / 4) as f32).collect();
    let expected = [
        ("plain", count(&[2, 3, 2])),
        ("half", count(&[3])),
        ("bfloat", count(&[3])),
        ("double", count(&[3])),
        ("transposed", array(&[6, 4], &transposed)),
        ("channels_last", count(&[2, 3, 2, 2])),
        ("part", array(&[2, 3], &[8.0, 9.0, 10.0, 14.0, 15.0, 16.0])),
        ("expanded", array(&[2, 3], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0])),
        ("scalar", array(&[], &[7.0])),
        ("none", array(&[0, 4], &[])),
        ("one", count(&[5])),
        ("same", count(&[5])),
    ];
    resnet_testing::table::run(&expected, |(name, expected)| match read.tensors.get(*name) {
        Some(found) if found == expected => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(read.tensors.len(), expected.len());
    assert_eq!(read.ignored, Ignored { batch_counters: 1, optimizer: 0 });
    let converted = [(Precision::F16, 1), (Precision::Bf16, 1), (Precision::F64, 1)];
    assert_eq!(read.converted, converted.into());
}

#[test]
fn weights_are_found_among_what_a_training_keeps() {
    for name in ["training.pth", "own-key.pth"] {
        let read = read(name);
        assert_eq!(read.naming.prefix, "module.", "{name}");
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["fc.bias", "fc.weight"], "{name}");
        assert_eq!(read.tensors["fc.weight"], count(&[2, 3]), "{name}");
    }
    let parameters = read("parameters.pth");
    assert_eq!(parameters.tensors["0.weight"].shape, [2, 3]);
    assert_eq!(parameters.tensors["1.running_var"], array(&[2], &[1.0, 1.0]));
    assert_eq!(parameters.ignored.batch_counters, 1);
}

#[test]
fn numbers_that_are_not_finite_are_counted() {
    let read = read("not-finite.pth");
    assert_eq!(read.non_finite.iter().map(ToString::to_string).collect::<Vec<_>>(), ["weight (2)"]);
    assert_eq!(read.tensors["weight"].values[0], 1.0);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let rows = [
        ("integers.pth", "tensor weight is I32, and weights must be F32, F16, BF16 or F64"),
        ("arguments.pth", "asks for argparse.Namespace"),
        ("module.pth", "asks for torch.nn.modules.container.Sequential"),
        ("hostile.pth", "asks for posix.system"),
        ("protocol-4.pth", "protocol 4, not 2"),
        ("two-keys.pth", "several dictionaries of tensors (ema, raw)"),
        (
            "old.pth",
            "before PyTorch 1.6, and neither safetensors nor of a newer torch.save; load it in a newer PyTorch",
        ),
    ];
    resnet_testing::table::run(&rows, |(name, expected)| {
        let message = checkpoint::read(&file(name)).err().ok_or("it was read")?.to_string();
        if message.contains(name) && message.contains(expected) { Ok(()) } else { Err(message) }
    });
}

/// The message about `bytes` in a file.
fn message(bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    fs::write(&path, bytes).unwrap();
    checkpoint::read(&path).err().map(|error| error.to_string())
}

#[test]
fn a_changed_number_is_noticed() {
    let mut bytes = fs::read(file("training.pth")).unwrap();
    let number = 5f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == number).expect("the last weight");
    bytes[at] ^= 1;
    assert!(message(&bytes).unwrap().contains("the checksum of its record"), "{:?}", message(&bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_cut_file_is_refused(cut in 0.0..1.0f64) {
        let whole = fs::read(file("views.pth")).unwrap();
        let error = message(&whole[..(whole.len() as f64 * cut) as usize]);
        prop_assert!(error.is_some_and(|error| error.contains("net.pth")));
    }

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..6), which in 0..2usize) {
        let mut bytes = fs::read(file(["views.pth", "training.pth"][which])).unwrap();
        for (place, with) in changes {
            let at = (bytes.len() as f64 * place) as usize;
            bytes[at] = with;
        }
        let _ = message(&bytes);
    }
}
