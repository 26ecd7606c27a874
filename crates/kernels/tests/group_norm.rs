//! Group norm, weight standardisation and 2x2 pooling against the f64 reference: every instruction set,
//! awkward shapes.

mod common;

use common::{assert_threads_change_nothing, near};
use resnet_kernels::avg_pool_2x2_ceil::{AvgPool2x2Ceil, avg_pool_2x2_ceil, avg_pool_2x2_ceil_backward};
use resnet_kernels::norm::{Accumulate, Activation, GroupNorm, standardise, standardise_backward};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform};

const EPS: f32 = 1e-5;
/// An output is a handful of roundings away, a sum over a chunk some thirty: see batch norm's tests.
const TOLERANCE: f64 = 64.0 / (1 << 24) as f64;

/// Images, pixels, channels, groups; groups of a few values only would have deviations that are tiny by
/// chance.
const SHAPES: [[usize; 4]; 9] = [
    [1, 4, 1, 1],
    [2, 9, 6, 3],
    [3, 35, 17, 1],
    [2, 49, 64, 32],
    [1, 1500, 32, 32],
    [4, 3, 64, 4],
    [2, 12, 33, 11],
    [2, 16, 2048, 32],
    [1, 12, 9, 9],
];

fn cases() -> Vec<(Isa, [usize; 4], Activation, f32)> {
    let mut cases = vec![];
    for isa in Isa::available() {
        for shape in affordable(SHAPES, |shape| shape[0] * shape[1] * shape[2]) {
            for activation in [Activation::Identity, Activation::Relu] {
                cases.extend([0.0, 3.0].map(|centre| (isa, shape, activation, centre)));
            }
        }
    }
    cases
}

/// Where ReLU's input is zero but for rounding, f64 may decide otherwise; what matters is that forward and
/// backward agree, so the kernel's own output decides.
fn check(
    isa: Isa,
    [n, pixels, channels, groups]: [usize; 4],
    activation: Activation,
    centre: f32,
) -> Result<(), String> {
    let len = n * pixels * channels;
    let x: Vec<f32> = uniform(1, len).into_iter().map(|u| centre + u).collect();
    let gamma: Vec<f32> = uniform(2, channels).into_iter().map(|u| 1.0 + 0.5 * u).collect();
    let beta: Vec<f32> = uniform(3, channels).into_iter().map(|u| 0.5 * u).collect();
    let dy = uniform(4, len);
    let layer = GroupNorm { images: n, groups, gamma: &gamma, beta: &beta, eps: EPS, activation };
    let mut y = vec![f32::NAN; len];
    layer.forward(isa, &x, &mut y);

    let shape = reference::Groups { n, pixels, channels, groups };
    let [x64, gamma64, beta64] = [&x, &gamma, &beta].map(|v| reference::to_f64(v));
    let mut expected = reference::group_norm(&x64, &shape, &gamma64, &beta64, f64::from(EPS));
    let mut gated = reference::to_f64(&dy);
    if activation == Activation::Relu {
        expected = reference::relu(&expected);
        gated.iter_mut().zip(&y).for_each(|(dy, y)| *dy = if *y > 0.0 { *dy } else { 0.0 });
    }
    near("output", &y, &expected, TOLERANCE)?;

    let gradients = reference::group_norm_backward(&x64, &shape, &gamma64, &gated, f64::from(EPS));
    let mut dx = vec![f32::NAN; len];
    let found = layer.backward(isa, &x, &dy, Accumulate::Set, Some(&mut dx));
    near("dx", &dx, &gradients.dx, 4.0 * TOLERANCE)?;
    near("dgamma", &found.gamma, &gradients.dgamma, 4.0 * TOLERANCE)?;
    near("dbeta", &found.beta, &gradients.dbeta, 4.0 * TOLERANCE)?;

    let before = uniform(5, len);
    let mut sum = before.clone();
    layer.backward(isa, &x, &dy, Accumulate::Add, Some(&mut sum));
    let added: Vec<f64> = before.iter().zip(&gradients.dx).map(|(a, b)| f64::from(*a) + b).collect();
    near("added dx", &sum, &added, 4.0 * TOLERANCE)
}

#[test]
fn group_norm_and_its_gradients() {
    table::run(&cases(), |&(isa, shape, activation, centre)| check(isa, shape, activation, centre));
}

#[test]
fn weight_standardisation_and_its_gradient() {
    table::run(&[(1, 2), (3, 9), (16, 27), (64, 1024), (5, 147), (7, 1152)], |&(filters, len)| {
        let w: Vec<f32> = uniform(1, filters * len).into_iter().map(|u| 0.3 + 0.1 * u).collect();
        let dy = uniform(2, filters * len);
        let (mut y, mut dw) = (vec![f32::NAN; w.len()], vec![f32::NAN; w.len()]);
        standardise(&w, filters, 1e-8, &mut y);
        standardise_backward(&w, filters, 1e-8, &dy, &mut dw);
        let (w64, dy64) = (reference::to_f64(&w), reference::to_f64(&dy));
        // Sums are in f64: what is left is the rounding of each result.
        near("output", &y, &reference::standardise(&w64, filters, 1e-8), TOLERANCE / 16.0)?;
        let expected = reference::standardise_backward(&w64, filters, 1e-8, &dy64);
        if len > 2 { near("gradient", &dw, &expected, TOLERANCE / 16.0) } else { Ok(()) }
    });
}

#[test]
fn avg_pool_2x2_ceil_and_its_gradient() {
    let shapes = [[1, 1, 1, 1], [2, 4, 6, 3], [1, 5, 7, 17], [3, 1, 8, 5], [2, 56, 55, 8], [0, 4, 4, 2]];
    let shapes = affordable(shapes, |shape| shape.iter().product());
    table::run(&shapes, |&[images, in_h, in_w, channels]| {
        let shape = AvgPool2x2Ceil { images, in_h, in_w, channels };
        let image = reference::Image { n: images, h: in_h, w: in_w, c: channels };
        let (x, dy) = (uniform(1, shape.input_len()), uniform(2, shape.output_len()));
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        avg_pool_2x2_ceil(&shape, &x, &mut y);
        avg_pool_2x2_ceil_backward(&shape, &dy, &mut dx);
        if images == 0 {
            return Ok(());
        }
        near("output", &y, &reference::avg_pool_2x2_ceil(&reference::to_f64(&x), &image), TOLERANCE / 8.0)?;
        near(
            "gradient",
            &dx,
            &reference::avg_pool_2x2_ceil_backward(&reference::to_f64(&dy), &image),
            TOLERANCE / 8.0,
        )
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let (in_h, in_w) = if cfg!(miri) { (3, 5) } else { (30, 50) };
    let len = 3 * in_h * in_w * 32;
    let (x, dy) = (uniform(1, len), uniform(2, len));
    let (gamma, beta, weight) = (uniform(3, 32), uniform(4, 32), uniform(5, 64 * 90));
    let shape = AvgPool2x2Ceil { images: 3, in_h, in_w, channels: 32 };
    assert_threads_change_nothing(|| {
        let activation = Activation::Relu;
        let layer = GroupNorm { images: 3, groups: 8, gamma: &gamma, beta: &beta, eps: EPS, activation };
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        layer.forward(Isa::best(), &x, &mut y);
        let gradients = layer.backward(Isa::best(), &x, &dy, Accumulate::Set, Some(&mut dx));
        let mut standard = vec![f32::NAN; weight.len()];
        standardise(&weight, 64, 1e-8, &mut standard);
        let mut half = vec![f32::NAN; shape.output_len()];
        avg_pool_2x2_ceil(&shape, &x, &mut half);
        vec![y, dx, gradients.gamma, gradients.beta, standard, half]
    });
}
