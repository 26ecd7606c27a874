//! Convolutions given lengths and shapes that contradict each other: each pass refuses them, on every
//! instruction set, before it touches memory. Under Miri and valgrind (`.ci/soundness`) the right calls are
//! watched as well.

#[path = "common/refused.rs"]
mod refused;

use refused::refused;
use resnet_kernels::conv::{
    self, Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, GradientTarget, OutputGradient,
    PackedFilters, Prologue, Residual, Statistics, forward, input_and_weight_grad, input_grad,
    input_grad_through_norm, weight_grad,
};
use resnet_kernels::norm::{Accumulate, Activation, BackwardMap, NormBackward, ScaleShift};
use resnet_kernels::simd::Isa;
use resnet_testing::table;

/// Everything that a pass is given, right until it is broken.
struct Given {
    algorithm: Algorithm,
    isa: Isa,
    shape: ConvShape,
    filters: PackedFilters,
    x: Vec<f32>,
    dx: Vec<f32>,
    y: Vec<f32>,
    w: Vec<f32>,
    dw: Vec<f32>,
    residual: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
    map: ScaleShift,
    backward: BackwardMap,
}

impl Given {
    fn right(algorithm: Algorithm, isa: Isa) -> Self {
        let (kernel, padding) = if algorithm == Algorithm::Pointwise { (1, 0) } else { (3, 1) };
        let shape = ConvShape {
            images: 1,
            in_h: 2,
            in_w: 3,
            in_channels: 16,
            out_channels: 16,
            kernel,
            stride: 1,
            padding,
        };
        let of = |len| vec![0.5; len];
        let w = of(shape.weight_len());
        Given {
            algorithm,
            isa,
            shape,
            filters: PackedFilters::new(algorithm, isa, &shape, &w),
            x: of(shape.input_len()),
            dx: of(shape.input_len()),
            y: of(shape.output_len()),
            dw: of(shape.weight_len()),
            w,
            residual: of(shape.output_len()),
            bias: of(16),
            mean: of(16),
            map: ScaleShift { scale: of(16), shift: of(16) },
            backward: BackwardMap { of_gradient: of(16), of_input: of(16), constant: of(16) },
        }
    }

    fn prologue(&self) -> Prologue<'_> {
        Prologue::NormRelu { scale: &self.map.scale, shift: &self.map.shift }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Pack,
    Forward,
    InputGrad,
    WeightGrad,
    Both,
    ThroughNorm,
    /// Both, of a gradient that comes through a norm on the way.
    BothThrough,
}
use Pass::{Both, BothThrough, Forward, InputGrad, Pack, ThroughNorm, WeightGrad};

const PASSES: [Pass; 7] = [Pack, Forward, InputGrad, WeightGrad, Both, ThroughNorm, BothThrough];

impl Pass {
    fn is_of(self, algorithm: Algorithm) -> bool {
        algorithm == Algorithm::Pointwise || !matches!(self, Both | ThroughNorm | BothThrough)
    }

    fn run(self, given: &mut Given) {
        let (mut y, mut dw, mut dx) = (given.y.clone(), given.dw.clone(), given.dx.clone());
        let Given { algorithm, isa, ref shape, ref filters, ref x, y: ref dy, ref w, ref map, .. } = *given;
        let Given { ref residual, ref bias, ref mean, ref backward, .. } = *given;
        let prologue = given.prologue();
        match self {
            Pack => drop(PackedFilters::new(algorithm, isa, shape, w)),
            Forward => {
                let epilogue = Epilogue {
                    bias: Some(bias),
                    residual: Residual::Tensor(residual),
                    activation: Activation::Relu,
                    statistics: Statistics::Gather,
                };
                forward(isa, shape, ConvInput { x, prologue }, filters, epilogue, &mut y);
            }
            InputGrad => {
                let epilogue = GradientEpilogue::NormSums { x, mean, map };
                input_grad(algorithm, isa, shape, dy, w, epilogue, &mut dx);
            }
            WeightGrad => weight_grad(algorithm, isa, shape, ConvInput { x, prologue }, dy, &mut dw),
            Both => {
                let target = GradientTarget::StoreAndSum { mean, dx: &mut dx };
                let dy = OutputGradient::There(dy);
                input_and_weight_grad(isa, shape, ConvInput { x, prologue }, dy, w, &mut dw, target);
            }
            ThroughNorm => {
                let norm = NormBackward { x, map, backward };
                let through = conv::ThroughNorm { shape, dy, weight: w, norm, accumulate: Accumulate::Set };
                input_grad_through_norm(isa, through, &mut dx);
            }
            BothThrough => {
                let norm = NormBackward { x: residual, map, backward };
                let through = conv::ThroughNorm { shape, dy, weight: w, norm, accumulate: Accumulate::Add };
                let target = GradientTarget::StoreAndSum { mean, dx: &mut dx };
                let dy = OutputGradient::Through(through, &mut y);
                input_and_weight_grad(isa, shape, ConvInput { x, prologue }, dy, w, &mut dw, target);
            }
        }
    }
}

/// Every pass of every algorithm on every instruction set.
fn calls() -> Vec<(Pass, Algorithm, Isa)> {
    let mut calls = vec![];
    for isa in Isa::available() {
        for algorithm in [Algorithm::Direct, Algorithm::Winograd, Algorithm::Pointwise] {
            let passes = PASSES.into_iter().filter(|pass| pass.is_of(algorithm));
            calls.extend(passes.map(|pass| (pass, algorithm, isa)));
        }
    }
    calls
}

/// A vector of what is given, and the passes that look at it.
type Vector = (&'static str, fn(&mut Given) -> &mut Vec<f32>, &'static [Pass]);

const VECTORS: &[Vector] = &[
    ("x", |given| &mut given.x, &[Forward, InputGrad, WeightGrad, Both, ThroughNorm, BothThrough]),
    ("y or dy", |given| &mut given.y, &[Forward, InputGrad, WeightGrad, Both, ThroughNorm, BothThrough]),
    ("dx", |given| &mut given.dx, &[InputGrad, Both, ThroughNorm, BothThrough]),
    ("w", |given| &mut given.w, &[Pack, InputGrad, Both, ThroughNorm, BothThrough]),
    ("dw", |given| &mut given.dw, &[WeightGrad, Both, BothThrough]),
    ("residual", |given| &mut given.residual, &[Forward, BothThrough]),
    ("bias", |given| &mut given.bias, &[Forward]),
    ("mean", |given| &mut given.mean, &[InputGrad, Both, BothThrough]),
    (
        "scale",
        |given| &mut given.map.scale,
        &[Forward, InputGrad, WeightGrad, Both, ThroughNorm, BothThrough],
    ),
    (
        "shift",
        |given| &mut given.map.shift,
        &[Forward, InputGrad, WeightGrad, Both, ThroughNorm, BothThrough],
    ),
    ("of gradient", |given| &mut given.backward.of_gradient, &[ThroughNorm, BothThrough]),
    ("of input", |given| &mut given.backward.of_input, &[ThroughNorm, BothThrough]),
    ("constant", |given| &mut given.backward.constant, &[ThroughNorm, BothThrough]),
];

#[test]
fn what_the_refusals_start_from_is_right() {
    table::run(&calls(), |&(pass, algorithm, isa)| {
        pass.run(&mut Given::right(algorithm, isa));
        Ok(())
    });
}

#[test]
#[cfg_attr(miri, ignore = "thousands of panics; a refused call touches no memory")]
fn safe_callers_cannot_write_outside_of_a_convolution_by_a_wrong_length() {
    table::run(&calls(), |&(pass, algorithm, isa)| {
        for (name, vector, passes) in VECTORS {
            if !passes.contains(&pass) {
                continue;
            }
            for longer in [-1, 1, -5] {
                let mut given = Given::right(algorithm, isa);
                let vector = vector(&mut given);
                vector.resize(vector.len().saturating_add_signed(longer), 0.5);
                refused(|| pass.run(&mut given), "has another length than its shape")
                    .map_err(|fault| format!("{name} longer by {longer}: {fault}"))?;
            }
        }
        Ok(())
    });
}

/// A shape that makes no sense, and what is said about it.
type Shape = (fn(&mut ConvShape), &'static str);

const SHAPES: &[Shape] = &[
    (|shape| shape.stride = 0, "not by a stride of 0"),
    (|shape| shape.kernel = 0, "a filter without taps"),
    (|shape| shape.in_channels = 0, "no channels"),
    (|shape| shape.out_channels = 0, "no channels"),
    // Each of these products wraps around to 0, or to what the right one is.
    (|shape| shape.images = 1 << 60, "no memory holds"),
    (|shape| shape.images += 1 << 60, "no memory holds"),
    (|shape| shape.in_channels += 1 << 60, "no memory holds"),
    (|shape| shape.out_channels += 1 << 60, "no memory holds"),
    (|shape| shape.in_h += 1 << 63, "no memory holds"),
    (|shape| shape.in_w = usize::MAX, "no memory holds"),
    (|shape| shape.kernel = 1 << 32, "no memory holds"),
    (|shape| shape.padding = 1 << 63, "no memory holds"),
    (|shape| (shape.padding, shape.stride) = (1 << 40, 1 << 41), "no memory holds"),
    (|shape| (shape.images, shape.in_h) = (0, 1 << 63), "no memory holds"),
    (|shape| shape.stride = 1 << 60, "a stride of"),
];

#[test]
#[cfg_attr(miri, ignore = "hundreds of panics; a refused call touches no memory")]
fn safe_callers_cannot_write_outside_of_a_convolution_by_a_shape_without_sense() {
    table::run(&calls(), |&(pass, algorithm, isa)| {
        for (row, (breaks, says)) in SHAPES.iter().enumerate() {
            let mut given = Given::right(algorithm, isa);
            breaks(&mut given.shape);
            refused(|| pass.run(&mut given), says).map_err(|fault| format!("shape {row}: {fault}"))?;
        }
        Ok(())
    });
}

/// What callers ask that want no panic.
#[test]
fn a_shape_without_lengths_says_so_and_its_multiply_adds_are_a_number() {
    for algorithm in [Algorithm::Direct, Algorithm::Pointwise] {
        let right = Given::right(algorithm, Isa::best()).shape;
        assert!(right.has_lengths(), "{right:?}");
        for (breaks, says) in SHAPES {
            let mut shape = right;
            breaks(&mut shape);
            let is_too_large = says.starts_with("no memory") || says.starts_with("a stride of");
            assert_eq!(shape.has_lengths(), !is_too_large, "{shape:?}");
        }
        let deep = ConvShape { in_channels: 1 << 38, out_channels: 1 << 38, ..right };
        assert_eq!((deep.has_lengths(), deep.multiply_adds_per_image()), (false, u64::MAX));
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of panics; a refused call touches no memory")]
fn filters_serve_the_instruction_set_and_the_convolution_they_were_packed_for() {
    table::run(&calls(), |&(_, algorithm, isa)| {
        let others = Isa::available().into_iter().filter(|other| *other != isa);
        let filters = others.map(|other| Given::right(algorithm, other).filters);
        let mut all: Vec<PackedFilters> = filters.collect();
        let wider = ConvShape { out_channels: 32, ..Given::right(algorithm, isa).shape };
        all.push(PackedFilters::new(algorithm, isa, &wider, &vec![0.5; wider.weight_len()]));
        for filters in all {
            let mut given = Given { filters, ..Given::right(algorithm, isa) };
            refused(|| Forward.run(&mut given), "were packed for another convolution")?;
        }
        Ok(())
    });
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of panics; a refused call touches no memory")]
fn an_algorithm_refuses_what_it_cannot_compute() {
    table::run(&calls(), |&(pass, algorithm, isa)| {
        let breaks: &[fn(&mut ConvShape)] = match algorithm {
            Algorithm::Direct => return Ok(()),
            Algorithm::Winograd => {
                &[|shape| shape.stride = 2, |shape| shape.padding = 0, |shape| shape.in_channels = 17]
            }
            Algorithm::Pointwise => &[|shape| shape.padding = 1, |shape| shape.kernel = 3],
        };
        for breaks in breaks {
            let mut given = Given::right(algorithm, isa);
            breaks(&mut given.shape);
            let says = if pass == Forward { "conv2d: " } else { "can't compute" };
            refused(|| pass.run(&mut given), says)?;
        }
        Ok(())
    });
}

/// Inputs or outputs of no pixels: results are empty or zeros, and nobody reads what isn't there.
#[test]
fn convolutions_of_nothing_are_fine() {
    table::run(&calls(), |&(pass, algorithm, isa)| {
        let right = Given::right(algorithm, isa).shape;
        let (mut none, mut flat) = (right, right);
        none.images = 0;
        flat.in_h = 0;
        for shape in [none, flat] {
            if !algorithm.applies(isa, &shape) {
                continue;
            }
            let of = |len| vec![f32::NAN; len];
            let mut given = Given { shape, ..Given::right(algorithm, isa) };
            (given.x, given.dx) = (of(shape.input_len()), of(shape.input_len()));
            (given.y, given.residual) = (of(shape.output_len()), of(shape.output_len()));
            match pass {
                Forward if given.y.is_empty() => {
                    refused(|| pass.run(&mut given), "no pixels to take statistics of")?;
                }
                _ => pass.run(&mut given),
            }
        }
        Ok(())
    });
}
