//! timm's `config.json`, read and written.

use serde_json::{Map, Value, json};

use super::{Preprocessing, Resampling, classes, interpolation, is_side, key, normalisation, side_of, wrong};
use crate::checkpoint::Metadata;
use crate::registry;
use crate::spec::{Family, Spec, StemLayers};
use resnet_checkpoint::clip;

/// timm's default `crop_pct`: the side of the centre crop over the shorter side after resizing.
const CROP_PCT: f64 = 0.875;
/// The mean and standard deviation of ImageNet's pixels, timm's default.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

type Understood = (Spec, Option<Vec<String>>, Preprocessing);

/// The network, the names of its classes, and how images become inputs.
pub(super) fn understand(value: &Value) -> Result<Understood, String> {
    let cfg = value.get("pretrained_cfg").filter(|cfg| cfg.is_object()).unwrap_or(value);
    let architecture: String = key(value, "architecture", "a name")?.unwrap_or_default();
    let arguments: Map<String, Value> = key(value, "model_args", "an object")?.unwrap_or_default();
    // Arguments that do not change the network that is built here.
    let harmless = |(name, value): &(&String, &Value)| match name.as_str() {
        "num_classes" | "drop_rate" | "drop_path_rate" | "zero_init_last" => true,
        "in_chans" => **value == json!(3),
        "global_pool" => **value == json!("avg"),
        _ => value.is_null(),
    };
    if let Some((name, _)) = arguments.iter().find(|argument| !harmless(argument)) {
        return Err(format!(
            "its model_args change {}, and only the architecture as it is named is built here",
            clip(name, 40)
        ));
    }
    let number = "a number of classes";
    let named = key::<usize>(value, "num_classes", number)?.or(key(cfg, "num_classes", number)?);
    let tag: Option<String> = key(cfg, "tag", "a name")?;
    let usual = || match &tag {
        Some(tag) => registry::usual_classes(&format!("{architecture}.{tag}")),
        None => registry::usual_classes(&architecture),
    };
    let spec = registry::find(&clip(&architecture, 80), classes(named.unwrap_or_else(usual))?);
    let spec = spec.map_err(|error| error.to_string())?;
    Ok((spec, names(value, cfg)?, preprocessing(cfg)?))
}

/// The classes' descriptions, or else their names.
fn names(value: &Value, cfg: &Value) -> Result<Option<Vec<String>>, String> {
    let strings = "a list of names";
    let names: Option<Vec<String>> = match key(value, "label_names", strings)? {
        Some(names) => Some(names),
        None => key(cfg, "label_names", strings)?,
    };
    let Some(names) = names else { return Ok(None) };
    let described = value.get("label_descriptions").or_else(|| cfg.get("label_descriptions"));
    let describe = |name: String| match described.and_then(|all| all.get(&name)?.as_str()) {
        Some(description) => description.to_owned(),
        None => name,
    };
    Ok(Some(names.into_iter().map(describe).collect()))
}

fn preprocessing(cfg: &Value) -> Result<Preprocessing, String> {
    let sizes = "[3, height, width]";
    let test: Option<[usize; 3]> = key(cfg, "test_input_size", sizes)?;
    let input = match test {
        Some(input) => input,
        None => key(cfg, "input_size", sizes)?.unwrap_or([3, 224, 224]),
    };
    let [3, crop, width] = input else {
        return Err(format!("its input_size is {input:?}, and networks here take three colours"));
    };
    if crop != width || !is_side(&crop) {
        return Err(format!(
            "its input_size is {input:?}, and images here are cropped to squares of up to 8192 pixels"
        ));
    }
    if let Some(mode) = cfg.get("crop_mode").filter(|mode| !mode.is_null() && **mode != json!("center")) {
        return Err(wrong("crop_mode", mode, "center, the only one built here"));
    }
    let part = "a part of the image";
    let crop_pct = match key(cfg, "test_crop_pct", part)? {
        Some(crop_pct) => crop_pct,
        None => key(cfg, "crop_pct", part)?.unwrap_or(CROP_PCT),
    };
    let filter: Option<String> = key(cfg, "interpolation", "a name")?;
    let (mean, std) = normalisation(cfg, ["mean", "std"], IMAGENET)?;
    Ok(Preprocessing {
        input,
        resize: side_of(crop, crop_pct)?,
        interpolation: filter.map_or(Ok(Resampling::Bicubic), |name| interpolation(&name))?,
        crop,
        mean,
        std,
    })
}

/// Whether timm has a network of this name: those for ImageNet that are listed under its names, but for one.
/// Other combinations that the registry builds, such as `resnet18c`, are none of timm's.
pub fn is_timm_network(spec: &Spec) -> bool {
    let is_papers = spec.name.ends_with("-imagenet");
    let is_listed = registry::imagenet_names().any(|name| name == spec.name);
    is_listed && !is_papers && spec.name != "resnetv2_200"
}

/// The text of a `config.json` with which timm builds the network and takes its weights from a safetensors
/// file beside it, under timm's names: `timm.create_model("local-dir:FOLDER", pretrained=True)` where that
/// file is called `model.safetensors`, or with `pretrained_cfg_overlay=dict(file=FILE)` and these values.
pub fn timm_config(spec: &Spec, metadata: &Metadata) -> String {
    let [classifier, first_conv] = match (spec.family(), spec.stem.layers) {
        (Family::V1, StemLayers::Deep(_)) => ["fc", "conv1.0"],
        (Family::V1, _) => ["fc", "conv1"],
        (Family::V2, StemLayers::Deep(_)) => ["head.fc", "stem.conv1"],
        (Family::V2, _) => ["head.fc", "stem.conv"],
    };
    let mut cfg = json!({
        "custom_load": false,
        "num_classes": spec.classes,
        "first_conv": first_conv,
        "classifier": classifier,
        "pool_size": null,
    });
    if let Some(Preprocessing { input, resize, interpolation, crop, mean, std }) = metadata.preprocessing {
        cfg["input_size"] = json!(input);
        cfg["interpolation"] = json!(interpolation.to_string());
        cfg["crop_pct"] = json!(crop_pct(crop, resize));
        cfg["crop_mode"] = json!("center");
        cfg["mean"] = numbers(mean);
        cfg["std"] = numbers(std);
    }
    let mut config = json!({
        "architecture": spec.name,
        "num_classes": spec.classes,
        "num_features": spec.features(),
        "global_pool": "avg",
    });
    if let Some(names) = &metadata.classes {
        config["label_names"] = json!(names);
    }
    config["pretrained_cfg"] = cfg;
    format!("{config:#}\n")
}

/// A `crop_pct` from which timm computes `resize` again: `crop / crop_pct`, rounded down.
fn crop_pct(crop: usize, resize: usize) -> f64 {
    let exact = crop as f64 / resize as f64;
    let rounded = (exact * 1000.0).round() / 1000.0;
    let fits = |pct: f64| side_of(crop, pct) == Ok(resize);
    // If rounding takes `crop / exact` below `resize`, the next smaller number gives `resize`.
    [rounded, exact].into_iter().find(|pct| fits(*pct)).unwrap_or(exact.next_down())
}

/// Numbers in the digits of an f32: as f64 they would have nine digits more.
fn numbers(values: [f32; 3]) -> Value {
    values.map(|value| value.to_string().parse::<f64>().unwrap_or(f64::from(value))).to_vec().into()
}
