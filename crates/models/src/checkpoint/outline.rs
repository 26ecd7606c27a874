//! `Outline`: the facts about a network that names and shapes show, taken from a file or from a [`Spec`], so
//! that the two can be compared.

use resnet_blocks::{Branch, NormKind, ShapeChange};

use super::Checkpoint;
use super::landmarks::Landmarks;
use crate::spec::{Family, Spec, StemLayers};
use resnet_checkpoint::clip;

/// The words by which the registry tells networks of one depth apart: units, then shortcuts where the shape
/// changes. It decides what a name without them stands for.
static UNITS: [&str; 4] = ["", "-basic", "-bottleneck", "-one-layer"];
static SHORTCUTS: [&str; 3] = ["", "-a", "-b"];
/// Channels of the first stage of CIFAR networks that are not wide.
const NARROW: usize = 16;

/// What names and shapes show of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    family: Family,
    pub(super) stem: StemLayers,
    stem_outputs: usize,
    /// Units of each stage.
    pub(super) units: Vec<usize>,
    /// Convolutions of a unit's branch.
    layers: usize,
    /// Channels in the first unit.
    width: usize,
    pub(super) outputs: usize,
    shortcut: Shortcut,
    group_norm: bool,
}

/// A shortcut where the shape changes, as far as names show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortcut {
    /// Without parameters.
    Free,
    /// A projection; in v2 any, since v2's names do not show whether it is pooled.
    Projection,
    /// A projection behind pooling, in v1.
    PooledProjection,
}

impl Outline {
    /// The outline of a network.
    pub(super) fn of_spec(spec: &Spec) -> Self {
        let units = spec.units();
        let changes = units.iter().any(|(_, unit)| unit.changes_shape());
        let first = spec.stages.first();
        Outline {
            family: spec.family(),
            stem: spec.stem.layers,
            stem_outputs: spec.stem.out_channels,
            units: spec.stages.iter().map(|stage| stage.units).collect(),
            layers: match spec.branch {
                Branch::OneLayer => 1,
                Branch::Basic => 2,
                Branch::Bottleneck(_) => 3,
            },
            width: first.map_or(0, |stage| stage.width),
            outputs: first.map_or(0, |stage| stage.out_channels),
            shortcut: match (spec.shape_change, spec.family()) {
                _ if !changes => Shortcut::Free,
                (ShapeChange::ZeroPadding, _) => Shortcut::Free,
                (ShapeChange::PooledProjection, Family::V1) => Shortcut::PooledProjection,
                (ShapeChange::PooledProjection | ShapeChange::Projection, _) => Shortcut::Projection,
            },
            group_norm: matches!(spec.norm, NormKind::Group(_)),
        }
    }

    /// The outline of a file, or why it has none.
    pub(super) fn of(file: &Checkpoint, landmarks: &Landmarks) -> Result<Self, String> {
        let (stem, stem_outputs) = stem(file, landmarks)?;
        let mut units = vec![];
        for (index, prefix) in landmarks.stages.iter().enumerate() {
            units.push(file.units(prefix).map_err(|gap| format!("stage {} lacks unit {gap}", index + 1))?);
        }
        if stem == StemLayers::Conv3x3 {
            let first = units[0];
            if units != [first, first, first, 0] || first == 0 {
                return Err(format!(
                    "its stages have {units:?} units, and the networks for small images here have three equal stages"
                ));
            }
            units.pop();
        }
        let first = format!("{}0.", landmarks.stages[0]);
        let has = |layer: &usize| file.has(&format!("{first}conv{layer}.weight"));
        let layers = [3, 2].into_iter().find(has).unwrap_or(1);
        let any = |matches: &dyn Fn(&str) -> bool| file.tensors.keys().any(|name| matches(name));
        let shortcut = if !any(&|name| name.contains(".downsample.")) {
            Shortcut::Free
        } else if any(&|name| name.ends_with(".downsample.2.weight")) {
            Shortcut::PooledProjection
        } else {
            Shortcut::Projection
        };
        Ok(Outline {
            family: landmarks.family,
            stem,
            stem_outputs,
            units,
            layers,
            width: filters(file, &format!("{first}conv1.weight"))?.0,
            outputs: filters(file, &format!("{first}conv{layers}.weight"))?.0,
            shortcut,
            group_norm: !any(&|name| name.ends_with(".running_mean")),
        })
    }

    /// The registry's names for CIFAR networks of this depth and width.
    pub(super) fn cifar_names(&self) -> Vec<String> {
        let units = self.units[0];
        let depth = units * 3 * self.layers + 2;
        let family = match self.family {
            Family::V1 => "v1",
            Family::V2 => "v2",
        };
        let wide = match self.width / NARROW {
            0 | 1 => String::new(),
            factor => format!("-wide-by-{factor}"),
        };
        let named =
            |units: &str| SHORTCUTS.map(|shortcut| format!("resnet{depth}-{family}{units}{wide}{shortcut}"));
        UNITS.iter().flat_map(|units| named(units)).collect()
    }
}

/// The stem's convolutions and its output channels.
fn stem(file: &Checkpoint, landmarks: &Landmarks) -> Result<(StemLayers, usize), String> {
    let [single, deep @ ..] = landmarks.stem;
    if file.has(single) {
        return match filters(file, single)? {
            (outputs, 3) => Ok((StemLayers::Conv3x3, outputs)),
            (outputs, 7) => Ok((StemLayers::Conv7x7, outputs)),
            (_, kernel) => {
                Err(format!("{single} is {kernel}x{kernel}, and stems here have 3x3 or 7x7 filters"))
            }
        };
    }
    if !file.has(deep[0]) {
        return Err(format!("it has neither {single} nor {}", deep[0]));
    }
    let mut widths = [0; 3];
    for (width, name) in widths.iter_mut().zip(deep) {
        *width = filters(file, name)?.0;
    }
    let [first, second, outputs] = widths;
    Ok((StemLayers::Deep([first, second]), outputs))
}

/// Number and side of a convolution's filters.
fn filters(file: &Checkpoint, name: &str) -> Result<(usize, usize), String> {
    match file.tensors.get(name).map(|array| array.shape.as_slice()) {
        Some([outputs, _, kernel, width]) if kernel == width => Ok((*outputs, *kernel)),
        Some(other) => {
            Err(format!("{name} is {}, and should be [out, in, k, k]", clip(&format!("{other:?}"), 60)))
        }
        None => Err(format!("it has no {name}")),
    }
}
