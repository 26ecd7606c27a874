//! Shared by the tests of this package, and by the fuzz targets.

pub mod fuzzing;
