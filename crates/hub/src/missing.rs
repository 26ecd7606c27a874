//! `Missing`: why a file is neither in the cache nor downloaded.

use crate::text::printable;

/// Why there is no file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// It is not in the cache, and the network may not be used.
    #[error("the file is not cached and the network may not be used; allow it, or bring the cache along")]
    Offline,
    /// The hub says that it does not exist.
    #[error("the hub lacks the file: {}; check its name, the repository's and the revision", printable(.0))]
    Absent(String),
    /// The hub refuses it: it is private or gated, or the repository does not exist. Or nobody asks for it,
    /// because its name leads out of the repository.
    #[error("the file is refused: {}; check its name, and the token if it is private", printable(.0))]
    Refused(String),
    /// The hub cannot be reached, or answers badly.
    #[error("the download failed: {}; try again, it resumes where it stopped", printable(.0))]
    Failed(String),
}

impl Missing {
    /// The same, which says of `file` what it says.
    pub(crate) fn of(self, file: &str) -> Self {
        let named = |cause: String| format!("{file}: {cause}");
        match self {
            Missing::Offline => Missing::Offline,
            Missing::Absent(cause) => Missing::Absent(named(cause)),
            Missing::Refused(cause) => Missing::Refused(named(cause)),
            Missing::Failed(cause) => Missing::Failed(named(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_a_sentence() {
        let failed: Box<dyn std::error::Error> = Box::new(Missing::Failed("a\u{1b}.tar: lost".to_owned()));
        assert!(failed.to_string().contains("failed: a\\u{1b}.tar: lost; try again"), "{failed}");
        let offline = Missing::Offline.to_string();
        assert!(offline.contains("the network may not be used; allow it"), "{offline}");
    }
}
