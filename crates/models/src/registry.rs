//! Names and the networks behind them.
//!
//! CIFAR networks are `resnet{depth}-v{1,2}`, of depth `6n + 2` with two-layer units and option A's shortcut, or `9n + 2`
//! with bottlenecks and projections. Where a depth is both, the published network counts: bottlenecks for 164 and 1001,
//! two layers otherwise; `-basic` or `-bottleneck` chooses the other. `-a` or `-b` chooses the shortcut.

use resnet_blocks::{Branch, ShapeChange, StridePlace};

use crate::spec::{Family, Spec, Stage};

/// Networks with published results, as `models` lists them.
pub const NAMES: [&str; 15] = [
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
];

/// Deepest network the registry builds: 6n + 2 with a published precedent is 1202; ten times that is a typing error.
const DEEPEST: usize = 12_002;

/// Why a name is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name has another form.
    #[error("there is no network {name:?}; did you mean {nearest:?}? `cargo xtask models` lists the names")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar name in the list.
        nearest: String,
    },
    /// No such depth.
    #[error(
        "{name:?}: a CIFAR ResNet has 6n + 2 layers (20, 32, 44, 56, 110, ...) or 9n + 2 with bottlenecks (164, 1001, ...), at most {DEEPEST}, not {depth}"
    )]
    Depth {
        /// What was asked for.
        name: String,
        /// The depth in it.
        depth: usize,
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
/// assert!(registry::find("resnet21-v2", 10).unwrap_err().to_string().contains("6n + 2"));
/// assert!(registry::find("resnet20v2", 10).unwrap_err().to_string().contains("\"resnet20-v2\""));
/// # Ok::<(), registry::Error>(())
/// ```
///
/// # Errors
/// If the name has another form than the module says, or the depth doesn't exist.
pub fn find(name: &str, classes: usize) -> Result<Spec, Error> {
    let unknown = || Error::Unknown { name: name.to_owned(), nearest: nearest(name).to_owned() };
    let mut parts = name.split('-');
    let depth = parts
        .next()
        .and_then(|part| part.strip_prefix("resnet"))
        .filter(|digits| !digits.starts_with(['0', '+']));
    let depth: usize = depth.and_then(|digits| digits.parse().ok()).ok_or_else(unknown)?;
    let family = match parts.next() {
        Some("v1") => Family::V1,
        Some("v2") => Family::V2,
        _ => return Err(unknown()),
    };
    let (mut bottleneck, mut shape_change) = (None, None);
    for part in parts {
        let fresh = match part {
            "basic" => bottleneck.replace(false).is_none(),
            "bottleneck" => bottleneck.replace(true).is_none(),
            "a" => shape_change.replace(ShapeChange::ZeroPadding).is_none(),
            "b" => shape_change.replace(ShapeChange::Projection).is_none(),
            _ => false,
        };
        if !fresh {
            return Err(unknown());
        }
    }
    if classes == 0 {
        return Err(Error::Classes { name: name.to_owned() });
    }
    let (basic_units, bottleneck_units) = (units(depth, 6), units(depth, 9));
    let published_bottleneck = matches!(depth, 164 | 1001);
    let bottleneck = bottleneck.unwrap_or(published_bottleneck || basic_units.is_none());
    let units = if bottleneck { bottleneck_units } else { basic_units };
    let units = units.ok_or_else(|| Error::Depth { name: name.to_owned(), depth })?;
    let branch = if bottleneck { Branch::Bottleneck(StridePlace::First1x1) } else { Branch::Basic };
    let default = if bottleneck { ShapeChange::Projection } else { ShapeChange::ZeroPadding };
    let stage = |width: usize, stride| Stage { units, outputs: width * branch.expansion(), stride };
    Ok(Spec {
        name: name.to_owned(),
        family,
        input: [3, 32, 32],
        stem: 16,
        stages: vec![stage(16, 1), stage(32, 2), stage(64, 2)],
        branch,
        shape_change: shape_change.unwrap_or(default),
        classes,
    })
}

/// Units a stage of a network of `depth` layers: `per_unit` layers over three stages, and two more.
fn units(depth: usize, per_unit: usize) -> Option<usize> {
    let layers = depth.checked_sub(2).filter(|layers| *layers > 0 && depth <= DEEPEST)?;
    layers.is_multiple_of(per_unit).then_some(layers / per_unit)
}

/// The name in the list with the smallest edit distance.
pub(crate) fn nearest(name: &str) -> &'static str {
    // Names are short; a longer one is judged by its start.
    let name: String = name.chars().take(64).collect();
    NAMES.into_iter().min_by_key(|known| edit_distance(&name, known)).unwrap_or(NAMES[0])
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
    use super::*;

    #[test]
    fn every_listed_name_is_found_and_suffixes_choose() {
        for name in NAMES {
            assert_eq!(find(name, 10).unwrap().name, name);
        }
        assert_eq!(find("resnet20-v2", 10).unwrap().shape_change, ShapeChange::ZeroPadding);
        assert_eq!(find("resnet20-v2-b", 10).unwrap().shape_change, ShapeChange::Projection);
        assert_eq!(find("resnet164-v2", 10).unwrap().shape_change, ShapeChange::Projection);
        assert_eq!(find("resnet164-v2-basic", 10).unwrap().stages[0].units, 27);
        assert_eq!(find("resnet20-v1-bottleneck-a", 10).unwrap().stages[0].units, 2);
        assert_eq!(find("resnet29-v2", 10).unwrap().stages[2].outputs, 256);
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
