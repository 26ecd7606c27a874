//! The recipe: every choice that decides a training's result, and nothing else.

mod photos;
mod validate;

use serde::{Deserialize, Serialize};

pub use photos::{PhotoCrop, PhotoDecoding, PhotoEvaluation, PhotoOrientation, PhotoPolicy, PhotosRecipe};

use crate::{Duration, Warmup};

/// A training, described so completely that recipe, data and program give the same weights again.
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
///     batch = 128
///
///     [optimizer]
///     momentum = 0.9
///     weight_decay = 1e-4
///
///     [schedule]
///     kind = "cosine"
///     peak = 0.1
///     warmup = "5 %"
/// "#;
/// let recipe = Recipe::parse(text, "short.toml")?;
/// assert_eq!(recipe.data.set, DataSet::Cifar10);
/// assert!(Recipe::parse(&text.replace("peak", "peek"), "short.toml").is_err());
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
    /// `[photos]`, given if and only if `data.set = "photos"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photos: Option<PhotosRecipe>,
    /// `[train]`
    pub train: TrainRecipe,
    /// `[optimizer]`
    pub optimizer: OptimizerRecipe,
    /// `[schedule]`
    pub schedule: ScheduleRecipe,
}

/// `[model]`: which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// The registry's name, such as `resnet110-v2`.
    pub name: String,
    /// How many classes it tells apart; left out, as many as the data set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// How the last layer of each residual branch starts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub branch_end: BranchEnd,
    /// Stochastic depth (arXiv 1603.09382): probability that a training image skips the last residual branch;
    /// earlier ones are skipped less in proportion.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stochastic_depth: f64,
}

/// How the last layer of each residual branch starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BranchEnd {
    /// As all layers: the papers'.
    #[default]
    Usual,
    /// With zeros, so that units start as their shortcuts (arXiv 1706.02677).
    Zero,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `[data]`: which images, how they are split and normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// The data set.
    pub set: DataSet,
    /// Images of the training set that are held out to choose the best epoch; 0 trains on all and reports the
    /// last.
    #[serde(default)]
    pub validation: usize,
    /// Seed of that split, apart from the training's so that seeds can be compared on one split.
    #[serde(default)]
    pub split_seed: u64,
    /// Subtracted from each channel (red, green, blue) of pixels in 0 to 1.
    pub mean: [f64; 3],
    /// Divides each channel after the mean is subtracted.
    pub std: [f64; 3],
    /// Sizes of the built-in data set; given if and only if `set = "generated"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedSizes>,
}

/// A data set that a recipe can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataSet {
    /// CIFAR-10: 50,000 + 10,000 images of 32x32 in 10 classes.
    Cifar10,
    /// CIFAR-100: the same sizes in 100 classes.
    Cifar100,
    /// The built-in drawn shapes: 32x32 in 10 classes, as many as asked for.
    Generated,
    /// Photographs in files, as many classes as there are: class folders, tar shards, tables or packed files
    /// in `--data`.
    Photos,
}

impl DataSet {
    /// The number of classes, where it is always the same.
    pub fn classes(self) -> Option<usize> {
        match self {
            DataSet::Cifar10 | DataSet::Generated => Some(10),
            DataSet::Cifar100 => Some(100),
            DataSet::Photos => None,
        }
    }
}

/// `[data.generated]`: how many images to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedSizes {
    /// Training images, of which `validation` are held out.
    pub train: usize,
    /// Test images.
    pub test: usize,
}

/// `[augmentation]`: what is done to training images, and to no others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationRecipe {
    /// Pixels of zeros put around the image before a crop of its own size is drawn from it; 0 crops nothing.
    pub pad_crop: usize,
    /// Whether images are mirrored.
    pub flip: Flip,
    /// Mixup (arXiv 1710.09412): parameter of the beta distribution that weights are drawn from; 0.2 is
    /// usual, 0 mixes nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub mixup: f64,
    /// CutMix (arXiv 1905.04899), likewise; 1 is usual. With both, one of the two is drawn for each batch.
    #[serde(skip_serializing_if = "is_default")]
    pub cutmix: f64,
    /// Probability that is taken from the label and spread over all classes (arXiv 1512.00567); 0.1 is usual.
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
    /// Left to right, every second time on average.
    Horizontal,
}

/// `[train]`: how long, in which batches, and what is written down on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRecipe {
    /// How long to train.
    pub duration: Duration,
    /// Images of one optimizer step.
    pub batch: usize,
    /// Seed of the initial weights, of the order of the images and of their augmentation.
    #[serde(default)]
    pub seed: u64,
    /// What becomes of an epoch's last images when they do not fill a batch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// The validation images are scored after every so many epochs, and after the last.
    #[serde(default = "one")]
    pub evaluate_every_epochs: u64,
    /// When the test images are scored.
    #[serde(default)]
    pub evaluate_test: EvaluateTest,
    /// A line of metrics is written every so many steps.
    #[serde(default = "fifty")]
    pub log_every_steps: u64,
    /// `last.safetensors` is written once so many seconds have passed, besides after every epoch; 0 leaves it
    /// at those.
    #[serde(default = "sixty")]
    pub save_every_seconds: u64,
}

fn one() -> u64 {
    1
}

fn fifty() -> u64 {
    50
}

fn sixty() -> u64 {
    60
}

/// What becomes of an epoch's last images when they do not fill a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastBatch {
    /// They are a smaller batch (PyTorch's default).
    #[default]
    Keep,
    /// They are left out of this epoch; the next one draws another order.
    Drop,
}

/// When the test images are scored. Whatever is chosen, no weights are ever selected by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluateTest {
    /// Once, after training, on the weights that are reported.
    #[default]
    AtEnd,
    /// Whenever validation images would be, as the papers' curves show; the record counts every reading.
    EachEpoch,
    /// Not at all, for a search of hyper-parameters.
    Never,
}

/// `[optimizer]`: stochastic gradient descent in PyTorch's form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerRecipe {
    /// mu of v = mu v + g, in 0 to 1; 0 is plain gradient descent.
    pub momentum: f64,
    /// Whether the step looks ahead.
    #[serde(default)]
    pub momentum_kind: Momentum,
    /// Added to the gradient of every parameter as weight_decay * w, norms' scales and biases included (the
    /// paper).
    pub weight_decay: f64,
}

/// How the velocity moves the weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Momentum {
    /// w = w - rate v.
    #[default]
    Classic,
    /// w = w - rate (g + mu v).
    Nesterov,
}

/// `[schedule]`: the learning rate of every step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleRecipe {
    /// Linear up to the peak, then half a cosine down to zero.
    Cosine {
        /// The highest rate.
        peak: f64,
        /// How long the rise takes.
        warmup: Warmup,
    },
    /// The paper's: a constant rate that is divided at given points.
    Steps {
        /// The rate after the warm-up and before the first division.
        rate: f64,
        /// What it is divided by each time.
        divide_by: f64,
        /// When, counted from the start of the training.
        at: Vec<Duration>,
        /// A smaller rate for the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warmup: Option<FlatWarmup>,
    },
}

/// A constant rate for the first steps; the paper: "0.01 for the first 400 iterations".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatWarmup {
    /// The rate.
    pub rate: f64,
    /// How long it lasts.
    pub duration: Duration,
}

impl Recipe {
    /// The number of classes of the network, if the recipe settles it; else it is the data's.
    pub fn classes(&self) -> Option<usize> {
        self.model.classes.or(self.data.set.classes())
    }
}
