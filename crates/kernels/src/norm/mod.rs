//! Batch norm in NHWC, with ReLU fused: statistics, application, backward.
//!
//! ```text
//! y = act(x scale + shift),   scale = gamma / sqrt(var + eps),   shift = beta - mean scale
//! ```
//!
//! Statistics and gradients are sums over pixels: each fixed chunk of pixels is summed in f32 (the variance
//! around the chunk's own mean), the chunks are combined in f64 in their order. Reference:
//! `resnet_reference::batch_norm_train` and `batch_norm_train_backward`.

mod backward;
mod gather;
mod group;
mod mask;
mod standardise;
pub(crate) mod vectors;

pub use backward::{
    BackwardMap, BackwardSums, NormBackward, backward_apply, backward_in_place, backward_sums,
};
pub(crate) use gather::{
    BackwardPart, BackwardParts, MomentPart, MomentParts, MomentSums, NormSums, SharedMoments, SharedSums,
};
pub use group::{GroupNorm, GroupNormGradients};
pub(crate) use mask::{NormGradient, ReluMask};
pub use standardise::{standardise, standardise_backward};

use crate::buffer::Buffer;
use crate::parallel::{self, for_each_chunk};
use crate::simd::{Isa, Kernel, Simd, dispatch};
use crate::writes::Writes;
use vectors::{Terms, channel_sums, load, store};

/// Floats in a chunk of pixels: 64 KiB, so that a second look finds it in cache.
const CHUNK: usize = 16 << 10;
/// Pixels in a chunk at most, however few channels: a sum in f32 loses more the longer it gets.
const CHUNK_PIXELS: usize = 1 << 10;

/// What follows the affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(., 0)`
    Relu,
}

/// Whether a result replaces what is there or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulate {
    /// Overwrites.
    Set,
    /// Adds.
    Add,
}

/// Mean and (biased) variance of each channel over all pixels of all images.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// The mean per channel.
    pub mean: Vec<f32>,
    /// Mean squared distance from the mean, divided by the number of pixels.
    pub var: Vec<f32>,
}

/// The affine map per channel that normalisation comes down to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleShift {
    /// The factor per channel.
    pub scale: Vec<f32>,
    /// The summand per channel.
    pub shift: Vec<f32>,
}

impl ScaleShift {
    /// `scale = gamma / sqrt(var + eps)`, `shift = beta - mean scale`.
    ///
    /// # Panics
    /// If lengths differ.
    pub fn new(gamma: &[f32], beta: &[f32], moments: &Moments, eps: f32) -> Self {
        let lengths = [beta.len(), moments.mean.len(), moments.var.len()];
        assert_eq!(lengths, [gamma.len(); 3], "gamma, beta, mean and variance are of one length");
        let statistics = moments.mean.iter().zip(&moments.var);
        let (scale, shift) = gamma
            .iter()
            .zip(beta)
            .zip(statistics)
            .map(|((&gamma, &beta), (&mean, &var))| {
                let scale = f64::from(gamma) / (f64::from(var) + f64::from(eps)).sqrt();
                (scale as f32, (f64::from(beta) - f64::from(mean) * scale) as f32)
            })
            .unzip();
        ScaleShift { scale, shift }
    }
}

impl ScaleShift {
    /// Asserts that both have one value per channel: kernels read them without bounds checks.
    fn check(&self, channels: usize) {
        assert!(
            self.scale.len() == channels && self.shift.len() == channels,
            "map of another number of channels"
        );
    }
}

/// Pixels of a tensor of `len` floats.
///
/// # Panics
/// If `len` is no multiple of `channels`.
fn pixels(len: usize, channels: usize) -> usize {
    assert!(
        channels > 0 && len.is_multiple_of(channels),
        "{len} floats are no pixels of {channels} channels"
    );
    len / channels
}

fn chunk_pixels(channels: usize) -> usize {
    (CHUNK / channels).clamp(1, CHUNK_PIXELS)
}

/// Mean and variance of each channel of `x: [pixels, channels]`.
///
/// # Panics
/// If `x` is empty or its length no multiple of `channels`.
pub fn moments(isa: Isa, x: &[f32], channels: usize) -> Moments {
    let total = pixels(x.len(), channels);
    assert!(total > 0, "no pixels to take statistics of");
    let per_chunk = chunk_pixels(channels);
    let chunks = parallel::pieces(total, per_chunk);
    let mut partials = Buffer::unspecified(chunks * 3 * channels);
    for_each_chunk(&mut partials, 3 * channels, |chunk, part| {
        let range = parallel::piece(total, per_chunk, chunk);
        let x = &x[range.start * channels..range.end * channels];
        let (mean, sums) = part.split_at_mut(channels);
        let (distances, squares) = sums.split_at_mut(channels);
        dispatch(isa, ChunkMoments { x, mean, distances, squares });
    });
    combine(&partials, channels, |chunk| parallel::piece(total, per_chunk, chunk).len())
}

/// Chan's formula, chunk after chunk: means weighted by pixels, squares corrected for the means' distance.
/// The same correction turns sums of distances from a chunk's rounded mean (or from a pivot) into those from
/// its true one.
fn combine(partials: &[f32], channels: usize, pixels: impl Fn(usize) -> usize) -> Moments {
    let (mut mean, mut squares) = (vec![0.0f64; channels], vec![0.0f64; channels]);
    let mut seen = 0.0;
    for (chunk, part) in partials.chunks_exact(3 * channels).enumerate() {
        let count = pixels(chunk) as f64;
        for c in 0..channels {
            let lost = f64::from(part[channels + c]) / count;
            let own = (f64::from(part[2 * channels + c]) - lost * lost * count).max(0.0);
            let distance = f64::from(part[c]) + lost - mean[c];
            mean[c] += distance * count / (seen + count);
            squares[c] += own + distance * distance * seen * count / (seen + count);
        }
        seen += count;
    }
    Moments {
        mean: mean.iter().map(|&mean| mean as f32).collect(),
        var: squares.iter().map(|&squares| (squares / seen) as f32).collect(),
    }
}

/// A chunk's mean by one sum in f32, and the sums of distances from it and of their squares. Distances are
/// small where the mean is large, so their sum recovers what the first sum lost by rounding.
struct ChunkMoments<'a> {
    x: &'a [f32],
    mean: &'a mut [f32],
    distances: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Kernel for ChunkMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.mean.len();
        let (x, pixels) = (self.x.as_ptr(), self.x.len() / channels);
        // SAFETY: `x` has so many pixels of so many channels.
        unsafe { channel_sums(simd, pixels, [&mut *self.mean], Values { x }) };
        self.mean.iter_mut().for_each(|mean| *mean /= pixels as f32);
        assert!(self.distances.len() == channels && self.squares.len() == channels);
        let distances = Distances { x, mean: self.mean.as_ptr() };
        // SAFETY: as above, and the mean has the channels.
        unsafe { channel_sums(simd, pixels, [self.distances, self.squares], distances) };
    }
}

/// `x`
#[derive(Clone, Copy)]
struct Values {
    x: *const f32,
}

impl<S: Simd> Terms<S, 1> for Values {
    #[inline(always)]
    unsafe fn terms(self, simd: S, at: usize, _c: usize, n: usize) -> [S::V; 1] {
        // SAFETY: the caller's promise.
        [unsafe { load(simd, self.x.add(at), n) }]
    }
}

/// `x - mean` and its square
#[derive(Clone, Copy)]
struct Distances {
    x: *const f32,
    mean: *const f32,
}

impl<S: Simd> Terms<S, 2> for Distances {
    #[inline(always)]
    unsafe fn terms(self, simd: S, at: usize, c: usize, n: usize) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        let distance = unsafe { simd.sub(load(simd, self.x.add(at), n), load(simd, self.mean.add(c), n)) };
        [distance, simd.mul(distance, distance)]
    }
}

/// `out = act(x scale + shift + other)` for `[pixels, channels]`, with `map` per channel; `other` is the
/// other operand of the residual addition, equation (1), if any.
///
/// # Panics
/// If lengths don't agree.
pub fn apply(
    isa: Isa,
    x: &[f32],
    map: &ScaleShift,
    other: Option<&[f32]>,
    activation: Activation,
    out: &mut [f32],
) {
    let channels = map.scale.len();
    let total = pixels(x.len(), channels);
    map.check(channels);
    assert_eq!(out.len(), x.len(), "output of another shape");
    assert!(other.is_none_or(|other| other.len() == x.len()), "other operand of another shape");
    let writes = Writes::of(isa, out.len());
    let per_chunk = chunk_pixels(channels);
    for_each_chunk(out, per_chunk * channels, |chunk, out| {
        let range = parallel::piece(total, per_chunk, chunk);
        let floats = range.start * channels..range.end * channels;
        let other = other.map(|other| &other[floats.clone()]);
        dispatch(isa, Apply { x: &x[floats], map, other, activation, writes, out });
    });
}

struct Apply<'a> {
    x: &'a [f32],
    map: &'a ScaleShift,
    other: Option<&'a [f32]>,
    activation: Activation,
    writes: Writes,
    out: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let zero = simd.splat(0.0);
        let channels = self.map.scale.len();
        self.map.check(channels);
        let len = self.out.len();
        assert!(len.is_multiple_of(channels) && self.x.len() == len);
        assert!(self.other.is_none_or(|other| other.len() == len));
        for pixel in (0..self.out.len()).step_by(channels) {
            for c in (0..channels).step_by(S::LANES) {
                let (at, n) = (pixel + c, S::LANES.min(channels - c));
                // SAFETY: at + n lies inside x, other and out, c + n inside the channels.
                unsafe {
                    let scale = load(simd, self.map.scale.as_ptr().add(c), n);
                    let shift = load(simd, self.map.shift.as_ptr().add(c), n);
                    let mut y = simd.mul_add(load(simd, self.x.as_ptr().add(at), n), scale, shift);
                    if let Some(other) = self.other {
                        y = simd.add(y, load(simd, other.as_ptr().add(at), n));
                    }
                    if self.activation == Activation::Relu {
                        y = simd.max(y, zero);
                    }
                    let to = self.out.as_mut_ptr().add(at);
                    if n == S::LANES { self.writes.store(simd, to, y) } else { store(simd, to, y, n) }
                }
            }
        }
        self.writes.finish(simd);
    }
}
