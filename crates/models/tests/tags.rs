//! Every tag of timm 1.0.31 (tests/timm_tags.txt: `timm.list_pretrained` of resnet* and wide_resnet*) is a
//! network here, or is refused by name with the reason.

use resnet_models::{registry, summary};
use resnet_testing::{data, table};

/// What is refused: beginnings of names.
const REFUSED: [&str; 8] = [
    "resnet32ts.",
    "resnet33ts.",
    "resnet51q.",
    "resnet61q.",
    "resnetaa",
    "resnetblur",
    "resnetrs",
    "resnetv2_50d_evos.",
];

fn tags() -> Vec<String> {
    let file = data::workspace().join("tests/timm_tags.txt");
    let text = std::fs::read_to_string(&file).expect("the list of tags");
    text.lines().map(str::to_owned).collect()
}

fn is_refused(tag: &str) -> bool {
    REFUSED.iter().any(|start| tag.starts_with(start)) || tag.contains("_clip")
}

#[test]
fn every_tag_is_an_architecture_or_is_refused_with_a_reason() {
    let tags = tags();
    assert_eq!(tags.len(), 136);
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("resnetv2_")).count(), 24);
    table::run(&tags, |tag| match registry::find(tag, registry::usual_classes(tag)) {
        Ok(spec) if !is_refused(tag) => {
            let name = tag.split('.').next().unwrap_or(tag);
            if spec.name == name { Ok(()) } else { Err(format!("found {}", spec.name)) }
        }
        Err(registry::Error::Refused { why, .. }) if is_refused(tag) && !why.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn tags_say_how_many_classes_their_weights_know() {
    assert_eq!(registry::usual_classes("resnet50.a1_in1k"), 1000);
    assert_eq!(registry::usual_classes("resnetv2_50x1_bit.goog_in21k"), 21_843);
    assert_eq!(registry::usual_classes("resnetv2_50x1_bit.goog_in21k_ft_in1k"), 1000);
    assert_eq!(registry::usual_classes("resnet20-v2"), 10);
}

#[test]
fn what_timm_has_without_weights_is_refused_or_built() {
    for name in ["resnetv2_50d_frn", "resnext50_32x4d", "seresnet50", "ecaresnet50d", "resnet50_mlp"] {
        let found = registry::find(name, 1000);
        assert!(matches!(found, Err(registry::Error::Refused { .. })), "{name}: {found:?}");
    }
    for name in ["resnet200", "resnet50t", "resnetv2_50t", "resnetv2_152", "resnetv2_101d"] {
        assert!(registry::find(name, 1000).is_ok(), "{name}");
    }
}

#[test]
fn every_listed_network_can_be_counted() {
    table::run(registry::NAMES, |name| {
        let spec = registry::find(name, registry::usual_classes(name)).map_err(|error| error.to_string())?;
        summary::of(&spec).map(|_| ()).map_err(|error| error.to_string())
    });
}
