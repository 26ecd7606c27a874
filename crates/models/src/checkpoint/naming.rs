//! `Dialect` and `Naming`: whose names a file uses, and how that was found out.

use std::fmt;

/// The naming scheme of the parameters in a file.
///
/// | dialect | whose | here |
/// |---|---|---|
/// | native | this project's: torchvision's names for v1, timm's for v2 | read, written |
/// | torchvision | `conv1`, `bn1`, `layer1.0.conv1`, `downsample.0`, `fc` | read; written for v1 with the stride on the 3x3 |
/// | timm | v1 as torchvision; v2 `stem.conv`, `stages.0.blocks.0.norm1`, `downsample.conv`, `norm`, `head.fc` | read; written with the stride on the 3x3; v2 of two-layer units if its first shortcut starts before the activation |
/// | akamaster | torchvision's with `linear` for `fc` and `shortcut` for `downsample` | read; written for v1 for CIFAR |
/// | transformers | `resnet.embedder.embedder.convolution`, `resnet.encoder.stages.0.layers.0.layer.0.convolution`, `classifier.1`; without `resnet.` in a file of the backbone alone | read; written for v1 for ImageNet with plain stem, shortcut and batch norm, but for wide ones |
///
/// The prefixes of wrappers, such as `module.`, are removed in every dialect; names without the prefix stay
/// as they are.
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

/// How the names in a file were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The dialect.
    pub dialect: Dialect,
    /// How the dialect was chosen.
    pub choice: Choice,
    /// The prefix that was removed from the names.
    pub prefix: String,
}

/// How a dialect was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// By the names.
    Detected,
    /// By the caller.
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
            f.write_str(" as asked for")?;
        }
        if self.prefix.is_empty() { Ok(()) } else { write!(f, " behind {:?}", self.prefix) }
    }
}
