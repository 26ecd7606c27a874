//! `SplitRole`: what each split of a data set in files is used for.

use crate::sources::{FileSet, Source, Split};

/// What a split is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitRole {
    /// To train on.
    Training,
    /// To evaluate on.
    Evaluation,
}

impl SplitRole {
    /// Its word in a sentence: "training", "evaluation".
    pub fn name(self) -> &'static str {
        match self {
            SplitRole::Training => "training",
            SplitRole::Evaluation => "evaluation",
        }
    }

    /// Its word in the names of files and folders: "train", "val".
    pub fn folder(self) -> &'static str {
        match self {
            SplitRole::Training => "train",
            SplitRole::Evaluation => "val",
        }
    }
}

impl FileSet {
    /// The splits that there are, at least one, each with its role.
    pub fn splits(&self) -> impl Iterator<Item = (SplitRole, &dyn Source)> {
        let first = if self.split == Split::Train { SplitRole::Training } else { SplitRole::Evaluation };
        let evaluation = self.evaluation.as_deref().map(|source| (SplitRole::Evaluation, source));
        [(first, &*self.train)].into_iter().chain(evaluation)
    }

    /// How many samples all splits have, those to be skipped included.
    pub fn samples(&self) -> u64 {
        self.splits().map(|(_, source)| source.index().len() as u64).sum()
    }
}
