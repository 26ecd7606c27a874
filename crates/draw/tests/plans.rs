//! What is drawn of a unit is what it traces: the operations of its outline are the steps of its plan.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use resnet_blocks::{
    Branch, NormKind, Placement, ResidualUnit, ShapeChange, Shortcut, ShortcutInput, StridePlace, UnitConfig,
    UnitPart,
};
use resnet_ops::{Graph, Layer, Shape};

const SHORTCUTS: [Shortcut; 8] = [
    Shortcut::Identity,
    Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 },
    Shortcut::ConstantScaling { shortcut: 0.5, branch: 1.0 },
    Shortcut::ExclusiveGating { bias: -6.0 },
    Shortcut::ShortcutOnlyGating { bias: 0.0 },
    Shortcut::Convolution,
    Shortcut::Dropout { ratio: 0.5 },
    Shortcut::Dropout { ratio: 0.0 },
];

fn configs() -> Vec<UnitConfig> {
    let mut all = vec![];
    for base in
        [UnitConfig::basic(16, 16, 1), UnitConfig::basic(16, 32, 2), UnitConfig::bottleneck(16, 64, 2)]
    {
        for shape_change in [ShapeChange::ZeroPadding, ShapeChange::Projection, ShapeChange::PooledProjection]
        {
            all.push(UnitConfig { shape_change, ..base });
            all.push(UnitConfig { shape_change, norm: NormKind::Group(4), ..base });
        }
    }
    let middle = Branch::Bottleneck(StridePlace::Middle3x3);
    all.extend([
        UnitConfig::one_layer(16, 16, 1),
        UnitConfig { branch: middle, ..UnitConfig::bottleneck(16, 64, 2) },
    ]);
    all
}

/// The words that a plan's summary has for a part.
fn kind(part: UnitPart) -> Option<String> {
    let strided = |stride: usize| if stride == 1 { String::new() } else { format!(" / {stride}") };
    Some(match part {
        UnitPart::Convolution { kernel, stride, .. } => format!("conv {kernel}x{kernel}{}", strided(stride)),
        UnitPart::Norm(NormKind::Batch) => "batch norm".to_owned(),
        UnitPart::Norm(NormKind::Group(groups)) => format!("group norm of {groups}"),
        UnitPart::Relu => "relu".to_owned(),
        UnitPart::Scale(factor) => format!("times {factor}"),
        UnitPart::CarryGate => "carry gate".to_owned(),
        UnitPart::TransformGate => "gate".to_owned(),
        UnitPart::Dropout(0.0) => return None,
        UnitPart::Dropout(ratio) => format!("dropout, {} stay", 1.0 - ratio),
        UnitPart::ZeroPadding { .. } => "zero-padding shortcut".to_owned(),
        UnitPart::AveragePool2x2 => "average pool 2x2 / 2".to_owned(),
    })
}

/// The plan's operations one by one: `conv 3x3 + residual + relu` is three.
fn operations(unit: &ResidualUnit, config: &UnitConfig) -> candle_core::Result<Vec<String>> {
    let mut graph = Graph::new();
    let input = graph.input(Shape::Map { images: 1, channels: config.in_channels, height: 8, width: 8 });
    let output = unit.trace(&mut graph, input)?;
    let layers = graph.finish(output)?.layers();
    let of = |kind: &str| {
        kind.split(" + ")
            .map(|word| if word == "residual" { "add" } else { word }.to_owned())
            .collect::<Vec<_>>()
    };
    let mut all: Vec<String> = layers.iter().flat_map(|layer| of(&layer.kind)).collect();
    all.sort();
    Ok(all)
}

#[test]
fn the_boxes_of_a_unit_are_the_steps_of_its_plan() {
    let mut rows = vec![];
    for config in configs() {
        for placement in Placement::ALL {
            for shortcut in SHORTCUTS {
                for input in [ShortcutInput::Raw, ShortcutInput::Activated] {
                    rows.push((config, placement, shortcut, input));
                }
            }
        }
    }
    resnet_testing::table::run(&rows, |(config, placement, shortcut, input)| {
        let check = || -> candle_core::Result<Result<(), String>> {
            let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
            let unit = ResidualUnit::new(*config, *placement, *shortcut, vb)?.with_shortcut_input(*input);
            let outline = unit.outline();
            let paths =
                [&outline.pre_activation, &outline.branch, &outline.shortcut, &outline.after_addition];
            let parts = paths.into_iter().flatten().copied().chain(outline.gate);
            let mut drawn: Vec<String> = parts.filter_map(kind).chain(["add".to_owned()]).collect();
            drawn.sort();
            let traced = operations(&unit, config)?;
            Ok(if drawn == traced { Ok(()) } else { Err(format!("drawn {drawn:?}, traced {traced:?}")) })
        };
        check().map_err(|error| error.to_string())?
    });
}
