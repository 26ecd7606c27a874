//! The pictures that a command line names, folders opened.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

/// Ends of file names that are taken for pictures in a folder.
const ENDS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Files to read, and what could not be found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) failures: Vec<anyhow::Error>,
}

/// Files stand for themselves, folders for the pictures in them and below them, in order of name.
pub(crate) fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if !path.is_dir() {
            found.files.push(path.clone());
            continue;
        }
        let before = found.files.len();
        if let Err(error) = walk(path, &mut found.files) {
            found.failures.push(error);
        } else if found.files.len() == before {
            let ends = ENDS.join(", ");
            found
                .failures
                .push(anyhow!("{} holds no picture; looked for files that end in {ends}", path.display()));
        }
    }
    found
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = list().with_context(|| format!("cannot list {}", folder.display()))?;
    paths.sort();
    for path in paths {
        // A link to a folder may lead back up: links are taken for files only.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, files)?;
        } else if path.is_file() && is_picture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
    end.is_some_and(|end| ENDS.contains(&end.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_pictures_and_files_themselves() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = find(&[folder.join("recipes"), folder.join("Cargo.toml")]);
        assert_eq!(found.files, [folder.join("Cargo.toml")]);
        assert!(found.failures[0].to_string().contains("holds no picture"));
        assert!(is_picture(Path::new("a/B.JPG")) && !is_picture(Path::new("jpg")));
    }
}
