//! Images in files: how they are found, listed, split, read, packed and converted.

mod convert;
mod downloaded;
mod find_images;
#[cfg(feature = "hub")]
mod hub;
mod imagenet;
mod images;
mod layouts;
mod open;
mod packed;
mod packed_files;
#[cfg(feature = "parquet")]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/parquet_files.rs"]
mod parquet_files;
mod sources;
mod splits;
mod stream;
#[cfg(feature = "parquet")]
mod tables;
