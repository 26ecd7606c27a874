//! Where real data and checkpoints lie, for the tests that need them and are skipped without them.
//!
//! Neither is part of the repository. `RESNET_TEST_DATA` names a folder of CIFAR-10 in the official binary
//! layout; checkpoints are looked for beside the repository, in `../shared/checkpoints`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that names the folder of CIFAR-10.
pub const VARIABLE: &str = "RESNET_TEST_DATA";

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("crates/testing lies two folders below the root").to_owned()
}

/// The folder that `RESNET_TEST_DATA` names, or `None` after saying why the caller is skipped.
///
/// Panics where the variable is set and names no folder: a typing error must not turn a test off.
pub fn cifar10() -> Option<PathBuf> {
    let found = folder(std::env::var_os(VARIABLE)).unwrap_or_else(|fault| panic!("{fault}"));
    if found.is_none() {
        eprintln!("skipped: set {VARIABLE} to a folder of CIFAR-10 in the official binary layout");
    }
    found
}

/// The folder `../shared/checkpoints` beside the repository, or `None` after saying that the caller is
/// skipped.
pub fn checkpoints() -> Option<PathBuf> {
    let folder = workspace().join("../shared/checkpoints");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
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
