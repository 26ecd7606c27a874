//! Fit a classifier: optimizer, schedules, evaluation, checkpoints, resume.
//!
//! ```no_run
//! # fn f(model: &dyn resnet_train::Classifier) -> Result<(), Box<dyn std::error::Error>> {
//! use resnet_train::record::{Recipe, Run, RunRecord};
//! use resnet_train::{Options, Outcome, Quiet, fit};
//!
//! let recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
//! let data = resnet_data::generated::shapes(4500, 1000, 0);
//! let mut run = Run::create("runs/first".as_ref(), &recipe, RunRecord::begin("first", &recipe))?;
//! match fit(model, &data, &mut run, &Options::default(), &mut Quiet)? {
//!     Outcome::Finished(results) => println!("{:?}", results.test.map(|scores| scores.top1())),
//!     Outcome::Interrupted { step } => println!("stopped after {step} steps; Run::open and fit go on"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`fit`] trains a [`Classifier`] on [`TrainingData`] by a run's recipe; recipes and runs are those of
//! `resnet-record`, re-exported as [`record`].
//!
//! | file | job |
//! |---|---|
//! | `fit` | the function that trains |
//! | `options` | settings besides the recipe, and how a training ends |
//! | `session` | the loop: epochs, what happens at their ends, what is saved when |
//! | `engine` | the interface between a session and what computes: a step, an evaluation, a snapshot |
//! | `candle_engine` | the engine on candle's tensors |
//! | `company` | what several processes do before a training |
//! | `processes` | what the processes that train together exchange |
//! | `threads` | threads in the place of processes, for tests |
//! | `step` | the parts of a step: loss, gradients, clip, average of the weights |
//! | `optimizer` | SGD, AdamW, LAMB |
//! | `groups` | which parts of a network train, and at what share of the learning rate |
//! | `layout` | where each variable lies in a flat buffer |
//! | `snapshot` | the named arrays of a training as it stands |
//! | `norms` | running statistics estimated anew before an evaluation |
//! | `schedule` | the learning rate as a function of the step |
//! | `recipe`, `step_recipe` | the keys of a recipe as values of other crates, and of a step |
//! | `data`, `image_files` | what the trainer asks of a data set; images in files as one |
//! | `targets` | mixed images and smoothed labels as probabilities |
//! | `training_plan` | a recipe and a data set turned into numbers of steps |
//! | `evaluate` | accuracy and loss on a set of images |
//! | `gallery` | what is kept of an evaluation for the run's page |
//! | `state` | what a training must remember to resume as if it had never stopped |
//! | `change`, `same_rates` | another recipe for a run that has begun, if its steps so far allow it |
//! | `trajectory` | digests of what a step saw and left, for the certificates of a run |
//! | `checkpoint` | safetensors files: written whole or not at all, read strictly |
//! | `observe` | the events of a training, for example for a progress bar |
//!
//! This crate knows no ResNet: any [`Classifier`] can be trained.
//!
//! Three promises, each with a test:
//!
//! - The same recipe, data and initial weights give the same trained weights, to the bit, even across
//!   interruptions.
//! - Nothing is ever chosen by test labels, and each reading of them is counted in the record.
//! - A diverged or killed training never overwrites a good checkpoint.

mod candle_engine;
mod change;
mod checkpoint;
mod company;
mod data;
mod engine;
mod error;
mod evaluate;
mod fit;
#[doc(hidden)]
pub mod fuzzing;
mod gallery;
mod groups;
mod image_files;
mod layout;
mod norms;
mod observe;
mod optimizer;
mod options;
mod processes;
pub mod recipe;
mod same_rates;
mod schedule;
mod session;
mod snapshot;
mod state;
mod step;
mod step_recipe;
mod targets;
mod threads;
mod training_plan;
mod trajectory;

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use resnet_ops::{Mode, StepOutput};

pub use candle_engine::{CandleEngine, StepConfig};
pub use change::change_recipe;
pub use company::{begin_run, first_before_others, open_run, started_processes};
pub use data::{DataIdentity, TrainingData, TrainingFeeds};
pub use engine::{BatchInput, BatchOutcome, Engine, EvaluatedWeights, NormBatches, SnapshotContents};
pub use error::Error;
pub use evaluate::{evaluate, rank};
pub use fit::fit;
pub use groups::{Group, Groups, Part, frozen_parts};
pub use image_files::ImageFiles;
pub use layout::{Layout, Place};
pub use observe::{EpochStanding, Observer, Quiet, StepReport};
pub use optimizer::{
    AdamWConfig, LambConfig, Momentum, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, WeightDecayOn,
};
pub use options::{Anomalies, Options, Outcome, Purpose};
pub use processes::{AllReduce, Alone, Begun};
pub use resnet_record as record;
pub use resnet_record::Split;
pub use schedule::{LearningRates, Schedule};
pub use session::{resumes_from, steps_done};
pub use snapshot::Snapshot;
pub use step::clip::Clip;
pub use step::ema::{EmaConfig, EmaWarmup};
pub use step::gradients::Gradients;
pub use step::loss::{Loss, LossKind, Target};
pub use step_recipe::state_len;
pub use threads::Threads;
pub use training_plan::TrainingPlan;

// What `Engine`'s methods take and give besides; a caller of `fit` needs none of it.
#[doc(hidden)]
pub use engine::{Arrays, Diagnosis, VariableNorm};
#[doc(hidden)]
pub use evaluate::{Pixels, Seen};
#[doc(hidden)]
pub use snapshot::EngineState;

/// A function that gives the logits `[N, classes]` of images `[N, 3, H, W]`, with weights prepared
/// beforehand.
pub type Evaluator<'a> = Box<dyn Fn(&Tensor) -> candle_core::Result<Tensor> + 'a>;

/// What can be trained here: a function of images with named variables.
///
/// ```
/// use std::collections::BTreeMap;
/// use candle_core::{DType, Device, Result, Tensor, Var};
/// use resnet_ops::Mode;
/// use resnet_train::Classifier;
///
/// /// One linear map of the pixels.
/// struct Linear {
///     variables: BTreeMap<String, Var>,
/// }
///
/// impl Linear {
///     fn new(pixels: usize, classes: usize) -> Result<Linear> {
///         let weight = Var::zeros((pixels, classes), DType::F32, &Device::Cpu)?;
///         Ok(Linear { variables: [("fc.weight".to_owned(), weight)].into() })
///     }
/// }
///
/// impl Classifier for Linear {
///     fn logits(&self, images: &Tensor, _mode: Mode) -> Result<Tensor> {
///         images.flatten_from(1)?.matmul(&self.variables["fc.weight"])
///     }
///
///     fn variables(&self) -> &BTreeMap<String, Var> {
///         &self.variables
///     }
/// }
///
/// let model = Linear::new(3 * 8 * 8, 10)?;
/// let images = Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.logits(&images, Mode::Eval)?.dims(), [2, 10]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub trait Classifier: Sync {
    /// Logits `[N, classes]` of `images: [N, 3, H, W]`.
    ///
    /// # Errors
    /// Whatever the network's operations report.
    fn logits(&self, images: &Tensor, mode: Mode) -> candle_core::Result<Tensor>;

    /// A function that gives logits in `Mode::Eval` with the present weights. It is called for many batches,
    /// so a network can prepare its weights here, once.
    fn evaluator(&self) -> Evaluator<'_> {
        Box::new(|images| self.logits(images, Mode::Eval))
    }

    /// Called before each training step; `step` is the number of steps before it in the whole run, including
    /// those before an interruption. A network that draws random numbers in a step should derive them from
    /// this number, so that a resumed run equals an uninterrupted one.
    fn begin_step(&self, _step: u64) {}

    /// A summary of each layer's output, in the order of the forward pass: its largest magnitude, and how
    /// many of its values are not finite. `images` is `[N, C, H, W]`. It is called when a training has
    /// diverged, and before each step with [`Anomalies::Detect`]. Running statistics stay as they are. Empty
    /// where a classifier cannot tell, as by default.
    ///
    /// # Errors
    /// Whatever the network's operations report.
    fn inspect(&self, _images: &Tensor, _mode: Mode) -> candle_core::Result<Vec<StepOutput>> {
        Ok(vec![])
    }

    /// The fewest images of this height and width that a training step can have. Batch norm needs two values
    /// per channel: where a network's maps shrink to one pixel, one image isn't enough.
    ///
    /// # Errors
    /// If the network has no answer to images of this size.
    fn fewest_images(&self, _size: [usize; 2]) -> candle_core::Result<usize> {
        Ok(1)
    }

    /// Its layers on images of this height and width, for the run's page; none if it doesn't know them.
    ///
    /// # Errors
    /// If the network has no answer to images of this size.
    fn layers(&self, _size: [usize; 2]) -> candle_core::Result<Vec<resnet_record::LayerRow>> {
        Ok(vec![])
    }

    /// Its parts in the order of the forward pass, which together have all of its variables. A recipe's
    /// `[stages]` can freeze them, or train them at rates of their own. Empty where it has no such parts, as
    /// by default.
    ///
    /// A classifier with parts is built by the recipe: it treats the variables of frozen parts as constants,
    /// and the batch norms in these parts do as `stages.frozen_norms` says.
    fn parts(&self) -> Vec<Part> {
        vec![]
    }

    /// Whether its logits in `Mode::Train` are one run of one [`resnet_ops::Plan`], and no variable is used
    /// beside it: then processes that train together exchange a gradient as soon as the plan's backward pass
    /// has it, and all of them at the end otherwise.
    fn is_one_plan(&self) -> bool {
        false
    }

    /// Every tensor that a checkpoint must hold, f32, by its name in the file: weights and running
    /// statistics.
    ///
    /// Those that get no gradient from a backward pass (running statistics) are saved and loaded, and left
    /// alone by the optimizer.
    fn variables(&self) -> &BTreeMap<String, Var>;
}
