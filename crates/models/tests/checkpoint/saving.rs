//! What is written reads back to the bit, twice the same, and never in part.

use std::fs;

use resnet_models::Model;
use resnet_models::checkpoint::{self, Dialect, Error, Metadata, Policy, Preprocessing, Resampling};

use crate::{bits, model};

fn metadata(name: &str) -> Metadata {
    Metadata {
        model: Some(name.into()),
        classes: Some((0..7).map(|class| format!("class \"{class}\"")).collect()),
        preprocessing: Some(Preprocessing {
            input: [3, 32, 32],
            resize: 36,
            interpolation: Resampling::Bicubic,
            crop: 32,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }),
        recipe: Some("epochs = 3\n".into()),
        metrics: Some("{\"top1\": 91.5}".into()),
        ..Metadata::default()
    }
}

#[test]
fn there_and_back_to_the_bit() {
    let names = ["resnet20-v1", "resnet20-v1-b", "resnet20-v2", "resnet29-v2", "resnet20-v2-bottleneck-a"];
    resnet_testing::table::run(&names, |name| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.safetensors");
        let from = model(name, 7, 1);
        let saved = checkpoint::export(&file, &from, &metadata(name), Dialect::Native).unwrap();
        assert_eq!(saved.bytes, fs::metadata(&file).unwrap().len());
        assert!(saved.non_finite.is_empty());

        let read = checkpoint::read(&file).map_err(|error| error.to_string())?;
        let understood = read.metadata().unwrap();
        assert_eq!(Metadata { producer: None, ..understood }, metadata(name));
        assert_eq!(read.infer_spec().unwrap(), *from.spec());
        let into = Model::init(&read.infer_spec().unwrap(), 2).unwrap();
        assert_ne!(bits(&into), bits(&from));
        let report = read.load_into(&into, Policy::STRICT).map_err(|error| error.to_string())?;
        assert_eq!((report.matched, report.is_complete()), (saved.tensors, true));
        if bits(&into) == bits(&from) { Ok(()) } else { Err("other bits".into()) }
    });
}

#[test]
fn the_same_weights_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let file = folder.path().join(name);
        checkpoint::save(&file, model("resnet20-v2", 7, 3).variables(), &metadata("resnet20-v2")).unwrap();
        fs::read(file).unwrap()
    };
    let first = write("a");
    assert_eq!(first, write("b"));
    let header = u64::from_le_bytes(*first.first_chunk().unwrap());
    assert_eq!(header % 8, 0, "tensors are aligned");
}

#[test]
fn the_safetensors_crate_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let from = model("resnet20-v2", 7, 1);
    checkpoint::save(&file, from.variables(), &metadata("resnet20-v2")).unwrap();
    let bytes = fs::read(file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), from.variables().len());
    for (name, variable) in from.variables() {
        assert_eq!(tensors.tensor(name).unwrap().shape(), variable.dims(), "{name}");
    }
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
}

#[test]
fn an_existing_file_is_replaced_whole_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    fs::write(&file, "old").unwrap();
    checkpoint::save(&file, model("resnet20-v1", 7, 1).variables(), &Metadata::default()).unwrap();
    assert!(checkpoint::read(&file).is_ok());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_written_is_named_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let from = model("resnet20-v2", 7, 1);
    let gone = folder.path().join("gone/net.safetensors");
    let error = checkpoint::save(&gone, from.variables(), &Metadata::default()).unwrap_err();
    assert!(error.to_string().contains("gone/net.safetensors"), "{error}");

    let error = checkpoint::save(folder.path(), from.variables(), &Metadata::default()).unwrap_err();
    assert!(matches!(error, Error::File(resnet_checkpoint::Error::Write { .. })), "{error}");

    let file = folder.path().join("net.safetensors");
    let error = checkpoint::export(&file, &from, &Metadata::default(), Dialect::Torchvision).unwrap_err();
    assert!(error.to_string().contains("torchvision has no pre-activation network"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn numbers_that_are_not_finite_are_written_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let from = model("resnet20-v2", 7, 1);
    let bad = candle_core::Tensor::new(
        &[f32::NAN, f32::INFINITY, 0.0, 1.0, 2.0, 3.0, f32::NAN],
        &candle_core::Device::Cpu,
    );
    from.variables()["head.fc.bias"].set(&bad.unwrap()).unwrap();
    let saved = checkpoint::save(&file, from.variables(), &Metadata::default()).unwrap();
    assert_eq!(saved.non_finite.len(), 1);
    assert_eq!(saved.non_finite[0].count, 3);

    let into = model("resnet20-v2", 7, 2);
    let report = checkpoint::read(&file).unwrap().load_into(&into, Policy::STRICT).unwrap();
    assert_eq!(report.non_finite, saved.non_finite);
    assert!(report.to_string().contains("warning, NaN or infinite numbers in: head.fc.bias (3)"), "{report}");
    assert_eq!(bits(&into), bits(&from));
}
