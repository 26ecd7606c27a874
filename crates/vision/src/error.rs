//! Why an image cannot be decoded, or settings cannot be used: one sentence each, with the cause and what to
//! do.

/// Why bytes cannot be decoded as an image, or settings cannot be used.
///
/// `Display` gives the whole story in one sentence; there is no `source` to print beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not an image that can be decoded here.
    #[error("{name} cannot be used: {cause}; {mend}")]
    BadImage {
        /// The name that the caller gave the bytes, such as a file's name.
        name: String,
        /// What is wrong with them, with the byte offset if it is known.
        cause: String,
        /// What to do about it.
        mend: String,
    },

    /// Arrays or settings given by the caller do not fit together.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// What is wrong, without the image's name and without advice, for lists that name the image themselves.
    pub fn cause(&self) -> String {
        match self {
            Error::BadImage { cause, .. } => cause.clone(),
            Error::Invalid(cause) => cause.clone(),
        }
    }

    pub(crate) fn bad_image(
        name: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Error::BadImage { name: name.into(), cause: cause.into(), mend: mend.into() }
    }
}
