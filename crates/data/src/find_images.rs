//! `find_images`: the image files in folders.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::names::{self, shown};
use crate::sources::{IMAGE_ENDS, is_image_end};

/// The files that [`find_images`] found, and what it could not list.
#[derive(Debug, Default)]
pub struct FoundImages {
    /// The files, in the order of the paths that were given; those of a folder in order of name.
    pub files: Vec<PathBuf>,
    /// Folders without an image, and those that cannot be listed.
    pub failures: Vec<Error>,
}

/// Finds image files: a file stands for itself, whatever its name; a folder stands for the files in it and
/// below it whose names end in one of [`IMAGE_ENDS`]. In folders, links to folders are left out, and so are
/// hidden files and folders and those that operating systems leave there.
///
/// ```no_run
/// let found = resnet_data::find_images(&["cat.jpg".into(), "holiday".into()]);
/// println!("{} images", found.files.len());
/// ```
pub fn find_images(paths: &[PathBuf]) -> FoundImages {
    let mut found = FoundImages::default();
    for path in paths {
        if !path.is_dir() {
            found.files.push(path.clone());
            continue;
        }
        let before = (found.files.len(), found.failures.len());
        walk(path, &mut found);
        if (found.files.len(), found.failures.len()) == before {
            let (folder, ends) = (shown(path), IMAGE_ENDS.join(", "));
            let message = format!("{folder} holds no image; looked for files that end in {ends}");
            found.failures.push(Error::Invalid(message));
        }
    }
    found
}

/// Adds the images in and below a folder. A folder that cannot be listed is a failure, and the rest is found.
fn walk(folder: &Path, found: &mut FoundImages) {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = match list().map_err(|cause| Error::io("list", folder, cause)) {
        Ok(paths) => paths,
        Err(failure) => return found.failures.push(failure),
    };
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if names::is_passed_over(&name) {
            continue;
        }
        // A link to a folder may lead back up, so only links to files are followed. A file that can't be
        // read, such as a link that leads nowhere, fails when it is read.
        if !path.is_dir() {
            found.files.extend(is_image(&path).then_some(path));
        } else if !path.is_symlink() {
            walk(&path, found);
        }
    }
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|end| is_image_end(&end.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_images_and_files_themselves() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = find_images(&[folder.join("src"), folder.join("Cargo.toml")]);
        assert_eq!(found.files, [folder.join("Cargo.toml")]);
        assert!(found.failures[0].to_string().contains("holds no image"));
        assert!(["a/B.JPG", "c.jfif", "d.bmp", "e.TIF"].map(Path::new).into_iter().all(is_image));
        assert!(!is_image(Path::new("jpg")));
    }
}
