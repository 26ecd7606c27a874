//! Tolerances, goldens and table tests; a dev-dependency only.
//!
//! Everything here judges other code, so everything here is itself tested for being able to fail.

pub mod data;
pub mod golden;
pub mod hub;
pub mod interpreter;
pub mod needs;
pub mod python;
pub mod random;
pub mod recipe;
pub mod table;
pub mod tolerance;

pub use interpreter::affordable;
pub use needs::{Need, skip};
pub use python::python;
pub use random::uniform;
pub use tolerance::{assert_close, compare, largest, max_relative_to_norm, near, within};
