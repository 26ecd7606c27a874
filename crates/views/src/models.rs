//! The networks by name, with their cost and their published error.

use resnet::data::DataKind;
use resnet::published_error;
use resnet_models::{registry, summary};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use serde::Serialize;

#[derive(Serialize)]
struct Json {
    models: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    model: &'static str,
    input: [usize; 3],
    parameters: usize,
    multiply_adds: u64,
    cifar10_error: Option<f64>,
    cifar100_error: Option<f64>,
    /// How it differs from the papers' network.
    departures: Vec<&'static str>,
}

/// Prints the networks of the registry with parameters, multiply-adds per image and published errors.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_models(format: Format) -> anyhow::Result<()> {
    let rows = registry::NAMES.iter().copied().map(Row::of).collect::<anyhow::Result<Vec<_>>>()?;
    if format == Format::Json {
        return output::json(&Json { models: rows });
    }
    let mut table = Table::new([
        Column::text("model"),
        Column::number("input").optional(1),
        Column::number("parameters"),
        Column::number("multiply-adds").optional(2),
        Column::number("CIFAR-10 error").optional(3),
        Column::number("CIFAR-100 error").optional(4),
        Column::text("not as in the papers").optional(5),
    ]);
    let percent = |error: Option<f64>| error.map_or(String::new(), |error| format!("{error:.2} %"));
    for row in rows {
        let [channels, height, width] = row.input;
        table.add([
            row.model.to_owned(),
            format!("{channels}x{height}x{width}"),
            numbers::short(row.parameters as u64),
            numbers::short(row.multiply_adds),
            percent(row.cifar10_error),
            percent(row.cifar100_error),
            row.departures.join("; "),
        ]);
    }
    output::print_table(&table)?;
    output::sentences(
        "\nParameters for 10 classes, or 1000 where the input is 224x224. Errors as published (arXiv 1603.05027, 1512.03385); \
         `cargo xtask recipes` lists recipes.\n\
         resnet50-v1-imagenet and the like are the papers' own networks, resnet50, resnetv2_50, ... timm's.\n\
         Any depth 6n + 2 (two-layer units) or 9n + 2 (bottlenecks) is a name as well, such as resnet29-v2; -basic or \
         -bottleneck chooses the unit, -a (zero padding) or -b (projection) the shortcut where shapes change.",
    )
}

impl Row {
    fn of(model: &'static str) -> anyhow::Result<Row> {
        let spec = registry::find(model, registry::usual_classes(model))?;
        let summary = summary::of(&spec)?;
        Ok(Row {
            model,
            input: spec.input,
            parameters: summary.parameters,
            multiply_adds: summary.multiply_adds,
            cifar10_error: published_error(&spec, DataKind::Cifar10),
            cifar100_error: published_error(&spec, DataKind::Cifar100),
            departures: spec.departures(),
        })
    }
}
