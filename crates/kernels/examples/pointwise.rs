//! Times 1x1 convolutions with cold activations: `cargo run -p resnet-kernels --example pointwise [FILTER]
//! [direct] [one]`.
//!
//! Each call works on the next of several sets of buffers that together exceed the last-level cache. `direct`
//! times `Algorithm::Direct` instead, `one` uses one thread.

use std::time::Instant;

use resnet_kernels::conv::{
    self, Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, GradientTarget, OutputGradient,
};
use resnet_kernels::conv::{PackedFilters, Prologue, Residual, Statistics, ThroughNorm};
use resnet_kernels::norm::{Accumulate, Activation, BackwardMap, NormBackward, ScaleShift};
use resnet_kernels::{Buffer, Isa, parallel};

/// Floats that all sets of buffers together have at least: 160 MiB.
const COLD: usize = 40 << 20;

/// Images in a batch, size, input and output channels, stride.
type Case = (usize, usize, usize, usize, usize);

/// CIFAR's bottlenecks: norm and ReLU on load, statistics on store, a residual where channels grow, and
/// gradients.
const TRAINING: [Case; 6] = [
    (128, 32, 64, 16, 1),
    (128, 32, 16, 64, 1),
    (128, 16, 128, 32, 1),
    (128, 16, 32, 128, 1),
    (128, 8, 256, 64, 1),
    (128, 8, 64, 256, 1),
];

/// ResNet-50's: bias, residual where channels grow, ReLU on store.
const INFERENCE: [Case; 13] = [
    (16, 56, 64, 64, 1),
    (16, 56, 64, 256, 1),
    (16, 56, 256, 64, 1),
    (16, 28, 512, 128, 1),
    (16, 28, 128, 512, 1),
    (16, 14, 1024, 256, 1),
    (16, 14, 256, 1024, 1),
    (16, 7, 2048, 512, 1),
    (16, 7, 512, 2048, 1),
    (16, 56, 256, 512, 2),
    (16, 28, 512, 1024, 2),
    (16, 14, 1024, 2048, 2),
    (16, 1, 2048, 1000, 1),
];

/// One set of what a call works on.
struct Tensors {
    x: Buffer,
    residual: Buffer,
    y: Buffer,
    dx: Buffer,
    filters: PackedFilters,
}

fn filled(len: usize) -> Buffer {
    let mut buffer = Buffer::unspecified(len);
    buffer.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
    buffer
}

/// What is timed.
struct Bench {
    isa: Isa,
    algorithm: Algorithm,
    shape: ConvShape,
    name: String,
}

impl Bench {
    fn tensors(&self, residual: usize, dx: usize) -> Vec<Tensors> {
        let shape = &self.shape;
        let floats = shape.input_len() + shape.output_len() + shape.weight_len() + residual + dx;
        let weight = filled(shape.weight_len());
        let set = |_| Tensors {
            x: filled(shape.input_len()),
            residual: filled(residual),
            y: filled(shape.output_len()),
            dx: filled(dx),
            filters: PackedFilters::new(self.algorithm, self.isa, shape, &weight),
        };
        (0..(COLD / floats).clamp(2, 64)).map(set).collect()
    }

    /// Best and median of calls over a third of a second, `floats` being what they must read and write at
    /// least, and `products` how many products of all pixels with all weights they compute.
    fn time(
        &self,
        what: &str,
        floats: usize,
        products: usize,
        tensors: &mut [Tensors],
        f: impl Fn(&mut Tensors),
    ) {
        let mut times = vec![];
        let begin = Instant::now();
        for set in (0..tensors.len()).cycle() {
            let start = Instant::now();
            f(&mut tensors[set]);
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if times.len() > 8 && begin.elapsed().as_secs_f64() > 0.33 {
                break;
            }
        }
        times.remove(0);
        times.sort_by(f64::total_cmp);
        let (best, median) = (times[0], times[times.len() / 2]);
        let images = self.shape.images * products;
        let flop = 2e-6 * self.shape.multiply_adds_per_image() as f64 * images as f64;
        println!(
            "{:>28} {what:<16} {best:8.3} {median:8.3} {:8.0} {:8.1}",
            self.name,
            flop / best,
            4e-6 * floats as f64 / best
        );
    }

    fn inference(&self) {
        let shape = &self.shape;
        let grows = shape.out_channels > shape.in_channels && shape.stride == 1;
        let residual = if grows { shape.output_len() } else { 0 };
        let bias = vec![0.2; shape.out_channels];
        let read =
            shape.images * shape.out_h() * shape.out_w() * shape.in_channels + shape.weight_len() + residual;
        let mut tensors = self.tensors(residual, 0);
        self.time("forward", read + shape.output_len(), 1, &mut tensors, |t| {
            let epilogue = Epilogue {
                bias: Some(&bias),
                residual: if grows { Residual::Tensor(&t.residual) } else { Residual::None },
                activation: Activation::Relu,
                ..Epilogue::default()
            };
            conv::forward(self.isa, shape, ConvInput::plain(&t.x), &t.filters, epilogue, &mut t.y);
        });
    }

    fn training(&self) {
        let (isa, shape) = (self.isa, &self.shape);
        let (input, output) = (shape.input_len(), shape.output_len());
        let residual = if shape.out_channels > shape.in_channels { output } else { 0 };
        let (mean, ones) = (vec![0.1; shape.in_channels], vec![1.1; shape.in_channels]);
        let map = ScaleShift { scale: ones.clone(), shift: mean.clone() };
        let backward =
            BackwardMap { of_gradient: ones.clone(), of_input: mean.clone(), constant: mean.clone() };
        let prologue = Prologue::NormRelu { scale: &map.scale, shift: &map.shift };
        let weight = filled(shape.weight_len());
        let mut tensors = self.tensors(residual, input);
        self.time("forward", input + residual + output, 1, &mut tensors, |t| {
            let residual = if residual > 0 { Residual::Tensor(&t.residual) } else { Residual::None };
            let epilogue = Epilogue { residual, statistics: Statistics::Gather, ..Epilogue::default() };
            conv::forward(isa, shape, ConvInput { x: &t.x, prologue }, &t.filters, epilogue, &mut t.y);
        });
        let algorithm = self.algorithm;
        self.time("dx, sums; dw", 3 * input + 2 * output, 2, &mut tensors, |t| {
            let mut dw = Buffer::unspecified(weight.len());
            conv::weight_grad(algorithm, isa, shape, ConvInput { x: &t.x, prologue }, &t.y, &mut dw);
            let epilogue = GradientEpilogue::NormSums { x: &t.x, mean: &mean, map: &map };
            conv::input_grad(algorithm, isa, shape, &t.y, &weight, epilogue, &mut t.dx);
        });
        if algorithm != Algorithm::Pointwise {
            return;
        }
        self.time("dx, sums and dw", 2 * input + output, 2, &mut tensors, |t| {
            let mut dw = Buffer::unspecified(weight.len());
            let target = GradientTarget::StoreAndSum { mean: &mean, dx: &mut t.dx };
            conv::input_and_weight_grad(
                isa,
                shape,
                ConvInput { x: &t.x, prologue },
                OutputGradient::There(&t.y),
                &weight,
                &mut dw,
                target,
            );
        });
        self.time("sums and dw", input + output, 2, &mut tensors, |t| {
            let mut dw = Buffer::unspecified(weight.len());
            let target = GradientTarget::Sum { mean: &mean };
            conv::input_and_weight_grad(
                isa,
                shape,
                ConvInput { x: &t.x, prologue },
                OutputGradient::There(&t.y),
                &weight,
                &mut dw,
                target,
            );
        });
        self.time("dx += norm", 3 * input + output, 1, &mut tensors, |t| {
            let (add, dx) = (Accumulate::Add, &mut t.dx);
            let norm = NormBackward { x: &t.x, map: &map, backward: &backward };
            let through = ThroughNorm { shape, dy: &t.y, weight: &weight, norm, accumulate: add };
            conv::input_grad_through_norm(isa, through, dx);
        });
        if residual == 0 {
            return;
        }
        // Between two units: `dy` comes through the next unit's first norm and convolution. `x` stands in for
        // the output gradient of that convolution.
        let next = ConvShape { in_channels: shape.out_channels, out_channels: shape.in_channels, ..*shape };
        let ones = vec![1.1; shape.out_channels];
        let next_map = ScaleShift { scale: ones.clone(), shift: ones.clone() };
        let next_backward =
            BackwardMap { of_gradient: ones.clone(), of_input: ones.clone(), constant: ones.clone() };
        for (what, floats, on_the_way) in [
            ("dy +=; dx, dw", 4 * input + 4 * output, false),
            ("dy +=, dx, dw", 4 * input + 3 * output, true),
        ] {
            self.time(what, floats, 3, &mut tensors, |t| {
                let mut dw = Buffer::unspecified(weight.len());
                let norm = NormBackward { x: &t.residual, map: &next_map, backward: &next_backward };
                let add = Accumulate::Add;
                let through = ThroughNorm { shape: &next, dy: &t.x, weight: &weight, norm, accumulate: add };
                let dy = if on_the_way {
                    OutputGradient::Through(through, &mut t.y)
                } else {
                    conv::input_grad_through_norm(isa, through, &mut t.y);
                    OutputGradient::There(&t.y)
                };
                let target = GradientTarget::StoreAndSum { mean: &mean, dx: &mut t.dx };
                let input = ConvInput { x: &t.x, prologue };
                conv::input_and_weight_grad(isa, shape, input, dy, &weight, &mut dw, target);
            });
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let filter = arguments.iter().find(|word| !["direct", "one"].contains(&&word[..])).cloned();
    if has("one") {
        assert!(parallel::set_threads(1), "kernels have started their threads already");
    }
    let isa = Isa::best();
    println!("{:>45} {:>8} {:>8} {:>8} {:>8}", isa.name(), "best ms", "median", "GFLOP/s", "GB/s");
    let single = INFERENCE
        .map(|(_, size, in_channels, out_channels, stride)| (1, size, in_channels, out_channels, stride));
    let training = TRAINING.iter().map(|case| ("cifar", *case));
    let inference = INFERENCE.iter().chain(&single).map(|case| ("imagenet", *case));
    for (network, (images, size, in_channels, out_channels, stride)) in training.chain(inference) {
        let shape = ConvShape {
            images,
            in_h: size,
            in_w: size,
            in_channels,
            out_channels,
            kernel: 1,
            stride,
            padding: 0,
        };
        let algorithm = if has("direct") { Algorithm::Direct } else { Algorithm::choose(isa, &shape) };
        let name = format!("{network} b{images} {size} {in_channels}->{out_channels}/{stride}");
        if filter.as_ref().is_some_and(|filter| !name.contains(filter)) {
            continue;
        }
        let bench = Bench { isa, algorithm, shape, name };
        if network == "cifar" { bench.training() } else { bench.inference() }
    }
}
