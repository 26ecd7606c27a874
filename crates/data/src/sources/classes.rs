//! Names of classes: class maps in JSON, and whether two lists of classes are the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

/// More classes than any data set has; a limit on what a damaged label or map can allocate.
pub(crate) const MAX_CLASSES: usize = 1 << 17;

/// Names for `count` classes of which only the numbers are known: "0", "1", ...
pub(crate) fn numbered(count: usize) -> Arc<[String]> {
    (0..count).map(|label| label.to_string()).collect()
}

/// Whether the names are only the numbers that [`numbered`] gives.
pub(crate) fn are_numbers(classes: &[String]) -> bool {
    classes.iter().enumerate().all(|(label, name)| *name == label.to_string())
}

/// The names of classes in a class map, in the order of their labels.
///
/// Understood are a list, `["tench", "goldfish"]`; names by label, `{"0": "tench", "1": "goldfish"}`, also
/// with a WordNet id before the name, `{"0": ["n01440764", "tench"]}`, of which the id is taken, as it is
/// what folders are called; and labels by name, `{"tench": 0, "goldfish": 1}`.
///
/// # Errors
/// What is wrong, as half a sentence: if it is no JSON or none of these, if labels are missing or double, or
/// names empty.
///
/// ```
/// let names = resnet_data::sources::parse_class_map(r#"{"dog": 1, "cat": 0}"#)?;
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

/// How `ours` and `theirs` differ as numberings of classes, as a sentence; `None` if they are the same.
///
/// Lists of which one has only numbers for names ("0", "1", ...) differ only if their lengths do: nothing
/// more is known.
///
/// ```
/// let names = |names: [&str; 2]| names.map(String::from);
/// let told = resnet_data::sources::class_difference(&names(["cat", "dog"]), &names(["dog", "cat"]));
/// let first = "class 0 is \"cat\" here and \"dog\" there, ...";
/// assert_eq!(told.unwrap(), format!("2 of 2 classes have another name: {first}"));
/// ```
pub fn class_difference(ours: &[String], theirs: &[String]) -> Option<String> {
    if ours.len() != theirs.len() {
        let known: HashSet<&String> = theirs.iter().collect();
        let new = ours.iter().find(|name| !known.contains(name) && !are_numbers(theirs));
        let new = new.map_or(String::new(), |name| format!(", such as {name:?}, which is only here"));
        return Some(format!("there are {} classes here and {} there{new}", ours.len(), theirs.len()));
    }
    if are_numbers(ours) || are_numbers(theirs) {
        return None;
    }
    let differ: Vec<usize> = (0..ours.len()).filter(|&label| ours[label] != theirs[label]).collect();
    let &first = differ.first()?;
    Some(format!(
        "{} of {} classes have another name: class {first} is {:?} here and {:?} there{}",
        differ.len(),
        ours.len(),
        ours[first],
        theirs[first],
        if differ.len() > 1 { ", ..." } else { "" }
    ))
}

/// For each class of `from` its label in `to`, the classes of `whose`; half a sentence if there is none.
pub(crate) fn renumbering(from: &[String], to: &[String], whose: &str) -> Result<Vec<u32>, String> {
    let labels: HashMap<&String, u32> = to.iter().zip(0..).collect();
    let is_listed = |name: &String| labels.contains_key(name);
    let by_number = are_numbers(from) || (are_numbers(to) && !from.iter().all(is_listed));
    if from == to || by_number {
        return match from.len() <= to.len() {
            true => Ok((0..from.len() as u32).collect()),
            false => Err(format!(
                "its labels reach to {}, but there are only {} classes in {whose}",
                from.len() - 1,
                to.len()
            )),
        };
    }
    if labels.len() < to.len() {
        return Err(format!("it has other classes than {whose}, and names that several of them share"));
    }
    let label = |name| labels.get(name).copied();
    from.iter()
        .map(|name| label(name).ok_or_else(|| format!("it has a class {name:?}, which is not in {whose}")))
        .collect()
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
    fn differences_are_told() {
        let (two, three) = (names(&["a", "b"]), names(&["a", "b", "c"]));
        assert_eq!(class_difference(&two, &two), None);
        assert_eq!(class_difference(&two, &numbered(2)), None);
        assert!(class_difference(&three, &two).unwrap().contains("\"c\", which is only here"));
        assert!(class_difference(&two, &numbered(3)).unwrap().contains("2 classes here and 3 there"));
        let told = class_difference(&two, &names(&["a", "x"])).unwrap();
        assert!(told.ends_with("class 1 is \"b\" here and \"x\" there"), "{told}");
    }

    #[test]
    fn splits_get_the_same_numbers() {
        let to = names(&["a", "b", "c"]);
        assert_eq!(renumbering(&names(&["c", "a"]), &to, "others"), Ok(vec![2, 0]));
        assert_eq!(renumbering(&numbered(2), &to, "others"), Ok(vec![0, 1]));
        // Of folders called by labels some may be missing.
        assert_eq!(renumbering(&names(&["0", "3", "11"]), &numbered(12), "others"), Ok(vec![0, 3, 11]));
        assert_eq!(renumbering(&names(&["x", "y"]), &numbered(12), "others"), Ok(vec![0, 1]));
        assert_eq!(renumbering(&numbered(2), &names(&["1", "0"]), "others"), Ok(vec![0, 1]));
        assert!(renumbering(&numbered(4), &to, "others").unwrap_err().contains("reach to 3"));
        assert!(renumbering(&names(&["d"]), &to, "others").unwrap_err().contains("\"d\""));
        assert!(renumbering(&names(&["a"]), &names(&["a", "a"]), "others").is_err());
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
