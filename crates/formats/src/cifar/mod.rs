//! CIFAR's records: an image of 32 x 32 and a label, in the binary form of its authors (`records`), in
//! Python's pickles (`pickled`), and in a parquet file (`table`).

mod numpy;
mod pickled;
mod records;
#[cfg(feature = "parquet")]
mod table;

pub use self::pickled::{names, read};
pub use self::records::{MAX_FILE_BYTES, Records};
#[cfg(feature = "parquet")]
pub use self::table::Table;

/// Height and width of a CIFAR image.
pub const SIDE: usize = 32;
/// Bytes of a CIFAR image.
pub const PIXELS: usize = 3 * SIDE * SIDE;
