//! Residual units and networks as pictures: the paper's figures 1, 2, 4 and 5, any unit, any network of the
//! registry.
//!
//! A picture is drawn from units that were built ([`resnet_blocks::UnitOutline`]) and from a network's traced
//! plan ([`resnet_models::summary`]), so it shows what runs. Pictures are SVG files that load nothing and
//! follow the reader's choice of light or dark.
//!
//! This crate writes no file and knows no command line.
//!
//! | file | job |
//! |---|---|
//! | `subject.rs` | what can be drawn, by name |
//! | `figures.rs` | the paper's figures |
//! | `unit.rs` | one unit: paths, boxes, the addition |
//! | `network.rs` | a network by its stages |
//! | `built.rs` | units, built as a network builds them |
//! | `canvas.rs` | boxes, lines and arrows as SVG |
//! | `error.rs` | what can go wrong |
//!
//! ```
//! use resnet_draw::Subject;
//!
//! assert!(Subject::named("figure4")?.svg()?.starts_with("<svg"));
//! assert!(Subject::named("v2-bottleneck")?.svg()?.contains("1×1 conv"));
//! assert!(Subject::named("resnet110-v2")?.svg()?.contains("18 units"));
//! # Ok::<(), resnet_draw::Error>(())
//! ```

mod built;
mod canvas;
mod error;
mod figures;
mod network;
mod subject;
mod unit;

pub use error::Error;
pub use figures::Figure;
pub use subject::{Subject, UNITS};
