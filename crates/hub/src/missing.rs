//! `Missing`: why the hub or the cache has no file of that name.

use hf_hub::api::sync::ApiError;

/// Why there is no file.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not in the cache, and nothing else may be asked.
    Offline,
    /// The hub says that there is none.
    Absent(String),
    /// The hub has it for some people only, or nobody of that name.
    Refused(String),
    /// The hub cannot be reached, or answers badly.
    Failed(String),
}

/// What `error` says about there being a `file`. The client underneath is not ours to name, so its error is
/// known by its words.
pub(crate) fn refusal(file: &str, error: &ApiError) -> Missing {
    let cause = format!("{file}: {error}");
    match error {
        ApiError::RequestError(inner) => of_status(cause, &inner.to_string()),
        _ => Missing::Failed(cause),
    }
}

/// `cause`, filed under what the client's `words` mean.
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
