//! A plan for readers: as the layers of a summary, and as text with a line per step.

use std::fmt;

use super::Plan;
use super::step::{LayerRole, Step};
use super::value::Value;

/// A layer as a summary shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// The dotted name its parameters have in checkpoints; empty for a layer without parameters.
    pub name: String,
    /// What it does, in words: `conv 3x3`, `batch norm + relu`, `add`, ...
    pub kind: String,
    /// Its part in a network, for programs.
    pub role: LayerRole,
    /// The output's dimensions without the batch.
    pub output: Vec<usize>,
    /// Parameters, frozen ones included; running statistics are not counted.
    pub parameters: usize,
    /// Multiply-adds per image, of convolutions and linear layers only (what the literature counts).
    pub multiply_adds: u64,
}

impl Plan {
    /// The layers in order, for summaries.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let describe = |step: &Step| LayerInfo {
            name: step.name.clone(),
            kind: step.kind(),
            role: step.role(),
            output: self.shape(step.output).dims()[1..].to_vec(),
            parameters: step.params.iter().map(|param| self.params[param.0].elem_count()).sum(),
            multiply_adds: step.multiply_adds(),
        };
        self.steps.iter().map(describe).collect()
    }
}

/// A line per value, in the order in which they are set: its number and shape, what sets it, from which
/// values, and which values the step's backward pass reads.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Value(input) in &self.inputs {
            writeln!(f, "%{input} {:?} = input", self.shapes[*input].dims())?;
        }
        for step in &self.steps {
            let Value(output) = step.output;
            write!(f, "%{output} {:?} = ", self.shapes[output].dims())?;
            if !step.name.is_empty() {
                write!(f, "{}: ", step.name)?;
            }
            write!(f, "{} ({})", step.kind(), list(&step.inputs))?;
            match step.kept() {
                [] => writeln!(f)?,
                kept => writeln!(f, ", keeps {}", list(kept))?,
            }
        }
        writeln!(f, "return %{}", self.output.0)
    }
}

fn list(values: &[Value]) -> String {
    values.iter().map(|Value(value)| format!("%{value}")).collect::<Vec<_>>().join(", ")
}
