//! Configs as timm and transformers write them, each fault, and text that nobody meant.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::checkpoint::{Dialect, Metadata, is_timm_network, timm_config, transformers_config};
use crate::registry;

fn parse(config: &Value) -> Result<RepositoryConfig, String> {
    RepositoryConfig::parse(&config.to_string(), None).map_err(|error| error.to_string())
}

/// As timm's hub repositories have it.
fn timm() -> Value {
    json!({
        "architecture": "resnet50",
        "num_classes": 1000,
        "num_features": 2048,
        "pretrained_cfg": {
            "tag": "a1_in1k", "custom_load": false, "input_size": [3, 224, 224], "test_input_size": [3, 288, 288],
            "fixed_input_size": false, "interpolation": "bicubic", "crop_pct": 0.95, "test_crop_pct": 1.0,
            "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "num_classes": 1000,
            "pool_size": [7, 7], "first_conv": "conv1", "classifier": "fc"
        }
    })
}

/// As microsoft/resnet-50 has it, with three classes.
fn transformers() -> Value {
    json!({
        "architectures": ["ResNetForImageClassification"], "model_type": "resnet", "num_channels": 3,
        "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048], "embedding_size": 64, "hidden_act": "relu",
        "layer_type": "bottleneck", "downsample_in_first_stage": false, "torch_dtype": "float32",
        "id2label": { "0": "tench", "2": "shark", "1": "goldfish" }
    })
}

fn processor() -> Value {
    json!({
        "crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor",
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224
    })
}

fn both(config: &Value, processor: &Value) -> Result<RepositoryConfig, String> {
    RepositoryConfig::parse(&config.to_string(), Some(&processor.to_string()))
        .map_err(|error| error.to_string())
}

/// `value` with `change` at a place such as `/pretrained_cfg/mean`; `null` counts as absent everywhere.
fn with(mut value: Value, place: &str, change: Value) -> Value {
    let (parent, key) = place.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = change;
    value
}

#[test]
fn timms_form_is_understood() {
    let config = parse(&timm()).unwrap();
    assert_eq!((config.spec.name.as_str(), config.spec.classes), ("resnet50", 1000));
    let expected = Preprocessing {
        input: [3, 288, 288],
        resize: 288,
        interpolation: Resampling::Bicubic,
        crop: 288,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };
    assert_eq!(config.preprocessing, Some(expected));
    assert_eq!(config.classes, None);
    // Without a size of its own for testing.
    let plain = with(
        with(timm(), "/pretrained_cfg/test_input_size", Value::Null),
        "/pretrained_cfg/test_crop_pct",
        Value::Null,
    );
    let found = parse(&plain).unwrap().preprocessing.unwrap();
    assert_eq!((found.crop, found.resize), (224, 235));
    // The old form, without pretrained_cfg.
    let mut old = timm()["pretrained_cfg"].clone();
    old["architecture"] = json!("resnetv2_50x1_bit");
    old["num_classes"] = Value::Null;
    old["tag"] = json!("goog_in21k");
    assert_eq!(parse(&old).unwrap().spec.classes, 21_843);
    let named = with(timm(), "/label_names", json!(["n01", "n02"]));
    let named = with(with(named, "/num_classes", json!(2)), "/label_descriptions", json!({ "n01": "tench" }));
    assert_eq!(parse(&named).unwrap().classes.unwrap(), ["tench", "n02"]);
    let least = parse(&json!({ "architecture": "resnet18" })).unwrap();
    assert_eq!((least.spec.classes, least.preprocessing.unwrap().resize), (1000, 256));
}

#[test]
fn transformers_form_is_understood() {
    let config = both(&transformers(), &processor()).unwrap();
    assert_eq!((config.spec.name.as_str(), config.spec.classes), ("resnet50", 3));
    assert_eq!(config.classes.unwrap(), ["tench", "goldfish", "shark"]);
    let found = config.preprocessing.unwrap();
    assert_eq!((found.resize, found.crop, found.interpolation), (256, 224, Resampling::Bicubic));
    let newer = with(with(processor(), "/size", json!({ "shortest_edge": 160 })), "/resample", json!(2));
    let found = both(&transformers(), &newer).unwrap().preprocessing.unwrap();
    assert_eq!((found.resize, found.crop, found.interpolation), (182, 160, Resampling::Bilinear));
    let cut = json!({
        "image_processor_type": "ViTImageProcessor", "do_center_crop": true, "size": { "shortest_edge": 256 },
        "crop_size": { "height": 224, "width": 224 }, "do_normalize": false, "rescale_factor": 1.0 / 255.0
    });
    let found = both(&transformers(), &cut).unwrap().preprocessing.unwrap();
    assert_eq!((found.resize, found.crop, found.std), (256, 224, [1.0; 3]));
    assert_eq!(parse(&transformers()).unwrap().preprocessing, None);
    // By hand one rather counts the classes than names them.
    let counted = with(with(transformers(), "/id2label", json!(null)), "/num_labels", json!(1000));
    let config = parse(&counted).unwrap();
    assert_eq!((config.spec.classes, config.classes), (1000, None));
    assert_eq!(parse(&with(counted, "/num_labels", json!(null))).unwrap().spec.classes, 2);
    // What the image processor does where its file says nothing.
    let usual = both(&transformers(), &json!({ "size": 224 })).unwrap().preprocessing.unwrap();
    assert_eq!((usual.mean, usual.std, usual.resize), ([0.5; 3], [0.5; 3], 256));
    assert_eq!(usual.interpolation, Resampling::Bilinear);

    let rows = [
        ("basic", json!([2, 2, 2, 2]), json!([64, 128, 256, 512]), false, "resnet18"),
        ("basic", json!([3, 4, 6, 3]), json!([64, 128, 256, 512]), false, "resnet34"),
        ("bottleneck", json!([2, 2, 2, 2]), json!([256, 512, 1024, 2048]), false, "resnet26"),
        ("bottleneck", json!([3, 4, 23, 3]), json!([256, 512, 1024, 2048]), false, "resnet101"),
        ("bottleneck", json!([3, 4, 6, 3]), json!([256, 512, 1024, 2048]), true, "resnet50-v1-imagenet"),
    ];
    resnet_testing::table::run(&rows, |(layers, depths, hidden, first, name)| {
        let config = with(with(transformers(), "/layer_type", json!(layers)), "/depths", depths.clone());
        let config = with(config, "/hidden_sizes", hidden.clone());
        let found = parse(&with(config, "/downsample_in_bottleneck", json!(first)))?.spec.name;
        if found == *name { Ok(()) } else { Err(found) }
    });
}

#[test]
fn what_is_not_understood_is_named() {
    let rows = [
        ("/architecture", json!("resnext50_32x4d"), "grouped"),
        ("/architecture", json!("vit_base_patch16_224"), "there is no network \"vit_base_patch16_224\""),
        ("/architecture", json!(3), "it has no architecture"),
        ("/num_classes", json!(0), "it has 0 classes"),
        ("/num_classes", json!(1u64 << 40), "it has 1099511627776 classes"),
        ("/num_classes", json!(-1), "its num_classes is -1 and should be a number of classes"),
        ("/model_args", json!({ "act_layer": "silu" }), "model_args change act_layer"),
        ("/model_args", json!({ "in_chans": 1 }), "model_args change in_chans"),
        ("/label_names", json!(["cat"]), "it names 1 classes, and the network has 1000"),
        ("/label_names", json!([1]), "its label_names is [1] and should be a list of names"),
        ("/pretrained_cfg/test_input_size", json!([1, 28, 28]), "three colours"),
        ("/pretrained_cfg/test_input_size", json!([3, 224, 256]), "squares"),
        ("/pretrained_cfg/test_input_size", json!([3, 0, 0]), "squares"),
        ("/pretrained_cfg/test_input_size", json!([3, 1u64 << 40, 1u64 << 40]), "squares"),
        ("/pretrained_cfg/test_input_size", json!(224), "should be [3, height, width]"),
        ("/pretrained_cfg/test_crop_pct", json!(0), "its crop_pct is 0"),
        ("/pretrained_cfg/test_crop_pct", json!(1e-300), "which makes no image"),
        ("/pretrained_cfg/test_crop_pct", json!(-0.5), "which makes no image"),
        ("/pretrained_cfg/crop_mode", json!("squash"), "its crop_mode is \"squash\""),
        ("/pretrained_cfg/interpolation", json!("lanczos"), "its interpolation is lanczos"),
        ("/pretrained_cfg/mean", json!([0.5]), "its mean is [0.5] and should be a list of three numbers"),
        ("/pretrained_cfg/std", json!([0.5, 0.5, 0.0]), "not above 0"),
        ("/pretrained_cfg/mean", json!([0.5, 0.5, 1e300]), "not finite"),
        ("/pretrained_cfg/mean", json!([123.5, 116.0, 103.0]), "its mean has 123.5, of pixels from 0 to 255"),
    ];
    resnet_testing::table::run(&rows, |(place, change, expected)| {
        let message = parse(&with(timm(), place, change.clone())).err().ok_or("it was understood")?;
        if message.contains(expected) && message.len() < 300 { Ok(()) } else { Err(message) }
    });
    let rows = [
        ("/model_type", json!("vit"), "but model_type \"vit\""),
        (
            "/depths",
            json!([3, 4, 6, 4]),
            "no network in the registry has stages of [3, 4, 6, 4] bottleneck units",
        ),
        ("/hidden_sizes", json!([256, 512, 1024]), "no network in the registry"),
        ("/layer_type", json!("preactivation"), "its layer_type is preactivation"),
        ("/hidden_act", json!("gelu"), "hidden_act gelu"),
        ("/downsample_in_first_stage", json!(true), "downsample_in_first_stage true"),
        ("/id2label", json!({ "0": "a", "2": "b" }), "without a gap"),
        ("/id2label", json!({ "a": "b" }), "without a gap"),
        ("/id2label", json!({}), "it has 0 classes"),
    ];
    resnet_testing::table::run(&rows, |(place, change, expected)| {
        let message = parse(&with(transformers(), place, change.clone())).err().ok_or("it was understood")?;
        if message.contains(expected) { Ok(()) } else { Err(message) }
    });
    let rows = [
        ("/size", json!(384), "it squashes images to squares of 384"),
        ("/size", json!({ "height": 224, "width": 200 }), "its size is"),
        ("/size", json!("large"), "its size is \"large\""),
        ("/resample", json!(1), "its resample is 1"),
        ("/rescale_factor", json!(1.0), "its rescale_factor is 1"),
        ("/do_rescale", json!(false), "its do_rescale is false, and pixels here are divided by 255"),
        ("/do_resize", json!(false), "its do_resize is false, and images here are resized"),
        ("/image_std", json!([1.0, 1.0]), "its image_std is"),
        ("/feature_extractor_type", json!("ViTFeatureExtractor"), "preprocessor_config.json: "),
    ];
    resnet_testing::table::run(&rows, |(place, change, expected)| {
        let processor = with(with(processor(), place, change.clone()), "/crop_pct", json!(0.875));
        let message = match both(&transformers(), &processor) {
            Err(message) => message,
            // Of another processor, only without a crop_pct is it not known what is cut.
            Ok(_) => both(&transformers(), &with(processor, "/crop_pct", Value::Null))
                .err()
                .ok_or("it was understood")?,
        };
        let named = message.starts_with("preprocessor_config.json: ");
        if named && message.contains(expected) { Ok(()) } else { Err(message) }
    });
    let sides = with(processor(), "/size", json!({ "height": 256, "width": 256 }));
    assert!(both(&transformers(), &sides).is_ok());
    let told = both(&transformers(), &with(sides, "/do_center_crop", json!(true))).unwrap_err();
    assert!(told.contains("should be a number of pixels or a shortest_edge, so that images keep"), "{told}");
    for text in ["", "[]", "{", "null", "\"resnet50\"", &"[".repeat(100_000)] {
        assert!(RepositoryConfig::parse(text, None).is_err());
    }
}

#[test]
fn what_is_written_for_timm_reads_back() {
    let preprocessing = |crop, resize| Preprocessing {
        input: [3, crop, crop],
        resize,
        interpolation: Resampling::Bilinear,
        crop,
        mean: [0.485, 0.1 + 0.2, 0.406],
        std: [0.229, 0.224, 1e-7],
    };
    for name in registry::NAMES {
        let spec = registry::find(name, 2).unwrap();
        if !is_timm_network(&spec) {
            continue;
        }
        let metadata = Metadata {
            classes: Some(vec!["cat".into(), "dog".into()]),
            preprocessing: Some(preprocessing(224, 256)),
            ..Metadata::default()
        };
        let config = RepositoryConfig::parse(&timm_config(&spec, &metadata), None).unwrap();
        assert_eq!((config.spec, config.classes), (spec, metadata.classes), "{name}");
        assert_eq!(config.preprocessing, metadata.preprocessing, "{name}");
    }
    assert!(!is_timm_network(&registry::find("resnet20-v2", 10).unwrap()));
    // Every part of an image that can be cropped.
    let spec = registry::find("resnet18", 1000).unwrap();
    for crop in [1, 31, 160, 224, 299, 448] {
        for resize in crop..2 * crop + 3 {
            let metadata =
                Metadata { preprocessing: Some(preprocessing(crop, resize)), ..Metadata::default() };
            let config = RepositoryConfig::parse(&timm_config(&spec, &metadata), None).unwrap();
            assert_eq!(config.preprocessing, metadata.preprocessing, "{crop} of {resize}");
        }
    }
}

#[test]
fn what_is_written_for_transformers_reads_back() {
    for name in registry::imagenet_names() {
        let spec = registry::find(name, 2).unwrap();
        if Dialect::Transformers.check_export(&spec).is_err() {
            continue;
        }
        for classes in [None, Some(vec!["cat".to_owned(), "dog".to_owned()])] {
            let metadata = Metadata { classes: classes.clone(), ..Metadata::default() };
            let config = RepositoryConfig::parse(&transformers_config(&spec, &metadata), None).unwrap();
            // A network may have several names.
            assert_eq!(Spec { name: spec.name.clone(), ..config.spec }, spec);
            assert_eq!((config.classes, config.preprocessing), (classes, None), "{name}");
        }
    }
    let strides_first = registry::find("resnet50-v1-imagenet", 10).unwrap();
    let config = object(&transformers_config(&strides_first, &Metadata::default())).unwrap();
    assert_eq!(config["downsample_in_bottleneck"], true);
    assert_eq!((&config["id2label"]["9"], &config["label2id"]["LABEL_9"]), (&json!("LABEL_9"), &json!(9)));
}

#[test]
fn a_network_is_timms_where_timm_lists_it() {
    let known = |name: &str| is_timm_network(&registry::find(name, 10).unwrap());
    assert!(known("resnet50") && known("resnetv2_50x1_bit") && known("wide_resnet50_2"));
    // What the registry builds beyond timm's entry points.
    for name in ["resnetv2_200", "resnet18c", "resnet50-v1-imagenet", "resnetv2_101x2_bit", "resnet20-v1"] {
        assert!(!known(name), "{name}");
    }
    let Some(python) = resnet_testing::python(&[resnet_testing::Need::Timm]) else { return };
    let script = "import timm; print(*timm.list_models('*resnet*'))";
    let listed = std::process::Command::new(python).args(["-c", script]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in registry::imagenet_names() {
        assert_eq!(known(name), listed.split_whitespace().any(|other| other == name), "{name}");
    }
}

/// A value of any form, mostly of the size and words that configs have.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..1000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9_]{0,12}".prop_map(Value::from),
        proptest::sample::select(&["resnet50", "resnet", "bicubic", "center", "basic", "224"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_value_panics(place in 0..24usize, value in any_value()) {
        let places = [
            "/architecture", "/num_classes", "/model_args", "/label_names", "/label_descriptions", "/pretrained_cfg",
            "/pretrained_cfg/tag", "/pretrained_cfg/input_size", "/pretrained_cfg/test_input_size",
            "/pretrained_cfg/crop_pct", "/pretrained_cfg/test_crop_pct", "/pretrained_cfg/crop_mode",
            "/pretrained_cfg/interpolation", "/pretrained_cfg/mean", "/pretrained_cfg/std", "/model_type", "/depths",
            "/hidden_sizes", "/embedding_size", "/layer_type", "/id2label", "/hidden_act", "/num_channels",
            "/downsample_in_bottleneck",
        ];
        let of = if place < 15 { timm() } else { transformers() };
        if let Ok(config) = parse(&with(of, places[place], value)) {
            prop_assert!(config.spec.classes <= MOST_CLASSES);
            prop_assert!(config.preprocessing.is_none_or(|how| how.resize <= 8192 && how.crop <= 8192));
        }
    }

    #[test]
    fn no_processor_panics(place in 0..11usize, value in any_value()) {
        let keys = [
            "/crop_pct", "/size", "/resample", "/image_mean", "/image_std", "/do_normalize", "/rescale_factor",
            "/feature_extractor_type", "/do_center_crop", "/do_resize", "/do_rescale",
        ];
        if let Ok(config) = both(&transformers(), &with(processor(), keys[place], value)) {
            prop_assert!(config.preprocessing.is_some_and(|how| how.resize <= 8192 && how.crop <= 8192));
        }
    }

    #[test]
    fn no_text_panics(text in r#"(\{|\}|\[|\]|"architecture"|"resnet50"|"model_type"|"resnet"|"depths"|"pretrained_cfg"|:|,|[0-9]|-1|1e999){0,30}"#) {
        let _ = RepositoryConfig::parse(&text, Some(&text));
    }
}
