//! Names from people and from servers, checked before they become part of a path or an address.

use crate::Error;

/// The branch that is meant where no revision is named.
pub const MAIN: &str = "main";
/// The longest name of a file, folders included.
const MAX_NAME: usize = 512;

/// Checks that `id` is `OWNER/NAME`, and `revision` a branch, a tag or a commit. The error's message takes
/// `what` ("model", "data set") and `example`, a valid id.
pub(crate) fn check(id: &str, revision: &str, what: &str, example: &str) -> Result<(), Error> {
    if !is_id(id) {
        return Err(Error::Invalid(format!(
            "{id:?} is no {what} of the hub; its name is OWNER/NAME, such as {example}"
        )));
    }
    if !revision.split('/').all(is_word) {
        return Err(Error::Invalid(format!("{revision:?} is no revision; name a branch, a tag or a commit")));
    }
    Ok(())
}

/// Whether `id` has the form `OWNER/NAME`.
pub fn is_id(id: &str) -> bool {
    id.split('/').count() == 2 && id.split('/').all(is_word)
}

/// Whether `word` is letters, digits, points, dashes and underscores, with no point at its start and no two
/// points in a row, so that it does not lead out of the cache.
pub(crate) fn is_word(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !word.is_empty() && !word.starts_with('.') && !word.contains("..") && word.chars().all(allowed)
}

/// Whether `word` is the full name of a commit: 40 hexadecimal digits in lower case.
pub fn is_commit(word: &str) -> bool {
    is_hex(word, 40)
}

/// Whether `word` has exactly `digits` hexadecimal digits, in lower case.
pub(crate) fn is_hex(word: &str, digits: usize) -> bool {
    word.len() == digits && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Checks that a repository's file may be fetched under this name: the name stays below its folder on every
/// system, and needs no escaping in a URL.
///
/// # Errors
/// Why it may not, as half a sentence.
pub fn check_file(name: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("the repository has a file called {name:.100?}, which {why}"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+=@,~/".contains(c);
    if name.len() > MAX_NAME {
        return refused("is too long a name");
    }
    if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return refused("leads out of its folder");
    }
    if !name.chars().all(allowed) {
        return refused("has other characters than letters, digits and ._-+=@,~ and is not fetched");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in
            ["train-00000-of-00001.parquet", "data/a b".trim_end_matches(" b"), "a/b/c+d=e@f,g~h_0.tar"]
        {
            assert_eq!(check_file(name), Ok(()), "{name}");
        }
        for name in [
            "../a.tar",
            "a/../../b.tar",
            "/etc/a.tar",
            "a//b.tar",
            "./a.tar",
            "a/",
            "",
            "C:a.tar",
            "a\\..\\b.tar",
            "a\0.tar",
            "a b.tar",
            "a?b.tar",
            "a%2e.tar",
            "ä.tar",
            "a#b.tar",
        ] {
            assert!(check_file(name).is_err(), "{name:?}");
        }
        assert!(check_file(&"a".repeat(513)).is_err());
        assert!(check_file("../x").unwrap_err().ends_with("called \"../x\", which leads out of its folder"));
    }

    #[test]
    fn a_commit_is_forty_digits() {
        assert!(is_commit("0123456789abcdef0123456789abcdef01234567"));
        assert!(!is_commit("main") && !is_commit(&"g".repeat(40)) && !is_commit(&"A".repeat(40)));
    }
}
