//! Both gradients of 1x1 convolutions in one pass, and the second pass through the norm, against f64.

mod common;
#[path = "common/convolutions.rs"]
mod convolutions;

use convolutions::{cases, cost, pre_activated, reference_shape, shape, tolerance, weights};
use resnet_kernels::conv::OutputGradient::{self, There};
use resnet_kernels::conv::{
    Algorithm, ConvInput, ConvShape, GradientTarget, Prologue, ThroughNorm, input_and_weight_grad,
    input_grad_through_norm,
};
use resnet_kernels::norm::{Accumulate, BackwardMap, BackwardSums, NormBackward, ScaleShift};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform, within};

fn pointwise_cases() -> Vec<(Algorithm, Isa, ConvShape)> {
    let mut cases = cases();
    cases.retain(|(algorithm, ..)| *algorithm == Algorithm::Pointwise);
    // More weights than one pass takes, and the largest that it does.
    for isa in Isa::available() {
        for channels in [(64, 512), (512, 65), (128, 256), (256, 96), (257, 300)] {
            cases.push((Algorithm::Pointwise, isa, shape(2, (9, 7), channels, (1, 1, 0))));
        }
    }
    affordable(cases, |(.., shape)| cost(shape))
}

/// What the gradients are computed from, and what they should be.
struct Problem {
    x: Vec<f32>,
    dy: Vec<f32>,
    weight: Vec<f32>,
    mean: Vec<f32>,
    map: ScaleShift,
    activated: Vec<f64>,
    dx: Vec<f64>,
}

impl Problem {
    fn new(shape: &ConvShape) -> Self {
        let (x, dy, weight) = (uniform(1, shape.input_len()), uniform(5, shape.output_len()), weights(shape));
        let (scale, shift, activated) = pre_activated(&x, shape.in_channels);
        let (dy64, weight64) = (reference::to_f64(&dy), reference::to_f64(&weight));
        let dx = reference::conv2d_input_grad(&dy64, &weight64, &reference_shape(shape));
        let mean = uniform(9, shape.in_channels);
        Problem { x, dy, weight, mean, map: ScaleShift { scale, shift }, activated, dx }
    }

    fn prologue(&self) -> Prologue<'_> {
        Prologue::NormRelu { scale: &self.map.scale, shift: &self.map.shift }
    }

    fn dw(&self, shape: &ConvShape, x: &[f64]) -> Vec<f64> {
        reference::conv2d_weight_grad(x, &reference::to_f64(&self.dy), &reference_shape(shape))
    }

    /// Compares sums with those of the expected gradient.
    fn check(&self, sums: &BackwardSums) -> Result<(), String> {
        let channels = self.mean.len();
        let (mut sum_dy, mut sum_dy_xmu) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, dx) in self.dx.iter().enumerate() {
            let c = i % channels;
            if self.activated[i] > 0.0 {
                sum_dy[c] += dx;
                sum_dy_xmu[c] += dx * f64::from(self.x[i] - self.mean[c]);
            }
        }
        if sums.sum_dy.len() != channels || sums.sum_dy_xmu.len() != channels {
            return Err("sums of another number of channels".to_owned());
        }
        // Each term may be off by the gradient's tolerance.
        let square: f64 = self.dx.iter().map(|dx| dx * dx).sum();
        let terms = (self.dx.len() / channels) as f64;
        let allowed = 1e-5 * terms * (square / self.dx.len() as f64).sqrt();
        for c in 0..channels {
            within(format_args!("sum of channel {c}"), sums.sum_dy[c], sum_dy[c], allowed)?;
            within(format_args!("centred sum of channel {c}"), sums.sum_dy_xmu[c], sum_dy_xmu[c], allowed)?;
        }
        Ok(())
    }
}

#[test]
fn both_gradients_and_the_sums() {
    table::run(&pointwise_cases(), |(algorithm, isa, shape)| {
        let problem = Problem::new(shape);
        let Problem { x, dy, weight, mean, .. } = &problem;
        let near = |what: &str, actual: &[f32], expected: &[f64]| {
            common::near(what, actual, expected, tolerance(*algorithm))
        };
        let (mut dx, mut dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; weight.len()]);
        let prologue = problem.prologue();
        let expected = problem.dw(shape, &problem.activated);
        let target = GradientTarget::StoreAndSum { mean, dx: &mut dx };
        let sums =
            input_and_weight_grad(*isa, shape, ConvInput { x, prologue }, There(dy), weight, &mut dw, target)
                .ok_or("no sums")?;
        near("input gradient", &dx, &problem.dx)?;
        near("weight gradient", &dw, &expected)?;
        problem.check(&sums)?;

        dw.fill(f32::NAN);
        let target = GradientTarget::Sum { mean };
        let sums =
            input_and_weight_grad(*isa, shape, ConvInput { x, prologue }, There(dy), weight, &mut dw, target)
                .ok_or("no sums")?;
        near("weight gradient beside sums", &dw, &expected)?;
        problem.check(&sums)?;

        dw.fill(f32::NAN);
        dx.fill(f32::NAN);
        let target = GradientTarget::Store(&mut dx);
        let sums =
            input_and_weight_grad(*isa, shape, ConvInput::plain(x), There(dy), weight, &mut dw, target);
        near("input gradient", &dx, &problem.dx)?;
        near("weight gradient of the plain input", &dw, &problem.dw(shape, &reference::to_f64(x)))?;
        if sums.is_some() { Err("sums that nobody asked for".to_owned()) } else { Ok(()) }
    });
}

fn backward_map(channels: usize) -> BackwardMap {
    BackwardMap {
        of_gradient: uniform(11, channels),
        of_input: uniform(12, channels),
        constant: uniform(13, channels),
    }
}

#[test]
fn the_gradient_through_the_norm() {
    table::run(&pointwise_cases(), |(algorithm, isa, shape)| {
        let problem = Problem::new(shape);
        let Problem { x, dy, weight, map, .. } = &problem;
        let backward = backward_map(shape.in_channels);
        let norm = NormBackward { x, map, backward: &backward };
        let before = uniform(14, x.len());
        let through = |i: usize| {
            let c = i % shape.in_channels;
            let g = if problem.activated[i] > 0.0 { problem.dx[i] } else { 0.0 };
            g * f64::from(backward.of_gradient[c])
                + f64::from(x[i]) * f64::from(backward.of_input[c])
                + f64::from(backward.constant[c])
        };
        let mut dx = vec![f32::NAN; x.len()];
        let set = Accumulate::Set;
        input_grad_through_norm(*isa, ThroughNorm { shape, dy, weight, norm, accumulate: set }, &mut dx);
        let expected: Vec<f64> = (0..x.len()).map(through).collect();
        common::near("gradient", &dx, &expected, tolerance(*algorithm))?;

        dx.copy_from_slice(&before);
        let add = Accumulate::Add;
        input_grad_through_norm(*isa, ThroughNorm { shape, dy, weight, norm, accumulate: add }, &mut dx);
        let expected: Vec<f64> =
            before.iter().enumerate().map(|(i, before)| f64::from(*before) + through(i)).collect();
        common::near("added gradient", &dx, &expected, tolerance(*algorithm))
    });
}

/// Of a gradient that lies there, or is computed first: itself, both gradients behind it and the sums.
type Chain = (Vec<f32>, Vec<f32>, Vec<f32>, BackwardSums);

/// What two units make of a gradient: through the next one's first convolution and norm, then into the last
/// convolution of this one; in one pass or in two.
fn chain(isa: Isa, of_next: ThroughNorm, problem: &Problem, shape: &ConvShape, passes: usize) -> Chain {
    let Problem { x, weight, mean, .. } = problem;
    let mut dy = uniform(15, shape.output_len());
    let (mut dx, mut dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; weight.len()]);
    let input = ConvInput { x, prologue: problem.prologue() };
    let target = GradientTarget::StoreAndSum { mean, dx: &mut dx };
    let gradient = if passes == 1 {
        OutputGradient::Through(of_next, &mut dy)
    } else {
        input_grad_through_norm(isa, of_next, &mut dy);
        There(&dy)
    };
    let sums = input_and_weight_grad(isa, shape, input, gradient, weight, &mut dw, target);
    (dy, dx, dw, sums.expect("asked for"))
}

#[test]
fn a_gradient_computed_where_it_is_read_is_the_same_to_the_bit() {
    table::run(&pointwise_cases(), |(_, isa, shape)| {
        let (pixels, problem) = ((shape.out_h(), shape.out_w()), Problem::new(shape));
        // The last has a stride, and is not done on the way.
        let next = self::shape(shape.images, pixels, (shape.out_channels, shape.in_channels), (1, 1, 0));
        for next in [next, ConvShape { out_channels: 5, ..next }, ConvShape { stride: 2, ..next }] {
            let of_next = Problem::new(&next);
            let backward = backward_map(next.in_channels);
            let norm = NormBackward { x: &of_next.x, map: &of_next.map, backward: &backward };
            for accumulate in [Accumulate::Set, Accumulate::Add] {
                let through =
                    ThroughNorm { shape: &next, dy: &of_next.dy, weight: &of_next.weight, norm, accumulate };
                let [one, two] = [1, 2].map(|passes| chain(*isa, through, &problem, shape, passes));
                if one != two {
                    return Err(format!("{next:?}, {accumulate:?}"));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let shapes = [
        shape(5, (33, 31), (64, 16), (1, 1, 0)),
        shape(3, (9, 7), (17, 70), (1, 1, 0)),
        shape(2, (9, 7), (512, 300), (1, 1, 0)),
        shape(2, (9, 7), (96, 80), (1, 2, 0)),
        shape(3, (2, 1), (9, 34), (1, 1, 0)),
    ];
    table::run(&affordable(shapes, cost), |shape| {
        let problem = Problem::new(shape);
        let Problem { x, dy, weight, mean, map, .. } = &problem;
        let (isa, backward) = (Isa::best(), backward_map(shape.in_channels));
        common::assert_threads_change_nothing(|| {
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
            let target = GradientTarget::StoreAndSum { mean, dx: &mut dx };
            let sums = input_and_weight_grad(
                isa,
                shape,
                ConvInput { x, prologue: problem.prologue() },
                There(dy),
                weight,
                &mut dw,
                target,
            )
            .expect("asked for");
            let mut through = vec![0.0; x.len()];
            let norm = NormBackward { x, map, backward: &backward };
            let set = Accumulate::Set;
            input_grad_through_norm(
                isa,
                ThroughNorm { shape, dy, weight, norm, accumulate: set },
                &mut through,
            );
            let single = |sums: &[f64]| sums.iter().map(|sum| *sum as f32).collect();
            vec![dx, dw, through, single(&sums.sum_dy), single(&sums.sum_dy_xmu)]
        });
        Ok(())
    });
}

#[test]
fn an_empty_batch_has_no_gradient() {
    let shape = shape(0, (8, 8), (3, 4), (1, 1, 0));
    let (mut dw, mean, ones) = ([f32::NAN; 12], [0.0; 3], [1.0; 3]);
    let prologue = Prologue::NormRelu { scale: &ones, shift: &ones };
    let target = GradientTarget::Sum { mean: &mean };
    let sums = input_and_weight_grad(
        Isa::best(),
        &shape,
        ConvInput { x: &[], prologue },
        There(&[]),
        &[0.5; 12],
        &mut dw,
        target,
    );
    assert_eq!(dw, [0.0; 12]);
    assert_eq!(sums, Some(BackwardSums { sum_dy: vec![0.0; 3], sum_dy_xmu: vec![0.0; 3] }));
}

#[test]
#[should_panic(expected = "conv2d: sums for a norm that the input didn't go through")]
fn sums_without_a_norm_are_refused() {
    let shape = shape(1, (1, 1), (1, 1), (1, 1, 0));
    let target = GradientTarget::Sum { mean: &[0.0] };
    input_and_weight_grad(
        Isa::best(),
        &shape,
        ConvInput::plain(&[1.0]),
        There(&[1.0]),
        &[1.0],
        &mut [0.0],
        target,
    );
}

#[test]
#[should_panic(expected = "conv2d: Pointwise can't compute")]
fn wider_filters_are_refused() {
    let shape = shape(1, (1, 1), (1, 1), (3, 1, 1));
    let target = GradientTarget::Store(&mut []);
    input_and_weight_grad(
        Isa::best(),
        &shape,
        ConvInput::plain(&[1.0]),
        There(&[1.0]),
        &[1.0],
        &mut [0.0],
        target,
    );
}
