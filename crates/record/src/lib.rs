//! The run's schema: what a recipe asks for, what a run leaves behind, what the paper published.
//!
//! | file | job |
//! |---|---|
//! | `recipe` | the recipe's keys and which values go together |
//! | `recipe/text` | recipes from and to TOML, and `key=value` |
//! | `recipe/renamed` | the keys of older recipes under their names of today |
//! | `recipe/built_in` | the recipes in `recipes/` |
//! | `recipe/schedule` | the learning rate's keys |
//! | `recipe/changes` | what may change while a run goes on |
//! | `recipe/keys` | every key with its default, unit, source and the peers' word: docs/recipes.md |
//! | `duration` | lengths of training with a unit: `"3 epochs"`, `"64000 steps"`, `"150k images"`, `"5 %"` |
//! | `metrics` | the lines of `metrics.jsonl` |
//! | `machine` | the machine and the tools that a run was trained with |
//! | `certificate`, `verify` | digests of a logged step; whether two runs are the same training |
//! | `divergence` | the step in which a training diverged, for its post-mortem |
//! | `file_options` | how a run finds samples in files, and which it leaves out |
//! | `record` | `record.json`: who ran what on which data, and what came out |
//! | `evidence` | what a page shows beside numbers: predictions, pictures, layers, norms |
//! | `sinks` | where metrics go: `metrics.jsonl`, TensorBoard's event files |
//! | `folder` | the run's folder: its paths, its creation, its one writer |
//! | `lock` | the lock that keeps a second writer out |
//! | `test_reads` | readings of the test labels that are counted while another process writes |
//! | `resume` | what a resumed run may find: files of an interrupted save, a log that ends too early |
//! | `resumption` | a record's note that a run went on, and what had changed |
//! | `kept` | reads and writes the evidence in the run's folder |
//! | `runs` | runs as a list with their states; a log as it grows |
//! | `seeds` | one quantity over seeds: its spread, and whether two trainings differ by more than that |
//! | `paper` | the paper's tables and claims as data |
//!
//! No candle here: everything is text and plain numbers, so that a report can be drawn from a run without a
//! network.

mod certificate;
mod divergence;
mod duration;
mod error;
mod evidence;
mod file_options;
mod folder;
mod kept;
mod lock;
mod machine;
mod metrics;
mod numbered;
pub mod paper;
mod recipe;
mod record;
mod resume;
mod resumption;
mod runs;
mod seeds;
mod sinks;
mod test_reads;
mod time;
mod verify;

pub use certificate::{Certificate, Digest};
pub use divergence::{Divergence, LayerOutput, VariableExtremes};
pub use duration::{Duration, EpochSize, Warmup};
pub use error::Error;
pub use evidence::{
    Answer, ClassResult, Confused, LayerRow, NormHistory, Norms, Picture, Predictions, Samples, Split,
};
pub use file_options::FileOptions;
pub use folder::{Run, RunFolder};
pub use machine::{Machine, Tools};
pub use metrics::{
    DataSeconds, EpochMetrics, FinalMetrics, Metric, ProcessesMetrics, Scores, StepMetrics, StepTime,
    parse_metrics,
};
pub use recipe::{
    Anneal, AugmentationRecipe, BUILT_IN, BestBy, ClassWeights, DataRecipe, DataSet, Decay, Difference,
    EmaRecipe, EvalInterpolation, EvaluateTest, EvaluationCrop, Flip, FrozenNorms, GeneratedSizes, ImageCrop,
    ImageDecoding, ImageOrientation, ImagePolicy, ImagesRecipe, LastBatch, LossKind, LossRecipe, ModelRecipe,
    OptimizerKind, OptimizerRecipe, RandAugment, Recipe, Recompute, Sampling, ScheduleRecipe, StagesRecipe,
    TrainInterpolation, TrainRecipe, WarmupFrom, WarmupKind, WarmupRecipe, WeightDecayOn, keys,
};
pub use record::{Checkpoint, LeftOut, RecipeChange, Results, RunRecord, Selection, command_line};
pub use resumption::Resumption;
pub use runs::{Follow, RunState, RunSummary, list_runs};
pub use seeds::{Contrast, Seeds};
pub use sinks::{Lines, Sink, TensorBoard};
pub use verify::{Agreement, Parting, agreement};
