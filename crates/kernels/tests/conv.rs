//! Convolution and both its gradients against the f64 reference: every instruction set, awkward shapes.

mod common;
#[path = "common/convolutions.rs"]
mod convolutions;

use resnet_kernels::conv::{
    Algorithm, ConvInput, Epilogue, GradientEpilogue, PackedFilters, Prologue, Residual, forward, input_grad,
    weight_grad,
};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform};

use convolutions::{cases, cost, pre_activated, reference_shape, shape, tolerance, weights};

fn near(algorithm: Algorithm, what: &str, actual: &[f32], expected: &[f64]) -> Result<(), String> {
    common::near(what, actual, expected, tolerance(algorithm))
}

#[test]
fn output() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w) = (uniform(1, shape.input_len()), weights(shape));
        let mut y = vec![f32::NAN; shape.output_len()];
        let filters = PackedFilters::new(*algorithm, *isa, shape, &w);
        forward(*isa, shape, ConvInput::plain(&x), &filters, Epilogue::default(), &mut y);
        let expected =
            reference::conv2d(&reference::to_f64(&x), &reference::to_f64(&w), &reference_shape(shape));
        near(*algorithm, "output", &y, &expected)
    });
}

#[test]
fn output_of_a_pre_activated_input_with_bias_and_residual() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w) = (uniform(1, shape.input_len()), weights(shape));
        let (bias, residual) = (uniform(3, shape.out_channels), uniform(4, shape.output_len()));
        let (scale, shift, activated) = pre_activated(&x, shape.in_channels);
        let mut y = vec![f32::NAN; shape.output_len()];
        let prologue = Prologue::NormRelu { scale: &scale, shift: &shift };
        let filters = PackedFilters::new(*algorithm, *isa, shape, &w);
        let epilogue =
            Epilogue { bias: Some(&bias), residual: Residual::Tensor(&residual), ..Epilogue::default() };
        forward(*isa, shape, ConvInput { x: &x, prologue }, &filters, epilogue, &mut y);
        let mut expected = reference::conv2d(&activated, &reference::to_f64(&w), &reference_shape(shape));
        for (i, y) in expected.iter_mut().enumerate() {
            *y += f64::from(bias[i % shape.out_channels]) + f64::from(residual[i]);
        }
        near(*algorithm, "output", &y, &expected)
    });
}

#[test]
fn gradient_of_the_input() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (dy, w) = (uniform(5, shape.output_len()), weights(shape));
        let mut dx = vec![f32::NAN; shape.input_len()];
        input_grad(*algorithm, *isa, shape, &dy, &w, GradientEpilogue::None, &mut dx);
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
        weight_grad(*algorithm, *isa, shape, ConvInput::plain(&x), &dy, &mut dw);
        let expected = reference::conv2d_weight_grad(
            &reference::to_f64(&x),
            &reference::to_f64(&dy),
            &reference_shape(shape),
        );
        near(*algorithm, "weight gradient", &dw, &expected)?;

        let (scale, shift, activated) = pre_activated(&x, shape.in_channels);
        weight_grad(
            *algorithm,
            *isa,
            shape,
            ConvInput { x: &x, prologue: Prologue::NormRelu { scale: &scale, shift: &shift } },
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
        shape(5, (33, 31), (64, 16), (1, 1, 0)),
        shape(1, (7, 7), (512, 70), (1, 1, 0)),
        shape(3, (9, 9), (40, 80), (1, 2, 0)),
        // Few images: cut by rows and by outputs; sums of several slices.
        shape(1, (14, 15), (100, 136), (3, 2, 1)),
        shape(1, (7, 7), (130, 100), (3, 1, 1)),
        shape(40, (9, 10), (24, 40), (3, 2, 1)),
        shape(3, (3, 2), (4, 8), (3, 2, 1)),
        shape(3, (2, 1), (9, 34), (1, 1, 0)),
    ];
    table::run(&affordable(shapes, cost), |shape| {
        let (x, dy, w) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()), weights(shape));
        let (isa, algorithm) = (Isa::best(), Algorithm::choose(Isa::best(), shape));
        common::assert_threads_change_nothing(|| {
            let (mut y, mut dx, mut dw) =
                (vec![0.0; shape.output_len()], vec![0.0; shape.input_len()], vec![0.0; shape.weight_len()]);
            let filters = PackedFilters::new(algorithm, isa, shape, &w);
            forward(isa, shape, ConvInput::plain(&x), &filters, Epilogue::default(), &mut y);
            input_grad(algorithm, isa, shape, &dy, &w, GradientEpilogue::None, &mut dx);
            weight_grad(algorithm, isa, shape, ConvInput::plain(&x), &dy, &mut dw);
            vec![y, dx, dw]
        });
        Ok(())
    });
}

#[test]
fn an_empty_batch_is_fine() {
    let shape = shape(0, (8, 8), (3, 4), (3, 1, 1));
    let mut dw = vec![f32::NAN; shape.weight_len()];
    let filters = PackedFilters::new(Algorithm::Direct, Isa::best(), &shape, &weights(&shape));
    forward(Isa::best(), &shape, ConvInput::plain(&[]), &filters, Epilogue::default(), &mut []);
    weight_grad(Algorithm::Direct, Isa::best(), &shape, ConvInput::plain(&[]), &[], &mut dw);
    assert!(dw.iter().all(|w| *w == 0.0));
}

#[test]
#[should_panic(expected = "conv2d: weight has another length than its shape")]
fn a_slice_of_the_wrong_length_is_refused() {
    PackedFilters::new(Algorithm::Direct, Isa::best(), &shape(1, (4, 4), (3, 4), (3, 1, 1)), &[0.0; 7]);
}

#[test]
#[should_panic(expected = "conv2d: the filters were packed for another convolution")]
fn filters_of_another_convolution_are_refused() {
    let (small, large) = (shape(1, (4, 4), (3, 4), (3, 1, 1)), shape(1, (4, 4), (3, 5), (3, 1, 1)));
    let filters = PackedFilters::new(Algorithm::Direct, Isa::best(), &small, &weights(&small));
    let (x, mut y) = (vec![0.0; large.input_len()], vec![0.0; large.output_len()]);
    forward(Isa::best(), &large, ConvInput::plain(&x), &filters, Epilogue::default(), &mut y);
}
