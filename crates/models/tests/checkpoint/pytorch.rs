//! Files that PyTorch wrote (pytorch/generate.py): read to the number, or refused with the reason; and
//! damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use resnet_models::Model;
use resnet_models::checkpoint::{self, Array, Checkpoint, Ignored, Policy, Precision, ReadOptions, Weights};
use resnet_ops::Mode;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoint/pytorch").join(name)
}

fn read(name: &str) -> Checkpoint {
    checkpoint::read(file(name)).unwrap()
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
    for file in ["views.pth", "old-views.pth"] {
        let read = read(file);
        resnet_testing::table::run(&expected, |(name, expected)| match read.tensors.get(*name) {
            Some(found) if found == expected => Ok(()),
            other => Err(format!("{file}: {other:?}")),
        });
        assert_eq!(read.tensors.len(), expected.len());
        assert_eq!(read.ignored, Ignored { batch_counters: 1, ..Ignored::default() });
        let converted = [(Precision::F16, 1), (Precision::Bf16, 1), (Precision::F64, 1)];
        assert_eq!(read.converted, converted.into());
    }
}

/// Files that hold `weight` of generate.py among other things.
const SAME_WEIGHTS: [&str; 16] = [
    "training.pth",
    "own-key.pth",
    "deflated.pth",
    "protocol-1.pth",
    "protocol-3.pth",
    "protocol-4.pth",
    "protocol-5.pth",
    "old.pth",
    "old-protocol-1.pth",
    "old-protocol-3.pth",
    "old-protocol-4.pth",
    "old-protocol-5.pth",
    "arguments.pth",
    "hostile.pth",
    "everything.pth",
    "old-everything.pth",
];

#[test]
fn weights_are_found_among_whatever_a_training_keeps_in_every_layout_and_protocol() {
    resnet_testing::table::run(&SAME_WEIGHTS, |name| {
        let read = checkpoint::read(file(name)).map_err(|error| error.to_string())?;
        assert_eq!(read.naming.prefix, "module.");
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["fc.bias", "fc.weight"]);
        assert_eq!(read.tensors["fc.weight"], count(&[2, 3]));
        assert_eq!(read.tensors["fc.bias"], count(&[2]));
        assert!(read.taken.others.is_empty(), "{:?}", read.taken);
        Ok(())
    });
    let tuple = read("tuple.pth");
    assert_eq!((tuple.taken.key.as_deref(), &tuple.tensors["fc.weight"]), (Some("0"), &count(&[2, 3])));
}

#[test]
fn parameters_buffers_and_tensors_with_attributes_are_tensors() {
    let parameters = read("parameters.pth");
    assert_eq!(parameters.tensors["0.weight"], count(&[2, 3]));
    assert_eq!(parameters.tensors["1.running_var"], array(&[2], &[1.0, 1.0]));
    assert_eq!(parameters.ignored.batch_counters, 1);
    let attributes = read("attributes.pth");
    for name in ["attributed", "tagged", "buffer"] {
        assert_eq!(attributes.tensors[name], count(&[2]), "{name}");
    }
}

#[test]
fn whole_modules_have_the_names_of_their_state_dict() {
    let names = ["0.bias", "0.weight", "1.bias", "1.running_mean", "1.running_var", "1.weight"];
    // The second one is in DataParallel, and in a dictionary.
    for (name, prefix, key) in [("module.pth", "", None), ("old-module.pth", "module.", Some("model"))] {
        let read = read(name);
        assert_eq!((read.naming.prefix.as_str(), read.taken.key.as_deref()), (prefix, key));
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), names, "{name}: without the transient buffer");
        assert_eq!((&read.tensors["0.weight"], &read.tensors["0.bias"]), (&count(&[2, 3]), &count(&[2])));
        assert_eq!(read.ignored.batch_counters, 1);
    }
}

#[test]
fn files_of_python_2_and_the_first_pytorch_are_read() {
    let read = read("ancient.pth");
    let expected = array(&[2, 2], &[2.0, 3.0, 4.0, 5.0]);
    assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["called", "parameter"]);
    assert!(read.tensors.values().all(|tensor| *tensor == expected), "{:?}", read.tensors);
}

#[test]
fn tensors_that_no_weights_can_be_are_told_and_left_out() {
    let read = read("strange.pth");
    assert_eq!(read.tensors.into_iter().collect::<Vec<_>>(), [("weight".to_owned(), count(&[2]))]);
    let left: Vec<String> = read.left_out.iter().map(ToString::to_string).collect();
    let expected = [
        "long (I64)",
        "bool (BOOL)",
        "complex (C64)",
        "float8 (F8_E4M3)",
        "uint16 (U16)",
        "sparse (sparse)",
        "quantized (quantized)",
        "meta (of a kind without numbers of its own)",
    ];
    assert_eq!(left, expected);
}

#[test]
fn an_averaged_model_is_read_without_its_counter() {
    let read = read("averaged.pth");
    assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["bias", "weight"]);
    assert_eq!(read.naming.prefix, "module.");
    assert_eq!(read.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(), ["n_averaged (I64)"]);
}

#[test]
fn of_several_state_dicts_timms_is_taken_or_the_one_asked_for() {
    use Weights::{Average, Key, Trained, Usual};
    let key = |key: &str| Key(key.to_owned());
    let below = "checkpoint.params_ema";
    // File, what is asked for, its key, the first number of its weights (those of the average are 100
    // higher).
    let rows: Vec<(&str, Weights, &str, f32)> = vec![
        ("ema.pth", Usual, "state_dict_ema", 100.0),
        ("ema.pth", Average, "state_dict_ema", 100.0),
        ("ema.pth", Trained, "state_dict", 0.0),
        ("ema.pth", key("state_dict"), "state_dict", 0.0),
        ("ema-not-timms.pth", Usual, "model", 0.0),
        ("ema-not-timms.pth", Average, "ema", 100.0),
        ("ema-not-timms.pth", Trained, "model", 0.0),
        ("ema-below.pth", Usual, below, 100.0),
        ("ema-below.pth", Average, below, 100.0),
        ("ema-below.pth", Trained, "checkpoint.params", 0.0),
        ("ema-below.pth", key("checkpoint.params"), "checkpoint.params", 0.0),
        ("ema-below.pth", key("checkpoint"), below, 100.0),
        ("two-keys.pth", Usual, "ema", 100.0),
        ("two-keys.pth", Trained, "raw", 0.0),
        ("two-equals.pth", key("teacher"), "teacher", 100.0),
        ("training.pth", Trained, "state_dict", 0.0),
    ];
    resnet_testing::table::run(&rows, |(name, weights, key, first)| {
        let options = ReadOptions { weights: weights.clone(), ..ReadOptions::default() };
        let read = checkpoint::read_with(file(name), &options).map_err(|error| error.to_string())?;
        let found = (read.taken.key.as_deref(), read.tensors["fc.weight"].values[0]);
        if found == (Some(key), *first) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    assert_eq!(read("ema.pth").taken.others, ["state_dict"]);
    assert_eq!(read("ema-below.pth").taken.others, ["checkpoint.params"]);
}

/// An averaged, wrapped network beside a scheduler, in a file that was compressed since.
#[test]
fn a_network_of_pytorch_gives_pytorchs_logits() {
    // Printed by generate.py, in f64.
    let expected = [
        0.5458637720510247,
        3.712360843017558,
        4.395567745140614,
        4.230914068642537,
        1.1220132818155633,
        5.280995573196708,
        4.310733488290854,
        -4.083411610218404,
        5.2368392437867275,
        7.031028032811088,
    ];
    let read = read("network.pth");
    assert_eq!(read.naming.prefix, "module.net.");
    assert_eq!(read.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(), ["n_averaged (I64)"]);
    let spec = read.infer_spec().unwrap();
    assert_eq!((spec.name.as_str(), spec.classes), ("resnet8-v1-b", 10));
    let model = Model::init(&spec, 0).unwrap();
    read.load_into(&model, Policy::STRICT).unwrap();
    let image: Vec<f32> = (0..3 * 32 * 32).map(|i| (i * 37 % 256) as f32 / 255.0).collect();
    let image = Tensor::from_vec(image, (1, 3, 32, 32), &Device::Cpu).unwrap();
    let logits = model.forward(&image, Mode::Eval).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    resnet_testing::compare(&logits, &expected, 1e-5, 1e-5).unwrap();
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
        (
            "integers.pth",
            Weights::Usual,
            "tensor weight is I32, like all others in it, and weights must be F32",
        ),
        (
            "two-equals.pth",
            Weights::Usual,
            "several dictionaries of tensors: student, teacher; say which one",
        ),
        ("training.pth", Weights::Average, "holds no averaged weights (EMA); it has state_dict"),
        ("views.pth", Weights::Average, "holds no averaged weights (EMA); it has one set of weights"),
        (
            "ema.pth",
            Weights::Key("model".into()),
            "no weights under \"model\"; it has state_dict, state_dict_ema",
        ),
        (
            "ema-below.pth",
            Weights::Key("x".into()),
            "it has checkpoint, checkpoint.params, checkpoint.params_ema",
        ),
    ];
    resnet_testing::table::run(&rows, |(name, weights, expected)| {
        let options = ReadOptions { weights: weights.clone(), ..ReadOptions::default() };
        let message = checkpoint::read_with(file(name), &options).err().ok_or("it was read")?.to_string();
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
    fn a_cut_file_is_refused(cut in 0.0..1.0f64, which in 0..3usize) {
        let whole = fs::read(file(["views.pth", "old-views.pth", "deflated.pth"][which])).unwrap();
        let error = message(&whole[..(whole.len() as f64 * cut) as usize]);
        prop_assert!(error.is_some_and(|error| error.contains("net.pth")));
    }

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..6), which in 0..6usize) {
        let files = ["views.pth", "training.pth", "old-views.pth", "old-everything.pth", "deflated.pth", "module.pth"];
        let mut bytes = fs::read(file(files[which])).unwrap();
        for (place, with) in changes {
            let at = (bytes.len() as f64 * place) as usize;
            bytes[at] = with;
        }
        let _ = message(&bytes);
    }
}
