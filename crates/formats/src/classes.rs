//! Whether two lists of classes are the same, and how to number one as the other does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::label_list::is_number;

/// Names for `count` classes of which only the numbers are known: "0", "1", ...
pub fn numbered(count: usize) -> Arc<[String]> {
    (0..count).map(|label| label.to_string()).collect()
}

/// Whether the names are only the numbers that [`numbered`] gives.
pub fn are_numbers(classes: &[String]) -> bool {
    classes.iter().enumerate().all(|(label, name)| *name == label.to_string())
}

/// How `ours` and `theirs` differ as numberings of classes, as a sentence; `None` if they are the same.
///
/// If one of the lists has only numbers for names ("0", "1", ...), they differ only if their lengths do,
/// because nothing more is known.
///
/// ```
/// let names = |names: [&str; 2]| names.map(String::from);
/// let told = resnet_formats::classes::class_difference(&names(["cat", "dog"]), &names(["dog", "cat"]));
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

/// For each class of `from`, its label in `to`. Classes are matched by name; if one list has only numbers for
/// names, they are matched by number. `whose` says in errors whose classes `to` are.
///
/// # Errors
/// What is wrong, as half a sentence: a class of `from` is not in `to`, or several classes of `to` share a
/// name.
pub fn renumbering(from: &[String], to: &[String], whose: &str) -> Result<Vec<u32>, String> {
    let known: HashSet<&String> = to.iter().collect();
    let is_all_known = || from.iter().all(|name| known.contains(name));
    if from != to && !are_numbers(from) && (!are_numbers(to) || is_all_known()) {
        return by_name(from, to, whose);
    }
    match from.len() <= to.len() {
        true => Ok((0..from.len() as u32).collect()),
        false => Err(format!(
            "its highest label is {}, but there are only {} classes in {whose}",
            from.len() - 1,
            to.len()
        )),
    }
}

/// The same where `from` are the names of what is there, in order, such as folders: some may be missing, so
/// the place of a name among them says nothing. Only where `to` are the numbers 0 to N-1, with leading zeros
/// or without, `from` are numbers too, or as many as those.
///
/// # Errors
/// As [`renumbering`].
pub fn renumbering_of_names(from: &[String], to: &[String], whose: &str) -> Result<Vec<u32>, String> {
    let number = |name: &String| is_number(name).then(|| name.parse::<usize>().ok()).flatten();
    let to_numbers = to.iter().map(number).eq((0..to.len()).map(Some));
    let as_many = to_numbers && from.len() == to.len() && !from.iter().any(|name| is_number(name));
    if from == to || as_many {
        return Ok((0..from.len() as u32).collect());
    }
    if !to_numbers {
        return by_name(from, to, whose);
    }
    let label = |name| number(name).filter(|label| *label < to.len()).map(|label| label as u32);
    from.iter().map(|name| label(name).ok_or_else(|| absent(name, whose))).collect()
}

fn by_name(from: &[String], to: &[String], whose: &str) -> Result<Vec<u32>, String> {
    let labels: HashMap<&String, u32> = to.iter().zip(0..).collect();
    if labels.len() < to.len() {
        return Err(format!("it has other classes than {whose}, and names that several of them share"));
    }
    from.iter().map(|name| labels.get(name).copied().ok_or_else(|| absent(name, whose))).collect()
}

fn absent(name: &str, whose: &str) -> String {
    format!("it has a class {name:?}, which is not in {whose}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
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
        assert!(renumbering(&numbered(4), &to, "others").unwrap_err().contains("highest label is 3"));
        assert!(renumbering(&names(&["d"]), &to, "others").unwrap_err().contains("\"d\""));
        assert!(renumbering(&names(&["a"]), &names(&["a", "a"]), "others").is_err());
    }

    #[test]
    fn what_is_there_is_matched_by_name_unless_all_that_are_known_are_numbers() {
        let of = |from: &[&str], to: &[&str]| renumbering_of_names(&names(from), &names(to), "others");
        assert_eq!(of(&["0", "2"], &["0", "2", "3"]), Ok(vec![0, 1]));
        assert_eq!(of(&["0", "1"], &["1", "0"]), Ok(vec![1, 0]));
        assert_eq!(of(&["00", "02"], &["0", "1", "2"]), Ok(vec![0, 2]));
        assert_eq!(of(&["0", "2"], &["00", "01", "02"]), Ok(vec![0, 2]));
        assert_eq!(of(&["x", "y"], &["0", "1"]), Ok(vec![0, 1]));
        assert_eq!(of(&["a", "a"], &["a", "a"]), Ok(vec![0, 1]));
        for (from, to, absent) in [
            (&["0", "1", "2"], &["0", "2", "3"], "\"1\""),
            (&["0", "1", "2"], &["x", "y", "z"], "\"0\""),
            (&["0", "1", "3"], &["0", "1", "2"], "\"3\""),
            (&["0", "1", "y"], &["0", "1", "2"], "\"y\""),
        ] {
            assert!(of(from, to).unwrap_err().contains(absent), "{from:?} in {to:?}");
        }
        assert!(of(&["x", "y"], &["0", "1", "2"]).is_err());
    }
}
