//! The recipe: every choice that decides a training's result, and nothing else.

use serde::{Deserialize, Serialize};

use crate::{Duration, Error, Warmup};

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
}

/// `[data]`: which images, how they are split and normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// The data set.
    pub set: DataSet,
    /// Images of the training set that are held out to choose the best epoch; 0 trains on all and reports the last.
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
}

impl DataSet {
    /// The number of classes.
    pub fn classes(self) -> usize {
        match self {
            DataSet::Cifar10 | DataSet::Generated => 10,
            DataSet::Cifar100 => 100,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationRecipe {
    /// Pixels of zeros put around the image before a crop of its own size is drawn from it; 0 crops nothing.
    pub pad_crop: usize,
    /// Whether images are mirrored.
    pub flip: Flip,
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
    /// `last.safetensors` is written once so many seconds have passed, besides after every epoch; 0 leaves it at those.
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
    /// Added to the gradient of every parameter as weight_decay * w, norms' scales and biases included (the paper).
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
    /// The number of classes of the network.
    pub fn classes(&self) -> usize {
        self.model.classes.unwrap_or_else(|| self.data.set.classes())
    }

    /// Whether every value is in its range and the keys go together.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] for the first that is not, naming key, value and range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |holds: bool, cause: &dyn Fn() -> String| match holds {
            true => Ok(()),
            false => Err(Error::Inconsistent { recipe: self.name.clone(), cause: cause() }),
        };
        let name_is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check(!self.name.is_empty() && self.name.chars().all(name_is_plain), &|| {
            "name must be of lower-case letters, digits and dashes".into()
        })?;
        check(self.expected_error.is_none_or(|e| (0.0..=100.0).contains(&e)), &|| {
            "expected_error is a percentage, 0 to 100".into()
        })?;
        self.validate_data(&check)?;

        let train = &self.train;
        check(!train.duration.is_zero(), &|| "train.duration is zero; train for one step at least".into())?;
        for (key, value) in [
            ("train.batch", train.batch as u64),
            ("train.evaluate_every_epochs", train.evaluate_every_epochs),
            ("train.log_every_steps", train.log_every_steps),
        ] {
            check(value > 0, &|| format!("{key} is 0; it must be 1 at least"))?;
        }
        // TOML's integers are signed, and the resolved recipe must be writable.
        for (key, seed) in [("train.seed", train.seed), ("data.split_seed", self.data.split_seed)] {
            check(i64::try_from(seed).is_ok(), &|| format!("{key} is {seed}; it must be below 2^63"))?;
        }

        let OptimizerRecipe { momentum, momentum_kind, weight_decay } = self.optimizer;
        check((0.0..1.0).contains(&momentum), &|| {
            format!("optimizer.momentum is {momentum}; it must be in [0, 1)")
        })?;
        check(momentum > 0.0 || momentum_kind == Momentum::Classic, &|| {
            "optimizer.momentum_kind is nesterov, which needs a momentum above 0".into()
        })?;
        check(weight_decay.is_finite() && weight_decay >= 0.0, &|| {
            format!("optimizer.weight_decay is {weight_decay}; it must be 0 or more")
        })?;
        self.validate_schedule(&check)
    }

    fn validate_data(&self, check: Check<'_>) -> Result<(), Error> {
        let data = &self.data;
        let classes = data.set.classes();
        check(self.classes() == classes, &|| {
            format!(
                "model.classes is {}, but the data set has {classes} classes; leave it out",
                self.classes()
            )
        })?;
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
        let images = data.generated.map_or(50_000, |sizes| sizes.train);
        check(data.validation < images, &|| {
            format!(
                "data.validation is {}, but there are {images} training images; hold out fewer",
                data.validation
            )
        })?;
        for channel in 0..3 {
            let (mean, std) = (data.mean[channel], data.std[channel]);
            check(mean.is_finite() && std.is_finite() && std > 0.0, &|| {
                format!(
                    "data.mean and data.std of channel {channel} are {mean} and {std}; std must be above 0"
                )
            })?;
        }
        check(self.augmentation.pad_crop <= 32, &|| {
            "augmentation.pad_crop is above 32, the image's size".into()
        })
    }

    fn validate_schedule(&self, check: Check<'_>) -> Result<(), Error> {
        let rate_is_good = |key: &str, rate: f64| {
            check(rate.is_finite() && rate > 0.0, &|| format!("schedule.{key} is {rate}; it must be above 0"))
        };
        match &self.schedule {
            ScheduleRecipe::Cosine { peak, warmup: _ } => rate_is_good("peak", *peak),
            ScheduleRecipe::Steps { rate, divide_by, at: _, warmup } => {
                rate_is_good("rate", *rate)?;
                rate_is_good("divide_by", *divide_by)?;
                warmup.map_or(Ok(()), |warmup| rate_is_good("warmup.rate", warmup.rate))
            }
        }
    }
}

/// Turns a broken condition into an error about this recipe.
type Check<'a> = &'a dyn Fn(bool, &dyn Fn() -> String) -> Result<(), Error>;
