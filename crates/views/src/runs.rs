//! Runs as a list with their states, and the log of one as it grows.

use std::path::Path;
use std::time::Duration;

use resnet::data::names::{printable, shown};
use resnet_record::{Follow, Metric, ProcessesMetrics, RunFolder, RunState};
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use resnet_terminal::{numbers, progress};
use serde_json::json;

use crate::live::epoch_line;

/// Time between two looks at a log.
const PAUSE: Duration = Duration::from_millis(300);
/// Lines of the past that are shown first.
const PAST: usize = 10;

/// Prints the runs in `dir`, or the one run that it is.
///
/// # Errors
/// If the folder cannot be read.
pub fn list_runs(dir: &Path, format: Format) -> anyhow::Result<()> {
    let (mut runs, unread) = resnet_record::list_runs(dir)?;
    unread.iter().for_each(|error| tracing::warn!("{error}"));
    if format == Format::Json {
        // A path that is not UTF-8 is no JSON.
        runs.iter_mut().for_each(|run| run.run = shown(&run.run).into());
        return output::json(&json!({ "runs": runs }));
    }
    if runs.is_empty() {
        return output::sentences(&format!("there are no runs in {}", dir.display()));
    }
    let mut table = Table::new([
        Column::text("run"),
        Column::text("state"),
        Column::number("epoch"),
        Column::number("error"),
        Column::text("of").optional(3),
        Column::number("time").optional(1),
        Column::text("recipe").optional(4),
        Column::text("began").optional(2),
    ]);
    for run in runs {
        let of = run.epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
        table.add([
            printable(&run.run.file_name().unwrap_or(run.run.as_os_str()).to_string_lossy()).into_owned(),
            run.state.name().to_owned(),
            format!("{}{of}", run.epoch),
            run.error.map_or(String::new(), |error| format!("{error:.2} %")),
            run.measured.unwrap_or_default().to_owned(),
            numbers::clock(run.seconds),
            printable(&run.recipe).into_owned(),
            // To the minute: `2026-11-27 19:33`.
            printable(&run.started.replace('T', " ").chars().take(16).collect::<String>()).into_owned(),
        ]);
    }
    output::print_table(&table)
}

/// Prints the metrics of the run in `dir`, the last ten of the past first, until no process trains it any
/// more.
///
/// # Errors
/// If the run cannot be read.
pub fn follow(dir: &Path, format: Format) -> anyhow::Result<()> {
    let folder = RunFolder::open(dir)?;
    let mut epochs = folder.summary()?.epochs;
    let mut log = Follow::new(folder);
    let mut skip = None;
    loop {
        // Asked before the log is read, so that a last line is not missed.
        let state = log.folder().state()?;
        let metrics = log.read()?;
        if epochs.is_none() && metrics.iter().any(|metric| matches!(metric, Metric::Epoch(_))) {
            // Of images in files the length of an epoch is known when the first has ended.
            epochs = log.folder().summary()?.epochs;
        }
        let skip = skip.replace(0).unwrap_or_else(|| metrics.len().saturating_sub(PAST));
        for metric in &metrics[skip..] {
            match format {
                Format::Json => output::json(metric)?,
                Format::Text => output::line(&logged(metric, epochs))?,
            }
        }
        if state != RunState::Training {
            progress::sentence(
                &format!("{} is not being trained now; it is {}", dir.display(), state.name()),
                0,
            );
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}

/// A line of a log; `epochs` is the number of all epochs, if that is known.
fn logged(metric: &Metric, epochs: Option<u64>) -> String {
    match metric {
        Metric::Step(step) => format!(
            "step {}  loss {:.3}  rate {}  {} images/s",
            numbers::count(step.step),
            step.loss,
            numbers::few_digits(step.rate),
            numbers::speed(step.images_per_second)
        ),
        Metric::Epoch(epoch) => epoch_line(epoch, epochs),
        Metric::Processes(ProcessesMetrics { processes, .. }) => {
            let waiting = processes.iter().map(|time| 100.0 * time.waiting / time.whole().max(1e-9));
            let most = waiting.fold(0.0, f64::max);
            format!("{} processes, which wait for others {most:.1} % of the time at most", processes.len())
        }
        Metric::Final(end) => {
            let test = end.test.map_or(String::new(), |scores| format!("  test {:.2} %", scores.top1()));
            format!("finished after step {}{test}", numbers::count(end.step))
        }
    }
}
