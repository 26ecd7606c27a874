//! Names that others use, through a file.

use resnet_models::checkpoint::{self, Choice, Dialect, Metadata, Policy, ReadOptions, Rule};

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
    let options = ReadOptions { dialect: Some(Dialect::Torchvision), ..ReadOptions::default() };
    let read = checkpoint::read_with(&file, &options).unwrap();
    let error = read.load_into(&model("resnet20-v1", 10, 2), Policy::STRICT).unwrap_err();
    assert!(error.to_string().contains("linear.weight"), "{error}");
}

#[test]
fn a_network_behind_any_prefix_is_recognised_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    for name in ["resnet20-v1-b", "resnet20-v2"] {
        let from = model(name, 10, 1);
        let rows = ["net.", "module.model.", "encoder.", "backbone.", "my.own_", "0."];
        resnet_testing::table::run(&rows, |prefix| {
            let prefix = format!("{}.", prefix.trim_end_matches('.'));
            // The head lies outside of what is wrapped, as where a backbone is a part.
            let head = if name == "resnet20-v2" { "head.fc" } else { "fc" };
            save_renamed(&file, &from, |name| match name.starts_with(head) {
                true => Some(name.to_owned()),
                false => Some(format!("{prefix}{name}")),
            });
            let read = checkpoint::read(&file).map_err(|error| error.to_string())?;
            assert_eq!(read.naming.prefix, prefix);
            assert_eq!(read.infer_spec().map_err(|error| error.to_string())?, *from.spec());
            let into = model(name, 10, 2);
            read.load_into(&into, Policy::STRICT).map_err(|error| error.to_string())?;
            if bits(&into) == bits(&from) { Ok(()) } else { Err("other bits".to_owned()) }
        });
    }
}

#[test]
fn of_two_networks_in_a_file_the_one_behind_the_given_prefix_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let (online, target) = (model("resnet8-v1", 2, 1), model("resnet8-v1", 2, 2));
    let behind = |prefix: &str, model: &resnet_models::Model| -> Vec<_> {
        let variables = model.variables().iter();
        variables.map(|(name, variable)| (format!("{prefix}{name}"), variable.clone())).collect()
    };
    let both = [behind("online.", &online), behind("target.net.", &target)].concat();
    checkpoint::save(&file, &both.into_iter().collect(), &Metadata::default()).unwrap();
    let message = checkpoint::read(&file).unwrap_err().to_string();
    assert!(message.contains("several networks, behind online., target.net.; say which one"), "{message}");
    let read = |prefix: &str| {
        let options = ReadOptions { prefix: Some(prefix.to_owned()), ..ReadOptions::default() };
        checkpoint::read_with(&file, &options)
    };
    let message = read("none.").unwrap_err().to_string();
    assert!(message.contains("begins with \"none.\"; they are called online.bn1.bias, "), "{message}");
    let into = model("resnet8-v1", 2, 3);
    let policy = Policy { unexpected: Rule::Allow, ..Policy::STRICT };
    let report = read("target.net").unwrap().load_into(&into, policy).unwrap();
    assert_eq!(report.unexpected.len(), online.variables().len());
    assert_eq!(bits(&into), bits(&target));
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
