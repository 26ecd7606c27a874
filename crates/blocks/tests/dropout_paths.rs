//! What dropout on shortcuts draws where nobody names a seed: by the path of a unit's parameters.

#[allow(dead_code)] // formulas are for other tests
mod common;

use candle_core::{DType, Device, Result, Tensor};
use common::{Parameters, values};
use resnet_blocks::{DropoutShortcut, Placement, ResidualUnit, Shortcut, UnitConfig};
use resnet_ops::{Draws, Graph, Layer, Mode, Shape};

const DIMS: (usize, usize, usize, usize) = (4, 8, 9, 7);
const ELEMENTS: usize = 4 * 8 * 9 * 7;
/// Four standard deviations of the share of so many fair draws.
const FOUR_DEVIATIONS: f64 = 4.0 * 0.5 / 44.9;

/// What a stack of units makes of ones in its first step of training, their branches being zero: the product
/// of what their shortcuts multiply with.
fn masks(units: impl Fn(&Parameters) -> Result<Vec<Box<dyn Layer>>>) -> Result<Vec<f32>> {
    let parameters = Parameters::new();
    let units = units(&parameters)?;
    for var in parameters.by_name().values() {
        var.set(&var.zeros_like()?)?;
    }
    let ones = Tensor::ones(DIMS, DType::F32, &Device::Cpu)?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&ones)?);
    let output = units.iter().try_fold(input, |x, unit| unit.trace(&mut graph, x))?;
    Ok(values(&graph.finish(output)?.run(&[&ones], Mode::Train)?))
}

/// A unit at `path`, by its name or put together.
fn unit(parameters: &Parameters, path: &str, named: bool) -> Result<Box<dyn Layer>> {
    let (config, vb) = (UnitConfig::basic(8, 8, 1), parameters.builder().pp(path));
    Ok(match named {
        true => Box::new(DropoutShortcut::new(config, 0.5, vb)?),
        false => {
            Box::new(ResidualUnit::new(config, Placement::Original, Shortcut::Dropout { ratio: 0.5 }, vb)?)
        }
    })
}

fn share(of: impl Iterator<Item = bool>) -> f64 {
    of.filter(|is| *is).count() as f64 / ELEMENTS as f64
}

#[test]
fn units_at_other_paths_drop_other_elements() -> Result<()> {
    for named in [true, false] {
        let alone = |path: &str| masks(|parameters| Ok(vec![unit(parameters, path, named)?]));
        let (first, second) = (alone("layer1.0")?, alone("layer1.1")?);
        for mask in [&first, &second] {
            assert!((share(mask.iter().map(|y| *y == 2.0)) - 0.5).abs() < FOUR_DEVIATIONS);
        }
        let agreeing = share(first.iter().zip(&second).map(|(a, b)| a == b));
        assert!((agreeing - 0.5).abs() < FOUR_DEVIATIONS, "{agreeing} of the elements agree");

        let stacked = masks(|parameters| {
            ["layer1.0", "layer1.1"].into_iter().map(|path| unit(parameters, path, named)).collect()
        })?;
        let product: Vec<f32> = first.iter().zip(&second).map(|(a, b)| a * b).collect();
        assert_eq!(stacked, product);
    }
    Ok(())
}

#[test]
fn a_unit_at_the_same_path_drops_the_same_elements() -> Result<()> {
    let alone = |named| masks(|parameters| Ok(vec![unit(parameters, "layer2.3", named)?]));
    assert_eq!(alone(true)?, alone(true)?);
    assert_eq!(alone(true)?, alone(false)?);
    Ok(())
}

#[test]
fn other_draws_can_be_given() -> Result<()> {
    let keyed = |key| {
        masks(|parameters| {
            let unit =
                DropoutShortcut::new(UnitConfig::basic(8, 8, 1), 0.5, parameters.builder().pp("unit"))?;
            Ok(vec![Box::new(unit.with_draws(Draws::new(key)))])
        })
    };
    assert_eq!(keyed(3)?, keyed(3)?);
    assert_ne!(keyed(3)?, keyed(4)?);
    assert_ne!(keyed(3)?, masks(|parameters| Ok(vec![unit(parameters, "unit", true)?]))?);
    Ok(())
}
