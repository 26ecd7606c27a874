//! The optimizers: each a rule for one variable's numbers, in a file of its own.
//!
//! | rule | state, one number for each weight | as |
//! |---|---|---|
//! | [`SgdConfig`] | `momentum` | PyTorch's `SGD` |
//! | [`AdamWConfig`] | `exp_avg`, `exp_avg_sq` | PyTorch's `AdamW` |
//! | [`LambConfig`] | `exp_avg`, `exp_avg_sq` | timm's `Lamb` |
//!
//! A checkpoint holds the state as `optimizer.SLOT.VARIABLE`.

mod adamw;
mod lamb;
mod sgd;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use candle_core::{Result, Var};

pub use adamw::AdamWConfig;
pub use lamb::LambConfig;
pub use sgd::{Momentum, SgdConfig};

use crate::groups::Groups;
use crate::layout::{Layout, change};
use crate::step::gradients::Gradients;

/// A rule with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerConfig {
    /// The rule.
    pub rule: RuleConfig,
    /// Weight decay; its meaning is the rule's.
    pub weight_decay: f64,
    /// The variables that decay.
    pub weight_decay_on: WeightDecayOn,
}

/// The rule by which gradients move weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RuleConfig {
    /// Gradient descent with momentum.
    Sgd(SgdConfig),
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
    /// Adam with a trust ratio for each variable.
    Lamb(LambConfig),
}

/// Which variables decay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightDecayOn {
    /// All of them, as in the paper.
    #[default]
    All,
    /// Those of two dimensions or more: neither norms nor biases, as timm decides it.
    Weights,
}

/// What a rule knows of a step, beside a variable and its gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The learning rate.
    pub(crate) rate: f64,
    /// Weight decay of this variable.
    pub(crate) weight_decay: f64,
    /// Updates so far, this one included.
    pub(crate) number: u64,
    /// The rule's own [`Rule::divisor`] of this step's gradients.
    pub(crate) divisor: f32,
}

/// A rule for one variable.
trait Rule: fmt::Debug + Send + Sync {
    /// The names of the state that it keeps.
    fn slots(&self) -> &'static [&'static str];

    /// What every gradient is divided by; it may depend on all of them.
    fn divisor(&self, _gradients: &Gradients) -> f32 {
        1.0
    }

    /// Moves the weights `w`, whose gradient is `g`. `slots` is the state in the order of [`Rule::slots`],
    /// all 0 at first.
    fn update(&self, step: &Step, w: &mut [f32], g: &[f32], slots: &mut [Vec<f32>]);
}

/// An optimizer with its state.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
/// use candle_core::{Device, Var};
/// use resnet_train::{
///     Gradients, Layout, Momentum, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, WeightDecayOn,
/// };
///
/// let w = Var::new(&[1.0f32], &Device::Cpu)?;
/// let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
/// let rule = RuleConfig::Sgd(SgdConfig { momentum: 0.9, kind: Momentum::Classic });
/// let config = OptimizerConfig { rule, weight_decay: 0.0, weight_decay_on: WeightDecayOn::All };
/// let mut optimizer = Optimizer::new(config);
/// let mut gradients = Gradients::new(Arc::new(Layout::of(&variables)));
/// for _ in 0..2 {
///     let loss = (w.as_tensor() * 2.0)?.sum_all()?; // gradient 2
///     gradients.clear();
///     gradients.add(&variables, &loss.backward()?, 1.0)?;
///     optimizer.step(&variables, &gradients, 0.1)?;
/// }
/// // v = 2, then 0.9 * 2 + 2 = 3.8; w = 1 - 0.1 * 2 - 0.1 * 3.8
/// assert!((w.to_vec1::<f32>()?[0] - 0.42).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Optimizer {
    rule: Box<dyn Rule>,
    weight_decay: f64,
    weight_decay_on: WeightDecayOn,
    groups: Arc<Groups>,
    /// For each variable that has had a gradient, an array for each of the rule's slots, in their order.
    state: BTreeMap<String, Vec<Vec<f32>>>,
    updates: u64,
}

impl Optimizer {
    /// An optimizer that has seen nothing.
    pub fn new(config: OptimizerConfig) -> Optimizer {
        let rule: Box<dyn Rule> = match config.rule {
            RuleConfig::Sgd(rule) => Box::new(rule),
            RuleConfig::AdamW(rule) => Box::new(rule),
            RuleConfig::Lamb(rule) => Box::new(rule),
        };
        let OptimizerConfig { weight_decay, weight_decay_on, .. } = config;
        let (groups, state) = Default::default();
        Optimizer { rule, weight_decay, weight_decay_on, groups, state, updates: 0 }
    }

    /// The same for variables that do not all train, or not at the same rate, as PyTorch's parameter groups.
    #[must_use]
    pub fn with_groups(mut self, groups: Arc<Groups>) -> Optimizer {
        self.groups = groups;
        self
    }

    /// Moves every variable that has a gradient and trains, and returns how many those were.
    ///
    /// # Errors
    /// If a variable is not f32 or not on the CPU.
    pub fn step(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradients: &Gradients,
        rate: f64,
    ) -> Result<usize> {
        self.updates += 1;
        let divisor = self.rule.divisor(gradients);
        let mut moved = 0;
        for (place, g) in gradients.iter() {
            let (Some(w), Some(factor)) = (variables.get(&place.name), self.groups.factor(&place.name))
            else {
                continue;
            };
            let decays = match self.weight_decay_on {
                WeightDecayOn::All => true,
                WeightDecayOn::Weights => place.shape.len() > 1,
            };
            let weight_decay = if decays { self.weight_decay } else { 0.0 };
            let step = Step { rate: rate * factor, weight_decay, number: self.updates, divisor };
            if !self.state.contains_key(&place.name) {
                let zeros = self.rule.slots().iter().map(|_| vec![0.0; g.len()]);
                self.state.insert(place.name.clone(), zeros.collect());
            }
            if let Some(slots) = self.state.get_mut(&place.name) {
                change(w, |w| self.rule.update(&step, w, g, slots))?;
                moved += 1;
            }
        }
        Ok(moved)
    }

    /// How many arrays the rule keeps for each variable that trains, each of the variable's size.
    pub fn slots(&self) -> usize {
        self.rule.slots().len()
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The state: slot, variable, numbers.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, &str, &[f32])> {
        self.state.iter().flat_map(|(name, slots)| {
            let named = self.rule.slots().iter().zip(slots);
            named.map(move |(slot, values)| (*slot, name.as_str(), values.as_slice()))
        })
    }

    /// Goes on after `updates` with the state of a checkpoint, by slot and variable.
    pub(crate) fn restore(
        &mut self,
        updates: u64,
        layout: &Layout,
        mut slots: BTreeMap<String, BTreeMap<String, Vec<f32>>>,
    ) {
        self.updates = updates;
        self.state.clear();
        for place in layout.places() {
            let state = self.rule.slots().iter().map(|slot| slots.get_mut(*slot)?.remove(&place.name));
            if let Some(state) = state.collect::<Option<_>>() {
                self.state.insert(place.name.clone(), state);
            }
        }
    }
}

/// The two moments that Adam keeps.
fn moments(slots: &mut [Vec<f32>]) -> Option<(&mut [f32], &mut [f32])> {
    match slots {
        [first, second] => Some((first, second)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles for what threads can share.
    fn can_be_shared(_: &(impl Send + Sync)) {}

    #[test]
    fn an_optimizer_can_be_shared_by_threads() {
        let rule = RuleConfig::Sgd(SgdConfig { momentum: 0.9, kind: Momentum::Classic });
        let config = OptimizerConfig { rule, weight_decay: 0.0, weight_decay_on: WeightDecayOn::All };
        can_be_shared(&Optimizer::new(config));
    }
}
