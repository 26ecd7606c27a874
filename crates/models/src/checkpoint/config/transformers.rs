//! transformers' `config.json` of a `ResNetForImageClassification`, read and written, and its image
//! processor's `preprocessor_config.json`, read.

use std::collections::BTreeMap;

use resnet_blocks::{Branch, ShapeChange, StridePlace};
use serde_json::{Map, Value, json};

use super::{Preprocessing, classes, interpolation, is_side, key, normalisation, side_of, wrong};
use crate::checkpoint::Metadata;
use crate::registry;
use crate::spec::{Family, Spec, StemLayers};
use resnet_checkpoint::clip;

/// Number of classes where a config neither names nor counts them: transformers' default.
const CLASSES: usize = 2;
/// From this size on, in pixels, the processor of these networks squashes images to squares and crops
/// nothing.
const SQUASHED: usize = 384;
/// The processor's default `crop_pct`.
const CROP_PCT: f64 = 224.0 / 256.0;

/// The network, and the names of its classes.
pub(super) fn network(value: &Value) -> Result<(Spec, Option<Vec<String>>), String> {
    let sizes = "a list of numbers";
    let depths = key(value, "depths", sizes)?.unwrap_or_else(|| vec![3, 4, 6, 3]);
    let hidden: Vec<usize> = key(value, "hidden_sizes", sizes)?.unwrap_or_else(|| vec![256, 512, 1024, 2048]);
    let embedding: usize = key(value, "embedding_size", "a number")?.unwrap_or(64);
    let layers: String = key(value, "layer_type", "a name")?.unwrap_or_else(|| "bottleneck".to_owned());
    let flag = "true or false";
    let first_1x1: bool = key(value, "downsample_in_bottleneck", flag)?.unwrap_or(false);
    let early: bool = key(value, "downsample_in_first_stage", flag)?.unwrap_or(false);
    let colours: usize = key(value, "num_channels", "a number")?.unwrap_or(3);
    let activation: String = key(value, "hidden_act", "a name")?.unwrap_or_else(|| "relu".to_owned());
    if early || colours != 3 || activation != "relu" {
        return Err(format!(
            "it has downsample_in_first_stage {early}, num_channels {colours} and hidden_act {}, and networks here have false, \
             3 and relu",
            clip(&activation, 40)
        ));
    }
    let branch = match (layers.as_str(), first_1x1) {
        ("basic", _) => Branch::Basic,
        ("bottleneck", true) => Branch::Bottleneck(StridePlace::First1x1),
        ("bottleneck", false) => Branch::Bottleneck(StridePlace::Middle3x3),
        (other, _) => return Err(format!("its layer_type is {}, not basic or bottleneck", clip(other, 40))),
    };
    let names = names(value)?;
    // transformers writes the names alone; whoever writes a config by hand may count instead.
    let counted: Option<usize> = key(value, "num_labels", "a number")?;
    let count = classes(names.as_ref().map(Vec::len).or(counted).unwrap_or(CLASSES))?;
    let names = names.filter(|names| !names.iter().enumerate().all(|(id, name)| *name == unnamed(id)));
    let same = |spec: &Spec| {
        let stages = spec.stages.iter().map(|stage| (stage.units, stage.out_channels));
        spec.family() == Family::V1
            && spec.stem.layers == StemLayers::Conv7x7
            && spec.stem.out_channels == embedding
            && spec.shape_change == ShapeChange::Projection
            && spec.norm == resnet_blocks::NormKind::Batch
            && spec.branch == branch
            && spec.stages.iter().all(|stage| stage.width * branch.expansion() == stage.out_channels)
            && stages.eq(depths.iter().copied().zip(hidden.iter().copied()))
            && depths.len() == hidden.len()
    };
    let found = registry::imagenet_names().filter_map(|name| registry::find(name, count).ok()).find(same);
    let found = found.ok_or_else(|| {
        let (depths, hidden) = (clip(&format!("{depths:?}"), 60), clip(&format!("{hidden:?}"), 60));
        format!(
            "no network in the registry has stages of {depths} {layers} units and {hidden} channels behind a stem of {embedding}"
        )
    })?;
    Ok((found, names))
}

/// What transformers calls a class that nobody has named.
fn unnamed(id: usize) -> String {
    format!("LABEL_{id}")
}

/// The text of a `config.json` with which transformers builds the network, where
/// [`Dialect::check_export`](crate::checkpoint::Dialect::check_export) says that it has such a one:
/// `from_pretrained(FOLDER)` takes the weights from `model.safetensors` beside it, under transformers' names.
pub fn transformers_config(spec: &Spec, metadata: &Metadata) -> String {
    let names: Vec<String> = match &metadata.classes {
        Some(names) => names.clone(),
        None => (0..spec.classes).map(unnamed).collect(),
    };
    let ids = || names.iter().enumerate();
    let id2label: Map<String, Value> = ids().map(|(id, name)| (id.to_string(), json!(name))).collect();
    let label2id: Map<String, Value> = ids().map(|(id, name)| (name.clone(), json!(id))).collect();
    let config = json!({
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "num_channels": 3,
        "embedding_size": spec.stem.out_channels,
        "hidden_sizes": spec.stages.iter().map(|stage| stage.out_channels).collect::<Vec<_>>(),
        "depths": spec.stages.iter().map(|stage| stage.units).collect::<Vec<_>>(),
        "layer_type": if spec.branch == Branch::Basic { "basic" } else { "bottleneck" },
        "hidden_act": "relu",
        "downsample_in_first_stage": false,
        "downsample_in_bottleneck": spec.branch == Branch::Bottleneck(StridePlace::First1x1),
        "id2label": id2label,
        "label2id": label2id,
        "torch_dtype": "float32",
    });
    format!("{config:#}\n")
}

/// `id2label`, whose keys are numbers as text.
fn names(value: &Value) -> Result<Option<Vec<String>>, String> {
    let form = "an object of numbers and names";
    let Some(labels) = key::<BTreeMap<String, String>>(value, "id2label", form)? else { return Ok(None) };
    let number = |(id, name): (String, String)| Some((id.parse::<usize>().ok()?, name));
    let labels: Option<BTreeMap<usize, String>> = labels.into_iter().map(number).collect();
    let labels = labels.filter(|labels| labels.keys().copied().eq(0..labels.len()));
    let labels = labels.ok_or("its id2label does not number the classes from 0 without a gap")?;
    Ok(Some(labels.into_values().collect()))
}

/// How images become inputs.
pub(super) fn preprocessing(value: &Value) -> Result<Preprocessing, String> {
    let kind = ["image_processor_type", "feature_extractor_type"]
        .into_iter()
        .find_map(|key| value.get(key)?.as_str());
    let convnext = kind.is_none_or(|kind| kind.starts_with("ConvNext"));
    let (mean, std) = match key(value, "do_normalize", "true or false")?.unwrap_or(true) {
        true => normalisation(value, ["image_mean", "image_std"], ([0.5; 3], [0.5; 3]))?,
        false => ([0.0; 3], [1.0; 3]),
    };
    let steps = [("do_resize", "images here are resized"), ("do_rescale", "pixels here are divided by 255")];
    for (step, here) in steps {
        if key::<bool>(value, step, "true or false")? == Some(false) {
            return Err(format!("its {step} is false, and {here}"));
        }
    }
    if let Some(factor) = key::<f64>(value, "rescale_factor", "a number")?
        && (factor * 255.0 - 1.0).abs() > 1e-6
    {
        return Err(format!("its rescale_factor is {factor:?}, and pixels here are divided by 255"));
    }
    let crop_pct: Option<f64> = key(value, "crop_pct", "a part of the image")?;
    let size = pixels(value, "size")?.unwrap_or(if convnext { SQUASHED } else { 224 });
    let cut = key(value, "do_center_crop", "true or false")?.unwrap_or(false);
    // Height and width together squash an image before the crop.
    let squashes = |size: &&Value| size.get("height").is_some() && size.get("shortest_edge").is_none();
    if let Some(size) = value.get("size").filter(squashes).filter(|_| cut) {
        let other = "a number of pixels or a shortest_edge, so that images keep their shape before the crop";
        return Err(wrong("size", size, other));
    }
    let (resize, crop) = match (cut, convnext || crop_pct.is_some()) {
        (true, _) => (size, pixels(value, "crop_size")?.unwrap_or(size)),
        (false, true) if size < SQUASHED => (side_of(size, crop_pct.unwrap_or(CROP_PCT))?, size),
        _ => {
            return Err(format!(
                "it squashes images to squares of {size} pixels, and here they keep their shape and are cropped"
            ));
        }
    };
    let filter = match key(value, "resample", "a number")?.unwrap_or(2u64) {
        2 => "bilinear",
        3 => "bicubic",
        other => {
            return Err(format!(
                "its resample is {other}, and only 2, bilinear, and 3, bicubic, are built here"
            ));
        }
    };
    Ok(Preprocessing {
        input: [3, crop, crop],
        resize,
        interpolation: interpolation(filter)?,
        crop,
        mean,
        std,
    })
}

/// A side in pixels: a number, or in newer files an object with `shortest_edge` or equal `height` and
/// `width`.
fn pixels(value: &Value, name: &str) -> Result<Option<usize>, String> {
    let Some(found) = value.get(name).filter(|found| !found.is_null()) else { return Ok(None) };
    let square = || {
        let height = found.get("height")?;
        (found.get("width")? == height).then_some(height)
    };
    let number = found.get("shortest_edge").or_else(square).unwrap_or(found).as_u64();
    let side = number.and_then(|number| usize::try_from(number).ok()).filter(is_side);
    side.map(Some).ok_or_else(|| wrong(name, found, "a number of pixels, from 1 to 8192, or a shortest_edge"))
}
