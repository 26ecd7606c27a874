//! Whether a recipe's values are in their ranges and its keys go together.

use super::{BestBy, DataSet, EvaluationCrop, GeneratedSizes, ImageCrop, ImagesRecipe, Recipe};
use crate::Error;

impl Recipe {
    /// Whether every value is in its range and the keys go together.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] for the first that is not, naming key, value and range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |holds: bool, cause: &dyn Fn() -> String| match holds {
            true => Ok(()),
            false => Err(Error::Inconsistent { place: format!("recipe '{}'", self.name), cause: cause() }),
        };
        let name_is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check(!self.name.is_empty() && self.name.chars().all(name_is_plain), &|| {
            "name may hold only lower-case letters, digits and dashes".into()
        })?;
        check(self.expected_error.is_none_or(|e| (0.0..=100.0).contains(&e)), &|| {
            "expected_error is a percentage, 0 to 100".into()
        })?;
        self.validate_data(&check)?;
        let rate = self.model.stochastic_depth;
        check((0.0..1.0).contains(&rate), &|| {
            format!("model.stochastic_depth is {rate}; it must be in [0, 1)")
        })?;

        let train = &self.train;
        check(!train.duration.is_zero(), &|| "train.duration is zero; train for at least one step".into())?;
        for (key, value) in [
            ("train.batch_size", train.batch_size as u64),
            ("train.grad_accum_steps", train.grad_accum_steps),
            ("train.evaluate_every_epochs", train.evaluate_every_epochs),
            ("train.log_every_steps", train.log_every_steps),
        ] {
            check(value > 0, &|| format!("{key} is 0; it must be at least 1"))?;
        }
        check(train.patience == 0 || self.data.validation > 0, &|| {
            "train.patience is given, and no images to tell better epochs from worse; set data.validation"
                .into()
        })?;
        check(train.best_by == BestBy::default() || self.data.validation > 0, &|| {
            "train.best_by is given, and no images to tell better epochs from worse; set data.validation"
                .into()
        })?;
        check(train.grad_accum_steps <= 1_000_000, &|| {
            format!("train.grad_accum_steps is {}; it must be at most 1000000", train.grad_accum_steps)
        })?;
        // TOML's integers are signed, and the resolved recipe must be writable.
        for (key, seed) in [("train.seed", train.seed), ("data.split_seed", self.data.split_seed)] {
            check(i64::try_from(seed).is_ok(), &|| format!("{key} is {seed}; it must be below 2^63"))?;
        }

        self.validate_step(&check)?;
        self.schedule.validate(&check)
    }

    fn validate_data(&self, check: Check<'_>) -> Result<(), Error> {
        let data = &self.data;
        if let (Some(asked), Some(classes)) = (self.model.classes, data.set.classes()) {
            check(asked == classes, &|| {
                format!("model.classes is {asked}, but the data set has {classes} classes; leave it out")
            })?;
        }
        check(self.model.classes.is_none_or(|classes| classes >= 2), &|| {
            let classes = self.model.classes.unwrap_or_default();
            format!("model.classes is {classes}; a classifier needs at least two")
        })?;
        check(self.images.is_some() == (data.set == DataSet::Images), &|| match self.images {
            Some(_) => "[images] is given, but data.set is another; remove it".into(),
            None => "data.set is \"images\", which needs [images] with crop and evaluate".into(),
        })?;
        if let Some(images) = &self.images {
            self.validate_images(images, check)?;
        }
        check(data.generated.is_some() == (data.set == DataSet::Generated), &|| match data.generated {
            Some(_) => "[data.generated] is given, but data.set is another; remove it".into(),
            None => {
                "data.set is \"generated\", which needs [data.generated] with train and test sizes".into()
            }
        })?;
        if let Some(GeneratedSizes { train, test }) = data.generated {
            // The generator's own limit: 3 GB of pixels.
            check([train, test].iter().all(|n| (1..=1_000_000).contains(n)), &|| {
                format!("[data.generated] asks for {train} and {test} images; each must be 1 to 1,000,000")
            })?;
        }
        if let Some(images) = data.training_images() {
            check((data.validation as u64) < images, &|| {
                format!(
                    "data.validation is {}, but there are {images} training images; hold out fewer",
                    data.validation
                )
            })?;
        }
        for channel in 0..3 {
            let (mean, std) = (data.mean[channel], data.std[channel]);
            check(!mean.is_finite() || mean.abs() <= 1.0, &|| {
                format!(
                    "data.mean of channel {channel} is {mean}, of pixels from 0 to 255; divide data.mean and \
                     data.std by 255"
                )
            })?;
            check(mean.is_finite() && std.is_finite() && std > 0.0, &|| {
                format!(
                    "data.mean and data.std of channel {channel} are {mean} and {std}; std must be above 0"
                )
            })?;
        }
        check(self.augmentation.pad_crop <= 32, &|| {
            "augmentation.pad_crop is above 32, the image's size".into()
        })?;
        for (key, alpha) in [("mixup", self.augmentation.mixup), ("cutmix", self.augmentation.cutmix)] {
            check((0.0..=100.0).contains(&alpha), &|| {
                format!("augmentation.{key} is {alpha}; it must be 0 to 100, and 0 turns it off")
            })?;
        }
        let smoothing = self.augmentation.label_smoothing;
        check((0.0..1.0).contains(&smoothing), &|| {
            format!("augmentation.label_smoothing is {smoothing}; it must be in [0, 1)")
        })
    }

    fn validate_images(&self, images: &ImagesRecipe, check: Check<'_>) -> Result<(), Error> {
        let ImagesRecipe {
            image_size,
            decode: _,
            orientation: _,
            crop,
            interpolation: _,
            color_jitter,
            lighting,
            auto_augment: _,
            random_erasing,
            evaluate,
        } = *images;
        let largest = if crop == ImageCrop::ScaleAugmentation { 256 } else { 4096 };
        check((32..=largest).contains(&image_size), &|| {
            format!("images.image_size is {image_size}; it must be 32 to {largest} with this crop")
        })?;
        check((0.0..=1.0).contains(&color_jitter) && (0.0..=1.0).contains(&lighting), &|| {
            format!(
                "images.color_jitter is {color_jitter} and images.lighting is {lighting}; they must be 0 to 1"
            )
        })?;
        check((0.0..=1.0).contains(&random_erasing), &|| {
            format!("images.random_erasing is {random_erasing}; it must be 0 to 1")
        })?;
        let EvaluationCrop { resize, crop, interpolation: _ } = evaluate;
        check((32..=resize).contains(&crop) && resize <= 4096, &|| {
            format!(
                "images.evaluate crops {crop} of {resize} pixels; the crop must be at least 32 and at most the resized side"
            )
        })?;
        check(self.augmentation.pad_crop == 0, &|| {
            "augmentation.pad_crop is for small images; [images] has a crop of its own".into()
        })
    }
}

/// Turns a broken condition into an error about this recipe.
pub(super) type Check<'a> = &'a dyn Fn(bool, &dyn Fn() -> String) -> Result<(), Error>;
