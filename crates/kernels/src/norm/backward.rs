//! Batch norm's backward: the sums that give the gradients of gamma and beta, and the gradient of the input.
//!
//! ```text
//! dx = g a + x b + c,   g = dy where the activation was positive
//! ```

use super::mask::{NormGradient, ReluMask};
use super::vectors::{Terms, channel_sums, load, store};
use super::{Accumulate, Activation, Moments, ScaleShift, chunk_pixels, pixels};
use crate::buffer::Buffer;
use crate::parallel::{self, for_each_chunk};
use crate::simd::{Isa, Kernel, Simd, dispatch};
use crate::writes::Writes;

/// Sums that the backward pass needs: over pixels, of `g` and of `g (x - mean)`, where `g` is `dy` let
/// through where the activation was positive.
#[derive(Debug, Clone, PartialEq)]
pub struct BackwardSums {
    /// Sum of `g`: the gradient of beta.
    pub sum_dy: Vec<f64>,
    /// Sum of `g (x - mean)`: times `1 / sqrt(var + eps)`, the gradient of gamma.
    pub sum_dy_xmu: Vec<f64>,
}

impl BackwardSums {
    /// The sum of `parts`, in their order: of each `sum_dy` and then `sum_dy_xmu`, per channel.
    pub(super) fn of_parts(parts: &[f32], channels: usize) -> Self {
        let (mut sum_dy, mut sum_dy_xmu) = (vec![0.0; channels], vec![0.0; channels]);
        for part in parts.chunks_exact(2 * channels) {
            for c in 0..channels {
                sum_dy[c] += f64::from(part[c]);
                sum_dy_xmu[c] += f64::from(part[channels + c]);
            }
        }
        BackwardSums { sum_dy, sum_dy_xmu }
    }
}

/// The sums over `x` and `dy`, both `[pixels, channels]`, for a norm that applied `map` and `activation` to
/// `x`; `mean` is per channel.
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
    map.check(channels);
    let per_chunk = chunk_pixels(channels);
    let chunks = parallel::pieces(total, per_chunk);
    let mut partials = Buffer::unspecified(chunks * 2 * channels);
    for_each_chunk(&mut partials, 2 * channels, |chunk, part| {
        let range = parallel::piece(total, per_chunk, chunk);
        let floats = range.start * channels..range.end * channels;
        let (sum_dy, sum_dy_xmu) = part.split_at_mut(channels);
        dispatch(
            isa,
            ChunkSums { x: &x[floats.clone()], dy: &dy[floats], mean, map, activation, sum_dy, sum_dy_xmu },
        );
    });
    BackwardSums::of_parts(&partials, channels)
}

struct ChunkSums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    map: &'a ScaleShift,
    activation: Activation,
    sum_dy: &'a mut [f32],
    sum_dy_xmu: &'a mut [f32],
}

impl Kernel for ChunkSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.mean.len();
        self.map.check(channels);
        assert!(self.dy.len() == self.x.len());
        assert!(self.sum_dy.len() == channels && self.sum_dy_xmu.len() == channels);
        let mask = ActivationMask { map: self.map, activation: self.activation };
        let terms = Gradients { x: self.x.as_ptr(), dy: self.dy.as_ptr(), mean: self.mean.as_ptr(), mask };
        // SAFETY: `x` and `dy` have so many pixels of so many channels, mean and map the channels.
        unsafe { channel_sums(simd, self.x.len() / channels, [self.sum_dy, self.sum_dy_xmu], terms) };
    }
}

/// `g` and `g (x - mean)`
#[derive(Clone, Copy)]
struct Gradients<'a> {
    x: *const f32,
    dy: *const f32,
    mean: *const f32,
    mask: ActivationMask<'a>,
}

impl<S: Simd> Terms<S, 2> for Gradients<'_> {
    #[inline(always)]
    unsafe fn terms(self, simd: S, at: usize, c: usize, n: usize) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let x = load(simd, self.x.add(at), n);
            let g = self.mask.pass(simd, x, load(simd, self.dy.add(at), n), c, n);
            [g, simd.mul(g, simd.sub(x, load(simd, self.mean.add(c), n)))]
        }
    }
}

/// The affine map `dx = g a + x b + c` per channel, with `g` as in [`BackwardSums`], that computes the
/// input's gradient of a batch norm.
#[derive(Debug, Clone, PartialEq)]
pub struct BackwardMap {
    /// `a`, the factor of the gradient.
    pub of_gradient: Vec<f32>,
    /// `b`, the factor of the input.
    pub of_input: Vec<f32>,
    /// `c`, the constant.
    pub constant: Vec<f32>,
}

impl BackwardMap {
    /// The map in training, for statistics over `count` pixels of the batch: mean and variance depend on `x`
    /// too.
    ///
    /// # Panics
    /// If lengths don't agree, or there are no pixels.
    pub fn train(gamma: &[f32], moments: &Moments, eps: f32, sums: &BackwardSums, count: usize) -> Self {
        let lengths = [moments.mean.len(), moments.var.len(), sums.sum_dy.len(), sums.sum_dy_xmu.len()];
        assert_eq!(lengths, [gamma.len(); 4], "gamma, moments and sums are of one length");
        assert!(count > 0, "no pixels that statistics were taken of");
        let (mut of_gradient, mut of_input, mut constant) = (vec![], vec![], vec![]);
        for (c, &gamma) in gamma.iter().enumerate() {
            let inverse = 1.0 / (f64::from(moments.var[c]) + f64::from(eps)).sqrt();
            let a = f64::from(gamma) * inverse;
            let b = -a * inverse * inverse * sums.sum_dy_xmu[c] / count as f64;
            of_gradient.push(a as f32);
            of_input.push(b as f32);
            constant.push((-a * sums.sum_dy[c] / count as f64 - b * f64::from(moments.mean[c])) as f32);
        }
        BackwardMap { of_gradient, of_input, constant }
    }

    /// The map in evaluation, where the running statistics are constants.
    pub fn eval(map: &ScaleShift) -> Self {
        let zeros = vec![0.0; map.scale.len()];
        BackwardMap { of_gradient: map.scale.clone(), of_input: zeros.clone(), constant: zeros }
    }
}

/// What the gradient of a norm's input is computed from, beside the gradient of its output.
#[derive(Debug, Clone, Copy)]
pub struct NormBackward<'a> {
    /// The norm's input, `[pixels, channels]`.
    pub x: &'a [f32],
    /// The map that the norm applied.
    pub map: &'a ScaleShift,
    /// The map that its backward pass applies.
    pub backward: &'a BackwardMap,
}

/// `dx (+)= g a + x b + c` from the output's gradient `dy`, for a norm that was followed by `activation`.
///
/// # Panics
/// If lengths don't agree.
pub fn backward_apply(
    isa: Isa,
    norm: NormBackward,
    dy: &[f32],
    activation: Activation,
    accumulate: Accumulate,
    dx: &mut [f32],
) {
    assert_eq!(dy.len(), dx.len(), "gradient of another shape");
    // `Add` reads `dx` anyway, so its lines are in the caches.
    let writes = match accumulate {
        Accumulate::Set => Writes::of(isa, dx.len()),
        Accumulate::Add => Writes::Cached,
    };
    norm.apply(isa, Some(dy), activation, (accumulate, writes), dx);
}

/// As [`backward_apply`] with [`Accumulate::Set`], but `gradient` is both: the output's gradient before, the
/// input's after. A line is written back where it was read, and no second one is fetched to be overwritten.
///
/// # Panics
/// If lengths don't agree.
pub fn backward_in_place(isa: Isa, norm: NormBackward, activation: Activation, gradient: &mut [f32]) {
    norm.apply(isa, None, activation, (Accumulate::Set, Writes::Cached), gradient);
}

impl NormBackward<'_> {
    /// Without `dy` the gradient of the norm's output lies in `dx`.
    fn apply(
        self,
        isa: Isa,
        dy: Option<&[f32]>,
        activation: Activation,
        (accumulate, writes): (Accumulate, Writes),
        dx: &mut [f32],
    ) {
        let NormBackward { x, map, backward } = self;
        let channels = map.scale.len();
        let total = pixels(x.len(), channels);
        map.check(channels);
        let lengths = [backward.of_gradient.len(), backward.of_input.len(), backward.constant.len()];
        assert_eq!(lengths, [channels; 3], "backward map of another number of channels");
        assert_eq!(dx.len(), x.len(), "gradient of another shape");
        let per_chunk = chunk_pixels(channels);
        for_each_chunk(dx, per_chunk * channels, |chunk, dx| {
            let range = parallel::piece(total, per_chunk, chunk);
            let floats = range.start * channels..range.end * channels;
            let mask = ActivationMask { map, activation };
            let (x, dy) = (&x[floats.clone()], dy.map(|dy| &dy[floats]));
            dispatch(isa, BackwardApply { x, dy, mask, backward, accumulate, writes, dx });
        });
    }
}

struct BackwardApply<'a> {
    x: &'a [f32],
    /// The gradient of the norm's output; without it, that gradient lies in `dx`.
    dy: Option<&'a [f32]>,
    mask: ActivationMask<'a>,
    backward: &'a BackwardMap,
    accumulate: Accumulate,
    writes: Writes,
    dx: &'a mut [f32],
}

impl Kernel for BackwardApply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let BackwardMap { of_gradient, of_input, constant } = self.backward;
        let channels = of_gradient.len();
        self.mask.map.check(channels);
        let len = self.dx.len();
        assert!(of_input.len() == channels && constant.len() == channels);
        assert!(len.is_multiple_of(channels) && self.x.len() == len);
        assert!(self.dy.is_none_or(|dy| dy.len() == len));
        let to = self.dx.as_mut_ptr();
        let dy = self.dy.map_or(to.cast_const(), <[f32]>::as_ptr);
        for pixel in (0..len).step_by(channels) {
            for c in (0..channels).step_by(S::LANES) {
                let (at, n) = (pixel + c, S::LANES.min(channels - c));
                // SAFETY: at + n lies inside x, dy and dx, c + n inside the channels. Where dy is dx, each
                // place is read before it is written.
                unsafe {
                    let x = load(simd, self.x.as_ptr().add(at), n);
                    let g = self.mask.pass(simd, x, load(simd, dy.add(at), n), c, n);
                    let (b, constant) =
                        (load(simd, of_input.as_ptr().add(c), n), load(simd, constant.as_ptr().add(c), n));
                    let a = load(simd, of_gradient.as_ptr().add(c), n);
                    let map = NormGradient { of_gradient: [a], of_input: [b], constant: [constant] };
                    let before = match self.accumulate {
                        Accumulate::Set => None,
                        Accumulate::Add => Some([load(simd, to.add(at).cast_const(), n)]),
                    };
                    let [dx] = map.dx(simd, [x], [g], before);
                    let to = to.add(at);
                    if n == S::LANES { self.writes.store(simd, to, dx) } else { store(simd, to, dx, n) }
                }
            }
        }
        self.writes.finish(simd);
    }
}

/// Lets a gradient through where the activation was positive, which is recomputed from the norm's input.
#[derive(Clone, Copy)]
struct ActivationMask<'a> {
    map: &'a ScaleShift,
    activation: Activation,
}

impl ActivationMask<'_> {
    /// # Safety
    /// `c + n` must not exceed the channels.
    #[inline(always)]
    unsafe fn pass<S: Simd>(&self, simd: S, x: S::V, dy: S::V, c: usize, n: usize) -> S::V {
        if self.activation == Activation::Identity {
            return dy;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let (scale, shift) = (
                load(simd, self.map.scale.as_ptr().add(c), n),
                load(simd, self.map.shift.as_ptr().add(c), n),
            );
            let [passed] = ReluMask { scale: [scale], shift: [shift] }.pass(simd, [x], [dy]);
            passed
        }
    }
}
