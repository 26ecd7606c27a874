//! A repository's description of its weights: `config.json` in timm's or in transformers' form, the latter
//! with `preprocessor_config.json` beside it.

mod timm;
mod transformers;

use std::path::Path;

use serde_json::Value;

use super::Error;
use crate::spec::Spec;
use resnet_checkpoint::clip;
use resnet_checkpoint::{Preprocessing, Resampling, is_side};

pub use timm::{is_timm_network, timm_config};
pub use transformers::transformers_config;

/// Bytes of the longest file that is parsed. The names of ImageNet's 21,843 classes take one megabyte.
const LONGEST: u64 = 8 << 20;
/// The most classes of a network. A larger number would only claim memory.
const MOST_CLASSES: usize = 100_000;

/// A repository's description of its weights: `config.json` in timm's or in transformers' form, the latter
/// with `preprocessor_config.json` beside it.
///
/// | here | timm | transformers |
/// |---|---|---|
/// | network | `architecture` | `depths`, `hidden_sizes`, `embedding_size`, |
/// | | | `layer_type`, `downsample_in_bottleneck` |
/// | classes | `num_classes` | length of `id2label`, else `num_labels` |
/// | names of classes | `label_names`, by `label_descriptions` | `id2label` |
/// | input | `test_input_size`, else `input_size` | `size` |
/// | resize | crop / `test_crop_pct` (else `crop_pct`) | crop / `crop_pct`, or `size` with a `crop_size` |
/// | interpolation | `interpolation` | `resample`, Pillow's number |
/// | mean, std | `mean`, `std` | `image_mean`, `image_std` |
///
/// timm's keys from `num_classes` on are in `pretrained_cfg`, or in older files beside `architecture`. Where
/// timm has a size for testing, its accuracies are measured at that size. A setting that is not supported
/// here (another activation, a crop that changes the aspect ratio) is an error that names it.
///
/// ```
/// use resnet_models::checkpoint::RepositoryConfig;
///
/// let text = r#"{ "architecture": "resnet50", "num_classes": 1000,
///     "pretrained_cfg": { "input_size": [3, 224, 224], "crop_pct": 0.875, "interpolation": "bicubic" } }"#;
/// let config = RepositoryConfig::parse(text, None).unwrap();
/// assert_eq!(config.spec.name, "resnet50");
/// assert_eq!(config.preprocessing.unwrap().resize, 256);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryConfig {
    /// The network.
    pub spec: Spec,
    /// Names of the classes, if the files have them.
    pub classes: Option<Vec<String>>,
    /// How an image becomes an input; `None` for transformers' form without `preprocessor_config.json`.
    pub preprocessing: Option<Preprocessing>,
}

impl RepositoryConfig {
    /// Reads `config.json` and, if there is one, `preprocessor_config.json`.
    ///
    /// # Errors
    /// If a file can't be read or understood, or describes a network that is not built here.
    pub fn read(config: &Path, preprocessor: Option<&Path>) -> Result<Self, Error> {
        let (text, preprocessor) =
            (read(config)?, preprocessor.map(|path| Ok::<_, Error>((path, read(path)?))).transpose()?);
        let other = preprocessor.as_ref().map(|(_, text)| text.as_str());
        Self::parse(&text, other).map_err(|Unusable { of, cause }| {
            let path = match (of, preprocessor) {
                (Of::Preprocessor, Some((path, _))) => path,
                _ => config,
            };
            Error::Config { path: path.to_owned(), cause }
        })
    }

    /// Parses the text of both files.
    ///
    /// # Errors
    /// As [`RepositoryConfig::read`].
    pub fn parse(config: &str, preprocessor: Option<&str>) -> Result<Self, Unusable> {
        let value = object(config).map_err(Unusable::of(Of::Config))?;
        let (spec, classes, preprocessing) = if value.get("architecture").is_some_and(Value::is_string) {
            let (spec, classes, preprocessing) =
                timm::understand(&value).map_err(Unusable::of(Of::Config))?;
            (spec, classes, Some(preprocessing))
        } else if value.get("model_type").and_then(Value::as_str) == Some("resnet") {
            let (spec, classes) = transformers::network(&value).map_err(Unusable::of(Of::Config))?;
            let preprocessing =
                preprocessor.map(|text| object(text).and_then(|value| transformers::preprocessing(&value)));
            (spec, classes, preprocessing.transpose().map_err(Unusable::of(Of::Preprocessor))?)
        } else {
            let kind = value.get("model_type").and_then(Value::as_str).map(|kind| clip(kind, 40));
            let kind = kind.map_or_else(String::new, |kind| format!(" but model_type {kind:?}"));
            return Err(Unusable::of(Of::Config)(format!(
                "it has no architecture, as timm's have, nor model_type \"resnet\", as transformers' have{kind}"
            )));
        };
        if let Some(names) = classes.as_ref().filter(|names| names.len() != spec.classes) {
            let cause = format!("it names {} classes, and the network has {}", names.len(), spec.classes);
            return Err(Unusable::of(Of::Config)(cause));
        }
        Ok(RepositoryConfig { spec, classes, preprocessing })
    }
}

/// A file that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{of}: {cause}")]
pub struct Unusable {
    of: Of,
    cause: String,
}

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Config,
    Preprocessor,
}

impl std::fmt::Display for Of {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Of::Config => "config.json",
            Of::Preprocessor => "preprocessor_config.json",
        })
    }
}

impl Unusable {
    fn of(of: Of) -> impl Fn(String) -> Self {
        move |cause| Unusable { of, cause }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let failed = |cause| resnet_checkpoint::Error::Read { path: path.to_owned(), cause };
    let unusable = |cause| Error::Config { path: path.to_owned(), cause };
    let bytes = resnet_files::read_at_most(path, LONGEST).map_err(failed)?;
    let bytes = bytes.ok_or_else(|| unusable(format!("it is longer than {LONGEST} bytes")))?;
    String::from_utf8(bytes).map_err(|_| unusable("it is no text in UTF-8".to_owned()))
}

/// Writes the `text` of a config and, by `weights`, the file that it describes. The config gets its name only
/// when the weights have theirs, so that neither lies beside another one's other half.
///
/// # Errors
/// That of `weights`, or if the config cannot be written; a file that was at `path` before is then unchanged.
pub fn write_config<T>(
    path: &Path,
    text: &str,
    weights: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let written = resnet_files::write_whole(path, |out| {
        out.write_all(text.as_bytes())?;
        weights().map_err(Unwritten::Weights)
    });
    written.map_err(|unwritten| match unwritten {
        Unwritten::Config(cause) => resnet_checkpoint::Error::Write { path: path.to_owned(), cause }.into(),
        Unwritten::Weights(error) => error,
    })
}

/// What of an export could not be written.
enum Unwritten {
    Config(std::io::Error),
    Weights(Error),
}

impl From<std::io::Error> for Unwritten {
    fn from(cause: std::io::Error) -> Self {
        Unwritten::Config(cause)
    }
}

fn object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("it is no JSON ({})", clip(&error.to_string(), 120)))?;
    if value.is_object() { Ok(value) } else { Err("it is no JSON object".to_owned()) }
}

/// The value of a key, as the expected type; `null` counts as absent.
fn key<T: serde::de::DeserializeOwned>(
    value: &Value,
    key: &str,
    expected: &str,
) -> Result<Option<T>, String> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(found) => T::deserialize(found).map(Some).map_err(|_| wrong(key, found, expected)),
    }
}

fn wrong(key: &str, found: &Value, expected: &str) -> String {
    format!("its {key} is {} and should be {expected}", clip(&found.to_string(), 60))
}

/// A number of classes.
fn classes(number: usize) -> Result<usize, String> {
    if (1..=MOST_CLASSES).contains(&number) {
        return Ok(number);
    }
    Err(format!("it has {number} classes, and networks here have 1 to {MOST_CLASSES}"))
}

/// The length of the shorter side of which `crop` is the fraction `pct`.
fn side_of(crop: usize, pct: f64) -> Result<usize, String> {
    let side = (crop as f64 / pct).floor();
    let fits = pct.is_finite() && pct > 0.0 && side < 1e9 && is_side(&(side as usize));
    if fits { Ok(side as usize) } else { Err(format!("its crop_pct is {pct:?}, which makes no image")) }
}

/// Mean and standard deviation under these keys, or `usual` if they are absent.
fn normalisation(
    value: &Value,
    [mean, std]: [&str; 2],
    usual: ([f32; 3], [f32; 3]),
) -> Result<([f32; 3], [f32; 3]), String> {
    let three = "a list of three numbers";
    let found = (
        key::<[f32; 3]>(value, mean, three)?.unwrap_or(usual.0),
        key::<[f32; 3]>(value, std, three)?.unwrap_or(usual.1),
    );
    if let Some(number) = found.0.iter().find(|m| m.is_finite() && m.abs() > 1.0) {
        return Err(format!("its {mean} has {number}, of pixels from 0 to 255, and pixels here are 0 to 1"));
    }
    if found.0.iter().all(|m| m.is_finite()) && found.1.iter().all(|s| s.is_finite() && *s > 0.0) {
        return Ok(found);
    }
    Err(format!("its {mean} or {std} holds a number that is not finite, or not above 0"))
}

fn interpolation(name: &str) -> Result<Resampling, String> {
    name.parse().map_err(|_| {
        format!("its interpolation is {}, and only bilinear and bicubic are built here", clip(name, 40))
    })
}

#[cfg(test)]
mod tests;
