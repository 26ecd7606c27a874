//! `Contents`: what a file holds, that is named arrays, strings, and what was ignored.

use std::collections::BTreeMap;
use std::fmt;

use crate::weights::Taken;

/// What a file holds, under its own names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// Arrays of floating-point numbers by name, as f32.
    pub tensors: BTreeMap<String, Array>,
    /// The strings of a safetensors header; [`Metadata`](crate::Metadata) understands them.
    pub metadata: BTreeMap<String, String>,
    /// Tensors that were not f32.
    pub converted: Converted,
    /// Tensors that were ignored.
    pub ignored: Ignored,
    /// Tensors that cannot be weights and were left out.
    pub left_out: Vec<LeftOut>,
    /// Which weights these are, if the file holds several sets.
    pub taken: Taken,
}

/// A tensor as plain data, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// Its values, as many as the product of the shape.
    pub values: Vec<f32>,
}

/// How many tensors were converted to f32, by their type.
pub type Converted = BTreeMap<Precision, usize>;

/// Floating-point types that are converted to f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// IEEE half; exact in f32.
    F16,
    /// The upper half of an f32; exact.
    Bf16,
    /// Rounded to the nearest f32, or to infinity.
    F64,
}

/// Counts of tensors that a network does not need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored {
    /// PyTorch's `num_batches_tracked` counters.
    pub batch_counters: usize,
    /// Tensors of the optimizer, in a checkpoint to resume from, and the gradients of a step that is not
    /// complete. [`keys::slot`](crate::keys::slot) recognises them.
    pub optimizer: usize,
    /// Tensors of the set of weights that was not taken, in a checkpoint to resume from: the moving average,
    /// or what it is the average of.
    pub other_weights: usize,
}

/// A tensor that cannot be weights: its elements are no floating-point numbers that can be read, or it is
/// sparse, quantised or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name in the file, shortened if it is long.
    pub name: String,
    /// Its type: `I64`, `BOOL`, `sparse`.
    pub what: String,
}

/// A tensor with numbers that are NaN or infinite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonFinite {
    /// Its name.
    pub name: String,
    /// How many of its numbers are NaN or infinite.
    pub count: usize,
}

impl Ignored {
    /// Whether a tensor of this name is ignored in any file, since it is a counter; if so, it is counted.
    pub(crate) fn count(&mut self, name: &str) -> bool {
        let is_counter = name.ends_with("num_batches_tracked");
        self.batch_counters += usize::from(is_counter);
        is_counter
    }
}

impl NonFinite {
    /// Counts the NaN and infinite numbers of array `name`; `None` if there are none.
    pub fn of(name: &str, values: &[f32]) -> Option<Self> {
        let count = values.iter().filter(|value| !value.is_finite()).count();
        (count > 0).then(|| NonFinite { name: name.to_owned(), count })
    }
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.count)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.what)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::F64 => "f64",
        })
    }
}
