//! What page and Markdown table alike say of results.

use resnet_record::{DataSet, Machine, RunRecord};

use crate::find::FoundRun;
use crate::grid::{Published, data_words};
use crate::results::{Results, RowResult};
use crate::tables::grid;
use crate::target::Target;
use crate::words::{counted, distinct, listed, percent, signed};
use crate::{ImageKind, Request, Scale};

/// A deviation of more rows than this is told with their number instead of their names.
const SHARED: usize = 3;

/// The median test error in percent as text, of top-1 and top-5 where the paper has both, and how many runs
/// failed; empty if there are no runs.
pub fn measured(row: &RowResult) -> String {
    let told = |median: f64| match (row.row.published, row.judged_top5_errors().median()) {
        (Published::Errors(..), Some(top5)) => Published::Errors(median, top5).to_string(),
        _ => percent(median),
    };
    match (row.runs.len(), row.failed, row.judged_errors().median()) {
        (0, ..) => String::new(),
        (runs, failed, None) => format!("fails ({failed} of {runs})"),
        (_, 0, Some(median)) => told(median),
        (runs, failed, Some(median)) => format!("{} ({failed} of {runs} fail)", told(median)),
    }
}

/// The standard deviation of the errors over seeds, in points; empty where there is none.
pub fn deviation(row: &RowResult) -> String {
    row.judged_errors().deviation().map_or(String::new(), percent)
}

/// The difference from the baseline and half its 95 % interval in points, each a cell of its own so that
/// numbers align, and the verdict; all empty without a baseline.
pub(crate) fn difference_cells(row: &RowResult) -> [String; 3] {
    let Some(contrast) = row.contrast else { return Default::default() };
    let verdict = match (contrast.chance, contrast.seeds_to_decide) {
        (None, _) => "spread unknown".to_owned(),
        (Some(_), _) if contrast.is_decided() => "decided".to_owned(),
        (Some(_), Some(seeds)) => format!("open, about {}", counted(seeds, "seed")),
        (Some(_), None) => "open".to_owned(),
    };
    [signed(contrast.difference), contrast.interval.map_or(String::new(), percent), verdict]
}

/// The difference from the baseline in points as text, and whether it is decided; empty without a baseline.
pub fn difference(row: &RowResult) -> String {
    let [difference, interval, verdict] = difference_cells(row);
    match (difference.is_empty(), interval.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!("{difference}, {verdict}"),
        (false, false) => format!("{difference} ± {interval}, {verdict}"),
    }
}

/// How the numbers of a table are meant.
pub(crate) const STATISTICS: &str = "Median, deviation and loss are over all seeds of a row, a run that diverged counting as a \
    guess; a row of which more than half failed has none of them. The difference is that of the means, row less baseline, \
    with its 95 % interval by Welch's test: it is decided where the interval leaves out zero (p < 0.05). Otherwise the verdict \
    says with about how many seeds of each row four of five such experiments would decide, if difference and spread stay as \
    they are; two seeds are a poor estimate of the spread. Each difference is tested alone: of ten rows that are truly alike, about one \
    in five tables would still show one as decided.";

/// What counts as a failure, in a sentence.
pub(crate) fn failure_words(results: &Results) -> String {
    let request = &results.request;
    let recipes = results.rows.iter().filter_map(|row| row.row.recipe_at(request.scale, request.images));
    let limits: Vec<(f64, DataSet)> =
        distinct(recipes.map(|recipe| (request.scale.fails_above(&recipe), recipe.data.set)));
    let above = match &limits[..] {
        [(limit, _)] => format!("{limit} %"),
        several => {
            let told = several.iter().map(|(limit, set)| format!("{limit} % on {}", data_words(*set)));
            listed(&told.collect::<Vec<_>>())
        }
    };
    let is_of_the_paper =
        |row: &RowResult| row.row.recipe.as_ref().is_some_and(|recipe| recipe.data.set == DataSet::Cifar10);
    let is_shorter = request.scale != Scale::Full && results.rows.iter().any(is_of_the_paper);
    let paper = if is_shorter { " (the paper: 20 %)" } else { "" };
    format!("A run fails if it diverges or its test error ends above {above}{paper}.")
}

/// Deviations, each with the rows that have it.
pub fn deviation_lines(results: &Results) -> Vec<String> {
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

/// `all rows` or `all trained rows`, whole groups by their names, a few rows by theirs, or their number.
fn rows_told(results: &Results, rows: &[&RowResult], trained: &[&RowResult]) -> String {
    let of_group =
        |rows: &[&RowResult], group: &str| rows.iter().filter(|row| row.row.group == group).count();
    let groups = distinct(rows.iter().map(|row| row.row.group.clone()));
    let are_whole = groups.iter().all(|group| of_group(rows, group) == of_group(trained, group));
    let trainable = results.rows.iter().filter(|row| row.row.recipe.is_some()).count();
    match rows.len() {
        every if every == trainable => "all rows".to_owned(),
        every if every == trained.len() => "all trained rows".to_owned(),
        _ if are_whole => listed(&groups),
        few if few <= SHARED => listed(&rows.iter().map(|row| results.label_of(row)).collect::<Vec<_>>()),
        many => format!("{many} rows"),
    }
}

/// What a scale means for a table or figure.
pub(crate) fn scale_words(scale: Scale, target: Target) -> &'static str {
    match (scale, target) {
        (Scale::Full, _) => "the paper's networks and schedule",
        (Scale::Small, Target::Table5) => {
            "shallower networks (50 layers for 152, 101 for 200), trained for nine epochs in smaller batches"
        }
        (Scale::Small, Target::Table4) => {
            "shallower networks (56 layers for 110 and 164, 164 for 1001, 110 for 1202), trained for eight epochs"
        }
        (Scale::Small, _) => {
            "shallower networks (56 layers for 110 and 164, 164 for 1001), trained for eight epochs"
        }
        (Scale::Smoke, Target::Table5) => {
            "networks of 18 and 34 layers, trained on 1,280 images, to see that all of it works"
        }
        (Scale::Smoke, _) => {
            "networks of 14 to 29 layers, trained on 2,560 images, to see that all of it works"
        }
    }
}

/// The machines that trained.
pub(crate) fn machines(results: &Results) -> Vec<String> {
    let named = |machine: Option<&Machine>, threads| match machine {
        Some(Machine { cpu, .. }) => format!("{cpu} ({})", counted(threads, "thread")),
        None => "a machine that is not named".to_owned(),
    };
    let of_run = |run: &FoundRun| {
        let RunRecord { machine, threads, resumptions, .. } = &run.record;
        let later = resumptions.iter().map(|later| {
            named(later.machine.as_ref().or(machine.as_ref()), later.threads.unwrap_or(*threads))
        });
        std::iter::once(named(machine.as_ref(), *threads)).chain(later).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = results.runs().flat_map(of_run).collect();
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
    let rows = grid(target).rows;
    let is_here = |name: &&String| rows.iter().any(|row| row.is_called(name));
    let only: String = request.only.iter().filter(is_here).map(|name| format!(" --only {name}")).collect();
    let data = if request.images == ImageKind::Real { " --data DIR" } else { "" };
    format!("cargo xtask reproduce {} --scale {}{only} --seeds {seeds}{data}", target.name(), request.scale)
}
