//! Trainings of a tiny classifier: what they resume, refuse, select, share and leave behind.

mod common;
mod divergence;
mod failures;
mod image_files;
mod left_out;
mod lengthen;
mod optimizers;
mod processes;
mod resume;
mod selection;
mod step_options;
