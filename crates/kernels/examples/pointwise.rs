//! Times 1x1 convolutions with cold activations: `cargo run -p resnet-kernels --example pointwise [FILTER] [direct]`.
//!
//! Each call works on the next of several sets of buffers that together exceed the last-level cache.

use std::time::Instant;

use resnet_kernels::conv::{Algorithm, ConvShape, Epilogue, Filters, Prologue, Statistics, forward};
use resnet_kernels::norm::Activation;
use resnet_kernels::{Buffer, Isa};

/// Floats that all sets of buffers together have at least: 160 MiB.
const COLD: usize = 40 << 20;

/// What surrounds the convolution.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// Bias, residual and ReLU on store.
    Inference,
    /// Norm and ReLU on load, statistics on store; a residual where channels grow.
    Training,
}

/// One set of activations.
struct Tensors {
    x: Buffer,
    residual: Buffer,
    y: Buffer,
}

fn filled(len: usize) -> Buffer {
    let mut buffer = Buffer::unspecified(len);
    buffer.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
    buffer
}

/// Best and median of several calls, in ms.
fn time(mut f: impl FnMut(usize)) -> (f64, f64) {
    let mut times = vec![];
    let begin = Instant::now();
    let mut call = 0;
    while call < 8 || begin.elapsed().as_secs_f64() < 0.3 {
        let start = Instant::now();
        f(call);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        call += 1;
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.first().cloned().unwrap_or_default();
    let direct = arguments.iter().any(|argument| argument == "direct");
    let isa = Isa::best();
    println!("{:>34}  best  median ms  GFLOP/s   GB/s (of the best; compulsory traffic)", isa.name());
    use Use::{Inference, Training};
    for (name, images, size, in_c, out_c, stride, situation) in [
        ("cifar", 128, 32, 64, 16, 1, Training),
        ("cifar", 128, 32, 16, 64, 1, Training),
        ("cifar", 128, 16, 128, 32, 1, Training),
        ("cifar", 128, 16, 32, 128, 1, Training),
        ("cifar", 128, 8, 256, 64, 1, Training),
        ("cifar", 128, 8, 64, 256, 1, Training),
        ("b16", 16, 56, 64, 64, 1, Inference),
        ("b16", 16, 56, 64, 256, 1, Inference),
        ("b16", 16, 56, 256, 64, 1, Inference),
        ("b16", 16, 28, 512, 128, 1, Inference),
        ("b16", 16, 28, 128, 512, 1, Inference),
        ("b16", 16, 14, 1024, 256, 1, Inference),
        ("b16", 16, 14, 256, 1024, 1, Inference),
        ("b16", 16, 7, 2048, 512, 1, Inference),
        ("b16", 16, 7, 512, 2048, 1, Inference),
        ("b16", 16, 56, 256, 512, 2, Inference),
        ("b16", 16, 28, 512, 1024, 2, Inference),
        ("b16", 16, 14, 1024, 2048, 2, Inference),
        ("b16", 16, 1, 2048, 1000, 1, Inference),
        ("b1", 1, 56, 64, 64, 1, Inference),
        ("b1", 1, 56, 64, 256, 1, Inference),
        ("b1", 1, 56, 256, 64, 1, Inference),
        ("b1", 1, 28, 512, 128, 1, Inference),
        ("b1", 1, 28, 128, 512, 1, Inference),
        ("b1", 1, 14, 1024, 256, 1, Inference),
        ("b1", 1, 14, 256, 1024, 1, Inference),
        ("b1", 1, 7, 2048, 512, 1, Inference),
        ("b1", 1, 7, 512, 2048, 1, Inference),
        ("b1", 1, 14, 1024, 2048, 2, Inference),
        ("b1", 1, 1, 2048, 1000, 1, Inference),
    ] {
        let label = format!("{name} {size}x{size} {in_c}->{out_c}/{stride}");
        if !label.contains(&filter) && filter != "all" {
            continue;
        }
        let shape = ConvShape { images, in_h: size, in_w: size, in_c, out_c, kernel: 1, stride, padding: 0 };
        let algorithm = if direct { Algorithm::Direct } else { Algorithm::choose(isa, &shape) };
        let has_residual = out_c > in_c && stride == 1;
        let set = shape.input_len() + shape.output_len() * (1 + usize::from(has_residual));
        // One pair of buffers for weights: batch 1 reads them from memory, as a whole network does.
        let set = set + shape.weight_len();
        let sets = (COLD / set).clamp(2, 64);
        let mut tensors: Vec<(Tensors, Filters)> = (0..sets)
            .map(|_| {
                let residual = filled(if has_residual { shape.output_len() } else { 0 });
                let filters = Filters::new(algorithm, isa, &shape, &filled(shape.weight_len()));
                (Tensors { x: filled(shape.input_len()), residual, y: filled(shape.output_len()) }, filters)
            })
            .collect();
        let (scale, shift, bias) = (vec![1.1; in_c], vec![0.1; in_c], vec![0.2; out_c]);
        let (best, median) = time(|call| {
            let (Tensors { x, residual, y }, filters) = &mut tensors[call % sets];
            let residual = has_residual.then_some(&**residual);
            let (prologue, epilogue) = match situation {
                Inference => (
                    Prologue::None,
                    Epilogue {
                        bias: Some(&bias),
                        residual,
                        activation: Activation::Relu,
                        ..Epilogue::default()
                    },
                ),
                Training => (
                    Prologue::NormRelu { scale: &scale, shift: &shift },
                    Epilogue { residual, statistics: Statistics::Gather, ..Epilogue::default() },
                ),
            };
            forward(isa, &shape, x, prologue, filters, epilogue, y);
        });
        let flop = 2e-6 * shape.multiply_adds_per_image() as f64 * images as f64;
        let pixels = images * shape.out_h() * shape.out_w();
        let read = pixels * in_c + shape.weight_len() + if has_residual { shape.output_len() } else { 0 };
        let bytes = 4e-6 * (read + shape.output_len()) as f64;
        println!("{label:>34} {best:7.3} {median:7.3}   {:7.0} {:6.1}", flop / best, bytes / best);
    }
}
