//! scratch
use resnet_kernels::conv::*;
use resnet_kernels::{Buffer, Isa};
use std::time::Instant;
fn main() {
    if let Ok(n) = std::env::var("THREADS") {
        resnet_kernels::parallel::set_threads(n.parse().unwrap());
    }
    let isa = Isa::best();
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, images, size, c) in [
        ("a", 8, 32, 16),
        ("A", 128, 32, 16),
        ("B", 128, 16, 32),
        ("C", 128, 8, 64),
        ("D", 16, 56, 64),
        ("E", 16, 14, 256),
        ("F", 16, 28, 128),
        ("G", 16, 7, 512),
    ] {
        if !only.contains(name) && !only.is_empty() {
            continue;
        }
        let shape =
            ConvShape { images, in_h: size, in_w: size, in_c: c, out_c: c, kernel: 3, stride: 1, padding: 1 };
        let n: usize = std::env::var("BUFS").map_or(6, |r| r.parse().unwrap());
        let mk = || {
            let mut b = Buffer::zeroed(shape.input_len());
            b.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
            b
        };
        let (xs, mut ys): (Vec<_>, Vec<_>) = ((0..n).map(|_| mk()).collect(), (0..n).map(|_| mk()).collect());
        let mut w = Buffer::zeroed(shape.weight_len());
        w.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
        let scale = vec![1.0f32; c];
        let prologue = Prologue::NormRelu { scale: &scale, shift: &scale };
        let mut out = String::new();
        let passes = std::env::var("PASSES").unwrap_or("p,f,fp,fps,d,w".into());
        for pass in passes.split(',') {
            let mut t = vec![];
            for r in 0..std::env::var("REPS").map_or(24, |r| r.parse().unwrap()) {
                let (x, y) = (&xs[r % n], &mut ys[(r + n / 2) % n]);
                let s = Instant::now();
                match pass {
                    "p" => {
                        Filters::new(Algorithm::Winograd, isa, &shape, &w);
                    }
                    "f" | "fp" | "fps" => {
                        let filters = Filters::new(Algorithm::Winograd, isa, &shape, &w);
                        let statistics = if pass == "fps" { Statistics::Gather } else { Statistics::Skip };
                        let p = if pass == "f" { Prologue::None } else { prologue };
                        forward(
                            isa,
                            &shape,
                            x,
                            p,
                            &filters,
                            Epilogue { statistics, ..Epilogue::default() },
                            y,
                        );
                    }
                    "d" => {
                        input_grad(Algorithm::Winograd, isa, &shape, x, &w, GradientEpilogue::None, y);
                    }
                    _ => {
                        let mut dw = Buffer::unspecified(w.len());
                        weight_grad(Algorithm::Winograd, isa, &shape, x, prologue, y, &mut dw);
                    }
                }
                t.push(s.elapsed().as_secs_f64() * 1e3);
            }
            t.sort_by(f64::total_cmp);
            out += &format!("  {pass} {:5.2}/{:5.2}", t[0], t[t.len() / 2]);
        }
        println!("{name}{out}");
    }
}
