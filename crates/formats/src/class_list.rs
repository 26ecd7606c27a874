//! The names of classes in the order of their labels: one name per line, or a class map in JSON.

use std::path::Path;

use serde_json::Value;

use crate::Error;

/// The largest list that is read.
const MAX_BYTES: u64 = 1 << 24;

/// The names in a file: a class map in JSON, or one name per line.
///
/// # Errors
/// If the file cannot be read, is no such list or has more than 16 MiB.
pub fn read(file: &Path) -> Result<Vec<String>, Error> {
    let bad = |cause: String| {
        Error::bad_file(
            file.display().to_string(),
            cause,
            "it should name one class per line, or be a list in JSON",
        )
    };
    let read = resnet_files::read_at_most(file, MAX_BYTES);
    let Some(text) = read.map_err(|cause| Error::io("read", file, cause))? else {
        return Err(bad(format!("it has more than {} MiB, too many for a list of classes", MAX_BYTES >> 20)));
    };
    let text = String::from_utf8(text).map_err(|_| bad("it is not text in UTF-8".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let is_json =
        file.extension().is_some_and(|end| end == "json") || text.trim_start().starts_with(['[', '{']);
    if is_json { parse_class_map(text) } else { parse_lines(text) }.map_err(bad)
}

/// The names in a file that has one name per line. If each line begins with a WordNet id, as in ImageNet's
/// `LOC_synset_mapping.txt`, the id is taken for the name, because folders are called by it.
///
/// # Errors
/// What is wrong, as half a sentence: a line is empty, or there are none or too many.
pub fn parse_lines(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
    if let Some(line) = names.iter().position(|name| name.is_empty()) {
        return Err(format!("its line {} is empty, so it is not clear which label the next has", line + 1));
    }
    match names.len() {
        0 => return Err("it names no class".to_owned()),
        count if count > MAX_CLASSES => return Err(format!("it has {count} classes")),
        _ => {}
    }
    let ids: Option<Vec<&str>> = names.iter().map(|name| wordnet_id(name)).collect();
    Ok(ids.unwrap_or(names).into_iter().map(str::to_owned).collect())
}

/// The id that a line such as `n01440764 tench, Tinca tinca` begins with.
fn wordnet_id(line: &str) -> Option<&str> {
    let id = line.split_whitespace().next()?;
    let digits = id.strip_prefix('n')?;
    (digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(id)
}

/// More classes than any data set has; a limit on what a damaged label or map can allocate.
pub const MAX_CLASSES: usize = 1 << 17;

/// The names of classes in a class map, in the order of their labels.
///
/// A class map is a list, `["tench", "goldfish"]`; or names by label, `{"0": "tench", "1": "goldfish"}`; or
/// labels by name, `{"tench": 0, "goldfish": 1}`. If a name is a list, as in `{"0": ["n01440764", "tench"]}`,
/// its first element is taken: a WordNet id, by which folders are called.
///
/// # Errors
/// What is wrong, as half a sentence: if it is no JSON or none of these, if labels are missing or double, or
/// names empty.
///
/// ```
/// let names = resnet_formats::class_list::parse_class_map(r#"{"dog": 1, "cat": 0}"#)?;
/// assert_eq!(names, ["cat", "dog"]);
/// # Ok::<(), String>(())
/// ```
pub fn parse_class_map(text: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|cause| format!("it is no JSON ({cause})"))?;
    let pairs: Vec<(usize, String)> = match value {
        Value::Array(names) => {
            names.iter().enumerate().map(|(label, name)| Ok((label, text_of(name)?))).collect()
        }
        Value::Object(map) if map.values().all(Value::is_u64) => {
            map.into_iter().map(|(name, label)| Ok((label_of(&label)?, name))).collect()
        }
        Value::Object(map) => {
            map.iter().map(|(label, name)| Ok((parse_label(label)?, text_of(name)?))).collect()
        }
        _ => Err("it is neither a list nor an object".to_owned()),
    }?;
    let count = pairs.len();
    if count == 0 || count > MAX_CLASSES {
        return Err(format!("it has {count} classes"));
    }
    let mut names = vec![String::new(); count];
    for (label, name) in pairs {
        match names.get_mut(label) {
            _ if name.trim().is_empty() => return Err(format!("class {label} has an empty name")),
            None => return Err(format!("label {label} is not below the number of classes, {count}")),
            Some(place) if !place.is_empty() => return Err(format!("label {label} is there twice")),
            Some(place) => *place = name,
        }
    }
    Ok(names)
}

fn text_of(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Array(parts) => parts.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    text.map(str::to_owned).ok_or_else(|| format!("{value} is no name of a class"))
}

fn label_of(value: &Value) -> Result<usize, String> {
    value.as_u64().and_then(|label| usize::try_from(label).ok()).ok_or_else(|| format!("{value} is no label"))
}

fn parse_label(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text:?} is no label"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn each_form_of_class_map_is_understood() {
        for text in [
            r#"["cat", "dog"]"#,
            r#"{"0": "cat", "1": "dog"}"#,
            r#"{"1": ["dog", "Canis"], "0": ["cat"]}"#,
            r#"{"dog": 1, "cat": 0}"#,
        ] {
            assert_eq!(parse_class_map(text).as_deref(), Ok(&names(&["cat", "dog"])[..]), "{text}");
        }
        for (text, wanted) in [
            ("{", "no JSON"),
            ("3", "neither"),
            ("[]", "0 classes"),
            ("{}", "0 classes"),
            (r#"{"a": 0, "b": 0}"#, "twice"),
            (r#"{"a": 0, "b": 2}"#, "label 2"),
            (r#"{"1": "a", "01": "b"}"#, "twice"),
            (r#"{"0": "a", "x": "b"}"#, "no label"),
            (r#"["a", ""]"#, "empty"),
            (r#"["a", 3]"#, "3 is no name"),
            (r#"{"0": []}"#, "[] is no name"),
            (r#"{"a": 18446744073709551615}"#, "not below"),
        ] {
            let message = parse_class_map(text).unwrap_err();
            assert!(message.contains(wanted), "{text}: {message}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_device_without_an_end_is_not_read_for_ever() {
        let message = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(message.contains("/dev/zero") && message.contains("more than 16 MiB"), "{message}");
    }

    proptest! {
        #[test]
        fn a_damaged_class_map_is_an_error_or_a_list(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let mut bytes = br#"{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#.to_vec();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Ok(names) = parse_class_map(&String::from_utf8_lossy(&bytes)) {
                prop_assert!((1..=2).contains(&names.len()) && names.iter().all(|name| !name.trim().is_empty()));
            }
        }
    }
}
