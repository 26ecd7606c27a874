//! Pooling against the f64 reference: padding, overlapping windows, pixels left over, ties.

mod common;

use common::{assert_threads_change_nothing, near};
use resnet_kernels::Isa;
use resnet_kernels::pool::{PoolKind, PoolShape, backward, forward, global_average, global_average_backward};
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform};

/// A mean of n terms below 1 loses at most n roundings of a sum that stays within sqrt(n), over a root mean
/// square of 1 / sqrt(3 n): sqrt(3) n roundings at most, and typically the root of that. The largest n is 49
/// for windows (four windows of dy / 9 meet in a gradient).
const WINDOWS: f64 = 16.0 / (1 << 24) as f64;
/// Global averages go over up to 1024 pixels.
const GLOBAL: f64 = 64.0 / (1 << 24) as f64;

const KINDS: [PoolKind; 3] = [PoolKind::Average, PoolKind::Max, PoolKind::ZeroPaddedMax];

fn shape([images, in_h, in_w, channels, kernel, stride, padding]: [usize; 7]) -> PoolShape {
    PoolShape { images, in_h, in_w, channels, kernel, stride, padding }
}

fn cases() -> Vec<(PoolShape, PoolKind)> {
    let mut rows = vec![
        [2, 32, 32, 16, 3, 2, 1],
        [1, 7, 9, 5, 3, 2, 1],
        [3, 8, 6, 3, 2, 2, 0],
        [2, 5, 7, 7, 2, 2, 0],
        [1, 4, 5, 3, 1, 1, 0],
        [2, 5, 4, 2, 1, 2, 0],
        [1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 3, 3, 2, 1],
        [2, 6, 6, 4, 3, 1, 1],
        [1, 9, 8, 3, 3, 3, 0],
        [1, 9, 8, 2, 5, 2, 2],
        [2, 7, 7, 3, 7, 1, 0],
        [1, 8, 8, 2, 2, 3, 1],
    ];
    rows.extend([1, 8, 9, 15, 17, 33, 64].map(|channels| [2, 5, 6, channels, 3, 2, 1]));
    let rows = affordable(rows, |row| shape(*row).output_len() * row[4] * row[4]);
    rows.into_iter().flat_map(|row| KINDS.map(|kind| (shape(row), kind))).collect()
}

fn of_reference(shape: &PoolShape) -> reference::Pool {
    let input = reference::Image { n: shape.images, h: shape.in_h, w: shape.in_w, c: shape.channels };
    reference::Pool { input, kernel: shape.kernel, stride: shape.stride, padding: shape.padding }
}

/// Forward and backward of `x`, both against the reference.
fn check(shape: &PoolShape, kind: PoolKind, x: &[f32]) -> Result<(), String> {
    let (expected, x64) = (of_reference(shape), reference::to_f64(x));
    let dy = uniform(2, expected.output().len());
    let dy64 = reference::to_f64(&dy);
    let (out, gradient) = match kind {
        PoolKind::Average => {
            (reference::avg_pool(&x64, &expected), reference::avg_pool_backward(&dy64, &expected))
        }
        PoolKind::Max => {
            (reference::max_pool(&x64, &expected), reference::max_pool_backward(&x64, &dy64, &expected))
        }
        PoolKind::ZeroPaddedMax => (
            reference::max_pool_zeros(&x64, &expected),
            reference::max_pool_zeros_backward(&x64, &dy64, &expected),
        ),
    };
    for isa in Isa::available() {
        let (mut y, mut dx) = (vec![f32::NAN; shape.output_len()], vec![f32::NAN; shape.input_len()]);
        forward(isa, shape, kind, x, &mut y);
        backward(isa, shape, kind, x, &dy, &mut dx);
        near("output", &y, &out, if kind == PoolKind::Average { WINDOWS } else { 0.0 })?;
        near("gradient", &dx, &gradient, WINDOWS)?;
    }
    Ok(())
}

#[test]
fn output_and_gradient() {
    table::run(&cases(), |(shape, kind)| check(shape, *kind, &uniform(1, shape.input_len())));
}

#[test]
fn negative_values_lose_against_each_other_and_only_against_zeros_that_count() {
    table::run(&cases(), |(shape, kind)| {
        let x: Vec<f32> = uniform(1, shape.input_len()).into_iter().map(|u| u - 2.0).collect();
        check(shape, *kind, &x)
    });
}

#[test]
fn of_equal_maxima_the_first_has_the_gradient() {
    table::run(&cases(), |(shape, kind)| {
        // Three values, so that most windows have ties; and one value everywhere.
        let coarse: Vec<f32> = uniform(1, shape.input_len()).into_iter().map(|u| (1.5 * u).round()).collect();
        check(shape, *kind, &coarse)?;
        check(shape, *kind, &vec![0.5; shape.input_len()])
    });
}

#[test]
fn nan_wins_and_has_the_gradient() {
    let shape = shape([1, 2, 2, 1, 2, 2, 0]);
    for (at, isa) in (0..4).flat_map(|at| Isa::available().into_iter().map(move |isa| (at, isa))) {
        let mut x = [1.0, 2.0, 3.0, 4.0];
        x[at] = f32::NAN;
        let (mut y, mut dx) = ([0.0], [9.0; 4]);
        forward(isa, &shape, PoolKind::Max, &x, &mut y);
        backward(isa, &shape, PoolKind::Max, &x, &[5.0], &mut dx);
        assert!(y[0].is_nan() && dx[at] == 5.0 && dx.iter().sum::<f32>() == 5.0, "{at}: {y:?} {dx:?}");
    }
}

/// Images, height, width, channels.
const GLOBAL_SHAPES: [[usize; 4]; 9] = [
    [1, 1, 1, 1],
    [2, 8, 8, 64],
    [3, 7, 5, 3],
    [2, 32, 32, 5],
    [1, 4, 3, 17],
    [5, 1, 1, 9],
    [1, 2, 3, 7],
    [2, 5, 5, 15],
    [1, 3, 3, 33],
];

#[test]
fn global_averages_and_their_gradient() {
    table::run(&affordable(GLOBAL_SHAPES, |shape| shape.iter().product()), |&[n, h, w, c]| {
        let image = reference::Image { n, h, w, c };
        let (x, dy) = (uniform(1, image.len()), uniform(2, n * c));
        let (mut y, mut dx) = (vec![f32::NAN; n * c], vec![f32::NAN; image.len()]);
        global_average(&x, n, c, &mut y);
        near("output", &y, &reference::global_avg_pool(&reference::to_f64(&x), &image), GLOBAL)?;
        global_average_backward(&dy, n, c, &mut dx);
        near("gradient", &dx, &reference::global_avg_pool_backward(&reference::to_f64(&dy), &image), GLOBAL)
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let shape = shape([5, 9, 7, 6, 3, 2, 1]);
    let (x, dy) = (uniform(1, shape.input_len()), uniform(2, shape.output_len()));
    assert_threads_change_nothing(|| {
        let (mut mean, mut spread) = (vec![f32::NAN; 5 * 6], vec![f32::NAN; shape.input_len()]);
        global_average(&x, 5, 6, &mut mean);
        global_average_backward(&mean, 5, 6, &mut spread);
        let mut results = vec![mean, spread];
        for kind in KINDS {
            let (mut y, mut dx) = (vec![f32::NAN; shape.output_len()], vec![f32::NAN; shape.input_len()]);
            forward(Isa::best(), &shape, kind, &x, &mut y);
            backward(Isa::best(), &shape, kind, &x, &dy, &mut dx);
            results.extend([y, dx]);
        }
        results
    });
}

#[test]
fn an_empty_batch_is_fine() {
    let shape = shape([0, 8, 8, 3, 3, 2, 1]);
    for kind in KINDS {
        forward(Isa::best(), &shape, kind, &[], &mut []);
        backward(Isa::best(), &shape, kind, &[], &[], &mut []);
    }
    global_average(&[], 0, 3, &mut []);
    global_average_backward(&[], 0, 3, &mut []);
}
