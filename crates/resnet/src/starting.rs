//! Weights that a training begins with instead of fresh ones.

use std::fmt;
use std::path::{Path, PathBuf};

use resnet_data::sources::class_difference;
use resnet_models::checkpoint::{Checkpoint, Metadata, Policy, Report, RepositoryConfig};
use resnet_models::{Head, Model, Shortcut, Spec, registry};
use resnet_record::Recipe;
use resnet_train::recipe::normalisation;
use resnet_vision::Normalisation;

use crate::load::read;
use crate::location::{Found, config_passed_over};
use crate::pretrained::{Given, Note};
use crate::{Error, LoadOptions, Location, transform};

/// Weights to begin with, read but not yet given to a network.
#[derive(Debug)]
pub struct StartingWeights {
    file: PathBuf,
    config: Option<RepositoryConfig>,
    checkpoint: Checkpoint,
    given: Given,
    notes: Vec<Note>,
}

/// What a network got from [`StartingWeights`], and how the new training differs from the old. Printed, it
/// tells all of that, a line each.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// What was loaded, and what was not.
    pub report: Report,
    /// How the classes differ from those of the data, where the head was loaded.
    pub other_classes: Option<String>,
    /// How the weights' images were normalised, where the recipe does it otherwise.
    pub other_normalisation: Option<Normalisation>,
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)?;
        if let Some(told) = &self.other_classes {
            write!(f, "\n  other classes than the data's: {told}")?;
        }
        if let Some(other) = self.other_normalisation {
            write!(f, "\n  trained with {other}, and the recipe has others: set its data.mean and data.std")?;
        }
        Ok(())
    }
}

impl StartingWeights {
    /// Reads what `from` names: a path is a file or a folder, a text may also be a model of the hub.
    ///
    /// `options` say how it is found and read, and what is told of its classes and their normalisation. The
    /// network is the training's, which all weights but the head's must fit; so the options' model, policy
    /// and resizing are not used.
    ///
    /// # Errors
    /// If the weights are not there or not understood.
    pub fn read(from: impl Into<Location>, options: &LoadOptions<'_>) -> Result<Self, Error> {
        let Found { file, config, notes, .. } = options.find_named(from.into())?;
        let mut notes: Vec<Note> = notes.into_iter().map(Note::Other).collect();
        notes.iter().for_each(options.on_note);
        let (checkpoint, several) = read(&file, &options.read)?;
        let metadata = checkpoint.metadata()?;
        let passed_over = if config.is_none() { config_passed_over(&file, &metadata) } else { None };
        for note in passed_over.map(Note::Other).into_iter().chain(several) {
            (options.on_note)(&note);
            notes.push(note);
        }
        Ok(StartingWeights { file, config, checkpoint, given: options.given.clone(), notes })
    }

    /// The file that they are from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is to be known about how they were found and read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Gives the weights to a fresh model, those of the head only if the number of classes is the same.
    /// [`Started`] tells how `recipe`'s normalisation and the data's `classes` differ from those of the
    /// weights.
    ///
    /// # Errors
    /// If the weights do not fit, or [`Error::OtherNetwork`] if the file, or else its config, names another
    /// network: names and shapes do not show a stride, an order of layers or a shortcut without parameters.
    pub fn give_to(&self, model: &Model, recipe: &Recipe, classes: &[String]) -> Result<Started, Error> {
        let metadata = self.checkpoint.metadata()?;
        self.refuse_other(&metadata, model.spec())?;
        let same_head = self.checkpoint.head_classes().is_ok_and(|classes| classes == model.spec().classes);
        let policy = if same_head { Policy::STRICT } else { Policy::NEW_HEAD };
        let report = self.checkpoint.load_into(model, policy)?;
        let config = self.config.as_ref();
        let given = self.given.clone();
        let named = given.classes.or(metadata.classes).or_else(|| config?.classes.clone());
        let described = metadata.preprocessing.or_else(|| config?.preprocessing);
        let other_classes = named.filter(|_| same_head).and_then(|named| class_difference(&named, classes));
        let told = given.normalisation.or(described.map(transform::normalisation));
        let other_normalisation = told.filter(|told| *told != normalisation(recipe));
        Ok(Started { report, other_classes, other_normalisation })
    }

    /// Refuses weights that say they are of another network than `wanted`. A name that is not in the registry
    /// is not compared.
    fn refuse_other(&self, metadata: &Metadata, wanted: &Spec) -> Result<(), Error> {
        let (says, told) = match (&metadata.model, &self.config) {
            (Some(name), _) => match registry::find(name, wanted.classes) {
                Ok(told) => ("metadata names", told),
                Err(_) => return Ok(()),
            },
            (None, Some(config)) => ("config.json tells of", config.spec.clone()),
            (None, None) => return Ok(()),
        };
        if computed(&told) == computed(wanted) {
            return Ok(());
        }
        let (file, told, network) = (self.file.clone(), told.name, wanted.name.clone());
        Err(Error::OtherNetwork { file, says, told, network })
    }
}

/// What a network computes of its weights, up to the head: without its names, the size of its images, and the
/// bias with which gates begin, which is a weight afterwards.
fn computed(spec: &Spec) -> Spec {
    let shortcut = match spec.shortcut {
        Shortcut::ExclusiveGating { .. } => Shortcut::ExclusiveGating { bias: 0.0 },
        Shortcut::ShortcutOnlyGating { .. } => Shortcut::ShortcutOnlyGating { bias: 0.0 },
        other => other,
    };
    Spec { name: String::new(), classes: 1, input: [0; 3], head: Head::Linear, shortcut, ..spec.clone() }
}
