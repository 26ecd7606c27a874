//! How weights are loaded: what their file, its metadata, its repository's config and the caller say, put
//! together.

use std::path::Path;

use resnet_models::checkpoint::{self, Checkpoint, Dialect, Policy, ReadOptions, Taken, Weights};
use resnet_models::{Model, Spec, registry};
use resnet_vision::{Interpolation, Normalisation};

use crate::location::{Found, HubSettings, config_passed_over};
use crate::pretrained::{Given, Note};
use crate::progress::{NoProgress, Progress};
use crate::{Error, Location, Pretrained, ResNet, transform};

/// How weights are loaded; by default everything is detected and everything must fit.
///
/// ```no_run
/// use resnet::LoadOptions;
/// use resnet::checkpoint::Weights;
///
/// # fn main() -> Result<(), resnet::Error> {
/// let network = LoadOptions::default().model("resnet50").weights(Weights::Average).load("training.pth")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LoadOptions<'a> {
    model: Option<String>,
    revision: Option<String>,
    pub(crate) read: ReadOptions,
    policy: Policy,
    pub(crate) given: Given,
    hub: Option<HubSettings>,
    progress: &'a dyn Progress,
    pub(crate) on_note: &'a (dyn Fn(&Note) + Sync),
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        LoadOptions {
            model: None,
            revision: None,
            read: ReadOptions::default(),
            policy: Policy::STRICT,
            given: Given::default(),
            hub: None,
            progress: &NoProgress,
            on_note: &|_| (),
        }
    }
}

impl std::fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOptions")
            .field("model", &self.model)
            .field("revision", &self.revision)
            .field("read", &self.read)
            .field("policy", &self.policy)
            .field("given", &self.given)
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

impl<'a> LoadOptions<'a> {
    /// The network's name, where the file does not say it.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// A branch, a tag or a commit of the hub.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = Some(revision.into());
        self
    }

    /// The naming scheme of the tensors, where detection is wrong.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.read.dialect = Some(dialect);
        self
    }

    /// What stands before the names of the tensors, where detection is wrong.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.read.prefix = Some(prefix.into());
        self
    }

    /// Which weights are taken, where a file holds several sets. By default [`Weights::Usual`]: timm's
    /// choice, which prefers the average (EMA), but the trained weights of a checkpoint to resume from.
    #[must_use]
    pub fn weights(mut self, weights: Weights) -> Self {
        self.read.weights = weights;
        self
    }

    /// What may differ between the file and the network; by default nothing, [`Policy::STRICT`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The names of the classes in the order of the logits, for a file that doesn't say them or says them
    /// wrong. [`read_class_names`](resnet_data::sources::read_class_names) reads them from a list.
    #[must_use]
    pub fn classes(mut self, names: impl Into<Vec<String>>) -> Self {
        self.given.classes = Some(names.into());
        self
    }

    /// The normalisation of pixels, for a file that doesn't say it or says it wrong.
    #[must_use]
    pub fn normalisation(mut self, normalisation: Normalisation) -> Self {
        self.given.normalisation = Some(normalisation);
        self
    }

    /// The shorter side that images are resized to before they are cropped, in pixels, for a file that
    /// doesn't say it or says it wrong.
    #[must_use]
    pub fn resize(mut self, side: usize) -> Self {
        self.given.resize = Some(side);
        self
    }

    /// The filter that images are resized with, for a file that doesn't say it or says it wrong.
    #[must_use]
    pub fn interpolation(mut self, filter: Interpolation) -> Self {
        self.given.interpolation = Some(transform::resampling(filter));
        self
    }

    /// Where the hub and its cache are, and the token; by default as the environment variables say,
    /// [`Settings::from_env`](resnet_hub::Settings::from_env).
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn hub(mut self, settings: resnet_hub::Settings) -> Self {
        self.hub = Some(settings);
        self
    }

    /// Receives the progress of downloads.
    #[must_use]
    pub fn progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Loads what `from` names. A path is a file or a folder; a text may also be a model of the hub, see
    /// [`Location::named`].
    ///
    /// # Errors
    /// As [`LoadOptions::load_from`]; and [`Error::NotThere`] if there is neither such a file or folder nor
    /// such a model.
    pub fn load(&self, from: impl Into<Location>) -> Result<Pretrained, Error> {
        self.load_found(self.find_named(from.into())?)
    }

    /// Calls `on_note` with each [`Note`] as soon as it is known, also if loading fails afterwards.
    #[must_use]
    pub fn on_note(self, on_note: &'a (dyn Fn(&Note) + Sync)) -> Self {
        LoadOptions { on_note, ..self }
    }

    /// Loads the weights at `location` into their network.
    ///
    /// # Errors
    /// If the weights are not there, are not understood, or do not fit the network.
    pub fn load_from(&self, location: &Location) -> Result<Pretrained, Error> {
        let location = location.clone().at_revision(self.revision.as_deref());
        self.load_found(location.find(self.progress, self.hub.as_ref())?)
    }

    /// Finds the file of what a text or a path names.
    pub(crate) fn find_named(&self, location: Location) -> Result<Found, Error> {
        let location = location.at_revision(self.revision.as_deref());
        location.find_named(self.progress, self.hub.as_ref())
    }

    fn load_found(&self, found: Found) -> Result<Pretrained, Error> {
        let Found { file, run, mut config, notes } = found;
        let has_config = config.is_some();
        if let Some(name) = &self.model {
            // What a config says of another network is not believed. A tag of the name changes no network.
            let named = registry::find(name, 1)?.name;
            config = config.filter(|config| config.spec.name == named);
        }
        let mut notes: Vec<Note> = notes.into_iter().map(Note::Other).collect();
        notes.iter().for_each(self.on_note);
        let mut tell = |note: Note| {
            (self.on_note)(&note);
            notes.push(note);
        };
        let (checkpoint, several) = read(&file, &self.read)?;
        several.into_iter().for_each(&mut tell);
        let mut metadata = checkpoint.metadata()?;
        if !has_config && let Some(told) = config_passed_over(&file, &metadata) {
            tell(Note::Other(told));
        }
        let spec = match (&self.model, &metadata.model, &config) {
            (Some(name), ..) => registry::find(name, checkpoint.classes_of(name, self.policy)?)?,
            (None, None, Some(config)) => checkpoint.claimed("its config.json", &config.spec.name)?,
            (None, ..) => checkpoint.infer_spec()?,
        };
        // A network may have several names.
        let is_other =
            |told: &Spec| Spec { name: spec.name.clone(), classes: spec.classes, ..told.clone() } != spec;
        if let Some(other) = config.take_if(|config| is_other(&config.spec)) {
            let (file, own, other) = (file.display(), &spec.name, other.spec.name);
            tell(Note::Other(format!(
                "config.json tells of {other}, and the metadata of {file} of {own}; taking {own}"
            )));
        }
        let differ = |says, told| Error::ClassCount { file: file.clone(), says, told, has: spec.classes };
        if let Some(config) = config {
            if config.spec.classes != spec.classes {
                return Err(differ("config.json tells of", config.spec.classes));
            }
            metadata.classes = metadata.classes.or(config.classes);
            metadata.preprocessing = metadata.preprocessing.or(config.preprocessing);
        }
        if let Some(names) = metadata.classes.as_ref().filter(|names| names.len() != spec.classes) {
            return Err(differ("metadata names", names.len()));
        }
        if let Some(names) = self.given.classes.as_ref().filter(|names| names.len() != spec.classes) {
            return Err(Error::GivenClasses { file: file.clone(), given: names.len(), has: spec.classes });
        }
        let model = Model::init(&spec, 0).map_err(Error::compute("building the network"))?;
        let report = checkpoint.load_into(&model, self.policy)?;
        let (network, given) = (ResNet::from(model), self.given.clone());
        Ok(Pretrained { network, file, metadata, run, report, given, notes })
    }
}

/// Reads a file. The note says which of several sets of weights was taken, if the caller did not choose.
pub(crate) fn read(
    file: &Path,
    options: &ReadOptions,
) -> Result<(Checkpoint, Option<Note>), checkpoint::Error> {
    let checkpoint = checkpoint::read_with(file, options)?;
    let note = match &checkpoint.taken {
        Taken { key: Some(key), others } if options.weights == Weights::Usual && !others.is_empty() => {
            let (file, taken, others) = (file.to_owned(), key.clone(), others.clone());
            Some(Note::SeveralWeights { file, taken, others })
        }
        _ => None,
    };
    Ok((checkpoint, note))
}

impl Pretrained {
    /// Loads what `from` names: a file of weights, the folder of a run, a folder with a `config.json`, or a
    /// model of the hub such as `timm/resnet50.a1_in1k`. It is a text or a path. [`LoadOptions`] says more.
    ///
    /// # Errors
    /// If the weights are not there, are not understood, or do not fit the network.
    pub fn load(from: impl Into<Location>) -> Result<Self, Error> {
        LoadOptions::default().load(from)
    }
}
