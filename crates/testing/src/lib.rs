//! Tolerances, goldens and table tests; a dev-dependency only.
//!
//! Everything here judges other code, so everything here is itself tested for being able to fail. It must not
//! know any other crate of this workspace, so that each may use it in its tests.
//!
//! | file | what it holds |
//! |---|---|
//! | `tolerance.rs` | comparisons of floats that a NaN cannot pass |
//! | `table.rs` | tests that run every row and report every one that fails |
//! | `golden.rs`, `recipe.rs` | results of PyTorch in f64, and the recipe of the tensors that they are for |
//! | `random.rs` | seeded arrays |
//! | `needs.rs` | what a test needs and a machine may lack; the one way to skip a test |
//! | `data.rs`, `python.rs` | where data, published weights and Python are found |
//! | `hub.rs` | a small model hub, served on this machine |
//! | `interpreter.rs` | what is left out under Miri and valgrind |

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
