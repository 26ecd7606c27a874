//! Studies from outside: results and pages of made-up runs, trainings that several processes share, claims
//! that need no training.

mod claims;
mod common;
mod results;
mod trainings;
