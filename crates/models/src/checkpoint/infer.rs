//! Which network a checkpoint belongs to: by its metadata, or by its names and shapes.

use std::collections::BTreeSet;

use super::error::{Unknown, clip};
use super::outline::Outline;
use super::{Checkpoint, Error};
use crate::spec::{Family, Spec, StemLayers};
use crate::{registry, summary};

/// A network of so many numbers is built for any file, and what does not fit is told by name.
const SMALL: usize = 1 << 22;
/// The same for one with so many times the file's.
const MOST_TIMES: usize = 16;

/// What the parameters of a family are called.
pub(super) struct Landmarks {
    pub(super) family: Family,
    /// The stem's one convolution, or its three.
    pub(super) stem: [&'static str; 4],
    head: &'static str,
    /// What stands before a unit's number in the first, second, ... stage.
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
    /// The network that the file belongs to: the one that its metadata names, or else the one of the registry
    /// with such names and shapes. Whether everything fits is seen by [`Checkpoint::load_into`].
    ///
    /// # Errors
    /// If the metadata is faulty or names an unknown network, or the names are those of no network here.
    pub fn infer_spec(&self) -> Result<Spec, Error> {
        let metadata = self.metadata()?;
        let spec = match &metadata.model {
            None => {
                let spec = self.spec_of_names().map_err(|(what, cause)| self.unrecognised(what, cause))?;
                self.earned(spec, "its names and shapes are those of")?
            }
            Some(name) => self.claimed("its metadata", name)?,
        };
        match &metadata.classes {
            Some(names) if names.len() != spec.classes => {
                let (names, has) = (names.len(), spec.classes);
                let cause = format!("its metadata names {names} classes, and its head has {has}");
                Err(self.unrecognised(Unknown::Network, cause))
            }
            _ => Ok(spec),
        }
    }

    /// The network called `name`, with as many classes as the file's head has; `who` says that it is that
    /// one, for messages.
    ///
    /// # Errors
    /// If there is no such network, or the file is too small for it.
    pub fn claimed(&self, who: &str, name: &str) -> Result<Spec, Error> {
        let unrecognised = |cause| self.unrecognised(Unknown::Network, cause);
        let spec = registry::find(&clip(name, 80), self.head_classes()?)
            .map_err(|error| unrecognised(format!("{who} names a network that is not here ({error})")))?;
        // A name is short and a network may be deep: its memory has to be earned by as many tensors.
        let (units, tensors) = (spec.units().len(), self.tensors.len());
        if tensors < units {
            let name = &spec.name;
            return Err(unrecognised(format!(
                "{who} names {name} of {units} units, and it has {tensors} tensors"
            )));
        }
        self.earned(spec, &format!("{who} names"))
    }

    /// `spec`, unless it is so much larger than the file that no weights for it can be there: it is built
    /// before the weights are loaded. `whose` begins the message.
    fn earned(&self, spec: Spec, whose: &str) -> Result<Spec, Error> {
        let numbers: usize = self.tensors.values().map(|array| array.values.len()).sum();
        let failed = |cause| Error::Candle { path: self.path.clone(), cause };
        let parameters = summary::of(&spec).map_err(failed)?.parameters;
        if parameters > SMALL.max(numbers.saturating_mul(MOST_TIMES)) {
            let name = &spec.name;
            let cause = format!("{whose} {name}, which has {parameters} numbers, and it has {numbers}");
            return Err(self.unrecognised(Unknown::Network, cause));
        }
        Ok(spec)
    }

    fn unrecognised(&self, what: Unknown, cause: String) -> Error {
        Error::Unrecognised { path: self.path.clone(), what, cause }
    }

    /// The length of the output, by the shape of the head.
    ///
    /// # Errors
    /// If there is no head, or it has another shape than a network's.
    pub fn head_classes(&self) -> Result<usize, Error> {
        let landmarks = self.landmarks().map_err(|cause| self.unrecognised(Unknown::Names, cause))?;
        self.classes(landmarks).map_err(|cause| self.unrecognised(Unknown::Head, cause))
    }

    /// The network with these names and shapes, or why there is none. What they can't tell (a stride's place,
    /// the dialect's word for a network) is as in the network that the registry names first.
    pub(super) fn spec_of_names(&self) -> Result<Spec, (Unknown, String)> {
        let landmarks = self.landmarks().map_err(|cause| (Unknown::Names, cause))?;
        let outline = Outline::of(self, landmarks).map_err(|cause| (Unknown::Network, cause))?;
        let classes = self.classes(landmarks).map_err(|cause| (Unknown::Head, cause))?;
        let candidates = if outline.stem == StemLayers::Conv3x3 {
            outline.cifar_names()
        } else {
            registry::imagenet_names().map(str::to_owned).collect()
        };
        let mut found = candidates.iter().filter_map(|name| registry::find(name, classes).ok());
        found.find(|spec| outline == Outline::of_spec(spec)).ok_or_else(|| {
            let cause = format!(
                "its names and shapes are those of no network in the registry (stages of {:?} units, {} channels after the \
                 first)",
                outline.units, outline.outputs
            );
            (Unknown::Network, cause)
        })
    }

    fn landmarks(&self) -> Result<&'static Landmarks, String> {
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

    /// Rows of the head's matrix. Its columns are looked at as well: from a file with narrow ones, many rows
    /// would make a network many times the file's size.
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

    /// How many units a stage has, or the first number that is left out. A claim like `layer1.999999999` must
    /// not make a deep network: as many units as numbers.
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
