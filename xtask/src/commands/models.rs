//! `models`: the networks that have a name, with their cost and the error that was published of them.

use resnet_models::{Branch, Placement, Shortcut, Spec, registry, summary};
use resnet_record::paper::{self, Outcome};
use serde::Serialize;

use crate::args::ModelsArgs;
use crate::numbers;
use crate::output::{self, Format};
use crate::table::{Column, Table};

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

pub(crate) fn run(args: &ModelsArgs) -> anyhow::Result<()> {
    let rows = registry::NAMES.iter().copied().map(Row::of).collect::<anyhow::Result<Vec<_>>>()?;
    if args.format.get() == Format::Json {
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
         `cargo xtask train --help` lists recipes.\n\
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
            cifar10_error: published(&spec, "cifar10"),
            cifar100_error: published(&spec, "cifar100"),
            departures: spec.departures(),
        })
    }
}

/// The error that the papers report of this network; where both do, that of arXiv 1603.05027.
fn published(spec: &Spec, data: &str) -> Option<f64> {
    // The tables' networks are for CIFAR; an ImageNet network has other stages.
    let depth = spec.name.split('-').next()?.strip_prefix("resnet").filter(|_| spec.input[1] == 32)?;
    let network = match spec.branch {
        Branch::OneLayer => format!("ResNet-{depth}, 1-layer units"),
        _ => format!("ResNet-{depth}"),
    };
    let unit = paper_unit(spec)?;
    let rows = paper::TABLE_3.iter().chain(&paper::TABLE_1).chain(&paper::TABLE_2).chain(&paper::ORIGINAL);
    let mut errors = rows.filter(|row| row.network == network && row.unit == unit && row.data == data);
    errors.find_map(|row| match row.outcome {
        Outcome::Error(error) => Some(error),
        Outcome::Fails => None,
    })
}

/// The network's unit in the words of the tables.
fn paper_unit(spec: &Spec) -> Option<&'static str> {
    Some(match (spec.placement, spec.shortcut) {
        (Placement::Original, Shortcut::Identity) => "original",
        (Placement::FullPreActivation, Shortcut::Identity) => "pre-activation",
        (Placement::BnAfterAddition, Shortcut::Identity) => "(b) BN after addition",
        (Placement::ReluBeforeAddition, Shortcut::Identity) => "(c) ReLU before addition",
        (Placement::ReluOnlyPreActivation, Shortcut::Identity) => "(d) ReLU-only pre-activation",
        (Placement::Original, Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 }) => {
            "(b) constant scaling 0.5, branch 0.5"
        }
        (Placement::Original, Shortcut::ExclusiveGating { bias: -6.0 }) => {
            "(c) exclusive gating, initial bias -6"
        }
        (Placement::Original, Shortcut::ExclusiveGating { bias: -7.0 }) => {
            "(c) exclusive gating, initial bias -7"
        }
        (Placement::Original, Shortcut::ShortcutOnlyGating { bias: 0.0 }) => {
            "(d) shortcut-only gating, initial bias 0"
        }
        (Placement::Original, Shortcut::ShortcutOnlyGating { bias: -6.0 }) => {
            "(d) shortcut-only gating, initial bias -6"
        }
        (Placement::Original, Shortcut::Convolution) => "(e) 1x1 convolution shortcut",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_errors() {
        let of = |name, data| published(&registry::find(name, 10).unwrap(), data);
        assert_eq!(of("resnet1001-v2", "cifar10"), Some(4.92));
        assert_eq!(of("resnet164-v1", "cifar100"), Some(25.16));
        assert_eq!(of("resnet20-v1", "cifar10"), Some(8.75));
        assert_eq!(of("resnet110-v1", "cifar10"), Some(6.61));
        assert_eq!(of("resnet110-conv-shortcut", "cifar10"), Some(12.22));
        assert_eq!(of("resnet110-exclusive-gating-bias-7", "cifar10"), Some(9.81));
        assert_eq!(of("resnet110-dropout-shortcut", "cifar10"), None);
        assert_eq!(of("resnet164-relu-before-addition", "cifar10"), Some(6.14));
        assert_eq!(of("resnet110-v2-one-layer", "cifar10"), Some(8.91));
        assert_eq!(of("resnet20-v2", "cifar10"), None);
        assert_eq!(of("resnet110-v1", "imagenet"), None);
    }
}
