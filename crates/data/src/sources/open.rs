//! `open_files`: finds the splits that a folder holds and how they lie there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::class_list::{ClassList, Origin};
use super::{IMAGE_ENDS, Index, IndexCache, Layout, Source, Split, folders, packed, series, shards};
use crate::Error;
use crate::names::{is_passed_over, name_of, text_of};

/// How to open a data set in files.
#[derive(Clone, Debug, Default)]
pub struct OpenFiles {
    /// Where indexes are kept.
    pub cache: IndexCache,
    /// [Names](Index::name) of records and [faults](Index::fault_name) that are left out.
    pub skip: Vec<String>,
    /// A file that lists the classes in the order of their labels: a name a line, or a class map in JSON
    /// ([`parse_class_map`](super::parse_class_map)). None to take one that lies beside the data, such as
    /// `classes.json`.
    pub classes: Option<PathBuf>,
}

/// A data set whose pictures stay in files.
#[derive(Clone, Debug)]
pub struct FileSet {
    /// How it lies on disk.
    pub layout: Layout,
    /// What may be trained on; of a data set with one split, that, whatever it is called.
    pub train: Arc<dyn Source>,
    /// What is for evaluation, where there is such a split: called val, validation, valid, dev, test or testing.
    pub evaluation: Option<Arc<dyn Source>>,
    /// The classes' names, the same for both splits.
    pub classes: Arc<[String]>,
    /// Where it was found, for the run's record.
    pub origin: String,
}

/// Opens the data set in `dir`, recognised by what it holds; the pictures stay where they are.
///
/// `dir`, or one folder in it, holds
/// - folders `train` (or `training`) and `val` (or `validation`, `valid`, `dev`, `test`, `testing`) with one of
///   the following in each,
/// - a folder a class with pictures in it (ImageNet's layout),
/// - tar shards in WebDataset's convention: a picture and `.cls` or `.json` a sample,
/// - parquet files with a column of pictures (`image` or `img`) and one of labels,
/// - packed files, as `data convert --to packed` writes them.
///
/// A shard, table or packed file belongs to the split whose name is a word of its own, as in
/// `imagenet1k-train-0003.tar`; without such a word it is for training. `dir` may also be one of these files:
/// it stands for all of its kind.
///
/// The first time all records are listed, which takes as long as reading all folders, all tar headers or all
/// columns of labels; the list is kept ([`IndexCache`]), and renewed when a folder, shard or table has
/// changed. Packed files have a list of their own at their end, so none is kept of them.
///
/// # Errors
/// If nothing is recognised, or several data sets; if a folder, shard or table cannot be read at all, or has
/// no record; if the splits' classes don't fit together. What is wrong with single records is in
/// [`Index::faults`] and turns up when they are loaded.
///
/// ```no_run
/// use resnet_data::sources::{OpenFiles, open_files};
///
/// let data = open_files("/data/imagenet".as_ref(), &OpenFiles::default())?;
/// println!("{} pictures of {} classes", data.train.index().len(), data.classes.len());
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_files(dir: &Path, options: &OpenFiles) -> Result<FileSet, Error> {
    let metadata = fs::metadata(dir).map_err(|cause| Error::io("open", dir, cause))?;
    if metadata.is_file() {
        let (parent, layout) = (dir.parent().unwrap_or(dir), layout_of_file(dir));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let layout = layout.ok_or_else(|| {
            Error::bad_file(
                dir.display().to_string(),
                "it is neither a .tar nor a .parquet nor a .pack",
                "give the folder of the data",
            )
        })?;
        let mut found = candidates(parent)?;
        found.retain(|candidate| candidate.layout == layout);
        return choose(dir, found, options);
    }
    let mut found = candidates(dir)?;
    if found.is_empty() {
        for inner in folders::class_folders(dir)? {
            found.extend(candidates(&dir.join(name_of(&inner)))?);
        }
    }
    choose(dir, found, options)
}

fn choose(dir: &Path, mut found: Vec<Candidate>, options: &OpenFiles) -> Result<FileSet, Error> {
    match (found.pop(), found.len()) {
        (Some(candidate), 0) => candidate.open(options),
        (Some(last), _) => {
            let all = found.iter().chain([&last]);
            let found: Vec<String> =
                all.map(|it| format!("{} in {}", it.layout, it.root.display())).collect();
            Err(Error::Ambiguous { path: dir.to_owned(), found: found.join(", ") })
        }
        (None, _) => Err(Error::Unrecognised {
            path: dir.to_owned(),
            wanted: format!(
                "folders train and val; class folders with images (.{}); *.tar; *.parquet; *.pack",
                IMAGE_ENDS.join(", .")
            ),
        }),
    }
}

/// Something that looks like a data set.
#[derive(Debug)]
struct Candidate {
    root: PathBuf,
    layout: Layout,
    parts: BTreeMap<Split, Part>,
}

/// A split of it.
#[derive(Debug)]
struct Part {
    root: PathBuf,
    layout: Layout,
    /// The shards, tables or packed files; none for class folders.
    files: Vec<String>,
}

/// A way in which a folder holds images, with the files where they are files.
type Inside = (Layout, Vec<String>);

/// What `dir` itself holds, folders of splits included. The names of splits count only beside a folder of a
/// training split that holds a data set; otherwise folders are classes, whatever they are called.
fn candidates(dir: &Path) -> Result<Vec<Candidate>, Error> {
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for name in folders::class_folders(dir)? {
        let root = dir.join(name_of(&name));
        match Split::of_word(&name.to_ascii_lowercase()) {
            Some(split) => named.push((split, plain(&root)?, root)),
            None => others.push(root),
        }
    }
    if named.iter().any(|(split, inside, _)| *split == Split::Train && !inside.is_empty()) {
        return splits(dir, named, &others);
    }
    let flat = named.iter().find(|(_, inside, root)| inside.is_empty() && folders::holds_picture(root));
    match flat {
        Some((_, _, root)) if !others.iter().any(|other| folders::holds_picture(other)) => {
            Err(unlabelled(root))
        }
        _ => {
            Ok(plain(dir)?.into_iter().map(|(layout, files)| Candidate::single(dir, layout, files)).collect())
        }
    }
}

/// A training split and what lies beside it in `dir`.
fn splits(
    dir: &Path,
    named: Vec<(Split, Vec<Inside>, PathBuf)>,
    others: &[PathBuf],
) -> Result<Vec<Candidate>, Error> {
    let mut parts: BTreeMap<Split, Part> = BTreeMap::new();
    for (split, mut inside, root) in named {
        if inside.is_empty() && split == Split::Val && folders::holds_picture(&root) {
            return Err(unlabelled(&root));
        }
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
    if let Some(other) = others.iter().find(|other| folders::holds_picture(other)) {
        tracing::warn!(
            "{} is not used: it lies beside the folder of a training split and is not called as one",
            other.display()
        );
    }
    let layout = parts[&Split::Train].layout;
    Ok(vec![Candidate { root: dir.to_owned(), layout, parts }])
}

fn unlabelled(root: &Path) -> Error {
    let cause = "it holds images and no class folders, so their labels are not known";
    Error::bad_file(root.display().to_string(), cause, "sort them into a folder per class")
}

/// The ways in which `dir` itself holds pictures, with the files where they are files.
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
    found.iter_mut().for_each(|(_, files)| files.sort());
    let mut classes = folders::class_folders(dir)?.into_iter().map(|name| dir.join(name_of(&name)));
    if classes.any(|folder| folders::holds_picture(&folder)) {
        found.push((Layout::Folders, Vec::new()));
    }
    Ok(found)
}

fn layout_of_file(path: &Path) -> Option<Layout> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let is_cifar = name.starts_with("cifar-");
    match () {
        () if name.ends_with(".parquet") => Some(Layout::Tables),
        () if name.ends_with(".tar") => Some(Layout::Shards),
        () if name.ends_with(".pack") => Some(Layout::Packed),
        // CIFAR's archives are opened by `open_dir`, which reads them whole.
        () if (name.ends_with(".tar.gz") || name.ends_with(".tgz")) && !is_cifar => Some(Layout::Shards),
        () => None,
    }
}

impl Candidate {
    /// Splits told apart by the names of files; class folders without a split are for training.
    fn single(root: &Path, layout: Layout, files: Vec<String>) -> Self {
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

    fn open(mut self, options: &OpenFiles) -> Result<FileSet, Error> {
        let train = self.parts.remove(&Split::Train);
        let evaluation = self.parts.pop_first();
        let origin = self.root.display().to_string();
        // A folder with nothing but a validation split can still be looked at and evaluated on.
        let (train, evaluation) = match (train, evaluation) {
            (Some(train), evaluation) => ((Split::Train, train), evaluation),
            (None, Some(only)) => (only, None),
            (None, None) => return choose(&self.root, Vec::new(), options),
        };
        let mut first = train.1.index(train.0, options)?;
        let classes = first.shared_classes();
        let mut second = evaluation.map(|(split, part)| part.index(split, options)).transpose()?;
        let within = |index: &Index| match index.root.strip_prefix(&self.root) {
            Ok(folder) if folder != Path::new("") => format!("{}/", folder.display()),
            _ => String::new(),
        };
        let mut unknown = first.open(&within(&first), &options.skip);
        if let Some(index) = &mut second {
            index.renumber(&classes)?;
            let others = index.open(&within(index), &options.skip);
            unknown = others.into_iter().filter(|name| unknown.contains(name)).collect();
        }
        if let Some(name) = unknown.first() {
            let others = unknown.len() - 1;
            tracing::warn!(
                "{origin} has no record {name:?}, which is to be skipped, nor {others} others of that list"
            );
        }
        Ok(FileSet {
            layout: self.layout,
            train: source(first)?,
            evaluation: second.map(source).transpose()?,
            classes,
            origin,
        })
    }
}

impl Part {
    fn index(&self, split: Split, options: &OpenFiles) -> Result<Index, Error> {
        let cache = &options.cache;
        let missing = series::missing(&self.files);
        if let Some(first) = missing.first() {
            // As a download that was interrupted leaves it.
            let (root, others) = (self.root.display(), missing.len() - 1);
            tracing::warn!("{root} lacks {first} and {others} others of the same series; the rest is used");
        }
        let list = ClassList::find(&self.root, options.classes.as_deref())?;
        let list = list.as_ref();
        let index = match self.layout {
            Layout::Folders => folders::open(&self.root, list)?,
            Layout::Shards => {
                if let Some(name) =
                    self.files.iter().find(|name| !name.to_ascii_lowercase().ends_with(".tar"))
                {
                    return Err(shards::refuse_compressed(&self.root, name));
                }
                shards::open(&self.root, split.name(), &self.files, (list, cache))?
            }
            Layout::Tables => {
                let mut index = tables(&self.root, split, &self.files, cache)?;
                if let Some(list) = list.filter(|list| list.origin == Origin::Given) {
                    let fit = index.number_as(&list.names, &format!("those of {}", list.file.display()));
                    let mend = "list all of its classes in the order of their labels";
                    fit.map_err(|cause| Error::bad_file(self.root.display().to_string(), cause, mend))?;
                }
                index
            }
            Layout::Packed => packed::open(&self.root, &self.files, list)?,
        };
        if index.is_empty() {
            let first = index.faults().first().map_or(String::new(), |fault| format!("; {fault}"));
            let cause = format!("its {} hold no picture with a label{first}", self.layout);
            return Err(Error::bad_file(
                self.root.display().to_string(),
                cause,
                "give the folder of the data",
            ));
        }
        Ok(index)
    }
}

fn source(index: Index) -> Result<Arc<dyn Source>, Error> {
    Ok(match index.layout {
        Layout::Folders => Arc::new(folders::Folders { index }),
        Layout::Shards => Arc::new(shards::Shards { index }),
        Layout::Tables => table_source(index)?,
        Layout::Packed => Arc::new(packed::Packed { index }),
    })
}

#[cfg(feature = "parquet")]
fn tables(root: &Path, split: Split, files: &[String], cache: &IndexCache) -> Result<Index, Error> {
    super::tables::open(root, split.name(), files, cache)
}

#[cfg(feature = "parquet")]
fn table_source(index: Index) -> Result<Arc<dyn Source>, Error> {
    Ok(Arc::new(super::tables::Tables { index }))
}

#[cfg(not(feature = "parquet"))]
fn tables(root: &Path, _split: Split, _files: &[String], _cache: &IndexCache) -> Result<Index, Error> {
    Err(without_parquet(root))
}

#[cfg(not(feature = "parquet"))]
fn table_source(index: Index) -> Result<Arc<dyn Source>, Error> {
    Err(without_parquet(index.root()))
}

#[cfg(not(feature = "parquet"))]
fn without_parquet(root: &Path) -> Error {
    let wanted = format!("reading the parquet files in {}", root.display());
    Error::FeatureOff { wanted, feature: "parquet" }
}
