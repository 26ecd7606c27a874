//! Dialects: other projects' names for the same parameters, as data. The table of [`Dialect`] says which
//! names these are.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use resnet_blocks::{Branch, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace};

use super::naming::{Choice, Dialect, Naming};
use super::rename::rename;
use super::{Error, ReadOptions, prefix};
use crate::spec::{Family, Spec, StemLayers};
use resnet_checkpoint::clip;

/// One dialect.
struct Row {
    dialect: Dialect,
    /// A name that begins with one of these shows the dialect ...
    signs: &'static [&'static str],
    /// ... unless some name begins with one of these.
    unless: &'static [&'static str],
    /// The prefix that is left out in a file with only a part of the network.
    implied: &'static str,
    /// Beginnings of names, theirs and ours, as [`rename`] reads them.
    places: &'static [(&'static str, &'static str)],
}

/// A dialect with this project's names.
const SAME: Row = Row { dialect: Dialect::Native, signs: &[""], unless: &[], implied: "", places: &[] };

/// In the order of detection: the first dialect whose signs are found is chosen.
static ROWS: [Row; 5] = [
    Row {
        dialect: Dialect::Transformers,
        signs: &["resnet.embedder.", "resnet.encoder.", "embedder.embedder."],
        unless: &[],
        implied: "resnet.",
        places: &[
            ("resnet.embedder.embedder.convolution", "conv1"),
            ("resnet.embedder.embedder.normalization", "bn1"),
            ("resnet.encoder.stages.{s}.layers.{u}.layer.{k}.convolution", "layer{s+1}.{u}.conv{k+1}"),
            ("resnet.encoder.stages.{s}.layers.{u}.layer.{k}.normalization", "layer{s+1}.{u}.bn{k+1}"),
            ("resnet.encoder.stages.{s}.layers.{u}.shortcut.convolution", "layer{s+1}.{u}.downsample.0"),
            ("resnet.encoder.stages.{s}.layers.{u}.shortcut.normalization", "layer{s+1}.{u}.downsample.1"),
            ("classifier.1", "fc"),
        ],
    },
    Row { dialect: Dialect::Timm, signs: &["stem.", "stages."], ..SAME },
    Row {
        dialect: Dialect::Akamaster,
        signs: &["linear."],
        unless: &["fc."],
        places: &[("linear", "fc"), ("layer{s}.{u}.shortcut", "layer{s}.{u}.downsample")],
        ..SAME
    },
    Row { dialect: Dialect::Torchvision, signs: &["layer1.", "conv1.", "fc."], ..SAME },
    SAME,
];

impl Dialect {
    fn row(self) -> &'static Row {
        // A test checks that every dialect has a row; the last one, native's, renames nothing.
        ROWS.iter().find(|row| row.dialect == self).unwrap_or(&ROWS[ROWS.len() - 1])
    }

    fn detect<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let any =
            |starts: &[&str]| names.clone().any(|name| starts.iter().any(|start| name.starts_with(start)));
        let shown = ROWS.iter().find(|row| any(row.signs) && !any(row.unless));
        shown.map_or(Dialect::Native, |row| row.dialect)
    }

    /// Our name for a parameter that this dialect calls `name`.
    fn native(self, name: &str) -> String {
        let Row { implied, places, .. } = self.row();
        let known = |name: &str| places.iter().find_map(|(theirs, ours)| rename(name, theirs, ours));
        known(name).or_else(|| known(&format!("{implied}{name}"))).unwrap_or_else(|| name.to_owned())
    }

    /// This dialect's name for a parameter that we call `name`.
    pub fn foreign(self, name: &str) -> String {
        let places = self.row().places.iter();
        let mut known = places.filter_map(|(theirs, ours)| rename(name, ours, theirs));
        known.next().unwrap_or_else(|| name.to_owned())
    }

    /// Checks that the project whose names these are can load the network.
    ///
    /// # Errors
    /// If that project has no such network.
    pub fn check_export(self, spec: &Spec) -> Result<(), Error> {
        let small = spec.stem.layers == StemLayers::Conv3x3;
        let usual = spec.shortcut == Shortcut::Identity
            && matches!(spec.placement, Placement::Original | Placement::FullPreActivation)
            && spec.branch != Branch::OneLayer;
        let plain_v1 = usual
            && spec.family() == Family::V1
            && !matches!(spec.stem.layers, StemLayers::Deep(_))
            && spec.shape_change != ShapeChange::PooledProjection
            && spec.norm == NormKind::Batch;
        let projects = spec.shape_change == ShapeChange::Projection;
        // No name or shape shows where a stride is, so such a file would load and nobody would notice.
        let strides_first = spec.branch == Branch::Bottleneck(StridePlace::First1x1);
        // Nor where the first identity shortcut starts.
        let starts_activated = spec.family() == Family::V2
            && !small
            && spec.first_unit == ShortcutInput::Activated
            && spec.units().first().is_some_and(|(_, unit)| !unit.changes_shape());
        let expansion = spec.branch.expansion();
        let is_wide = spec.stages.iter().any(|stage| stage.width * expansion != stage.out_channels);
        let (writable, cause) = match self {
            Dialect::Native => (true, ""),
            Dialect::Torchvision if spec.family() == Family::V2 => (
                false,
                "torchvision has no pre-activation network, so it has no names for one; use native or timm",
            ),
            Dialect::Timm | Dialect::Torchvision if strides_first => (
                false,
                "its bottlenecks have their stride on the first 1x1 and those of torchvision and timm on the 3x3, so \
                 they would load it and compute something else; use native",
            ),
            Dialect::Timm if starts_activated => (
                false,
                "its first shortcut starts after the activation and that of timm's v2 networks before it, so timm \
                 would load it and compute something else; use native",
            ),
            Dialect::Timm => (usual, "timm has none of figure 2's and 4's other units; use native"),
            Dialect::Torchvision => (
                plain_v1,
                "torchvision has no network with such a stem, shortcut or norm; use native or timm",
            ),
            Dialect::Akamaster => {
                (plain_v1 && small, "these names are of v1 networks for CIFAR; use native or timm")
            }
            Dialect::Transformers if is_wide => (
                false,
                "the inner layers of transformers' bottlenecks are a quarter as wide as their output, and these are \
                 wider; use native or timm",
            ),
            Dialect::Transformers => (
                plain_v1 && !small && projects,
                "transformers has v1 networks with ImageNet's 7x7 stem only; use native or timm",
            ),
        };
        if writable {
            return Ok(());
        }
        Err(Error::UnwrittenDialect { model: spec.name.clone(), dialect: self, cause })
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let named = Dialect::ALL.into_iter().find(|dialect| dialect.word() == word);
        named.ok_or_else(|| Error::UnknownDialect(word.to_owned()))
    }
}

/// Renames tensors to this project's names.
pub(super) fn translate<T>(
    path: &Path,
    tensors: BTreeMap<String, T>,
    options: &ReadOptions,
) -> Result<(BTreeMap<String, T>, Naming), Error> {
    let names = tensors.keys().map(String::as_str);
    let prefix = match &options.prefix {
        Some(given) => prefix::given(given, names.clone()).ok_or_else(|| Error::PrefixNotThere {
            path: path.to_owned(),
            prefix: clip(given, 80),
            names: names.clone().take(3).map(|name| clip(name, 80)).collect(),
        })?,
        None => prefix::find(names.clone()).map_err(|prefixes| Error::SeveralPrefixes {
            path: path.to_owned(),
            prefixes: prefixes.iter().map(|prefix| clip(prefix, 80)).collect(),
        })?,
    };
    let start = |name: &str| if name.starts_with(&prefix) { prefix.len() } else { 0 };
    let (dialect, choice) = match options.dialect {
        Some(dialect) => (dialect, Choice::Given),
        None => (Dialect::detect(names.map(|name| &name[start(name)..])), Choice::Detected),
    };
    let mut native: BTreeMap<String, (String, T)> = BTreeMap::new();
    for (name, tensor) in tensors {
        let ours = dialect.native(&name[start(&name)..]);
        if let Some((first, _)) = native.get(&ours) {
            let (path, first) = (path.to_owned(), clip(first, 80));
            return Err(Error::Clash { path, first, second: clip(&name, 80), dialect });
        }
        native.insert(ours, (name, tensor));
    }
    let tensors = native.into_iter().map(|(name, (_, tensor))| (name, tensor)).collect();
    Ok((tensors, Naming { dialect, choice, prefix }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<(Vec<String>, Naming), Error> {
        let tensors = names.iter().map(|name| ((*name).to_owned(), ())).collect();
        let (tensors, naming) = translate(Path::new("f"), tensors, &ReadOptions::default())?;
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
        let hugging = ["resnet.embedder.embedder.normalization.bias", "embedder.embedder.normalization.bias"];
        for name in hugging {
            let (ours, naming) = names(&[name]).unwrap();
            assert_eq!((ours[0].as_str(), naming.dialect), ("bn1.bias", Dialect::Transformers));
        }
    }

    #[test]
    fn two_names_for_one_parameter_clash() {
        let clash = names(&["linear.weight", "layer1.0.downsample.0.weight", "layer1.0.shortcut.0.weight"]);
        let message = clash.unwrap_err().to_string();
        assert!(message.contains("downsample.0.weight and layer1.0.shortcut.0.weight are one"), "{message}");
    }

    #[test]
    fn each_network_can_be_exported_in_these_dialects() {
        use Dialect::{Akamaster, Native, Timm, Torchvision, Transformers};
        let rows: [(&str, &[Dialect]); 14] = [
            ("resnet20-v1-one-layer", &[Native]),
            ("resnet20-exclusive-gating", &[Native]),
            ("resnet20-v1", &[Native, Torchvision, Timm, Akamaster]),
            ("resnet20-v2", &[Native, Timm]),
            ("resnet50", &[Native, Torchvision, Timm, Transformers]),
            ("resnet50d", &[Native, Timm]),
            ("resnet50_gn", &[Native, Timm]),
            ("resnetv2_50x1_bit", &[Native, Timm]),
            // The papers' bottlenecks have the stride on the first 1x1, torchvision's and timm's on the 3x3.
            ("resnet18-v1-imagenet", &[Native, Torchvision, Timm, Transformers]),
            ("resnet50-v1-imagenet", &[Native, Transformers]),
            ("resnet164-v2", &[Native]),
            // The paper's first shortcut starts after the activation, that of timm's v2 before it.
            ("resnet18-v2-imagenet", &[Native]),
            ("resnetv2_18", &[Native, Timm]),
            ("wide_resnet50_2", &[Native, Torchvision, Timm]),
        ];
        resnet_testing::table::run(&rows, |(name, expected)| {
            let spec = crate::registry::find(name, 10).map_err(|error| error.to_string())?;
            let can = |dialect: &Dialect| dialect.check_export(&spec).is_ok();
            let found: Vec<_> = Dialect::ALL.into_iter().filter(can).collect();
            if found == *expected { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }
}
