//! Element-wise kernels and option A's shortcut against the f64 reference.

mod common;

use common::{assert_threads_change_nothing, near};
use resnet_kernels::elementwise::{
    ZeroPad, add, add_assign, add_relu, relu, relu_backward, scale, zero_pad, zero_pad_backward,
};
use resnet_reference as reference;
use resnet_testing::{affordable, compare, table, uniform};

/// Chunks are of 16384 floats.
const LENGTHS: [usize; 7] = [0, 1, 17, 1000, 16_384, 16_385, 50_001];
/// A sum in f32 is the exact one rounded once.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// Copies and maxima are exact.
fn exact(what: &str, actual: &[f32], expected: &[f64]) -> Result<(), String> {
    near(what, actual, expected, 0.0)
}

#[test]
fn relu_and_its_gradient() {
    table::run(&affordable(LENGTHS, |len| *len), |&len| {
        let (mut x, dy) = (uniform(1, len), uniform(2, len));
        if len > 2 {
            (x[0], x[1]) = (0.0, -0.0);
        }
        let (mut y, mut dx) = (vec![f32::NAN; len], vec![f32::NAN; len]);
        relu(&x, &mut y);
        exact("output", &y, &reference::relu(&reference::to_f64(&x)))?;
        let expected = reference::relu_backward(&reference::to_f64(&x), &reference::to_f64(&dy));
        for (what, values) in [("gradient from the output", &y), ("gradient from the input", &x)] {
            dx.fill(f32::NAN);
            relu_backward(values, &dy, &mut dx);
            exact(what, &dx, &expected)?;
        }
        Ok(())
    });
}

#[test]
fn relu_keeps_nan_and_infinity() {
    let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];
    let mut y = [7.0; 4];
    relu(&x, &mut y);
    assert!(y[0].is_nan() && y[1..] == [f32::INFINITY, 0.0, 0.0], "{y:?}");
    let mut y = [7.0; 4];
    add_relu(&x, &[1.0, 2.0, 3.0, -4.0], &mut y);
    assert!(y[0].is_nan() && y[1..] == [f32::INFINITY, 0.0, 0.0], "{y:?}");
}

#[test]
fn relus_gradient_passes_where_its_output_is_nan() {
    let mut dx = [0.0; 3];
    relu_backward(&[f32::NAN, 0.0, 1.0], &[5.0, 6.0, 7.0], &mut dx);
    assert_eq!(reference::relu_backward(&[f64::NAN, 0.0, 1.0], &[5.0, 6.0, 7.0]), [5.0, 0.0, 7.0]);
    assert_eq!(dx, [5.0, 0.0, 7.0]);
}

#[test]
fn sums_and_multiples() {
    table::run(&affordable(LENGTHS, |len| *len), |&len| {
        let (a, b) = (uniform(1, len), uniform(2, len));
        let expected = reference::add(&reference::to_f64(&a), &reference::to_f64(&b));
        let mut sum = vec![f32::NAN; len];
        add(&a, &b, &mut sum);
        compare(&sum, &expected, 0.0, ROUNDING)?;
        let mut positive = vec![f32::NAN; len];
        add_relu(&a, &b, &mut positive);
        exact("max(a + b, 0)", &positive, &reference::relu(&reference::to_f64(&sum)))?;
        let mut to = a.clone();
        add_assign(&mut to, &b);
        compare(&to, &expected, 0.0, ROUNDING)?;
        let thirds: Vec<f64> = a.iter().map(|a| f64::from(*a) * f64::from(1.0f32 / 3.0)).collect();
        scale(&a, 1.0 / 3.0, &mut sum);
        compare(&sum, &thirds, 0.0, ROUNDING)
    });
}

/// Shapes of option A: halved and not, odd sides, strides that leave pixels over, odd and even differences of
/// channels.
fn shapes() -> Vec<ZeroPad> {
    let shape = |[images, in_h, in_w, in_channels, out_channels, stride]: [usize; 6]| ZeroPad {
        images,
        in_h,
        in_w,
        in_channels,
        out_channels,
        stride,
    };
    let rows = [
        [2, 32, 32, 16, 32, 2],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 3, 8, 2],
        [3, 5, 7, 3, 5, 2],
        [2, 7, 4, 3, 6, 3],
        [1, 4, 6, 1, 17, 2],
        [2, 3, 3, 5, 5, 1],
        [2, 9, 8, 15, 16, 4],
        [9, 5, 3, 33, 64, 2],
    ];
    affordable(rows.map(shape), |shape| shape.images * shape.in_h * shape.in_w * shape.in_channels)
}

#[test]
fn option_a_and_its_gradient() {
    table::run(&shapes(), |shape| {
        let input = reference::Image { n: shape.images, h: shape.in_h, w: shape.in_w, c: shape.in_channels };
        let expected = reference::ZeroPad { input, c_out: shape.out_channels, stride: shape.stride };
        let output = expected.output();
        if (shape.out_h(), shape.out_w(), shape.before()) != (output.h, output.w, expected.before()) {
            return Err(format!("the reference's output is {output:?}"));
        }
        let (x, dy) = (uniform(1, input.len()), uniform(2, output.len()));
        let (mut y, mut dx) = (vec![f32::NAN; output.len()], vec![f32::NAN; input.len()]);
        zero_pad(shape, &x, &mut y);
        exact("output", &y, &reference::zero_pad_shortcut(&reference::to_f64(&x), &expected))?;
        zero_pad_backward(shape, &dy, &mut dx);
        exact("gradient", &dx, &reference::zero_pad_shortcut_backward(&reference::to_f64(&dy), &expected))
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    // More than one chunk.
    let len = if cfg!(miri) { 16_400 } else { 50_001 };
    let (a, b) = (uniform(1, len), uniform(2, len));
    let shape = ZeroPad { images: 5, in_h: 9, in_w: 7, in_channels: 3, out_channels: 8, stride: 2 };
    let (small, large) = (5 * 9 * 7 * 3, 5 * 5 * 4 * 8);
    assert_threads_change_nothing(|| {
        let [mut y, mut dx, mut sum, mut positive] = std::array::from_fn(|_| vec![f32::NAN; len]);
        let mut to = a.clone();
        relu(&a, &mut y);
        relu_backward(&a, &b, &mut dx);
        add_relu(&a, &b, &mut positive);
        add(&a, &b, &mut sum);
        add_assign(&mut to, &b);
        let (mut padded, mut back) = (vec![f32::NAN; large], vec![f32::NAN; small]);
        zero_pad(&shape, &a[..small], &mut padded);
        zero_pad_backward(&shape, &b[..large], &mut back);
        vec![y, dx, sum, to, positive, padded, back]
    });
}
