//! A table of results in Markdown: published beside measured.

use std::fmt::Write as _;

use crate::results::Results;
use crate::tell::{commands, deviation_lines, difference, machines, mean, measured, scale_words};
use crate::words::{capital, listed};

/// The table or figure with what was measured, for a README or a file of results.
pub fn markdown(results: &Results) -> String {
    let (grid, request) = (&results.grid, &results.request);
    let mut text = format!(
        "# {}: {}\n\nAt the scale `{}`: {}. Errors are test errors in percent.\n\n",
        capital(&grid.target.to_string()),
        grid.about,
        request.scale,
        scale_words(request.scale)
    );
    text += "| row | published | measured (median) | mean ± deviation | seeds | difference from baseline | loss, nats |\n";
    text += "|---|---|---|---|---|---|---|\n";
    let mut group = "";
    for row in &results.rows {
        if row.row.group != group {
            group = &row.row.group;
            let _ = writeln!(text, "| **{group}** | | | | | | |");
        }
        let loss = row.judged_losses().median().map_or(String::new(), |loss| format!("{loss:.3}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {loss} |",
            row.row.label.replace('|', "\\|"),
            row.row.published,
            measured(row),
            mean(row),
            if row.row.recipe.is_some() { row.runs.len().to_string() } else { "quoted".to_owned() },
            difference(row)
        );
    }
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
    text
}
