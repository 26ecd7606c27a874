//! Translates the keys of a recipe into the values that a training uses. No other file does.
//!
//! Durations become steps in `plan` and `schedule`, which need to know the length of an epoch.

use resnet_data::LastBatch;
use resnet_ops::ClassReduction;
use resnet_record::{
    ClassWeights, ImageCrop, ImageDecoding, ImageOrientation, ImagePolicy, ImagesRecipe, OptimizerKind,
    Recipe,
};
use resnet_vision::image::Orientation;
use resnet_vision::{
    Augmentation, ColorJitter, Crop, Decoding, EvalTransform, Filling, Flip, Interpolation, Mix, Policy,
    RandomErasing, TrainTransform,
};

use crate::data::TrainingData;
use crate::optimizer::{
    AdamWConfig, LambConfig, Momentum, OptimizerConfig, RuleConfig, SgdConfig, WeightDecayOn,
};
use crate::step::clip::Clip;
use crate::step::ema::{EmaConfig, EmaWarmup};
use crate::step::loss::{Loss, LossKind};
use crate::{Error, StepConfig};

/// `data.mean` and `data.std`.
pub fn normalisation(recipe: &Recipe) -> resnet_vision::Normalisation {
    resnet_vision::Normalisation {
        mean: recipe.data.mean.map(|mean| mean as f32),
        std: recipe.data.std.map(|std| std as f32),
    }
}

/// `images.evaluate`: how images in files are evaluated; `None` for a recipe of images in memory.
pub fn eval_transform(recipe: &Recipe) -> Option<EvalTransform> {
    let images = recipe.images?;
    Some(EvalTransform {
        resize: images.evaluate.resize,
        crop: images.evaluate.crop,
        interpolation: Interpolation::Bilinear,
        normalisation: normalisation(recipe),
    })
}

/// `images.orientation`: whether EXIF orientation is applied; `None` for a recipe of images in memory.
pub fn orientation(recipe: &Recipe) -> Option<Orientation> {
    Some(match recipe.images?.orientation {
        ImageOrientation::Apply => Orientation::Apply,
        ImageOrientation::Ignore => Orientation::Ignore,
    })
}

/// `[images]` and `augmentation.flip`: how images in files are augmented; `None` for images in memory.
pub(crate) fn train_transform(recipe: &Recipe) -> Option<TrainTransform> {
    let ImagesRecipe {
        image_size,
        decode,
        orientation: _,
        crop,
        color_jitter: jitter,
        lighting,
        auto_augment,
        random_erasing,
        evaluate: _,
    } = recipe.images?;
    Some(TrainTransform {
        decoding: match decode {
            ImageDecoding::Exact => Decoding::Exact,
            ImageDecoding::Scaled => Decoding::Scaled,
        },
        crop: match crop {
            ImageCrop::ScaleAugmentation => Crop::PAPER,
            ImageCrop::RandomResizedCrop => Crop::INCEPTION,
        },
        side: image_size,
        interpolation: Interpolation::Bilinear,
        flip: flip(recipe),
        policy: match auto_augment {
            ImagePolicy::None => Policy::None,
            ImagePolicy::RandAugment => Policy::RAND,
            ImagePolicy::TrivialAugment => Policy::Trivial,
        },
        jitter: ColorJitter { brightness: jitter, contrast: jitter, saturation: jitter, hue: 0.0 },
        lighting,
        erasing: (random_erasing > 0.0)
            .then_some(RandomErasing { probability: random_erasing, filling: Filling::Mean }),
    })
}

/// `augmentation.pad_crop` and `augmentation.flip`: how images in memory are augmented.
pub(crate) fn augmentation(recipe: &Recipe) -> Augmentation {
    match (recipe.augmentation.pad_crop, flip(recipe)) {
        (0, Flip::Never) => Augmentation::None,
        (padding, flip) => Augmentation::PadCropFlip { padding, flip },
    }
}

fn flip(recipe: &Recipe) -> Flip {
    match recipe.augmentation.flip {
        resnet_record::Flip::None => Flip::Never,
        resnet_record::Flip::Horizontal => Flip::Half,
    }
}

/// `augmentation.mixup` and `augmentation.cutmix`.
pub(crate) fn mix(recipe: &Recipe) -> Option<Mix> {
    let (mixup, cutmix) = (recipe.augmentation.mixup, recipe.augmentation.cutmix);
    match (mixup > 0.0, cutmix > 0.0) {
        (false, false) => None,
        (true, false) => Some(Mix::Mixup { alpha: mixup }),
        (false, true) => Some(Mix::CutMix { alpha: cutmix }),
        (true, true) => Some(Mix::Either { mixup, cutmix }),
    }
}

/// `train.last_batch`.
pub(crate) fn last_batch(recipe: &Recipe) -> LastBatch {
    match recipe.train.last_batch {
        resnet_record::LastBatch::Keep => LastBatch::Keep,
        resnet_record::LastBatch::Drop => LastBatch::Drop,
    }
}

/// The parts of a step: `[optimizer]`, `[loss]`, `[ema]` and what `[train]` says of gradients. The classes'
/// balance is that of `data`.
pub(crate) fn step(recipe: &Recipe, data: &dyn TrainingData) -> Result<StepConfig, Error> {
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
    })
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
