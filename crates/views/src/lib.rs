//! What a terminal shows of recipes, schedules, runs, and a training before its first step: tables and
//! pictures for people, the same as JSON for scripts.
//!
//! It parses no command line. What it prints is wrapped and drawn by `resnet-terminal`, what it says comes
//! from `resnet-record`, `resnet-train` and `resnet-bench`.
//!
//! | file | |
//! |---|---|
//! | `recipes.rs` | recipes by name and as a list, with the time that each takes here |
//! | `schedule.rs` | the learning rate of a recipe over its training |
//! | `runs.rs` | runs as a list with their states; the log of one as it grows |
//! | `preamble.rs` | what a training is going to do and to cost |
//! | `live.rs` | a training while it runs |
//! | `reproduce.rs` | the paper's tables and figures: the plan, the trainings, what came out |

mod live;
mod preamble;
pub mod recipes;
mod reproduce;
mod runs;
mod schedule;

pub use live::{Live, epoch_line};
pub use preamble::print as preamble;
pub use reproduce::{Reproduced, Setup, Work, reproduce};
pub use runs::{follow, list as list_runs};
pub use schedule::{course, show as show_schedule};
