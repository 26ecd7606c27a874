//! Times the passes of convolutions with what a network fuses into them:
//! `cargo run -p resnet-kernels --example conv -- [PART OF A NAME] [output|input|weights] [direct|winograd]
//! [one]`.
//!
//! The algorithm is the one that networks use; `direct` takes `Algorithm::Direct` instead, `winograd` takes
//! `Algorithm::Winograd` wherever it applies, `one` one thread.
//!
//! Small tensors are taken in turn from several sets, since in training activations come from memory and not
//! from cache.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use resnet_kernels::conv::{
    Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, PackedFilters, Prologue, Statistics,
    forward, input_grad, weight_grad,
};
use resnet_kernels::norm::{Activation, ScaleShift};
use resnet_kernels::simd::{Kernel, Simd, dispatch};
use resnet_kernels::{Buffer, Isa, parallel};

/// Whether a network trains (batch norm on load, statistics on store) or only computes its output.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Training,
    Inference,
}
use Use::{Inference, Training};

/// Name, use; images, size, input and output channels, kernel, stride.
const CASES: [(&str, Use, [usize; 6]); 38] = [
    ("cifar-16", Training, [128, 32, 16, 16, 3, 1]),
    ("cifar-32", Training, [128, 16, 32, 32, 3, 1]),
    ("cifar-64", Training, [128, 8, 64, 64, 3, 1]),
    ("photo-64", Training, [16, 56, 64, 64, 3, 1]),
    ("photo-128", Training, [16, 28, 128, 128, 3, 1]),
    ("photo-256", Training, [16, 14, 256, 256, 3, 1]),
    ("photo-512", Training, [16, 7, 512, 512, 3, 1]),
    ("one-64-16", Training, [128, 32, 64, 16, 1, 1]),
    ("one-16-64", Training, [128, 32, 16, 64, 1, 1]),
    ("one-256-64", Training, [128, 8, 256, 64, 1, 1]),
    ("one-photo-64-256", Training, [16, 56, 64, 256, 1, 1]),
    ("one-photo-256-64", Training, [16, 56, 256, 64, 1, 1]),
    ("one-photo-128-512", Training, [16, 28, 128, 512, 1, 1]),
    ("one-photo-512-128", Training, [16, 28, 512, 128, 1, 1]),
    ("one-photo-256-1024", Training, [16, 14, 256, 1024, 1, 1]),
    ("one-photo-1024-256", Training, [16, 14, 1024, 256, 1, 1]),
    ("one-photo-512-2048", Training, [16, 7, 512, 2048, 1, 1]),
    ("one-photo-2048-512", Training, [16, 7, 2048, 512, 1, 1]),
    ("imagenet-64-b1", Inference, [1, 56, 64, 64, 3, 1]),
    ("imagenet-128-28-b1", Inference, [1, 28, 128, 128, 3, 1]),
    ("imagenet-256-14-b1", Inference, [1, 14, 256, 256, 3, 1]),
    ("photo-stem", Training, [16, 224, 3, 64, 7, 2]),
    ("cifar-stem", Training, [128, 32, 3, 16, 3, 1]),
    ("cifar-2", Training, [128, 32, 16, 32, 3, 2]),
    ("cifar-3", Training, [128, 16, 32, 64, 3, 2]),
    ("cifar-bottleneck-2", Training, [128, 32, 32, 32, 3, 2]),
    ("cifar-bottleneck-3", Training, [128, 16, 64, 64, 3, 2]),
    ("imagenet-stem-b1", Inference, [1, 224, 3, 64, 7, 2]),
    ("imagenet-stem-b16", Inference, [16, 224, 3, 64, 7, 2]),
    ("imagenet-stem-b32", Inference, [32, 224, 3, 64, 7, 2]),
    ("imagenet-128-b1", Inference, [1, 56, 128, 128, 3, 2]),
    ("imagenet-256-b1", Inference, [1, 28, 256, 256, 3, 2]),
    ("imagenet-512-b1", Inference, [1, 14, 512, 512, 3, 2]),
    ("imagenet-plain-512-b1", Inference, [1, 7, 512, 512, 3, 1]),
    ("imagenet-128-b16", Inference, [16, 56, 128, 128, 3, 2]),
    ("imagenet-256-b16", Inference, [16, 28, 256, 256, 3, 2]),
    ("imagenet-512-b16", Inference, [16, 14, 512, 512, 3, 2]),
    ("imagenet-plain-512-b16", Inference, [16, 7, 512, 512, 3, 1]),
];

/// Best and median of as many calls as fit half a second, in ms; `f` gets the number of the call.
fn time(mut f: impl FnMut(usize)) -> (f64, f64) {
    f(0);
    let (begin, mut times) = (Instant::now(), vec![]);
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        f(times.len() + 1);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn noise(len: usize) -> Buffer {
    let mut buffer = Buffer::unspecified(len);
    buffer.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
    buffer
}

/// Multiply-adds in registers at full speed: the ceiling that the rates below are compared with.
struct Probe;

impl Kernel for Probe {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        const STEPS: usize = 400_000;
        let (start, factor) = (Instant::now(), simd.splat(std::hint::black_box(0.5)));
        let mut acc = [simd.splat(1.0); 12];
        for _ in 0..STEPS {
            for acc in &mut acc {
                *acc = simd.mul_add(*acc, factor, factor);
            }
        }
        std::hint::black_box(acc);
        (2 * STEPS * 12 * S::LANES) as f64 * 1e-9 / start.elapsed().as_secs_f64()
    }
}

/// GFLOP/s that all threads together reach in registers.
fn probe(isa: Isa) -> f64 {
    let threads = resnet_kernels::parallel::threads();
    let sum = Mutex::new(0.0);
    parallel::for_each(
        threads,
        || (),
        |_, _| {
            let rate = dispatch(isa, Probe);
            *sum.lock().unwrap() += rate;
        },
    );
    sum.into_inner().unwrap()
}

fn main() {
    let (switches, arguments): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| ["direct", "winograd", "one"].contains(&&**argument));
    let mut arguments = arguments.into_iter();
    let (name_part, pass) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let asks_for = |name: &str| switches.iter().any(|switch| switch == name);
    if asks_for("one") {
        assert!(parallel::set_threads(1), "kernels have started their threads already");
    }
    let isa = Isa::best();
    println!("{}: best / median, ms (GFLOP/s of the best, of what multiply-adds alone reach)", isa.name());
    for (name, purpose, [images, size, in_channels, out_channels, kernel, stride]) in CASES {
        if !name.contains(&name_part) {
            continue;
        }
        let padding = kernel / 2;
        let shape =
            ConvShape { images, in_h: size, in_w: size, in_channels, out_channels, kernel, stride, padding };
        let sets = (16 << 20) / (shape.input_len() + shape.output_len()) + 1;
        let mut sets: Vec<_> = (0..sets.min(8))
            .map(|_| (noise(shape.input_len()), noise(shape.input_len()), noise(shape.output_len())))
            .collect();
        let count = sets.len();
        let mut w = noise(shape.weight_len());
        let map = ScaleShift { scale: vec![1.0; in_channels], shift: vec![0.1; in_channels] };
        let bias = vec![0.1; out_channels];
        let flop = 2e-6 * shape.multiply_adds_per_image() as f64 * images as f64;
        let report = |what: &str, (best, median): (f64, f64)| {
            let (rate, peak) = (flop / best, probe(isa));
            println!("{name:>24} {what:<8} {best:7.3} {median:7.3}  ({rate:4.0} of {peak:4.0})");
        };
        // A stem reads images; later convolutions read sums through batch norm and ReLU.
        let prologue = match (purpose, in_channels) {
            (Training, 16..) => Prologue::NormRelu { scale: &map.scale, shift: &map.shift },
            _ => Prologue::None,
        };
        let algorithm = match () {
            () if asks_for("direct") => Algorithm::Direct,
            () if asks_for("winograd") && Algorithm::Winograd.applies(isa, &shape) => Algorithm::Winograd,
            () => Algorithm::choose(isa, &shape),
        };
        // Weights come from memory as well, where those of a network don't fit into cache.
        let copies = if images == 1 { ((12 << 20) / w.len()).clamp(1, 8) } else { 1 };
        let packed: Vec<_> = (0..copies).map(|_| PackedFilters::new(algorithm, isa, &shape, &w)).collect();
        if "output".starts_with(&pass) {
            report(
                "output",
                time(|call| {
                    let (x, _, y) = &mut sets[call % count];
                    if purpose == Training {
                        let filters = PackedFilters::new(algorithm, isa, &shape, &w);
                        let epilogue = Epilogue { statistics: Statistics::Gather, ..Epilogue::default() };
                        forward(isa, &shape, ConvInput { x, prologue }, &filters, epilogue, y);
                    } else {
                        let activation = Activation::Relu;
                        let epilogue = Epilogue { bias: Some(&bias), activation, ..Epilogue::default() };
                        forward(isa, &shape, ConvInput { x, prologue }, &packed[call % copies], epilogue, y);
                    }
                }),
            );
        }
        if purpose == Inference {
            continue;
        }
        if "input".starts_with(&pass) {
            report(
                "input",
                time(|call| {
                    let (x, dx, dy) = &mut sets[call % count];
                    let epilogue = GradientEpilogue::NormSums { x, mean: &map.shift, map: &map };
                    input_grad(algorithm, isa, &shape, dy, &w, epilogue, dx);
                }),
            );
        }
        if "weights".starts_with(&pass) {
            report(
                "weights",
                time(|call| {
                    let (x, _, dy) = &sets[call % count];
                    weight_grad(algorithm, isa, &shape, ConvInput { x, prologue }, dy, &mut w);
                }),
            );
        }
    }
}
