//! Layers whose filters are standardised before each run, in traced graphs.

#[allow(dead_code)] // most of it is for other tests
mod common;

use candle_core::{DType, Device, Result, Var};
use candle_nn::{VarBuilder, VarMap};
use common::{assert_same, gradient, plan, pull_back, tensor, values, variable};
use resnet_ops::{Conv2d, ConvConfig, Layer, Mode, conv2d, standardise_weight};

/// A filter tensor, a plain layer of it, and one that standardises it.
fn layers_of_one_filter() -> Result<(Var, [Conv2d; 2])> {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let plain = Conv2d::new(5, 5, ConvConfig::same(3), vb.pp("conv"))?;
    let standardised = Conv2d::new(5, 5, ConvConfig::same(3), vb.pp("conv"))?;
    let standardised = standardised.with_standardised_weight(1e-8)?;
    let weight = variables.data().lock().expect("no poison")["conv.weight"].clone();
    Ok((weight, [plain, standardised]))
}

#[test]
fn a_plain_and_a_standardising_layer_can_share_their_filters() -> Result<()> {
    let (weight, [plain, standardised]) = layers_of_one_filter()?;
    let (x, dy) = (tensor(1, &[2, 5, 6, 7]), tensor(2, &[2, 5, 6, 7]));
    let both = plan(&[&x], |graph, values| {
        let first = standardised.trace(graph, values[0])?;
        plain.trace(graph, first)
    })?;
    let y = both.run(&[&x], Mode::Train)?;

    let filters = standardise_weight(&weight, 1e-8)?;
    let expected = conv2d(&conv2d(&x, &filters, ConvConfig::same(3))?, &weight, ConvConfig::same(3))?;
    assert_same("output", &y, &expected);
    let (found, expected) = (pull_back(&y, &dy)?, pull_back(&expected, &dy)?);
    assert_same("gradient", gradient(&found, &weight), gradient(&expected, &weight));
    Ok(())
}

#[test]
fn a_standardising_layer_that_nothing_reads_has_a_gradient_of_zero() -> Result<()> {
    let (weight, [_, standardised]) = layers_of_one_filter()?;
    let (x, other) = (tensor(1, &[2, 5, 6, 7]), variable(2, &[5, 5, 3, 3]));
    let unread = plan(&[&x], |graph, values| {
        standardised.trace(graph, values[0])?;
        Ok(graph.relu(values[0]))
    })?;
    let y = (unread.run(&[&x], Mode::Train)? + conv2d(&x, &other, ConvConfig::same(3))?)?;
    let gradients = y.sum_all()?.backward()?;
    assert!(values(gradient(&gradients, &weight)).iter().all(|gradient| *gradient == 0.0));
    Ok(())
}
