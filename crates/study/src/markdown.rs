//! A table of results in Markdown: published beside measured.

use std::fmt::Write as _;

use crate::Target;
use crate::results::Results;
use crate::tell::{
    STATISTICS, commands, deviation, deviation_lines, difference_cells, failure_words, machines, measured,
    scale_words,
};
use crate::words::{capital, listed};

/// The last line of each of these files. A file that has it may be replaced.
const MARK: &str = "<!-- made by reproduce -->";

/// The table or figure with what was measured, for a README or a file of results.
pub fn markdown(results: &Results) -> String {
    let (grid, request) = (&results.grid, &results.request);
    let mut text = format!(
        "# {}: {}\n\nAt the scale `{}`: {}. Errors are test errors in percent{}. {}\n\n",
        capital(&grid.target.to_string()),
        grid.about,
        request.scale,
        scale_words(request.scale, grid.target),
        if grid.target == Target::Table5 { ", top-1 / top-5" } else { "" },
        failure_words(results)
    );
    text += "| row | published, % | median, % | deviation, points | seeds | difference, points | ± | verdict | loss, nats |\n";
    text += "|---|---:|---:|---:|---:|---:|---:|---|---:|\n";
    let mut group = "";
    for row in &results.rows {
        if row.row.group != group {
            group = &row.row.group;
            let _ = writeln!(text, "| **{group}** | | | | | | | | |");
        }
        let loss = row.judged_losses().median().map_or(String::new(), |loss| format!("{loss:.3}"));
        let [difference, interval, verdict] = difference_cells(row);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {difference} | {interval} | {verdict} | {loss} |",
            row.row.label.replace('|', "\\|"),
            row.row.published,
            measured(row),
            deviation(row),
            if row.row.recipe.is_some() { row.runs.len().to_string() } else { "quoted".to_owned() }
        );
    }
    let _ = writeln!(text, "\n{STATISTICS}");
    let told = deviation_lines(results);
    if !told.is_empty() {
        let _ = writeln!(text, "\nHow these trainings differ from the paper's:\n");
        told.iter().for_each(|line| {
            let _ = writeln!(text, "- {line}");
        });
    }
    let _ = write!(text, "\nMade by:\n\n    {}\n", commands(results).join("\n    "));
    let machines = machines(results);
    if !machines.is_empty() {
        let _ = write!(text, "\nTrained on {}.\n", listed(&machines));
    }
    let _ = writeln!(text, "\n{MARK}");
    text
}

/// Whether [`markdown`] made this text. Before there was a mark, its files had a heading and the commands.
pub(crate) fn is_ours(text: &str) -> bool {
    let has = |wanted: &str| text.lines().any(|line| line == wanted);
    has(MARK) || (is_heading(text.lines().next().unwrap_or("")) && has("Made by:"))
}

/// Whether it is the heading of a table or a figure, such as `# Table 2: ...`.
fn is_heading(line: &str) -> bool {
    let rest = line.strip_prefix("# Table ").or_else(|| line.strip_prefix("# Figure "));
    let number = rest.and_then(|rest| rest.split_once(": ")).map(|(number, _)| number);
    number.is_some_and(|number| number.parse::<u8>().is_ok())
}
