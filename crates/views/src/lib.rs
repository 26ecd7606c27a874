//! What a terminal shows of networks, recipes, schedules, runs, and a training before its first step: tables
//! and pictures for people, the same as JSON for scripts.
//!
//! It parses no command line. What it prints is wrapped and drawn by `resnet-terminal`, what it says comes
//! from `resnet-record`, `resnet-train` and `resnet-bench`.
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
//! | `live.rs` | a training while it runs |
//! | `reproduce.rs` | the paper's tables and figures: the plan, the trainings, what came out |

mod analysis;
mod guesses;
mod live;
mod models;
mod preamble;
pub mod recipes;
mod reproduce;
mod runs;
mod schedule;
mod summary;

pub use analysis::{show as show_analysis, show_finding};
pub use guesses::lines as guesses;
pub use live::{Live, epoch_line};
pub use models::show as show_models;
pub use preamble::print as preamble;
pub use reproduce::{Reproduced, Setup, Work, reproduce};
pub use runs::{follow, list as list_runs};
pub use schedule::{course, show as show_schedule};
pub use summary::show as show_summary;
