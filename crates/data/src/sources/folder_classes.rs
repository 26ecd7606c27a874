//! Which label each class folder has, and what the folder of a class is called.
//!
//! The names 0 to N-1 are labels, as timm has them. Other names are numbered in the order of their text, as
//! torchvision's `ImageFolder` has them, unless a class list tells another order.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::class_list::{ClassList, Origin};
use crate::Error;
use resnet_formats::names::is_passed_over;

/// The most bytes of a class's name that a folder's name has.
const MAX_NAME: usize = 200;

/// The folders of a split, and the classes that they are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FolderClasses {
    /// The names of all classes; a label is a place in this list.
    pub(crate) classes: Arc<[String]>,
    /// The folders that are there with their labels, in ascending order.
    pub(crate) folders: Vec<(u32, String)>,
    /// What the user should know about the numbering.
    pub(crate) warnings: Vec<String>,
}

impl FolderClasses {
    /// The classes of these folders, which lie in `root`.
    pub(crate) fn new(
        root: &Path,
        mut folders: Vec<String>,
        list: Option<&ClassList>,
    ) -> Result<Self, Error> {
        folders.sort_unstable();
        let Some(list) = list else { return Ok(Self::by_name(folders)) };
        let file = list.file.display();
        match labels_in(&list.names, &folders) {
            Ok(labels) => {
                let mut folders: Vec<(u32, String)> = labels.into_iter().zip(folders).collect();
                folders.sort_unstable();
                Ok(Self { classes: Arc::clone(&list.names), folders, warnings: Vec::new() })
            }
            // A list of something else, such as names for people to read.
            Err(lacking) if lacking.len() == folders.len() && list.origin == Origin::Beside => {
                let mut numbered = Self::by_name(folders);
                numbered.warnings.insert(
                    0,
                    format!("{file} lists none of the class folders; their own names number them"),
                );
                Ok(numbered)
            }
            Err(lacking) => {
                let (first, others) = (lacking[0], lacking.len() - 1);
                let others = if others > 0 { format!(" and {others} others") } else { String::new() };
                let cause =
                    format!("it does not list the class folder {first}{others} in {}", root.display());
                let mend = "list all of them, each once, in the order of their labels";
                Err(Error::bad_file(file.to_string(), cause, mend))
            }
        }
    }

    /// Numbered by their own names, which are sorted as text.
    fn by_name(folders: Vec<String>) -> Self {
        if let Some(labels) = labels_below(folders.len(), &folders) {
            let mut numbered: Vec<(u32, String)> = labels.into_iter().zip(folders).collect();
            let warning = (!numbered.is_sorted()).then(|| {
                format!(
                    "the class folders 0 to {} are labels, as timm has them; torchvision's ImageFolder sorts them as text \
                     (0, 1, 10, ...), so a network trained with it needs a class list in that order",
                    numbered.len() - 1
                )
            });
            numbered.sort_unstable();
            let classes = numbered.iter().map(|(_, name)| name.clone()).collect();
            return Self { classes, folders: numbered, warnings: warning.into_iter().collect() };
        }
        let natural = in_timms_order(&folders);
        let differs = natural.iter().zip(&folders).find(|(theirs, ours)| **theirs != *ours);
        let warning = differs.map(|(theirs, ours)| {
            format!(
                "the class folders are numbered in the order of their text, as torchvision has it; timm has {theirs} before \
                 {ours}, so a network trained with it needs a class list in that order"
            )
        });
        let warnings = warning.into_iter().collect();
        Self { classes: folders.clone().into(), folders: (0..).zip(folders).collect(), warnings }
    }
}

/// The label of each folder by a class list, or the folders that it does not list.
pub(crate) fn labels_in<'a>(names: &[String], folders: &'a [String]) -> Result<Vec<u32>, Vec<&'a String>> {
    let safe = folder_names(names);
    let mut labels: HashMap<&str, u32> = safe.iter().map(String::as_str).zip(0..).collect();
    let mut seen = HashSet::new();
    let shared: HashSet<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
    labels.extend(
        names
            .iter()
            .zip(0..)
            .filter(|(name, _)| !shared.contains(name))
            .map(|(name, label)| (name.as_str(), label)),
    );
    let found: Vec<Option<u32>> = folders.iter().map(|name| labels.get(name.as_str()).copied()).collect();
    let lacking: Vec<&String> =
        folders.iter().zip(&found).filter(|(_, label)| label.is_none()).map(|(name, _)| name).collect();
    if lacking.is_empty() {
        return Ok(found.into_iter().flatten().collect());
    }
    // The folders are called by their labels, and the list says what the labels mean.
    match labels_below(names.len(), folders) {
        Some(labels) if lacking.len() == folders.len() => Ok(labels),
        _ => Err(lacking),
    }
}

/// The labels that `folders` are, if all are different numbers below `count`, with leading zeros or without.
fn labels_below(count: usize, folders: &[String]) -> Option<Vec<u32>> {
    let label = |name: &String| {
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        name.parse().ok().filter(|&label: &u32| is_number && (label as usize) < count)
    };
    let labels = folders.iter().map(label).collect::<Option<Vec<u32>>>()?;
    let different: HashSet<u32> = labels.iter().copied().collect();
    (different.len() == labels.len()).then_some(labels)
}

/// A run of text and the number after it: the count of its digits, and the digits, both without leading
/// zeros. So numbers are compared by value.
type Run = (String, Option<(usize, String)>);

/// The names as timm sorts them: by runs of lower-case text and by numbers (`natural_key` of timm 1.0).
fn in_timms_order(names: &[String]) -> Vec<&String> {
    let key = |name: &&String| -> Vec<Run> {
        let name = name.to_lowercase();
        let (mut rest, mut runs) = (name.as_str(), Vec::new());
        loop {
            let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (before, from) = rest.split_at(text);
            let (digits, behind) =
                from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
            let value = digits.trim_start_matches('0');
            let number = (!digits.is_empty()).then(|| (value.len(), value.to_owned()));
            runs.push((before.to_owned(), number));
            if digits.is_empty() {
                return runs;
            }
            rest = behind;
        }
    };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_by_cached_key(key);
    sorted
}

/// A folder name for each class, all different, even where case is ignored. It is the class's name if that
/// can be a folder's name and no other class has it; else unfit characters are replaced and the label is
/// appended.
///
/// ```
/// let names = ["crane", "dog", "crane", "a/b"].map(String::from);
/// assert_eq!(resnet_data::sources::folder_names(&names), ["crane-0", "dog", "crane-2", "a_b-3"]);
/// ```
pub fn folder_names(classes: &[String]) -> Vec<String> {
    // Some file systems take `Crane` and `crane` for one.
    let mut count: HashMap<String, usize> = HashMap::new();
    classes.iter().for_each(|name| *count.entry(name.to_lowercase()).or_default() += 1);
    let is_odd = |c: char| c.is_control() || c == '/' || c == '\\';
    let is_plain = |name: &str| {
        let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(is_odd);
        fits && !is_passed_over(name) && count[&name.to_lowercase()] == 1
    };
    let mut taken: HashSet<String> =
        classes.iter().filter(|name| is_plain(name)).map(|name| name.to_lowercase()).collect();
    let folder = |(label, name): (usize, &String)| {
        if is_plain(name) {
            return name.clone();
        }
        let stem: String = name.trim_start_matches('.').replace(is_odd, "_");
        let stem = &stem[..stem.floor_char_boundary(MAX_NAME)];
        let mut folder = format!("{stem}-{label}");
        while !taken.insert(folder.to_lowercase()) {
            folder.push('_');
        }
        folder
    };
    classes.iter().enumerate().map(folder).collect()
}
