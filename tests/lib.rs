//! Shared by the tests of this package, and by the fuzz targets.

#[path = "fuzz/bodies/mod.rs"]
pub mod fuzzing;
