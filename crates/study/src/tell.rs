//! What page and Markdown table alike say of results.

use resnet_record::Machine;

use crate::results::{Results, RowResult};
use crate::target::Target;
use crate::words::{counted, listed, percent, signed};
use crate::{Request, Scale};

/// A deviation of more rows than this is told with their number instead of their names.
const SHARED: usize = 3;

/// The median test error in percent as text, and how many runs failed; empty if there are no runs.
pub fn measured(row: &RowResult) -> String {
    match (row.runs.len(), row.failed, row.judged_errors().median()) {
        (0, ..) => String::new(),
        (runs, failed, None) => format!("fails ({failed} of {runs})"),
        (_, 0, Some(median)) => percent(median),
        (runs, failed, Some(median)) => format!("{} ({failed} of {runs} fail)", percent(median)),
    }
}

/// The mean with its deviation where there is one.
pub(crate) fn mean(row: &RowResult) -> String {
    let errors = row.judged_errors();
    match (errors.mean(), errors.deviation()) {
        (Some(mean), Some(deviation)) => format!("{} ± {}", percent(mean), percent(deviation)),
        _ => String::new(),
    }
}

/// The difference from the baseline in points as text, and whether it is decided; empty without a baseline.
pub fn difference(row: &RowResult) -> String {
    let Some(contrast) = row.contrast else { return String::new() };
    let difference = signed(contrast.difference);
    match (contrast.chance, contrast.seeds_to_decide) {
        (None, _) => format!("{difference}, spread unknown"),
        (Some(_), _) if contrast.is_decided() => {
            format!("{difference} ± {}, decided", percent(contrast.error))
        }
        (Some(_), Some(seeds)) => {
            format!(
                "{difference} ± {}, open: {} would decide",
                percent(contrast.error),
                counted(seeds, "seed")
            )
        }
        (Some(_), None) => format!("{difference} ± {}, open", percent(contrast.error)),
    }
}

/// Deviations, each with the rows that have it.
pub(crate) fn deviation_lines(results: &Results) -> Vec<String> {
    let trained: Vec<&RowResult> = results.rows.iter().filter(|row| !row.runs.is_empty()).collect();
    let mut all: Vec<(&String, Vec<&RowResult>)> = vec![];
    for row in &trained {
        for told in &row.deviations {
            match all.iter_mut().find(|(known, _)| *known == told) {
                Some((_, rows)) => rows.push(row),
                None => all.push((told, vec![row])),
            }
        }
    }
    // What all share first.
    all.sort_by_key(|(_, rows)| rows.len() < trained.len());
    all.iter().map(|(told, rows)| format!("{told}: {}", rows_told(results, rows, &trained))).collect()
}

/// `all rows`, whole groups by their names, a few rows by theirs, or their number.
fn rows_told(results: &Results, rows: &[&RowResult], trained: &[&RowResult]) -> String {
    let of_group =
        |rows: &[&RowResult], group: &str| rows.iter().filter(|row| row.row.group == group).count();
    let mut groups: Vec<String> = rows.iter().map(|row| row.row.group.clone()).collect();
    groups.dedup();
    let are_whole = groups.iter().all(|group| of_group(rows, group) == of_group(trained, group));
    match rows.len() {
        every if every == trained.len() => "all rows".to_owned(),
        _ if are_whole => listed(&groups),
        few if few <= SHARED => listed(&rows.iter().map(|row| results.label_of(row)).collect::<Vec<_>>()),
        many => format!("{many} rows"),
    }
}

/// What a scale means.
pub(crate) fn scale_words(scale: Scale) -> &'static str {
    match scale {
        Scale::Full => "the paper's networks and schedule",
        Scale::Small => "networks of about half the depth, trained for eight epochs",
        Scale::Smoke => {
            "networks of 8 to 34 layers, trained on some five thousand images, to see that all of it works"
        }
    }
}

/// The machines that trained.
pub(crate) fn machines(results: &Results) -> Vec<String> {
    let mut all: Vec<String> = results
        .runs()
        .map(|run| match &run.record.machine {
            Some(Machine { cpu, .. }) => format!("{cpu} ({})", counted(run.record.threads, "thread")),
            None => "a machine that is not named".to_owned(),
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The command that makes it again, with as many seeds as its rows have at most.
pub(crate) fn commands(results: &Results) -> Vec<String> {
    let most = results.rows.iter().map(|row| row.runs.len() as u64).max().unwrap_or(0);
    vec![command(&results.request, results.grid.target, most.max(results.request.seeds))]
}

/// `cargo xtask reproduce table2 --scale small --seeds 2 --data DIR`
pub(crate) fn command(request: &Request, target: Target, seeds: u64) -> String {
    let data = if request.has_data { " --data DIR" } else { "" };
    format!("cargo xtask reproduce {} --scale {} --seeds {seeds}{data}", target.name(), request.scale)
}
