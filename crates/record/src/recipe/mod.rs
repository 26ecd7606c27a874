//! The recipe: every choice that decides a training's result, and nothing else.

mod built_in;
mod changes;
pub(crate) mod defaults;
mod difference;
mod images;
pub mod keys;
mod linear_rule;
mod rand_augment;
mod renamed;
mod schedule;
mod stages;
mod step;
mod text;
mod training;
mod validate;
mod validate_step;

use serde::{Deserialize, Serialize};

use self::defaults::is_default;
use crate::{Duration, EpochSize};

pub use built_in::BUILT_IN;
pub use difference::Difference;
pub use images::{
    EvalInterpolation, EvaluationCrop, ImageCrop, ImageDecoding, ImageOrientation, ImagePolicy, ImagesRecipe,
    TrainInterpolation,
};
pub use rand_augment::RandAugment;
pub use schedule::{Anneal, Decay, ScheduleRecipe, WarmupFrom, WarmupKind, WarmupRecipe};
pub use stages::{FrozenNorms, StagesRecipe};
pub use step::{
    ClassWeights, EmaRecipe, LossKind, LossRecipe, OptimizerKind, OptimizerRecipe, WeightDecayOn,
};
pub use training::{BestBy, EvaluateTest, LastBatch, Recompute, TrainRecipe};

/// A training, described so completely that recipe, data and program give the same weights again.
/// [`keys::KEYS`] has the unit and the default of every key.
///
/// ```
/// use resnet_record::{DataSet, Recipe};
/// let text = r#"
///     name = "short"
///     about = "Three epochs of ResNet-20 v2 on CIFAR-10."
///
///     [model]
///     name = "resnet20-v2"
///
///     [data]
///     set = "cifar10"
///     mean = [0.4914, 0.4822, 0.4465]
///     std = [0.2470, 0.2435, 0.2616]
///
///     [augmentation]
///     pad_crop = 4
///     flip = "horizontal"
///
///     [train]
///     duration = "3 epochs"
///     batch_size = 128
///
///     [optimizer]
///     momentum = 0.9
///     weight_decay = 1e-4
///
///     [schedule]
///     kind = "cosine"
///     lr = 0.1
///     warmup = "5 %"
/// "#;
/// let recipe = Recipe::parse(text, "short.toml")?;
/// assert_eq!(recipe.data.set, DataSet::Cifar10);
/// assert!(Recipe::parse(&text.replace("lr =", "lear ="), "short.toml").is_err());
/// # Ok::<(), resnet_record::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The name by which it is asked for: lower-case letters, digits and dashes.
    pub name: String,
    /// One sentence for the list of recipes.
    pub about: String,
    /// The published table that this reproduces, as a reader would cite it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// The published test error of this very recipe, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_error: Option<f64>,
    /// `[model]`
    pub model: ModelRecipe,
    /// `[data]`
    pub data: DataRecipe,
    /// `[augmentation]`
    #[serde(default)]
    pub augmentation: AugmentationRecipe,
    /// `[images]`, given if and only if `data.set = "images"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesRecipe>,
    /// `[train]`
    pub train: TrainRecipe,
    /// `[stages]`
    #[serde(default, skip_serializing_if = "is_default")]
    pub stages: StagesRecipe,
    /// `[optimizer]`
    pub optimizer: OptimizerRecipe,
    /// `[loss]`
    #[serde(default, skip_serializing_if = "is_default")]
    pub loss: LossRecipe,
    /// `[ema]`
    #[serde(default, skip_serializing_if = "is_default")]
    pub ema: EmaRecipe,
    /// `[schedule]`
    pub schedule: ScheduleRecipe,
}

/// `[model]`: which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// The registry's name, such as `resnet110-v2`.
    pub name: String,
    /// The number of classes; left out, as many as the data set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Whether each residual branch starts at zero, so that units start as their shortcuts (arXiv
    /// 1706.02677): its last norm, or its last convolution where the branch ends in one. The papers' networks
    /// do not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub zero_init_residual: bool,
    /// Stochastic depth (arXiv 1603.09382): the probability that a training image skips the last residual
    /// branch. Earlier branches are skipped proportionally less.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stochastic_depth: f64,
}

/// `[data]`: which images, and how they are split and normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// The data set.
    pub set: DataSet,
    /// The number of training images held out to choose the best epoch; 0 trains on all of them and reports
    /// the last epoch.
    #[serde(default)]
    pub validation: usize,
    /// The seed of that split. It is not the training's seed, so that several seeds share one
    /// split.
    #[serde(default)]
    pub split_seed: u64,
    /// How often an epoch shows each training image.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sampling: Sampling,
    /// Per-channel mean (red, green, blue) of pixels in 0 to 1; it is subtracted.
    pub mean: [f64; 3],
    /// Per-channel standard deviation; the difference is divided by it.
    pub std: [f64; 3],
    /// Sizes of the built-in data set; given if and only if `set = "generated"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedSizes>,
}

impl DataRecipe {
    /// How many training images there are, those held out included; `None` of files, which say it only once
    /// they are opened.
    fn training_images(&self) -> Option<u64> {
        match self.set {
            DataSet::Cifar10 | DataSet::Cifar100 => Some(50_000),
            DataSet::Generated => self.generated.map(|sizes| sizes.train as u64),
            DataSet::Images => None,
        }
    }
}

/// A data set that a recipe can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataSet {
    /// CIFAR-10: 50,000 + 10,000 images of 32x32 in 10 classes.
    Cifar10,
    /// CIFAR-100: the same sizes in 100 classes.
    Cifar100,
    /// The built-in generated shapes: 32x32 in 10 classes, as many images as asked for.
    Generated,
    /// Images in files, of any size and number of classes: class folders, tar shards, parquet files or packed
    /// files.
    Images,
}

impl DataSet {
    /// The number of classes, where it is always the same.
    pub fn classes(self) -> Option<usize> {
        match self {
            DataSet::Cifar10 | DataSet::Generated => Some(10),
            DataSet::Cifar100 => Some(100),
            DataSet::Images => None,
        }
    }
}

/// How often an epoch shows each training image. An epoch always shows as many images as there are to train
/// on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Once.
    #[default]
    Each,
    /// As often as makes the classes equally frequent: those of a rare class several times, those of a
    /// frequent one in some epochs only. No image comes again before all others of its class have come.
    Balanced,
    /// A third of them three times, all in one optimizer step and each time augmented otherwise, the others
    /// in the next two epochs: repeated augmentation (arXiv 1902.05509), as timm's recipes A1 and A2 have it.
    Repeated,
}

/// `[data.generated]`: how many images to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedSizes {
    /// Training images, of which `validation` are held out.
    pub train: usize,
    /// Test images.
    pub test: usize,
}

/// `[augmentation]`: random changes to training images; evaluation has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationRecipe {
    /// Pixels of zero padding on each side before a random crop of the image's own size; 0 turns it off.
    pub pad_crop: usize,
    /// Random mirroring.
    pub flip: Flip,
    /// Mixup (arXiv 1710.09412): alpha of the beta distribution of the mixing weight; 0.2 is usual, 0 turns
    /// it off.
    #[serde(skip_serializing_if = "is_default")]
    pub mixup: f64,
    /// CutMix (arXiv 1905.04899), alpha likewise; 1 is usual. With both, each batch draws one of the two.
    #[serde(skip_serializing_if = "is_default")]
    pub cutmix: f64,
    /// Label smoothing (arXiv 1512.00567): the probability spread evenly over all classes; 0.1 is usual.
    #[serde(skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
}

/// Mirroring of training images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Never.
    #[default]
    None,
    /// Left to right, with probability 1/2.
    Horizontal,
}

impl Recipe {
    /// The number of classes of the network if the recipe settles it; otherwise the data set does.
    pub fn classes(&self) -> Option<usize> {
        self.model.classes.or(self.data.set.classes())
    }

    /// The length of an epoch. For a data set of files, `images` says how many training images it has. `None`
    /// if their number is not known, or an epoch would have no step.
    ///
    /// ```
    /// let recipe = resnet_record::Recipe::built_in("cifar10-resnet110-v2").expect("a built-in recipe");
    /// assert_eq!(recipe.epoch_size(None).map(|epoch| epoch.steps), Some(391));
    /// ```
    pub fn epoch_size(&self, images: Option<u64>) -> Option<EpochSize> {
        let all = match self.data.set {
            DataSet::Images => images,
            DataSet::Cifar10 | DataSet::Cifar100 | DataSet::Generated => self.data.training_images(),
        };
        let (images, batch) =
            (all?.saturating_sub(self.data.validation as u64), self.train.batch_size as u64);
        let images = match self.train.last_batch {
            LastBatch::Keep => images,
            LastBatch::Drop => images / batch * batch,
        };
        let steps = images.div_ceil(batch).div_ceil(self.train.grad_accum_steps);
        Some(EpochSize { images, steps }).filter(|epoch| epoch.steps > 0)
    }

    /// Training images that a training sees, each counted every time; `epoch` is the length of an epoch.
    ///
    /// ```
    /// use resnet_record::Recipe;
    /// let recipe = Recipe::built_in("cifar10-resnet1001-v2-batch64").expect("a built-in recipe");
    /// let epoch = recipe.epoch_size(None).expect("CIFAR's size is known");
    /// assert_eq!(recipe.images_seen(epoch), 8_192_000);
    /// ```
    pub fn images_seen(&self, epoch: EpochSize) -> u64 {
        if let Duration::Images(images) = self.train.duration {
            return images;
        }
        let steps = self.train.duration.steps(epoch);
        (u128::from(steps) * u128::from(epoch.images) / u128::from(epoch.steps.max(1))) as u64
    }

    /// What was published of this very recipe: an error such as `6.37 %`, or `fails`.
    pub fn published(&self) -> Option<String> {
        let fails =
            || self.paper.as_ref().filter(|paper| paper.ends_with(": fails")).map(|_| "fails".to_owned());
        self.expected_error.map(|error| format!("{error:.2} %")).or_else(fails)
    }
}
