//! Every shortcut, placement and branch: the output equals the unit's formula in f64, and all gradients equal
//! that formula's central differences.

#[allow(dead_code)] // layers by name are for other tests
mod common;

use candle_core::{Device, Result, Tensor, Var};
use common::formula::{Formula, Tensors};
use common::{Parameters, values};
use resnet_blocks::{
    Branch, Placement, ResidualUnit, ShapeChange, Shortcut, ShortcutInput, StridePlace, UnitConfig,
};
use resnet_ops::{Draws, Dropout, Graph, Layer, Mode, Shape};
use resnet_reference::{Image, nchw_to_nhwc, nhwc_to_nchw, to_f64};
use resnet_testing::{recipe, table, uniform};

const SHORTCUTS: [Shortcut; 6] = [
    Shortcut::Identity,
    Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.7 },
    Shortcut::ExclusiveGating { bias: -1.0 },
    Shortcut::ShortcutOnlyGating { bias: -1.0 },
    Shortcut::Convolution,
    Shortcut::Dropout { ratio: 0.5 },
];
const BRANCHES: [Branch; 4] = [
    Branch::OneLayer,
    Branch::Basic,
    Branch::Bottleneck(StridePlace::First1x1),
    Branch::Bottleneck(StridePlace::Middle3x3),
];
/// Of the f32 output, relative to the root mean square.
const OUTPUT: f64 = 2e-5;
/// Of the f32 gradients, likewise: three norms over two small images lie on their way.
const GRADIENT: f64 = 1e-4;
/// Step of the differences. Their own error, about its square times a third derivative, is far below the
/// f32's; and no pre-activation lies so near zero that one turns over within it.
const STEP: f64 = 1e-6;

fn cases() -> Vec<(UnitConfig, Placement, Shortcut)> {
    let mut cases = Vec::new();
    for placement in Placement::ALL {
        for shortcut in SHORTCUTS {
            for branch in BRANCHES {
                for (outputs, stride, shape_change) in [
                    (4, 1, ShapeChange::ZeroPadding),
                    (8, 2, ShapeChange::ZeroPadding),
                    (8, 2, ShapeChange::Projection),
                ] {
                    // Never one channel: before a norm it has nothing to tell but its sign, and no gradient.
                    let width = 2 * outputs / branch.expansion();
                    let basic = UnitConfig::basic(4, outputs, stride);
                    let config = UnitConfig { width, branch, shape_change, ..basic };
                    cases.push((config, placement, shortcut));
                }
            }
        }
    }
    cases
}

/// The layout of a tensor in the formula: that of a map is channels last.
fn to_formula(tensor: &Tensor, shape: Image) -> Vec<f64> {
    nchw_to_nhwc(&to_f64(&values(tensor)), &shape)
}

/// What the unit's dropout multiplies with in its first step: what a layer with the same draws makes of ones.
fn mask(ratio: f64, key: u64, dims: (usize, usize, usize, usize), shape: Image) -> Result<Vec<f64>> {
    let ones = Tensor::ones(dims, candle_core::DType::F32, &Device::Cpu)?;
    let mut graph = Graph::new();
    let x = graph.input(Shape::of(&ones)?);
    let y = Dropout::new(ratio, Draws::new(key))?.trace(&mut graph, x)?;
    Ok(to_formula(&graph.finish(y)?.run(&[&ones], Mode::Train)?, shape))
}

fn check(config: UnitConfig, placement: Placement, shortcut: Shortcut) -> Result<Vec<String>> {
    let parameters = Parameters::new();
    let unit =
        ResidualUnit::new(config, placement, shortcut, parameters.builder())?.with_draws(Draws::new(9));
    parameters.fill()?;
    let shape = Image { n: 2, h: 4, w: 3, c: config.in_channels };
    let dims = (shape.n, shape.c, shape.h, shape.w);
    let x = Var::from_vec(recipe::signed("x", shape.len()), dims, &Device::Cpu)?;
    let y = unit.forward(&x, Mode::Train)?;
    let (n, c, h, w) = y.dims4()?;
    let out = Image { n, h, w, c };
    let dy = Tensor::from_vec(uniform(2, out.len()), y.dims(), &Device::Cpu)?;
    let gradients = (&y * &dy)?.sum_all()?.backward()?;

    let convolves = shortcut == Shortcut::Convolution
        || config.changes_shape() && config.shape_change == ShapeChange::Projection;
    let formula = Formula {
        config,
        placement,
        shortcut,
        split: if convolves { ShortcutInput::Activated } else { ShortcutInput::Raw },
        mask: match shortcut {
            Shortcut::Dropout { ratio } => Some(mask(ratio, 9, (n, c, h, w), out)?),
            _ => None,
        },
    };
    let tensors: Tensors = parameters
        .by_name()
        .into_iter()
        .filter(|(name, _)| !name.contains("running_"))
        .map(|(name, var)| (name, to_f64(&values(&var))))
        .collect();
    let x64 = to_formula(&x, shape);
    let mut faults = Vec::new();
    let expected = nhwc_to_nchw(&formula.output(&tensors, &x64, shape), &out);
    let mut hold = |what: &str, found: &[f32], expected: &[f64], tolerance: f64| {
        faults.extend(resnet_testing::near(what, found, expected, tolerance).err());
    };
    hold("output", &values(&y), &expected, OUTPUT);

    let dy = to_formula(&dy, out);
    let loss = |tensors: &Tensors, x: &[f64]| -> f64 {
        formula.output(tensors, x, shape).iter().zip(&dy).map(|(y, dy)| y * dy).sum()
    };
    let mut moved = x64.clone();
    let dx: Vec<f64> = (0..moved.len())
        .map(|i| {
            let side = |moved: &mut Vec<f64>, step: f64| {
                moved[i] = x64[i] + step;
                let loss = loss(&tensors, moved);
                moved[i] = x64[i];
                loss
            };
            (side(&mut moved, STEP) - side(&mut moved, -STEP)) / (2.0 * STEP)
        })
        .collect();
    let of = |var: &Var| values(gradients.get(var).expect("a gradient"));
    hold("dx", &of(&x), &nhwc_to_nchw(&dx, &shape), GRADIENT);
    let mut moved = tensors.clone();
    for (name, var) in parameters.by_name().into_iter().filter(|(name, _)| !name.contains("running_")) {
        let mut side = |i: usize, step: f64| {
            moved.get_mut(&name).expect("it is there")[i] = tensors[&name][i] + step;
            let loss = loss(&moved, &x64);
            moved.get_mut(&name).expect("it is there")[i] = tensors[&name][i];
            loss
        };
        let expected: Vec<f64> =
            (0..var.elem_count()).map(|i| (side(i, STEP) - side(i, -STEP)) / (2.0 * STEP)).collect();
        hold(&name, &of(&var), &expected, GRADIENT);
    }
    Ok(faults)
}

#[test]
fn every_units_gradients_equal_its_formulas_central_differences() {
    table::run_in_parallel(&cases(), |&(config, placement, shortcut)| {
        let faults = check(config, placement, shortcut).map_err(|error| error.to_string())?;
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    });
}
