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
