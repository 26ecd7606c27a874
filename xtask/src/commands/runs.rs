//! `runs`: lists runs with their states, or follows one that trains elsewhere.

use std::path::Path;
use std::time::Duration;

use resnet_record::{Follow, RunFolder, RunState, list_runs};
use serde_json::json;

use crate::args::RunsArgs;
use crate::output::{self, Format};
use crate::table::{Column, Table};
use crate::{live, numbers, progress};

/// Time between two looks at a log.
const PAUSE: Duration = Duration::from_millis(300);
/// Lines of the past that are shown first.
const PAST: usize = 10;

pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<()> {
    if let Some(dir) = &args.follow {
        return follow(dir, args.format.get());
    }
    let (runs, unread) = list_runs(&args.dir)?;
    unread.iter().for_each(|error| tracing::warn!("{error}"));
    if args.format.get() == Format::Json {
        return output::json(&json!({ "runs": runs }));
    }
    if runs.is_empty() {
        return output::sentences(&format!("there are no runs in {}", args.dir.display()));
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
            run.run.file_name().unwrap_or(run.run.as_os_str()).to_string_lossy().into_owned(),
            run.state.name().to_owned(),
            format!("{}{of}", run.epoch),
            run.error.map_or(String::new(), |error| format!("{error:.2} %")),
            run.measured.unwrap_or_default().to_owned(),
            numbers::clock(run.seconds),
            run.recipe,
            run.started.replace('T', " ").trim_end_matches('Z').to_owned(),
        ]);
    }
    output::print_table(&table)
}

/// Prints what is logged until nobody writes to the run any more.
fn follow(dir: &Path, format: Format) -> anyhow::Result<()> {
    let folder = RunFolder::open(dir)?;
    let epochs = folder.summary()?.epochs.unwrap_or_default();
    let mut log = Follow::new(folder);
    let mut skip = None;
    loop {
        // Asked before the log is read, so that a last line is not missed.
        let state = log.folder().state()?;
        let metrics = log.next()?;
        let skip = skip.replace(0).unwrap_or_else(|| metrics.len().saturating_sub(PAST));
        for metric in &metrics[skip..] {
            match (format, metric) {
                (Format::Json, metric) => output::json(metric)?,
                (_, metric) => output::line(&live::logged(metric, epochs))?,
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
