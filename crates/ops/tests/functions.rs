//! Functions on tensors against the f64 reference, outputs and all gradients, through candle's `backward`;
//! the other functions are in `variants.rs`.

mod common;

use candle_core::{Result, Tensor, Var};
use common::{Norm, gradient, near, pull_back, tensor, values, variable, windows, zero_pad};
use resnet_ops::{
    ClassReduction, ConvConfig, Mode, add, avg_pool, batch_norm, binary_cross_entropy, bn_relu, conv2d,
    global_avg_pool, linear, max_pool, relu, soft_cross_entropy, softmax_cross_entropy, zero_pad_shortcut,
};
use resnet_reference as reference;
use resnet_reference::{Image, nchw_to_nhwc, nhwc_to_nchw, to_f64};
use resnet_testing::table;

/// Largest error in units of the root mean square: sums of up to 512 products of values below 1 (each rounded
/// to 2^-24), the worst of thousands. The project's bound is 5e-5.
const TOLERANCE: f64 = 2e-5;
const EPS: f64 = 1e-5;

/// The shape of `[N, C, H, W]`, or of `[N, C]` as images of one pixel.
fn image(dims: &[usize]) -> Image {
    match *dims {
        [n, c, h, w] => Image { n, h, w, c },
        [n, c] => Image { n, h: 1, w: 1, c },
        _ => panic!("{dims:?} are no images"),
    }
}

/// The values channels-last in f64, as the reference wants them.
fn nhwc(tensor: &Tensor) -> Vec<f64> {
    nchw_to_nhwc(&to_f64(&values(tensor)), &image(tensor.dims()))
}

/// As [`near`], for channels-last expectations.
fn near_nhwc(
    what: &str,
    found: &Tensor,
    dims: &[usize],
    expected: &[f64],
    tolerance: f64,
) -> std::result::Result<(), String> {
    near(what, found, dims, &nhwc_to_nchw(expected, &image(dims)), tolerance)
}

/// Turns candle's errors into a row's.
fn row(check: impl FnOnce() -> Result<std::result::Result<(), String>>) -> std::result::Result<(), String> {
    check().map_err(|e| e.to_string())?
}

#[test]
fn convolution() {
    // n, c_in, h, w, c_out, kernel, stride, padding
    let shapes = [
        [2, 3, 9, 7, 5, 3, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 0],
        [2, 16, 8, 8, 17, 3, 2, 1],
        [1, 9, 7, 5, 15, 3, 2, 1],
        [3, 7, 5, 6, 8, 1, 1, 0],
        [2, 8, 5, 7, 33, 1, 2, 0],
        [1, 3, 23, 19, 8, 7, 2, 3],
        [1, 2, 6, 7, 3, 3, 3, 0],
        [2, 33, 4, 4, 64, 3, 1, 1],
    ];
    table::run(&shapes, |&[n, c_in, h, w, c_out, k, stride, padding]| {
        row(|| {
            let shape = reference::Conv { n, h, w, c_in, c_out, kh: k, kw: k, stride, padding };
            let (x, weight) = (variable(1, &[n, c_in, h, w]), variable(2, &[c_out, c_in, k, k]));
            let out = [n, c_out, shape.h_out(), shape.w_out()];
            let dy = tensor(3, &out);
            let y = conv2d(&x, &weight, ConvConfig { kernel: k, stride, padding })?;
            let gradients = pull_back(&y, &dy)?;
            let (x64, w64, dy64) = (nhwc(&x), to_f64(&values(&weight)), nhwc(&dy));
            let dx = reference::conv2d_input_grad(&dy64, &w64, &shape);
            let dw = reference::conv2d_weight_grad(&x64, &dy64, &shape);
            Ok(near_nhwc("y", &y, &out, &reference::conv2d(&x64, &w64, &shape), TOLERANCE)
                .and_then(|()| near_nhwc("dx", gradient(&gradients, &x), x.dims(), &dx, TOLERANCE))
                .and_then(|()| near("dw", gradient(&gradients, &weight), weight.dims(), &dw, TOLERANCE)))
        })
    });
}

/// n, c, h, w; enough values per channel for a deviation that is not tiny by chance.
const NORMS: [[usize; 4]; 7] = [
    [2, 3, 5, 7],
    [8, 1, 3, 3],
    [4, 17, 6, 5],
    [1, 64, 8, 8],
    [3, 9, 32, 32],
    [16, 33, 1, 1],
    [2, 16, 24, 25],
];

type NormFunction = fn(&Tensor, &resnet_ops::BatchNorm, Mode) -> Result<Tensor>;

/// Both functions, whether ReLU follows, on every shape.
fn norms() -> Vec<(bool, [usize; 4])> {
    [false, true].into_iter().flat_map(|relu| NORMS.map(|dims| (relu, dims))).collect()
}

fn function(relu: bool) -> NormFunction {
    if relu { bn_relu } else { batch_norm }
}

/// What the reference lets through of `dy` at pre-activations `y`; where rounding decides, `found` does.
fn gate(relu: bool, y: &[f64], found: &Tensor, dy: &[f64]) -> Vec<f64> {
    let found = nhwc(found);
    let open = |i: usize| if y[i].abs() > 1e-5 { y[i] > 0.0 } else { found[i] > 0.0 };
    dy.iter().enumerate().map(|(i, &dy)| if !relu || open(i) { dy } else { 0.0 }).collect()
}

fn activated(relu: bool, y: &[f64]) -> Vec<f64> {
    if relu { reference::relu(y) } else { y.to_vec() }
}

#[test]
fn batch_norm_in_training_and_its_running_statistics() {
    table::run(&norms(), |&(relu, dims)| {
        row(|| {
            let (x, dy) = (variable(1, &dims), tensor(2, &dims));
            let norm = Norm::new(3, dims[1]);
            let [x64, dy64] = [nhwc(&x), nhwc(&dy)];
            let [gamma, beta] = [&norm.weight, &norm.bias].map(|v| to_f64(&values(v)));
            let [mut mean, mut var] = [&norm.running_mean, &norm.running_var].map(|v| to_f64(&values(v)));
            let y = function(relu)(&x, &norm.layer, Mode::Train)?;
            let gradients = pull_back(&y, &dy)?;
            let out = reference::batch_norm_train(&x64, &gamma, &beta, EPS);
            reference::update_running(
                &mut mean,
                &mut var,
                &out.mean,
                &out.var_biased,
                x64.len() / dims[1],
                0.1,
            );
            let expected =
                reference::batch_norm_train_backward(&x64, &gamma, &gate(relu, &out.y, &y, &dy64), EPS);
            let channels = [dims[1]];
            Ok(near_nhwc("y", &y, &dims, &activated(relu, &out.y), TOLERANCE)
                .and_then(|()| near_nhwc("dx", gradient(&gradients, &x), &dims, &expected.dx, TOLERANCE))
                .and_then(|()| {
                    near("dgamma", gradient(&gradients, &norm.weight), &channels, &expected.dgamma, TOLERANCE)
                })
                .and_then(|()| {
                    near("dbeta", gradient(&gradients, &norm.bias), &channels, &expected.dbeta, TOLERANCE)
                })
                .and_then(|()| near("running mean", &norm.running_mean, &channels, &mean, TOLERANCE))
                .and_then(|()| near("running variance", &norm.running_var, &channels, &var, TOLERANCE)))
        })
    });
}

#[test]
fn batch_norm_in_evaluation_changes_nothing_and_has_a_gradient_to_the_input_alone() {
    table::run(&norms(), |&(relu, dims)| {
        row(|| {
            let (x, dy) = (variable(1, &dims), tensor(2, &dims));
            let norm = Norm::new(3, dims[1]);
            let running = [&norm.running_mean, &norm.running_var].map(|v| values(v));
            let y = function(relu)(&x, &norm.layer, Mode::Eval)?;
            let gradients = pull_back(&y, &dy)?;
            let [gamma, beta, mean, var] =
                [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var].map(|v| to_f64(&values(v)));
            let expected = reference::batch_norm_eval(&nhwc(&x), &gamma, &beta, &mean, &var, EPS);
            let g = gate(relu, &expected, &y, &nhwc(&dy));
            let dx = reference::batch_norm_eval_backward(&nhwc(&x), &gamma, &mean, &var, &g, EPS).dx;
            if [&norm.running_mean, &norm.running_var].map(|v| values(v)) != running {
                return Ok(Err("running statistics changed".into()));
            }
            if gradients.get(&norm.weight).is_some() || gradients.get(&norm.bias).is_some() {
                return Ok(Err("parameters have gradients".into()));
            }
            let plain = function(relu)(&x.as_detached_tensor(), &norm.layer, Mode::Eval)?;
            if plain.track_op() || values(&plain) != values(&y) {
                return Ok(Err("plain inference differs or keeps a graph".into()));
            }
            Ok(near_nhwc("y", &y, &dims, &activated(relu, &expected), TOLERANCE)
                .and_then(|()| near_nhwc("dx", gradient(&gradients, &x), &dims, &dx, TOLERANCE)))
        })
    });
}

#[test]
fn batch_norm_without_any_variable_trains_its_statistics_alone() -> Result<()> {
    for relu in [false, true] {
        let x = tensor(1, &[2, 3, 4, 5]);
        let norm = Norm::new(3, 3);
        let [weight, bias] = [&norm.weight, &norm.bias].map(|v| v.as_detached_tensor());
        let layer = resnet_ops::BatchNorm::from_tensors(
            weight,
            bias,
            norm.running_mean.clone(),
            norm.running_var.clone(),
        );
        let tracked = function(relu)(&x, &Norm::new(3, 3).layer, Mode::Train)?;
        let plain = function(relu)(&x, &layer, Mode::Train)?;
        assert!(!plain.track_op());
        assert_eq!(values(&plain), values(&tracked));
        assert_ne!(values(&norm.running_mean), values(&Norm::new(3, 3).running_mean));
    }
    Ok(())
}

#[test]
fn relu_add_and_option_a() {
    table::run(&[[2, 3, 5, 7], [1, 1, 1, 1], [3, 17, 8, 6], [2, 16, 32, 33]], |&dims: &[usize; 4]| {
        row(|| {
            let (x, b, dy) = (variable(1, &dims), variable(2, &dims), tensor(3, &dims));
            let rectified = relu(&x)?;
            let dx = pull_back(&rectified, &dy)?;
            let sum = add(&x, &b)?;
            let gradients = pull_back(&sum, &dy)?;
            let input = image(&dims);
            let shape = reference::ZeroPad { input, c_out: 2 * input.c + 1, stride: 2 };
            let output = shape.output();
            let out = [output.n, output.c, output.h, output.w];
            let padded = zero_pad_shortcut(&x, zero_pad(2, shape.c_out))?;
            let dpadded = tensor(4, &out);
            let back = pull_back(&padded, &dpadded)?;
            let (x64, dy64) = (nhwc(&x), nhwc(&dy));
            let back64 = reference::zero_pad_shortcut_backward(&nhwc(&dpadded), &shape);
            Ok(near_nhwc("relu", &rectified, &dims, &reference::relu(&x64), 0.0)
                .and_then(|()| {
                    near_nhwc(
                        "relu's dx",
                        gradient(&dx, &x),
                        &dims,
                        &reference::relu_backward(&x64, &dy64),
                        0.0,
                    )
                })
                .and_then(|()| near_nhwc("sum", &sum, &dims, &reference::add(&x64, &nhwc(&b)), 1e-6))
                .and_then(|()| near_nhwc("da", gradient(&gradients, &x), &dims, &dy64, 0.0))
                .and_then(|()| near_nhwc("db", gradient(&gradients, &b), &dims, &dy64, 0.0))
                .and_then(|()| {
                    near_nhwc("option A", &padded, &out, &reference::zero_pad_shortcut(&x64, &shape), 0.0)
                })
                .and_then(|()| near_nhwc("option A's dx", gradient(&back, &x), &dims, &back64, 0.0)))
        })
    });
}

#[test]
fn pooling() {
    // n, c, h, w, kernel, stride, padding
    let shapes = [
        [2, 16, 16, 16, 3, 2, 1],
        [1, 3, 7, 9, 3, 2, 1],
        [3, 5, 8, 6, 2, 2, 0],
        [2, 7, 5, 7, 2, 2, 0],
        [1, 1, 4, 5, 1, 1, 0],
        [2, 33, 5, 4, 3, 1, 1],
    ];
    table::run(&shapes, |&[n, c, h, w, kernel, stride, padding]| {
        row(|| {
            let shape = reference::Pool { input: image(&[n, c, h, w]), kernel, stride, padding };
            let output = shape.output();
            let out = [output.n, output.c, output.h, output.w];
            let (x, dy) = (variable(1, &[n, c, h, w]), tensor(2, &out));
            let (x64, dy64) = (nhwc(&x), nhwc(&dy));
            let mean = avg_pool(&x, windows(kernel, stride, padding))?;
            let dmean = pull_back(&mean, &dy)?;
            let max = max_pool(&x, windows(kernel, stride, padding))?;
            let dmax = pull_back(&max, &dy)?;
            let max_gradient = reference::max_pool_backward(&x64, &dy64, &shape);
            Ok(near_nhwc("mean", &mean, &out, &reference::avg_pool(&x64, &shape), TOLERANCE)
                .and_then(|()| {
                    let expected = reference::avg_pool_backward(&dy64, &shape);
                    near_nhwc("mean's dx", gradient(&dmean, &x), x.dims(), &expected, TOLERANCE)
                })
                .and_then(|()| near_nhwc("max", &max, &out, &reference::max_pool(&x64, &shape), 0.0))
                .and_then(|()| {
                    near_nhwc("max's dx", gradient(&dmax, &x), x.dims(), &max_gradient, TOLERANCE)
                }))
        })
    });
}

#[test]
fn global_average_pooling() {
    table::run(&[[2, 64, 8, 8], [3, 5, 7, 3], [1, 1, 1, 1], [4, 17, 1, 5]], |&dims: &[usize; 4]| {
        row(|| {
            let out = [dims[0], dims[1]];
            let (x, dy) = (variable(1, &dims), tensor(2, &out));
            let y = global_avg_pool(&x)?;
            let gradients = pull_back(&y, &dy)?;
            let dx = reference::global_avg_pool_backward(&nhwc(&dy), &image(&dims));
            let expected = reference::global_avg_pool(&nhwc(&x), &image(&dims));
            Ok(near_nhwc("y", &y, &out, &expected, TOLERANCE)
                .and_then(|()| near_nhwc("dx", gradient(&gradients, &x), &dims, &dx, TOLERANCE)))
        })
    });
}

#[test]
fn fully_connected() {
    table::run(
        &[[1, 1, 1], [5, 64, 10], [3, 7, 17], [128, 33, 3], [2, 256, 100]],
        |&[n, inputs, outputs]| {
            row(|| {
                let shape = reference::Linear { n, inputs, outputs };
                let (x, w, b) =
                    (variable(1, &[n, inputs]), variable(2, &[outputs, inputs]), variable(3, &[outputs]));
                let dy = tensor(4, &[n, outputs]);
                let y = linear(&x, &w, Some(b.as_tensor()))?;
                let gradients = pull_back(&y, &dy)?;
                let [x64, w64, b64, dy64] = [x.as_tensor(), &w, &b, &dy].map(|t| to_f64(&values(t)));
                let expected = reference::linear_backward(&x64, &w64, &dy64, &shape);
                let check = |what: &str, var: &Var, expected: &[f64]| {
                    near(what, gradient(&gradients, var), var.dims(), expected, TOLERANCE)
                };
                Ok(near("y", &y, dy.dims(), &reference::linear(&x64, &w64, &b64, &shape), TOLERANCE)
                    .and_then(|()| check("dx", &x, &expected.dx))
                    .and_then(|()| check("dw", &w, &expected.dw))
                    .and_then(|()| check("db", &b, &expected.db)))
            })
        },
    );
}

#[test]
fn cross_entropy() {
    table::run(
        &[(1, 1, 1.0), (5, 10, 4.0), (128, 100, 4.0), (3, 10, 1e4)],
        |&(rows, classes, size): &(usize, usize, f64)| {
            row(|| {
                let z = Var::from_tensor(&(tensor(1, &[rows, classes]) * size)?)?;
                let labels: Vec<u32> = (0..rows).map(|row| (row * 7 % classes) as u32).collect();
                let loss = softmax_cross_entropy(&z, &Tensor::new(labels.clone(), z.device())?)?;
                let gradients = (&loss * 3.0)?.backward()?;
                let (z64, labels) =
                    (to_f64(&values(&z)), labels.iter().map(|&l| l as usize).collect::<Vec<_>>());
                let expected = reference::softmax_cross_entropy(&z64, &labels, classes);
                let dz = reference::softmax_cross_entropy_backward(&z64, &labels, classes);
                let dz: Vec<f64> = dz.into_iter().map(|dz| 3.0 * dz).collect();
                Ok(near("loss", &loss, &[], &[expected], 1e-6)
                    .and_then(|()| near("dz", gradient(&gradients, &z), z.dims(), &dz, 1e-6)))
            })
        },
    );
}

#[test]
fn cross_entropy_of_probabilities() {
    table::run(
        &[(1, 1, 1.0), (5, 10, 4.0), (64, 100, 4.0), (3, 10, 1e4)],
        |&(rows, classes, size): &(usize, usize, f64)| {
            row(|| {
                let z = Var::from_tensor(&(tensor(1, &[rows, classes]) * size)?)?;
                // As a view, to see that layouts are respected.
                let targets = tensor(2, &[classes, rows]).abs()?.t()?;
                let gradients = (soft_cross_entropy(&z, &targets)? * 3.0)?.backward()?;
                let loss = soft_cross_entropy(&z, &targets)?;
                let (z64, t64) = (to_f64(&values(&z)), to_f64(&values(&targets.contiguous()?)));
                let expected = reference::soft_cross_entropy(&z64, &t64, classes);
                let dz = reference::soft_cross_entropy_backward(&z64, &t64, classes);
                let dz: Vec<f64> = dz.into_iter().map(|dz| 3.0 * dz).collect();
                Ok(near("loss", &loss, &[], &[expected], 1e-6)
                    .and_then(|()| near("dz", gradient(&gradients, &z), z.dims(), &dz, 1e-6)))
            })
        },
    );
}

#[test]
fn binary_cross_entropy_of_probabilities() {
    table::run(
        &[(1, 1, 1.0, false), (5, 10, 4.0, true), (64, 100, 4.0, false), (3, 10, 100.0, true)],
        |&(rows, classes, size, weighed): &(usize, usize, f64, bool)| {
            row(|| {
                let z = Var::from_tensor(&(tensor(1, &[rows, classes]) * size)?)?;
                // As a view, to see that layouts are respected.
                let targets = tensor(2, &[classes, rows]).abs()?.clamp(0f32, 1f32)?.t()?;
                let weights: Vec<f32> = (0..classes).map(|k| 0.5 + 0.25 * (k % 4) as f32).collect();
                let weights = weighed.then_some(weights);
                let reduction = if weighed { ClassReduction::Sum } else { ClassReduction::Mean };
                let loss = binary_cross_entropy(&z, &targets, weights.as_deref(), reduction)?;
                let gradients = (&loss * 3.0)?.backward()?;
                let (z64, t64) = (to_f64(&values(&z)), to_f64(&values(&targets.contiguous()?)));
                let w64 = weights.map_or(vec![1.0 / classes as f64; classes], |weights| to_f64(&weights));
                let expected = reference::binary_cross_entropy(&z64, &t64, &w64);
                let dz = reference::binary_cross_entropy_backward(&z64, &t64, &w64);
                let dz: Vec<f64> = dz.into_iter().map(|dz| 3.0 * dz).collect();
                Ok(near("loss", &loss, &[], &[expected], 1e-6)
                    .and_then(|()| near("dz", gradient(&gradients, &z), z.dims(), &dz, 1e-6)))
            })
        },
    );
}
