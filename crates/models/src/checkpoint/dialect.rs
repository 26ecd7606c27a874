//! Dialects: what others call the same parameters, as data.
//!
//! | dialect | whose | here |
//! |---|---|---|
//! | native | this project's: torchvision's names for v1, timm's for v2 | read, written |
//! | torchvision | `conv1`, `bn1`, `layer1.0.conv1`, `downsample.0`, `fc` | read; written for v1 |
//! | timm | v1 as torchvision; v2 `stem.conv`, `stages.0.blocks.0.norm1`, `downsample.conv`, `norm`, `head.fc` | read, written |
//! | akamaster | torchvision's with `linear` for `fc` and `shortcut` for `downsample` | read |
//! | transformers | `resnet.embedder.embedder.convolution`, ... | recognised, refused |
//!
//! A wrapper's prefix (`module.` of DataParallel, `_orig_mod.` of torch.compile) is taken off whatever the dialect, if
//! all names have it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::Error;
use crate::spec::Family;

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
    /// What stood before every name and was taken off.
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

/// What wrappers put before every name.
static WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// One dialect.
struct Row {
    dialect: Dialect,
    /// Its word on the command line.
    word: &'static str,
    /// A name that starts with one of these shows the dialect ...
    signs: &'static [&'static str],
    /// ... unless a name starts with one of these.
    unless: &'static [&'static str],
    /// Parts of a name between dots, theirs and ours.
    parts: &'static [(&'static str, &'static str)],
}

/// In the order in which they are looked for; the first one whose signs are there is it.
static ROWS: [Row; 5] = [
    Row {
        dialect: Dialect::Transformers,
        word: "transformers",
        signs: &["resnet.embedder.", "resnet.encoder.", "embedder.embedder."],
        unless: &[],
        parts: &[],
    },
    Row { dialect: Dialect::Timm, word: "timm", signs: &["stem.", "stages."], unless: &[], parts: &[] },
    Row {
        dialect: Dialect::Akamaster,
        word: "akamaster",
        signs: &["linear."],
        unless: &["fc."],
        parts: &[("linear", "fc"), ("shortcut", "downsample")],
    },
    Row {
        dialect: Dialect::Torchvision,
        word: "torchvision",
        signs: &["layer1.", "conv1.", "fc."],
        unless: &[],
        parts: &[],
    },
    Row { dialect: Dialect::Native, word: "native", signs: &[""], unless: &[], parts: &[] },
];

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 5] =
        [Dialect::Native, Dialect::Torchvision, Dialect::Timm, Dialect::Akamaster, Dialect::Transformers];

    fn row(self) -> &'static Row {
        // Every dialect has a row, as a test sees; native's, which renames nothing, is the last.
        ROWS.iter().find(|row| row.dialect == self).unwrap_or(&ROWS[ROWS.len() - 1])
    }

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    fn detect<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let any =
            |starts: &[&str]| names.clone().any(|name| starts.iter().any(|start| name.starts_with(start)));
        let shown = ROWS.iter().find(|row| any(row.signs) && !any(row.unless));
        shown.map_or(Dialect::Native, |row| row.dialect)
    }

    /// Our name for a parameter that this dialect calls `name`.
    fn native(self, name: &str) -> String {
        let parts = self.row().parts;
        let renamed = name.split('.').map(|part| match parts.iter().find(|(theirs, _)| *theirs == part) {
            Some((_, ours)) => ours,
            None => part,
        });
        renamed.collect::<Vec<_>>().join(".")
    }

    /// Whether a network of `family`, called `model`, can be written with these names. Where it can, they are the
    /// native ones.
    ///
    /// # Errors
    /// If this dialect has no names for such a network, or is only read.
    pub fn check_export(self, family: Family, model: &str) -> Result<(), Error> {
        let cause = match (self, family) {
            (Dialect::Native | Dialect::Timm, _) | (Dialect::Torchvision, Family::V1) => return Ok(()),
            (Dialect::Torchvision, Family::V2) => {
                "torchvision has no pre-activation network, so it has no names for one; use native or timm"
            }
            (Dialect::Akamaster, _) => "this dialect is only read; use native",
            (Dialect::Transformers, _) => "this dialect is not written yet; use native",
        };
        Err(Error::UnwrittenDialect { model: model.to_owned(), dialect: self, cause })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let row = ROWS.iter().find(|row| row.word == word);
        row.map(|row| row.dialect).ok_or_else(|| Error::UnknownDialect(word.to_owned()))
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

/// Gives tensors their native names.
pub(super) fn translate<T>(
    path: &Path,
    tensors: BTreeMap<String, T>,
    given: Option<Dialect>,
) -> Result<(BTreeMap<String, T>, Naming), Error> {
    let prefix = prefix(tensors.keys());
    let plain = tensors.keys().map(|name| &name[prefix.len()..]);
    let (dialect, choice) = match given {
        Some(dialect) => (dialect, Choice::Given),
        None => (Dialect::detect(plain), Choice::Detected),
    };
    if dialect == Dialect::Transformers {
        return Err(Error::UnreadDialect { path: path.to_owned(), dialect });
    }
    let mut native: BTreeMap<String, (String, T)> = BTreeMap::new();
    for (name, tensor) in tensors {
        let ours = dialect.native(&name[prefix.len()..]);
        if let Some((first, _)) = native.get(&ours) {
            let (path, first) = (path.to_owned(), super::error::clip(first, 80));
            return Err(Error::Clash { path, first, second: super::error::clip(&name, 80), dialect });
        }
        native.insert(ours, (name, tensor));
    }
    let tensors = native.into_iter().map(|(name, (_, tensor))| (name, tensor)).collect();
    Ok((tensors, Naming { dialect, choice, prefix }))
}

/// The wrappers that all names are in, the outermost first.
fn prefix<'a>(names: impl Iterator<Item = &'a String> + Clone) -> String {
    let mut prefix = String::new();
    // The shortest name bounds the prefix; without names there is none.
    let shortest = names.clone().map(String::len).min().unwrap_or(0);
    while prefix.len() < shortest {
        let within = |wrapper: &&str| names.clone().all(|name| name[prefix.len()..].starts_with(*wrapper));
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| within(wrapper)) else { break };
        prefix.push_str(wrapper);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<(Vec<String>, Naming), Error> {
        let tensors = names.iter().map(|name| ((*name).to_owned(), ())).collect();
        let (tensors, naming) = translate(Path::new("f"), tensors, None)?;
        Ok((tensors.into_keys().collect(), naming))
    }

    #[test]
    fn every_dialect_has_its_row_and_its_word() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.row().dialect, dialect);
            assert_eq!(dialect.word().parse::<Dialect>().unwrap(), dialect);
        }
        let message = "Timm".parse::<Dialect>().unwrap_err().to_string();
        assert!(Dialect::ALL.iter().all(|dialect| message.contains(dialect.word())), "{message}");
    }

    #[test]
    fn wrappers_are_taken_off_where_all_names_have_them() {
        let (ours, naming) =
            names(&["module._orig_mod.conv1.weight", "module._orig_mod.linear.bias"]).unwrap();
        assert_eq!(ours, ["conv1.weight", "fc.bias"]);
        assert_eq!(naming.to_string(), "akamaster names behind \"module._orig_mod.\"");
        let (ours, naming) = names(&["module.conv1.weight", "fc.bias"]).unwrap();
        assert_eq!(ours, ["fc.bias", "module.conv1.weight"]);
        assert_eq!(naming.prefix, "");
        assert_eq!(names(&[]).unwrap().1.dialect, Dialect::Native);
        assert_eq!(names(&["module."]).unwrap().0, [""]);
    }

    #[test]
    fn names_show_the_dialect() {
        let rows: [(&[&str], Dialect); 5] = [
            (&["stages.0.blocks.0.norm1.weight"], Dialect::Timm),
            (&["layer1.0.conv1.weight", "fc.weight"], Dialect::Torchvision),
            (&["layer1.0.conv1.weight", "linear.weight"], Dialect::Akamaster),
            (&["fc.weight", "linear.weight"], Dialect::Torchvision),
            (&["embeddings.word"], Dialect::Native),
        ];
        resnet_testing::table::run(&rows, |(given, expected)| match names(given) {
            Ok((_, naming)) if naming.dialect == *expected => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let hugging = names(&["resnet.embedder.embedder.convolution.weight"]);
        assert!(matches!(hugging, Err(Error::UnreadDialect { .. })));
    }

    #[test]
    fn two_names_for_one_parameter_clash() {
        let clash = names(&["linear.weight", "layer1.0.downsample.0.weight", "layer1.0.shortcut.0.weight"]);
        let message = clash.unwrap_err().to_string();
        assert!(message.contains("downsample.0.weight and layer1.0.shortcut.0.weight are one"), "{message}");
    }

    #[test]
    fn exports_that_have_names() {
        let can = |dialect: Dialect, family| dialect.check_export(family, "resnet20").is_ok();
        let v1: Vec<_> = Dialect::ALL.into_iter().filter(|dialect| can(*dialect, Family::V1)).collect();
        let v2: Vec<_> = Dialect::ALL.into_iter().filter(|dialect| can(*dialect, Family::V2)).collect();
        assert_eq!(v1, [Dialect::Native, Dialect::Torchvision, Dialect::Timm]);
        assert_eq!(v2, [Dialect::Native, Dialect::Timm]);
    }
}
