//! `[optimizer]`, `[loss]` and `[ema]`: the rule that moves the weights, the loss that it minimises, and the
//! moving average of the weights.

use serde::{Deserialize, Serialize};

use super::defaults::{is_default, is_one, one};

/// `[optimizer]`: the rule that moves the weights, and the bounds on their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerRecipe {
    /// The rule.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: OptimizerKind,
    /// SGD's mu in v = mu v + g, from 0 (plain gradient descent) to below 1; 0.9 by default.
    #[serde(default = "nine_tenths")]
    pub momentum: f64,
    /// SGD in Nesterov's form: w = w - lr (g + mu v) in place of w = w - lr v, where g has the weight decay
    /// in it.
    #[serde(default)]
    pub nesterov: bool,
    /// AdamW's and LAMB's decay rates of the running averages of the gradient and of its square, each from 0
    /// to below 1; 0.9 and 0.999 by default.
    #[serde(default = "betas", skip_serializing_if = "are_betas")]
    pub betas: [f64; 2],
    /// What keeps the divisor of AdamW and LAMB from 0; left out, the rule's own: 1e-8 (PyTorch's AdamW) or
    /// 1e-6 (timm's LAMB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eps: Option<f64>,
    /// LAMB's own bound on the norm of all gradients as one vector, 1 by default; 0 is none.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub max_grad_norm: f64,
    /// SGD: L2 penalty, weight_decay * w is added to the gradient of every parameter that decays. AdamW: lr *
    /// weight_decay * w is taken off. LAMB: weight_decay * w is added to the step before its trust ratio.
    pub weight_decay: f64,
    /// The parameters that decay.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weight_decay_on: WeightDecayOn,
    /// The largest norm of all gradients as one vector; 0 is none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clip_grad_norm: f64,
    /// The largest absolute value of each number of a gradient; 0 is none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clip_grad_value: f64,
}

impl OptimizerRecipe {
    /// Every key's default, with no weight decay.
    pub(super) fn defaults() -> OptimizerRecipe {
        OptimizerRecipe {
            kind: OptimizerKind::default(),
            momentum: nine_tenths(),
            nesterov: false,
            betas: betas(),
            eps: None,
            max_grad_norm: one(),
            weight_decay: 0.0,
            weight_decay_on: WeightDecayOn::default(),
            clip_grad_norm: 0.0,
            clip_grad_value: 0.0,
        }
    }
}

fn nine_tenths() -> f64 {
    0.9
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn are_betas(values: &[f64; 2]) -> bool {
    *values == betas()
}

/// The rule that moves the weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum, in PyTorch's form.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay (arXiv 1711.05101), in PyTorch's form.
    AdamW,
    /// Adam with a trust ratio for each parameter (arXiv 1904.00962), in timm's form.
    Lamb,
}

impl OptimizerKind {
    /// The word of a recipe.
    pub(super) fn word(self) -> &'static str {
        match self {
            OptimizerKind::Sgd => "sgd",
            OptimizerKind::AdamW => "adamw",
            OptimizerKind::Lamb => "lamb",
        }
    }
}

/// The parameters that decay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightDecayOn {
    /// All of them, norms and biases included, as in the paper.
    #[default]
    All,
    /// Those of two dimensions or more: neither norms nor biases, as timm decides it.
    Weights,
}

/// `[loss]`: the loss that a step minimises.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossRecipe {
    /// The formula.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: LossKind,
    /// Binary cross-entropy: whether an image's loss is the sum over its classes, and not their mean.
    #[serde(skip_serializing_if = "is_default")]
    pub sum_classes: bool,
    /// Binary cross-entropy: targets above it, after smoothing and mixing, become 1 and the others 0. Left
    /// out, targets stay what they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_threshold: Option<f64>,
    /// How much each class counts.
    #[serde(skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
}

/// The formula of a loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Softmax cross-entropy.
    #[default]
    CrossEntropy,
    /// Binary cross-entropy, each class on its own, as timm's `BinaryCrossEntropy` (arXiv 2110.00476).
    BinaryCrossEntropy,
}

/// How much each class counts in the loss: a word, or a list of a number for each class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum ClassWeights {
    /// All the same: `"equal"`.
    #[default]
    Equal,
    /// Inversely to its number of training images, with mean 1 over the images: `"balanced"`.
    Balanced,
    /// As listed.
    Each(Vec<f64>),
}

/// [`ClassWeights`] as TOML.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "class_weights must be \"equal\", \"balanced\" or a list of numbers")]
enum Written {
    Word(Word),
    List(Vec<f64>),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Equal,
    Balanced,
}

impl From<Written> for ClassWeights {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(Word::Equal) => ClassWeights::Equal,
            Written::Word(Word::Balanced) => ClassWeights::Balanced,
            Written::List(weights) => ClassWeights::Each(weights),
        }
    }
}

impl From<ClassWeights> for Written {
    fn from(weights: ClassWeights) -> Self {
        match weights {
            ClassWeights::Equal => Written::Word(Word::Equal),
            ClassWeights::Balanced => Written::Word(Word::Balanced),
            ClassWeights::Each(weights) => Written::List(weights),
        }
    }
}

/// `[ema]`: a moving average of the weights, running statistics included, which is evaluated beside them and
/// reported in their place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmaRecipe {
    /// The share of the average that a step keeps, from 0 to below 1; with 0, the default, there is no
    /// average.
    pub decay: f64,
    /// Whether that share rises over the first steps: 1 - (1 + t / gamma)^-power after t + 1 steps, up to
    /// `decay`.
    pub warmup: bool,
    /// gamma, in steps; 1 by default.
    pub warmup_gamma: f64,
    /// The exponent, power; 2/3 by default.
    pub warmup_power: f64,
}

impl Default for EmaRecipe {
    fn default() -> Self {
        EmaRecipe { decay: 0.0, warmup: false, warmup_gamma: 1.0, warmup_power: 2.0 / 3.0 }
    }
}

impl EmaRecipe {
    /// Whether an average is kept.
    pub fn is_on(&self) -> bool {
        self.decay > 0.0
    }
}
