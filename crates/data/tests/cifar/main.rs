//! CIFAR in each form that it comes in: Python's pickles, parquet tables, and the hub's cache.

#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/parquet_files.rs"]
mod parquet_files;
mod python;
