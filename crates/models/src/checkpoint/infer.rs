//! Which network a checkpoint belongs to: by its metadata, or by its names and shapes.

use std::collections::BTreeSet;

use resnet_blocks::{Branch, ShapeChange};

use super::error::clip;
use super::{Checkpoint, Error};
use crate::registry;
use crate::spec::{Family, Spec};

/// What the parameters of a family are called.
struct Landmarks {
    family: Family,
    stem: &'static str,
    head: &'static str,
    /// What stands before a unit's number in the first, second, ... stage.
    stages: [&'static str; 4],
}

static LANDMARKS: [Landmarks; 2] = [
    Landmarks {
        family: Family::V1,
        stem: "conv1.weight",
        head: "fc.weight",
        stages: ["layer1.", "layer2.", "layer3.", "layer4."],
    },
    Landmarks {
        family: Family::V2,
        stem: "stem.conv.weight",
        head: "head.fc.weight",
        stages: ["stages.0.blocks.", "stages.1.blocks.", "stages.2.blocks.", "stages.3.blocks."],
    },
];

/// What may be added to a registry name of one depth.
static SUFFIXES: [&str; 9] =
    ["", "-a", "-b", "-basic", "-bottleneck", "-basic-a", "-basic-b", "-bottleneck-a", "-bottleneck-b"];

impl Checkpoint {
    /// The network that the file belongs to: the one that its metadata names, or else the CIFAR network with such
    /// names and shapes. Whether everything fits is seen by [`Checkpoint::load_into`].
    ///
    /// # Errors
    /// If the metadata is faulty or names an unknown network, or the names are those of no CIFAR network.
    pub fn infer_spec(&self) -> Result<Spec, Error> {
        let metadata = self.metadata()?;
        let unrecognised = |cause| Error::Unrecognised { path: self.path.clone(), cause };
        let spec = match &metadata.model {
            None => self.spec_of_names().map_err(unrecognised)?,
            Some(name) => {
                let classes = self.landmarks().and_then(|landmarks| self.classes(landmarks));
                let classes = classes.map_err(unrecognised)?;
                let unknown = |error| format!("its metadata names a network that is not here ({error})");
                let spec =
                    registry::find(&clip(name, 80), classes).map_err(|error| unrecognised(unknown(error)))?;
                // A name is short and a network may be deep: its memory has to be earned by as many tensors.
                let (units, tensors) = (spec.units().len(), self.tensors.len());
                if tensors < units {
                    let cause = format!(
                        "its metadata names {} of {units} units, and it has {tensors} tensors",
                        spec.name
                    );
                    return Err(unrecognised(cause));
                }
                spec
            }
        };
        match &metadata.classes {
            Some(names) if names.len() != spec.classes => Err(unrecognised(format!(
                "its metadata names {} classes, and its head has {}",
                names.len(),
                spec.classes
            ))),
            _ => Ok(spec),
        }
    }

    /// The CIFAR network with these names and shapes, or why there is none.
    pub(super) fn spec_of_names(&self) -> Result<Spec, String> {
        let landmarks = self.landmarks()?;
        let stem = self.tensors.get(landmarks.stem).map(|array| array.shape.as_slice());
        match stem {
            Some([16, 3, 3, 3]) => {}
            Some(other) => {
                let (stem, other) = (landmarks.stem, clip(&format!("{other:?}"), 60));
                return Err(format!("{stem} is {other}, and the networks here have [16, 3, 3, 3]"));
            }
            None => return Err(format!("it has no {}", landmarks.stem)),
        }
        let mut stages = vec![];
        for (index, prefix) in landmarks.stages.iter().enumerate() {
            stages.push(self.units(prefix).map_err(|gap| format!("stage {} lacks unit {gap}", index + 1))?);
        }
        let units = stages[0];
        if stages != [units, units, units, 0] || units == 0 {
            return Err(format!(
                "its stages have {stages:?} units, and the networks here have three equal stages"
            ));
        }
        let classes = self.classes(landmarks)?;
        let bottleneck = self.has(&format!("{}0.conv3.weight", landmarks.stages[0]));
        let projects =
            |stage: &&str| self.tensors.keys().any(|name| name.starts_with(&format!("{stage}0.downsample.")));
        let shape_change = if landmarks.stages.iter().any(projects) {
            ShapeChange::Projection
        } else {
            ShapeChange::ZeroPadding
        };
        let depth = units * if bottleneck { 9 } else { 6 } + 2;
        let family = match landmarks.family {
            Family::V1 => "v1",
            Family::V2 => "v2",
        };
        // The registry knows which combination a plain name stands for.
        let mut found = SUFFIXES
            .iter()
            .filter_map(|suffix| registry::find(&format!("resnet{depth}-{family}{suffix}"), classes).ok());
        let is_it = |spec: &Spec| {
            let three_layers = matches!(spec.branch, Branch::Bottleneck(_));
            three_layers == bottleneck && spec.shape_change == shape_change
        };
        let depth_too_large = || format!("a network of {depth} layers is not in the registry");
        found.find(is_it).ok_or_else(depth_too_large)
    }

    fn landmarks(&self) -> Result<&'static Landmarks, String> {
        let hits = |landmarks: &&Landmarks| self.has(landmarks.stem) || self.has(landmarks.head);
        let unknown = || {
            let names: Vec<&String> = self.tensors.keys().collect();
            if names.is_empty() {
                return "it has no tensors".to_owned();
            }
            let shown = names.iter().take(3).map(|name| clip(name, 60)).collect::<Vec<_>>().join(", ");
            format!(
                "it has {} tensors ({shown}, ...), none of them called as a ResNet's stem or head",
                names.len()
            )
        };
        LANDMARKS.iter().find(hits).ok_or_else(unknown)
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Rows of the head's matrix. Its columns are looked at as well: from a file with narrow ones, many rows would
    /// make a network many times the file's size.
    fn classes(&self, landmarks: &Landmarks) -> Result<usize, String> {
        let head = landmarks.head;
        match self.tensors.get(head).map(|array| array.shape.as_slice()) {
            Some([classes, features] | [classes, features, 1, 1]) if *features >= 64 => Ok(*classes),
            Some(other) => {
                let other = clip(&format!("{other:?}"), 60);
                Err(format!(
                    "{head} is {other}, and heads here are [classes, features], of 64 features or more"
                ))
            }
            None => Err(format!("it has no {head}, so the number of classes is not known")),
        }
    }

    /// How many units a stage has, or the first number that is left out. A claim like `layer1.999999999` must not
    /// make a deep network: as many units as numbers.
    fn units(&self, prefix: &str) -> Result<usize, usize> {
        let numbers: BTreeSet<usize> = self
            .tensors
            .keys()
            .filter_map(|name| name.strip_prefix(prefix)?.split_once('.')?.0.parse().ok())
            .collect();
        match numbers.iter().enumerate().find(|(index, number)| index != *number) {
            Some((gap, _)) => Err(gap),
            None => Ok(numbers.len()),
        }
    }
}
