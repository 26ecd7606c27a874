//! Bodies of the fuzz targets: for each parser of files from outside a function that panics where the parser
//! does anything but read the bytes or refuse them with a sentence.
//!
//! The programs in `tests/fuzz/targets` run them under libFuzzer; `tests/parsers.rs` runs them in every test
//! over seeds, damaged seeds and all inputs that ever broke something (`tests/fuzz/regressions`).

pub mod data;
pub mod mend;
pub mod models;
pub mod runs;
pub mod seeds;

use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// A parser under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its program and of its folder of regressions.
    pub name: &'static str,
    /// What must not panic on any bytes.
    pub body: fn(&[u8]),
    /// Small inputs of every kind that it reads.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub static TARGETS: [Target; 15] = [
    Target { name: "jpeg", body: data::jpeg, seeds: seeds::jpegs },
    Target { name: "image", body: data::image, seeds: seeds::images },
    Target { name: "cifar", body: data::cifar, seeds: seeds::cifar },
    Target { name: "shards", body: data::shards, seeds: seeds::shards },
    Target { name: "lists", body: data::lists, seeds: seeds::lists },
    Target { name: "packed", body: data::packed, seeds: seeds::packed },
    Target { name: "tables", body: data::tables, seeds: seeds::tables },
    Target { name: "index", body: data::index, seeds: seeds::indexes },
    Target { name: "safetensors", body: models::safetensors, seeds: seeds::safetensors },
    Target { name: "pytorch", body: models::pytorch, seeds: seeds::pytorch },
    Target { name: "pickle", body: models::pickle, seeds: seeds::pickles },
    Target { name: "config", body: models::config, seeds: seeds::configs },
    Target { name: "names", body: models::names, seeds: seeds::names },
    Target { name: "runs", body: runs::runs, seeds: seeds::runs },
    Target { name: "resume", body: runs::resume, seeds: seeds::resumes },
];

/// Tells `ours` of every panic in this project's code from now on, caught or not: where a decoder's panic is
/// caught, it would go unseen. Those of dependencies, which some are caught for, count only if nobody catches
/// them.
pub fn watch_panics(ours: impl Fn(String) + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |location| location.file());
        if !file.contains("registry/src/") && !file.starts_with("/rustc/") {
            ours(info.to_string());
        }
    }));
}

/// For a program under libFuzzer: a panic in this project's code ends it, with the place where it was.
pub fn abort_on_panic() {
    watch_panics(|told| {
        eprintln!("{told}\n{}", std::backtrace::Backtrace::force_capture());
        std::process::abort();
    });
}

/// How many inputs were read and not refused since this was last asked. A body whose seeds are all refused
/// tests nothing of what must hold of an input that is read.
pub fn accepted() -> usize {
    ACCEPTED.swap(0, Ordering::Relaxed)
}

static ACCEPTED: AtomicUsize = AtomicUsize::new(0);

/// A body calls it when a parser has read its input.
fn accept() {
    ACCEPTED.fetch_add(1, Ordering::Relaxed);
}

/// A folder that is gone at the end, in memory where the system has such a place.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// Writes a file.
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
}

/// An error is one sentence of bounded length that names the file, or the folder that it lies in.
#[track_caller]
fn told(error: &dyn std::error::Error, file: &str) {
    let text = error.to_string();
    assert!(text.contains(file), "{text:?} should name {file}");
    assert!(text.len() < 8000, "{} bytes of message: {:?}", text.len(), text.chars().take(400));
}
