//! `Missing`: why a file is neither in the cache nor downloaded.

use hf_hub::api::sync::ApiError;

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

/// Why there is no `file`, by the client's `error`. The HTTP client's error type is not exported by hf-hub,
/// so its text is read.
pub(crate) fn refusal(file: &str, error: &ApiError) -> Missing {
    let cause = format!("{file}: {error}");
    match error {
        ApiError::RequestError(inner) => of_status(cause, &inner.to_string()),
        _ => Missing::Failed(cause),
    }
}

/// `cause` as the kind of [`Missing`] that the HTTP status in the client's `words` means.
pub(crate) fn of_status(cause: String, words: &str) -> Missing {
    match words {
        _ if !is_status(words, '4') => Missing::Failed(cause),
        _ if words.ends_with("404") => Missing::Absent(cause),
        _ if words.ends_with("401") || words.ends_with("403") => Missing::Refused(cause),
        _ => Missing::Failed(cause),
    }
}

/// Whether the client's `words` are an HTTP status that begins with this digit.
pub(crate) fn is_status(words: &str, first: char) -> bool {
    words.strip_prefix("http status: ").is_some_and(|status| status.starts_with(first))
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
