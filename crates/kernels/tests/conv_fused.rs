//! What convolutions fuse into their store, against the same thing done afterwards in f64.

mod common;
#[path = "common/convolutions.rs"]
mod convolutions;

use convolutions::{cases, cost, pre_activated, reference_shape, shape, tolerance, weights};
use resnet_kernels::conv::{
    Algorithm, ConvInput, Epilogue, GradientEpilogue, PackedFilters, Residual, Statistics, forward,
    input_grad,
};
use resnet_kernels::norm::{Activation, ScaleShift};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform, within};

#[test]
fn an_activation_follows_the_residual() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w, residual) =
            (uniform(1, shape.input_len()), weights(shape), uniform(4, shape.output_len()));
        let filters = PackedFilters::new(*algorithm, *isa, shape, &w);
        let plain = Epilogue { residual: Residual::Tensor(&residual), ..Epilogue::default() };
        let (mut sum, mut rectified) =
            (vec![f32::NAN; shape.output_len()], vec![f32::NAN; shape.output_len()]);
        forward(*isa, shape, ConvInput::plain(&x), &filters, plain, &mut sum);
        let rectify = Epilogue { activation: Activation::Relu, ..plain };
        forward(*isa, shape, ConvInput::plain(&x), &filters, rectify, &mut rectified);
        common::near("the sum, rectified", &rectified, &reference::relu(&reference::to_f64(&sum)), 0.0)
    });
}

/// What lies where the output goes is read before it is overwritten, in every tile.
#[test]
fn a_residual_in_place_gives_the_same_bits() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w, residual) =
            (uniform(1, shape.input_len()), weights(shape), uniform(4, shape.output_len()));
        let bias = uniform(3, shape.out_channels);
        let filters = PackedFilters::new(*algorithm, *isa, shape, &w);
        let beside = Epilogue {
            bias: Some(&bias),
            residual: Residual::Tensor(&residual),
            activation: Activation::Relu,
            ..Epilogue::default()
        };
        let mut expected = vec![f32::NAN; shape.output_len()];
        forward(*isa, shape, ConvInput::plain(&x), &filters, beside, &mut expected);
        let mut y = residual.clone();
        let in_place = Epilogue { residual: Residual::InPlace, ..beside };
        forward(*isa, shape, ConvInput::plain(&x), &filters, in_place, &mut y);
        if y == expected { Ok(()) } else { Err("other bits".to_owned()) }
    });
}

/// A bias of 50 puts the mean far from zero, where a naive sum of squares would lose the variance.
#[test]
fn moments_are_those_of_what_was_stored() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, w, residual) =
            (uniform(1, shape.input_len()), weights(shape), uniform(4, shape.output_len()));
        let bias: Vec<f32> = uniform(3, shape.out_channels).iter().map(|b| 50.0 * b).collect();
        let epilogue = Epilogue {
            bias: Some(&bias),
            residual: Residual::Tensor(&residual),
            statistics: Statistics::Gather,
            ..Epilogue::default()
        };
        let mut y = vec![f32::NAN; shape.output_len()];
        let filters = PackedFilters::new(*algorithm, *isa, shape, &w);
        let moments =
            forward(*isa, shape, ConvInput::plain(&x), &filters, epilogue, &mut y).ok_or("no moments")?;
        let pixels = y.len() / shape.out_channels;
        for c in 0..shape.out_channels {
            let values: Vec<f64> =
                y.iter().skip(c).step_by(shape.out_channels).map(|y| f64::from(*y)).collect();
            let mean = values.iter().sum::<f64>() / pixels as f64;
            let var = values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / pixels as f64;
            let scale = var.sqrt().max(mean.abs());
            let var_allowed = 2e-6 * var + 1e-12 * scale * scale;
            within(format_args!("mean of channel {c}"), moments.mean[c], mean, 1e-6 * scale)?;
            within(format_args!("variance of channel {c}"), moments.var[c], var, var_allowed)?;
        }
        Ok(())
    });
}

#[test]
fn gradient_sums_are_those_of_the_norm_before() {
    table::run(&cases(), |(algorithm, isa, shape)| {
        let (x, dy, w) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()), weights(shape));
        let (scale, shift, activated) = pre_activated(&x, shape.in_channels);
        let mean = uniform(9, shape.in_channels);
        let map = ScaleShift { scale, shift };
        let epilogue = GradientEpilogue::NormSums { x: &x, mean: &mean, map: &map };
        let mut dx = vec![f32::NAN; shape.input_len()];
        let sums = input_grad(*algorithm, *isa, shape, &dy, &w, epilogue, &mut dx).ok_or("no sums")?;
        let expected = reference::conv2d_input_grad(
            &reference::to_f64(&dy),
            &reference::to_f64(&w),
            &reference_shape(shape),
        );
        common::near("input gradient", &dx, &expected, tolerance(*algorithm))?;
        let (mut sum_dy, mut sum_dy_xmu, mut size) =
            (vec![0.0; shape.in_channels], vec![0.0; shape.in_channels], vec![0.0; shape.in_channels]);
        for (i, dx) in dx.iter().enumerate() {
            let c = i % shape.in_channels;
            // The mask is computed in f32 there and in f64 here: a value at zero may fall on either side.
            if activated[i] > 0.0 {
                sum_dy[c] += f64::from(*dx);
                sum_dy_xmu[c] += f64::from(*dx) * f64::from(x[i] - mean[c]);
            }
            size[c] += f64::from(*dx).abs();
        }
        for c in 0..shape.in_channels {
            let allowed = 1e-5 * size[c];
            within(format_args!("sum of channel {c}"), sums.sum_dy[c], sum_dy[c], allowed)?;
            within(format_args!("centred sum of channel {c}"), sums.sum_dy_xmu[c], sum_dy_xmu[c], allowed)?;
        }
        Ok(())
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_the_sums() {
    let isa = Isa::best();
    let shapes = [
        shape(5, (19, 17), (16, 32), (3, 1, 1)),
        shape(3, (9, 9), (16, 32), (3, 2, 1)),
        shape(3, (3, 2), (4, 8), (3, 2, 1)),
        shape(5, (33, 31), (64, 16), (1, 1, 0)),
        shape(1, (7, 7), (512, 70), (1, 1, 0)),
        shape(5, (19, 17), (16, 40), (3, 2, 1)),
        shape(1, (14, 15), (100, 136), (3, 2, 1)),
        shape(3, (2, 1), (9, 34), (1, 1, 0)),
    ];
    table::run(&affordable(shapes, cost), |shape| {
        let (x, dy, w) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()), weights(shape));
        let (scale, shift, _) = pre_activated(&x, shape.in_channels);
        let (mean, map) = (uniform(9, shape.in_channels), ScaleShift { scale, shift });
        let algorithm = Algorithm::choose(isa, shape);
        common::assert_threads_change_nothing(|| {
            let (mut y, mut dx) = (vec![0.0; shape.output_len()], vec![0.0; shape.input_len()]);
            let filters = PackedFilters::new(algorithm, isa, shape, &w);
            let gather = Epilogue { statistics: Statistics::Gather, ..Epilogue::default() };
            let moments =
                forward(isa, shape, ConvInput::plain(&x), &filters, gather, &mut y).expect("moments");
            let sum = GradientEpilogue::NormSums { x: &x, mean: &mean, map: &map };
            let sums = input_grad(algorithm, isa, shape, &dy, &w, sum, &mut dx).expect("sums");
            let halves = |sums: &[f64]| {
                sums.iter().flat_map(|s| [*s as f32, (s - f64::from(*s as f32)) as f32]).collect()
            };
            vec![moments.mean, moments.var, halves(&sums.sum_dy), halves(&sums.sum_dy_xmu)]
        });
        Ok(())
    });
}
