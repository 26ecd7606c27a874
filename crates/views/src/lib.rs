//! What a terminal shows of networks, recipes, schedules, runs, and a training before its first step: tables
//! and pictures for people, the same as JSON for scripts.
//!
//! It parses no command line; it prints what the crates below it say, through `resnet-terminal`.
//!
//! | file | |
//! |---|---|
//! | `recipes.rs` | recipes by name and as a list, with the time that each takes here |
//! | `schedule.rs` | the learning rate of a recipe over its training |
//! | `runs.rs` | runs as a list with their states; the log of one as it grows |
//! | `models.rs`, `summary.rs` | networks as a list; the layers of one |
//! | `analysis.rs` | what was measured on a network, unit by unit; what an accuracy lacks |
//! | `preamble.rs` | what a training is going to do and to cost |
//! | `guesses.rs` | what an image is taken for |
//! | `scores.rs` | what a network scores on a data set |
//! | `exported.rs` | a file for other programs |
//! | `data_sets.rs` | what a data set in files holds, and what of it is broken |
//! | `live.rs` | a training while it runs |
//! | `reproduce.rs` | the paper's tables and figures: the plan, the trainings, what came out |

mod analysis;
mod data_sets;
mod exported;
mod guesses;
mod live;
mod models;
mod preamble;
pub mod recipes;
mod reproduce;
mod runs;
mod schedule;
mod scores;
mod summary;

pub use analysis::{show_analysis, show_diagnosis};
pub use data_sets::{show_inspection, show_verified};
pub use exported::show_exported;
pub use guesses::guesses;
pub use live::Live;
pub use models::show_models;
pub use preamble::preamble;
pub use reproduce::{Reproduced, Setup, Work, reproduce};
pub use runs::{follow, list_runs};
pub use schedule::{learning_rates, show_schedule};
pub use scores::show_scores;
pub use summary::show_summary;
