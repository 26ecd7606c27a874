//! Which network a checkpoint belongs to: by its metadata, or by its names and shapes.

use super::error::Unknown;
use super::landmarks::Landmarks;
use super::load::{Policy, Rule};
use super::outline::Outline;
use super::{Checkpoint, Error};
use crate::spec::{Spec, StemLayers};
use crate::{registry, summary};
use resnet_checkpoint::clip;

/// A network of up to this many numbers is built for any file, so that the message can name what does not
/// fit.
const SMALL: usize = 1 << 22;
/// A network of up to this many times the numbers of the file is built too.
const MOST_TIMES: usize = 16;

impl Checkpoint {
    /// The network that the file belongs to: the one that its metadata names, or else the one of the registry
    /// with these names and shapes. [`Checkpoint::load_into`] checks whether everything fits.
    ///
    /// # Errors
    /// If the metadata is faulty or names an unknown network, or the names belong to no network here.
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

    /// The network called `name`, with as many classes as the file's head has. `who` is the source of the
    /// name, for messages.
    ///
    /// # Errors
    /// If there is no such network, or the file is too small for it.
    pub fn claimed(&self, who: &str, name: &str) -> Result<Spec, Error> {
        let unrecognised = |cause| self.unrecognised(Unknown::Network, cause);
        let spec = registry::find(&clip(name, 80), self.head_classes()?)
            .map_err(|error| unrecognised(format!("{who} names a network that is not here ({error})")))?;
        // A short name may stand for a deep network, so the file must have as many tensors as it has units.
        let (units, tensors) = (spec.units().len(), self.tensors.len());
        if tensors < units {
            let name = &spec.name;
            return Err(unrecognised(format!(
                "{who} names {name} of {units} units, and it has {tensors} tensors"
            )));
        }
        self.earned(spec, &format!("{who} names"))
    }

    /// `spec`, unless it is so much larger than the file that its weights cannot be there. This is checked
    /// because the network is built before the weights are loaded. `whose` begins the message.
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

    /// The number of classes, by the shape of the head.
    ///
    /// # Errors
    /// If there is no head, or it has another shape than a network's.
    pub fn head_classes(&self) -> Result<usize, Error> {
        let landmarks = self.landmarks().map_err(|cause| self.unrecognised(Unknown::Names, cause))?;
        self.classes(landmarks).map_err(|cause| self.unrecognised(Unknown::Head, cause))
    }

    /// The number of classes for the network called `name`: as [`Checkpoint::head_classes`], or where there
    /// is no such head and `policy` lets parameters be missing, the number usual for that name.
    ///
    /// # Errors
    /// As [`Checkpoint::head_classes`].
    pub fn classes_of(&self, name: &str, policy: Policy) -> Result<usize, Error> {
        match self.head_classes() {
            Err(Error::Unrecognised { what: Unknown::Head, .. }) if policy.missing == Rule::Allow => {
                Ok(registry::usual_classes(name))
            }
            classes => classes,
        }
    }

    /// The network with these names and shapes, or why there is none. If several have them (they do not show
    /// where a stride is), it is the first in the registry.
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

    /// Rows of the head's matrix. Its columns are checked too: a file with a narrow matrix of many rows would
    /// otherwise lead to a network many times its size.
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
}
