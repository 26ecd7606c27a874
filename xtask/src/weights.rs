//! Loads the weights that a command line names, and logs what there is to know about them.

use anyhow::anyhow;
use resnet::{Images, LoadOptions, Location, Note, Origin, Pretrained, ResNet, StartingWeights};
use resnet_data::sources::read_class_names;
use resnet_models::checkpoint::{Policy, Report, Rule, Weights};
use resnet_record::Recipe;
use resnet_vision::EvalTransform;

use crate::args::{DescribedArgs, DialectArg, NormalisationArgs, SourceArgs, TrainArgs};
use crate::downloads::Downloads;
use crate::failure::Ended;
use crate::hints::Given;

/// Loads the weights that a command line names. `dialect` is their naming scheme, if it is given, and the
/// option that gives it.
pub(crate) fn load(
    args: &SourceArgs,
    (option, dialect): (&str, Option<DialectArg>),
    normalisation: &NormalisationArgs,
    described: &DescribedArgs,
) -> anyhow::Result<Pretrained> {
    let downloads = Downloads::default();
    let rule = |allowed: bool| if allowed { Rule::Allow } else { Rule::Refuse };
    let mut options = LoadOptions::default()
        .weights(args.weights.clone().unwrap_or_default())
        .policy(Policy {
            missing: rule(args.allow_missing),
            unexpected: rule(args.allow_unexpected),
            reshaped: rule(args.allow_reshaped),
            ..Policy::STRICT
        })
        .progress(&downloads);
    if let Some(dialect) = dialect {
        options = options.dialect(dialect.into());
    }
    if let Some(prefix) = &args.prefix {
        options = options.prefix(prefix);
    }
    if let Some(given) = normalisation.get() {
        options = options.normalisation(given);
    }
    if let Some(file) = &described.classes.classes {
        options = options.classes(read_class_names(file)?);
    }
    if let Some(side) = described.resize {
        options = options.resize(side as usize);
    }
    if let Some(filter) = described.interpolation {
        options = options.interpolation(filter.into());
    }
    let location = match (&args.checkpoint, &args.model) {
        (Some(path), model) => {
            if let Some(name) = model {
                options = options.model(name);
            }
            Location::Local(path.clone())
        }
        (None, model) => {
            let (id, revision) = (model.clone().unwrap_or_default(), args.revision.clone());
            Location::Hub { id, revision }
        }
    };
    let given = Given::source(args, (option, dialect.is_some()));
    let pretrained = options.on_note(&tell).load_from(&location).map_err(|error| given.explain(error))?;
    let report = pretrained.report();
    if !report.non_finite.is_empty() || !report.is_complete() {
        tracing::warn!("{report}");
    } else if pretrained.metadata().model.is_none() {
        tracing::info!("{report}");
    } else {
        tracing::debug!("{report}");
    }
    Ok(pretrained)
}

/// Reads the weights that `--from` names; `None` where nothing is named.
pub(crate) fn starting(args: &TrainArgs) -> anyhow::Result<Option<StartingWeights>> {
    let Some(from) = &args.from else { return Ok(None) };
    if args.revision.is_some() && matches!(Location::named(from), Location::Local(_)) {
        let message =
            format!("--revision is for models of the hub, and {from} is a file or a folder; leave it out");
        return Ended::usage(message);
    }
    let downloads = Downloads::default();
    let mut options = LoadOptions::default().progress(&downloads).on_note(&tell);
    if let Some(weights) = &args.weights {
        options = options.weights(weights.clone());
    }
    if let Some(prefix) = &args.prefix {
        options = options.prefix(prefix);
    }
    if let Some(revision) = &args.revision {
        options = options.revision(revision);
    }
    let read = StartingWeights::read(from, &options);
    Ok(Some(read.map_err(|error| Given::train(args).explain(error))?))
}

/// Gives a fresh network the weights that `--from` names, and tells in what they differ from the recipe.
pub(crate) fn start(
    network: &ResNet,
    weights: &StartingWeights,
    (recipe, classes): (&Recipe, &[String]),
    args: &TrainArgs,
) -> anyhow::Result<()> {
    let started = weights.give_to(network.model(), recipe, classes);
    let started = started.map_err(|error| Given::train(args).explain(error))?;
    let file = weights.file().display();
    told(&started.report);
    if let Some(told) = started.other_classes {
        tracing::warn!("{file} has other classes than the data: {told}");
    }
    if let Some(other) = started.other_normalisation {
        tracing::warn!(
            "{file} was trained with {}, and the recipe has {}; change that with --set data.mean=[...] and --set data.std=[...]",
            other,
            resnet_train::recipe::normalisation(recipe)
        );
    }
    Ok(())
}

/// Counts a reading of the test labels in the record of the run that the weights are from, if there is one.
pub(crate) fn count_test_reading(pretrained: &Pretrained, images: &Images) {
    if let (Err(error), Some((_, record))) = (pretrained.count_test_reading(images), pretrained.run()) {
        tracing::warn!(
            "the record of {} does not count this reading of the test labels: {error}",
            record.run
        );
    }
}

fn told(report: &Report) {
    match report.non_finite.is_empty() {
        true => tracing::info!("{report}"),
        false => tracing::warn!("{report}"),
    }
}

fn tell(note: &Note) {
    match note {
        Note::SeveralWeights { .. } => tracing::warn!("{note} (see --weights)"),
        _ => tracing::warn!("{note}"),
    }
}

/// Warns where the names of the classes are assumed or not known.
pub(crate) fn warn_of_classes(pretrained: &Pretrained) {
    let (known, file) = (pretrained.classes(), pretrained.file().display());
    let classes = known.names.len();
    match known.origin {
        Origin::File | Origin::Caller => {}
        Origin::Assumed(set) => {
            tracing::warn!(
                "{file} does not name its {classes} classes; assuming those of {set}; if they are others, give --classes FILE"
            );
        }
        Origin::Nobody => {
            tracing::warn!(
                "{file} does not name its {classes} classes; showing their numbers; give their names with --classes FILE"
            );
        }
    }
}

/// Warns where the normalisation of inputs is assumed or contradicts the file.
pub(crate) fn warn_of_normalisation(pretrained: &Pretrained) -> anyhow::Result<()> {
    let file = pretrained.file().display();
    let (normalisation, origin) = pretrained.normalisation().map_err(|error| match error {
        resnet::Error::UnknownNormalisation { .. } => {
            anyhow!(Ended::Usage(format!("{error}; give --mean and --std")))
        }
        other => other.into(),
    })?;
    let told = pretrained.told_normalisation().filter(|told| *told != normalisation);
    match (origin, told) {
        (Origin::Caller, Some(told)) => {
            tracing::warn!("{file} was trained with {told}, not with the --mean and --std given");
        }
        (Origin::Assumed(whose), _) => tracing::warn!(
            "{file} does not say how its images were normalised; assuming {normalisation}, those of {whose}; if it was \
             trained with others, give --mean and --std"
        ),
        _ => {}
    }
    Ok(())
}

/// Warns where it is assumed how images are resized, as `how` does it.
pub(crate) fn warn_of_resizing(pretrained: &Pretrained, how: EvalTransform) -> anyhow::Result<()> {
    if pretrained.is_resizing_assumed() {
        let (EvalTransform { resize, crop, .. }, file) = (how, pretrained.file().display());
        let filter = pretrained.preprocessing()?.interpolation;
        tracing::warn!(
            "{file} does not say how its images were resized; taking a shorter side of {resize} pixels, a crop of {crop} and a \
             {filter} filter; if it was trained otherwise, see --resize"
        );
    }
    Ok(())
}

/// The word that names these weights again, unless they are the usual ones.
pub(crate) fn word(weights: Option<&Weights>) -> Option<String> {
    weights.and_then(Weights::word).map(str::to_owned)
}
