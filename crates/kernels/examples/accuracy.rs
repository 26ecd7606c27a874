//! How far each pass of the 3x3 layers is from f64, by each algorithm: `cargo run -p resnet-kernels --example
//! accuracy`.
//!
//! Inputs and gradients are normal, weights have He's scale; xtask/peers/pytorch_accuracy.py does the same in
//! PyTorch.

use resnet_kernels::conv::{
    Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, PackedFilters, forward, input_grad,
    weight_grad,
};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{max_relative_to_norm, uniform};

/// Approximately normal values of variance 1: half the sum of twelve uniform ones from -1 to 1.
fn normal(seed: u64, len: usize) -> Vec<f32> {
    let parts = uniform(seed, 12 * len);
    parts.chunks_exact(12).map(|parts| parts.iter().sum::<f32>() * 0.5).collect()
}

fn main() {
    let isa = Isa::best();
    println!("largest error over root mean square, {}: output, input gradient, weight gradient", isa.name());
    for (images, size, channels) in [(128, 32, 16), (128, 16, 32), (128, 8, 64), (16, 56, 64), (16, 14, 256)]
    {
        let shape = ConvShape {
            images,
            in_h: size,
            in_w: size,
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
        };
        let deviation = (2.0 / (9 * channels) as f32).sqrt();
        let weight: Vec<f32> =
            normal(2, shape.weight_len()).into_iter().map(|weight| weight * deviation).collect();
        let (x, dy) = (normal(1, shape.input_len()), normal(3, shape.output_len()));
        let exact = reference::Conv {
            n: images,
            h: size,
            w: size,
            c_in: channels,
            c_out: channels,
            kh: 3,
            kw: 3,
            stride: 1,
            padding: 1,
        };
        let [x64, w64, dy64] = [&x, &weight, &dy].map(|values| reference::to_f64(values));
        let y = reference::conv2d(&x64, &w64, &exact);
        let dx = reference::conv2d_input_grad(&dy64, &w64, &exact);
        let dw = reference::conv2d_weight_grad(&x64, &dy64, &exact);
        for algorithm in [Algorithm::Winograd, Algorithm::Direct] {
            let (mut ours_y, mut ours_dx, mut ours_dw) =
                (vec![0.0; y.len()], vec![0.0; dx.len()], vec![0.0; dw.len()]);
            let filters = PackedFilters::new(algorithm, isa, &shape, &weight);
            forward(isa, &shape, ConvInput::plain(&x), &filters, Epilogue::default(), &mut ours_y);
            input_grad(algorithm, isa, &shape, &dy, &weight, GradientEpilogue::None, &mut ours_dx);
            weight_grad(algorithm, isa, &shape, ConvInput::plain(&x), &dy, &mut ours_dw);
            println!(
                "{channels:>3} channels, {images} x {size}x{size}, {algorithm:?}: {:.1e} {:.1e} {:.1e}",
                max_relative_to_norm(&ours_y, &y),
                max_relative_to_norm(&ours_dx, &dx),
                max_relative_to_norm(&ours_dw, &dw),
            );
        }
    }
}
