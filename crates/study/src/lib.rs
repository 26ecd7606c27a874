//! The paper as something to run: its tables and figures as trainings, planned, trained and collected, with
//! the published numbers beside the measured ones.
//!
//! A [`Grid`] is a table or figure as data. A [`Study`] says which trainings it takes at a [`Scale`], which
//! of them are there already and how long the others need; [`Trainings`] does those; [`Results`] are what
//! came out, with their statistics; [`write_pages`] draws them.
//!
//! It parses no command line and prints nothing.
//!
//! | file | job |
//! |---|---|
//! | `target`, `grid`, `tables` | the tables and figures by name, as rows, joined to the published numbers |
//! | `scale` | how a row of the paper becomes a training: in full, for a night, for minutes |
//! | `deviations` | how that training differs from the paper's, in phrases |
//! | `coding` | whether images have been through JPEG |
//! | `find` | runs in folders, recognised by their recipe and seed |
//! | `study` | the trainings, their folders and states, and the time that they take |
//! | `training`, `trainings` | one training of the study, and all that are left |
//! | `results` | what came out, row by row, over seeds |
//! | `answer` | what the measurements of a table say of the paper's order |
//! | `page`, `curves` | the page of a table or figure |
//! | `markdown` | the same as a Markdown table |
//! | `tell`, `words` | what both say, and how numbers are written |
//! | `claims` | the paper's claims, measured and judged |
//! | `write` | pages, tables and pictures as files |
//!
//! ```
//! use resnet_study::{ImageKind, Scale, Target, grid};
//!
//! let table = grid(Target::Table2);
//! assert_eq!(table.rows.len(), 10);
//! let recipe = table.rows[0].recipe_at(Scale::Small, ImageKind::Real).unwrap();
//! assert_eq!(recipe.model.name, "resnet56-v1");
//! ```

mod answer;
pub mod claims;
mod coding;
mod curves;
mod deviations;
mod error;
mod find;
mod grid;
mod markdown;
mod page;
mod results;
mod scale;
mod study;
mod tables;
mod target;
mod tell;
mod training;
mod trainings;
mod words;
mod write;

pub use answer::answer;
pub use deviations::deviations;
pub use error::Error;
pub use find::{FoundRun, RunStatus, find_runs};
pub use grid::{Grid, Panel, Published, Row};
pub use markdown::markdown;
use page::page;
pub use results::{Results, RowResult};
pub use scale::{ImageKind, Scale};
pub use study::{Job, Request, State, Study};
pub use tables::grid;
pub use target::Target;
pub use tell::{deviation, deviation_lines, difference, measured};
pub use training::Ended;
pub use trainings::{AllEnded, StudyObserver, Trainings, Turn};
pub use write::{draw_pages, keep, write_claims, write_pages};
