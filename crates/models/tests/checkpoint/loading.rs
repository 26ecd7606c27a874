//! Strictness: what differs is listed with its neighbours, and then nothing is changed.

use std::path::PathBuf;

use resnet_models::Model;
use resnet_models::checkpoint::{self, Checkpoint, Error, Metadata, Policy, Rule};
use tempfile::TempDir;

use crate::{bits, model, save_renamed};

/// A checkpoint of `model` with other names.
fn written(model: &Model, rename: impl Fn(&str) -> Option<String>) -> (TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("net.safetensors");
    save_renamed(&file, model, rename);
    let checkpoint = checkpoint::read(&file).unwrap();
    (folder, checkpoint)
}

/// The message of a refusal, after which the model is as it was.
fn refused(checkpoint: &Checkpoint, into: &Model, policy: Policy) -> String {
    let before = bits(into);
    let error = checkpoint.load_into(into, policy).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    assert_eq!(bits(into), before);
    let message = error.to_string();
    assert!(message.contains("net.safetensors does not fit"), "{message}");
    message
}

#[test]
fn a_stray_is_shown_beside_what_it_may_mean() {
    let from = model("resnet20-v1", 10, 1);
    let (_folder, checkpoint) =
        written(&from, |name| Some(name.replace("layer1.0.bn1.weight", "layer1.0.bn1.wieght")));
    let message = refused(&checkpoint, &model("resnet20-v1", 10, 2), Policy::STRICT);
    assert!(message.contains("it lacks layer1.0.bn1.weight;"), "{message}");
    assert!(
        message.contains("layer1.0.bn1.wieght (nearest: layer1.0.bn1.weight) is not in the network"),
        "{message}"
    );
    assert!(!message.contains("looks like"), "{message}");
}

#[test]
fn another_depth_is_recognised() {
    let (_folder, checkpoint) = written(&model("resnet20-v1", 10, 1), |name| Some(name.to_owned()));
    let message = refused(&checkpoint, &model("resnet32-v1", 10, 2), Policy::STRICT);
    assert!(message.contains("does not fit resnet32-v1"), "{message}");
    assert!(message.contains("and 50 more"), "{message}");
    assert!(message.contains("it looks like resnet20-v1 with 10 classes"), "{message}");
    let message = refused(&checkpoint, &model("resnet20-v2", 10, 2), Policy::STRICT);
    assert!(message.len() < 3000, "{} bytes: {message}", message.len());
    assert!(message.contains("it looks like resnet20-v1"), "{message}");
}

#[test]
fn other_classes_are_a_new_head_if_allowed() {
    let from = model("resnet20-v2", 100, 1);
    let (_folder, checkpoint) = written(&from, |name| Some(name.to_owned()));
    let into = model("resnet20-v2", 10, 2);
    let message = refused(&checkpoint, &into, Policy::STRICT);
    assert!(
        message.contains("head.fc.weight ([100, 64], should be [10, 64]) are of another shape"),
        "{message}"
    );
    assert!(message.contains("looks like resnet20-v2 with 100 classes"), "{message}");

    let before = bits(&into);
    let report = checkpoint.load_into(&into, Policy { reshaped: Rule::Allow, ..Policy::STRICT }).unwrap();
    assert_eq!(report.reshaped.len(), 2);
    let (after, theirs) = (bits(&into), bits(&from));
    for (name, values) in &after {
        let expected = if name.starts_with("head.") { &before[name] } else { &theirs[name] };
        assert_eq!(values, expected, "{name}");
    }
    assert!(report.to_string().contains("other shape, kept as they were: head.fc.bias"), "{report}");
}

#[test]
fn a_head_of_another_form_is_set_aside_with_the_old_one() {
    for (network, head, others) in [
        ("resnet20-v1", "fc.", ["fc.1.", "fc.0.2.", "classifier.3."]),
        ("resnet20-v2", "head.fc.", ["head.fc.1.", "head.fc.0.2.", "classifier.3."]),
    ] {
        let from = model(network, 100, 1);
        for other in others {
            let (_folder, checkpoint) = written(&from, |name| Some(name.replace(head, other)));
            let into = model(network, 10, 2);
            let message = refused(&checkpoint, &into, Policy::STRICT);
            assert!(message.contains(&format!("{other}weight")), "{message}");
            let report = checkpoint.load_into(&into, Policy::NEW_HEAD).unwrap();
            assert_eq!(report.other_head, ["bias", "weight"].map(|end| format!("{other}{end}")));
            assert_eq!(report.matched, into.variables().len() - 2);
            let told = format!("old head, left out: {other}bias, {other}weight");
            assert!(report.to_string().contains(&told), "{report}");
            let convolution = from.variables().keys().find(|name| name.contains("conv2")).unwrap();
            assert_eq!(bits(&into)[convolution], bits(&from)[convolution]);
        }
        // Whatever else the network lacks is refused with a new head too.
        let (_folder, surplus) = written(&from, |name| Some(name.replace(head, "projector.")));
        let message = refused(&surplus, &model(network, 10, 2), Policy::NEW_HEAD);
        assert!(message.contains("projector.weight"), "{message}");
    }
}

#[test]
fn each_rule_allows_its_own_difference_only() {
    let from = model("resnet20-v1", 10, 1);
    let (_folder, lacking) = written(&from, |name| (name != "fc.bias").then(|| name.to_owned()));
    let into = model("resnet20-v1", 10, 2);
    let allow_unexpected = Policy { unexpected: Rule::Allow, reshaped: Rule::Allow, ..Policy::STRICT };
    let message = refused(&lacking, &into, allow_unexpected);
    assert!(message.contains("lacks fc.bias"), "{message}");
    let report = lacking.load_into(&into, Policy { missing: Rule::Allow, ..Policy::STRICT }).unwrap();
    assert_eq!(report.missing, ["fc.bias"]);
    assert_eq!(bits(&into)["fc.weight"], bits(&from)["fc.weight"]);

    let deeper = model("resnet26-v1", 10, 1);
    let (_folder, surplus) = written(&deeper, |name| Some(name.to_owned()));
    let into = model("resnet20-v1", 10, 2);
    refused(&surplus, &into, Policy { missing: Rule::Allow, reshaped: Rule::Allow, ..Policy::STRICT });
    let report = surplus.load_into(&into, allow_unexpected).unwrap();
    assert_eq!(report.unexpected.len(), 30);
}

#[test]
fn networks_are_known_by_names_and_shapes() {
    let names = [
        ("resnet20-v1", 10),
        ("resnet20-v1-b", 10),
        ("resnet29-v1", 100),
        ("resnet20-v2", 1),
        ("resnet20-v2-b", 10),
        ("resnet20-v2-bottleneck", 10),
        ("resnet20-v2-bottleneck-a", 10),
        ("resnet56-v2", 10),
        ("resnet164-v2", 100),
        ("resnet164-v2-basic", 10),
        ("resnet14-v2-wide-by-4", 10),
        ("resnet20-v1-wide-by-2", 10),
        ("resnet20-v1-one-layer", 10),
        ("resnet20-v2-one-layer-b", 10),
    ];
    resnet_testing::table::run(&names, |(name, classes)| {
        let from = model(name, *classes, 1);
        let (_folder, checkpoint) = written(&from, |name| Some(name.to_owned()));
        let found = checkpoint.infer_spec().map_err(|error| error.to_string())?;
        if found == *from.spec() { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn what_is_no_network_here_says_why() {
    let from = model("resnet20-v1", 10, 1);
    let why = |rename: &dyn Fn(&str) -> Option<String>| {
        let (_folder, checkpoint) = written(&from, rename);
        checkpoint.infer_spec().unwrap_err().to_string()
    };
    let message = why(&|name| Some(format!("x{name}")));
    assert!(message.contains("none of them called as"), "{message}");
    let message = why(&|_| None);
    assert!(message.contains("it has no tensors"), "{message}");
    let message = why(&|name| (!name.starts_with("fc.")).then(|| name.to_owned()));
    assert!(message.contains("has no fc.weight"), "{message}");
    let message = why(&|name| (!name.starts_with("layer3.1.")).then(|| name.to_owned()));
    assert!(message.contains("stage 3 lacks unit 1"), "{message}");
    let message = why(&|name| Some(name.replace("layer1.1.", "layer1.99999999999.")));
    assert!(message.contains("stage 1 lacks unit 1"), "{message}");
    let message = why(&|name| (!name.starts_with("layer3.2.")).then(|| name.to_owned()));
    assert!(message.contains("[3, 3, 2, 0] units"), "{message}");
}

#[test]
fn metadata_that_contradicts_the_tensors_is_refused() {
    let from = model("resnet20-v2", 10, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let message = |metadata: Metadata| {
        checkpoint::save(&file, from.variables(), &metadata).unwrap();
        checkpoint::read(&file).unwrap().infer_spec().unwrap_err().to_string()
    };
    let named = |name: &str| Metadata { model: Some(name.into()), ..Metadata::default() };
    let text = message(Metadata { classes: Some(vec!["cat".into()]), ..named("resnet20-v2") });
    assert!(text.contains("names 1 classes, and its head has 10"), "{text}");
    let text = message(named("resnet51"));
    assert!(text.contains("there is no network \"resnet51\""), "{text}");
    let text = message(named("resnet12002-v2"));
    assert!(text.contains("6000 units"), "{text}");
    // Ours never has such a file written, so a key of somebody else's is renamed in its bytes.
    let other = [("note".to_owned(), "grey".to_owned())].into();
    checkpoint::save(&file, from.variables(), &Metadata { other, ..Metadata::default() }).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let key = bytes.windows(6).position(|window| window == b"\"note\"").unwrap();
    bytes[key..key + 6].copy_from_slice(b"\"mean\"");
    std::fs::write(&file, bytes).unwrap();
    let text = checkpoint::read(&file).unwrap().infer_spec().unwrap_err().to_string();
    assert!(text.contains("net.safetensors: the metadata has mean but no input"), "{text}");
}
