//! Landmarks: the names of parameters that show which family a file belongs to.

use std::collections::BTreeSet;

use resnet_checkpoint::clip;

use super::Checkpoint;
use crate::spec::Family;

/// The names of the parameters of a family.
pub(super) struct Landmarks {
    pub(super) family: Family,
    /// The name of the stem's only convolution, then those of a deep stem's three.
    pub(super) stem: [&'static str; 4],
    pub(super) head: &'static str,
    /// The prefix of a unit's number in the first, second, ... stage.
    pub(super) stages: [&'static str; 4],
}

static LANDMARKS: [Landmarks; 2] = [
    Landmarks {
        family: Family::V1,
        stem: ["conv1.weight", "conv1.0.weight", "conv1.3.weight", "conv1.6.weight"],
        head: "fc.weight",
        stages: ["layer1.", "layer2.", "layer3.", "layer4."],
    },
    Landmarks {
        family: Family::V2,
        stem: ["stem.conv.weight", "stem.conv1.weight", "stem.conv2.weight", "stem.conv3.weight"],
        head: "head.fc.weight",
        stages: ["stages.0.blocks.", "stages.1.blocks.", "stages.2.blocks.", "stages.3.blocks."],
    },
];

impl Checkpoint {
    /// The landmarks of the family that the file belongs to, or why there is none.
    pub(super) fn landmarks(&self) -> Result<&'static Landmarks, String> {
        let hits = |landmarks: &&Landmarks| {
            self.has(landmarks.head) || landmarks.stem.iter().any(|name| self.has(name))
        };
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

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// How many units a stage has, or the first number that is missing. A name such as `layer1.999999999`
    /// must not make a deep network, so every number must be there.
    pub(super) fn units(&self, prefix: &str) -> Result<usize, usize> {
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
