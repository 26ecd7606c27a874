//! `Metadata`: a checkpoint's description of itself, as strings in the safetensors header.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::text::clip;

/// The version of this list of keys.
const FORMAT_VERSION: &str = "1";
/// The keys of the table of [`Metadata`] but those of [`Preprocessing`].
const OURS: [&str; 7] = ["format_version", "producer", "format", "model", "classes", "recipe", "metrics"];
/// The longest side of an image that is accepted, so that a file cannot claim memory for a larger one.
const LONGEST_SIDE: usize = 8192;

/// A checkpoint's description of itself, as strings in the safetensors header; any field may be absent.
///
/// | key | value |
/// |---|---|
/// | `format_version` | `1`; without it, the other keys belong to another program and are not read |
/// | `producer` | the program that wrote the file, such as `resnet-models 0.1.0` |
/// | `format` | `pt`, as other readers expect: shapes and names are PyTorch's |
/// | `model` | the registry's name, such as `resnet20-v2` |
/// | `classes` | names of the classes, a JSON list of strings |
/// | `input` | input of the network, a JSON list `[3, height, width]` |
/// | `resize` | the shorter side of an image after resizing, in pixels |
/// | `interpolation` | how images are resized: `bilinear` or `bicubic` |
/// | `crop` | side of the square that is cropped from the centre, in pixels |
/// | `mean`, `std` | subtracted from `byte / 255`, and divisor of the difference; JSON lists of 3 numbers |
/// | `recipe` | the recipe of the training, as TOML |
/// | `metrics` | measured scores, as JSON |
///
/// The keys from `input` to `std` come together or not at all. Recipe and metrics are opaque here, and keys
/// that are not listed are kept as they are, but for the checksum of the tensors
/// ([`keys::CHECKSUM`](crate::keys::CHECKSUM)), which reading checks and leaves out.
///
/// ```
/// use resnet_checkpoint::{Resampling, Metadata, Preprocessing};
///
/// let metadata = Metadata {
///     model: Some("resnet20-v2".into()),
///     classes: Some(vec!["cat".into(), "dog".into()]),
///     preprocessing: Some(Preprocessing {
///         input: [3, 32, 32],
///         resize: 32,
///         interpolation: Resampling::Bilinear,
///         crop: 32,
///         mean: [0.485, 0.456, 0.406],
///         std: [0.229, 0.224, 0.225],
///     }),
///     ..Metadata::default()
/// };
/// let strings = metadata.to_map();
/// assert_eq!(strings["mean"], "[0.485,0.456,0.406]");
/// assert_eq!(Metadata::parse(&strings)?.preprocessing, metadata.preprocessing);
/// # Ok::<(), resnet_checkpoint::Fault>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// The registry's name.
    pub model: Option<String>,
    /// Names of the classes, in the order of the logits.
    pub classes: Option<Vec<String>>,
    /// How an image becomes an input.
    pub preprocessing: Option<Preprocessing>,
    /// The recipe as TOML.
    pub recipe: Option<String>,
    /// Measured scores, as JSON.
    pub metrics: Option<String>,
    /// The program that wrote the file; this crate, if none is given.
    pub producer: Option<String>,
    /// All other keys.
    pub other: BTreeMap<String, String>,
}

/// From a decoded image to the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// Channels, height, width.
    pub input: [usize; 3],
    /// The shorter side after resizing, in pixels.
    pub resize: usize,
    /// How the image is resized.
    pub interpolation: Resampling,
    /// Side of the square that is cropped from the centre, in pixels.
    pub crop: usize,
    /// Per-channel mean of `byte / 255`, which is subtracted: red, green, blue.
    pub mean: [f32; 3],
    /// Per-channel standard deviation, which divides the difference; positive.
    pub std: [f32; 3],
}

/// The filter that images are resized with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Triangle.
    Bilinear,
    /// Cubic.
    Bicubic,
}

/// Why metadata cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A malformed value.
    #[error(
        "the metadata's {key} is {value:?} and should be {expected}; write the file again with another value"
    )]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// Only some of the keys that belong together.
    #[error(
        "the metadata has {present} but no {absent}, and the keys input, resize, interpolation, crop, mean and std come together; write the file again with all of them"
    )]
    Incomplete {
        /// A key that is present.
        present: &'static str,
        /// A key that is missing.
        absent: &'static str,
    },
}

impl Metadata {
    /// Parses the strings of a header. Without `format_version` they belong to another program, and all of
    /// them go to [`Metadata::other`].
    ///
    /// # Errors
    /// If a value has another form than the table of [`Metadata`] says, or preprocessing is described in
    /// part.
    pub fn parse(strings: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let mut other = strings.clone();
        let Some(version) = other.remove("format_version") else {
            return Ok(Metadata { other, ..Metadata::default() });
        };
        if version != FORMAT_VERSION {
            let expected = "1, the only version known here; a newer program may read it";
            return Err(fault("format_version", &version, expected));
        }
        other.remove("format");
        let classes = other.remove("classes").map(|text| {
            let names: Option<Vec<String>> = serde_json::from_str(&text).ok();
            let names = names.filter(|names| !names.is_empty());
            names.ok_or_else(|| fault("classes", &text, "a JSON list of at least one string"))
        });
        Ok(Metadata {
            model: other.remove("model"),
            classes: classes.transpose()?,
            preprocessing: Preprocessing::take(&mut other)?,
            recipe: other.remove("recipe"),
            metrics: other.remove("metrics"),
            producer: other.remove("producer"),
            other,
        })
    }

    /// The strings for a header. Keys of the table of [`Metadata`] that are in [`Metadata::other`] are left
    /// out: there they belong to another program, and beside this `format_version` they would be mistaken for
    /// ours.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut strings = self.other.clone();
        strings
            .retain(|key, _| !OURS.contains(&key.as_str()) && !Preprocessing::KEYS.contains(&key.as_str()));
        let mut put = |key: &str, value: String| strings.insert(key.to_owned(), value);
        put("format_version", FORMAT_VERSION.to_owned());
        put("format", "pt".to_owned());
        let own = || concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        put("producer", self.producer.clone().unwrap_or_else(own));
        let texts = [("model", &self.model), ("recipe", &self.recipe), ("metrics", &self.metrics)];
        for (key, text) in texts {
            if let Some(text) = text {
                put(key, text.clone());
            }
        }
        if let Some(classes) = &self.classes {
            put("classes", serde_json::Value::from(classes.clone()).to_string());
        }
        if let Some(preprocessing) = &self.preprocessing {
            let Preprocessing { input, resize, interpolation, crop, mean, std } = preprocessing;
            put("input", list(input));
            put("resize", resize.to_string());
            put("interpolation", interpolation.to_string());
            put("crop", crop.to_string());
            put("mean", list(mean));
            put("std", list(std));
        }
        strings
    }
}

impl Preprocessing {
    const KEYS: [&str; 6] = ["input", "resize", "interpolation", "crop", "mean", "std"];

    fn take(strings: &mut BTreeMap<String, String>) -> Result<Option<Self>, Fault> {
        let Some(present) = Self::KEYS.into_iter().find(|key| strings.contains_key(*key)) else {
            return Ok(None);
        };
        let mut take = |key: &'static str| {
            strings.remove(key).ok_or(Fault::Incomplete { present, absent: key }).map(|text| (key, text))
        };
        Ok(Some(Preprocessing {
            input: json(
                take("input")?,
                "a JSON list [3, height, width]",
                |[channels, height, width]: &[usize; 3]| *channels == 3 && is_side(height) && is_side(width),
            )?,
            resize: json(take("resize")?, "a number of pixels from 1 to 8192", is_side)?,
            interpolation: take("interpolation").and_then(|(_, text)| text.parse())?,
            crop: json(take("crop")?, "a number of pixels from 1 to 8192", is_side)?,
            // A mean above 1 is of pixels from 0 to 255.
            mean: json(take("mean")?, "a JSON list of three numbers from -1 to 1", |mean: &[f32; 3]| {
                mean.iter().all(|m| m.abs() <= 1.0)
            })?,
            std: json(take("std")?, "a JSON list of three finite numbers above 0", |std: &[f32; 3]| {
                std.iter().all(|s| s.is_finite() && *s > 0.0)
            })?,
        }))
    }
}

impl FromStr for Resampling {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "bilinear" => Ok(Resampling::Bilinear),
            "bicubic" => Ok(Resampling::Bicubic),
            _ => Err(fault("interpolation", text, "bilinear or bicubic")),
        }
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resampling::Bilinear => "bilinear",
            Resampling::Bicubic => "bicubic",
        })
    }
}

/// Whether this many pixels are allowed as the side of an image: 1 to 8192.
pub fn is_side(pixels: &usize) -> bool {
    (1..=LONGEST_SIDE).contains(pixels)
}

fn json<T: DeserializeOwned>(
    (key, text): (&'static str, String),
    expected: &'static str,
    fits: impl Fn(&T) -> bool,
) -> Result<T, Fault> {
    serde_json::from_str(&text).ok().filter(fits).ok_or_else(|| fault(key, &text, expected))
}

/// A JSON list. `Display` of a float gives the digits that read back as the same bits.
fn list<T: ToString>(numbers: &[T]) -> String {
    let digits: Vec<String> = numbers.iter().map(T::to_string).collect();
    format!("[{}]", digits.join(","))
}

fn fault(key: &'static str, value: &str, expected: &'static str) -> Fault {
    Fault::Value { key, value: clip(value, 80), expected }
}

#[cfg(test)]
mod tests;
