//! Whether `[optimizer]`, `[loss]`, `[stages]` and `[ema]` have values in their ranges that go together.

use super::validate::Check;
use super::{
    ClassWeights, EmaRecipe, FrozenNorms, LossKind, LossRecipe, OptimizerKind, OptimizerRecipe, Recipe,
    Sampling, StagesRecipe,
};
use crate::Error;

impl Recipe {
    pub(super) fn validate_step(&self, check: Check<'_>) -> Result<(), Error> {
        self.validate_optimizer(check)?;
        self.validate_optimizers_own_keys(check)?;
        self.validate_loss(check)?;
        self.validate_stages(check)?;
        let ema = self.ema;
        check((0.0..1.0).contains(&ema.decay), &|| {
            format!("ema.decay is {}; it must be in [0, 1), and 0 keeps no average", ema.decay)
        })?;
        check(ema.is_on() || !ema.warmup, &|| "ema.warmup is true, which needs an ema.decay above 0".into())?;
        let plain = EmaRecipe::default();
        for (key, value, default) in [
            ("warmup_gamma", ema.warmup_gamma, plain.warmup_gamma),
            ("warmup_power", ema.warmup_power, plain.warmup_power),
        ] {
            check(value.is_finite() && value > 0.0, &|| format!("ema.{key} is {value}; it must be above 0"))?;
            check(ema.warmup || is_same(value, default), &|| {
                format!("ema.{key} is given without ema.warmup; set ema.warmup to true, or leave {key} out")
            })?;
        }
        // So many that no data set has them, and that a count of them is still exact as TOML's integer.
        let images = self.train.update_bn_images;
        check(images <= 1_000_000_000, &|| {
            format!("train.update_bn_images is {images}; a few thousand are enough")
        })
    }

    fn validate_optimizer(&self, check: Check<'_>) -> Result<(), Error> {
        let OptimizerRecipe {
            kind,
            momentum,
            nesterov,
            betas,
            eps,
            max_grad_norm,
            weight_decay,
            weight_decay_on: _,
            clip_grad_norm,
            clip_grad_value,
        } = self.optimizer;
        check((0.0..1.0).contains(&momentum), &|| {
            format!("optimizer.momentum is {momentum}; it must be in [0, 1)")
        })?;
        check(momentum > 0.0 || !nesterov, &|| {
            "optimizer.nesterov is true, which needs a momentum above 0".into()
        })?;
        check(kind == OptimizerKind::Sgd || !nesterov, &|| {
            "optimizer.nesterov is true, which only optimizer.kind = \"sgd\" can have; remove it".into()
        })?;
        check(betas.iter().all(|beta| (0.0..1.0).contains(beta)), &|| {
            format!("optimizer.betas are {} and {}; each must be in [0, 1)", betas[0], betas[1])
        })?;
        check(eps.is_none_or(|eps| eps.is_finite() && eps > 0.0), &|| {
            format!("optimizer.eps is {}; it must be above 0", eps.unwrap_or_default())
        })?;
        for (key, value) in [
            ("weight_decay", weight_decay),
            ("max_grad_norm", max_grad_norm),
            ("clip_grad_norm", clip_grad_norm),
            ("clip_grad_value", clip_grad_value),
        ] {
            check(value.is_finite() && value >= 0.0, &|| {
                format!("optimizer.{key} is {value}; it must be 0 or more")
            })?;
        }
        check(clip_grad_norm == 0.0 || clip_grad_value == 0.0, &|| {
            "optimizer.clip_grad_norm and optimizer.clip_grad_value are both given; set one of them to 0"
                .into()
        })
    }

    /// Whether keys that only some optimizers read have their defaults with the others. Momentum is always
    /// written into a run's recipe, so its default is no sign that somebody gave it.
    fn validate_optimizers_own_keys(&self, check: Check<'_>) -> Result<(), Error> {
        let own = &self.optimizer;
        let is_sgd = own.kind == OptimizerKind::Sgd;
        let is_lamb = own.kind == OptimizerKind::Lamb;
        let (kind, plain) = (own.kind.word(), OptimizerRecipe::defaults());
        let has_betas = own.betas.iter().zip(plain.betas).all(|(value, plain)| is_same(*value, plain));
        for (key, fits, whose) in [
            ("momentum", is_sgd || is_same(own.momentum, plain.momentum), "sgd"),
            ("betas", !is_sgd || has_betas, "adamw and lamb"),
            ("eps", !is_sgd || own.eps.is_none(), "adamw and lamb"),
            ("max_grad_norm", is_lamb || is_same(own.max_grad_norm, plain.max_grad_norm), "lamb"),
        ] {
            check(fits, &|| {
                format!("optimizer.{key} is for {whose}, and optimizer.kind is \"{kind}\"; leave {key} out")
            })?;
        }
        Ok(())
    }

    /// Names of parts are not checked here: the trainer compares them with the network's.
    fn validate_stages(&self, check: Check<'_>) -> Result<(), Error> {
        let StagesRecipe { freeze_until, frozen_norms, lr_decay, lr_factors } = &self.stages;
        check(freeze_until.is_some() || *frozen_norms == FrozenNorms::Stay, &|| {
            "stages.frozen_norms is \"move\", but nothing is frozen; set stages.freeze_until".into()
        })?;
        check(*lr_decay > 0.0 && *lr_decay <= 1.0, &|| {
            format!("stages.lr_decay is {lr_decay}; it must be above 0 and at most 1")
        })?;
        check(*lr_decay == 1.0 || lr_factors.is_empty(), &|| {
            "stages.lr_decay and stages.lr_factors are both given; leave one of them out".into()
        })?;
        lr_factors.iter().try_for_each(|(part, factor)| {
            check(factor.is_finite() && *factor > 0.0, &|| {
                format!(
                    "stages.lr_factors.{part} is {factor}; it must be above 0, and what is not to train is frozen by \
                     stages.freeze_until"
                )
            })
        })
    }

    fn validate_loss(&self, check: Check<'_>) -> Result<(), Error> {
        let LossRecipe { kind, sum_classes, target_threshold, class_weights } = &self.loss;
        let is_binary = *kind == LossKind::BinaryCrossEntropy;
        check(is_binary || (!sum_classes && target_threshold.is_none()), &|| {
            "loss.sum_classes and loss.target_threshold need loss.kind = \"binary-cross-entropy\"".into()
        })?;
        check(target_threshold.is_none_or(|threshold| (0.0..1.0).contains(&threshold)), &|| {
            let threshold = target_threshold.unwrap_or_default();
            format!("loss.target_threshold is {threshold}; it must be in [0, 1)")
        })?;
        check(*class_weights != ClassWeights::Balanced || self.data.sampling != Sampling::Balanced, &|| {
            "loss.class_weights and data.sampling are both \"balanced\", which would count rare classes twice; leave one \
             of them out"
                .into()
        })?;
        if let ClassWeights::Each(weights) = class_weights {
            // Cross-entropy is a weighted mean over images, and images that all weigh nothing have none.
            let least = if is_binary { 0.0 } else { f64::MIN_POSITIVE };
            let good = |weight: &f64| weight.is_finite() && *weight >= least;
            check(
                weights.iter().all(good) && weights.iter().any(|weight| *weight > 0.0),
                &|| match is_binary {
                    true => "loss.class_weights must be 0 or more, and one of them above 0".into(),
                    false => "loss.class_weights must be above 0; to leave a class out, leave out its images"
                        .into(),
                },
            )?;
        }
        Ok(())
    }
}

/// Whether a value is its default, to the bit.
fn is_same(value: f64, default: f64) -> bool {
    value.to_bits() == default.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_another_optimizer_are_refused() {
        for (assignments, words) in [
            (&["optimizer.max_grad_norm=2"][..], "optimizer.max_grad_norm is for lamb"),
            (&["optimizer.betas=[0.8, 0.9]"], "optimizer.betas is for adamw and lamb"),
            (&["optimizer.eps=1e-3"], "optimizer.kind is \"sgd\"; leave eps out"),
            (&["optimizer.kind=adamw", "optimizer.momentum=0.5"], "optimizer.momentum is for sgd"),
            (&["optimizer.kind=adamw", "optimizer.max_grad_norm=0"], "optimizer.kind is \"adamw\""),
            (&["ema.decay=0.9", "ema.warmup_gamma=2"], "ema.warmup_gamma is given without ema.warmup"),
            (&["data.validation=0", "train.best_by=loss"], "set data.validation"),
        ] {
            let mut recipe = Recipe::built_in("quick-start").unwrap();
            let message = recipe.set_all(assignments).unwrap_err().to_string();
            assert!(message.contains(words), "{assignments:?}: {message}");
        }
        for assignments in [
            &["optimizer.momentum=0.5"][..],
            &["optimizer.kind=adamw", "optimizer.betas=[0.8, 0.9]", "optimizer.eps=1e-3"],
            &["optimizer.kind=lamb", "optimizer.max_grad_norm=2", "optimizer.momentum=0.9"],
            &["ema.decay=0.9", "ema.warmup=true", "ema.warmup_gamma=2"],
        ] {
            let mut recipe = Recipe::built_in("quick-start").unwrap();
            recipe.set_all(assignments).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
