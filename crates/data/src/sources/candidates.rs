//! Which data sets in files lie in a folder, by the names of its files and folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{IMAGE_ENDS, Layout, Split, archives, folders, listed};
use crate::Error;
use resnet_formats::names::{is_passed_over, name_of, text_of};
use resnet_formats::tar_headers::refuse_compressed;

/// Something that looks like a data set.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) root: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) parts: BTreeMap<Split, Part>,
}

/// A split of a candidate.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) root: PathBuf,
    pub(crate) layout: Layout,
    /// The shards, tables or packed files; none for folders.
    pub(crate) files: Vec<String>,
}

impl Candidate {
    /// A candidate whose files are told apart into splits by their names; class folders are the training
    /// split.
    pub(crate) fn single(root: &Path, layout: Layout, files: Vec<String>) -> Self {
        let mut parts: BTreeMap<Split, Part> = BTreeMap::new();
        let part = || Part { root: root.to_owned(), layout, files: Vec::new() };
        if layout == Layout::Folders {
            parts.insert(Split::Train, part());
        }
        for file in files {
            let split = Split::of_name(&file).unwrap_or(Split::Train);
            parts.entry(split).or_insert_with(part).files.push(file);
        }
        Candidate { root: root.to_owned(), layout, parts }
    }

    /// What lies in the folder of `split`, if no name in it tells otherwise.
    fn in_folder_of(mut self, split: Split) -> Self {
        let names_one = |part: &Part| part.files.iter().any(|file| Split::of_name(file).is_some());
        if self.parts.len() == 1
            && let Some(only) = self.parts.remove(&Split::Train)
        {
            let split = if names_one(&only) { Split::Train } else { split };
            self.parts.insert(split, only);
        }
        self
    }

    /// One split alone.
    pub(crate) fn of_split(root: &Path, layout: Layout, split: Split, files: Vec<String>) -> Self {
        let part = Part { root: root.to_owned(), layout, files };
        Candidate { root: root.to_owned(), layout, parts: BTreeMap::from([(split, part)]) }
    }
}

/// What lies in `path`; a folder without data of its own stands for the one folder in it that has some.
/// `labels` is the list that gives images their labels, if one is given.
pub(crate) fn find(path: &Path, labels: Option<&Path>) -> Result<Vec<Candidate>, Error> {
    let metadata = fs::metadata(path).map_err(|cause| Error::io("open", path, cause))?;
    if metadata.is_file() {
        return of_file(path, labels);
    }
    let mut found = candidates(path, labels)?;
    if found.is_empty() {
        let mut empty = None;
        for inner in folders::class_folders(path)? {
            let (root, split) = (path.join(name_of(&inner)), Split::of_word(&inner.to_ascii_lowercase()));
            let inside = candidates(&root, labels)?;
            if inside.is_empty() && split == Some(Split::Train) {
                empty = Some(root);
            }
            found.extend(inside.into_iter().map(|candidate| match split {
                Some(split) => candidate.in_folder_of(split),
                None => candidate,
            }));
        }
        if let (Some(empty), false) = (empty, found.is_empty()) {
            tracing::warn!("{} holds no images; what lies beside it is used alone", empty.display());
        }
    }
    Ok(found)
}

/// The data set that the file at `path` belongs to: all files of its kind in its folder.
fn of_file(path: &Path, labels: Option<&Path>) -> Result<Vec<Candidate>, Error> {
    let (parent, layout) = (path.parent().unwrap_or(path), layout_of_file(path));
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let layout = layout.ok_or_else(|| {
        Error::bad_file(
            path.display().to_string(),
            "it is neither a .tar nor a .parquet nor a .pack",
            "give the folder of the data",
        )
    })?;
    let name = text_of(path.file_name().unwrap_or_default()).into_owned();
    if layout == Layout::Shards && is_compressed(&name) {
        return Err(refuse_compressed(path).into());
    }
    if layout == Layout::Shards && archives::are_archives(parent, std::slice::from_ref(&name))? {
        // An archive is a whole split, so it does not stand for the others in its folder.
        let split = listed::split_of(parent, &name, labels);
        return Ok(vec![Candidate::of_split(parent, Layout::Archives, split, vec![name])]);
    }
    // Folders beside the file, of splits or of classes, are other data.
    let files = plain(parent)?.into_iter().filter(|(kind, _)| *kind == layout);
    Ok(files.map(|(layout, files)| Candidate::single(parent, layout, files)).collect())
}

/// The only one of those found in `path`.
pub(crate) fn only(path: &Path, mut found: Vec<Candidate>) -> Result<Candidate, Error> {
    match (found.pop(), found.len()) {
        (Some(candidate), 0) => Ok(candidate),
        (Some(last), _) => {
            let all = found.iter().chain([&last]);
            let found: Vec<String> =
                all.map(|it| format!("{} in {}", it.layout, it.root.display())).collect();
            Err(Error::Ambiguous { path: path.to_owned(), found: found.join(", ") })
        }
        (None, _) => Err(unrecognised(path)),
    }
}

/// The error for a path that holds nothing that is known.
pub(crate) fn unrecognised(path: &Path) -> Error {
    Error::Unrecognised {
        path: path.to_owned(),
        wanted: format!(
            "folders train and val; class folders with images (.{}); *.tar; *.parquet; *.pack",
            IMAGE_ENDS.join(", .")
        ),
    }
}

/// A layout in which a folder holds images, with the names of its files (none for class folders).
type Inside = (Layout, Vec<String>);

/// What `dir` itself holds, folders of splits included. The names of splits count only beside a folder of a
/// training split that holds a data set; otherwise folders are classes, whatever they are called. `labels` is
/// the list that gives images their labels, if one is given.
fn candidates(dir: &Path, labels: Option<&Path>) -> Result<Vec<Candidate>, Error> {
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
    // A split's folder of images without a list is not taken for a class: opening it says that the list is
    // missing.
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

/// The layouts in which `dir` itself holds images, with the names of its files (none for class folders).
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
            files.extract_if(.., |name| is_compressed(name)).for_each(|name| tell_unused(dir, &name));
        }
    }
    let mut classes = folders::class_folders(dir)?.into_iter().map(|name| dir.join(name_of(&name)));
    if classes.any(|folder| folders::is_class(&folder)) {
        found.push((Layout::Folders, Vec::new()));
    }
    // Left over from the download of what lies beside them.
    let is_left_over =
        |(layout, files): &Inside| *layout == Layout::Shards && files.iter().all(|name| is_compressed(name));
    if found.len() > 1
        && let Some(place) = found.iter().position(is_left_over)
    {
        found.remove(place).1.iter().for_each(|name| tell_unused(dir, name));
    }
    Ok(found)
}

/// Whether a shard by its name is compressed.
fn is_compressed(name: &str) -> bool {
    !name.to_ascii_lowercase().ends_with(".tar")
}

fn tell_unused(dir: &Path, name: &str) {
    tracing::warn!("{}: {name} is compressed and not used", dir.display());
}

fn layout_of_file(path: &Path) -> Option<Layout> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    // ImageNet's other downloads: the development kit, bounding boxes, test images without labels, and a part
    // of the training images once more.
    let is_imagenets =
        ["ilsvrc2012_devkit", "ilsvrc2012_bbox", "ilsvrc2012_img_test", "ilsvrc2012_img_train_t3"];
    let is_cifar = name.starts_with("cifar-");
    match () {
        () if is_imagenets.iter().any(|start| name.starts_with(start)) => None,
        () if name.ends_with(".parquet") => Some(Layout::Tables),
        () if name.ends_with(".tar") => Some(Layout::Shards),
        () if name.ends_with(".pack") => Some(Layout::Packed),
        // CIFAR's archives are opened by `open_cifar`, which reads them whole.
        () if (name.ends_with(".tar.gz") || name.ends_with(".tgz")) && !is_cifar => Some(Layout::Shards),
        () => None,
    }
}
