//! The page of a table or figure: the answer, published beside measured as a picture and as a table, curves,
//! and how these trainings differ from the paper's.

use resnet_record::Contrast;
use resnet_report::chart::{DotGroup, Dots, dots};
use resnet_report::{Article, Cell, Figure, Head, Part, Table, TableRow, data_name};

use crate::Scale;
use crate::answer::answer;
use crate::curves::{colour, curves};
use crate::find::RunStatus;
use crate::results::{Results, RowResult};
use crate::tell::{
    STATISTICS, commands, deviation, deviation_lines, difference_cells, failure_words, machines, measured,
    scale_words,
};
use crate::words::{capital, counted, listed, percent};

/// The page of a table or figure, with what has been measured so far.
pub(crate) fn page(results: &Results) -> Article {
    let (grid, request) = (&results.grid, &results.request);
    let mut parts = vec![];
    if results.has_any() {
        // A figure of the paper is its curves.
        let curves = curve_parts(results);
        let (first, then) = if grid.target.is_figure() { (curves, vec![]) } else { (vec![], curves) };
        parts.extend(first);
        parts.push(Part::Heading("Published and measured".to_owned()));
        parts.push(Part::Wide(picture(results)));
        parts.push(Part::Table(table(results)));
        parts.push(Part::Text(STATISTICS.to_owned()));
        parts.push(Part::Text(failure_words(results)));
        parts.extend(then);
        parts.push(Part::Heading("How these trainings differ from the paper's".to_owned()));
        match deviation_lines(results) {
            none if none.is_empty() => parts.push(Part::Text("In nothing that the recipe knows.".to_owned())),
            lines => parts.push(Part::List(lines)),
        }
        parts.push(Part::Heading("Runs".to_owned()));
        parts.push(Part::Table(runs(results)));
    }
    Article {
        kicker: format!("{}, at the scale {}", capital(&grid.target.to_string()), request.scale),
        title: format!("{}: {}", capital(&grid.target.to_string()), grid.about),
        lead: lead(results),
        parts,
        commands: commands(results),
    }
}

/// The curves under their heading; nothing where none are drawn.
fn curve_parts(results: &Results) -> Vec<Part> {
    let curves: Vec<Figure> =
        curves(results).into_iter().flat_map(|panel| [panel.errors, panel.losses]).collect();
    match curves.is_empty() {
        true => vec![],
        false => vec![Part::Heading("While they train".to_owned()), Part::Figures(curves)],
    }
}

/// The answer, then what was trained, where and when.
fn lead(results: &Results) -> Vec<String> {
    let mut lead = vec![answer(results)];
    if !results.has_any() {
        return lead;
    }
    let runs: Vec<_> = results.runs().collect();
    // The page may be read far from the machine that has the folder.
    let mut data: Vec<String> = runs.iter().map(|run| data_name(&run.record).to_owned()).collect();
    data.retain(|name| !name.is_empty());
    data.sort();
    data.dedup();
    let trained = results.rows.iter().filter(|row| !row.runs.is_empty()).count();
    let rows = results.rows.iter().filter(|row| row.row.recipe.is_some()).count();
    let began =
        runs.iter().map(|run| run.record.started.get(..10).unwrap_or_default()).min().unwrap_or_default();
    lead.push(format!(
        "{}: {} of {rows} rows, {}, since {began}, on {}; images from {}.",
        capital(scale_words(results.request.scale, results.grid.target)),
        trained,
        counted(runs.len(), "training"),
        listed(&machines(results)),
        listed(&data)
    ));
    lead
}

/// Published beside measured errors.
pub(crate) fn picture(results: &Results) -> Figure {
    let mut groups: Vec<DotGroup> = vec![];
    for result in &results.rows {
        let heading = &result.row.group;
        let mut group = groups
            .pop_if(|group| group.heading == *heading)
            .unwrap_or_else(|| DotGroup { heading: heading.clone(), rows: vec![] });
        group.rows.push(dots_of(result, group.rows.len()));
        groups.push(group);
    }
    let seeds = results.rows.iter().map(|row| row.runs.len()).max().unwrap_or(0);
    let caption = format!(
        "Open diamonds are the published test errors, filled marks ours, at most {} per row; a vertical stroke marks their median. {}",
        counted(seeds, "seed"),
        match results.request.scale {
            Scale::Full => "",
            _ => "Ours are of smaller networks that train shorter: compare their order, not their height.",
        }
    );
    let title = format!("Test errors of {}, published and measured", results.grid.target);
    Figure::drawn(dots(&title, "test error, %", &groups), caption.trim_end().to_owned())
}

fn dots_of(result: &RowResult, place: usize) -> Dots {
    // Short where both are there: on a phone the row's name stands on the same line.
    let published = result.row.published;
    let text = match measured(result) {
        none if none.is_empty() => format!("published {published}"),
        here => format!("{published}, here {here}"),
    };
    Dots {
        name: result.row.label.clone(),
        text,
        colour: colour(result, place),
        published: result.row.published.error(),
        values: result.errors.values().to_vec(),
        median: result.judged_errors().median(),
    }
}

fn table(results: &Results) -> Table {
    let head = vec![
        Head::text("unit"),
        Head::number("published, %"),
        Head::number("median, %"),
        Head::number("deviation, points"),
        Head::number("seeds"),
        Head::number("last loss, nats"),
        Head::number("difference, points"),
        Head::number("±"),
        Head::text("verdict"),
    ];
    let mut rows = vec![];
    let mut group = "";
    for result in &results.rows {
        if result.row.group != group {
            group = &result.row.group;
            rows.push(TableRow::Group { group: group.to_owned() });
        }
        let is_best = is_best(results, result);
        let median = measured(result);
        let loss = result.judged_losses().median().map_or(String::new(), |loss| format!("{loss:.3}"));
        let seeds =
            if result.row.recipe.is_some() { result.runs.len().to_string() } else { "quoted".to_owned() };
        let is_open = result.contrast.is_some_and(|contrast| !contrast.is_decided());
        let weighed = |text: String| if is_open { Cell::quiet(text) } else { Cell::plain(text) };
        // A verdict of a few words stays on one line.
        let [difference, interval, verdict] =
            difference_cells(result).map(|text| weighed(text.replace(' ', "\u{a0}")));
        rows.push(TableRow::Cells {
            cells: vec![
                Cell::plain(&result.row.label),
                Cell::plain(result.row.published.to_string()),
                if is_best { Cell::strong(median) } else { Cell::plain(median) },
                Cell::plain(deviation(result)),
                Cell::quiet(seeds),
                Cell::plain(loss),
                difference,
                interval,
                verdict,
            ],
        });
    }
    Table { head, rows }
}

/// Whether the row's errors are below every other's of its group, beyond the noise, and none of its runs
/// failed: the errors that are left would flatter it.
fn is_best(results: &Results, result: &RowResult) -> bool {
    if result.failed > 0 {
        return false;
    }
    let mut others = results.rows.iter().filter(|other| {
        other.row.group == result.row.group
            && other.row.name != result.row.name
            && other.judged_errors().count() > 0
    });
    let beats = |other: &RowResult| {
        Contrast::of(&other.judged_errors(), &result.judged_errors())
            .is_some_and(|contrast| contrast.is_decided() && contrast.difference < 0.0)
    };
    let first = others.next();
    first.is_some_and(beats) && others.all(beats)
}

fn runs(results: &Results) -> Table {
    let head = vec![
        Head::text("row"),
        Head::text("network"),
        Head::number("seed"),
        Head::number("test error, %"),
        Head::number("steps"),
        Head::number("hours"),
        Head::text("folder"),
    ];
    let mut rows = vec![];
    for result in &results.rows {
        for run in &result.runs {
            let (error, steps, hours) = match run.status {
                RunStatus::Finished(done) => (
                    done.test.map_or("not scored".to_owned(), |test| percent(test.error())),
                    done.steps,
                    format!("{:.2}", done.seconds / 3600.0),
                ),
                RunStatus::Diverged { step } => ("diverged".to_owned(), step, String::new()),
                RunStatus::Training | RunStatus::Interrupted { .. } => continue,
            };
            rows.push(TableRow::Cells {
                cells: vec![
                    Cell::plain(&result.row.label),
                    Cell::plain(&run.record.model),
                    Cell::plain(run.record.seed.to_string()),
                    Cell::plain(error),
                    Cell::plain(crate::words::count(steps)),
                    Cell::plain(hours),
                    Cell::quiet(run.folder.dir().display().to_string()),
                ],
            });
        }
    }
    Table { head, rows }
}
