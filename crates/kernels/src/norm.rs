//! Batch norm in NHWC, with ReLU fused: statistics, application, backward.
//!
//! ```text
//! y = act(x scale + shift),   scale = gamma / sqrt(var + eps),   shift = beta - mean scale
//! ```
//!
//! Statistics and gradients are sums over pixels: each fixed chunk of pixels is summed in f32 (the variance
//! around the chunk's own mean), the chunks are combined in f64 in their order. Reference:
//! `resnet_reference::batch_norm_train` and `batch_norm_train_backward`.

use crate::buffer::Buffer;
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Floats in a chunk of pixels: 64 KiB, so that a second look finds it in cache.
const CHUNK: usize = 16 << 10;

/// What follows the affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
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

/// Mean and (biased) variance of each channel over all pixels of all pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Mean of a channel.
    pub mean: Vec<f32>,
    /// Mean squared distance from the mean, divided by the number of pixels.
    pub var: Vec<f32>,
}

/// The affine map of a channel that normalisation comes down to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleShift {
    /// A factor a channel.
    pub scale: Vec<f32>,
    /// A summand a channel.
    pub shift: Vec<f32>,
}

impl ScaleShift {
    /// `scale = gamma / sqrt(var + eps)`, `shift = beta - mean scale`.
    pub fn new(gamma: &[f32], beta: &[f32], moments: &Moments, eps: f32) -> Self {
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

/// Pixels of a tensor of `len` floats.
///
/// # Panics
/// If `len` is no multiple of `channels`.
fn pixels(len: usize, channels: usize) -> usize {
    assert!(channels > 0 && len.is_multiple_of(channels), "{len} floats are no pixels of {channels} channels");
    len / channels
}

fn chunk_pixels(channels: usize) -> usize {
    (CHUNK / channels).max(1)
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
    let mut partials = Buffer::unspecified(chunks * 2 * channels);
    let shared = Shared::new(&mut partials);
    parallel::for_each(chunks, || (), |_, chunk| {
        let range = parallel::piece(total, per_chunk, chunk);
        let x = &x[range.start * channels..range.end * channels];
        // SAFETY: each task has its own partial sums.
        let (mean, squares) = unsafe { shared.slice(chunk * 2 * channels, 2 * channels) }.split_at_mut(channels);
        dispatch(isa, ChunkMoments { x, mean, squares });
    });
    combine(&partials, total, per_chunk, channels)
}

/// Chan's formula, chunk after chunk: means weighted by pixels, squares corrected for the means' distance.
fn combine(partials: &[f32], total: usize, per_chunk: usize, channels: usize) -> Moments {
    let (mut mean, mut squares) = (vec![0.0f64; channels], vec![0.0f64; channels]);
    let mut seen = 0.0;
    for (chunk, part) in partials.chunks_exact(2 * channels).enumerate() {
        let count = parallel::piece(total, per_chunk, chunk).len() as f64;
        for c in 0..channels {
            let distance = f64::from(part[c]) - mean[c];
            mean[c] += distance * count / (seen + count);
            squares[c] += f64::from(part[channels + c]) + distance * distance * seen * count / (seen + count);
        }
        seen += count;
    }
    Moments {
        mean: mean.iter().map(|&mean| mean as f32).collect(),
        var: squares.iter().map(|&squares| (squares / total as f64) as f32).collect(),
    }
}

struct ChunkMoments<'a> {
    x: &'a [f32],
    mean: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Kernel for ChunkMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.mean.len();
        let x = self.x.as_ptr();
        // SAFETY: `channel_sums` calls with at + n inside x and c + n inside the channels.
        channel_sums(simd, self.x.len() / channels, [&mut *self.mean], |at, _, n| unsafe { [load(simd, x.add(at), n)] });
        let count = (self.x.len() / channels) as f32;
        self.mean.iter_mut().for_each(|mean| *mean /= count);
        let mean = self.mean.as_ptr();
        // SAFETY: as above.
        channel_sums(simd, self.x.len() / channels, [self.squares], |at, c, n| unsafe {
            let distance = simd.sub(load(simd, x.add(at), n), load(simd, mean.add(c), n));
            [simd.mul(distance, distance)]
        });
    }
}

/// `out = act(x scale + shift + other)`, per channel; `other` is the other operand of equation (1), if any.
///
/// # Panics
/// If lengths don't agree.
pub fn apply(isa: Isa, x: &[f32], map: &ScaleShift, other: Option<&[f32]>, activation: Activation, out: &mut [f32]) {
    let channels = map.scale.len();
    let total = pixels(x.len(), channels);
    assert_eq!(out.len(), x.len(), "output of another shape");
    assert!(other.is_none_or(|other| other.len() == x.len()), "other operand of another shape");
    let shared = Shared::new(out);
    let per_chunk = chunk_pixels(channels);
    parallel::for_each(parallel::pieces(total, per_chunk), || (), |_, chunk| {
        let range = parallel::piece(total, per_chunk, chunk);
        let floats = range.start * channels..range.end * channels;
        // SAFETY: each task has its own pixels.
        let out = unsafe { shared.slice(floats.start, floats.len()) };
        let other = other.map(|other| &other[floats.clone()]);
        dispatch(isa, Apply { x: &x[floats], map, other, activation, out });
    });
}

struct Apply<'a> {
    x: &'a [f32],
    map: &'a ScaleShift,
    other: Option<&'a [f32]>,
    activation: Activation,
    out: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let zero = simd.splat(0.0);
        for_each_vector::<S>(self.out.len(), self.map.scale.len(), |at, c, n| {
            // SAFETY: at + n lies inside x, other and out, c + n inside the channels.
            unsafe {
                let (scale, shift) = (load(simd, self.map.scale.as_ptr().add(c), n), load(simd, self.map.shift.as_ptr().add(c), n));
                let mut y = simd.mul_add(load(simd, self.x.as_ptr().add(at), n), scale, shift);
                if let Some(other) = self.other {
                    y = simd.add(y, load(simd, other.as_ptr().add(at), n));
                }
                if self.activation == Activation::Relu {
                    y = simd.max(y, zero);
                }
                store(simd, self.out.as_mut_ptr().add(at), y, n);
            }
        });
    }
}

/// Sums that the backward pass needs: over pixels, of `g` and of `g (x - mean)`, where `g` is `dy` let through
/// where the activation was positive.
#[derive(Debug, Clone, PartialEq)]
pub struct BackwardSums {
    /// Sum of `g`: the gradient of beta.
    pub plain: Vec<f64>,
    /// Sum of `g (x - mean)`: times `1 / sqrt(var + eps)`, the gradient of gamma.
    pub centred: Vec<f64>,
}

/// The sums over `x` and `dy`, both `[pixels, channels]`, of a map that was followed by `activation`.
///
/// # Panics
/// If lengths don't agree.
pub fn backward_sums(
    isa: Isa,
    x: &[f32],
    dy: &[f32],
    mean: &[f32],
    map: &ScaleShift,
    activation: Activation,
) -> BackwardSums {
    let channels = mean.len();
    let total = pixels(x.len(), channels);
    assert_eq!(dy.len(), x.len(), "gradient of another shape");
    assert!(map.scale.len() == channels && map.shift.len() == channels, "map of another number of channels");
    let per_chunk = chunk_pixels(channels);
    let chunks = parallel::pieces(total, per_chunk);
    let mut partials = Buffer::unspecified(chunks * 2 * channels);
    let shared = Shared::new(&mut partials);
    parallel::for_each(chunks, || (), |_, chunk| {
        let range = parallel::piece(total, per_chunk, chunk);
        let floats = range.start * channels..range.end * channels;
        // SAFETY: each task has its own partial sums.
        let (plain, centred) = unsafe { shared.slice(chunk * 2 * channels, 2 * channels) }.split_at_mut(channels);
        dispatch(isa, ChunkSums { x: &x[floats.clone()], dy: &dy[floats], mean, map, activation, plain, centred });
    });
    let (mut plain, mut centred) = (vec![0.0; channels], vec![0.0; channels]);
    for part in partials.chunks_exact(2 * channels) {
        for c in 0..channels {
            plain[c] += f64::from(part[c]);
            centred[c] += f64::from(part[channels + c]);
        }
    }
    BackwardSums { plain, centred }
}

struct ChunkSums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    map: &'a ScaleShift,
    activation: Activation,
    plain: &'a mut [f32],
    centred: &'a mut [f32],
}

impl Kernel for ChunkSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.mean.len();
        let gate = Gate { map: self.map, activation: self.activation };
        channel_sums(simd, self.x.len() / channels, [self.plain, self.centred], |at, c, n| {
            // SAFETY: at + n lies inside x and dy, c + n inside the channels.
            unsafe {
                let x = load(simd, self.x.as_ptr().add(at), n);
                let g = gate.pass(simd, x, load(simd, self.dy.as_ptr().add(at), n), c, n);
                [g, simd.mul(g, simd.sub(x, load(simd, self.mean.as_ptr().add(c), n)))]
            }
        });
    }
}

/// `dx = g a + x b + c` per channel, with `g` as in [`BackwardSums`]: what batch norm's backward comes down to.
#[derive(Debug, Clone, PartialEq)]
pub struct BackwardMap {
    /// Factor of the gradient.
    pub of_gradient: Vec<f32>,
    /// Factor of the input.
    pub of_input: Vec<f32>,
    /// Constant.
    pub constant: Vec<f32>,
}

impl BackwardMap {
    /// With the batch's statistics, over `count` pixels: the mean and the variance depend on `x` as well.
    pub fn train(gamma: &[f32], moments: &Moments, eps: f32, sums: &BackwardSums, count: usize) -> Self {
        let (mut of_gradient, mut of_input, mut constant) = (vec![], vec![], vec![]);
        for c in 0..gamma.len() {
            let inverse = 1.0 / (f64::from(moments.var[c]) + f64::from(eps)).sqrt();
            let a = f64::from(gamma[c]) * inverse;
            let b = -a * inverse * inverse * sums.centred[c] / count as f64;
            of_gradient.push(a as f32);
            of_input.push(b as f32);
            constant.push((-a * sums.plain[c] / count as f64 - b * f64::from(moments.mean[c])) as f32);
        }
        BackwardMap { of_gradient, of_input, constant }
    }

    /// With running statistics, which are constants.
    pub fn eval(map: &ScaleShift) -> Self {
        let zeros = vec![0.0; map.scale.len()];
        BackwardMap { of_gradient: map.scale.clone(), of_input: zeros.clone(), constant: zeros }
    }
}

/// `dx (+)= g a + x b + c`.
///
/// # Panics
/// If lengths don't agree.
#[allow(clippy::too_many_arguments)] // one pass over four tensors
pub fn backward_apply(
    isa: Isa,
    x: &[f32],
    dy: &[f32],
    map: &ScaleShift,
    activation: Activation,
    backward: &BackwardMap,
    accumulate: Accumulate,
    dx: &mut [f32],
) {
    let channels = map.scale.len();
    let total = pixels(x.len(), channels);
    assert!(dy.len() == x.len() && dx.len() == x.len(), "gradient of another shape");
    let shared = Shared::new(dx);
    let per_chunk = chunk_pixels(channels);
    parallel::for_each(parallel::pieces(total, per_chunk), || (), |_, chunk| {
        let range = parallel::piece(total, per_chunk, chunk);
        let floats = range.start * channels..range.end * channels;
        // SAFETY: each task has its own pixels.
        let dx = unsafe { shared.slice(floats.start, floats.len()) };
        let gate = Gate { map, activation };
        dispatch(isa, BackwardApply { x: &x[floats.clone()], dy: &dy[floats], gate, backward, accumulate, dx });
    });
}

struct BackwardApply<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    gate: Gate<'a>,
    backward: &'a BackwardMap,
    accumulate: Accumulate,
    dx: &'a mut [f32],
}

impl Kernel for BackwardApply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let BackwardMap { of_gradient, of_input, constant } = self.backward;
        for_each_vector::<S>(self.dx.len(), of_gradient.len(), |at, c, n| {
            // SAFETY: at + n lies inside x, dy and dx, c + n inside the channels.
            unsafe {
                let x = load(simd, self.x.as_ptr().add(at), n);
                let g = self.gate.pass(simd, x, load(simd, self.dy.as_ptr().add(at), n), c, n);
                let mut dx = simd.mul_add(x, load(simd, of_input.as_ptr().add(c), n), load(simd, constant.as_ptr().add(c), n));
                if self.accumulate == Accumulate::Add {
                    dx = simd.add(dx, load(simd, self.dx.as_ptr().add(at), n));
                }
                dx = simd.mul_add(g, load(simd, of_gradient.as_ptr().add(c), n), dx);
                store(simd, self.dx.as_mut_ptr().add(at), dx, n);
            }
        });
    }
}

/// Lets a gradient through where the activation was positive, recomputed from its input.
#[derive(Clone, Copy)]
struct Gate<'a> {
    map: &'a ScaleShift,
    activation: Activation,
}

impl Gate<'_> {
    /// # Safety
    /// `c + n` must not exceed the channels.
    #[inline(always)]
    unsafe fn pass<S: Simd>(&self, simd: S, x: S::V, dy: S::V, c: usize, n: usize) -> S::V {
        if self.activation == Activation::Identity {
            return dy;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let (scale, shift) = (load(simd, self.map.scale.as_ptr().add(c), n), load(simd, self.map.shift.as_ptr().add(c), n));
            simd.where_positive(simd.mul_add(x, scale, shift), dy)
        }
    }
}

/// `LANES` floats, or `n` of them with zeros behind.
///
/// # Safety
/// `p` must be valid for reading `n` floats.
#[inline(always)]
unsafe fn load<S: Simd>(simd: S, p: *const f32, n: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { simd.load(p) } else { simd.load_partial(p, n) } }
}

/// # Safety
/// `p` must be valid for writing `n` floats.
#[inline(always)]
unsafe fn store<S: Simd>(simd: S, p: *mut f32, v: S::V, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { simd.store(p, v) } else { simd.store_partial(p, v, n) } }
}

/// Calls `f(offset, channel, lanes)` for every vector of `[pixels, channels]`.
#[inline(always)]
fn for_each_vector<S: Simd>(len: usize, channels: usize, mut f: impl FnMut(usize, usize, usize)) {
    for pixel in (0..len).step_by(channels) {
        for c in (0..channels).step_by(S::LANES) {
            f(pixel + c, c, S::LANES.min(channels - c));
        }
    }
}

/// `sums[k][c] = sum over pixels of f(offset, c, lanes)[k]`, in blocks of channels that stay in registers.
#[inline(always)]
fn channel_sums<S: Simd, const K: usize>(
    simd: S,
    pixels: usize,
    mut sums: [&mut [f32]; K],
    f: impl Fn(usize, usize, usize) -> [S::V; K],
) {
    let channels = sums[0].len();
    let mut c = 0;
    while c < channels {
        let rest = channels - c;
        c += if rest >= 4 * S::LANES {
            channel_block::<S, K, 4>(simd, pixels, channels, c, S::LANES, &mut sums, &f)
        } else if rest >= 2 * S::LANES {
            channel_block::<S, K, 2>(simd, pixels, channels, c, S::LANES, &mut sums, &f)
        } else {
            channel_block::<S, K, 1>(simd, pixels, channels, c, S::LANES.min(rest), &mut sums, &f)
        };
    }
}

/// `V` vectors of channels from `c` on; returns how many channels that were.
#[inline(always)]
fn channel_block<S: Simd, const K: usize, const V: usize>(
    simd: S,
    pixels: usize,
    channels: usize,
    c: usize,
    lanes: usize,
    sums: &mut [&mut [f32]; K],
    f: &impl Fn(usize, usize, usize) -> [S::V; K],
) -> usize {
    let mut acc = [[simd.splat(0.0); V]; K];
    for pixel in 0..pixels {
        for v in 0..V {
            let from = c + v * S::LANES;
            let values = f(pixel * channels + from, from, lanes);
            for k in 0..K {
                acc[k][v] = simd.add(acc[k][v], values[k]);
            }
        }
    }
    let width = (V - 1) * S::LANES + lanes;
    for (acc, sums) in acc.iter().zip(sums) {
        let to = &mut sums[c..c + width];
        for (v, acc) in acc.iter().enumerate() {
            // SAFETY: the last vector's lanes end at `width`, the length of `to`.
            unsafe { store(simd, to.as_mut_ptr().add(v * S::LANES), *acc, lanes) };
        }
    }
    width
}
