//! The files that heat maps are written to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use resnet::{HeatMap, Pretrained};
use resnet_data::names::shown;
use resnet_data::sources::is_image_end;

use crate::failure::Ended;

/// Where each image's map is written.
#[derive(Debug)]
pub(crate) struct Targets(BTreeMap<PathBuf, PathBuf>);

impl Targets {
    /// One image's map is the file `out`, if that ends in .png; otherwise `out` is a folder with a file for
    /// each. No map may replace an image, or any file but an earlier map, or lie among the images of a folder
    /// in `given`, from which `images` are.
    pub(crate) fn new(out: &Path, given: &[PathBuf], images: &[PathBuf]) -> anyhow::Result<Self> {
        let targets = Self::named(out, images)?;
        if let Some(folder) = given.iter().find(|folder| folder.is_dir() && lies_in(out, folder)) {
            bail!(
                "heat maps in {} would lie among the images of {}, and be taken for such; give --heatmap a place \
                 outside it",
                shown(out),
                shown(folder)
            );
        }
        let read: Vec<PathBuf> = images.iter().flat_map(|image| image.canonicalize()).collect();
        for target in targets.0.values() {
            if target.canonicalize().is_ok_and(|target| read.contains(&target)) {
                bail!(
                    "the heat map {} would replace an image that is to be classified; name another",
                    shown(target)
                );
            }
            HeatMap::may_be_at(target)?;
        }
        Ok(targets)
    }

    fn named(out: &Path, images: &[PathBuf]) -> anyhow::Result<Self> {
        let is_png = out.extension().is_some_and(|end| end.eq_ignore_ascii_case("png"));
        let is_image = out.extension().and_then(|end| end.to_str()).is_some_and(is_image_end);
        if is_image && !is_png && !out.is_dir() {
            let name = shown(&out.with_extension("png"));
            return Ended::usage(format!("heat maps are PNG; give --heatmap {name}"));
        }
        if is_png && !out.is_dir() {
            let [image] = images else {
                let message = format!(
                    "--heatmap {} is one file, and there are {} images; give a folder instead",
                    shown(out),
                    images.len()
                );
                return Ended::usage(message);
            };
            return Ok(Self([(image.clone(), out.to_owned())].into()));
        }
        let mut targets = BTreeMap::new();
        let mut sources: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
        for image in images {
            let mut name = image.file_name().unwrap_or(image.as_os_str()).to_owned();
            name.push(".heatmap.png");
            let target = out.join(name);
            if let Some(other) = sources.insert(target.clone(), image).filter(|other| *other != image) {
                bail!(
                    "the heat maps of {} and {} would both be {}; predict them one after the other, into two folders",
                    shown(other),
                    shown(image),
                    shown(&target)
                );
            }
            targets.insert(image.clone(), target);
        }
        Ok(Self(targets))
    }

    /// Writes the map of `class` on the image in `file`; returns where.
    pub(crate) fn write(&self, pretrained: &Pretrained, file: &Path, class: usize) -> anyhow::Result<&Path> {
        let no_map = || format!("no heat map of {}", shown(file));
        let target = self.0.get(file).with_context(no_map)?;
        pretrained.write_heat_map(file, class, target).with_context(no_map)?;
        Ok(target)
    }
}

/// Whether `path`, which need not be there, is `folder` or lies in it.
fn lies_in(path: &Path, folder: &Path) -> bool {
    let there = std::path::absolute(path).ok();
    let there = there.iter().flat_map(|path| path.ancestors()).find_map(|path| path.canonicalize().ok());
    there.zip(folder.canonicalize().ok()).is_some_and(|(there, folder)| there.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_told_apart() {
        let maps = |out: &str, images: &[&str]| {
            let images: Vec<_> = images.iter().map(PathBuf::from).collect();
            Targets::new(Path::new(out), &[], &images)
        };
        let one = maps("out.png", &["a/cat.jpg"]).unwrap();
        assert_eq!(one.0[Path::new("a/cat.jpg")], Path::new("out.png"));
        let two = maps("maps", &["a/cat.jpg", "cat.png", "cat.png"]).unwrap();
        assert_eq!(two.0[Path::new("a/cat.jpg")], Path::new("maps/cat.jpg.heatmap.png"));
        assert_eq!(two.0[Path::new("cat.png")], Path::new("maps/cat.png.heatmap.png"));
        let other = maps("out.jpg", &["a/cat.jpg"]).unwrap_err();
        assert_eq!(other.to_string(), "heat maps are PNG; give --heatmap out.png");
        let several = maps("out.PNG", &["a", "b"]).unwrap_err();
        assert!(several.to_string().contains("2 images"), "{several}");
        let twice = maps("maps", &["a/cat.jpg", "b/cat.jpg"]).unwrap_err();
        assert!(twice.to_string().contains("would both be maps/cat.jpg.heatmap.png"), "{twice}");
    }

    #[test]
    fn no_map_lies_among_the_images_of_a_folder() {
        let here = tempfile::tempdir().unwrap();
        let given = [here.path().join("train"), here.path().join("cat.png")];
        std::fs::create_dir_all(given[0].join("cat")).unwrap();
        std::fs::create_dir(here.path().join("trained")).unwrap();
        let maps = |out: &str| Targets::new(&here.path().join(out), &given, &[given[0].join("cat/1.png")]);
        for among in ["train", "train/cat", "train/maps/new", "trained/../train/cat", "train/cat/map.png"] {
            let told = maps(among).unwrap_err().to_string();
            assert!(told.contains("would lie among the images of"), "{among}: {told}");
        }
        for outside in ["maps", "trained", "train-maps/new", "map.png"] {
            assert!(maps(outside).is_ok(), "{outside}");
        }
    }
}
