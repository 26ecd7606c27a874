//! `Columns`: which columns of a table hold images and labels.

/// The names of a parquet file's columns of images and of labels; none to take the usual ones.
///
/// A column of images holds encoded images, either as such or as a group with a column `bytes`, as the
/// Hugging Face hub has them. One of labels holds whole numbers, or names of classes as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of images; without it `image` or `img`.
    pub image: Option<String>,
    /// The column of labels; without it `label`, `fine_label` or `labels`.
    pub label: Option<String>,
}

impl Columns {
    /// What an index that depends on them is called besides its split, if they are not the usual ones.
    #[cfg(feature = "parquet")]
    pub(crate) fn key(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        let mut fingerprint = crate::Fingerprint::default();
        for name in [&self.image, &self.label] {
            fingerprint.word(name.is_some().into());
            fingerprint.add(name.as_deref().unwrap_or_default().as_bytes());
        }
        Some(format!("{:016x}", fingerprint.get()))
    }
}
