//! Weights in several files: the index that lists them, as transformers writes it beside its parts
//! (`model.safetensors.index.json` beside `model-00001-of-00002.safetensors` and so on).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::contents::Contents;
use crate::error::Error;
use crate::text::clip;

/// The longest index that is parsed. A line of a hundred bytes for each tensor takes half a megabyte for the
/// deepest network of the registry.
const LONGEST: u64 = 8 << 20;
/// The most files of one set of weights.
const MOST_PARTS: usize = 1000;
/// What an index is called after its parts' common name.
const END: &str = ".index.json";

/// The JSON of an index.
#[derive(Deserialize)]
struct Index {
    /// The file that each tensor is in.
    weight_map: BTreeMap<String, String>,
}

/// Whether a file of this name is the index of weights in several parts.
pub fn is_index(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(END))
}

/// The names of the parts that an index lists, which are files in the index's own folder.
///
/// # Errors
/// If it cannot be read or understood, or names a file elsewhere.
pub fn parts(index: &Path) -> Result<Vec<String>, Error> {
    let failed = |cause| Error::Read { path: index.to_owned(), cause };
    let wrong = |cause: String| Error::Index { path: index.to_owned(), cause };
    let Some(bytes) = resnet_files::read_at_most(index, LONGEST).map_err(failed)? else {
        return Err(wrong(format!("it is longer than {LONGEST} bytes")));
    };
    let Index { weight_map } =
        serde_json::from_slice(&bytes).map_err(|error| wrong(clip(&error.to_string(), 120)))?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    if names.is_empty() || names.len() > MOST_PARTS {
        return Err(wrong(format!("it lists {} files, and should list 1 to {MOST_PARTS}", names.len())));
    }
    // An index in an index could go on for ever.
    let is_part = |name: &&String| {
        !name.is_empty()
            && !name.contains(['/', '\\', ':'])
            && !name.starts_with('.')
            && !name.ends_with(".json")
    };
    match names.iter().find(|name| !is_part(name)) {
        Some(name) => Err(wrong(format!("it lists {}, which is no file beside it", clip(name, 80)))),
        None => Ok(names.into_iter().collect()),
    }
}

/// The index of the weights that the file at `path` is a part of, by its name; `None` if it is no part. The
/// only part of one is whole.
pub(crate) fn of_part(path: &Path) -> Option<PathBuf> {
    let (stem, end) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
    let (first, total) = stem.rsplit_once("-of-")?;
    let (name, number) = first.rsplit_once('-')?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_part = is_number(number) && is_number(total) && total != "00001";
    is_part.then(|| path.with_file_name(format!("{name}.{end}{END}")))
}

impl Contents {
    /// Adds what another part of the same weights holds.
    ///
    /// # Errors
    /// If both hold a tensor of the same name.
    pub(crate) fn add(&mut self, index: &Path, part: Contents) -> Result<(), Error> {
        if let Some(name) = part.tensors.keys().find(|name| self.tensors.contains_key(*name)) {
            let cause = format!("two of its files hold {}", clip(name, 80));
            return Err(Error::Index { path: index.to_owned(), cause });
        }
        self.tensors.extend(part.tensors);
        for (key, text) in part.metadata {
            self.metadata.entry(key).or_insert(text);
        }
        for (precision, count) in part.converted {
            *self.converted.entry(precision).or_default() += count;
        }
        self.ignored.batch_counters += part.ignored.batch_counters;
        self.ignored.optimizer += part.ignored.optimizer;
        self.ignored.other_weights += part.ignored.other_weights;
        self.left_out.extend(part.left_out);
        self.taken = part.taken;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Weights, read, write};

    fn part(folder: &Path, name: &str, tensor: &str) {
        let shapes = BTreeMap::from([(tensor, &[1][..])]);
        write::<Error>(&folder.join(name), &shapes, &BTreeMap::new(), |_| Ok(vec![1.5])).unwrap();
    }

    #[test]
    fn parts_are_read_together_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let index = here.join("model.safetensors.index.json");
        let parts = [1, 2].map(|number| format!("model-0000{number}-of-00002.safetensors"));
        part(here, &parts[0], "a");
        part(here, &parts[1], "b");
        let list = |second: &str| {
            let map = format!(r#"{{"weight_map": {{"a": "{}", "b": "{second}"}}}}"#, parts[0]);
            fs::write(&index, map).unwrap();
            read(&index, &Weights::Usual)
        };
        let names: Vec<String> = list(&parts[1]).unwrap().tensors.into_keys().collect();
        assert_eq!(names, ["a", "b"]);
        // A part alone would leave a network half as it was drawn.
        let alone = read(here.join(&parts[0]), &Weights::Usual).unwrap_err();
        assert!(matches!(&alone, Error::Part { index: told, .. } if *told == index), "{alone}");
        for (second, words) in [
            ("gone.safetensors", "gone.safetensors"),
            ("../b.safetensors", "it lists ../b.safetensors, which is no file beside it"),
            ("model.safetensors.index.json", "which is no file beside it"),
        ] {
            let message = list(second).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        part(here, "again.safetensors", "a");
        assert!(list("again.safetensors").unwrap_err().to_string().contains("two of its files hold a"));
        for text in ["{}", "[", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": 1}}"#] {
            fs::write(&index, text).unwrap();
            let refused = read(&index, &Weights::Usual).unwrap_err();
            assert!(matches!(refused, Error::Index { .. }), "{text}: {refused}");
        }
    }

    #[test]
    fn a_part_is_known_by_its_name() {
        let of = |name: &str| of_part(Path::new(name)).map(|index| index.display().to_string());
        let index = |name: &str| Some(name.to_owned());
        assert_eq!(of("m/model-00001-of-00002.safetensors"), index("m/model.safetensors.index.json"));
        assert_eq!(of("pytorch_model-00003-of-00011.bin"), index("pytorch_model.bin.index.json"));
        for whole in ["model.safetensors", "model-00001-of-00001.safetensors", "net-1-of-2.pth", "a-of-b.bin"]
        {
            assert_eq!(of(whole), None, "{whole}");
        }
    }
}
