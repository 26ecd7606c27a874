//! The layers of a network, with shapes, parameters and multiply-adds.

use resnet_models::{registry, summary};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use serde::Serialize;

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    parameters: usize,
    multiply_adds: u64,
    input: [usize; 3],
    layers: Vec<Layer<'a>>,
}

#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    kind: &'a str,
    output: &'a [usize],
    parameters: usize,
    multiply_adds: u64,
}

/// Prints the layers of the network called `name`, for so many classes or the usual number.
///
/// # Errors
/// If there is no such network.
pub fn show_summary(name: &str, classes: Option<usize>, format: Format) -> anyhow::Result<()> {
    let spec = registry::find(name, classes.unwrap_or_else(|| registry::usual_classes(name)))?;
    let summary = summary::of(&spec)?;
    match format {
        Format::Json => output::json(&Json {
            model: &summary.model,
            parameters: summary.parameters,
            multiply_adds: summary.multiply_adds,
            input: summary.input,
            layers: summary.layers.iter().map(Layer::of).collect(),
        }),
        Format::Text => print(&summary, &spec.departures()),
    }
}

impl<'a> Layer<'a> {
    fn of(layer: &'a resnet_ops::LayerInfo) -> Layer<'a> {
        let resnet_ops::LayerInfo { name, kind, role: _, output, parameters, multiply_adds } = layer;
        Layer { name, kind, output, parameters: *parameters, multiply_adds: *multiply_adds }
    }
}

fn print(summary: &summary::Summary, departures: &[&str]) -> anyhow::Result<()> {
    let mut table = Table::new([
        Column::text("layer"),
        Column::text("kind").optional(2),
        Column::number("output"),
        Column::number("parameters"),
        Column::number("multiply-adds").optional(1),
    ]);
    table.add(["input", "", &dimensions(&summary.input), "", ""].map(str::to_owned));
    let or_blank = |number: u64| if number == 0 { String::new() } else { numbers::count(number) };
    for layer in &summary.layers {
        // A layer without parameters may have no name.
        let name = if layer.name.is_empty() { &layer.kind } else { &layer.name };
        table.add([
            name.clone(),
            layer.kind.clone(),
            dimensions(&layer.output),
            or_blank(layer.parameters as u64),
            or_blank(layer.multiply_adds),
        ]);
    }
    let (parameters, multiply_adds) = (summary.parameters as u64, summary.multiply_adds);
    table.add([
        summary.model.clone(),
        "total".to_owned(),
        String::new(),
        numbers::count(parameters),
        numbers::count(multiply_adds),
    ]);
    output::print_table(&table)?;
    output::sentences(&format!(
        "\n{}: {} parameters, {} multiply-adds per image",
        summary.model,
        numbers::short(parameters),
        numbers::short(multiply_adds)
    ))?;
    if departures.is_empty() {
        return Ok(());
    }
    output::sentences(&format!("not as in the papers: {}", departures.join("; ")))
}

/// `16x32x32`.
fn dimensions(output: &[usize]) -> String {
    output.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
