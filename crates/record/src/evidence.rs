//! What a run's page shows beside its numbers: predictions, images as they were trained on, layers, norms.
//!
//! None of it has a part in the training: a run without these files is as good, and so is its page.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

pub(crate) const PREDICTIONS: &str = "predictions.json";
pub(crate) const SAMPLES: &str = "samples.json";
pub(crate) const LAYERS: &str = "layers.json";
pub(crate) const NORMS: &str = "norms.jsonl";

/// Which images are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Held out of the training set.
    Validation,
    /// The test images.
    Test,
}

impl Split {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

/// `predictions.json`: the last evaluation, image by image as far as that is worth a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// The images it was on.
    pub split: Split,
    /// Steps done before it.
    pub step: u64,
    /// Epochs done before it; the last may be a part of one.
    pub epoch: u64,
    /// The classes in the order of their labels.
    pub classes: Vec<ClassResult>,
    /// Which classes were taken for which others, the most frequent first.
    pub confused: Vec<Confused>,
    /// The wrong answers that gave the label the lowest probability, the worst first.
    pub worst: Vec<Answer>,
    /// The answers whose two highest probabilities are closest, right or wrong.
    pub unsure: Vec<Answer>,
}

/// How the images of a class were classified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassResult {
    /// Its name.
    pub name: String,
    /// Its images.
    pub images: u64,
    /// Images that were classified correctly.
    pub correct: u64,
}

/// A class that was taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confused {
    /// The label.
    pub label: u32,
    /// The answer.
    pub answer: u32,
    /// How often.
    pub images: u64,
}

/// The answer to one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its number in the split, from 0; images that were left out as broken are not counted.
    pub image: u64,
    /// Its class.
    pub label: u32,
    /// The two most probable classes with their probabilities.
    pub guesses: [(u32, f64); 2],
    /// The probability of its class.
    pub label_probability: f64,
    /// What the network saw.
    pub picture: Picture,
}

/// An image as a data URL, for a page that loads nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// `data:image/png;base64,...`
    pub url: String,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

/// `samples.json`: training images of the first step as the network saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Each image with the name of its class; a mixed image has the class of its own label.
    pub images: Vec<(String, Picture)>,
    /// Whether mixup or CutMix put several into one.
    pub mixed: bool,
}

/// A row of `layers.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Its path in the network.
    pub name: String,
    /// What it computes, such as "conv 3x3".
    pub kind: String,
    /// Shape of its output for one image.
    pub output: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Multiply-adds for one image.
    pub multiply_adds: u64,
}

/// `norms.jsonl`: Euclidean norms of weights and gradients by layer, over the steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NormHistory {
    /// The layers in the order of the forward pass: the file's first line.
    pub layers: Vec<String>,
    /// The norms after each logged step: the file's other lines.
    pub steps: Vec<Norms>,
}

/// The norms of a step, in the order of the layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// Steps done, this one included.
    pub step: u64,
    /// The norm of each layer's weights after the step.
    pub weights: Vec<f32>,
    /// The norm of the loss's gradient with respect to these weights, as the optimizer got it.
    pub gradients: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NormLine {
    Layers { layers: Vec<String> },
    Step(Norms),
}

/// What a file of the folder holds; none if it is not there.
pub(crate) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>, Error> {
    let path = dir.join(name);
    let text = existing(fs::read_to_string(&path)).map_err(Error::io("read", &path))?;
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| Error::Damaged { path, cause: error.to_string() })
}

/// Writes a file of the folder in place of an older one.
pub(crate) fn keep<T: Serialize + ?Sized>(dir: &Path, name: &str, what: &T) -> Result<(), Error> {
    let path = dir.join(name);
    let text = json(&path, what)?;
    resnet_files::write_whole(&path, |out| out.write_all(text.as_bytes())).map_err(Error::io("write", path))
}

/// What is in `norms.jsonl`; a line that cannot be read, such as a torn last one, is left out.
pub(crate) fn norms(dir: &Path) -> Result<NormHistory, Error> {
    let path = dir.join(NORMS);
    let text = existing(fs::read_to_string(&path)).map_err(Error::io("read", &path))?.unwrap_or_default();
    let mut history = NormHistory::default();
    for (_, line) in norm_lines(&text) {
        match line {
            NormLine::Layers { layers } => history.layers = layers,
            NormLine::Step(norms) => history.steps.push(norms),
        }
    }
    Ok(history)
}

/// Adds a line to `norms.jsonl`, after the one that names the `layers`.
pub(crate) fn add_norms(dir: &Path, layers: &[String], norms: &Norms) -> Result<(), Error> {
    let path = dir.join(NORMS);
    let mut line = json(&path, norms)? + "\n";
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let mut file = file.map_err(Error::io("write", &path))?;
    if file.metadata().map_err(Error::io("read", &path))?.len() == 0 {
        let first = NormLine::Layers { layers: layers.to_vec() };
        line = json(&path, &first)? + "\n" + &line;
    }
    file.write_all(line.as_bytes()).map_err(Error::io("write", path))
}

/// Removes what was written after `step` steps, for a run that goes on from there.
pub(crate) fn rewind(dir: &Path, step: u64) -> Result<(), Error> {
    let predictions = read::<Predictions>(dir, PREDICTIONS);
    if !predictions.is_ok_and(|found| found.is_none_or(|found| found.step <= step)) {
        let path = dir.join(PREDICTIONS);
        existing(fs::remove_file(&path)).map_err(Error::io("remove", path))?;
    }
    let path = dir.join(NORMS);
    if let Some(bytes) = existing(fs::read(&path)).map_err(Error::io("read", &path))? {
        // Damaged lines are left out.
        let text = String::from_utf8_lossy(&bytes);
        let kept = norm_lines(&text).filter(|(_, line)| match line {
            NormLine::Layers { .. } => true,
            NormLine::Step(norms) => norms.step <= step,
        });
        let kept: String = kept.map(|(line, _)| line).collect();
        resnet_files::write_whole(&path, |out| out.write_all(kept.as_bytes()))
            .map_err(Error::io("write", path))?;
    }
    Ok(())
}

fn norm_lines(text: &str) -> impl Iterator<Item = (&str, NormLine)> {
    text.split_inclusive('\n').filter_map(|line| Some((line, serde_json::from_str(line.trim_end()).ok()?)))
}

/// What a file holds, or that it is not there.
fn existing<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn json<T: Serialize + ?Sized>(path: &Path, what: &T) -> Result<String, Error> {
    serde_json::to_string(what)
        .map_err(|error| Error::Damaged { path: path.to_owned(), cause: error.to_string() })
}
