//! Chooses the files of a repository that hold the wanted images.

use std::collections::{BTreeMap, BTreeSet};

use resnet_hub::Listing;
use resnet_hub::names::check_file;

use crate::sources::{CLASS_MAPS, Layout, Split};

/// What is wanted of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The splits. Empty for the training split and one for evaluation, validation if there is one, else
    /// test.
    pub splits: Vec<Split>,
    /// The folder of the data set, if the repository has several; the `datasets` library calls it a
    /// configuration.
    pub config: Option<String>,
}

/// Why no files are chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotChosen {
    /// There are several data sets; the text lists them.
    Several(String),
    /// There is no such file; half a sentence says why.
    None(String),
}

impl From<String> for NotChosen {
    fn from(cause: String) -> Self {
        NotChosen::None(cause)
    }
}

/// Files of one data set, in one folder of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The folder that holds them or the folders of their splits: empty for the repository's root, else with
    /// a `/` at the end.
    pub(super) folder: String,
    /// Each file's checked name from the repository's root, its size in bytes, and its split (`None` for a
    /// class map).
    pub(super) files: Vec<(String, Option<u64>, Option<Split>)>,
}

/// A file with images: its name, its size in bytes, its split.
type Found<'a> = (&'a String, Option<u64>, Split);

/// The files with images of the splits that are wanted.
///
/// Files belong to splits as in [`open_files`](crate::sources::open_files). A file that cannot be fetched by
/// its name is an error if it is among those chosen. Where all files of a data set are such, it is passed
/// over, unless there is no other.
pub(super) fn choose(listing: &Listing, wanted: &Wanted) -> Result<Choice, NotChosen> {
    let mut sets: BTreeMap<(String, &str), Vec<Found<'_>>> = BTreeMap::new();
    for (name, &bytes) in &listing.files {
        let Some(layout) = layout(name) else { continue };
        let (folder, split) = place(name);
        sets.entry((folder, layout.name())).or_default().push((name, bytes, split));
    }
    let can_be_fetched = |found: &Vec<Found<'_>>| found.iter().any(|(name, ..)| check_file(name).is_ok());
    if sets.values().any(can_be_fetched) {
        sets.retain(|_, found| can_be_fetched(found));
    } else if let Some((name, ..)) = sets.values().flatten().next() {
        check_file(name)?;
    }
    let all = shown(sets.keys());
    if let Some(config) = &wanted.config {
        sets.retain(|(folder, _), _| folder.split('/').any(|part| part == config));
        if sets.is_empty() {
            return Err(format!("it has no folder {config} with images; it has {all}").into());
        }
    }
    let left = shown(sets.keys());
    let ((folder, layout), found) = match (sets.pop_first(), sets.len()) {
        (Some(only), 0) => only,
        (None, _) => return Err("it has neither .parquet nor .tar files".to_owned().into()),
        _ => return Err(NotChosen::Several(left)),
    };
    let there: BTreeSet<Split> = found.iter().map(|(_, _, split)| *split).collect();
    let splits = splits(&there, &wanted.splits)?;
    let mut files: Vec<_> = found
        .into_iter()
        .filter(|(_, _, split)| splits.contains(split))
        .map(|(name, bytes, split)| check_file(name).map(|()| (name.clone(), bytes, Some(split))))
        .collect::<Result<_, String>>()?;
    if layout == Layout::Shards.name() {
        let maps = CLASS_MAPS.iter().map(|map| format!("{folder}{map}"));
        files.extend(maps.filter_map(|map| listing.files.get(&map).map(|&bytes| (map, bytes, None))));
    }
    Ok(Choice { folder, files })
}

fn layout(name: &str) -> Option<Layout> {
    let name = name.to_ascii_lowercase();
    match () {
        () if name.ends_with(".parquet") => Some(Layout::Tables),
        () if name.ends_with(".tar") => Some(Layout::Shards),
        () => None,
    }
}

/// The folder of a file's data set and the split that it belongs to.
fn place(name: &str) -> (String, Split) {
    let (folder, file) = name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1));
    let parent = folder.trim_end_matches('/');
    let start = parent.rfind('/').map_or(0, |slash| slash + 1);
    match Split::of_word(&parent[start..].to_ascii_lowercase()) {
        Some(split) => (folder[..start].to_owned(), split),
        None => (folder.to_owned(), Split::of_name(file).unwrap_or(Split::Train)),
    }
}

/// The splits that are wanted of those that are there; if none are named, the training split and the first
/// one for evaluation.
fn splits(there: &BTreeSet<Split>, wanted: &[Split]) -> Result<Vec<Split>, String> {
    if wanted.is_empty() {
        let evaluation = there.iter().find(|split| **split != Split::Train);
        return Ok(there.get(&Split::Train).into_iter().chain(evaluation).copied().collect());
    }
    match wanted.iter().find(|split| !there.contains(split)) {
        Some(absent) => {
            let there: Vec<String> = there.iter().map(Split::to_string).collect();
            Err(format!("it has no split {absent}; it has {}", there.join(", ")))
        }
        None => Ok(wanted.to_vec()),
    }
}

fn shown<'a>(sets: impl Iterator<Item = &'a (String, &'a str)>) -> String {
    let name = |(folder, layout): &(String, &str)| {
        let folder = if folder.is_empty() { "its own folder" } else { folder.trim_end_matches('/') };
        format!("{layout} in {folder}")
    };
    sets.map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        names: &[&str],
        splits: &[Split],
        config: Option<&str>,
    ) -> Result<(String, Vec<String>), NotChosen> {
        let files = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let listing = Listing { commit: "abc".to_owned(), files };
        let wanted = Wanted { splits: splits.to_vec(), config: config.map(str::to_owned) };
        let Choice { folder, files } = choose(&listing, &wanted)?;
        Ok((folder, files.into_iter().map(|(name, _, _)| name).collect()))
    }

    #[track_caller]
    fn assert_chosen(names: &[&str], splits: &[Split], folder: &str, files: &[&str]) {
        let files = files.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(chosen(names, splits, None), Ok((folder.to_owned(), files)));
    }

    #[test]
    fn the_layouts_of_the_hub_are_understood() {
        let imagenet = [
            "README.md",
            "classes.py",
            "data/test-0-of-1.parquet",
            "data/train-0-of-1.parquet",
            "data/validation-0-of-1.parquet",
        ];
        assert_chosen(&imagenet, &[], "data/", &imagenet[3..]);
        assert_chosen(&imagenet, &[Split::Test], "data/", &imagenet[2..3]);
        let cifar = ["cifar100/test-00000-of-00001.parquet", "cifar100/train-00000-of-00001.parquet"];
        assert_chosen(&cifar, &[], "cifar100/", &cifar);
        let shards = ["_info.json", "a-train-0000.tar", "a-validation-00.tar", "classes.json"];
        assert_chosen(&shards, &[], "", &shards[1..]);
        assert_chosen(&shards, &[Split::Val], "", &shards[2..]);
        let converted = ["default/train/0000.parquet", "default/test/0000.parquet"];
        assert_chosen(
            &converted,
            &[],
            "default/",
            &["default/test/0000.parquet", "default/train/0000.parquet"],
        );
        assert_chosen(&["a.parquet"], &[], "", &["a.parquet"]);
        assert_chosen(&["val/a.tar"], &[], "", &["val/a.tar"]);
    }

    #[test]
    fn what_is_not_clear_is_asked() {
        let two = ["full/train-0.parquet", "small/train-0.parquet"];
        let told = chosen(&two, &[], None).unwrap_err();
        assert_eq!(told, NotChosen::Several("parquet files in full, parquet files in small".to_owned()));
        let refused = |names: &[&str], splits: &[Split], config| match chosen(names, splits, config) {
            Err(NotChosen::None(cause)) => cause,
            other => panic!("{other:?}"),
        };
        let small = Ok(("small/".to_owned(), vec!["small/train-0.parquet".to_owned()]));
        assert_eq!(chosen(&two, &[], Some("small")), small);
        assert!(refused(&two, &[], Some("tiny")).contains("no folder tiny"));
        assert!(refused(&["a.zip", "b.tar.gz"], &[], None).contains("neither .parquet nor .tar"));
        let told = refused(&two[..1], &[Split::Val], None);
        assert_eq!(told, "it has no split validation; it has train");
        assert!(refused(&["a/../../train.tar"], &[], None).contains("out of its folder"));
    }

    #[test]
    fn a_name_that_cannot_be_fetched_is_refused_where_it_is_chosen() {
        let names = ["data/train-0.parquet", "data/test-é.parquet", "extra/ü.parquet", "../../x.parquet"];
        let chosen = |names: &[&str], splits: &[Split]| chosen(names, splits, None);
        let train = Ok(("data/".to_owned(), vec![names[0].to_owned()]));
        assert_eq!(chosen(&names, &[Split::Train]), train);
        assert!(matches!(chosen(&names, &[]), Err(NotChosen::None(cause)) if cause.contains("test-é")));
        assert!(matches!(chosen(&names[2..3], &[]), Err(NotChosen::None(cause)) if cause.contains("ü")));
        let beside = [names[0], "extra/train-0.parquet", "extra/ü.parquet"];
        assert!(matches!(chosen(&beside, &[]), Err(NotChosen::Several(_))));
    }
}
