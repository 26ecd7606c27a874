//! `Dialect` and `Naming`: whose names a file uses, and how that was found out.

use std::fmt;

/// What parameters are called in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// This project's names: torchvision's for v1, timm's for v2.
    Native,
    /// torchvision's.
    Torchvision,
    /// timm's.
    Timm,
    /// Those of `akamaster/pytorch_resnet_cifar10` and many CIFAR repositories like it.
    Akamaster,
    /// Hugging Face transformers'.
    Transformers,
}

/// How a file's names were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The dialect.
    pub dialect: Dialect,
    /// Who says so.
    pub choice: Choice,
    /// What stood before the names and was taken off.
    pub prefix: String,
}

/// Where a dialect comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The names show it.
    Detected,
    /// The caller says so.
    Given,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 5] =
        [Dialect::Native, Dialect::Torchvision, Dialect::Timm, Dialect::Akamaster, Dialect::Transformers];

    /// Its name in messages and where a user chooses one.
    pub fn word(self) -> &'static str {
        match self {
            Dialect::Native => "native",
            Dialect::Torchvision => "torchvision",
            Dialect::Timm => "timm",
            Dialect::Akamaster => "akamaster",
            Dialect::Transformers => "transformers",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} names", self.dialect)?;
        if self.choice == Choice::Given {
            f.write_str(" as told")?;
        }
        if self.prefix.is_empty() { Ok(()) } else { write!(f, " behind {:?}", self.prefix) }
    }
}
