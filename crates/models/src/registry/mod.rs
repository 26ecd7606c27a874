//! Names and the networks behind them.
//!
//! For CIFAR: `resnet{depth}-v{1,2}`, of depth `6n + 2` with two-layer units and option A's shortcut, or
//! `9n + 2` with bottlenecks and projections. Where a depth is both, the published network counts:
//! bottlenecks for 164 and 1001, two layers otherwise; `-basic` or `-bottleneck` chooses the other, and
//! `-one-layer` units of one layer, `3n + 2` in all (table 3). `-a` or `-b` chooses the shortcut where the
//! shape changes.
//!
//! Instead of `v1` or `v2`, a name can have any unit of figures 2 and 4, for table 1 and table 2: `plain` (no
//! shortcut), `constant-scaling` (`-by-0.5-1`: shortcut and branch), `exclusive-gating` and
//! `shortcut-only-gating` (`-bias-6`: a bias of -6), `conv-shortcut`, `dropout-shortcut` (`-by-0.5`),
//! `bn-after-addition`, `relu-before-addition`, `relu-only-preactivation`. An example is
//! `resnet110-exclusive-gating-bias-7`. A shortcut of figure 2 may follow a placement of figure 4, as in
//! `resnet20-v2-conv-shortcut`. `-wide-by-4` multiplies the channels of all units, as in wide residual
//! networks (arXiv 1605.07146), with projections where the shape changes: `resnet14-v2-wide-by-4` is their
//! WRN-16-4, whose depth counts the three projections and not the head.
//!
//! For ImageNet, the papers' own networks: `resnet{depth}-v{1,2}-imagenet` of depth 18, 34, 50, 101, 152 or
//! 200; and timm's names, such as `resnet50` (v1.5: the stride is on the 3x3), `resnet50d`,
//! `wide_resnet50_2`, `resnetv2_50` and `resnetv2_50x1_bit`. A tag after a dot, `resnet50.a1_in1k`, says
//! whose weights are meant and changes nothing here. [`Spec::departures`] tells how a network differs from
//! the papers'.

mod cifar;
mod imagenet;

use crate::spec::Spec;
use imagenet::No;

/// Names that `cargo xtask models` lists: CIFAR networks with published results, and ImageNet's.
pub static NAMES: &[&str] = &[
    "resnet20-v1",
    "resnet32-v1",
    "resnet44-v1",
    "resnet56-v1",
    "resnet110-v1",
    "resnet164-v1",
    "resnet1001-v1",
    "resnet1202-v1",
    "resnet20-v2",
    "resnet32-v2",
    "resnet44-v2",
    "resnet56-v2",
    "resnet110-v2",
    "resnet164-v2",
    "resnet1001-v2",
    "resnet110-plain",
    "resnet110-constant-scaling",
    "resnet110-exclusive-gating",
    "resnet110-shortcut-only-gating",
    "resnet110-conv-shortcut",
    "resnet110-dropout-shortcut",
    "resnet110-bn-after-addition",
    "resnet164-bn-after-addition",
    "resnet110-relu-before-addition",
    "resnet164-relu-before-addition",
    "resnet110-relu-only-preactivation",
    "resnet164-relu-only-preactivation",
    "resnet110-v1-one-layer",
    "resnet110-v2-one-layer",
    "resnet18-v1-imagenet",
    "resnet34-v1-imagenet",
    "resnet50-v1-imagenet",
    "resnet101-v1-imagenet",
    "resnet152-v1-imagenet",
    "resnet200-v1-imagenet",
    "resnet18-v2-imagenet",
    "resnet34-v2-imagenet",
    "resnet50-v2-imagenet",
    "resnet101-v2-imagenet",
    "resnet152-v2-imagenet",
    "resnet200-v2-imagenet",
    "resnet101-bn-after-addition-imagenet",
    "resnet10t",
    "resnet14t",
    "resnet18",
    "resnet18d",
    "resnet26",
    "resnet26d",
    "resnet26t",
    "resnet34",
    "resnet34d",
    "resnet50",
    "resnet50_gn",
    "resnet50c",
    "resnet50d",
    "resnet50s",
    "resnet50t",
    "resnet101",
    "resnet101c",
    "resnet101d",
    "resnet101s",
    "resnet152",
    "resnet152c",
    "resnet152d",
    "resnet152s",
    "resnet200",
    "resnet200d",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "resnetv2_18",
    "resnetv2_18d",
    "resnetv2_34",
    "resnetv2_34d",
    "resnetv2_50",
    "resnetv2_50d",
    "resnetv2_50d_gn",
    "resnetv2_50t",
    "resnetv2_101",
    "resnetv2_101d",
    "resnetv2_152",
    "resnetv2_152d",
    "resnetv2_200",
    "resnetv2_50x1_bit",
    "resnetv2_50x3_bit",
    "resnetv2_101x1_bit",
    "resnetv2_101x3_bit",
    "resnetv2_152x2_bit",
    "resnetv2_152x4_bit",
];

/// Deepest network the registry builds: 6n + 2 with a published precedent is 1202; ten times that is a typing
/// error.
const DEEPEST: usize = 12_002;

/// Why a name is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name has another form.
    #[error("there is no network {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar name in the list.
        nearest: String,
    },
    /// No such depth.
    #[error(
        "{name:?}: a CIFAR ResNet has 6n + 2 layers (20, 32, 44, 56, 110, ...), 9n + 2 with bottlenecks (164, 1001, ...) or 3n + 2 with units of one layer, at most {DEEPEST}, not {depth}"
    )]
    Depth {
        /// What was asked for.
        name: String,
        /// The depth in it.
        depth: usize,
    },
    /// A network of timm's that is not built here.
    #[error("{name:?} is not built here: {why}")]
    Refused {
        /// What was asked for.
        name: String,
        /// What sets it apart.
        why: &'static str,
    },
    /// A network needs at least one class.
    #[error("{name:?} needs at least one class")]
    Classes {
        /// What was asked for.
        name: String,
    },
}

/// The network called `name`, for `classes` classes.
///
/// ```
/// use resnet_models::registry;
/// assert_eq!(registry::find("resnet164-v2", 10)?.stages[0].units, 18);
/// assert_eq!(registry::find("resnet50.a1_in1k", 1000)?.name, "resnet50");
/// assert!(registry::find("resnet21-v2", 10).unwrap_err().to_string().contains("6n + 2"));
/// assert!(registry::find("resnet20v2", 10).unwrap_err().to_string().contains("\"resnet20-v2\""));
/// # Ok::<(), registry::Error>(())
/// ```
///
/// # Errors
/// If the name has another form than the module says, the depth does not exist, the network is one of timm's
/// that is not built here, or `classes` is 0.
pub fn find(name: &str, classes: usize) -> Result<Spec, Error> {
    if classes == 0 {
        return Err(Error::Classes { name: name.to_owned() });
    }
    match imagenet::find(name, classes) {
        Ok(spec) => Ok(spec),
        Err(No::Refused(why)) => Err(Error::Refused { name: name.to_owned(), why }),
        Err(No::Unknown) => cifar::find(name, classes),
    }
}

/// The default number of classes of the network called `name`: 1000 for a network for ImageNet, or as many as
/// the weights that its tag names were trained on; 10 for every other name.
pub fn usual_classes(name: &str) -> usize {
    imagenet::usual_classes(name).unwrap_or(10)
}

/// The listed names of ImageNet networks, timm's before the papers'.
pub(crate) fn imagenet_names() -> impl Iterator<Item = &'static str> {
    let of = |papers: bool| {
        NAMES.iter().copied().filter(move |name| {
            name.ends_with("-imagenet") == papers && (papers || imagenet::find(name, 1).is_ok())
        })
    };
    of(false).chain(of(true))
}

fn unknown(name: &str) -> Error {
    Error::Unknown { name: name.to_owned(), nearest: nearest(name).to_owned() }
}

/// The name in the list with the smallest edit distance.
pub(crate) fn nearest(name: &str) -> &'static str {
    // Names are short; a longer one is judged by its start.
    let name: String = name.chars().take(64).collect();
    NAMES.iter().copied().min_by_key(|known| edit_distance(&name, known)).unwrap_or(NAMES[0])
}

/// Levenshtein's distance.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use resnet_blocks::ShapeChange;

    use super::*;

    #[test]
    fn every_listed_name_is_found_and_suffixes_choose() {
        for name in NAMES.iter().copied() {
            assert_eq!(find(name, 10).unwrap().name, name);
        }
        assert_eq!(find("resnet20-v2", 10).unwrap().shape_change, ShapeChange::ZeroPadding);
        assert_eq!(find("resnet20-v2-b", 10).unwrap().shape_change, ShapeChange::Projection);
        assert_eq!(find("resnet164-v2", 10).unwrap().shape_change, ShapeChange::Projection);
        assert_eq!(find("resnet164-v2-basic", 10).unwrap().stages[0].units, 27);
        assert_eq!(find("resnet20-v1-bottleneck-a", 10).unwrap().stages[0].units, 2);
        assert_eq!(find("resnet29-v2", 10).unwrap().stages[2].out_channels, 256);
    }

    #[test]
    fn other_names_get_a_sentence() {
        for name in [
            "",
            "resnet",
            "resnet-v2",
            "resnet20",
            "resnet20-v3",
            "resnet20-v2-c",
            "resnet20-v2-imagenet",
            "resnet51",
            "resnet50.",
            "wide_resnet18_2",
            "resnetv2_26",
            "resnet20-v2-a-b",
            "resnet+20-v2",
            "vgg16",
        ] {
            assert!(matches!(find(name, 10), Err(Error::Unknown { .. })), "{name:?}");
        }
        for name in ["resnet2-v2", "resnet21-v2", "resnet1001-v2-basic", "resnet99999999998-v1", "resnet1-v1"]
        {
            assert!(matches!(find(name, 10), Err(Error::Depth { .. })), "{name:?}");
        }
        assert!(find("resnet20-v2", 0).is_err());
        assert_eq!(nearest("restnet110v2"), "resnet110-v2");
    }
}
