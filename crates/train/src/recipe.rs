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

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(name: &str, changes: &[&str]) -> Recipe {
        let mut recipe = Recipe::built_in(name).unwrap();
        recipe.set_all(changes).unwrap();
        recipe
    }

    #[test]
    fn the_papers_recipes_augment_as_the_paper_does() {
        let cifar = recipe("cifar10-resnet110-v2", &[]);
        assert_eq!(augmentation(&cifar), Augmentation::PadCropFlip { padding: 4, flip: Flip::Half });
        assert_eq!((mix(&cifar), order(&cifar)), (None, Order::Shuffled));
        let imagenet = recipe("imagenet-resnet200-v2-scale", &[]);
        let expected = TrainTransform {
            decoding: Decoding::Exact,
            crop: Crop::RandomScale { shorter: 256..=480 },
            side: 224,
            interpolation: InterpolationChoice::Bilinear,
            flip: Flip::Half,
            policy: Policy::None,
            jitter: ColorJitter::default(),
            lighting: 0.1,
            erasing: None,
        };
        assert_eq!(train_transform(&imagenet), Some(expected.clone()));
        let aspect = recipe("imagenet-resnet200-v2", &[]);
        let crop = Crop::RandomResized { area: 0.08..=1.0, ratio: 0.75..=4.0 / 3.0 };
        assert_eq!(train_transform(&aspect), Some(TrainTransform { crop, lighting: 0.0, ..expected }));
    }

    #[test]
    fn every_key_of_images_reaches_its_transform() {
        let changes = [
            "images.decode=scaled",
            "images.crop=random-resized-crop",
            "images.interpolation=bicubic",
            "images.color_jitter=0.4",
            "images.lighting=0.2",
            "images.random_erasing=0.25",
            "images.auto_augment=rand-m7-mstd0.5-n3-p0.8-inc1",
            "images.image_size=160",
            "augmentation.flip=none",
        ];
        let timm = RandAugment { magnitude: 7.0, magnitude_std: 0.5, operations: 3, probability: 0.8 };
        let expected = TrainTransform {
            decoding: Decoding::Scaled,
            crop: Crop::RandomResized { area: 0.08..=1.0, ratio: 0.75..=4.0 / 3.0 },
            side: 160,
            interpolation: InterpolationChoice::Bicubic,
            flip: Flip::Never,
            policy: Policy::Timm(timm),
            jitter: ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.0 },
            lighting: 0.2,
            erasing: Some(RandomErasing { probability: 0.25, filling: Filling::Mean }),
        };
        assert_eq!(train_transform(&recipe("imagenet-resnet50-v2", &changes)), Some(expected));
        let policy = |name: &str| {
            let change = format!("images.auto_augment={name}");
            train_transform(&recipe("imagenet-resnet50-v2", &[&change])).unwrap().policy
        };
        assert_eq!(policy("randaugment"), Policy::Rand { operations: 2, magnitude: 9 });
        assert_eq!(policy("trivialaugment"), Policy::Trivial);
    }

    #[test]
    fn every_key_of_batches_reaches_the_loader() {
        let with = |changes: &[&str]| recipe("cifar10-resnet110-v2", changes);
        let (mixup, cutmix) = ("augmentation.mixup=0.2", "augmentation.cutmix=1.0");
        assert_eq!(mix(&with(&[mixup])), Some(Mix::Mixup { alpha: 0.2 }));
        assert_eq!(mix(&with(&[cutmix])), Some(Mix::CutMix { alpha: 1.0 }));
        assert_eq!(mix(&with(&[mixup, cutmix])), Some(Mix::Either { mixup: 0.2, cutmix: 1.0 }));
        assert_eq!(order(&with(&["data.sampling=balanced"])), Order::Balanced);
        let repeated = ["data.sampling=repeated", "train.grad_accum_steps=2"];
        assert_eq!(order(&with(&repeated)), Order::Repeated { times: 3, within: 256 });
        assert_eq!(last_batch(&with(&["train.last_batch=drop"])), LastBatch::Drop);
        let bare = with(&["augmentation.pad_crop=0", "augmentation.flip=none"]);
        assert_eq!(augmentation(&bare), Augmentation::None);
    }
}
