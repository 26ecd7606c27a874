//! `Missing`: why a file is neither in the cache nor downloaded.

use hf_hub::api::sync::ApiError;

/// Why there is no file.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not in the cache, and the network may not be used.
    Offline,
    /// The hub says that it does not exist.
    Absent(String),
    /// The hub refuses it: it is private or gated, or the repository does not exist.
    Refused(String),
    /// The hub cannot be reached, or answers badly.
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
