//! The user's cache folder, and files in caches.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where this workspace keeps what it can make again: `$XDG_CACHE_HOME/resnet`, else `~/.cache/resnet`.
/// Nothing where neither variable is set.
pub fn user_cache() -> Option<PathBuf> {
    user_cache_of(|name| env::var_os(name))
}

fn user_cache_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("resnet"))
}

/// Writes a file of a cache as [`write_whole`](crate::write_whole) does, and creates the folders above it.
///
/// # Errors
/// What the system refuses. A file at `path` is then as it was.
pub fn write_cached(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    crate::write_whole(path, |out| out.write_all(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let cache = |given: &[(&str, &str)]| {
            user_cache_of(|name| given.iter().find(|row| row.0 == name).map(|row| row.1.into()))
        };
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/resnet".into()));
        assert_eq!(cache(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")]), Some("/h/.cache/resnet".into()));
        assert_eq!(cache(&[("HOME", "")]), None);
    }

    #[test]
    fn the_folders_above_a_cached_file_are_made() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("a/b/c.json");
        for text in ["old", "new"] {
            write_cached(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert!(write_cached(&file.join("below a file"), b"x").is_err());
    }
}
