//! Networks with weights: what a file, its metadata and its repository's config say, put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use resnet_data::Normalisation;
use resnet_data::sources::class_difference;
use resnet_models::checkpoint::{
    self, Checkpoint, Metadata, Policy, Preprocessing, ReadOptions, RepositoryConfig, Resampling, Rule,
    Taken, Weights,
};
use resnet_models::{Model, Spec, registry};
use resnet_record::{Recipe, RunFolder, RunRecord};

use crate::args::{DialectArg, NormalisationArgs, SourceArgs, TrainArgs};
use crate::data::Data;
use crate::failure::Ended;
use crate::hints::Given;
use crate::network::Net;
use crate::source::{self, Source};
use crate::{data, output, transform};

/// A network with trained weights.
pub(crate) struct Trained {
    pub(crate) net: Net,
    /// The file that the weights are from.
    pub(crate) file: PathBuf,
    pub(crate) metadata: Metadata,
    /// The run that the file belongs to, if it lies in one.
    pub(crate) run: Option<(RunFolder, RunRecord)>,
}

/// Loads the weights that a command line names; `dialect` says whose names they have, where that can't be
/// seen, and by which option.
pub(crate) fn load(
    args: &SourceArgs,
    (option, dialect): (&str, Option<DialectArg>),
) -> anyhow::Result<Trained> {
    let Source { file, run, config, name } = source::find(args)?;
    let given = Given::source(args, (option, dialect.is_some()));
    let explained = |error| given.explain(error);
    let options = ReadOptions {
        dialect: dialect.map(Into::into),
        prefix: args.prefix.clone(),
        weights: args.weights.clone().unwrap_or_default(),
    };
    let checkpoint = read(&file, &options).map_err(explained)?;
    let mut metadata = checkpoint.metadata()?;
    let spec = match (&name, &config) {
        (Some(name), _) => registry::find(name, checkpoint.head_classes().map_err(explained)?)?,
        (None, Some(config)) => {
            checkpoint.claimed("its config.json", &config.spec.name).map_err(explained)?
        }
        (None, None) => checkpoint.infer_spec().map_err(explained)?,
    };
    if let Some(config) = config {
        if config.spec.classes != spec.classes {
            let (file, told, has) = (file.display(), config.spec.classes, spec.classes);
            bail!("{file}: its config.json tells of {told} classes, and its head has {has}");
        }
        metadata.classes = metadata.classes.or(config.classes);
        metadata.preprocessing = metadata.preprocessing.or(config.preprocessing);
    }
    if let Some(names) = metadata.classes.as_ref().filter(|names| names.len() != spec.classes) {
        let (file, names, has) = (file.display(), names.len(), spec.classes);
        bail!("{file}: its metadata names {names} classes, and its head has {has}");
    }
    let net = Net(Model::init(&spec, 0)?);
    let report = checkpoint.load_into(&net.0, policy(args)).map_err(explained)?;
    if !report.non_finite.is_empty() || !report.is_complete() {
        tracing::warn!("{report}");
    } else if metadata.model.is_none() {
        tracing::info!("{report}");
    } else {
        tracing::debug!("{report}");
    }
    Ok(Trained { net, file, metadata, run })
}

/// The weights that `--from` names, read.
pub(crate) struct Start {
    file: PathBuf,
    config: Option<RepositoryConfig>,
    checkpoint: Checkpoint,
}

impl Start {
    /// `None` where nothing is named.
    pub(crate) fn read(args: &TrainArgs) -> anyhow::Result<Option<Start>> {
        let Some(from) = &args.from else { return Ok(None) };
        let Source { file, config, .. } = source::named(from, args.revision.as_deref())?;
        let options = ReadOptions {
            dialect: None,
            prefix: args.prefix.clone(),
            weights: args.weights.clone().unwrap_or_default(),
        };
        let checkpoint = read(&file, &options).map_err(|error| Given::train(args).explain(error))?;
        Ok(Some(Start { file, config, checkpoint }))
    }
}

/// Gives a fresh model the weights that `--from` names; the head only if it is for as many classes. `recipe`
/// says how its training sees pixels, `classes` what its data have.
pub(crate) fn start_from(
    model: &Model,
    (recipe, classes): (&Recipe, &[String]),
    (Start { file, config, checkpoint }, args): (Start, &TrainArgs),
) -> anyhow::Result<()> {
    let same_head = checkpoint.head_classes().is_ok_and(|classes| classes == model.spec().classes);
    let policy = if same_head { Policy::STRICT } else { Policy::NEW_HEAD };
    let loaded = checkpoint.load_into(model, policy);
    let report = loaded.map_err(|error| Given::train(args).explain(error))?;
    match report.non_finite.is_empty() {
        true => tracing::info!("{report}"),
        false => tracing::warn!("{report}"),
    }
    let metadata = checkpoint.metadata()?;
    let (mut named, mut described) = (metadata.classes, metadata.preprocessing);
    if let Some(config) = config {
        named = named.or(config.classes);
        described = described.or(config.preprocessing);
    }
    if let Some(told) = named.filter(|_| same_head).and_then(|named| class_difference(&named, classes)) {
        tracing::warn!("{} has other classes than the data: {told}", file.display());
    }
    let told = described.map(|how| Normalisation { mean: how.mean, std: how.std });
    let ours = normalisation_of(recipe);
    if let Some(told) = told.filter(|told| *told != ours) {
        tracing::warn!(
            "{} was trained with {}, and the recipe has {}; --set data.mean=[...] and data.std=[...] change that",
            file.display(),
            written(told),
            written(ours)
        );
    }
    Ok(())
}

/// Reads a file as the command line says, and tells which of several sets of weights was taken unasked.
fn read(file: &Path, options: &ReadOptions) -> Result<Checkpoint, checkpoint::Error> {
    let checkpoint = checkpoint::read_with(file, options)?;
    if let Taken { key: Some(key), others } = &checkpoint.taken
        && options.weights == Weights::Usual
        && !others.is_empty()
    {
        let (file, others) = (file.display(), others.join(", "));
        tracing::warn!("{file} holds several sets of weights; taking {key}, not {others} (see --weights)");
    }
    Ok(checkpoint)
}

/// How a recipe's training makes numbers of bytes.
fn normalisation_of(recipe: &Recipe) -> Normalisation {
    let as_f32 = |values: [f64; 3]| values.map(|value| value as f32);
    Normalisation { mean: as_f32(recipe.data.mean), std: as_f32(recipe.data.std) }
}

/// What may differ, as the command line allows it.
fn policy(args: &SourceArgs) -> Policy {
    let rule = |allowed: bool| if allowed { Rule::Allow } else { Rule::Refuse };
    Policy {
        missing: rule(args.allow_missing),
        unexpected: rule(args.allow_unexpected),
        reshaped: rule(args.allow_reshaped),
        ..Policy::STRICT
    }
}

impl Trained {
    pub(crate) fn spec(&self) -> &Spec {
        self.net.0.spec()
    }

    /// Height and width of the network's input.
    pub(crate) fn input(&self) -> [usize; 2] {
        let [_, height, width] = self.metadata.preprocessing.map_or(self.spec().input, |how| how.input);
        [height, width]
    }

    /// The recipe that it was trained by, if the file has it.
    pub(crate) fn recipe(&self) -> anyhow::Result<Option<Recipe>> {
        let parse = |text: &String| Recipe::parse(text, &format!("the recipe in {}", self.file.display()));
        Ok(self.metadata.recipe.as_ref().map(parse).transpose()?)
    }

    /// Names of its classes; CIFAR's or ImageNet's where the file has none, which is told.
    pub(crate) fn classes(&self) -> anyhow::Result<Vec<String>> {
        if let Some(names) = &self.metadata.classes {
            return Ok(names.clone());
        }
        let (file, classes) = (self.file.display(), self.spec().classes);
        match data::usual_names(classes) {
            Some((set, names)) => {
                tracing::warn!("{file} does not name its {classes} classes; assuming those of {set}");
                Ok(names)
            }
            None => {
                tracing::warn!("{file} does not name its {classes} classes; showing their numbers");
                Ok((0..classes).map(|class| format!("class {class}")).collect())
            }
        }
    }

    /// How bytes become numbers: as the command line says, or the file, or CIFAR's or ImageNet's statistics,
    /// with a warning.
    pub(crate) fn normalisation(&self, args: &NormalisationArgs) -> anyhow::Result<Normalisation> {
        let file = self.file.display();
        let told = self.metadata.preprocessing.map(|how| Normalisation { mean: how.mean, std: how.std });
        match (args.get(), told) {
            (Some(given), Some(told)) if given != told => {
                tracing::warn!(
                    "{file} was trained with {}, not with the --mean and --std given",
                    written(told)
                );
                Ok(given)
            }
            (Some(normalisation), _) | (None, Some(normalisation)) => Ok(normalisation),
            (None, None) => {
                let (name, assumed) = match self.spec().classes {
                    10 => ("CIFAR-10", Normalisation::CIFAR10),
                    100 => ("CIFAR-100", Normalisation::CIFAR100),
                    1000 => ("ImageNet", Normalisation::IMAGENET),
                    _ => {
                        let message = format!(
                            "{file} does not say how its images were normalised; give --mean and --std"
                        );
                        return Err(Ended::Usage(message).into());
                    }
                };
                tracing::warn!(
                    "{file} does not say how its images were normalised; assuming {name}'s {}; if it was trained with others, \
                     give --mean and --std",
                    written(assumed)
                );
                Ok(assumed)
            }
        }
    }

    /// How an image becomes an input.
    pub(crate) fn preprocessing(&self, args: &NormalisationArgs) -> anyhow::Result<Preprocessing> {
        Ok(transform::of(self.spec(), self.metadata.preprocessing, self.normalisation(args)?))
    }
}

/// `mean 0.4914,0.4822,0.4465 and std 0.247,0.2435,0.2616`, as the options take them.
fn written(normalisation: Normalisation) -> String {
    let list = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
    format!("mean {} and std {}", list(normalisation.mean), list(normalisation.std))
}

/// What every checkpoint of a training says about itself, besides recipe and metrics, which the trainer adds.
pub(crate) fn of_training(spec: &Spec, recipe: &Recipe, data: &Data) -> BTreeMap<String, String> {
    let normalisation = normalisation_of(recipe);
    let preprocessing = match (&recipe.images, data) {
        (Some(photos), _) => Preprocessing {
            input: [spec.input[0], photos.evaluate.crop, photos.evaluate.crop],
            resize: photos.evaluate.resize,
            interpolation: Resampling::Bilinear,
            crop: photos.evaluate.crop,
            mean: normalisation.mean,
            std: normalisation.std,
        },
        (None, Data::InMemory(data)) => {
            let (height, width) = data.test.size();
            transform::whole([spec.input[0], height, width], normalisation)
        }
        (None, Data::Photos(_)) => transform::whole(spec.input, normalisation),
    };
    let metadata = Metadata {
        model: Some(spec.name.clone()),
        classes: Some(data.classes().to_vec()),
        preprocessing: Some(preprocessing),
        ..Metadata::default()
    };
    metadata.to_map()
}

/// What a file is, for a line of results: `resnet20-v2 from runs/quick-start-1/checkpoints/best.safetensors`.
pub(crate) fn describe(trained: &Trained) -> String {
    format!(
        "{} from {} ({} parameters)",
        trained.spec().name,
        trained.file.display(),
        output::short(parameters(trained) as u64)
    )
}

fn parameters(trained: &Trained) -> usize {
    let variables = trained.net.0.variables().iter();
    variables.filter(|(name, _)| !name.contains("running_")).map(|(_, variable)| variable.elem_count()).sum()
}
