//! Translates the keys of a recipe that say how a step is done: `[optimizer]`, `[loss]`, `[ema]`.

use resnet_ops::{ClassReduction, is_running_statistic};
use resnet_record::{ClassWeights, OptimizerKind, Recipe};

use crate::data::TrainingData;
use crate::optimizer::{
    AdamWConfig, LambConfig, Momentum, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, WeightDecayOn,
};
use crate::step::clip::Clip;
use crate::step::ema::{EmaConfig, EmaWarmup};
use crate::step::loss::{Loss, LossKind};
use crate::{Classifier, Error, Groups, StepConfig};

/// The parts of a step, by `[optimizer]`, `[loss]`, `[ema]` and `[stages]`. Balanced class weights come from
/// the class counts of `data`; the parts that `[stages]` names are those of `model`.
pub(crate) fn step_config(
    recipe: &Recipe,
    data: &dyn TrainingData,
    model: &dyn Classifier,
) -> Result<StepConfig, Error> {
    let optimizer = &recipe.optimizer;
    let clip = match (optimizer.clip_grad_norm, optimizer.clip_grad_value) {
        (norm, _) if norm > 0.0 => Clip::Norm(norm),
        (_, value) if value > 0.0 => Clip::Value(value),
        _ => Clip::None,
    };
    let ema = recipe.ema;
    let warmup = ema.warmup.then_some(EmaWarmup { gamma: ema.warmup_gamma, power: ema.warmup_power });
    Ok(StepConfig {
        loss: loss(recipe, data)?,
        clip,
        optimizer: self::optimizer(recipe),
        ema: ema.is_on().then_some(EmaConfig { decay: ema.decay, warmup }),
        groups: Groups::of(recipe, model)?,
    })
}

/// How many numbers a training by `recipe` keeps in memory beside the network's own: gradients in one buffer,
/// what the optimizer remembers of each parameter that trains, and the average of the weights if there is
/// one.
///
/// # Errors
/// If the recipe names a part that the network doesn't have.
pub fn state_len(recipe: &Recipe, model: &dyn Classifier) -> Result<u64, Error> {
    let groups = Groups::of(recipe, model)?;
    let (mut all, mut trained) = (0, 0);
    for (name, variable) in model.variables() {
        let len = variable.elem_count() as u64;
        all += len;
        trained += if is_running_statistic(name) || groups.factor(name).is_none() { 0 } else { len };
    }
    let slots = Optimizer::new(optimizer(recipe)).slots() as u64;
    Ok(all + slots * trained + if recipe.ema.is_on() { all } else { 0 })
}

/// `[optimizer]`.
fn optimizer(recipe: &Recipe) -> OptimizerConfig {
    let optimizer = &recipe.optimizer;
    let betas = optimizer.betas;
    let rule = match optimizer.kind {
        OptimizerKind::Sgd => RuleConfig::Sgd(SgdConfig {
            momentum: optimizer.momentum,
            kind: if optimizer.nesterov { Momentum::Nesterov } else { Momentum::Classic },
        }),
        OptimizerKind::AdamW => RuleConfig::AdamW(AdamWConfig { betas, eps: optimizer.eps.unwrap_or(1e-8) }),
        OptimizerKind::Lamb => RuleConfig::Lamb(LambConfig {
            betas,
            eps: optimizer.eps.unwrap_or(1e-6),
            max_grad_norm: Some(optimizer.max_grad_norm).filter(|most| *most > 0.0),
        }),
    };
    let weight_decay_on = match optimizer.weight_decay_on {
        resnet_record::WeightDecayOn::All => WeightDecayOn::All,
        resnet_record::WeightDecayOn::Weights => WeightDecayOn::Weights,
    };
    OptimizerConfig { rule, weight_decay: optimizer.weight_decay, weight_decay_on }
}

/// `[loss]`.
fn loss(recipe: &Recipe, data: &dyn TrainingData) -> Result<Loss, Error> {
    let loss = &recipe.loss;
    let kind = match loss.kind {
        resnet_record::LossKind::CrossEntropy => LossKind::CrossEntropy,
        resnet_record::LossKind::BinaryCrossEntropy => LossKind::BinaryCrossEntropy {
            classes: if loss.sum_classes { ClassReduction::Sum } else { ClassReduction::Mean },
            target_threshold: loss.target_threshold.map(|threshold| threshold as f32),
        },
    };
    let class_weights = match &loss.class_weights {
        ClassWeights::Equal => None,
        ClassWeights::Balanced => Some(balanced(&data.class_counts())),
        ClassWeights::Each(weights) if weights.len() != data.classes() => {
            return Err(Error::Setup(format!(
                "loss.class_weights has {} numbers, but {} has {} classes; give one for each, or \"balanced\"",
                weights.len(),
                data.origin(),
                data.classes()
            )));
        }
        ClassWeights::Each(weights) => Some(weights.iter().map(|&weight| weight as f32).collect()),
    };
    Ok(Loss { kind, class_weights })
}

/// Weights inverse to the classes' numbers of images, with mean 1 over images: n / (classes n_c). A class
/// without images has weight 0.
fn balanced(counts: &[u64]) -> Vec<f32> {
    let share = counts.iter().sum::<u64>() as f64 / counts.iter().filter(|&&count| count > 0).count() as f64;
    counts.iter().map(|&count| if count > 0 { (share / count as f64) as f32 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_have_the_same_sum() {
        let counts = [30, 10, 0, 20];
        let weights = balanced(&counts);
        assert_eq!(weights[2], 0.0, "nothing is divided by 0");
        for (weight, count) in weights.iter().zip(counts).filter(|(_, count)| *count > 0) {
            assert!((weight * count as f32 - 20.0).abs() < 1e-5, "{weights:?}");
        }
    }
}
