//! Names that others use, through a file.

use resnet_models::checkpoint::{self, Choice, Dialect, Metadata, Policy};

use crate::{bits, model, save_renamed};

#[test]
fn wrappers_and_dialects_are_understood_unasked() {
    let akamaster = |name: &str| name.replace("fc.", "linear.").replace(".downsample.", ".shortcut.");
    let rows = [
        ("", Dialect::Torchvision),
        ("module.", Dialect::Akamaster),
        ("_orig_mod.module.", Dialect::Akamaster),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let from = model("resnet20-v1-b", 10, 1);
    resnet_testing::table::run(&rows, |(prefix, dialect)| {
        save_renamed(&file, &from, |name| {
            let name = if *dialect == Dialect::Akamaster { akamaster(name) } else { name.to_owned() };
            Some(format!("{prefix}{name}"))
        });
        let read = checkpoint::read(&file).map_err(|error| error.to_string())?;
        let naming = &read.naming;
        assert_eq!(
            (naming.dialect, naming.choice, naming.prefix.as_str()),
            (*dialect, Choice::Detected, *prefix)
        );
        assert_eq!(read.infer_spec().unwrap(), *from.spec());
        let into = model("resnet20-v1-b", 10, 2);
        read.load_into(&into, Policy::STRICT).map_err(|error| error.to_string())?;
        assert_eq!(bits(&into), bits(&from));
        Ok(())
    });
}

#[test]
fn a_dialect_that_is_given_is_not_detected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    save_renamed(&file, &model("resnet20-v1", 10, 1), |name| Some(name.replace("fc.", "linear.")));
    let read = checkpoint::read_as(&file, Dialect::Torchvision).unwrap();
    let error = read.load_into(&model("resnet20-v1", 10, 2), Policy::STRICT).unwrap_err();
    assert!(error.to_string().contains("linear.weight"), "{error}");
}

#[test]
fn what_is_exported_in_a_dialect_has_its_names_and_reads_back() {
    let rows = [
        ("resnet20-v1-b", Dialect::Torchvision, "layer2.0.downsample.0.weight"),
        ("resnet20-v1-b", Dialect::Akamaster, "layer2.0.shortcut.0.weight"),
        (
            "resnet18",
            Dialect::Transformers,
            "resnet.encoder.stages.1.layers.0.shortcut.normalization.running_var",
        ),
        ("resnet18d", Dialect::Timm, "layer2.0.downsample.2.running_var"),
        ("resnetv2_18d", Dialect::Timm, "stages.1.blocks.0.downsample.conv.weight"),
    ];
    resnet_testing::table::run(&rows, |(name, dialect, expected)| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("net.safetensors");
        let from = model(name, 10, 1);
        checkpoint::export(&file, &from, &Metadata::default(), *dialect)
            .map_err(|error| error.to_string())?;
        let bytes = std::fs::read(&file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        if tensors.tensor(expected).is_err() {
            return Err(format!("it has no {expected}"));
        }
        let read = checkpoint::read(&file).map_err(|error| error.to_string())?;
        let spec = read.infer_spec().map_err(|error| error.to_string())?;
        assert_eq!(spec, *from.spec());
        let into = model(name, 10, 2);
        read.load_into(&into, Policy::STRICT).map_err(|error| error.to_string())?;
        if bits(&into) == bits(&from) { Ok(()) } else { Err("other bits".to_owned()) }
    });
}
