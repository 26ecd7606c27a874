//! Files that are no checkpoints, and bytes that nobody meant.

use std::io;

use proptest::prelude::*;

use super::*;
use crate::{Ignored, Precision, Taken};

fn bytes_of(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn tensor(dtype: &str, shape: &str, offsets: [usize; 2]) -> String {
    format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{},{}]}}"#, offsets[0], offsets[1])
}

fn parse_bytes(bytes: &[u8]) -> Result<Contents, Error> {
    parse(Path::new("folder/net.safetensors"), io::Cursor::new(bytes), bytes.len() as u64, &Weights::Usual)
}

#[test]
fn each_fault_is_named() {
    let one = |dtype, shape, offsets| format!(r#"{{"a":{}}}"#, tensor(dtype, shape, offsets));
    let two = |first, second| {
        format!(r#"{{"a":{},"b":{}}}"#, tensor("F32", "[1]", first), tensor("F32", "[1]", second))
    };
    let fits = one("F32", "[2]", [0, 8]);
    let deep = "[".repeat(100_000);
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "is empty"),
        (vec![1, 2, 3], "it has 3 bytes"),
        (b"PK\x03\x04\0\0\x08\x08\0\0 and so on".to_vec(), "as in a file cut short"),
        (b"PK\x03\x04".to_vec(), "as in a file cut short"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "its pickle ends too early"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(), "header should have"),
        (
            (1u64 << 60).to_le_bytes().to_vec(),
            "header should have 1152921504606846976 bytes, and only 0 follow",
        ),
        (u64::MAX.to_le_bytes().repeat(3), "only 16 follow"),
        (bytes_of("", 0), "cannot be understood"),
        (bytes_of("{]", 0), "cannot be understood"),
        (bytes_of(&deep, 0), "cannot be understood"),
        (bytes_of("{\"a\":1}", 0), "cannot be understood"),
        (bytes_of("{\"__metadata__\":{\"a\":1}}", 0), "cannot be understood"),
        (bytes_of(&one("F99", "[2]", [0, 8]), 8), "cannot be understood"),
        (bytes_of(&one("F32", "[-2]", [0, 8]), 8), "cannot be understood"),
        (bytes_of(&fits, 7), "is cut short"),
        (bytes_of(&fits, 0), "is cut short"),
        (bytes_of(&fits, 9), "1 bytes follow its last tensor"),
        (bytes_of(&one("F32", "[3]", [0, 8]), 8), "do not fill"),
        (bytes_of(&one("F32", "[2]", [8, 0]), 8), "overlaps"),
        (bytes_of(&one("F32", "[2]", [4, 12]), 12), "tensor a overlaps another one, or leaves a gap"),
        (bytes_of(&two([0, 4], [0, 4]), 4), "tensor b overlaps"),
        (bytes_of(&two([0, 4], [3, 7]), 7), "tensor b overlaps"),
        (bytes_of(&one("F32", "[4294967296,4294967296]", [0, 8]), 8), "larger than any memory"),
        (bytes_of(&one("F32", "[144115188075855872]", [0, 576460752303423488]), 8), "is cut short"),
        (bytes_of(&one("I64", "[1]", [0, 8]), 8), "tensor a is I64, like all others in it"),
        (bytes_of(&one("BOOL", "[8]", [0, 8]), 8), "tensor a is BOOL"),
        (bytes_of(&one("F8_E4M3", "[8]", [0, 8]), 8), "tensor a is F8_E4M3"),
    ];
    resnet_testing::table::run(&rows, |(bytes, expected)| match parse_bytes(bytes) {
        Ok(_) => Err("it was read".to_owned()),
        Err(error) => {
            let text = error.to_string();
            let fits = text.contains("folder/net.safetensors") && text.contains(expected) && text.len() < 400;
            if fits { Ok(()) } else { Err(text) }
        }
    });
}

#[test]
fn what_is_no_file_of_tensors_is_called_what_it_is() {
    let tar = |name: &[u8]| {
        let mut bytes = vec![0; 1024];
        bytes[..name.len()].copy_from_slice(name);
        bytes[257..262].copy_from_slice(b"ustar");
        bytes
    };
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0".to_vec(),
            "is a Git LFS pointer, not safetensors",
        ),
        (
            b"<!DOCTYPE html><html>".to_vec(),
            "is a web page or XML, not safetensors or a file of torch.save; download",
        ),
        (b"\n\n  <html lang=\"de\">Gr\xc3\xbc\xc3\x9fe".to_vec(), "a web page"),
        (b"\xef\xbb\xbf<?xml version=\"1.0\"?>".to_vec(), "a web page or XML"),
        (
            b"{\"error\":\"Repository not found\"}".to_vec(),
            "is JSON, such as a server's message or a config, not safetensors or a file of torch.save; give the folder",
        ),
        (b"Not Found".to_vec(), "is a text file"),
        ("Zugriff verweigert für alle".repeat(30).into_bytes(), "is a text file"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), "is a gzip archive"),
        (b"\x28\xb5\x2f\xfd\0\0".to_vec(), "is a Zstandard archive"),
        (tar(b"folder/net.pth"), "is a tar archive, not"),
        (tar(b"sys_info"), "is a tar archive of PyTorch's first versions"),
        (b"\x89HDF\r\n\x1a\n".to_vec(), "is an HDF5 file"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "is a PNG image"),
        (b"\x93NUMPY\x01\0".to_vec(), "is a NumPy array"),
        (b"\x80\x04\x95\x05\0\0\0\0\0\0\0}\x94.".to_vec(), "is a pickle that torch.save did not write"),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "net.safetensors"),
    ];
    resnet_testing::table::run(&rows, |(bytes, expected)| match parse_bytes(bytes) {
        Ok(_) => Err("it was read".to_owned()),
        Err(error) => {
            let text = error.to_string();
            if text.contains(expected) { Ok(()) } else { Err(text) }
        }
    });
}

#[test]
fn tensors_of_integers_are_left_out_beside_weights() {
    let header = format!(
        r#"{{"a":{},"b":{},"c":{}}}"#,
        tensor("I64", "[]", [0, 8]),
        tensor("F32", "[1]", [8, 12]),
        tensor("BOOL", "[2]", [12, 14])
    );
    let contents = parse_bytes(&bytes_of(&header, 14)).unwrap();
    assert_eq!(contents.tensors.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        contents.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a (I64)", "c (BOOL)"]
    );
}

#[test]
fn a_file_of_one_set_of_weights_has_no_other() {
    let bytes = bytes_of(&format!(r#"{{"a":{}}}"#, tensor("F32", "[1]", [0, 4])), 4);
    let read =
        |weights: Weights| parse(Path::new("f"), io::Cursor::new(&bytes), bytes.len() as u64, &weights);
    assert!(read(Weights::Trained).is_ok());
    let message = |weights| read(weights).unwrap_err().to_string();
    assert_eq!(message(Weights::Average), "f holds no averaged weights (EMA); it has one set of weights");
    assert!(message(Weights::Key("x".into())).contains("no weights under \"x\""));
}

#[test]
fn a_header_beyond_the_limit_is_not_parsed() {
    let bytes = bytes_of(&" ".repeat((64 << 20) + 1), 0);
    assert!(parse_bytes(&bytes).err().unwrap().to_string().contains("beyond any network here"));
}

#[test]
fn a_length_that_begins_like_a_pickle_is_one() {
    let header = format!("{:<640}", format!(r#"{{"a":{}}}"#, tensor("F32", "[1]", [0, 4])));
    let bytes = bytes_of(&header, 4);
    assert_eq!(bytes[..2], [0x80, 0x02]);
    assert_eq!(parse_bytes(&bytes).unwrap().tensors["a"].values, [0.0]);
}

#[test]
fn other_floats_become_f32_and_counters_are_passed_over() {
    let header = format!(
        r#"{{"__metadata__":{{"training_state":""}},"bf":{},"d":{},"h":{},"bn.num_batches_tracked":{},"optimizer.momentum.d":{},"s":{},"z":{}}}"#,
        tensor("BF16", "[2]", [0, 4]),
        tensor("F64", "[1]", [4, 12]),
        tensor("F16", "[1,2]", [12, 16]),
        tensor("I64", "[]", [16, 24]),
        tensor("F32", "[1]", [24, 28]),
        tensor("F32", "[]", [28, 32]),
        tensor("F32", "[0,1152921504606846976]", [32, 32]),
    );
    let mut bytes = bytes_of(&header, 0);
    bytes.extend([0x80, 0x3f, 0x20, 0xc0]); // 1, -2.5
    bytes.extend(0.1f64.to_le_bytes());
    bytes.extend([0x00, 0x3c, 0x00, 0xfc]); // 1, -inf
    bytes.extend(7i64.to_le_bytes());
    bytes.extend(9f32.to_le_bytes());
    bytes.extend(3f32.to_le_bytes());
    let contents = parse_bytes(&bytes).unwrap();
    let values = |name: &str| contents.tensors[name].values.clone();
    assert_eq!(values("bf"), [1.0, -2.5]);
    assert_eq!(values("d"), [0.1]);
    assert_eq!(values("h"), [1.0, f32::NEG_INFINITY]);
    assert_eq!(contents.tensors["h"].shape, [1, 2]);
    assert_eq!(values("s"), [3.0]);
    assert!(values("z").is_empty());
    assert_eq!(contents.tensors.len(), 5);
    assert_eq!(contents.ignored, Ignored { batch_counters: 1, optimizer: 1, other_weights: 0 });
    let expected = [(Precision::F16, 1), (Precision::Bf16, 1), (Precision::F64, 1)];
    assert_eq!(contents.converted, expected.into());
}

#[test]
fn a_file_that_grows_after_it_was_measured_is_damaged() {
    let whole = bytes_of(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4);
    for measured in [1, 7, 8, 20] {
        let read = parse(Path::new("f"), io::Cursor::new(&whole), measured, &Weights::Usual);
        assert!(matches!(read, Err(Error::Damaged { .. })), "{measured}: {read:?}");
    }
}

#[test]
fn a_trainings_state_is_passed_over_in_our_own_checkpoints_alone() {
    let names = ["ema.a", "optimizer.momentum.a", "accumulated.a", "a"];
    let contents = parse_bytes(&of_training("training_state", &names)).unwrap();
    assert_eq!(contents.tensors["a"].values, [3.0]);
    assert_eq!(contents.tensors.len(), 1);
    assert_eq!(contents.ignored, Ignored { batch_counters: 0, optimizer: 2, other_weights: 1 });
    let contents = parse_bytes(&of_training("format", &names)).unwrap();
    assert_eq!((contents.tensors.len(), contents.ignored), (4, Ignored::default()));
}

/// A file with the string `metadata` and these tensors, each of one number: 0, 1, 2, ...
fn of_training(metadata: &str, names: &[&str]) -> Vec<u8> {
    let tensors: Vec<String> = (0..)
        .zip(names)
        .map(|(i, name)| format!(r#""{name}":{}"#, tensor("F32", "[1]", [4 * i, 4 * i + 4])))
        .collect();
    let header = format!(r#"{{"__metadata__":{{"{metadata}":"{{}}"}},{}}}"#, tensors.join(","));
    let numbers = (0..names.len()).flat_map(|i| (i as f32).to_le_bytes());
    bytes_of(&header, 0).into_iter().chain(numbers).collect()
}

#[test]
fn the_averages_in_a_checkpoint_of_ours_are_weights_that_can_be_chosen() {
    let both = of_training("training_state", &["ema.a", "optimizer.momentum.a", "a"]);
    let read =
        |bytes: &[u8], weights| parse(Path::new("f"), io::Cursor::new(bytes), bytes.len() as u64, &weights);
    for (weights, first, key, other) in [
        (Weights::Usual, 2.0, "model", "ema"),
        (Weights::Trained, 2.0, "model", "ema"),
        (Weights::Average, 0.0, "ema", "model"),
        // By the keys that the message below offers.
        (Weights::Key("ema".into()), 0.0, "ema", "model"),
        (Weights::Key("model".into()), 2.0, "model", "ema"),
    ] {
        let contents = read(&both, weights).unwrap();
        assert_eq!(contents.tensors.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(contents.tensors["a"].values, [first]);
        assert_eq!(contents.taken, Taken { key: Some(key.to_owned()), others: vec![other.to_owned()] });
        assert_eq!(contents.ignored, Ignored { batch_counters: 0, optimizer: 1, other_weights: 1 });
    }
    let told = read(&both, Weights::Key("net".into())).unwrap_err().to_string();
    assert_eq!(told, "f holds no weights under \"net\"; it has model, ema");
    let one = of_training("training_state", &["optimizer.momentum.a", "a"]);
    assert_eq!(read(&one, Weights::Usual).unwrap().taken, Taken::default());
    assert_eq!(read(&one, Weights::Key("model".into())).unwrap().taken, Taken::default());
    let told = read(&one, Weights::Average).unwrap_err().to_string();
    assert_eq!(told, "f holds no averaged weights (EMA); it has one set of weights");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let metadata = BTreeMap::from([("note".to_owned(), " ".repeat(64 << 20))]);
    let shapes = BTreeMap::from([("a", &[1][..])]);
    let written = crate::write::<Error>(&file, &shapes, &metadata, |_| Ok(vec![0.0]));
    assert!(matches!(written, Err(Error::LongHeader { .. })), "{written:?}");
    assert!(!file.exists());
}

#[test]
fn tensors_that_changed_after_they_were_written_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let shapes = BTreeMap::from([("a", &[3][..]), ("optimizer.momentum.a", &[3])]);
    let metadata = [("training_state", "{}"), (keys::CHECKSUM, "of an older file")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    crate::write::<Error>(&file, &shapes, &metadata.into(), |_| Ok(vec![1.0, 2.0, 3.0])).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let contents = read(&file, &Weights::Usual).unwrap();
    assert_eq!(contents.metadata.keys().collect::<Vec<_>>(), ["training_state"]);
    assert_eq!(read_training(&file).unwrap().metadata, contents.metadata);

    // A bit of a weight, one of the optimizer's, and an end that the disk lost.
    let bit = |from_end: usize| {
        let mut bytes = whole.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    let mut zeroed = whole.clone();
    let kept = zeroed.len() - 5;
    zeroed[kept..].fill(0);
    for changed in [bit(24), bit(1), zeroed] {
        std::fs::write(&file, changed).unwrap();
        for error in [read(&file, &Weights::Usual).unwrap_err(), read_training(&file).unwrap_err()] {
            assert!(matches!(error, Error::Changed { .. }), "{error}");
            assert!(error.to_string().contains("net.safetensors is damaged: the checksum"), "{error}");
        }
    }
}

#[test]
fn numbers_that_change_while_they_are_written_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let shapes = BTreeMap::from([("a", &[1][..])]);
    let mut asked = 0.0;
    let written = crate::write::<Error>(&file, &shapes, &BTreeMap::new(), |_| {
        asked += 1.0;
        Ok(vec![asked])
    });
    assert!(written.unwrap_err().to_string().contains("changed while they were written"));
    assert!(!file.exists());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_bytes(&bytes);
    }

    #[test]
    fn no_header_panics(header in r#"(\{|\}|\[|\]|"a"|"__metadata__"|"dtype"|"shape"|"data_offsets"|"F32"|"F4"|:|,|[0-9]|18446744073709551615|-1){0,40}"#, data in 0usize..20) {
        let _ = parse_bytes(&bytes_of(&header, data));
    }

    #[test]
    fn no_shape_or_place_panics(shape in proptest::collection::vec(any::<usize>(), 0..4), from in any::<usize>(), to in any::<usize>(), data in 0usize..20, dtype in proptest::sample::select(&["F32", "F4", "F64", "I8"][..])) {
        let header = format!(r#"{{"a":{}}}"#, tensor(dtype, &format!("{shape:?}"), [from, to]));
        let _ = parse_bytes(&bytes_of(&header, data));
    }
}
