//! What the paper argues in its sections 2 to 4, measured on a network; and why a checkpoint's accuracy is
//! not what it should be.
//!
//! [`measure`] passes a batch of images through a network unit by unit. It tells how the signal grows
//! (equation 4), how long the gradient is at each unit (5), what of it the shortcuts alone would carry, which
//! is the product of equations (6) to (8), and what f = ReLU cuts. [`Subject::course`] does that along a
//! training. [`preprocessing`] scores a checkpoint with one thing changed at a time.
//!
//! It draws through `resnet-report`, and knows no command line.
//!
//! | file | job |
//! |---|---|
//! | `measure.rs` | one pass over a network, unit by unit |
//! | `courses.rs` | fresh weights, files, runs along their checkpoints |
//! | `sample.rs` | the images that networks are measured on |
//! | `pictures.rs` | pictures over depth and over a training, with what each shows |
//! | `page.rs` | pictures and tables as a page |
//! | `preprocessing/` | how images are prepared, tried one thing at a time |
//! | `error.rs` | what can go wrong |

mod courses;
mod error;
mod measure;
mod page;
mod pictures;
pub mod preprocessing;
mod sample;

pub use courses::{Course, Options, Point, Progress, Subject};
pub use error::Error;
pub use measure::{Measures, UnitMeasures, measure};
pub use page::{cells, explained, write_page, write_pictures};
pub use pictures::{Picture, pictures};
pub use sample::Source;
