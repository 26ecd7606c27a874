//! `Listing`: the files of a repository, from the hub's API, from an earlier answer, or from the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use resnet_files::write_cached;
use serde_json::{Value, json};

use super::names::is_word;

/// The longest answer that is read, in bytes.
pub(crate) const MAX_LISTING_BYTES: u64 = 1 << 26;
/// The most files of a repository; the hub recommends fewer than 100,000.
const MAX_FILES: usize = 1_000_000;
/// How deep folders may be nested in a repository.
const MAX_DEPTH: usize = 16;
/// The cache's folder of listings, beside `snapshots`: without a network they show what a snapshot lacks.
const KEPT: &str = ".listings";

/// The files of a repository at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The commit.
    pub commit: String,
    /// The size in bytes of each file by its name, if it is known. Names are as the server gave them: pass
    /// them to [`check_file`](crate::names::check_file) before they become part of a path.
    pub files: BTreeMap<String, Option<u64>>,
}

impl Listing {
    /// Reads the answer to `api/datasets/ID/revision/REV`; the error is half a sentence.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        let commit = value.get("sha").and_then(Value::as_str).filter(|commit| is_word(commit));
        let commit = commit.ok_or("the server's answer names no commit")?.to_owned();
        let siblings = value.get("siblings").and_then(Value::as_array);
        let siblings = siblings.ok_or("the server's answer has no files")?;
        if siblings.len() > MAX_FILES {
            return Err(format!("the repository has {} files, more than {MAX_FILES}", siblings.len()));
        }
        let file = |value: &Value| {
            let name = value.get("rfilename").and_then(Value::as_str)?.to_owned();
            let size = value.get("size").or_else(|| value.get("lfs")?.get("size"));
            Some((name, size.and_then(Value::as_u64)))
        };
        let files: Option<BTreeMap<_, _>> = siblings.iter().map(file).collect();
        Ok(Listing { commit, files: files.ok_or("the server's answer has files without names")? })
    }

    /// Writes the listing into the cache's `folder` of the repository
    /// ([`Repository::folder`](crate::Repository::folder)).
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, folder: &Path) -> std::io::Result<()> {
        let siblings: Vec<Value> =
            self.files.iter().map(|(name, size)| json!({ "rfilename": name, "size": size })).collect();
        let text = json!({ "sha": self.commit, "siblings": siblings }).to_string();
        write_cached(&folder.join(KEPT).join(format!("{}.json", self.commit)), text.as_bytes())
    }

    /// The listing that [`keep`](Self::keep) wrote for a commit, if it is there and complete.
    pub fn kept(folder: &Path, commit: &str) -> Option<Self> {
        let file = folder.join(KEPT).join(format!("{commit}.json"));
        let text = resnet_files::read_at_most(&file, MAX_LISTING_BYTES).ok()??;
        Self::parse(&serde_json::from_slice(&text).ok()?).ok().filter(|listing| listing.commit == commit)
    }

    /// The files in the folder of a snapshot, with their sizes. The folder's name is taken for the commit.
    pub fn of_snapshot(snapshot: &Path) -> Self {
        let mut files = BTreeMap::new();
        walk(snapshot, "", 0, &mut files);
        let commit = snapshot.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        Listing { commit, files }
    }
}

fn walk(folder: &Path, inside: &str, depth: usize, files: &mut BTreeMap<String, Option<u64>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if path.is_dir() && depth < MAX_DEPTH {
            walk(&path, &format!("{inside}{name}/"), depth + 1, files);
        } else if let Ok(metadata) = fs::metadata(&path) {
            files.insert(format!("{inside}{name}"), Some(metadata.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apis_answer_is_understood_or_refused() {
        let value = json!({ "sha": "abc", "private": false, "siblings": [
            { "rfilename": "b.tar", "size": 7, "lfs": { "size": 7 } }, { "rfilename": "a", "lfs": { "size": 5 } },
            { "rfilename": "c" },
        ] });
        let listing = Listing::parse(&value).unwrap();
        let files = [("a", Some(5)), ("b.tar", Some(7)), ("c", None)];
        assert_eq!(listing.files, files.map(|(name, size)| (name.to_owned(), size)).into());
        let folder = tempfile::tempdir().unwrap();
        listing.keep(folder.path()).unwrap();
        assert_eq!(Listing::kept(folder.path(), "abc"), Some(listing.clone()));
        // One that is longer than any answer is not read.
        let blanks = " ".repeat(MAX_LISTING_BYTES as usize);
        let file = folder.path().join(KEPT).join("abc.json");
        fs::write(&file, format!("{}{blanks}", fs::read_to_string(&file).unwrap())).unwrap();
        assert_eq!(Listing::kept(folder.path(), "abc"), None);
        fs::write(folder.path().join(KEPT).join("abc.json"), r#"{"sha":"#).unwrap();
        assert_eq!(Listing::kept(folder.path(), "abc"), None);
        for (value, words) in [
            (json!([]), "no commit"),
            (json!({ "sha": "../x", "siblings": [] }), "no commit"),
            (json!({ "sha": "abc" }), "no files"),
            (json!({ "sha": "abc", "siblings": [{ "rfilename": 3 }] }), "without names"),
        ] {
            assert!(Listing::parse(&value).unwrap_err().contains(words), "{value}");
        }
    }

    #[test]
    fn a_snapshot_is_listed_with_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/train-00001-of-00003.parquet"), "abc").unwrap();
        fs::write(folder.path().join("README.md"), "").unwrap();
        let listing = Listing::of_snapshot(folder.path());
        let files = [("README.md", Some(0)), ("data/train-00001-of-00003.parquet", Some(3))];
        assert_eq!(listing.files, files.map(|(name, size)| (name.to_owned(), size)).into());
    }
}
