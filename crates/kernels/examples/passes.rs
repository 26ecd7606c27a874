//! Times each pass of a few convolutions at batch 128: `cargo run -p resnet-kernels --example passes`.

use std::time::Instant;

use resnet_kernels::conv::{
    Algorithm, ConvShape, Epilogue, Filters, GradientEpilogue, Prologue, forward, input_grad, weight_grad,
};
use resnet_kernels::{Buffer, Isa, norm};

fn time(mut f: impl FnMut()) -> f64 {
    f();
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let isa = Isa::best();
    println!("{:>40}  {:>24}", isa.name(), "f / d / w, ms (GFLOP/s)");
    for (size, in_c, out_c, kernel, stride, padding) in [
        (32, 3, 16, 3, 1, 1),
        (32, 16, 16, 3, 1, 1),
        (16, 32, 32, 3, 1, 1),
        (8, 64, 64, 3, 1, 1),
        (32, 16, 32, 3, 2, 1),
        (16, 32, 64, 3, 2, 1),
        (32, 16, 64, 1, 1, 0),
        (32, 64, 16, 1, 1, 0),
    ] {
        let shape = ConvShape { images: 128, in_h: size, in_w: size, in_c, out_c, kernel, stride, padding };
        let algorithm = Algorithm::choose(isa, &shape);
        let (mut x, mut y) = (Buffer::zeroed(shape.input_len()), Buffer::zeroed(shape.output_len()));
        let (mut w, scale) = (Buffer::zeroed(shape.weight_len()), vec![1.0; in_c]);
        x.iter_mut()
            .chain(&mut *w)
            .enumerate()
            .for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
        let prologue = Prologue::NormRelu { scale: &scale, shift: &scale };
        let flop = 2e-6 * shape.multiply_adds_per_image() as f64 * 128.0;
        let f = time(|| {
            let filters = Filters::new(algorithm, isa, &shape, &w);
            forward(isa, &shape, &x, prologue, &filters, Epilogue::default(), &mut y);
        });
        let g = time(|| weight_grad(algorithm, isa, &shape, &x, prologue, &y, &mut w));
        let d = time(|| {
            input_grad(algorithm, isa, &shape, &y, &w, GradientEpilogue::None, &mut x);
        });
        let rate = |ms: f64| flop / ms;
        println!(
            "{size:>3}x{size:<3} {in_c:>3} -> {out_c:<3} {kernel}x{kernel}/{stride}: {f:6.2} {d:6.2} {g:6.2}   ({:4.0} {:4.0} {:4.0})",
            rate(f),
            rate(d),
            rate(g)
        );
        let m = time(|| drop(norm::moments(isa, &x, in_c)));
        println!("    moments {m:.2} ms");
    }
}
