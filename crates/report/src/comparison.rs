//! The page of several runs: curves over each other, seeds of one training gathered, and what the trainings
//! differ in.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::context;
use resnet_record::{Contrast, DataSet, RunFolder, Seeds, Split};
use serde::Serialize;

use crate::Error;
use crate::again::began_from;
use crate::chart::{Axis, Chart, Colour, Series, medians};
use crate::figure::Figure;
use crate::numbers::{capital, count, counted, duration};
use crate::page::render;
use crate::run::{RunData, drops_told, shared_drops, shared_epoch};

/// Runs of one training that differ in their seed alone.
struct Group {
    name: String,
    /// What its lines are called, with less room: the value alone where the trainings differ in one key.
    line: String,
    colour: Colour,
    /// What its training is, as [`flat`] tells it.
    training: BTreeMap<String, String>,
    runs: Vec<RunData>,
}

/// A line of the table of results.
#[derive(Serialize)]
struct Row {
    name: String,
    seeds: usize,
    median: Option<String>,
    mean: Option<String>,
    range: Option<String>,
    published: Option<String>,
    steps: String,
    time: String,
}

/// A training with its values of the keys that the trainings differ in.
#[derive(Serialize)]
struct Differing {
    name: String,
    values: Vec<String>,
}

/// The page of these runs, in their order; runs that differ in their seed alone stand together. `commands`
/// are shown as the way to make it again.
///
/// # Errors
/// If a run cannot be read or has logged nothing.
pub fn comparison_page(folders: &[RunFolder], commands: &[String]) -> Result<String, Error> {
    let runs = folders.iter().map(RunData::read).collect::<Result<Vec<_>, _>>()?;
    let trainings: Vec<_> = runs.iter().map(flat).collect();
    let differences = differing_keys(&trainings);
    let groups = gathered(runs, &trainings, &differences);
    let measured =
        match groups.iter().flat_map(|group| &group.runs).all(|run| !run.errors(Split::Test).is_empty()) {
            true => Split::Test,
            false => Split::Validation,
        };
    let compared = compared_on(&groups);
    let mut figures = vec![];
    figures.extend(errors(&groups, measured).map(|chart| {
        let caption = format!(
            "{} error by step, solid; the median over seeds in front, single seeds pale behind it.{}{}{}",
            capital(measured.name()),
            drops_told(&drops(&groups)),
            named_by(&groups, &differences),
            match groups.iter().flat_map(|group| &group.runs).any(RunData::is_averaged) {
                true => " Where a moving average of the weights is kept, the error is the average's.",
                false => "",
            }
        );
        Figure::new(&chart, caption)
    }));
    let caption = "Training loss by step, dashed and smoothed over a hundredth of the training.";
    let caption = format!("{caption}{}", named_by(&groups, &differences));
    figures.push(Figure::new(&losses(&groups), caption));
    let differing: Vec<Differing> = groups
        .iter()
        .map(|group| Differing {
            name: group.name.clone(),
            values: differences.iter().map(|key| value_of(group, key)).collect(),
        })
        .collect();
    let rows: Vec<Row> = groups.iter().map(|group| row(group, compared)).collect();
    let page = context! {
        title => match groups.len() {
            1 if seeds(&groups[0]) == folders.len() => format!("{} seeds of {}", folders.len(), groups[0].name),
            1 => format!("{} runs of {}", folders.len(), groups[0].name),
            _ => format!("{} runs compared", folders.len()),
        },
        compared_on => compared.name(),
        has_published => rows.iter().any(|row| row.published.is_some()),
        rows => rows,
        keys => differences,
        differing => differing,
        verdict => verdict(&groups, compared),
        figures => figures,
        commands => commands,
    };
    render("comparison.html", page)
}

/// A training as keys and values: its recipe, without the seed and without keys that change no step, and
/// what its record has besides. The folder of a known data set is left out, which holds the same on every
/// machine.
fn flat(run: &RunData) -> BTreeMap<String, String> {
    let mut keys = run.recipe.flat();
    keys.retain(|key, _| key != "train.seed" && !run.recipe.is_without_effect(key));
    let record = &run.record;
    let is_known = run.recipe.data.set != DataSet::Images;
    let recorded = [
        ("data", (!is_known).then_some(record.data.as_str())),
        ("from", began_from(record)),
        ("revision", record.revision.as_deref()),
        ("weights", record.weights.as_deref()),
        ("prefix", record.prefix.as_deref()),
        ("class_list", record.files.class_list.as_deref()),
        ("label_list", record.files.label_list.as_deref()),
        ("image_column", record.files.image_column.as_deref()),
        ("label_column", record.files.label_column.as_deref()),
        ("skip_list", record.files.skip_list.as_deref()),
    ];
    keys.extend(recorded.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))));
    // Without shared statistics each process normalises by its own part of a batch: another training.
    let counted = [
        (
            "processes",
            (record.processes > 1 && !run.recipe.train.sync_bn).then(|| record.processes.to_string()),
        ),
        ("skip_broken", record.files.skip_broken.map(|percent| percent.to_string())),
    ];
    keys.extend(counted.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    keys
}

fn differing_keys(trainings: &[BTreeMap<String, String>]) -> Vec<String> {
    let mut keys: Vec<&String> = trainings.iter().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&&String| trainings.iter().any(|other| other.get(**key) != trainings[0].get(**key));
    keys.iter().filter(differs).map(|key| (*key).clone()).collect()
}

fn gathered(
    runs: Vec<RunData>,
    trainings: &[BTreeMap<String, String>],
    differences: &[String],
) -> Vec<Group> {
    let mut groups: Vec<(&BTreeMap<String, String>, Vec<RunData>)> = vec![];
    for (run, training) in runs.into_iter().zip(trainings) {
        match groups.iter_mut().find(|(other, _)| *other == training) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((training, vec![run])),
        }
    }
    let models: Vec<&str> = groups.iter().map(|(_, runs)| runs[0].record.model.as_str()).collect();
    let are_models_enough = (1..models.len()).all(|index| !models[..index].contains(&models[index]));
    let line = |(training, runs): &(&BTreeMap<String, String>, Vec<RunData>)| match differences {
        _ if are_models_enough => runs[0].record.model.clone(),
        [only] => training.get(only).map_or("none", |value| value).to_owned(),
        _ if runs.len() > 1 => without_seed(&runs[0].record.run).to_owned(),
        _ => runs[0].record.run.clone(),
    };
    let lines: Vec<String> = groups.iter().map(line).collect();
    let name = |line: &String| match differences {
        [only] if !are_models_enough => format!("{only} = {line}"),
        _ => line.clone(),
    };
    let names: Vec<String> = lines.iter().map(name).collect();
    let colours = Colour::of_networks(&models);
    groups
        .into_iter()
        .zip(names.into_iter().zip(lines))
        .zip(colours)
        .map(|(((training, runs), (name, line)), colour)| Group {
            training: training.clone(),
            colour,
            name,
            line,
            runs,
        })
        .collect()
}

/// `quick-start` from `quick-start-seed-3`: what the runs of several seeds are called together.
fn without_seed(run: &str) -> &str {
    match run.rsplit_once("-seed-") {
        Some((name, seed)) if !name.is_empty() && seed.parse::<u64>().is_ok() => name,
        _ => run,
    }
}

/// Which key lines are called by, as a sentence; none where they are called by a network or a run.
fn named_by(groups: &[Group], differences: &[String]) -> String {
    match differences {
        [only] if groups.iter().any(|group| group.line != group.name) => {
            format!(" Lines are named by their {only}.")
        }
        _ => String::new(),
    }
}

fn value_of(group: &Group, key: &str) -> String {
    group.training.get(key).cloned().unwrap_or_else(|| "not set".to_owned())
}

/// The steps of an epoch, if all runs have as many.
fn epoch(groups: &[Group]) -> u64 {
    shared_epoch(groups.iter().flat_map(|group| &group.runs).map(RunData::steps_per_epoch))
}

/// Where the learning rate drops, if it does so at the same steps in all runs.
fn drops(groups: &[Group]) -> Vec<f64> {
    shared_drops(groups.iter().flat_map(|group| &group.runs).map(RunData::drops))
}

fn errors(groups: &[Group], measured: Split) -> Option<Chart> {
    let all = groups.iter().flat_map(|group| &group.runs);
    let most = all.clone().flat_map(|run| run.errors(measured)).map(|(_, error)| error).fold(0.0, f64::max);
    let last = all.map(RunData::last_step).max()?;
    if most == 0.0 {
        return None;
    }
    let y = Axis::percent(&format!("{} error, %", measured.name()), most);
    let trainings = counted(groups.len() as u64, "training");
    let title = format!("{} error of {trainings}", capital(measured.name()));
    let x = Axis::from_zero("steps", last as f64);
    let mut chart = Chart::new(title, x, y).epochs(epoch(groups)).verticals(drops(groups));
    for group in groups {
        let seeds: Vec<_> = group.runs.iter().map(|run| run.errors(measured)).collect();
        for line in seeds.iter().filter(|_| seeds.len() > 1) {
            chart = chart.with(Series::new("", group.colour, line.clone()).faint());
        }
        let median = medians(&seeds);
        let few = median.len() <= 30;
        let line = Series::new(&group.line, group.colour, median);
        chart = chart.with(if few { line.marked() } else { line });
    }
    Some(chart)
}

fn losses(groups: &[Group]) -> Chart {
    let last = groups.iter().flat_map(|group| &group.runs).map(RunData::last_step).max().unwrap_or(1);
    let title = format!("Training loss of {}", counted(groups.len() as u64, "training"));
    let mut chart = Chart::new(
        title,
        Axis::from_zero("steps", last as f64),
        Axis::log("training loss, nats (log scale)"),
    )
    .epochs(epoch(groups));
    for group in groups {
        let seeds: Vec<_> = group.runs.iter().map(RunData::losses).collect();
        let median = medians(&seeds);
        let mean = crate::chart::smoothed(&median, (median.len() / 100).max(1));
        chart = chart.with(Series::new(&group.line, group.colour, mean).dashed());
    }
    chart
}

/// The images by whose errors finished runs are compared: the test images if any of them was scored on them.
fn compared_on(groups: &[Group]) -> Split {
    let mut results = groups.iter().flat_map(|group| &group.runs).filter_map(|run| run.record.results);
    match results.any(|results| results.test.is_some()) {
        true => Split::Test,
        false => Split::Validation,
    }
}

/// How many seeds the group's runs have.
fn seeds(group: &Group) -> usize {
    group.runs.iter().map(|run| run.record.seed).collect::<BTreeSet<_>>().len()
}

/// The errors of the runs that are finished, all on the same images: one for each seed, since runs of one
/// seed show nothing of the noise.
fn final_errors(group: &Group, measured: Split) -> Seeds {
    let error_of = |run: &RunData| {
        let results = run.record.results?;
        let scores = match measured {
            Split::Test => results.test,
            Split::Validation => results.validation,
        };
        Some((run.record.seed, scores?.error()))
    };
    // Later pairs replace earlier ones, and the first run of a seed counts.
    let by_seed: BTreeMap<u64, f64> = group.runs.iter().rev().filter_map(error_of).collect();
    Seeds::of(by_seed.into_values())
}

fn row(group: &Group, measured: Split) -> Row {
    let errors = final_errors(group, measured);
    let seconds = Seeds::of(group.runs.iter().filter_map(|run| Some(run.record.results?.seconds)));
    let spread = errors.deviation().map_or(String::new(), |deviation| format!(" ± {deviation:.2}"));
    let range = errors.range().filter(|_| errors.count() > 1);
    Row {
        name: group.name.clone(),
        seeds: errors.count(),
        median: errors.median().map(|median| format!("{median:.2}")),
        mean: errors.mean().map(|mean| format!("{mean:.2}{spread}")),
        range: range.map(|[low, high]| format!("{low:.2} to {high:.2}")),
        published: group.runs[0].recipe.expected_error.map(|error| format!("{error:.2}")),
        steps: count(group.runs[0].last_step()),
        // No time is known of runs that are all unfinished.
        time: seconds.median().map_or(String::new(), duration),
    }
}

/// Which training is better, if the seeds tell.
fn verdict(groups: &[Group], measured: Split) -> String {
    let mut all: Vec<(&str, Seeds, f64)> = groups
        .iter()
        .filter_map(|group| {
            let errors = final_errors(group, measured);
            let mean = errors.mean()?;
            Some((group.name.as_str(), errors, mean))
        })
        .collect();
    all.sort_by(|a, b| a.2.total_cmp(&b.2));
    let [(best, best_errors, _), (second, second_errors, _), ..] = &all[..] else {
        return match &all[..] {
            [(name, errors, mean)] if groups.len() == 1 && errors.count() > 1 => format!(
                "{} seeds of one training, {name}: {mean:.2} % error in the mean, with a standard deviation of {:.2} points.",
                errors.count(),
                errors.deviation().unwrap_or_default()
            ),
            _ => "Nothing to compare yet: fewer than two trainings have a result.".to_owned(),
        };
    };
    let contrast = Contrast::of(best_errors, second_errors);
    let Some((contrast, interval)) = contrast.and_then(|contrast| Some((contrast, contrast.interval?)))
    else {
        return format!(
            "{best} has the lowest error, {second} the next; that may be chance, since the seeds show no noise to compare it \
             with. Train more seeds of both before choosing."
        );
    };
    let Contrast { difference, seeds_to_decide, .. } = contrast;
    if contrast.is_decided() {
        return format!(
            "{best} is better than {second} by {difference:.2} ± {interval:.2} points (95 % confidence): chance alone \
             produces as much less than one time in twenty."
        );
    }
    let needed = match seeds_to_decide {
        Some(seeds) => {
            format!("about {seeds} seeds of each would decide if difference and spread stay as they are")
        }
        None => "a thousand seeds of each would not decide".to_owned(),
    };
    format!(
        "{best} and {second} differ by {difference:.2} ± {interval:.2} points (95 % confidence): no winner yet; {needed}."
    )
}
