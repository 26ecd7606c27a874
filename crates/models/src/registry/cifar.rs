//! The networks for CIFAR: names of the form `resnet{depth}-v{1,2}[-basic|-bottleneck][-a|-b]` (appendix).

use resnet_blocks::{Branch, Filters, Norm, ShapeChange, Split, StridePlace};

use super::{DEEPEST, Error, unknown};
use crate::spec::{Family, Head, Spec, Stage, Stem, StemLayers, StemPool};

/// The network called `name`.
pub(super) fn find(name: &str, classes: usize) -> Result<Spec, Error> {
    let unknown = || unknown(name);
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
    let (basic_units, bottleneck_units) = (units(depth, 6), units(depth, 9));
    let published_bottleneck = matches!(depth, 164 | 1001);
    let bottleneck = bottleneck.unwrap_or(published_bottleneck || basic_units.is_none());
    let units = if bottleneck { bottleneck_units } else { basic_units };
    let units = units.ok_or_else(|| Error::Depth { name: name.to_owned(), depth })?;
    let branch = if bottleneck { Branch::Bottleneck(StridePlace::First1x1) } else { Branch::Basic };
    let default = if bottleneck { ShapeChange::Projection } else { ShapeChange::ZeroPadding };
    let stage = |width: usize, stride| Stage { units, width, outputs: width * branch.expansion(), stride };
    Ok(Spec {
        name: name.to_owned(),
        family,
        input: [3, 32, 32],
        stem: Stem { layers: StemLayers::Conv3x3, outputs: 16, pool: StemPool::None },
        stages: vec![stage(16, 1), stage(32, 2), stage(64, 2)],
        branch,
        shape_change: shape_change.unwrap_or(default),
        first_unit: Split::AfterActivation,
        norm: Norm::Batch,
        filters: Filters::Plain,
        head: Head::Linear,
        classes,
    })
}

/// Units a stage of a network of `depth` layers: `per_unit` layers over three stages, and two more.
fn units(depth: usize, per_unit: usize) -> Option<usize> {
    let layers = depth.checked_sub(2).filter(|layers| *layers > 0 && depth <= DEEPEST)?;
    layers.is_multiple_of(per_unit).then_some(layers / per_unit)
}
