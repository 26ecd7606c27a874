//! An analysis as a page: what came out, the pictures, the numbers of every unit.

use std::path::Path;

use resnet_report::{Article, Cell, Figure, Head, Part, Set, Table, TableRow, write_article, write_chart};
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
    let data = if data == "generated" { "the drawn shapes" } else { data };
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
            "The product says nearly all of it: the residual branches lengthen or shorten it little."
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
    let number = |text: &str| Head { text: text.to_owned(), set: Set::Number };
    let mut head = vec![number("unit"), Head { text: "parameters".to_owned(), set: Set::Text }];
    head.extend(
        ["mean", "variance", "|dE/dx|", "|h'|", "product", "cut, %", "branch, %"].into_iter().map(number),
    );
    let row = |unit| TableRow::Cells { cells: cells(unit).into_iter().map(Cell::plain).collect() };
    Table { head, rows: point.measures.units.iter().map(row).collect() }
}

/// What a table says of a unit: its number and name; mean, variance, length of the gradient, derivative of
/// the shortcut, product; what f cuts and the branch's share, in per cent.
pub fn cells(unit: &UnitMeasures) -> [String; 9] {
    [
        unit.unit.to_string(),
        unit.name.clone(),
        significant(unit.mean),
        significant(unit.variance),
        significant(unit.gradient),
        significant(unit.shortcut_derivative),
        significant(unit.product()),
        unit.cut.map_or(String::new(), |cut| format!("{cut:.1}")),
        format!("{:.1}", unit.branch_share),
    ]
}
