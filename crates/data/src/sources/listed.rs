//! A folder of images without class folders, whose labels are in a list: ImageNet's validation images as they
//! are unpacked, Tiny ImageNet's, a competition's.
//!
//! Folders below it say nothing. Each image is a file, read as those of class folders are.

use std::fs;
use std::path::Path;

use super::index::{Entry, Stamp};
use super::labels::{Given, Lists, beside};
use super::{Broken, Index, Layout, Split, folders};
use crate::Error;
use resnet_formats::is_image_name;
use resnet_formats::names::{is_passed_over, name_of, text_of};

/// How deep folders may be nested.
const MAX_DEPTH: usize = 16;

/// Opens the split that is all images in `root`, which are listed anew at each start.
pub(crate) fn open(root: &Path, split: Split, given: Given<'_>) -> Result<Index, Error> {
    let lists = Lists::find(root, "", split, given)?;
    let mut index = Index::new(Layout::Listed, root, Vec::new());
    let mut images = Vec::new();
    walk(root, "", (0, &lists), &mut index, &mut images)?;
    let paths: Vec<String> =
        images.iter().map(|image| join(&index.files[image.file as usize].path, &image.name)).collect();
    let labelled = lists.label(root, &paths.iter().map(String::as_str).collect::<Vec<_>>())?;
    for ((Image { file, name, bytes }, label), path) in images.iter().zip(labelled.labels).zip(&paths) {
        match label {
            Ok(_) if *bytes == 0 => index.faults.push(Broken::new(path, "it is empty")),
            Ok(label) => {
                let bytes = u32::try_from(*bytes).unwrap_or(u32::MAX);
                index.push(&Entry { file: *file, offset: 0, bytes, label, name });
            }
            Err(cause) => index.faults.push(Broken::new(path, cause)),
        }
    }
    index.classes = labelled.classes;
    index.warnings = labelled.warnings;
    index.cut_blocks(&[]);
    Ok(index)
}

/// Whether the images in `root` have their labels from a list: from `labels` if that is given, else from one
/// beside them. `inside` are the layouts in which `root` holds images.
pub(crate) fn is_listed(
    root: &Path,
    inside: &[(Layout, Vec<String>)],
    split: Split,
    labels: Option<&Path>,
) -> bool {
    if inside.iter().any(|(layout, _)| *layout != Layout::Folders) {
        return false;
    }
    let is_flat = inside.is_empty() && folders::holds_image(root);
    match labels {
        Some(_) => is_flat || !inside.is_empty(),
        // Without a list, images for validation are refused, and others are no data set.
        None if is_flat => split == Split::Val || beside(root, "", split).is_some(),
        // Folders are classes, unless Tiny ImageNet's list lies among them.
        None => !inside.is_empty() && root.join("val_annotations.txt").is_file(),
    }
}

/// The split of images that have their labels from a list: those in `root`, or in the tar file `name` there.
pub(crate) fn split_of(root: &Path, name: &str, labels: Option<&Path>) -> Split {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = std::path::absolute(root).ok();
    let name = if name.is_empty() { folder.as_deref().and_then(last) } else { Some(name.to_owned()) };
    let list = labels.and_then(last);
    let by_name = name.iter().chain(&list).find_map(|name| Split::of_name(name));
    let is_for = |split| labels.is_none() && beside(root, "", split).is_some();
    by_name.unwrap_or(match is_for(Split::Val) && !is_for(Split::Train) {
        true => Split::Val,
        false => Split::Train,
    })
}

/// A file that is an image by its name.
struct Image {
    /// The number of its folder.
    file: u32,
    name: String,
    bytes: u64,
}

/// Adds the images in `folder`, relative to `root`, and below, in order of name.
fn walk(
    root: &Path,
    folder: &str,
    (depth, lists): (usize, &Lists),
    index: &mut Index,
    images: &mut Vec<Image>,
) -> Result<(), Error> {
    let path = root.join(name_of(folder));
    let io = |cause| Error::io("list", &path, cause);
    let (mut here, mut below) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = text_of(&entry.file_name()).into_owned();
        if is_passed_over(&name) {
            continue;
        }
        // A link to a folder may lead round in a circle.
        if entry.file_type().map_err(io)?.is_dir() {
            below.push(join(folder, &name));
        } else if !is_image_name(&name) {
            // The list may lie among the images.
            if !lists.are_in(&entry.path()) {
                index.left_out.add_file(&name);
            }
        } else {
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_file() => here.push((name, metadata.len())),
                Ok(_) => index.faults.push(Broken::new(join(folder, &name), "it is not a file")),
                Err(cause) => {
                    index.faults.push(Broken::new(join(folder, &name), format!("cannot open it: {cause}")))
                }
            }
        }
    }
    here.sort();
    below.sort();
    if !here.is_empty() {
        let file = index.files.len() as u32;
        // A folder is listed at each start, so its size and time are not needed.
        index.files.push(Stamp { path: folder.to_owned(), bytes: 0, modified: 0 });
        images.extend(here.into_iter().map(|(name, bytes)| Image { file, name, bytes }));
    }
    if depth == MAX_DEPTH && !below.is_empty() {
        let cause = format!("it lies {MAX_DEPTH} folders below the data and holds folders still");
        return Err(Error::bad_file(path.display().to_string(), cause, "flatten it"));
    }
    below.iter().try_for_each(|folder| walk(root, folder, (depth + 1, lists), index, images))
}

/// The path of `name` in `folder`, which may be none.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
