//! `Role`: what each split of a data set in files is used for.

use crate::sources::{FileSet, Source, Split};

/// What a split is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To train on.
    Training,
    /// To evaluate on.
    Evaluation,
}

impl Role {
    /// Its word in a sentence: "training", "evaluation".
    pub fn name(self) -> &'static str {
        match self {
            Role::Training => "training",
            Role::Evaluation => "evaluation",
        }
    }

    /// Its word in the names of files and folders: "train", "val".
    pub fn folder(self) -> &'static str {
        match self {
            Role::Training => "train",
            Role::Evaluation => "val",
        }
    }
}

impl FileSet {
    /// The splits that there are, at least one, each with its role.
    pub fn splits(&self) -> impl Iterator<Item = (Role, &dyn Source)> {
        let first = if self.split == Split::Train { Role::Training } else { Role::Evaluation };
        let evaluation = self.evaluation.as_deref().map(|source| (Role::Evaluation, source));
        [(first, &*self.train)].into_iter().chain(evaluation)
    }

    /// How many samples all splits have, those to be skipped included.
    pub fn samples(&self) -> u64 {
        self.splits().map(|(_, source)| source.index().len() as u64).sum()
    }
}
