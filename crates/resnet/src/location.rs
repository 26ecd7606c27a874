//! Where weights come from: a file, a run's folder, the folder of a repository, or the hub.

use std::fmt;
use std::path::{Path, PathBuf};

use resnet_models::checkpoint::{Metadata, RepositoryConfig};
use resnet_models::registry;
use resnet_record::{RunFolder, RunRecord};

use crate::Error;
use crate::progress::Progress;

/// The names of a repository's weights, or of the index of their parts; safetensors are preferred, since a
/// pickle takes longer to read.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
];
/// Extensions of files of weights.
const ENDS: [&str; 6] = ["safetensors", "pth", "pt", "bin", "ckpt", "th"];
/// The file that describes a repository's network, and in timm's form also its images.
const CONFIG: &str = "config.json";
/// The file that describes the images of a repository in transformers' form.
const PREPROCESSOR: &str = "preprocessor_config.json";

/// Where weights are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of weights, the index of weights in several parts (`model.safetensors.index.json`), the folder
    /// of a run, or a folder with `config.json` and its weights. Of a file that is named itself, a
    /// `config.json` beside it is not read.
    Local(PathBuf),
    /// A model of the Hugging Face hub.
    Hub {
        /// `OWNER/NAME`, such as `timm/resnet50.a1_in1k`.
        id: String,
        /// A branch, a tag or a commit; `main` if there is none.
        revision: Option<String>,
    },
}

/// A file of weights and what lies beside it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: PathBuf,
    /// The run that the file belongs to, if it lies in one.
    pub(crate) run: Option<(RunFolder, RunRecord)>,
    /// The config of the folder or the repository that was named, if it was one.
    pub(crate) config: Option<RepositoryConfig>,
    /// What the caller may want to know.
    pub(crate) notes: Vec<String>,
}

impl Location {
    /// What `text` names: a file or a folder if there is one or it looks like one, else a model of the hub.
    ///
    /// ```
    /// use resnet::Location;
    ///
    /// assert_eq!(Location::named("net.safetensors"), Location::Local("net.safetensors".into()));
    /// let id = "timm/resnet50.a1_in1k".to_owned();
    /// assert_eq!(Location::named(&id), Location::Hub { id, revision: None });
    /// ```
    pub fn named(text: &str) -> Self {
        let path = Path::new(text);
        let is_file = path.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known));
        match path.exists() || path.is_absolute() || is_file {
            true => Location::Local(path.to_owned()),
            false => Location::Hub { id: text.to_owned(), revision: None },
        }
    }

    /// The same at `revision`, if it is a model of the hub. With `None` it keeps the revision that it has.
    #[must_use]
    pub fn at_revision(self, revision: Option<&str>) -> Self {
        match (self, revision) {
            (Location::Hub { id, .. }, Some(revision)) => {
                Location::Hub { id, revision: Some(revision.to_owned()) }
            }
            (same, _) => same,
        }
    }

    /// Finds the file, downloading it if it has to. The hub is reached as `settings` say, or else the
    /// environment.
    pub(crate) fn find(
        &self,
        progress: &dyn Progress,
        settings: Option<&HubSettings>,
    ) -> Result<Found, Error> {
        match self {
            // An export into a run's folder doesn't make a repository of it.
            Location::Local(path) if RunFolder::open(path).is_ok() => local(path),
            Location::Local(path) if path.is_dir() && path.join(CONFIG).is_file() => repository(path),
            Location::Local(path) => local(path),
            Location::Hub { id, .. } if registry::find(id, 1).is_ok() => Err(Error::NoWeights(id.clone())),
            Location::Hub { id, revision } => hub(id, revision.as_deref(), progress, settings),
        }
    }

    /// The same for a location that a text was [taken for](Location::named): where that is no file, the error
    /// says so.
    pub(crate) fn find_named(
        &self,
        progress: &dyn Progress,
        settings: Option<&HubSettings>,
    ) -> Result<Found, Error> {
        self.find(progress, settings).map_err(|error| match (self, error) {
            // What is wrong with a config was found on the hub.
            (Location::Local(_), error) | (_, error @ (Error::NoWeights(_) | Error::Checkpoint(_))) => error,
            (Location::Hub { id, .. }, error) => Error::NotThere { text: id.clone(), cause: Box::new(error) },
        })
    }
}

/// As [`Location::named`].
impl From<&str> for Location {
    fn from(text: &str) -> Self {
        Location::named(text)
    }
}

/// As [`Location::named`].
impl From<&String> for Location {
    fn from(text: &String) -> Self {
        Location::named(text)
    }
}

/// A path is a file or a folder, whatever it looks like.
impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Location::Local(path.to_owned())
    }
}

/// A path is a file or a folder, whatever it looks like.
impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Location::Local(path.clone())
    }
}

/// A path is a file or a folder, whatever it looks like.
impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Location::Local(path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Local(path) => path.display().fmt(f),
            Location::Hub { id, .. } => f.write_str(id),
        }
    }
}

/// How the hub is reached.
#[cfg(feature = "hub")]
pub(crate) use resnet_hub::Settings as HubSettings;

/// Stands for the settings in a build that reaches no hub: there are none.
#[cfg(not(feature = "hub"))]
#[derive(Debug, Clone)]
pub(crate) enum HubSettings {}

#[cfg(feature = "hub")]
fn hub(
    id: &str,
    revision: Option<&str>,
    progress: &dyn Progress,
    settings: Option<&HubSettings>,
) -> Result<Found, Error> {
    let named = match settings {
        Some(settings) => resnet_hub::HubModel::with_settings(settings.clone(), id, revision)?,
        None => resnet_hub::HubModel::new(id, revision)?,
    };
    // Otherwise the config could be of another commit than the weights.
    let pinned = named.at_one_commit(&WEIGHTS);
    let model = pinned.as_ref().unwrap_or(&named);
    let mut notes = vec![];
    let mut optional = |name: &str| match model.optional(name, progress) {
        // Without a network, cached weights are used with what their file itself says.
        Err(error) if model.cached(&WEIGHTS).is_some() => {
            notes.push(error.to_string());
            Ok(None)
        }
        other => other,
    };
    // What a config says is understood before the weights, which are a thousand times as long, are fetched.
    let mut described = None;
    if let Some(path) = optional(CONFIG)? {
        let told = RepositoryConfig::read(&path, None)?;
        described = Some(match told.preprocessing {
            // timm's form describes the preprocessing as well.
            Some(_) => told,
            None => RepositoryConfig::read(&path, optional(PREPROCESSOR)?.as_deref())?,
        });
    }
    if described.is_none() {
        let name = model.name();
        notes.push(format!(
            "no {CONFIG} of {name} was found; the network is inferred from the tensors' names"
        ));
    }
    let file = model.first_of(&WEIGHTS, progress)?;
    if resnet_checkpoint::is_index(&file) {
        for part in resnet_checkpoint::parts(&file).map_err(resnet_models::checkpoint::Error::from)? {
            model.first_of(&[&part], progress)?;
        }
    }
    if let Some(pinned) = &pinned {
        named.keep(pinned)?;
    }
    Ok(Found { file, run: None, config: described, notes })
}

#[cfg(not(feature = "hub"))]
fn hub(
    id: &str,
    _revision: Option<&str>,
    _progress: &dyn Progress,
    _settings: Option<&HubSettings>,
) -> Result<Found, Error> {
    Err(Error::HubFeatureOff(id.to_owned()))
}

/// A folder with the files of a repository.
fn repository(folder: &Path) -> Result<Found, Error> {
    let file = WEIGHTS.iter().map(|name| folder.join(name)).find(|file| file.exists());
    let file = file.ok_or_else(|| Error::WeightsMissing { folder: folder.to_owned() })?;
    let preprocessor = Some(folder.join(PREPROCESSOR)).filter(|path| path.is_file());
    let config = RepositoryConfig::read(&folder.join(CONFIG), preprocessor.as_deref())?;
    Ok(Found { file, run: None, config: Some(config), notes: vec![] })
}

/// A sentence about the `config.json` beside a repository's weights that were named themselves. Weights whose
/// `metadata` name their network are ours, and say themselves what such a file says.
pub(crate) fn config_passed_over(file: &Path, metadata: &Metadata) -> Option<String> {
    let is_repositorys = metadata.model.is_none() && WEIGHTS.iter().any(|name| file.ends_with(name));
    let told =
        || format!("{CONFIG} lies beside {} and is not read; give their folder to use it", file.display());
    (is_repositorys && file.with_file_name(CONFIG).is_file()).then(told)
}

/// The run among whose checkpoints `file` is.
pub(crate) fn run_around(file: &Path) -> Option<RunFolder> {
    let folder = file.parent().filter(|folder| folder.ends_with("checkpoints")).and_then(Path::parent);
    RunFolder::open(folder?).ok()
}

/// The file behind `path`, and the run it lies in.
fn local(path: &Path) -> Result<Found, Error> {
    if !path.is_dir() {
        let run = run_around(path).and_then(|run| run.record().ok().map(|record| (run, record)));
        return Ok(Found { file: path.to_owned(), run, config: None, notes: vec![] });
    }
    let weights = WEIGHTS.into_iter().find(|name| path.join(name).is_file());
    let run = RunFolder::open(path).map_err(|error| match weights {
        Some(weights) => Error::ConfigMissing { folder: path.to_owned(), weights },
        None => error.into(),
    })?;
    let record = run.record()?;
    let best = run.best_checkpoint();
    let file = match record.results.map(|results| results.checkpoint) {
        Some(reported) => run.checkpoint(reported),
        None if best.exists() => best,
        None => run.last_checkpoint(),
    };
    if !file.exists() {
        return Err(Error::RunHasNoCheckpoint { run: path.to_owned(), file });
    }
    let mut notes = vec![];
    if record.results.is_none() {
        let (run, file) = (path.display(), file.display());
        notes.push(format!("the run {run} is not finished; taking {file} as it stands"));
    }
    Ok(Found { file, run: Some((run, record)), config: None, notes })
}
