//! Metadata there and back, and each way in which it can be wrong.

use proptest::prelude::*;

use super::*;

fn whole() -> Metadata {
    Metadata {
        model: Some("resnet20-v2".into()),
        classes: Some(vec!["cat \"and\" dog".into(), "é\n".into()]),
        preprocessing: Some(Preprocessing {
            input: [3, 32, 48],
            resize: 36,
            interpolation: Resampling::Bicubic,
            crop: 32,
            mean: [0.4914, 0.4822, 0.1 + 0.2],
            std: [0.247, 1e-7, 3e20],
        }),
        recipe: Some("epochs = 3\n".into()),
        metrics: Some("{\"top1\": 91.5}".into()),
        producer: Some("test 1".into()),
        other: [("training_state".to_owned(), "{}".to_owned())].into(),
    }
}

#[test]
fn there_and_back() {
    assert_eq!(Metadata::parse(&whole().to_map()), Ok(whole()));
    let default = Metadata::parse(&Metadata::default().to_map()).unwrap();
    assert!(default.producer.unwrap().starts_with("resnet-checkpoint "));
}

#[test]
fn without_the_version_every_key_is_somebody_elses() {
    let strings = [("model", "my net"), ("mean", "grey"), ("format", "pt")];
    let strings: BTreeMap<_, _> = strings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let metadata = Metadata::parse(&strings).unwrap();
    assert_eq!(metadata, Metadata { other: strings, ..Metadata::default() });
    // Nor do they become ours when they are written: a mean alone would make a file that is refused.
    let again = Metadata::parse(&metadata.to_map()).unwrap();
    assert_eq!((again.model, again.preprocessing, again.other), (None, None, BTreeMap::new()));
}

#[test]
fn wrong_values_are_named() {
    let rows = [
        ("format_version", "2"),
        ("classes", "[]"),
        ("classes", "cat,dog"),
        ("classes", "[1, 2]"),
        ("input", "[1,32,32]"),
        ("input", "[3,32]"),
        ("input", "[3,0,32]"),
        ("input", "[3,99999999999,99999999999]"),
        ("resize", "0"),
        ("resize", "-1"),
        ("crop", "1e3"),
        ("crop", ""),
        ("interpolation", "Bilinear"),
        ("mean", "[0.5,0.5]"),
        ("mean", "[0.5,0.5,null]"),
        ("mean", "[0.5,0.5,1e99]"),
        ("mean", "[123,116,103]"),
        ("std", "[0.5,0.5,0]"),
        ("std", "[0.5,0.5,-0.5]"),
    ];
    resnet_testing::table::run(&rows, |(key, value)| {
        let mut strings = whole().to_map();
        strings.insert((*key).to_owned(), (*value).to_owned());
        match Metadata::parse(&strings) {
            Err(Fault::Value { key: named, .. }) if named == *key => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn half_a_preprocessing_is_none() {
    resnet_testing::table::run(&Preprocessing::KEYS, |key| {
        let mut strings = whole().to_map();
        strings.remove(*key);
        match Metadata::parse(&strings) {
            Err(Fault::Incomplete { absent, .. }) if absent == *key => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

proptest! {
    #[test]
    fn numbers_keep_their_bits(mean in -1f32..1.0, std in f32::MIN_POSITIVE..f32::MAX) {
        let preprocessing = Preprocessing { mean: [mean; 3], std: [std; 3], ..whole().preprocessing.unwrap() };
        let metadata = Metadata { preprocessing: Some(preprocessing), ..whole() };
        prop_assert_eq!(Metadata::parse(&metadata.to_map()), Ok(metadata));
    }

    #[test]
    fn no_text_panics(key in proptest::sample::select(&Preprocessing::KEYS[..]), value in ".{0,40}") {
        let mut strings = whole().to_map();
        strings.insert(key.to_owned(), value);
        let _ = Metadata::parse(&strings);
    }
}
