//! An analysis as a page: what came out, the pictures, the numbers of every unit.

use std::path::Path;

use resnet_report::{Article, Cell, Figure, Head, Part, Table, TableRow, write_article, write_chart};
use resnet_words::significant;

use crate::Error;
use crate::courses::{Course, Point};
use crate::measure::UnitMeasures;
use crate::pictures::{Picture, pictures};

/// Writes the page of `courses`, measured on `data`; it names the command line of this process as what makes
/// it again.
///
/// # Errors
/// If another file than an earlier page is there, or it cannot be written.
pub fn write_page(file: &Path, courses: &[Course], data: &str) -> Result<(), Error> {
    Ok(write_article(file, &article(courses, &pictures(courses), data))?)
}

/// Writes the pictures of `courses` as SVG files to `folder`, which is made if it is not there.
///
/// # Errors
/// If another file than an earlier picture is there, or one cannot be written.
pub fn write_pictures(folder: &Path, courses: &[Course]) -> Result<(), Error> {
    std::fs::create_dir_all(folder)
        .map_err(|source| resnet_report::Error::Io { file: folder.to_owned(), source })?;
    for picture in pictures(courses) {
        write_chart(&folder.join(format!("{}.svg", picture.name)), &picture.chart.file())?;
    }
    Ok(())
}

/// The command of this process, as a shell takes it.
fn command() -> String {
    let words = resnet_record::command_line().into_iter().skip(1).map(|word| resnet_words::quoted(&word));
    format!("cargo xtask {}", words.collect::<Vec<_>>().join(" "))
}

fn article(courses: &[Course], pictures: &[Picture], data: &str) -> Article {
    let title = match courses {
        [] => "Nothing was measured".to_owned(),
        [one] => format!("Signals and gradients of {}", one.model),
        [one, other] => format!("Signals and gradients of {} and {}", one.model, other.model),
        [one, others @ ..] => format!("Signals and gradients of {} and {} others", one.model, others.len()),
    };
    let data = if data == "generated" { "the generated shapes" } else { data };
    let mut lead = vec![format!(
        "Measured on {} training images of {data}, as a training step sees them: norms take the batch's own statistics.",
        images_of(courses)
    )];
    lead.extend(courses.iter().filter_map(explained));
    let mut parts = vec![Part::Heading("Over depth".to_owned())];
    parts.push(Part::Figures(
        pictures.iter().map(|picture| Figure::new(&picture.chart, picture.caption.clone())).collect(),
    ));
    for course in courses {
        if let Some(point) = course.points.last() {
            parts.push(Part::Heading(format!("{}: every unit, {}", course.model, point.label)));
            parts.push(Part::Table(table(point)));
        }
    }
    Article { kicker: "Analysis".to_owned(), title, lead, parts, commands: vec![command()] }
}

/// `64`, or `64 (resnet164-v2) and 10 (resnet1001-v2)` where a network had fewer.
fn images_of(courses: &[Course]) -> String {
    let first = courses.first().map_or(0, |course| course.images);
    match courses.iter().all(|course| course.images == first) {
        true => first.to_string(),
        false => {
            let each = courses.iter().map(|course| format!("{} ({})", course.images, course.model));
            resnet_words::listed(&each.collect::<Vec<_>>())
        }
    }
}

/// How much of the gradient's change over depth the product of equations (6) to (8) explains, at the last
/// moment; `None` if nothing was measured.
pub fn explained(course: &Course) -> Option<String> {
    let Point { label, measures, .. } = course.points.last()?;
    let first = measures.units.first()?;
    let (ratio, product) = (first.gradient / measures.last_gradient, first.product());
    let explains = match (ratio / product).log10().abs() {
        near if near <= 0.3 => {
            "The product explains nearly all of it: the residual branches hardly change its length."
        }
        _ if ratio > product => {
            "The rest comes back through the residual branches, the second term of equation (5), of which the product says nothing."
        }
        _ => {
            "It is shorter than the shortcuts alone would leave it: f, or the branches' term of equation (5), takes part of it away."
        }
    };
    Some(format!(
        "{} ({label}): the gradient at the first unit is {} times as long as at the last; the shortcuts alone, equations (6) to \
         (8), would make it {} times as long. {explains}",
        course.model,
        significant(ratio),
        significant(product)
    ))
}

fn table(point: &Point) -> Table {
    let mut head = vec![Head::number("unit"), Head::text("name")];
    let measured = ["mean", "variance", "|dE/dx|", "|h'|", "product", "cut, %", "branch, %"];
    head.extend(measured.map(Head::number));
    let units = &point.measures.units;
    let numbers: [fn(&UnitMeasures) -> f64; 5] = [
        |unit| unit.mean,
        |unit| unit.variance,
        |unit| unit.gradient,
        |unit| unit.shortcut_derivative,
        UnitMeasures::product,
    ];
    let columns = numbers.map(|of| aligned(&units.iter().map(of).collect::<Vec<_>>()));
    let row = |(index, unit): (usize, &UnitMeasures)| {
        let mut cells = cells(unit);
        for (cell, column) in cells[2..].iter_mut().zip(&columns) {
            cell.clone_from(&column[index]);
        }
        TableRow::Cells { cells: cells.into_iter().map(Cell::plain).collect() }
    };
    Table { head, rows: units.iter().enumerate().map(row).collect() }
}

/// The numbers of a column with the same decimals, so that they align: two significant digits of the least,
/// three decimals at most. Where that would be too few or too many, each number has its own.
fn aligned(numbers: &[f64]) -> Vec<String> {
    let sizes = || numbers.iter().map(|number| number.abs()).filter(|size| *size > 0.0);
    let (least, most) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
    let is_even = numbers.iter().all(|number| number.is_finite()) && least >= 0.01 && most < 1000.0;
    if !is_even {
        return numbers.iter().map(|number| significant(*number)).collect();
    }
    let magnitude = if least <= most { least.log10().floor() as i32 } else { 0 };
    let decimals = (1 - magnitude).clamp(0, 3) as usize;
    numbers.iter().map(|number| format!("{number:.decimals$}")).collect()
}

/// What a table says of a unit: its number, and its stage and unit, such as `0.2`; mean, variance, length of
/// the gradient, derivative of the shortcut, product; what f cuts and the branch's share, in per cent.
pub fn cells(unit: &UnitMeasures) -> [String; 9] {
    [
        unit.unit.to_string(),
        unit.name.replace("stages.", "").replace("blocks.", ""),
        significant(unit.mean),
        significant(unit.variance),
        significant(unit.gradient),
        significant(unit.shortcut_derivative),
        significant(unit.product()),
        unit.cut.map_or(String::new(), |cut| format!("{cut:.1}")),
        format!("{:.1}", unit.branch_share),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_column_align_where_they_can() {
        assert_eq!(aligned(&[0.0, 1.234, 45.6]), ["0.0", "1.2", "45.6"]);
        assert_eq!(aligned(&[0.0123, 12.3]), ["0.012", "12.300"]);
        assert_eq!(aligned(&[0.0, 0.0]), ["0.0", "0.0"]);
        // Too far apart for one number of decimals.
        assert_eq!(aligned(&[1e-7, 1.0]), ["1.00e-7", "1.00"]);
    }
}
