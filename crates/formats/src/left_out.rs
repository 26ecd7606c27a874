//! `LeftOut`: how many files are not samples by their names, counted by the endings of the names.

use std::collections::BTreeMap;
use std::fmt;

/// The most kinds that are counted separately.
const MAX_KINDS: usize = 64;
/// Kinds that are named in a sentence.
const SHOWN: usize = 6;
/// The longest ending, in bytes; a name with a longer one counts as without an ending.
const MAX_ENDING: usize = 24;

const WITHOUT: &str = "without an ending";
const OTHERS: &str = "of other endings";

/// Files or members of shards that are passed over, counted by their endings.
///
/// Hidden files and those of systems (`.DS_Store`, `Thumbs.db`) don't count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of files by what follows "files" in a sentence: ".txt", "without an ending".
    kinds: BTreeMap<String, u64>,
}

impl LeftOut {
    /// Counts a file by what follows the last dot of its name.
    pub fn add_file(&mut self, name: &str) {
        self.add_ending(name.rsplit_once('.').map_or("", |(_, ending)| ending));
    }

    /// Counts a file by its ending, which is given without its leading dot.
    pub fn add_ending(&mut self, ending: &str) {
        let is_one = |ending: &str| {
            let fits = |c: char| c.is_alphanumeric() || c == '.' || c == '_' || c == '-';
            !ending.is_empty() && ending.len() <= MAX_ENDING && ending.chars().all(fits)
        };
        match is_one(ending) {
            true => self.add(&format!(".{}", ending.to_lowercase()), 1),
            false => self.add(WITHOUT, 1),
        }
    }

    /// Counts `files` files of a kind, a text that follows "files" in a sentence. After 64 kinds, new kinds
    /// are counted together.
    pub fn add(&mut self, kind: &str, files: u64) {
        let kind = if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(kind) { kind } else { OTHERS };
        let count = self.kinds.entry(kind.to_owned()).or_default();
        *count = count.saturating_add(files);
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &LeftOut) {
        other.kinds.iter().for_each(|(kind, files)| self.add(kind, *files));
    }

    /// How many files there are of each kind, by what describes them: ".txt", "without an ending".
    pub fn kinds(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.kinds.iter().map(|(kind, files)| (kind.as_str(), *files))
    }

    /// How many files there are.
    pub fn files(&self) -> u64 {
        self.kinds.values().fold(0, |sum, files| sum.saturating_add(*files))
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// "5 files .txt, 2 files .xcf": the most frequent kinds first, six at most.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (others, mut kinds): (Vec<_>, Vec<_>) = self.kinds().partition(|(kind, _)| *kind == OTHERS);
        kinds.sort_by_key(|&(_, files)| std::cmp::Reverse(files));
        let unnamed = kinds.split_off(kinds.len().min(SHOWN));
        let rest = unnamed.iter().chain(&others).map(|(_, files)| files).sum();
        if rest > 0 {
            kinds.push((OTHERS, rest));
        }
        for (place, (kind, files)) in kinds.into_iter().enumerate() {
            let (comma, plural) = (if place > 0 { ", " } else { "" }, if files == 1 { "" } else { "s" });
            write!(f, "{comma}{files} file{plural} {kind}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_their_endings() {
        let mut left_out = LeftOut::default();
        assert!(left_out.is_empty() && left_out.to_string().is_empty());
        for name in ["a.txt", "b.TXT", "README", "c.xcf", "d.what a name", "e.", "f.tar.txt"] {
            left_out.add_file(name);
        }
        left_out.add_ending("seg.png");
        assert_eq!(
            left_out.to_string(),
            "3 files .txt, 3 files without an ending, 1 file .seg.png, 1 file .xcf"
        );
        let mut twice = left_out.clone();
        twice.merge(&left_out);
        assert_eq!((left_out.files(), twice.files()), (8, 16));
    }

    #[test]
    fn endings_without_number_take_no_memory_without_number() {
        let mut left_out = LeftOut::default();
        (0..1000).for_each(|i| left_out.add_file(&format!("x.{i:04}")));
        assert_eq!((left_out.kinds().len(), left_out.files()), (MAX_KINDS + 1, 1000));
        assert!(left_out.to_string().ends_with("1 file .0004, 1 file .0005, 994 files of other endings"));
    }
}
