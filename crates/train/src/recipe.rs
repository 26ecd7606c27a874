//! Translates the keys of a recipe about images, batches and their order into the values that a training
//! uses; `step_recipe` does so for the keys of a step.
//!
//! Durations become steps in `training_plan` and `schedule`, which need to know the length of an epoch.

use resnet_data::{LastBatch, Order};
use resnet_record::{
    EvalInterpolation, ImageCrop, ImageDecoding, ImageOrientation, ImagePolicy, ImagesRecipe, Recipe,
    Sampling, TrainInterpolation,
};
use resnet_vision::image::Orientation;
use resnet_vision::{
    Augmentation, ColorJitter, Crop, Decoding, EvalTransform, Filling, Flip, Interpolation,
    InterpolationChoice, Mix, Policy, RandAugment, RandomErasing, TrainTransform,
};

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
        interpolation: match images.evaluate.interpolation {
            EvalInterpolation::Bilinear => Interpolation::Bilinear,
            EvalInterpolation::Bicubic => Interpolation::Bicubic,
        },
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
        interpolation,
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
        interpolation: match interpolation {
            TrainInterpolation::Bilinear => InterpolationChoice::Bilinear,
            TrainInterpolation::Bicubic => InterpolationChoice::Bicubic,
            TrainInterpolation::Random => InterpolationChoice::Random,
        },
        flip: flip(recipe),
        policy: match auto_augment {
            ImagePolicy::None => Policy::None,
            ImagePolicy::RandAugment => Policy::RAND,
            ImagePolicy::TrivialAugment => Policy::Trivial,
            ImagePolicy::Timm(policy) => Policy::Timm(RandAugment {
                magnitude: policy.magnitude,
                magnitude_std: policy.magnitude_std,
                operations: policy.operations,
                probability: policy.probability,
            }),
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

/// `data.sampling`; repeated images stay within the images of an optimizer step.
pub(crate) fn order(recipe: &Recipe) -> Order {
    let step = recipe.train.batch_size.saturating_mul(recipe.train.grad_accum_steps as usize);
    match recipe.data.sampling {
        Sampling::Each => Order::Shuffled,
        Sampling::Balanced => Order::Balanced,
        Sampling::Repeated => Order::Repeated { times: 3, within: step },
    }
}

/// `train.last_batch`.
pub(crate) fn last_batch(recipe: &Recipe) -> LastBatch {
    match recipe.train.last_batch {
        resnet_record::LastBatch::Keep => LastBatch::Keep,
        resnet_record::LastBatch::Drop => LastBatch::Drop,
    }
}
