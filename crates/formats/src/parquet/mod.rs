//! Parquet files with a column of encoded images and one of labels.
//!
//! | file | what it does |
//! |---|---|
//! | `bounded` | keeps the decoder from reading behind the end for ever |
//! | `columns` | values of columns, row by row |
//! | `schema` | which columns hold images and labels |
//! | `table` | the labels of a file, and the images of some of its rows |

mod bounded;
mod columns;
mod schema;
mod table;

pub use self::columns::{MEND, guarded};
pub use self::table::{Group, Label, Scanned, read_rows, scan};
pub use ::parquet::data_type::ByteArray;

pub(crate) use self::bounded::Bounded;
pub(crate) use self::columns::{Labels, bad, images, open};
