//! Where weights come from: a file, a run's folder, the folder of a repository, or the hub.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use resnet_hub::HubModel;
use resnet_models::checkpoint::{self, RepositoryConfig};
use resnet_record::{RunFolder, RunRecord};

use crate::args::SourceArgs;
use crate::failure::Ended;
use crate::progress::Downloads;

/// What a repository calls its weights, the better first: a pickle is read with more care and less speed.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// Ends of the names of such files.
const ENDS: [&str; 6] = ["safetensors", "pth", "pt", "bin", "ckpt", "th"];
/// What it calls its descriptions: of the network, and in transformers' form of the pictures.
const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";

/// A file of weights and what lies beside it.
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    /// The run that the file belongs to, if it lies in one.
    pub(crate) run: Option<(RunFolder, RunRecord)>,
    /// What its repository says, if it is of one.
    pub(crate) config: Option<RepositoryConfig>,
    /// The network, if the command line names it.
    pub(crate) name: Option<String>,
}

/// What the command line names.
pub(crate) fn find(args: &SourceArgs) -> anyhow::Result<Source> {
    let Some(path) = &args.checkpoint else {
        let found = hub(args.model.as_deref().unwrap_or_default(), args.revision.as_deref());
        return found.map_err(|error| {
            without_config(
                error,
                "give the weights' file itself with --checkpoint, and the network's name with --model",
            )
        });
    };
    let mut source = at(path).map_err(|error| {
        let model = if args.model.is_none() { ", and the network's name with --model" } else { "" };
        without_config(error, &format!("give the weights' file itself with --checkpoint{model}"))
    })?;
    source.name = args.model.clone();
    if source.name.is_some() {
        // What a config says of another network is not believed.
        source.config = source.config.filter(|config| Some(&config.spec.name) == source.name.as_ref());
    }
    Ok(source)
}

/// What `text` names: a file or a folder if there is one, else a model of the hub.
pub(crate) fn named(text: &str, revision: Option<&str>) -> anyhow::Result<Source> {
    let path = Path::new(text);
    if path.exists()
        || path.is_absolute()
        || path.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known))
    {
        return at(path).map_err(|error| without_config(error, "name the weights' file itself with --from"));
    }
    hub(text, revision)
        .with_context(|| format!("there is no file or folder {text}, and as a model of the hub"))
}

/// An error; where it is that a config is not understood, with what helps.
fn without_config(error: anyhow::Error, hint: &str) -> anyhow::Error {
    match error.downcast_ref::<checkpoint::Error>() {
        Some(checkpoint::Error::Config { .. }) => anyhow!("{error}; {hint}"),
        _ => error,
    }
}

/// A file, a run's folder or a repository's.
fn at(path: &Path) -> anyhow::Result<Source> {
    if path.is_dir() && path.join(CONFIG).is_file() { repository(path) } else { local(path) }
}

/// A model of the hub.
fn hub(id: &str, revision: Option<&str>) -> anyhow::Result<Source> {
    if !id.contains('/') {
        return Err(Ended::Usage(format!(
            "--model {id} names a network without weights; give them with --checkpoint FILE, or name a model of the hub, such \
             as --model timm/resnet50.a1_in1k"
        ))
        .into());
    }
    let model = HubModel::new(id, revision)?;
    let downloads = Downloads::default();
    let config = match model.optional(CONFIG, &downloads) {
        // Without a network, weights that are in the cache are used with what they say themselves.
        Err(error) if model.cached(&WEIGHTS).is_some() => {
            tracing::warn!("{error}");
            None
        }
        other => other?,
    };
    let file = model.first_of(&WEIGHTS, &downloads)?;
    let Some(config) = config else {
        tracing::warn!(
            "{} has no {CONFIG} at hand; its network is told by the names of its weights",
            model.name()
        );
        return Ok(Source { file, run: None, config: None, name: None });
    };
    let described = RepositoryConfig::read(&config, None)?;
    let config = match described.preprocessing {
        // timm's form says all of it.
        Some(_) => described,
        None => RepositoryConfig::read(&config, model.optional(PREPROCESSOR, &downloads)?.as_deref())?,
    };
    Ok(Source { file, run: None, config: Some(config), name: None })
}

/// A folder with the files of a repository.
fn repository(folder: &Path) -> anyhow::Result<Source> {
    let file = WEIGHTS.iter().map(|name| folder.join(name)).find(|file| file.exists());
    let [first, second] = WEIGHTS;
    let file = file.with_context(|| {
        format!("{} has {CONFIG}, but neither {first} nor {second} beside it", folder.display())
    })?;
    let preprocessor = Some(folder.join(PREPROCESSOR)).filter(|path| path.is_file());
    let config = RepositoryConfig::read(&folder.join(CONFIG), preprocessor.as_deref())?;
    Ok(Source { file, run: None, config: Some(config), name: None })
}

/// The file behind `path`, and the run it lies in.
fn local(path: &Path) -> anyhow::Result<Source> {
    let of = |file: PathBuf, run| Source { file, run, config: None, name: None };
    if !path.is_dir() {
        let folder = path.parent().filter(|folder| folder.ends_with("checkpoints")).and_then(Path::parent);
        let run = folder.and_then(|folder| RunFolder::open(folder).ok());
        let run = run.and_then(|run| run.record().ok().map(|record| (run, record)));
        return Ok(of(path.to_owned(), run));
    }
    let run = RunFolder::open(path)?;
    let record = run.record()?;
    let (best, last) = (run.best_checkpoint(), run.last_checkpoint());
    let file = match record.results.map(|results| results.checkpoint) {
        Some(resnet_record::Checkpoint::Best) => best,
        None if best.exists() => best,
        Some(resnet_record::Checkpoint::Last) | None => last,
    };
    if !file.exists() {
        let path = path.display();
        bail!(
            "the run {path} has no {} yet; continue it with: cargo xtask train --resume {path}",
            file.display()
        );
    }
    if record.results.is_none() {
        tracing::warn!("the run {} is not finished; taking {} as it stands", path.display(), file.display());
    }
    Ok(of(file, Some((run, record))))
}
