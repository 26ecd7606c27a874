//! Tells by the names of files and folders which data sets lie in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::open::{Candidate, Part};
use super::{Layout, Split, archives, folders, listed};
use crate::Error;
use crate::names::{is_passed_over, name_of, text_of};

/// A way in which a folder holds images, with the files where they are files.
pub(super) type Inside = (Layout, Vec<String>);

/// What `dir` itself holds, folders of splits included. The names of splits count only beside a folder of a
/// training split that holds a data set; otherwise folders are classes, whatever they are called. `labels` is
/// the list that gives images their labels, if one was asked for.
pub(super) fn candidates(dir: &Path, labels: Option<&Path>) -> Result<Vec<Candidate>, Error> {
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for name in folders::class_folders(dir)? {
        let root = dir.join(name_of(&name));
        match Split::of_word(&name.to_ascii_lowercase()) {
            Some(split) => {
                let mut inside = plain(&root)?;
                // A list that is given is for the images to be evaluated on.
                let list = labels.filter(|_| split != Split::Train);
                if listed::is_listed(&root, &inside, split, list) {
                    inside = vec![(Layout::Listed, Vec::new())];
                }
                named.push((split, inside, root));
            }
            None => others.push(root),
        }
    }
    if named.iter().any(|(split, inside, _)| *split == Split::Train && !inside.is_empty()) {
        return splits(dir, named, &others);
    }
    let listed = named.iter().find(|(_, inside, _)| matches!(inside[..], [(Layout::Listed, _)]));
    // Without a list these are refused by name: a split is not taken for a class.
    let unlisted = || named.iter().find(|(_, inside, root)| inside.is_empty() && folders::holds_image(root));
    let flat = listed.or_else(unlisted);
    if let Some((split, _, root)) = flat
        && !others.iter().any(|other| folders::holds_image(other))
    {
        return Ok(vec![Candidate::of_split(root, Layout::Listed, *split, Vec::new())]);
    }
    let inside = plain(dir)?;
    let split = listed::split_of(dir, "", labels);
    if listed::is_listed(dir, &inside, split, labels) {
        return Ok(vec![Candidate::of_split(dir, Layout::Listed, split, Vec::new())]);
    }
    Ok(inside.into_iter().map(|(layout, files)| Candidate::single(dir, layout, files)).collect())
}

/// A training split and what lies beside it in `dir`.
fn splits(
    dir: &Path,
    named: Vec<(Split, Vec<Inside>, PathBuf)>,
    others: &[PathBuf],
) -> Result<Vec<Candidate>, Error> {
    let mut parts: BTreeMap<Split, Part> = BTreeMap::new();
    for (split, mut inside, root) in named {
        if inside.len() > 1 {
            return Ok(inside
                .into_iter()
                .map(|(layout, files)| Candidate::single(&root, layout, files))
                .collect());
        }
        let Some((layout, files)) = inside.pop() else { continue };
        if let Some(first) = parts.get(&split) {
            let (first, root) = (first.root.display(), root.display());
            tracing::warn!("{root} is not used: {first} is the {split} split already");
        } else {
            parts.insert(split, Part { root, layout, files });
        }
    }
    if let Some(other) = others.iter().find(|other| folders::holds_image(other)) {
        tracing::warn!(
            "{} is not used: it lies beside the folder of a training split and is not called as one",
            other.display()
        );
    }
    let layout = parts[&Split::Train].layout;
    Ok(vec![Candidate { root: dir.to_owned(), layout, parts }])
}

/// The ways in which `dir` itself holds images, with the files where they are files.
fn plain(dir: &Path) -> Result<Vec<Inside>, Error> {
    let io = |cause| Error::io("list", dir, cause);
    let mut files: BTreeMap<&str, (Layout, Vec<String>)> = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = text_of(&entry.file_name()).into_owned();
        if is_passed_over(&name) {
            continue;
        }
        if let Some(layout) = layout_of_file(Path::new(&name)).filter(|_| entry.path().is_file()) {
            files.entry(layout.name()).or_insert((layout, Vec::new())).1.push(name);
        }
    }
    let mut found: Vec<_> = files.into_values().collect();
    for (layout, files) in &mut found {
        files.sort();
        if *layout == Layout::Shards && archives::are_archives(dir, files)? {
            *layout = Layout::Archives;
            let compressed = files.extract_if(.., |name| !name.to_ascii_lowercase().ends_with(".tar"));
            for name in compressed {
                tracing::warn!("{}: {name} is compressed and not used", dir.display());
            }
        }
    }
    let mut classes = folders::class_folders(dir)?.into_iter().map(|name| dir.join(name_of(&name)));
    if classes.any(|folder| folders::is_class(&folder)) {
        found.push((Layout::Folders, Vec::new()));
    }
    Ok(found)
}

pub(super) fn layout_of_file(path: &Path) -> Option<Layout> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    // What lies beside ImageNet's images: lists, boxes, images without labels, a part of the others once
    // more.
    let is_imagenets =
        ["ilsvrc2012_devkit", "ilsvrc2012_bbox", "ilsvrc2012_img_test", "ilsvrc2012_img_train_t3"];
    let is_cifar = name.starts_with("cifar-");
    match () {
        () if is_imagenets.iter().any(|start| name.starts_with(start)) => None,
        () if name.ends_with(".parquet") => Some(Layout::Tables),
        () if name.ends_with(".tar") => Some(Layout::Shards),
        () if name.ends_with(".pack") => Some(Layout::Packed),
        // CIFAR's archives are opened by `open_dir`, which reads them whole.
        () if (name.ends_with(".tar.gz") || name.ends_with(".tgz")) && !is_cifar => Some(Layout::Shards),
        () => None,
    }
}
