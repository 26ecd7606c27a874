//! What is odd about the splits of a data set, told in the log.

use super::{Index, LeftOut};
use crate::names::printable;

/// Classes that are named in a warning.
const SHOWN: usize = 3;

/// Logs which files are left out and the indexes' warnings, each warning once for all of these splits.
pub fn tell_oddities<'a>(indexes: impl Iterator<Item = &'a Index>) {
    let mut left_out = LeftOut::default();
    let mut warnings: Vec<&String> = vec![];
    for index in indexes {
        left_out.merge(index.left_out());
        for warning in index.warnings() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if !left_out.is_empty() {
        tracing::warn!("left out: {left_out}; they are not image files that are read");
    }
}

/// Logs which classes have no image in a split that is used for `purpose`.
pub fn tell_empty_classes(purpose: &str, index: &Index) {
    let empty = index.empty_classes();
    if !empty.is_empty() {
        let shown = empty.iter().take(SHOWN).copied().map(printable).collect::<Vec<_>>().join(", ");
        let (number, classes) = (empty.len(), index.classes().len());
        let more = if number > SHOWN { ", ..." } else { "" };
        tracing::warn!("no image for {purpose} in {number} of {classes} classes ({shown}{more})");
    }
}
