//! What was measured on a network, unit by unit, and what an accuracy lacks: tables for people, JSON for
//! scripts.

use resnet_analysis::preprocessing::{Diagnosis, Trial};
use resnet_analysis::{Course, cells, explained};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use serde::Serialize;

#[derive(Serialize)]
struct Json<'a> {
    data: &'a str,
    networks: &'a [Course],
}

/// Prints a table of each course's units at its last moment, and a sentence on what it says; JSON has all
/// moments. `data` is the name of the data set.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_analysis(courses: &[Course], data: &str, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&Json { data, networks: courses });
    }
    for course in courses {
        let Some(point) = course.points.last() else { continue };
        output::sentences(&format!(
            "{} ({}, {}), on {} training images of {data}; loss {:.4} nats",
            course.model, course.origin, point.label, course.images, point.measures.loss
        ))?;
        let mut table = Table::new([
            Column::number("unit"),
            Column::text("name").optional(3),
            Column::number("mean").optional(2),
            Column::number("variance"),
            Column::number("|dE/dx|"),
            Column::number("|h'|").optional(1),
            Column::number("product"),
            Column::number("cut, %"),
            Column::number("branch, %"),
        ]);
        point.measures.units.iter().for_each(|unit| table.add(cells(unit)));
        output::print_table(&table)?;
        output::line("")?;
    }
    courses.iter().filter_map(explained).try_for_each(|sentence| output::sentences(&sentence))
}

/// Trials that are shown.
const SHOWN: usize = 12;

/// Prints the changes that were tried, and those that were kept with the points that each is worth.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_diagnosis(diagnosis: &Diagnosis, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(diagnosis);
    }
    let mut table = Table::new([
        Column::text("with only this changed"),
        Column::text("to"),
        Column::number("accuracy, %"),
        Column::number("points"),
        Column::text("luck?").optional(1),
    ]);
    for Trial { axis, to, accuracy, points, is_beyond_luck } in diagnosis.trials.iter().take(SHOWN) {
        let cells = [
            axis.name().to_owned(),
            to.clone(),
            format!("{accuracy:.2}"),
            format!("{points:+.2}"),
            luck(*points, *is_beyond_luck).to_owned(),
        ];
        table.add(cells);
    }
    output::print_table(&table)?;
    output::line("")?;
    let images = numbers::count(diagnosis.images as u64);
    output::sentences(&format!("as evaluated   {:.2} % of {images} images", diagnosis.accuracy))?;
    if diagnosis.attributions.is_empty() {
        output::sentences(no_change(diagnosis))?;
    }
    for attribution in &diagnosis.attributions {
        let or = match &attribution.or[..] {
            [] => String::new(),
            others => format!(" (these images cannot tell it apart from {})", others.join("; ")),
        };
        output::sentences(&format!(
            "{:+.2} points   {}: {}, not {}{or}",
            attribution.points,
            attribution.axis.name(),
            attribution.to,
            attribution.from
        ))?;
    }
    if !diagnosis.attributions.is_empty() {
        output::sentences(&format!("together        {:.2} %", diagnosis.reached))?;
    }
    if let (Some(expected), Some(unexplained)) = (diagnosis.expected, diagnosis.unexplained) {
        output::sentences(&match unexplained {
            gap if gap > diagnosis.uncertainty => format!(
                "{gap:.2} points to the expected {expected:.2} % are left unexplained; {images} images determine an \
                 accuracy only to within {:.1} points",
                diagnosis.uncertainty
            ),
            _ => format!("the expected {expected:.2} % is reached, as far as {images} images can tell"),
        })?;
    }
    output::sentences(
        "These changes were chosen by looking at test labels: what they reach is no test result, until images that were not looked \
         at confirm it.",
    )
}

/// Whether luck may have brought these points. Of a change that costs points nobody asks it.
fn luck(points: f64, is_beyond_luck: bool) -> &'static str {
    if is_beyond_luck || points <= 0.0 { "" } else { "may be" }
}

/// Why nothing is changed.
fn no_change(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.unexplained.is_some_and(|gap| gap <= 0.0) {
        true => "It is as accurate as expected, so no change was looked for.",
        false => "No single change helps by more than luck would.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gain_may_be_luck() {
        let told = [(1.5, true), (1.5, false), (0.0, false), (-44.33, false)];
        assert_eq!(told.map(|(points, is_beyond)| luck(points, is_beyond)), ["", "may be", "", ""]);
    }

    #[test]
    fn a_search_that_was_not_needed_is_no_search_without_success() {
        let of = |expected: Option<f64>| Diagnosis {
            images: 100,
            accuracy: 91.0,
            reached: 91.0,
            expected,
            unexplained: expected.map(|expected| expected - 91.0),
            uncertainty: 5.0,
            attributions: vec![],
            trials: vec![],
        };
        assert!(no_change(&of(Some(91.0))).contains("as accurate as expected"));
        for expected in [None, Some(92.0)] {
            assert!(no_change(&of(expected)).contains("No single change helps"));
        }
    }
}
