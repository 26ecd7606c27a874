//! Convolutions to test: awkward shapes, every algorithm on every instruction set that has it, weights at
//! He's scale.

use resnet_kernels::conv::{Algorithm, ConvShape};
use resnet_kernels::simd::Isa;
use resnet_reference as reference;
use resnet_testing::{affordable, uniform};

/// Largest error over the expected tensor's root mean square.
///
/// Direct sums of up to 576 products rounded to 2^-24 wander by about sqrt(576) 2^-24 = 1.4e-6, the worst of
/// thousands of outputs by a few times that. Winograd's transforms multiply that by up to ten; the project's
/// bound is 5e-5.
pub(crate) fn tolerance(algorithm: Algorithm) -> f64 {
    match algorithm {
        Algorithm::Direct | Algorithm::Pointwise => 1e-5,
        Algorithm::Winograd => 5e-5,
    }
}

pub(crate) fn shape(
    images: usize,
    (in_h, in_w): (usize, usize),
    (in_channels, out_channels): (usize, usize),
    (kernel, stride, padding): (usize, usize, usize),
) -> ConvShape {
    ConvShape { images, in_h, in_w, in_channels, out_channels, kernel, stride, padding }
}

pub(crate) fn shapes() -> Vec<ConvShape> {
    let mut shapes = vec![
        shape(1, (1, 1), (1, 1), (1, 1, 0)),
        shape(2, (32, 32), (16, 16), (3, 1, 1)),
        shape(3, (8, 8), (64, 64), (3, 1, 1)),
        shape(2, (7, 5), (3, 5), (3, 1, 1)),
        shape(1, (9, 11), (17, 33), (3, 1, 1)),
        shape(2, (9, 6), (5, 17), (3, 2, 1)),
        shape(2, (32, 32), (16, 32), (3, 2, 1)),
        shape(2, (8, 8), (16, 24), (1, 1, 0)),
        shape(5, (7, 7), (24, 10), (1, 2, 0)),
        shape(4, (8, 8), (32, 64), (1, 2, 0)),
        shape(2, (23, 21), (3, 20), (7, 2, 3)),
        shape(1, (5, 5), (2, 3), (5, 1, 2)),
        shape(1, (6, 7), (4, 4), (3, 3, 0)),
        shape(2, (4, 4), (7, 9), (3, 1, 0)),
        shape(1, (2, 2), (3, 3), (3, 1, 2)),
        shape(9, (1, 1), (64, 10), (1, 1, 0)),
        // Of Winograd's tiles only a line is seen.
        shape(17, (1, 1), (32, 16), (3, 1, 1)),
        shape(3, (1, 7), (16, 48), (3, 1, 1)),
        shape(2, (6, 1), (128, 128), (3, 1, 1)),
        shape(1, (3, 200), (40, 6), (3, 1, 1)),
        shape(2, (5, 7), (16, 24), (3, 1, 1)),
        shape(3, (2, 2), (8, 40), (3, 1, 1)),
        shape(1, (13, 50), (32, 48), (3, 1, 1)),
        shape(40, (4, 4), (48, 16), (3, 1, 1)),
        shape(1, (7, 7), (200, 64), (3, 1, 1)),
        // Sums of several slices, several blocks of outputs, partial ones; channels and outputs cut into
        // pieces.
        shape(1, (7, 7), (100, 17), (3, 1, 1)),
        shape(1, (9, 8), (320, 40), (3, 2, 1)),
        shape(2, (7, 9), (130, 100), (3, 2, 1)),
        shape(1, (5, 6), (33, 160), (5, 3, 2)),
        shape(17, (8, 7), (40, 72), (3, 2, 1)),
        shape(1, (31, 45), (3, 64), (7, 2, 3)),
        shape(1, (40, 70), (64, 64), (3, 2, 1)),
        // Pixels that no output sees, rows and columns that the last stride doesn't reach.
        shape(2, (8, 6), (5, 20), (2, 3, 0)),
        shape(2, (2, 9), (6, 7), (1, 2, 1)),
        shape(1, (1, 1), (9, 9), (1, 2, 1)),
        shape(1, (3, 4), (4, 4), (5, 1, 1)),
        // The same in few pixels, for Miri.
        shape(1, (1, 1), (100, 3), (3, 1, 1)),
        shape(3, (3, 2), (4, 8), (3, 2, 1)),
        shape(1, (2, 5), (4, 12), (3, 1, 1)),
        shape(1, (3, 2), (8, 8), (3, 1, 1)),
        shape(1, (2, 2), (16, 16), (3, 1, 1)),
    ];
    shapes.extend(pointwise());
    for channels in [1, 2, 7, 8, 9, 15, 16, 31, 32] {
        shapes.push(shape(1, (4, 5), (channels, 40 - channels), (3, 1, 1)));
    }
    shapes
}

/// 1x1: channels off every vector, pixels off every tile, inputs in several blocks, output channels in
/// several chunks.
fn pointwise() -> Vec<ConvShape> {
    let (plain, strided) = ((1, 1, 0), (1, 2, 0));
    vec![
        shape(1, (1, 1), (700, 1000), plain),
        shape(1, (7, 7), (512, 70), plain),
        shape(2, (5, 5), (300, 17), plain),
        shape(3, (11, 13), (17, 300), plain),
        shape(1, (13, 1), (7, 40), plain),
        shape(2, (3, 5), (40, 7), plain),
        shape(2, (32, 32), (64, 16), plain),
        shape(3, (32, 33), (16, 64), plain),
        shape(1, (10, 10), (256, 64), plain),
        shape(2, (31, 29), (1, 40), plain),
        shape(2, (9, 7), (300, 33), strided),
        shape(1, (2, 2), (64, 48), strided),
        shape(3, (16, 15), (40, 80), strided),
        shape(1, (1, 1), (300, 7), plain),
        shape(2, (3, 3), (9, 34), strided),
    ]
}

/// Multiply-adds of one pass.
pub(crate) fn cost(shape: &ConvShape) -> usize {
    shape.images * shape.multiply_adds_per_image() as usize
}

pub(crate) fn cases() -> Vec<(Algorithm, Isa, ConvShape)> {
    let mut cases = vec![];
    for algorithm in [Algorithm::Direct, Algorithm::Winograd, Algorithm::Pointwise] {
        for isa in Isa::available() {
            let shapes = shapes().into_iter().filter(|shape| algorithm.applies(isa, shape));
            cases.extend(shapes.map(|shape| (algorithm, isa, shape)));
        }
    }
    let saved = |algorithm| if algorithm == Algorithm::Winograd { 4 } else { 1 };
    affordable(cases, |(algorithm, _, shape)| cost(shape) / saved(*algorithm))
}

pub(crate) fn reference_shape(shape: &ConvShape) -> reference::Conv {
    reference::Conv {
        n: shape.images,
        h: shape.in_h,
        w: shape.in_w,
        c_in: shape.in_channels,
        c_out: shape.out_channels,
        kh: shape.kernel,
        kw: shape.kernel,
        stride: shape.stride,
        padding: shape.padding,
    }
}

pub(crate) fn weights(shape: &ConvShape) -> Vec<f32> {
    let bound = (3.0 / (shape.in_channels * shape.kernel * shape.kernel) as f32).sqrt();
    uniform(2, shape.weight_len()).into_iter().map(|w| w * bound).collect()
}

/// `max(x scale + shift, 0)` in f64, and the f32 maps it came from.
pub(crate) fn pre_activated(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>, Vec<f64>) {
    let scale: Vec<f32> = uniform(7, channels).into_iter().map(|v| 1.0 + 0.5 * v).collect();
    let shift: Vec<f32> = uniform(8, channels).into_iter().map(|v| 0.5 * v + 0.3).collect();
    let activated = x.iter().enumerate().map(|(i, &x)| {
        let c = i % channels;
        (f64::from(x) * f64::from(scale[c]) + f64::from(shift[c])).max(0.0)
    });
    let activated = activated.collect();
    (scale, shift, activated)
}
