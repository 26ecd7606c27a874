//! Whether two lists of classes are the same, and how to number one as the other does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
        assert!(renumbering(&numbered(4), &to, "others").unwrap_err().contains("reach to 3"));
        assert!(renumbering(&names(&["d"]), &to, "others").unwrap_err().contains("\"d\""));
        assert!(renumbering(&names(&["a"]), &names(&["a", "a"]), "others").is_err());
    }
}
