//! Lists that give images their labels: ImageNet's validation images lie in one folder, and their labels are
//! in a file beside it.
//!
//! [`label_list`] has the forms of such a list, `find` the names under which one lies beside the data;
//! [`Lists`] is what a split's labels depend on. A label is a number, counted from 0, or the name of a class;
//! ImageNet's classes are known, others are those of a file that lists them, or the names in order.

mod find;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_formats::Error as FileError;
use resnet_formats::label_file::{MEND, text_of};
use resnet_formats::label_list::{self, Row, Rows, base, by_name, is_number, is_synset, stem};

pub(crate) use self::find::beside;
use self::find::is_ground_truth;
use resnet_formats::classes;

use super::class_list::ClassList;
use super::index::Stamp;
use super::{Split, cache};
use resnet_formats::class_list::MAX_CLASSES;

use crate::{Error, imagenet};

/// The start of the names of ImageNet's validation images; a number follows.
const VALIDATION: &str = "ILSVRC2012_val_";
/// Labels of the first validation images, by which a list that counts classes in another way is noticed.
const KNOWN: [u32; 5] = [65, 970, 230, 809, 516];

/// The list that labels a split, and the one that numbers its classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The list of labels that was asked for; none to take one that lies beside the images.
    pub(crate) labels: Option<&'a Path>,
    pub(crate) classes: Option<&'a ClassList>,
}

/// Files that the labels of a split come from.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    labels: PathBuf,
    classes: Option<Arc<[String]>>,
    /// The files as they are now; an index that depends on them keeps it.
    pub(crate) stamps: Vec<Stamp>,
}

impl Lists {
    /// The lists for the images in the tar file `name` in `root` or, if `name` is empty, in `root` itself.
    pub(crate) fn find(root: &Path, name: &str, split: Split, given: Given<'_>) -> Result<Self, Error> {
        let labels = match given.labels {
            Some(labels) => std::path::absolute(labels).map_err(|cause| Error::io("open", labels, cause))?,
            None => beside(root, name, split).ok_or_else(|| {
                Error::bad_file(
                    root.join(name).display().to_string(),
                    "it holds images and no class folders, so their labels are not known",
                    "sort them into a folder per class, or put a list of their labels beside them, such as caffe's \
                     val.txt, Kaggle's LOC_val_solution.csv or ILSVRC2012's development kit",
                )
            })?,
        };
        let stamp = cache::stamp(root, &resnet_formats::names::text_of(labels.as_os_str()));
        let stamp = stamp.map_err(|cause| Error::io("open", &labels, cause))?;
        let stamps = [stamp].into_iter().chain(given.classes.map(|list| list.stamp.clone())).collect();
        Ok(Self { labels, classes: given.classes.map(|list| Arc::clone(&list.names)), stamps })
    }

    /// Whether the file in `path` is the list of labels.
    pub(crate) fn are_in(&self, path: &Path) -> bool {
        std::path::absolute(path).is_ok_and(|path| path == self.labels)
    }

    /// The labels of images of `root` by their names, and the classes.
    pub(crate) fn label(&self, root: &Path, images: &[&str]) -> Result<Labelled, Error> {
        let mut labelled = LabelList::read(&self.labels)?.label(images, self.classes.as_ref())?;
        if labelled.absent > 0 {
            let (absent, list, root) = (labelled.absent, self.labels.display(), root.display());
            labelled
                .warnings
                .push(format!("{absent} images of {list} are not in {root}; the others are used"));
        }
        Ok(labelled)
    }
}

/// A list of images' labels.
#[derive(Debug)]
pub(crate) struct LabelList {
    shown: String,
    rows: Rows,
    /// Labels are ILSVRC2012's ids, as in the development kit's ground truth.
    ilsvrc_ids: bool,
}

/// What a list says of some images.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// The label of each image, or why it has none.
    pub(crate) labels: Vec<Result<u32, &'static str>>,
    pub(crate) classes: Arc<[String]>,
    /// Images of the list that are not among those asked for.
    pub(crate) absent: usize,
    /// Warnings about it, one sentence each.
    pub(crate) warnings: Vec<String>,
}

/// A row's label as a number, or why its class has none.
type Number = Result<u32, String>;

impl LabelList {
    /// Reads the list in `path`, or in the development kit of that path.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let (text, name) = text_of(path)?;
        Self::parse(&text, &name, &path.display().to_string())
    }

    fn parse(text: &str, name: &str, shown: &str) -> Result<Self, Error> {
        let rows = label_list::parse(text).map_err(|cause| unlabelled(shown, cause))?;
        let ilsvrc_ids = is_ground_truth(name) && matches!(rows, Rows::InOrder(_));
        Ok(Self { shown: shown.to_owned(), rows, ilsvrc_ids })
    }

    /// The labels of `images`, paths with `/`; `classes` are their names where a file lists them.
    pub(crate) fn label(&self, images: &[&str], classes: Option<&Arc<[String]>>) -> Result<Labelled, Error> {
        let bad = |cause: String| Error::bad_file(&self.shown, cause, MEND);
        let (rows, found) = match &self.rows {
            Rows::Named(rows) => (rows, by_name(rows, images).map_err(bad)?),
            Rows::InOrder(rows) => (rows, in_order(rows, images).map_err(bad)?),
        };
        if let (Some(first), Some(Err(why))) = (images.first(), found.first())
            && found.iter().all(Result::is_err)
        {
            let cause = format!("it labels none of the {} images, such as {first}: {why}", images.len());
            return Err(unlabelled(&self.shown, cause));
        }
        let is_validation = images.iter().all(|image| validation_number(image).is_some());
        let (labels, classes) = self.numbers(rows, is_validation, classes).map_err(bad)?;
        // An unknown class is an error only if an image has it.
        let label = |row: Result<usize, &'static str>| match row.map(|row| labels[row].clone()) {
            Ok(label) => label.map(Ok),
            Err(cause) => Ok(Err(cause)),
        };
        let labels: Vec<Result<u32, &'static str>> =
            found.into_iter().map(label).collect::<Result<_, String>>().map_err(bad)?;
        let is_imagenets = is_validation
            && classes.iter().map(String::as_str).eq(imagenet::classes().map(|(synset, _)| synset));
        let odd = is_imagenets.then(|| self.other_numbers(images, &labels)).flatten();
        let listed = labels.iter().filter(|label| label.is_ok()).count();
        let absent = rows.len().saturating_sub(listed);
        Ok(Labelled { labels, classes, absent, warnings: odd.into_iter().collect() })
    }

    /// The rows' labels as numbers, and the classes that they count.
    fn numbers(
        &self,
        rows: &[Row],
        is_validation: bool,
        classes: Option<&Arc<[String]>>,
    ) -> Result<(Vec<Number>, Arc<[String]>), String> {
        let imagenets =
            || imagenet::classes().map(|(synset, _)| synset.to_owned()).collect::<Arc<[String]>>();
        let are_numbers = rows.iter().all(|row| is_number(&row.label));
        let odd = if are_numbers { None } else { odd_number(rows, classes) };
        if let Some(Row { line, label, .. }) = odd {
            return Err(format!("line {line}: label {label} is no label, and others are numbers from 0"));
        }
        if are_numbers && !self.ilsvrc_ids {
            if matches!(self.rows, Rows::InOrder(_)) {
                return Err("it has numbers alone, and not from where they count".to_owned());
            }
            let known = classes.cloned().or_else(|| is_validation.then(imagenets));
            let limit = known.as_ref().map_or(MAX_CLASSES, |known| known.len());
            let label = |row: &Row| match row.label.parse::<usize>() {
                Ok(label) if label < limit => Ok(label as u32),
                _ => {
                    let Row { line, label, .. } = row;
                    Err(format!("line {line}: label {label}, but labels count from 0 to {}", limit - 1))
                }
            };
            let labels = rows.iter().map(label).collect::<Result<Vec<u32>, String>>()?;
            let highest = labels.iter().max().map_or(0, |&label| label as usize + 1);
            let classes = known.unwrap_or_else(|| classes::numbered(highest));
            return Ok((labels.into_iter().map(Ok).collect(), classes));
        }
        let names =
            if are_numbers { synsets_of_ids(rows)? } else { rows.iter().map(|row| &*row.label).collect() };
        let are_synsets = names.iter().all(|name| is_synset(name));
        let (classes, places) = match classes {
            Some(classes) => {
                let mut known = places(classes.iter().map(String::as_str));
                let is_known = names.iter().any(|name| known.contains_key(name));
                if are_synsets && classes.len() == 1000 && !is_known {
                    // The file has words for ImageNet's classes.
                    known = places(imagenet::classes().map(|(synset, _)| synset));
                }
                (Arc::clone(classes), known)
            }
            None if self.ilsvrc_ids || is_validation && are_synsets => {
                (imagenets(), places(imagenet::classes().map(|(synset, _)| synset)))
            }
            None => {
                let mut names = names.clone();
                names.sort_unstable();
                names.dedup();
                if names.len() > MAX_CLASSES {
                    return Err(format!("it has {} classes", names.len()));
                }
                (names.iter().map(|&name| name.to_owned()).collect(), places(names.into_iter()))
            }
        };
        let label = |(row, name): (&Row, &&str)| match places.get(name) {
            Some(Some(label)) => Ok(*label),
            Some(None) => Err(format!("line {}: class {name:?} is several of the classes", row.line)),
            None => {
                let (line, count) = (row.line, classes.len());
                Err(format!("line {line}: class {name:?} is none of the {count} that are known"))
            }
        };
        Ok((rows.iter().zip(&names).map(label).collect(), classes))
    }

    /// A warning if one of the first validation images has another label than it has in ImageNet.
    fn other_numbers(&self, images: &[&str], labels: &[Result<u32, &'static str>]) -> Option<String> {
        images.iter().zip(labels).find_map(|(image, label)| {
            let known = KNOWN.get(validation_number(image)?.checked_sub(1)?)?;
            let label = label.ok().filter(|label| label != known)?;
            let list = &self.shown;
            Some(format!(
                "{list} gives {image} the label {label}, but ImageNet's is {known}, counted from 0 in the order of \
                 synsets: if these are ImageNet's validation images, accuracy will be wrong"
            ))
        })
    }
}

/// The error for a list that has no labels of the images.
fn unlabelled(list: &str, cause: String) -> Error {
    FileError::Unlabelled { file: list.to_owned(), cause, mend: MEND.to_owned() }.into()
}

/// Where all labels are numbers and some count classes, the first that does not, such as -1, 2.5 or nan,
/// unless `classes` has a class of that name. Numbers among names are names as well, such as 12e3 in hex.
fn odd_number<'a>(rows: &'a [Row], classes: Option<&Arc<[String]>>) -> Option<&'a Row> {
    let is_odd = |label: &String| !is_number(label) && classes.is_none_or(|classes| !classes.contains(label));
    let some_count = rows.iter().any(|row| is_number(&row.label));
    if !some_count || rows.iter().any(|row| row.label.parse::<f64>().is_err()) {
        return None;
    }
    rows.iter().find(|row| is_odd(&row.label))
}

/// The synsets of labels that are ILSVRC2012's ids.
fn synsets_of_ids(rows: &[Row]) -> Result<Vec<&str>, String> {
    let synsets: Vec<&str> = imagenet::classes().map(|(synset, _)| synset).collect();
    let labels: Vec<u32> = imagenet::classes_of_ilsvrc_ids().collect();
    let synset = |row: &Row| {
        let id = row.label.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
        let label = id.and_then(|id| labels.get(id).copied());
        let label =
            label.ok_or_else(|| format!("line {}: {} is no id of ILSVRC2012", row.line, row.label))?;
        Ok(synsets[label as usize])
    };
    rows.iter().map(synset).collect()
}

/// The label of each name; `None` if several classes share the name.
fn places<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, Option<u32>> {
    let mut places = HashMap::new();
    for (name, label) in names.zip(0..) {
        places.entry(name).and_modify(|known| *known = None).or_insert(Some(label));
    }
    places
}

/// The number in the name of a validation image of ImageNet.
fn validation_number(image: &str) -> Option<usize> {
    let number = stem(base(image)).strip_prefix(VALIDATION)?;
    is_number(number).then(|| number.parse().ok())?
}

/// The row of each image where rows have no names: ImageNet's are told by their numbers, others by their
/// order, if there are as many.
fn in_order(rows: &[Row], images: &[&str]) -> Result<Vec<Result<usize, &'static str>>, String> {
    let numbers: Option<Vec<usize>> =
        images.iter().map(|image| validation_number(image)?.checked_sub(1)).collect();
    if let Some(numbers) = numbers {
        let row =
            |number| if number < rows.len() { Ok(number) } else { Err("the list ends before its number") };
        return Ok(numbers.into_iter().map(row).collect());
    }
    if images.len() != rows.len() {
        return Err(format!("it has {} labels without names for {} images", rows.len(), images.len()));
    }
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|&image| images[image]);
    let mut found = vec![Ok(0); images.len()];
    order.into_iter().enumerate().for_each(|(row, image)| found[image] = Ok(row));
    Ok(found)
}

#[cfg(test)]
mod tests;
