//! Where real data and published weights lie, for the tests that are skipped without them.
//!
//! Neither is part of the repository. `RESNET_TEST_DATA` names a folder with CIFAR-10 in the official binary
//! layout and, in `photos`, images of ImageNet's classes; weights are looked for beside the repository, in
//! `../shared/checkpoints`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Need;
use crate::needs::skip;

/// The variable that names the folder of CIFAR-10.
pub const VARIABLE: &str = "RESNET_TEST_DATA";

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("crates/testing lies two folders below the root").to_owned()
}

/// The folder that `RESNET_TEST_DATA` names, or `None` after recording that the caller is skipped.
///
/// Panics where the variable is set and names no folder: a typing error must not turn a test off.
#[track_caller]
pub fn cifar10() -> Option<PathBuf> {
    let found = folder(std::env::var_os(VARIABLE)).unwrap_or_else(|fault| panic!("{fault}"));
    if found.is_none() {
        skip(
            Need::Data,
            format_args!("set {VARIABLE} to a folder of CIFAR-10 in the official binary layout"),
        );
    }
    found
}

/// The folder `photos` of [`cifar10`], 200 JPEG files in class folders, or `None` after recording that the
/// caller is skipped.
#[track_caller]
pub fn real_images() -> Option<PathBuf> {
    let folder = cifar10()?.join("photos");
    if !folder.is_dir() {
        skip(Need::Data, format_args!("there is no {}", folder.display()));
        return None;
    }
    Some(folder)
}

/// A file of `../shared/checkpoints` beside the repository, or `None` after recording that the caller is
/// skipped.
#[track_caller]
pub fn checkpoint(name: &str) -> Option<PathBuf> {
    let file = workspace().join("../shared/checkpoints").join(name);
    if !file.is_file() {
        skip(Need::Checkpoints, format_args!("there is no {}", file.display()));
        return None;
    }
    Some(file)
}

fn folder(value: Option<OsString>) -> Result<Option<PathBuf>, String> {
    match value.filter(|value| !value.is_empty()).map(PathBuf::from) {
        Some(path) if !path.is_dir() => Err(format!("{VARIABLE} names no folder: {}", path.display())),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found() {
        assert!(workspace().join("crates/testing/Cargo.toml").is_file());
    }

    #[test]
    fn unset_skips_and_a_wrong_path_fails() {
        assert_eq!(folder(None), Ok(None));
        assert_eq!(folder(Some("".into())), Ok(None));
        assert_eq!(folder(Some(workspace().into())), Ok(Some(workspace())));
        assert!(folder(Some("/no/such/folder".into())).is_err());
        let file = workspace().join("Cargo.toml");
        assert!(folder(Some(file.into())).is_err());
    }
}
