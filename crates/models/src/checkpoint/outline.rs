//! `Outline`: the facts about a network that names and shapes show, taken from a file or from a [`Spec`], so
//! that the two can be compared.

use resnet_blocks::{Branch, NormKind, ShapeChange};

use super::Checkpoint;
use super::landmarks::Landmarks;
use crate::spec::{Family, Spec, StemLayers};
use resnet_checkpoint::clip;

/// The suffixes with which the registry names networks of one depth.
static SUFFIXES: [&str; 9] =
    ["", "-a", "-b", "-basic", "-bottleneck", "-basic-a", "-basic-b", "-bottleneck-a", "-bottleneck-b"];

/// What names and shapes show of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    family: Family,
    pub(super) stem: StemLayers,
    stem_outputs: usize,
    /// Units of each stage.
    pub(super) units: Vec<usize>,
    three_layers: bool,
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
            three_layers: matches!(spec.branch, Branch::Bottleneck(_)),
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
        let three_layers = file.has(&format!("{first}conv3.weight"));
        let last = if three_layers { "conv3.weight" } else { "conv2.weight" };
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
            three_layers,
            width: filters(file, &format!("{first}conv1.weight"))?.0,
            outputs: filters(file, &format!("{first}{last}"))?.0,
            shortcut,
            group_norm: !any(&|name| name.ends_with(".running_mean")),
        })
    }

    /// The registry's names for CIFAR networks of this depth.
    pub(super) fn cifar_names(&self) -> Vec<String> {
        let units = self.units[0];
        let depth = units * if self.three_layers { 9 } else { 6 } + 2;
        let family = match self.family {
            Family::V1 => "v1",
            Family::V2 => "v2",
        };
        // The registry decides which combination a plain name stands for.
        SUFFIXES.iter().map(|suffix| format!("resnet{depth}-{family}{suffix}")).collect()
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
