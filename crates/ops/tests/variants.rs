//! What the papers' networks don't use and their variants do: group norm, standardised filters, 2x2 pooling,
//! pooling with zeros, stochastic depth, dropout, gates. Outputs and gradients against the f64 reference,
//! through candle's `backward`.

// Batch norm's helpers are for other tests.
#[allow(dead_code)]
mod common;

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use common::{assert_same, gradient, near, pull_back, tensor, values, variable, windows};
use resnet_ops::{
    Conv2d, ConvConfig, Draws, DropPath, Dropout, Gate, Graph, GroupNorm, GroupNormConfig, Layer, Learning,
    Linear, Mode, Shape, avg_pool_2x2_ceil, conv2d, gate, group_norm, max_pool_zeros, scale,
    standardise_weight,
};
use resnet_reference as reference;
use resnet_reference::{Image, nchw_to_nhwc, nhwc_to_nchw, to_f64};
use resnet_testing::table;

const TOLERANCE: f64 = 2e-5;

fn image(tensor: &Tensor) -> Image {
    let (n, c, h, w) = tensor.dims4().expect("[N, C, H, W]");
    Image { n, h, w, c }
}

fn nhwc(tensor: &Tensor) -> Vec<f64> {
    nchw_to_nhwc(&to_f64(&values(tensor)), &image(tensor))
}

fn row(check: impl FnOnce() -> Result<std::result::Result<(), String>>) -> std::result::Result<(), String> {
    check().map_err(|e| e.to_string())?
}

/// The output and the input's gradient of a function of one map.
fn pools(
    run: fn(&Tensor) -> Result<Tensor>,
    forward: fn(&[f64], &Image) -> Vec<f64>,
    backward: fn(&[f64], &[f64], &Image) -> Vec<f64>,
) {
    table::run(&[[1, 1, 2, 2], [2, 3, 7, 5], [1, 17, 6, 8], [2, 8, 9, 9]], |dims| {
        row(|| {
            let x = variable(1, dims);
            let y = run(&x)?;
            let dy = tensor(2, y.dims());
            let (x64, shape) = (nhwc(&x), image(&x));
            let found = pull_back(&y, &dy)?;
            let dx = nhwc_to_nchw(&backward(&x64, &nhwc(&dy), &shape), &shape);
            let expected = nhwc_to_nchw(&forward(&x64, &shape), &image(&y));
            Ok(near("y", &y, y.dims(), &expected, TOLERANCE)
                .and_then(|()| near("dx", gradient(&found, &x), x.dims(), &dx, TOLERANCE)))
        })
    });
}

#[test]
fn average_pooling_of_2x2() {
    pools(avg_pool_2x2_ceil, reference::avg_pool_2x2_ceil, |_, dy, shape| {
        reference::avg_pool_2x2_ceil_backward(dy, shape)
    });
}

#[test]
fn a_maximum_among_zeros() {
    fn pool(input: &Image) -> reference::Pool {
        reference::Pool { input: *input, kernel: 3, stride: 2, padding: 1 }
    }
    pools(
        |x| max_pool_zeros(x, windows(3, 2, 1)),
        |x, shape| reference::max_pool_zeros(x, &pool(shape)),
        |x, dy, shape| reference::max_pool_zeros_backward(x, dy, &pool(shape)),
    );
}

/// A builder over named variables.
fn builder(variables: &[(&str, &Var)]) -> VarBuilder<'static> {
    let tensors: HashMap<String, Tensor> =
        variables.iter().map(|(name, var)| ((*name).to_owned(), var.as_tensor().clone())).collect();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

#[test]
fn group_norms() {
    table::run(&[([2, 6, 5, 7], 3), ([1, 64, 4, 4], 32), ([3, 9, 8, 3], 1)], |(dims, groups)| {
        row(|| {
            let (x, weight, bias) = (variable(1, dims), variable(2, &[dims[1]]), variable(3, &[dims[1]]));
            let norm = GroupNorm::new(
                GroupNormConfig { channels: dims[1], groups: *groups },
                builder(&[("weight", &weight), ("bias", &bias)]),
            )?;
            let y = group_norm(&x, &norm)?;
            let dy = tensor(4, dims);
            let found = pull_back(&y, &dy)?;
            let shape = image(&x);
            let groups = reference::Groups {
                n: shape.n,
                pixels: shape.h * shape.w,
                channels: shape.c,
                groups: *groups,
            };
            let (x64, w64, b64) = (nhwc(&x), to_f64(&values(&weight)), to_f64(&values(&bias)));
            let expected = reference::group_norm(&x64, &groups, &w64, &b64, 1e-5);
            let gradients = reference::group_norm_backward(&x64, &groups, &w64, &nhwc(&dy), 1e-5);
            let nchw = |values: &[f64]| nhwc_to_nchw(values, &shape);
            let (dw, db) = (gradient(&found, &weight), gradient(&found, &bias));
            Ok(near("y", &y, dims, &nchw(&expected), TOLERANCE)
                .and_then(|()| near("dx", gradient(&found, &x), dims, &nchw(&gradients.dx), TOLERANCE))
                .and_then(|()| near("dweight", dw, &[dims[1]], &gradients.dgamma, TOLERANCE))
                .and_then(|()| near("dbias", db, &[dims[1]], &gradients.dbeta, TOLERANCE)))
        })
    });
}

#[test]
fn standardised_filters() -> Result<()> {
    let (weight, x) = (variable(1, &[5, 3, 3, 3]), variable(2, &[2, 3, 6, 6]));
    let standardised = standardise_weight(&weight, 1e-8)?;
    let dy = tensor(3, &[5, 3, 3, 3]);
    let found = pull_back(&standardised, &dy)?;
    let (w64, dy64) = (to_f64(&values(&weight)), to_f64(&values(&dy)));
    near("filters", &standardised, &[5, 3, 3, 3], &reference::standardise(&w64, 5, 1e-8), TOLERANCE).unwrap();
    let dw = reference::standardise_backward(&w64, 5, 1e-8, &dy64);
    near("dw", gradient(&found, &weight), &[5, 3, 3, 3], &dw, TOLERANCE).unwrap();

    // Inside a graph they are what the convolution sees, in training and evaluation, and the gradient is the
    // variable's.
    let conv = Conv2d::new(3, 5, ConvConfig::same(3), builder(&[("weight", &weight)]))?;
    let conv = conv.with_standardised_weight(1e-8)?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&x)?);
    let output = conv.trace(&mut graph, input)?;
    let plan = graph.finish(output)?;
    let expected = conv2d(&x, &standardise_weight(&weight, 1e-8)?, ConvConfig::same(3))?;
    for mode in [Mode::Train, Mode::Eval] {
        let y = plan.run(&[&x], mode)?;
        assert_eq!(values(&y), values(&expected));
    }
    let dy = tensor(4, expected.dims());
    let (found, expected) = (pull_back(&plan.run(&[&x], Mode::Train)?, &dy)?, pull_back(&expected, &dy)?);
    assert_eq!(values(gradient(&found, &weight)), values(gradient(&expected, &weight)));
    Ok(())
}

/// One run of a branch under stochastic depth: the factor of each image.
fn factors(drop_path: &DropPath, images: usize, mode: Mode) -> Result<Vec<f32>> {
    let x = Var::ones((images, 2, 3, 3), DType::F32, &Device::Cpu)?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&x)?);
    let output = drop_path.trace(&mut graph, input)?;
    let y = graph.finish(output)?.run(&[&x], mode)?;
    // What is multiplied by a factor has a gradient of it.
    let found = y.sum_all()?.backward()?;
    let dx = gradient(&found, &x).clone();
    assert_eq!(values(&dx), values(&y));
    y.narrow(1, 0, 1)?.narrow(2, 0, 1)?.narrow(3, 0, 1)?.flatten_all()?.to_vec1()
}

#[test]
fn stochastic_depth_drops_whole_images_and_keeps_the_mean() -> Result<()> {
    let drop_path = DropPath::new(0.25, Draws::new(7))?;
    let drawn = factors(&drop_path, 4000, Mode::Train)?;
    assert!(drawn.iter().all(|factor| *factor == 0.0 || (factor - 4.0 / 3.0).abs() < 1e-6));
    let mean = drawn.iter().sum::<f32>() / 4000.0;
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
    assert_eq!(factors(&drop_path, 9, Mode::Eval)?, [1.0; 9]);
    Ok(())
}

#[test]
fn stochastic_depth_draws_anew_each_step_and_the_same_after_an_interruption() -> Result<()> {
    let draws = |key, from: u64| -> Result<Vec<Vec<f32>>> {
        let draws = Draws::new(key);
        draws.set_steps(from);
        let drop_path = DropPath::new(0.5, draws)?;
        (0..3).map(|_| factors(&drop_path, 64, Mode::Train)).collect()
    };
    let (whole, resumed) = (draws(1, 0)?, draws(1, 2)?);
    assert_eq!(whole[2], resumed[0]);
    assert_ne!(whole[0], whole[1]);
    assert_ne!(whole, draws(2, 0)?);
    assert!([1.0, f64::NAN].iter().all(|rate| DropPath::new(*rate, Draws::new(0)).is_err()));
    Ok(())
}

#[test]
fn a_part_that_learns_nothing_drops_nothing() -> Result<()> {
    let x = Tensor::ones((64, 1, 1, 1), DType::F32, &Device::Cpu)?;
    for (learning, drops) in [(Learning::Nothing, false), (Learning::Statistics, true)] {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(&x)?);
        graph.learn(learning);
        let output = DropPath::new(0.5, Draws::new(1))?.trace(&mut graph, input)?;
        let y = graph.finish(output)?.run(&[&x], Mode::Train)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(y.contains(&0.0), drops, "{learning:?}");
    }
    Ok(())
}

#[test]
fn dropout_drops_elements_and_backward_finds_the_same() -> Result<()> {
    let draws = Draws::new(3);
    let dropout = Dropout::new(0.5, draws.clone())?;
    let x = Var::ones((4, 8, 9, 7), DType::F32, &Device::Cpu)?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&x)?);
    let output = dropout.trace(&mut graph, input)?;
    let plan = graph.finish(output)?;
    let step = |mode| -> Result<Vec<f32>> {
        let y = plan.run(&[&x], mode)?;
        let found = y.sum_all()?.backward()?;
        // Where x is 1, the output is the factor, and so is the gradient.
        assert_eq!(values(gradient(&found, &x)), values(&y));
        Ok(values(&y))
    };
    let (first, second) = (step(Mode::Train)?, step(Mode::Train)?);
    assert!(first.iter().all(|y| *y == 0.0 || *y == 2.0));
    let mean = first.iter().sum::<f32>() / first.len() as f32;
    // Four standard deviations of the mean of 2016 draws of variance 1.
    assert!((mean - 1.0).abs() < 4.0 / 2016f32.sqrt(), "{mean}");
    assert_ne!(first, second);
    draws.set_steps(0);
    assert_eq!(step(Mode::Train)?, first);
    assert!(step(Mode::Eval)?.iter().all(|y| *y == 1.0));
    assert!([1.0, -0.1].iter().all(|ratio| Dropout::new(*ratio, Draws::new(0)).is_err()));
    Ok(())
}

#[test]
fn gates_and_factors() -> Result<()> {
    let dims = [2, 5, 4, 3];
    let (z, x, dy) = (variable(1, &dims), variable(2, &dims), tensor(3, &dims));
    for (which, sign) in [(Gate::Transform, 1.0), (Gate::Carry, -1.0)] {
        let y = gate(which, &z, &x)?;
        let found = pull_back(&y, &dy)?;
        let z64: Vec<f64> = values(&z).iter().map(|z| sign * f64::from(*z)).collect();
        let (x64, dy64) = (to_f64(&values(&x)), to_f64(&values(&dy)));
        let (dz, dx) = reference::gate_backward(&z64, &x64, &dy64);
        let dz: Vec<f64> = dz.iter().map(|dz| sign * dz).collect();
        near("y", &y, &dims, &reference::gate(&z64, &x64), TOLERANCE)
            .and_then(|()| near("dz", gradient(&found, &z), &dims, &dz, TOLERANCE))
            .and_then(|()| near("dx", gradient(&found, &x), &dims, &dx, TOLERANCE))
            .unwrap();
    }
    // A value that is its own gate has both gradients, an operand that is not wanted none.
    let both = pull_back(&gate(Gate::Transform, &x, &x)?, &dy)?;
    let one = |z: &Tensor, x: &Tensor| pull_back(&gate(Gate::Transform, z, x)?, &dy);
    let (of_z, of_x) = (one(&x, &x.detach())?, one(&x.detach(), &x)?);
    let sum = (gradient(&of_z, &x) + gradient(&of_x, &x))?;
    assert_eq!(values(gradient(&both, &x)), values(&sum));
    let y = scale(&x, 0.25)?;
    assert_eq!(values(&y), values(&(x.as_tensor() * 0.25)?));
    let found = pull_back(&y, &dy)?;
    assert_eq!(values(gradient(&found, &x)), values(&(&dy * 0.25)?));
    assert!(gate(Gate::Carry, &z, &tensor(1, &[2, 5, 3, 4])).is_err());
    Ok(())
}

#[test]
fn a_convolution_with_a_bias() -> Result<()> {
    let (weight, bias, x) = (variable(1, &[5, 3, 1, 1]), variable(2, &[5]), variable(3, &[2, 3, 6, 6]));
    let vb = || builder(&[("weight", &weight), ("bias", &bias)]);
    let conv = Conv2d::new(3, 5, ConvConfig::same(1), vb())?.with_bias(-6.0, vb())?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&x)?);
    let output = conv.trace(&mut graph, input)?;
    let y = graph.finish(output)?.run(&[&x], Mode::Train)?;
    let plain = conv2d(&x, &weight, ConvConfig::same(1))?;
    let expected = plain.broadcast_add(&bias.reshape((1, 5, 1, 1))?)?;
    let dims = [2, 5, 6, 6];
    near("y", &y, &dims, &to_f64(&values(&expected)), TOLERANCE).unwrap();
    let dy = tensor(4, &dims);
    let (found, expected) = (pull_back(&y, &dy)?, pull_back(&expected, &dy)?);
    for (name, var) in [("weight", &weight), ("bias", &bias), ("x", &x)] {
        let expected = to_f64(&values(gradient(&expected, var)));
        near(name, gradient(&found, var), var.dims(), &expected, TOLERANCE).unwrap();
    }
    Ok(())
}

#[test]
fn layers_can_be_made_of_tensors_and_show_them() -> Result<()> {
    let (weight, bias, scale) = (variable(1, &[6, 3, 3, 3]), variable(2, &[6]), variable(3, &[6]));
    let of = |var: &Var| var.as_tensor().clone();
    let vb = || builder(&[("weight", &weight), ("bias", &bias)]);
    let x = tensor(4, &[2, 3, 5, 4]);
    let conv = Conv2d::from_tensors(of(&weight), Some(of(&bias)), ConvConfig::same(3));
    let y = x.apply_t(&conv, true)?;
    let named = Conv2d::new(3, 6, ConvConfig::same(3), vb())?.with_bias(0.0, vb())?;
    assert_eq!(values(&y), values(&named.forward(&x, Mode::Train)?));
    assert_eq!((conv.weight().id(), conv.bias().map(Tensor::id)), (weight.id(), Some(bias.id())));

    let norm = GroupNorm::from_tensors(of(&scale), of(&bias), 2)?;
    let config = GroupNormConfig { channels: 6, groups: 2 };
    let named = GroupNorm::new(config, builder(&[("weight", &scale), ("bias", &bias)]))?;
    assert_eq!(values(&group_norm(&y, &norm)?), values(&group_norm(&y, &named)?));
    assert_eq!((norm.weight().id(), norm.bias().id()), (scale.id(), bias.id()));
    assert!(GroupNorm::from_tensors(of(&scale), of(&bias), 4).is_err());
    let uneven = GroupNorm::from_tensors(of(&scale), tensor(5, &[5]), 2)?;
    let fault = group_norm(&y, &uneven).expect_err("5 shifts for 6 channels").to_string();
    assert!(fault.contains("different lengths"), "{fault}");
    Ok(())
}

#[test]
fn a_linear_layer_with_and_without_a_bias() -> Result<()> {
    let (weight, bias, x) = (variable(1, &[6, 3]), variable(2, &[6]), variable(3, &[4, 3]));
    let dy = tensor(4, &[4, 6]);
    for bias in [None, Some(&bias)] {
        let layer =
            Linear::from_tensors(weight.as_tensor().clone(), bias.map(|bias| bias.as_tensor().clone()));
        assert_eq!(layer.weight().id(), weight.id());
        assert_eq!(layer.bias().map(Tensor::id), bias.map(|bias| bias.id()));
        let y = x.apply_t(&layer, true)?;
        let product = x.matmul(&weight.t()?)?;
        let expected = match bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        };
        assert_same("y", &y, &expected);
        let (found, expected) = (pull_back(&y, &dy)?, pull_back(&expected, &dy)?);
        for var in [&weight, &x].into_iter().chain(bias) {
            assert_same("gradient", gradient(&found, var), gradient(&expected, var));
        }
    }
    Ok(())
}
