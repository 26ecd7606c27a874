//! Convolution and both its gradients against the f64 reference: every instruction set, awkward shapes.

mod common;

use resnet_kernels::conv::{Algorithm, ConvShape, Epilogue, Prologue, forward, input_grad, weight_grad};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{table, uniform};

/// Largest error over the expected tensor's root mean square.
///
/// Direct sums of up to 576 products rounded to 2^-24 wander by about sqrt(576) 2^-24 = 1.4e-6, the worst of thousands
/// of outputs by a few times that. Winograd's transforms multiply that by up to ten; the project's bound is 5e-5.
fn tolerance(algorithm: Algorithm) -> f64 {
    match algorithm {
        Algorithm::Direct => 1e-5,
        Algorithm::Winograd => 5e-5,
    }
}

fn shape(
    images: usize,
    (in_h, in_w): (usize, usize),
    (in_c, out_c): (usize, usize),
    (kernel, stride, padding): (usize, usize, usize),
) -> ConvShape {
    ConvShape { images, in_h, in_w, in_c, out_c, kernel, stride, padding }
}

fn shapes() -> Vec<ConvShape> {
    let mut shapes = vec![
        shape(1, (1, 1), (1, 1), (1, 1, 0)),
        shape(2, (32, 32), (16, 16), (3, 1, 1)),
        shape(3, (8, 8), (64, 64), (3, 1, 1)),
        shape(2, (7, 5), (3, 5), (3, 1, 1)),
        shape(1, (9, 11), (17, 33), (3, 1, 1)),
        shape(2, (9, 6), (5, 17), (3, 2, 1)),
        shape(2, (32, 32), (16, 32), (3, 2, 1)),
        shape(2, (8, 8), (16, 24), (1, 1, 0)),
        shape(5, (7, 7), (24, 10), (1, 2, 0)),
        shape(4, (8, 8), (32, 64), (1, 2, 0)),
        shape(2, (23, 21), (3, 20), (7, 2, 3)),
        shape(1, (5, 5), (2, 3), (5, 1, 2)),
        shape(1, (6, 7), (4, 4), (3, 3, 0)),
        shape(2, (4, 4), (7, 9), (3, 1, 0)),
        shape(1, (2, 2), (3, 3), (3, 1, 2)),
        shape(9, (1, 1), (64, 10), (1, 1, 0)),
        shape(1, (3, 200), (40, 6), (3, 1, 1)),
        shape(2, (5, 7), (16, 24), (3, 1, 1)),
        shape(3, (2, 2), (8, 40), (3, 1, 1)),
        shape(1, (13, 50), (32, 48), (3, 1, 1)),
        shape(40, (4, 4), (48, 16), (3, 1, 1)),
    ];
    for channels in [1, 2, 7, 8, 9, 15, 16, 31, 32] {
        shapes.push(shape(1, (4, 5), (channels, 40 - channels), (3, 1, 1)));
    }
    shapes
}

fn cases() -> Vec<(Algorithm, Isa, ConvShape)> {
    let mut cases = vec![];
    for algorithm in [Algorithm::Direct, Algorithm::Winograd] {
        for isa in Isa::available() {
            let shapes = shapes().into_iter().filter(|shape| algorithm.applies(isa, shape));
            cases.extend(shapes.map(|shape| (algorithm, isa, shape)));
        }
    }
    cases
}

fn reference_shape(shape: &ConvShape) -> reference::Conv {
    reference::Conv {
        n: shape.images,
        h: shape.in_h,
        w: shape.in_w,
        c_in: shape.in_c,
        c_out: shape.out_c,
        kh: shape.kernel,
        kw: shape.kernel,
        stride: shape.stride,
        padding: shape.padding,
    }
}

fn weights(shape: &ConvShape) -> Vec<f32> {
    let bound = (3.0 / (shape.in_c * shape.kernel * shape.kernel) as f32).sqrt();
    uniform(2, shape.weight_len()).into_iter().map(|w| w * bound).collect()
}

fn near(algorithm: Algorithm, what: &str, actual: &[f32], expected: &[f64]) -> Result<(), String> {
    common::near(what, actual, expected, tolerance(algorithm))
}

/// `max(x scale + shift, 0)` in f64, and the f32 maps it came from.
fn pre_activated(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>, Vec<f64>) {
    let scale: Vec<f32> = uniform(7, channels).into_iter().map(|v| 1.0 + 0.5 * v).collect();
    let shift: Vec<f32> = uniform(8, channels).into_iter().map(|v| 0.5 * v + 0.3).collect();
    let activated = x.iter().enumerate().map(|(i, &x)| {
        let c = i % channels;
        (f64::from(x) * f64::from(scale[c]) + f64::from(shift[c])).max(0.0)
    });
    let activated = activated.collect();
    (scale, shift, activated)
}

#[test]
fn output() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w) = (uniform(1, shape.input_len()), weights(shape));
        let mut y = vec![f32::NAN; shape.output_len()];
        forward(*algorithm, *isa, shape, &x, Prologue::None, &w, Epilogue::default(), &mut y);
        let expected =
            reference::conv2d(&reference::to_f64(&x), &reference::to_f64(&w), &reference_shape(shape));
        near(*algorithm, "output", &y, &expected)
    });
}

#[test]
fn output_of_a_pre_activated_input_with_bias_and_residual() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w) = (uniform(1, shape.input_len()), weights(shape));
        let (bias, residual) = (uniform(3, shape.out_c), uniform(4, shape.output_len()));
        let (scale, shift, activated) = pre_activated(&x, shape.in_c);
        let mut y = vec![f32::NAN; shape.output_len()];
        let prologue = Prologue::NormRelu { scale: &scale, shift: &shift };
        forward(
            *algorithm,
            *isa,
            shape,
            &x,
            prologue,
            &w,
            Epilogue { bias: Some(&bias), residual: Some(&residual) },
            &mut y,
        );
        let mut expected = reference::conv2d(&activated, &reference::to_f64(&w), &reference_shape(shape));
        for (i, y) in expected.iter_mut().enumerate() {
            *y += f64::from(bias[i % shape.out_c]) + f64::from(residual[i]);
        }
        near(*algorithm, "output", &y, &expected)
    });
}

#[test]
fn gradient_of_the_input() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (dy, w) = (uniform(5, shape.output_len()), weights(shape));
        let mut dx = vec![f32::NAN; shape.input_len()];
        input_grad(*algorithm, *isa, shape, &dy, &w, &mut dx);
        let expected = reference::conv2d_input_grad(
            &reference::to_f64(&dy),
            &reference::to_f64(&w),
            &reference_shape(shape),
        );
        near(*algorithm, "input gradient", &dx, &expected)
    });
}

#[test]
fn gradient_of_the_weights() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, dy) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()));
        let mut dw = vec![f32::NAN; shape.weight_len()];
        weight_grad(*algorithm, *isa, shape, &x, Prologue::None, &dy, &mut dw);
        let expected = reference::conv2d_weight_grad(
            &reference::to_f64(&x),
            &reference::to_f64(&dy),
            &reference_shape(shape),
        );
        near(*algorithm, "weight gradient", &dw, &expected)?;

        let (scale, shift, activated) = pre_activated(&x, shape.in_c);
        weight_grad(
            *algorithm,
            *isa,
            shape,
            &x,
            Prologue::NormRelu { scale: &scale, shift: &shift },
            &dy,
            &mut dw,
        );
        let expected =
            reference::conv2d_weight_grad(&activated, &reference::to_f64(&dy), &reference_shape(shape));
        near(*algorithm, "weight gradient of a pre-activated input", &dw, &expected)
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let shapes = [
        shape(5, (19, 17), (20, 24), (3, 1, 1)),
        shape(5, (19, 17), (16, 32), (3, 1, 1)),
        shape(3, (9, 9), (16, 32), (3, 2, 1)),
    ];
    table::run(&shapes, |shape| {
        let (x, dy, w) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()), weights(shape));
        let (isa, algorithm) = (Isa::best(), Algorithm::choose(Isa::best(), shape));
        common::assert_threads_change_nothing(|| {
            let (mut y, mut dx, mut dw) =
                (vec![0.0; shape.output_len()], vec![0.0; shape.input_len()], vec![0.0; shape.weight_len()]);
            forward(algorithm, isa, shape, &x, Prologue::None, &w, Epilogue::default(), &mut y);
            input_grad(algorithm, isa, shape, &dy, &w, &mut dx);
            weight_grad(algorithm, isa, shape, &x, Prologue::None, &dy, &mut dw);
            vec![y, dx, dw]
        });
        Ok(())
    });
}

#[test]
fn an_empty_batch_is_fine() {
    let shape = shape(0, (8, 8), (3, 4), (3, 1, 1));
    let mut dw = vec![f32::NAN; shape.weight_len()];
    forward(
        Algorithm::Direct,
        Isa::best(),
        &shape,
        &[],
        Prologue::None,
        &weights(&shape),
        Epilogue::default(),
        &mut [],
    );
    weight_grad(Algorithm::Direct, Isa::best(), &shape, &[], Prologue::None, &[], &mut dw);
    assert!(dw.iter().all(|w| *w == 0.0));
}

#[test]
#[should_panic(expected = "conv2d: weight has another length than its shape")]
fn a_slice_of_the_wrong_length_is_refused() {
    let shape = shape(1, (4, 4), (3, 4), (3, 1, 1));
    let (x, mut y) = (vec![0.0; shape.input_len()], vec![0.0; shape.output_len()]);
    forward(
        Algorithm::Direct,
        Isa::best(),
        &shape,
        &x,
        Prologue::None,
        &[0.0; 7],
        Epilogue::default(),
        &mut y,
    );
}
