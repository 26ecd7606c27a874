//! Files on disk that are cut, changed or something else: an error that names them, no panic, no change of
//! the model.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use candle_core::{Device, Tensor, Var};
use proptest::prelude::*;
use resnet_models::Model;
use resnet_models::checkpoint::{self, Metadata, Policy};

use crate::{bits, model};

/// A small file: the head and the stem of a network.
fn small(path: &Path) -> Vec<u8> {
    let variable = |value: f32, shape: &[usize]| {
        Var::from_tensor(&Tensor::full(value, shape, &Device::Cpu).unwrap()).unwrap()
    };
    let variables = [
        ("fc.bias".to_owned(), variable(1.0, &[2])),
        ("fc.weight".to_owned(), variable(2.0, &[2, 64])),
        ("conv1.weight".to_owned(), variable(3.0, &[16, 3, 3, 3])),
    ];
    let metadata = Metadata { model: Some("resnet8-v1".into()), ..Metadata::default() };
    checkpoint::save(path, &variables.into(), &metadata).unwrap();
    fs::read(path).unwrap()
}

/// A model that every case may try to load into, and its bits.
fn target() -> &'static (Model, std::collections::BTreeMap<String, Vec<u32>>) {
    static TARGET: OnceLock<(Model, std::collections::BTreeMap<String, Vec<u32>>)> = OnceLock::new();
    TARGET.get_or_init(|| {
        let model = model("resnet8-v1", 2, 1);
        let bits = bits(&model);
        (model, bits)
    })
}

/// Does all that a command does with a file that lacks most of a network.
fn try_everything(path: &Path) -> Result<(), TestCaseError> {
    if let Ok(read) = checkpoint::read(path) {
        let _ = read.metadata();
        let _ = read.infer_spec().map(|spec| format!("{spec:?}"));
        let (model, before) = target();
        let refused = read.load_into(model, Policy::STRICT);
        prop_assert!(refused.is_err());
        prop_assert!(refused.unwrap_err().to_string().len() < 8000);
        prop_assert!(bits(model) == *before);
        let _ = read.compare(model).to_string();
    }
    Ok(())
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| checkpoint::read(path).unwrap_err().to_string();
    assert!(message(folder.path()).contains("is not a file"));
    let gone = folder.path().join("gone.safetensors");
    assert!(
        message(&gone).contains("cannot read the checkpoint") && message(&gone).contains("gone.safetensors")
    );
    let empty = folder.path().join("empty.safetensors");
    fs::write(&empty, "").unwrap();
    assert!(message(&empty).contains("empty.safetensors is empty"));
}

/// A few kilobytes of names without numbers: the network that they claim is 936 million numbers large.
#[test]
fn a_network_is_not_built_for_a_file_without_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let empty = |shape: &[usize]| Var::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
    let mut variables: std::collections::BTreeMap<String, Var> =
        (0..100).map(|i| (format!("norm{i}.weight"), empty(&[0]))).collect();
    variables.insert("head.fc.weight".to_owned(), empty(&[10, 64, 1, 1]));
    let metadata = Metadata { model: Some("resnetv2_152x4_bit".into()), ..Metadata::default() };
    checkpoint::save(&file, &variables, &metadata).unwrap();
    let error = checkpoint::read(&file).unwrap().infer_spec().unwrap_err().to_string();
    assert!(error.contains("net.safetensors") && error.contains("and it has 640"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_cut_file_is_refused(cut in 0.0..1.0f64) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.safetensors");
        let whole = small(&file);
        fs::write(&file, &whole[..(whole.len() as f64 * cut) as usize]).unwrap();
        let error = checkpoint::read(&file).unwrap_err().to_string();
        prop_assert!(error.contains("net.safetensors"), "{}", error);
    }

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..6), header_only in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.safetensors");
        let mut bytes = small(&file);
        let end = if header_only { 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize } else { bytes.len() };
        for (place, with) in changes {
            bytes[(end as f64 * place) as usize] = with;
        }
        fs::write(&file, &bytes).unwrap();
        try_everything(&file)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.safetensors");
        fs::write(&file, &bytes).unwrap();
        try_everything(&file)?;
    }
}
