//! `Split`: what a part of a data set is for, as the names of files and folders tell it.

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// To train on.
    Train,
    /// To evaluate on: called val, valid, validation or dev.
    Val,
    /// To evaluate on where there is no `Val`: test labels are often withheld.
    Test,
}

impl Split {
    /// The split that is called `word`, which is in lower case.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word {
            "train" | "training" => Some(Split::Train),
            "val" | "valid" | "validation" | "dev" => Some(Split::Val),
            "test" | "testing" => Some(Split::Test),
            _ => None,
        }
    }

    /// The split whose name is a word of `name`.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        name.split(|c: char| !c.is_ascii_alphanumeric()).find_map(Split::of_word)
    }

    /// In the names of files: "train", "val", "test".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Split::Train => "train",
            Split::Val => "validation",
            Split::Test => "test",
        })
    }
}
