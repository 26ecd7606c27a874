//! Networks with weights: what a file, its metadata and its repository's config say, put together.

use std::path::{Path, PathBuf};

use crate::progress::{NoProgress, Progress};
use resnet_models::checkpoint::{
    self, Checkpoint, Dialect, Metadata, Policy, Preprocessing, ReadOptions, Report, Taken, Weights,
};
use resnet_models::{Model, Spec, registry};
use resnet_record::{Recipe, RunFolder, RunRecord};
use resnet_vision::{EvalTransform, Normalisation};

use crate::location::Found;
use crate::{Error, Location, ResNet, transform};

/// A network with trained weights, and what is known about them.
///
/// ```no_run
/// use resnet::Pretrained;
///
/// # fn main() -> Result<(), resnet::Error> {
/// let network = Pretrained::load("timm/resnet50.a1_in1k")?;
/// for answer in network.predict_files(&["cat.jpg".into()])? {
///     for guess in answer?.top(5) {
///         println!("{:.1} %  {}", 100.0 * guess.probability, guess.name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pretrained {
    pub(crate) network: ResNet,
    pub(crate) file: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) run: Option<(RunFolder, RunRecord)>,
    pub(crate) report: Report,
    pub(crate) normalisation: Option<Normalisation>,
    pub(crate) notes: Vec<Note>,
}

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
    read: ReadOptions,
    policy: Policy,
    normalisation: Option<Normalisation>,
    progress: &'a dyn Progress,
    on_note: &'a dyn Fn(&Note),
}

/// What a caller may want to know about how weights were found and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A file with several sets of weights, of which the usual one was taken.
    SeveralWeights {
        /// The file.
        file: PathBuf,
        /// The key of those that were taken.
        taken: String,
        /// The keys of the others.
        others: Vec<String>,
    },
    /// Anything else, as a sentence.
    Other(String),
}

/// The names of a network's classes, and where they are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassNames {
    /// In the order of the logits.
    pub names: Vec<String>,
    /// Who says so.
    pub origin: Origin,
}

/// Who says something about a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its file, or the config beside it.
    File,
    /// The caller.
    Caller,
    /// Nobody: it is assumed to be that of this data set, by the number of classes.
    Assumed(&'static str),
    /// Nobody; classes have their numbers for names.
    Nobody,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        LoadOptions {
            model: None,
            revision: None,
            read: ReadOptions::default(),
            policy: Policy::STRICT,
            normalisation: None,
            progress: &NoProgress,
            on_note: &|_| (),
        }
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

    /// Which weights are taken, where a file holds several sets; by default [`Weights::Usual`], which prefers
    /// the average (EMA).
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

    /// The normalisation of pixels, for a file that doesn't say it or says it wrong.
    #[must_use]
    pub fn normalisation(mut self, normalisation: Normalisation) -> Self {
        self.normalisation = Some(normalisation);
        self
    }

    /// Receives the progress of downloads.
    #[must_use]
    pub fn progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Loads what `from` names: a file, a folder or a model of the hub; see [`Location::named`].
    ///
    /// # Errors
    /// As [`LoadOptions::load_from`].
    pub fn load(&self, from: &str) -> Result<Pretrained, Error> {
        self.load_from(&Location::named(from))
    }

    /// Calls `on_note` with each [`Note`] as soon as it is known, also if loading fails afterwards.
    #[must_use]
    pub fn on_note(self, on_note: &'a dyn Fn(&Note)) -> Self {
        LoadOptions { on_note, ..self }
    }

    /// Loads the weights at `location` into their network.
    ///
    /// # Errors
    /// If the weights are not there, are not understood, or do not fit the network.
    pub fn load_from(&self, location: &Location) -> Result<Pretrained, Error> {
        let location = match &self.revision {
            Some(revision) => location.clone().at_revision(Some(revision)),
            None => location.clone(),
        };
        let Found { file, run, mut config, notes } = location.find(self.progress)?;
        if let Some(name) = &self.model {
            // What a config says of another network is not believed. A tag of the name changes no network.
            let named = registry::find(name, 1)?.name;
            config = config.filter(|config| config.spec.name == named);
        }
        let mut notes: Vec<Note> = notes.into_iter().map(Note::Other).collect();
        notes.iter().for_each(self.on_note);
        let (checkpoint, note) = read(&file, &self.read)?;
        note.iter().for_each(self.on_note);
        notes.extend(note);
        let mut metadata = checkpoint.metadata()?;
        let spec = match (&self.model, &metadata.model, &config) {
            (Some(name), ..) => registry::find(name, checkpoint.classes_of(name, self.policy)?)?,
            (None, None, Some(config)) => checkpoint.claimed("its config.json", &config.spec.name)?,
            (None, ..) => checkpoint.infer_spec()?,
        };
        if let Some(other) = config.take_if(|config| config.spec.name != spec.name) {
            let (file, own, other) = (file.display(), &spec.name, other.spec.name);
            let note = Note::Other(format!(
                "config.json tells of {other}, and the metadata of {file} of {own}; taking {own}"
            ));
            (self.on_note)(&note);
            notes.push(note);
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
        let model = Model::init(&spec, 0).map_err(Error::compute("building the network"))?;
        let report = checkpoint.load_into(&model, self.policy)?;
        let (network, normalisation) = (ResNet::from(model), self.normalisation);
        Ok(Pretrained { network, file, metadata, run, report, normalisation, notes })
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
    /// model of the hub such as `timm/resnet50.a1_in1k`. [`LoadOptions`] says more.
    ///
    /// # Errors
    /// If the weights are not there, are not understood, or do not fit the network.
    pub fn load(from: &str) -> Result<Self, Error> {
        LoadOptions::default().load(from)
    }

    /// The network.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// The network alone.
    pub fn into_network(self) -> ResNet {
        self.network
    }

    /// What the network was built from.
    pub fn spec(&self) -> &Spec {
        self.network.spec()
    }

    /// The file that the weights are from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What the file, and the config beside it, say about the weights.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The run that the file belongs to, if it lies in one.
    pub fn run(&self) -> Option<&(RunFolder, RunRecord)> {
        self.run.as_ref()
    }

    /// What was loaded, and what was not.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What else is to be known about how the weights were found and read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Height and width of the network's input, in pixels.
    pub fn input_size(&self) -> [usize; 2] {
        let [_, height, width] = self.metadata.preprocessing.map_or(self.spec().input, |how| how.input);
        [height, width]
    }

    /// The recipe that it was trained by, if the file has it.
    ///
    /// # Errors
    /// If the file has one that is not understood.
    pub fn recipe(&self) -> Result<Option<Recipe>, Error> {
        let parse = |text: &String| Recipe::parse(text, &format!("the recipe in {}", self.file.display()));
        Ok(self.metadata.recipe.as_ref().map(parse).transpose()?)
    }

    /// Names of its classes; CIFAR's or ImageNet's where the file has none and the number is theirs.
    pub fn classes(&self) -> ClassNames {
        if let Some(names) = &self.metadata.classes {
            return ClassNames { names: names.clone(), origin: Origin::File };
        }
        let classes = self.spec().classes;
        match usual_names(classes) {
            Some((set, names)) => ClassNames { names, origin: Origin::Assumed(set) },
            None => {
                let names = (0..classes).map(|class| format!("class {class}")).collect();
                ClassNames { names, origin: Origin::Nobody }
            }
        }
    }

    /// The normalisation of pixels, and who says so: the caller, the file, or else CIFAR's or ImageNet's
    /// statistics by the number of classes.
    ///
    /// # Errors
    /// [`Error::UnknownNormalisation`] if nobody says it and the number of classes does not tell.
    pub fn normalisation(&self) -> Result<(Normalisation, Origin), Error> {
        if let Some(given) = self.normalisation {
            return Ok((given, Origin::Caller));
        }
        if let Some(told) = self.told_normalisation() {
            return Ok((told, Origin::File));
        }
        Ok(match self.spec().classes {
            10 => (Normalisation::CIFAR10, Origin::Assumed("CIFAR-10")),
            100 => (Normalisation::CIFAR100, Origin::Assumed("CIFAR-100")),
            1000 => (Normalisation::IMAGENET, Origin::Assumed("ImageNet")),
            _ => return Err(Error::UnknownNormalisation { file: self.file.clone() }),
        })
    }

    /// The normalisation that the weights were trained with, if the file says it.
    pub fn told_normalisation(&self) -> Option<Normalisation> {
        self.metadata.preprocessing.map(|how| Normalisation { mean: how.mean, std: how.std })
    }

    /// How an image becomes an input, as metadata say it.
    ///
    /// # Errors
    /// As [`Pretrained::normalisation`].
    pub fn preprocessing(&self) -> Result<Preprocessing, Error> {
        Ok(transform::of(self.spec(), self.metadata.preprocessing, self.normalisation()?.0))
    }

    /// How an image becomes an input, ready to be applied.
    ///
    /// # Errors
    /// As [`Pretrained::normalisation`].
    pub fn eval_transform(&self) -> Result<EvalTransform, Error> {
        self.preprocessing().map(transform::applied)
    }
}

/// The data set that a network of so many classes is for as a rule, and the names of its classes.
fn usual_names(classes: usize) -> Option<(&'static str, Vec<String>)> {
    Some(match classes {
        10 => ("CIFAR-10", resnet_data::cifar::names::cifar10().to_vec()),
        100 => ("CIFAR-100", resnet_data::cifar::names::cifar100().to_vec()),
        1000 => ("ImageNet", resnet_data::imagenet::classes().map(|(_, words)| words.to_owned()).collect()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_ten_a_hundred_and_a_thousand_classes_have_usual_names() {
        let of = |classes| usual_names(classes).map(|(set, names)| (set, names[classes - 1].clone()));
        assert_eq!(of(10), Some(("CIFAR-10", "truck".to_owned())));
        assert_eq!(of(100), Some(("CIFAR-100", "worm".to_owned())));
        assert_eq!(of(1000), Some(("ImageNet", "toilet tissue, toilet paper, bathroom tissue".to_owned())));
        assert_eq!(of(37), None);
    }
}
