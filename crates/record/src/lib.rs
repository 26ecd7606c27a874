//! The run's schema: what a recipe asks for, what a run leaves behind, what the paper published.
//!
//! | file | job |
//! |---|---|
//! | `recipe` | the recipe's keys, their meaning and what is allowed of them together |
//! | `recipe_text` | recipes from and to TOML, and `--set key=value` |
//! | `duration` | lengths of training with a unit: `"3 epochs"`, `"64000 steps"`, `"150k images"`, `"5 %"` |
//! | `metrics` | the lines of `metrics.jsonl` |
//! | `record` | `record.json`: who ran what on which data, and what came out |
//! | `folder` | the run's folder: its paths, its creation, its one writer |
//! | `paper` | the paper's tables as data |
//!
//! No candle here: everything is text and plain numbers, so that a report can be drawn from a run without a
//! network.

mod duration;
mod error;
mod folder;
mod metrics;
pub mod paper;
mod recipe;
mod recipe_text;
mod record;
mod time;

pub use duration::{Duration, EpochSize, Warmup};
pub use error::Error;
pub use folder::{Run, RunFolder};
pub use metrics::{DataSeconds, EpochMetrics, FinalMetrics, Metric, Scores, StepMetrics, parse_metrics};
pub use recipe::{
    AugmentationRecipe, BranchEnd, DataRecipe, DataSet, EvaluateTest, FlatWarmup, Flip, GeneratedSizes,
    LastBatch, ModelRecipe, Momentum, OptimizerRecipe, PhotoCrop, PhotoDecoding, PhotoEvaluation,
    PhotoOrientation, PhotoPolicy, PhotosRecipe, Recipe, ScheduleRecipe, TrainRecipe,
};
pub use record::{Checkpoint, LeftOut, Results, RunRecord, Selection};
