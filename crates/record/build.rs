//! Tells the crate what the program is built with: the compiler's version, and candle's by the lock file.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said =
        Command::new(compiler).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    // `rustc 1.95.0 (59807616e 2026-04-14)`
    let said = String::from_utf8_lossy(&said).into_owned();
    println!("cargo::rustc-env=RESNET_RUSTC={}", said.split_whitespace().nth(1).unwrap_or("unknown"));
    let Some(lock) = lock_file() else { return };
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock).unwrap_or_default();
    if let Some(version) = version_in(&text, "candle-core") {
        println!("cargo::rustc-env=RESNET_CANDLE={version}");
    }
}

/// The lock file of the workspace that is built: of those above the build folder, else above this package.
fn lock_file() -> Option<PathBuf> {
    let above = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.ancestors().map(|folder: &Path| folder.join("Cargo.lock")).find(|file| file.is_file())
    };
    above("OUT_DIR").or_else(|| above("CARGO_MANIFEST_DIR"))
}

/// The version of a package in a lock file: on the line after its name.
fn version_in<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}
