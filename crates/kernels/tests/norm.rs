//! Batch norm's kernels against the f64 reference: every instruction set, awkward channels, more than one
//! chunk.

mod common;

use common::{assert_threads_change_nothing, near};
use resnet_kernels::norm::{
    Accumulate, Activation, BackwardMap, BackwardSums, Moments, NormBackward, ScaleShift, apply,
    backward_apply, backward_in_place, backward_sums, moments,
};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, table, uniform, within};

const EPS: f32 = 1e-5;
/// Rounding to nearest in f32 changes a number by at most this part of it.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
/// An output is the sum of two or three terms of a few units, each rounded: below 6 roundings of values below
/// 4, over a root mean square of 1/2 at least (ReLU halves the square).
const APPLIED: f64 = 6.0 * 4.0 * ROUNDING / 0.5;
/// A sum of n terms in f32 wanders by about sqrt(n) roundings of its terms' norm; a chunk has at most 2^10
/// pixels; twice that for the few that wander farther.
const SUMMED: f64 = 2.0 * 32.0 * ROUNDING;

const ACTIVATIONS: [Activation; 2] = [Activation::Identity, Activation::Relu];

/// A shape on an instruction set: `(isa, pixels, channels)`.
type Case = (Isa, usize, usize);

/// Chunks are of 2^14 floats and at most 2^10 pixels: 1024 pixels of up to 16 channels, 256 of 64, one of
/// 20,000.
fn cases() -> Vec<Case> {
    let mut shapes = vec![
        (3, 1),
        (35, 3),
        (63, 5),
        (1024, 16),
        (3001, 64),
        (16_385, 1),
        (40_000, 1),
        (11_000, 3),
        (8, 20_000),
    ];
    shapes
        .extend([2, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 129].map(|channels| (50, channels)));
    let shapes = affordable(shapes, |(pixels, channels)| pixels * channels);
    Isa::available()
        .into_iter()
        .flat_map(|isa| shapes.iter().map(move |&(pixels, channels)| (isa, pixels, channels)))
        .collect()
}

/// Every case with every activation.
fn activated_cases() -> Vec<(Case, Activation)> {
    cases().into_iter().flat_map(|case| ACTIVATIONS.map(|activation| (case, activation))).collect()
}

/// Values `centre + spread u` whose centre and spread differ from channel to channel.
fn spread(seed: u64, pixels: usize, channels: usize, centre: f32, spread: f32) -> Vec<f32> {
    let (shift, scale) = (uniform(seed + 100, channels), uniform(seed + 200, channels));
    let value = |(i, u): (usize, f32)| {
        let c = i % channels;
        centre * (1.0 + 0.5 * shift[c]) + spread * (1.0 + 0.5 * scale[c]) * u
    };
    uniform(seed, pixels * channels).into_iter().enumerate().map(value).collect()
}

/// A layer with the statistics of its input, as the reference finds them.
struct Layer {
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    moments: Moments,
    map: ScaleShift,
}

impl Layer {
    fn new(pixels: usize, channels: usize, centre: f32, deviation: f32) -> Self {
        let x = spread(1, pixels, channels, centre, deviation);
        let gamma: Vec<f32> = uniform(2, channels).into_iter().map(|u| 1.0 + 0.5 * u).collect();
        let beta: Vec<f32> = uniform(3, channels).into_iter().map(|u| 0.5 * u).collect();
        let found = reference::batch_norm_train(
            &reference::to_f64(&x),
            &vec![1.0; channels],
            &vec![0.0; channels],
            1.0,
        );
        let round = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        let moments = Moments { mean: round(found.mean), var: round(found.var_biased) };
        let map = ScaleShift::new(&gamma, &beta, &moments, EPS);
        Layer { x, gamma, beta, moments, map }
    }

    fn gamma64(&self) -> Vec<f64> {
        reference::to_f64(&self.gamma)
    }

    /// Without activation, in f64, with the rounded statistics.
    fn expected(&self) -> Vec<f64> {
        let [x, beta, mean, var] =
            [&self.x, &self.beta, &self.moments.mean, &self.moments.var].map(|v| reference::to_f64(v));
        reference::batch_norm_eval(&x, &self.gamma64(), &beta, &mean, &var, f64::from(EPS))
    }

    /// `dy` where the kernel's own output is positive. (Where it is zero but for rounding, f64 may decide
    /// otherwise; what matters is that forward and backward agree.)
    fn gated(&self, isa: Isa, dy: &[f32], activation: Activation) -> Vec<f64> {
        let mut y = vec![f32::NAN; self.x.len()];
        apply(isa, &self.x, &self.map, None, activation, &mut y);
        let open = |y: f32| activation == Activation::Identity || y > 0.0;
        dy.iter().zip(y).map(|(&dy, y)| if open(y) { f64::from(dy) } else { 0.0 }).collect()
    }

    fn sums(&self, isa: Isa, dy: &[f32], activation: Activation) -> BackwardSums {
        backward_sums(isa, &self.x, dy, &self.moments.mean, &self.map, activation)
    }

    fn backward_map(&self, sums: &BackwardSums) -> BackwardMap {
        BackwardMap::train(&self.gamma, &self.moments, EPS, sums, self.x.len() / self.gamma.len())
    }

    fn train_backward(&self, g: &[f64]) -> reference::BatchNormGradients {
        reference::batch_norm_train_backward(&reference::to_f64(&self.x), &self.gamma64(), g, f64::from(EPS))
    }
}

/// Compares the moments of `x` with the reference's, errors of the mean in units of its deviation.
fn check_moments(isa: Isa, x: &[f32], channels: usize) -> Result<(), String> {
    let found = moments(isa, x, channels);
    let expected =
        reference::batch_norm_train(&reference::to_f64(x), &vec![1.0; channels], &vec![0.0; channels], 1.0);
    for c in 0..channels {
        let (mean, var) = (expected.mean[c], expected.var_biased[c]);
        // A chunk's mean and the result are rounded; what the sum of distances errs by is in units of the
        // deviation.
        let (mean_allowed, var_allowed) = (2.0 * ROUNDING * mean.abs() + SUMMED * var.sqrt(), SUMMED * var);
        within(format_args!("mean of channel {c}"), found.mean[c], mean, mean_allowed)?;
        within(format_args!("variance of channel {c}"), found.var[c], var, var_allowed)?;
    }
    Ok(())
}

#[test]
fn moments_of_values_around_zero() {
    table::run(&cases(), |&(isa, pixels, channels)| {
        check_moments(isa, &spread(1, pixels, channels, 0.5, 1.0), channels)
    });
}

#[test]
fn moments_of_values_far_from_zero() {
    table::run(&cases(), |&(isa, pixels, channels)| {
        check_moments(isa, &spread(1, pixels, channels, 100.0, 0.1), channels)
    });
}

#[test]
fn chunks_with_means_of_their_own_are_combined() {
    // A ramp over the pixels: most of the variance lies between chunks, and the last chunk is shorter.
    table::run(&cases(), |&(isa, pixels, channels)| {
        let ramp = |i: usize| (i / channels) as f32 / pixels as f32 * 8.0 - (i % channels % 7) as f32;
        let x: Vec<f32> =
            uniform(1, pixels * channels).into_iter().enumerate().map(|(i, u)| ramp(i) + 0.5 * u).collect();
        check_moments(isa, &x, channels)
    });
}

#[test]
fn a_constant_channel_has_no_variance() {
    table::run(&cases(), |&(isa, pixels, channels)| {
        let found = moments(isa, &vec![0.1; pixels * channels], channels);
        // Equal terms round in one direction: a sum of 1024 loses up to 512 roundings. The mean's loss is
        // found again up to the loss of that sum, and leaves its square, likewise corrected, in the variance.
        let lost = 512.0 * ROUNDING;
        let (mean_allowed, var_allowed) =
            (0.1 * (ROUNDING + lost * lost), 0.1 * 0.1 * 2.0 * lost * lost * lost);
        let flat = found.var.iter().all(|&v| (0.0..=var_allowed).contains(&f64::from(v)));
        if flat && found.mean.iter().all(|&m| f64::from((m - 0.1).abs()) <= mean_allowed) {
            return Ok(());
        }
        Err(format!("mean {} variance {:e}", found.mean[0], found.var[0]))
    });
}

#[test]
fn scale_and_shift_are_what_normalisation_comes_down_to() {
    let layer = Layer::new(40, 17, 2.0, 0.5);
    let at =
        |c: usize| (f64::from(layer.gamma[c]), f64::from(layer.beta[c]), f64::from(layer.moments.mean[c]));
    let scale = |c: usize| at(c).0 / (f64::from(layer.moments.var[c]) + f64::from(EPS)).sqrt();
    let shifts: Vec<f64> = (0..17).map(|c| at(c).1 - at(c).2 * scale(c)).collect();
    let scales: Vec<f64> = (0..17).map(scale).collect();
    resnet_testing::assert_close(&layer.map.scale, &scales, 0.0, ROUNDING);
    resnet_testing::assert_close(&layer.map.shift, &shifts, 0.0, ROUNDING);
}

#[test]
fn applied_with_and_without_another_operand() {
    table::run(&activated_cases(), |&((isa, pixels, channels), activation)| {
        let layer = Layer::new(pixels, channels, 0.5, 1.0);
        let residual = uniform(4, pixels * channels);
        for other in [None, Some(&residual[..])] {
            let mut y = vec![f32::NAN; layer.x.len()];
            apply(isa, &layer.x, &layer.map, other, activation, &mut y);
            let mut expected = layer.expected();
            if let Some(other) = other {
                expected = reference::add(&expected, &reference::to_f64(other));
            }
            if activation == Activation::Relu {
                expected = reference::relu(&expected);
            }
            near(if other.is_some() { "sum" } else { "output" }, &y, &expected, APPLIED)?;
        }
        Ok(())
    });
}

#[test]
fn nan_stays_nan_in_every_lane() {
    table::run(&activated_cases(), |&((isa, pixels, channels), activation)| {
        let mut layer = Layer::new(pixels, channels, 0.5, 1.0);
        layer.x.fill(f32::NAN);
        let mut y = vec![0.0; layer.x.len()];
        apply(isa, &layer.x, &layer.map, None, activation, &mut y);
        let lost = y.iter().filter(|y| !y.is_nan()).count();
        let found = moments(isa, &layer.x, channels);
        if lost > 0 || found.mean.iter().chain(&found.var).any(|m| !m.is_nan()) {
            return Err(format!("{lost} of {} became numbers; {:?}", y.len(), found.mean[0]));
        }
        Ok(())
    });
}

#[test]
fn sums_for_the_gradients_of_gamma_and_beta() {
    table::run(&activated_cases(), |&((isa, pixels, channels), activation)| {
        let layer = Layer::new(pixels, channels, 0.5, 1.0);
        let dy = uniform(5, pixels * channels);
        let sums = layer.sums(isa, &dy, activation);
        let g = layer.gated(isa, &dy, activation);
        let expected = layer.train_backward(&g);
        // Errors of a sum are in units of its terms' norm, sqrt(pixels / 3) at most: cancellation doesn't
        // enlarge them.
        let allowed = SUMMED * (pixels as f64).sqrt();
        for c in 0..channels {
            let deviation = (f64::from(layer.moments.var[c]) + f64::from(EPS)).sqrt();
            let dgamma = sums.sum_dy_xmu[c] / deviation;
            within(format_args!("dbeta of channel {c}"), sums.sum_dy[c], expected.dbeta[c], allowed)?;
            within(format_args!("dgamma of channel {c}"), dgamma, expected.dgamma[c], allowed)?;
        }
        Ok(())
    });
}

/// Runs `backward_apply` both ways, over NaN and onto values that are there already, and `backward_in_place`.
fn check_input_gradient(
    case: Case,
    layer: &Layer,
    activation: Activation,
    map: &BackwardMap,
    expected: &[f64],
    tolerance: f64,
) -> Result<(), String> {
    let (isa, pixels, channels) = case;
    let dy = uniform(5, pixels * channels);
    let norm = NormBackward { x: &layer.x, map: &layer.map, backward: map };
    let mut dx = vec![f32::NAN; dy.len()];
    backward_apply(isa, norm, &dy, activation, Accumulate::Set, &mut dx);
    near("set", &dx, expected, tolerance)?;
    let mut gradient = dy.clone();
    backward_in_place(isa, norm, activation, &mut gradient);
    if gradient != dx {
        return Err("in place other bits than beside".into());
    }
    let present = uniform(6, dy.len());
    dx.copy_from_slice(&present);
    backward_apply(isa, norm, &dy, activation, Accumulate::Add, &mut dx);
    near("added", &dx, &reference::add(expected, &reference::to_f64(&present)), tolerance)
}

#[test]
fn gradient_of_the_input_in_training() {
    table::run(&activated_cases(), |&(case, activation)| {
        let (isa, pixels, channels) = case;
        let layer = Layer::new(pixels, channels, 0.5, 1.0);
        let dy = uniform(5, pixels * channels);
        let map = layer.backward_map(&layer.sums(isa, &dy, activation));
        let expected = layer.train_backward(&layer.gated(isa, &dy, activation)).dx;
        check_input_gradient(case, &layer, activation, &map, &expected, APPLIED)
    });
}

#[test]
fn gradient_of_the_input_far_from_zero() {
    // x b + c cancels to (x - mean) b: rounding is that of the mean, 100, seen in units of the deviation,
    // about 0.06. (Few values of a channel may lie much closer together by chance.)
    let cases: Vec<Case> = cases().into_iter().filter(|(_, pixels, _)| *pixels > 8).collect();
    table::run(&cases, |&case| {
        let (isa, pixels, channels) = case;
        let layer = Layer::new(pixels, channels, 100.0, 0.1);
        let dy = uniform(5, pixels * channels);
        let map = layer.backward_map(&layer.sums(isa, &dy, Activation::Identity));
        let expected = layer.train_backward(&reference::to_f64(&dy)).dx;
        check_input_gradient(
            case,
            &layer,
            Activation::Identity,
            &map,
            &expected,
            4.0 * ROUNDING * 100.0 / 0.06,
        )
    });
}

#[test]
fn gradient_of_the_input_in_evaluation() {
    table::run(&activated_cases(), |&(case, activation)| {
        let (isa, pixels, channels) = case;
        let layer = Layer::new(pixels, channels, 0.5, 1.0);
        let g = layer.gated(isa, &uniform(5, pixels * channels), activation);
        let [x, mean, var] =
            [&layer.x, &layer.moments.mean, &layer.moments.var].map(|v| reference::to_f64(v));
        let expected =
            reference::batch_norm_eval_backward(&x, &layer.gamma64(), &mean, &var, &g, f64::from(EPS)).dx;
        check_input_gradient(case, &layer, activation, &BackwardMap::eval(&layer.map), &expected, APPLIED)
    });
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for isa in Isa::available() {
        // More than one chunk.
        let (pixels, channels) = if cfg!(miri) { (1100, 1) } else { (5000, 17) };
        let layer = Layer::new(pixels, channels, 0.5, 1.0);
        let dy = uniform(5, layer.x.len());
        assert_threads_change_nothing(|| {
            let found = moments(isa, &layer.x, channels);
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; dy.len()]);
            apply(isa, &layer.x, &layer.map, Some(&dy), Activation::Relu, &mut y);
            let sums = layer.sums(isa, &dy, Activation::Relu);
            let map = layer.backward_map(&sums);
            let norm = NormBackward { x: &layer.x, map: &layer.map, backward: &map };
            backward_apply(isa, norm, &dy, Activation::Relu, Accumulate::Set, &mut dx);
            let round = |sums: Vec<f64>| sums.into_iter().map(|s| s as f32).collect();
            vec![found.mean, found.var, y, dx, round(sums.sum_dy), round(sums.sum_dy_xmu)]
        });
    }
}

#[test]
fn wrong_lengths_are_refused_and_not_read_past() {
    let short = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
    let layer = Layer::new(4, 8, 0.5, 1.0);
    let (isa, mut y) = (Isa::best(), vec![0.0; 32]);
    let out = std::cell::RefCell::new(&mut y);
    let bent = ScaleShift { shift: vec![0.0; 3], ..layer.map.clone() };
    let map = BackwardMap::eval(&layer.map);
    let bent_map = BackwardMap { constant: vec![], ..map.clone() };
    let identity = Activation::Identity;
    assert!(short(&|| drop(moments(isa, &layer.x[..31], 8))), "moments");
    assert!(short(&|| apply(isa, &layer.x, &bent, None, identity, &mut out.borrow_mut())), "a short shift");
    assert!(
        short(&|| apply(isa, &layer.x, &layer.map, Some(&[0.0; 31]), identity, &mut out.borrow_mut())),
        "other"
    );
    assert!(
        short(&|| drop(backward_sums(isa, &layer.x, &[0.0; 31], &layer.moments.mean, &layer.map, identity))),
        "dy"
    );
    let backward = |map: &ScaleShift, backward: &BackwardMap| {
        let norm = NormBackward { x: &layer.x, map, backward };
        backward_apply(isa, norm, &layer.x, identity, Accumulate::Set, &mut out.borrow_mut());
    };
    assert!(short(&|| backward(&bent, &map)), "a short shift backward");
    assert!(short(&|| backward(&layer.map, &bent_map)), "a short constant");
    backward(&layer.map, &map);
    let gamma = &layer.gamma[..7];
    assert!(short(&|| drop(ScaleShift::new(gamma, &layer.beta, &layer.moments, EPS))), "a short gamma");
}
