//! `diverged.json`: what is known of the step in which a training diverged.

use serde::{Deserialize, Serialize};

/// The step in which the loss, a weight or a gradient was no longer a finite number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The message that ended the training.
    pub cause: String,
    /// Steps done before this one.
    pub step: u64,
    /// The epoch it belongs to, from 1.
    pub epoch: u64,
    /// Its place in the epoch, from 1.
    pub step_in_epoch: u64,
    /// The learning rate.
    pub rate: f64,
    /// The first layer, in the order of the forward pass, whose output is not finite; `None` if all outputs
    /// are finite.
    pub first_layer: Option<String>,
    /// The images of its batch, as a person finds them: files, or numbers in the training set.
    pub images: Vec<String>,
    /// Their labels.
    pub labels: Vec<u32>,
    /// The layers' outputs, in the order of the forward pass.
    pub layers: Vec<LayerOutput>,
    /// Weights and gradients, in the order of their names.
    pub variables: Vec<VariableExtremes>,
}

/// The output of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerOutput {
    /// The layer's name.
    pub layer: String,
    /// What it computes, such as `conv` or `norm + relu`.
    pub kind: String,
    /// The largest magnitude among its finite numbers.
    pub largest: f32,
    /// How many numbers are NaN or infinite.
    pub not_finite: u64,
}

/// The extremes of one variable, and of its gradient where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableExtremes {
    /// The variable's name.
    pub name: String,
    /// The largest magnitude among its finite numbers.
    pub largest: f32,
    /// How many of its numbers are NaN or infinite.
    pub not_finite: u64,
    /// The same of its gradient: largest magnitude, numbers that are not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient: Option<(f32, u64)>,
}
