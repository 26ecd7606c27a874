//! `open_files`: finds the splits that a folder holds and how they lie there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::candidates::{self, Candidate, Part};
use super::class_list::ClassList;
use super::labels::Given;
use super::{Columns, Index, IndexCache, Layout, Source, Split};
use resnet_formats::Error as FileError;
use resnet_formats::tar_headers::refuse_compressed;

use super::{archives, file_list, folders, listed, packed, shards};
use crate::Error;

/// How to open a data set in files.
#[derive(Clone, Debug, Default)]
pub struct OpenFiles {
    /// Where indexes are kept.
    pub cache: IndexCache,
    /// [Names](Index::name) of records and [faults](Index::fault_name) that are left out.
    pub skip: Vec<String>,
    /// A file that lists the classes in the order of their labels: one name per line, or a class map in JSON
    /// ([`parse_class_map`](super::parse_class_map)). None to take one that lies beside the data, such as
    /// `classes.json`.
    pub classes: Option<PathBuf>,
    /// A list of labels, for images that lie in one folder or tar file without class folders. If the data set
    /// has several splits, the list is for the evaluation split. None to take a list that lies beside the
    /// images, such as `val.txt`.
    pub labels: Option<PathBuf>,
    /// The columns of parquet files.
    pub columns: Columns,
    /// What is done about a test split without labels.
    pub unlabelled_test: UnlabelledTest,
}

/// What is done about a test split whose images have no labels, beside a training split: competitions
/// withhold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnlabelledTest {
    /// It is left out with a warning, and the training split is used.
    #[default]
    LeaveOut,
    /// It is an error, because the test split is what the data set is opened for.
    Refuse,
}

/// A data set whose images stay in files.
#[derive(Clone, Debug)]
pub struct FileSet {
    /// How it lies on disk.
    pub layout: Layout,
    /// The training split. If the data set has only one split, it is that one, whatever it is called: see
    /// `split`.
    pub train: Arc<dyn Source>,
    /// Which split `train` is.
    pub split: Split,
    /// What is for evaluation, where there is such a split: called val, validation, valid, dev, test or
    /// testing.
    pub evaluation: Option<Arc<dyn Source>>,
    /// The classes' names, the same for both splits.
    pub classes: Arc<[String]>,
    /// Where it was found, for the run's record.
    pub origin: String,
}

/// Opens the data set in `dir`, recognised by what it holds; the images stay where they are.
///
/// `dir`, or one folder in it, holds
/// - folders `train` (or `training`) and `val` (or `validation`, `valid`, `dev`, `test`, `testing`) with one
///   of the following in each,
/// - one folder per class, with images in it (ImageNet's layout),
/// - tar shards in WebDataset's convention: an image and `.cls` or `.json` per sample,
/// - images in no class folders, and a list of their labels beside them or in [`OpenFiles::labels`],
/// - ImageNet's tars as they are downloaded: a tar of class tars, class tars, or a tar of such images,
/// - parquet files with a column of images (`image` or `img`) and one of labels,
/// - packed files, as [`convert`](crate::convert) writes them.
///
/// A shard, table or packed file belongs to the split whose name is a word of the file's name, as in
/// `imagenet1k-train-0003.tar`; without such a word it is for training. `dir` may also be one of these files:
/// it then stands for all of its kind in its folder. One of ImageNet's tars stands for itself only.
///
/// Folders are listed at each start, so no list is kept of them. Of shards, archives and tables all records
/// are listed the first time, which takes as long as reading all tar headers or all columns of labels; the
/// list is kept ([`IndexCache`]), and renewed when one of the files has changed. Packed files have a list of
/// their own at their end.
///
/// # Errors
/// If nothing is recognised, or several data sets; if a folder, shard or table cannot be read at all, or has
/// no record; if the splits' classes don't fit together. What is wrong with single records is in
/// [`Index::faults`] and turns up when they are loaded; so does a file that is missing, as its number between
/// others or the `files.json` of [`convert`](crate::convert()) tells.
///
/// ```no_run
/// use resnet_data::sources::{OpenFiles, open_files};
///
/// let data = open_files("/data/imagenet", &OpenFiles::default())?;
/// println!("{} images of {} classes", data.train.index().len(), data.classes.len());
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn open_files(dir: impl AsRef<Path>, options: &OpenFiles) -> Result<FileSet, Error> {
    let dir = dir.as_ref();
    candidates::only(dir, candidates::find(dir, options.labels.as_deref())?)?.open(options)
}

impl Candidate {
    fn open(mut self, options: &OpenFiles) -> Result<FileSet, Error> {
        let train = self.parts.remove(&Split::Train);
        let evaluation = self.parts.pop_first();
        let origin = self.root.display().to_string();
        // A folder with nothing but a validation split can still be looked at and evaluated on.
        let (train, evaluation) = match (train, evaluation) {
            (Some(train), evaluation) => ((Split::Train, train), evaluation),
            (None, Some(only)) => (only, None),
            (None, None) => return Err(candidates::unrecognised(&self.root)),
        };
        let parts = [Some(&train), evaluation.as_ref()];
        let has_list = parts.into_iter().flatten().any(|(_, part)| part.may_have_list());
        if let Some(list) = options.labels.as_ref().filter(|_| !has_list) {
            let cause = format!("its {} have labels of their own, besides {}", self.layout, list.display());
            return Err(Error::bad_file(origin, cause, "leave the list out"));
        }
        // A list that is given is for the images to be evaluated on.
        let labels = options.labels.as_deref();
        let is_for_train = !evaluation.as_ref().is_some_and(|(_, part)| part.may_have_list());
        let mut first = train.1.index(train.0, labels.filter(|_| is_for_train), options)?;
        let classes = first.shared_classes();
        let second = evaluation.map(|(split, part)| part.evaluation(split, labels, options)).transpose()?;
        let mut second = second.flatten();
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
            let others = others(unknown.len() - 1);
            tracing::warn!("{origin} has no record {name}{others}, which the list of samples to skip names");
        }
        Ok(FileSet {
            layout: self.layout,
            train: source(first, options)?,
            split: train.0,
            evaluation: second.map(|index| source(index, options)).transpose()?,
            classes,
            origin,
        })
    }
}

/// What follows the first of several names.
fn others(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        _ => format!(" and {count} others"),
    }
}

impl Part {
    /// Whether its images may have their labels from a list.
    fn may_have_list(&self) -> bool {
        matches!(self.layout, Layout::Listed | Layout::Archives)
    }

    /// The index of a split for evaluation; `None` for a test split that is left out for want of labels.
    fn evaluation(
        &self,
        split: Split,
        labels: Option<&Path>,
        options: &OpenFiles,
    ) -> Result<Option<Index>, Error> {
        // A list that is given is to be used, or its error to be told.
        let may_lack = split == Split::Test && labels.is_none();
        let is_left_out = may_lack && options.unlabelled_test == UnlabelledTest::LeaveOut;
        match self.index(split, labels, options) {
            Err(error) if is_left_out && is_unlabelled(&error) => {
                tracing::warn!("the test split is left out, because its images have no labels: {error}");
                Ok(None)
            }
            index => index.map(Some),
        }
    }

    fn index(&self, split: Split, labels: Option<&Path>, options: &OpenFiles) -> Result<Index, Error> {
        let cache = &options.cache;
        let list = ClassList::find(&self.root, options.classes.as_deref())?;
        let list = list.as_ref();
        let given = Given { labels, classes: list };
        let mut index = match self.layout {
            Layout::Folders => folders::open(&self.root, list)?,
            Layout::Shards => {
                if let Some(name) =
                    self.files.iter().find(|name| !name.to_ascii_lowercase().ends_with(".tar"))
                {
                    return Err(refuse_compressed(&self.root.join(name)).into());
                }
                shards::open(&self.root, split.name(), &self.files, (list, cache))?
            }
            Layout::Listed => listed::open(&self.root, split, given)?,
            Layout::Tables | Layout::Archives => {
                let mut index = match self.layout {
                    Layout::Archives => archives::open(&self.root, split, &self.files, (given, cache))?,
                    _ => tables(&self.root, split, &self.files, (&options.columns, cache))?,
                };
                list.map_or(Ok(()), |list| index.number_by(list))?;
                index
            }
            Layout::Packed => packed::open(&self.root, &self.files, list)?,
        };
        if index.is_empty() {
            let first = index.faults().first().map_or(String::new(), |fault| format!("; {fault}"));
            let cause = format!("its {} hold no image with a label{first}", self.layout);
            let (file, mend) = (self.root.display().to_string(), "give the folder of the data".to_owned());
            return Err(FileError::Unlabelled { file, cause, mend }.into());
        }
        // As a copy or a download that was interrupted leaves them.
        index.faults.extend(file_list::missing(&self.root, split, &self.files, &index));
        Ok(index)
    }
}

/// Whether an error says that there are no labels, and nothing else.
fn is_unlabelled(error: &Error) -> bool {
    matches!(error, Error::File(FileError::NoColumn { what: "labels", .. } | FileError::Unlabelled { .. }))
}

fn source(index: Index, options: &OpenFiles) -> Result<Arc<dyn Source>, Error> {
    Ok(match index.layout {
        Layout::Folders | Layout::Listed => Arc::new(folders::Folders { index }),
        Layout::Shards | Layout::Archives => Arc::new(shards::Shards { index }),
        Layout::Tables => table_source(index, &options.columns)?,
        Layout::Packed => Arc::new(packed::Packed { index }),
    })
}

type Tables<'a> = (&'a Columns, &'a IndexCache);

#[cfg(feature = "parquet")]
fn tables(root: &Path, split: Split, files: &[String], how: Tables<'_>) -> Result<Index, Error> {
    super::tables::open(root, split.name(), files, how)
}

#[cfg(feature = "parquet")]
fn table_source(index: Index, columns: &Columns) -> Result<Arc<dyn Source>, Error> {
    Ok(Arc::new(super::tables::Tables { index, columns: columns.clone() }))
}

#[cfg(not(feature = "parquet"))]
fn tables(root: &Path, _split: Split, _files: &[String], _how: Tables<'_>) -> Result<Index, Error> {
    Err(Error::without_parquet(root))
}

#[cfg(not(feature = "parquet"))]
fn table_source(index: Index, _columns: &Columns) -> Result<Arc<dyn Source>, Error> {
    Err(Error::without_parquet(index.root()))
}
