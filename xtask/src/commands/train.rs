//! `train`: trains a network by a recipe in a new run's folder, or resumes a run.

use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use resnet::{Images, Needed, Training, absolute_origin};
use resnet_data::names::shown;
use resnet_models::registry;
use resnet_record::{Lines, Recipe, Results, Run, RunRecord};
use resnet_report::{LivePage, began_with, data_option, train_again};
use resnet_terminal::output::{self, Format};
use resnet_terminal::{numbers, progress};
use resnet_train::{
    AllReduce, Anomalies, Error, Options, Outcome, begin_run, first_before_others, open_run, resumes_from,
};
use resnet_views::{Live, recipes};
use serde::Serialize;

use crate::args::{LogFormat, TrainArgs};
use crate::failure::Ended;
use crate::{company, data, interrupt, threads, weights};

/// The folder of runs whose own folder is not given.
const RUNS: &str = "runs";

#[derive(Serialize)]
struct Json<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    run: &'a str,
    model: &'a str,
    recipe: &'a str,
    epochs: u64,
    steps: u64,
    train_loss: f64,
    top1: Option<f64>,
    images_per_second: f64,
    seconds: f64,
}

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let epochs = args.epochs.map(|_| ("--epochs", "train.duration"));
    let forms = short_forms(args).map(|(option, key, _)| (option, key));
    set_once(&args.set, epochs.into_iter().chain(forms))?;
    let threads = threads::start(&args.threads)?;
    let all = company::join(&args.ranks)?;
    let done = match &args.resume {
        Some(folder) => resume(args, folder, &all),
        None => begin(args, threads, &all),
    };
    company::end(&*all, done)
}

fn options(args: &TrainArgs) -> Options {
    let anomalies = if args.detect_anomaly { Anomalies::Detect } else { Anomalies::Ignore };
    Options { workers: threads::loaders(), anomalies, ..Options::default() }
}

fn begin(args: &TrainArgs, threads: usize, all: &Arc<dyn AllReduce>) -> anyhow::Result<()> {
    let recipe = recipe_of(args)?;
    registry::find(&recipe.model.name, recipe.classes().unwrap_or(1))?;
    // Refused now, not after a download.
    if let Some(folder) = args.out.as_deref().filter(|folder| all.is_first() && is_used(folder)) {
        return Err(not_empty(folder));
    }
    // The other processes get the weights of the first.
    let from = if all.is_first() { weights::starting(args)? } else { None };
    let open = || data::of_recipe(&recipe, args.data.as_deref(), (Needed::All, &args.files.options()));
    let data = first_before_others(&**all, open)?;
    let training = Training::new(&recipe, &data).map_err(|error| match &error {
        resnet::Error::Train(Error::BatchTooSmall { images, batch, .. }) => {
            let hint = match images < batch {
                true => "leave that batch out with --set train.last_batch=drop, or choose another train.batch_size",
                false => "choose a larger train.batch_size",
            };
            anyhow!("{error}; {hint}")
        }
        _ => error.into(),
    })?;
    if let Some(from) = &from {
        weights::start(training.network(), from, (training.recipe(), data.classes()), args)?;
    }
    let processes = all.rank().world_size;
    resnet_views::preamble(&training, &data, options(args).prefetch, processes)?;
    let fill = |record: &mut RunRecord| {
        (record.threads, record.processes) = (threads, processes);
        record.parameters = training.network().parameters() as u64;
        record.data = absolute_origin(data.origin());
        (record.from, record.revision) = (args.from.clone(), args.revision.clone());
        record.weights = weights::word(args.weights.as_ref());
        record.prefix = args.prefix.clone();
        record.files = data::absolute(args.files.options());
    };
    let folder = args.out.as_deref().unwrap_or(Path::new(RUNS));
    let create = || create(args.out.as_deref(), training.recipe(), fill);
    let run = begin_run(&**all, folder, training.recipe(), create)?;
    train(run, &training, &data, args, all)
}

/// The recipe that the command line asks for, with its changes.
fn recipe_of(args: &TrainArgs) -> anyhow::Result<Recipe> {
    let mut recipe = recipes::changed(&args.recipe, &settings(args), args.epochs)?;
    args.scale_batch.map_or(Ok(()), |images| recipe.scale_to_batch(images))?;
    Ok(recipe)
}

/// Refuses a key that both `--set` and a short form set; `forms` are the options that are given, each with
/// its key.
pub(crate) fn set_once(
    set: &[String],
    forms: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> anyhow::Result<()> {
    let sets = |key: &str| set.iter().any(|one| one.split('=').next().is_some_and(|set| set.trim() == key));
    match forms.into_iter().find(|(_, key)| sets(key)) {
        Some((form, key)) => {
            Ended::usage(format!("--set {key} and {form} set the same key; give one of them"))
        }
        None => Ok(()),
    }
}

/// The short forms of `--set` that are given: option, key and value.
fn short_forms(args: &TrainArgs) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let forms = [
        ("--seed", "train.seed", args.seed.map(|seed| seed.to_string())),
        ("--keep", "train.keep_checkpoints", args.keep.map(|keep| keep.to_string())),
        ("--freeze-until", "stages.freeze_until", args.freeze_until.clone()),
        ("--recompute", "train.recompute", args.recompute.map(|what| what.name().to_owned())),
    ];
    forms.into_iter().filter_map(|(option, key, value)| Some((option, key, value?)))
}

/// What `--set` and its short forms set.
fn settings(args: &TrainArgs) -> Vec<String> {
    let short = short_forms(args).map(|(_, key, value)| format!("{key}={value}"));
    args.set.iter().cloned().chain(short).collect()
}

fn resume(args: &TrainArgs, folder: &Path, all: &Arc<dyn AllReduce>) -> anyhow::Result<()> {
    let mut run = open_run(&**all, folder, || anyhow::Ok(Run::open(folder)?))?;
    let mut recipe = run.recipe().clone();
    recipes::change(&mut recipe, &settings(args), args.epochs)?;
    let is_changed = recipe != *run.recipe();
    if let Some(results) = run.record().results.filter(|_| !is_changed) {
        progress::sentence(&format!("{} is finished; there is nothing left to train", folder.display()), 0);
        return if run.is_kept_here() { report(&run, &results, args) } else { Ok(()) };
    }
    let checkpoint = if run.is_kept_here() { resumes_from(&run) } else { Ok(Some(folder.to_owned())) };
    match (checkpoint, began_with(run.record())) {
        (Err(error @ Error::CheckpointGone { left: Some(_), .. }), _) => {
            let from = format!("--from {}", numbers::quoted(folder));
            bail!("{error}; start a new run with its weights:\n  {}", again(&run, &from));
        }
        (Err(error @ Error::CheckpointGone { left: None, .. }), _) => {
            bail!("{error}; start a new run:\n  {}", again(&run, ""))
        }
        (Err(error), _) => return Err(error.into()),
        (Ok(None), Some(from)) => {
            let folder = folder.display();
            bail!("{folder} ended before its first checkpoint; start a new run:\n  {}", again(&run, &from));
        }
        (Ok(_), _) => {}
    }
    let of_run = || data::of_run((run.recipe(), run.record()), args.data.as_deref(), &args.files.options());
    let data = first_before_others(&**all, of_run)?;
    match run.is_kept_here() {
        true if is_changed => change(&mut run, &recipe, &data, args)?,
        true => {}
        false => run = Run::kept_elsewhere(folder, &recipe, run.record().clone()),
    }
    let training = Training::new(&recipe, &data).map_err(|error| match error {
        resnet::Error::Train(Error::BatchTooSmall { .. }) => {
            let changes = format!("--from {} --set train.last_batch=drop", numbers::quoted(folder));
            anyhow!("{error}; start a new run without that batch:\n  {}", again(&run, &changes))
        }
        other => other.into(),
    })?;
    resnet_views::preamble(&training, &data, options(args).prefetch, all.rank().world_size)?;
    train(run, &training, &data, args, all)
}

/// Gives the run its new recipe, and tells what changed.
fn change(run: &mut Run, recipe: &Recipe, data: &Images, args: &TrainArgs) -> anyhow::Result<()> {
    let changed = resnet_train::change_recipe(run, recipe, data.training()).map_err(|error| {
        if let Error::Checkpoint { .. } | Error::Io { .. } = error {
            // A new run would read the same file.
            return error.into();
        }
        let folder = run.folder().dir();
        let sets =
            settings(args).into_iter().map(|set| format!(" --set {}", numbers::quoted(Path::new(&set))));
        let epochs = args.epochs.map(|epochs| format!(" --epochs {epochs}"));
        let changes = format!("--from {}{}", numbers::quoted(folder), sets.chain(epochs).collect::<String>());
        anyhow!("{error}; start a new run with these weights:\n  {}", again(run, &changes))
    })?;
    for difference in changed {
        let [before, after] = difference.values();
        progress::labelled("changed", &format!("{}: {before} -> {after}", difference.key));
    }
    Ok(())
}

/// Trains the run to its end, or until Ctrl-C.
fn train(
    mut run: Run,
    training: &Training,
    data: &Images,
    args: &TrainArgs,
    all: &Arc<dyn AllReduce>,
) -> anyhow::Result<()> {
    if let Some(warning) = data.size().and_then(|size| training.network().spec().stem_warning(size)) {
        tracing::warn!("{warning}");
    }
    let folder = run.folder().dir().to_owned();
    progress::labelled("run", &folder.display().to_string());
    let options = Options { processes: Arc::clone(all), ..options(args) };
    interrupt::watch(&options.stop)?;
    if args.tensorboard && run.is_kept_here() {
        run.add_tensorboard()?;
    }
    let tells_json = args.log_format == LogFormat::Json && run.is_kept_here();
    if tells_json {
        run.add_sink(Lines::new("standard output", std::io::stdout()));
    }
    let page = run.is_kept_here().then(|| LivePage::new(run.folder().clone()));
    let format = if run.is_kept_here() { args.log_format } else { LogFormat::Text };
    let mut live = Live::new(format.into(), page);
    let outcome = training.fit(data, &mut run, &options, &mut live);
    live.end();
    match outcome? {
        Outcome::Finished(_) if !run.is_kept_here() => Ok(()),
        Outcome::Finished(results) => report(&run, &results, args),
        Outcome::Interrupted { step } => {
            if tells_json {
                let event = serde_json::json!({"event": "interrupted", "run": shown(&folder), "step": step});
                // How to continue is told whoever reads the events.
                let _ = output::json(&event);
            }
            let folder = numbers::quoted(&folder);
            progress::line(&format!(
                "stopped after step {step}; saved in {folder}\ncontinue with: cargo xtask train --resume {folder}"
            ));
            Err(Ended::Interrupted.into())
        }
    }
}

fn report(run: &Run, results: &Results, args: &TrainArgs) -> anyhow::Result<()> {
    let (folder, record) = (run.folder().dir(), run.record());
    let is_log = args.log_format == LogFormat::Json;
    if is_log || args.format.get() == Format::Json {
        return output::json(&Json {
            event: is_log.then_some("end"),
            run: &shown(folder),
            model: &record.model,
            recipe: &record.recipe,
            epochs: results.epochs,
            steps: results.steps,
            train_loss: results.train_loss,
            top1: results.test.map(|scores| scores.top1()),
            images_per_second: results.images_per_second,
            seconds: results.seconds,
        });
    }
    let accuracy = match results.test {
        Some(scores) => format!(
            "{:.2} % ({} of {} images; weights: {}, epoch {})",
            scores.top1(),
            numbers::count(scores.top1_correct),
            numbers::count(scores.images),
            record.selection,
            results.checkpoint_epoch
        ),
        None => "not measured: the recipe says train.evaluate_test = \"never\"".to_owned(),
    };
    output::labelled("test accuracy", &accuracy)?;
    if let Some(mark) = record.mark() {
        output::labelled("", &format!("({mark})"))?;
    }
    if let Some(error) = run.recipe().expected_error {
        output::labelled("published", &format!("{:.2} % ({error:.2} % error)", 100.0 - error))?;
    }
    let (steps, seconds) = (numbers::counted(results.steps, "step"), numbers::clock(results.seconds));
    let speed = numbers::speed(results.images_per_second);
    output::labelled("trained", &format!("{steps} in {seconds}, {speed} images/s"))?;
    output::labelled("run", &folder.display().to_string())?;
    output::line(&next_commands(run))
}

/// The command that starts a new run by the recipe of this one, on its data, with `changes`.
fn again(run: &Run, changes: &str) -> String {
    train_again(run.folder().dir(), run.recipe(), run.record(), changes)
}

/// Commands to try with a finished run.
fn next_commands(run: &Run) -> String {
    let (folder, data) = (numbers::quoted(run.folder().dir()), data_option(run.recipe(), run.record()));
    let eval = format!("cargo xtask eval    --checkpoint {folder} {data}");
    format!(
        "\nnext:\n  {}\n  cargo xtask predict --checkpoint {folder} IMAGE\n  \
         cargo xtask export  --checkpoint {folder} --out {}.safetensors",
        eval.trim_end(),
        run.record().model
    )
}

fn is_used(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Makes the run's folder: the one asked for, or the first of `runs/RECIPE-1`, `runs/RECIPE-2`, ... that is
/// free.
fn create(out: Option<&Path>, recipe: &Recipe, fill: impl Fn(&mut RunRecord)) -> anyhow::Result<Run> {
    let Some(folder) = out else { return Ok(Run::begin_numbered(Path::new(RUNS), recipe, fill)?) };
    Run::begin(folder, recipe, fill).map_err(|error| match error {
        resnet_record::Error::NotEmpty { .. } => not_empty(folder),
        other => other.into(),
    })
}

/// The error of a folder that is not empty, and what helps.
fn not_empty(folder: &Path) -> anyhow::Error {
    let error = resnet_record::Error::NotEmpty { folder: folder.to_owned() };
    anyhow!("{error}; choose another --out, or continue what is there with --resume")
}
