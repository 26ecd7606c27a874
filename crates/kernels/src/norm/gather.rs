//! Sums that a convolution gathers while it stores: one row per task, combined in the tasks' order.
//!
//! A task that has its output in registers anyway adds it up for the batch norm next to it, which then
//! doesn't read the tensor again. Rows are cut by shape, so threads don't change the bits.

use super::mask::ReluMask;
use super::{BackwardSums, Moments, combine};
use crate::buffer::Buffer;
use crate::parallel::Shared;
use crate::simd::Simd;

/// Partial moments of all tasks. For each task and channel: a pivot (the first pixel, or the mean of the
/// first few), the sum of distances from it, and the sum of their squares. The pivot keeps the squares small
/// where the mean is large.
pub(crate) struct MomentParts {
    parts: Buffer,
    channels: usize,
}

impl MomentParts {
    pub(crate) fn new(tasks: usize, channels: usize) -> Self {
        MomentParts { parts: Buffer::unspecified(tasks * 3 * channels), channels }
    }

    /// What tasks take their part from.
    pub(crate) fn shared(&mut self) -> SharedMoments<'_> {
        SharedMoments { parts: Shared::new(&mut self.parts), channels: self.channels }
    }

    /// The moments over all tasks, `pixels(task)` in each.
    pub(crate) fn combine(&self, pixels: impl Fn(usize) -> usize) -> Moments {
        combine(&self.parts, self.channels, pixels)
    }
}

/// [`MomentParts`] while tasks write to it.
pub(crate) struct SharedMoments<'a> {
    parts: Shared<'a>,
    channels: usize,
}

impl SharedMoments<'_> {
    /// The part of task number `task`.
    ///
    /// # Safety
    /// While it is in use, nobody else may access the channels of the part that the caller accesses.
    pub(crate) unsafe fn task(&self, task: usize) -> MomentPart {
        assert!((task + 1) * 3 * self.channels <= self.parts.len(), "no such part");
        // SAFETY: inside the buffer, as asserted. A pointer and not a slice, since two tasks may have
        // different channels of one part.
        let start = unsafe { self.parts.as_mut_ptr().add(task * 3 * self.channels) };
        MomentPart { start, channels: self.channels }
    }
}

/// One task's part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MomentPart {
    start: *mut f32,
    channels: usize,
}

impl MomentPart {
    /// Sets the pivot of `LANES` channels from `c` on and empties their sums.
    ///
    /// # Safety
    /// `c + LANES` must not exceed the channels.
    #[inline(always)]
    pub(crate) unsafe fn begin<S: Simd>(self, simd: S, c: usize, pivot: S::V) {
        // SAFETY: the caller's promise.
        unsafe {
            simd.store(self.start.add(c), pivot);
            simd.store(self.start.add(self.channels + c), simd.splat(0.0));
            simd.store(self.start.add(2 * self.channels + c), simd.splat(0.0));
        }
    }

    /// The pivot of `LANES` channels from `c` on.
    ///
    /// # Safety
    /// As [`MomentPart::begin`], which was called before.
    #[inline(always)]
    pub(crate) unsafe fn pivot<S: Simd>(self, simd: S, c: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { simd.load(self.start.add(c)) }
    }

    /// Adds sums of distances from the pivot and of their squares.
    ///
    /// # Safety
    /// As [`MomentPart::pivot`].
    #[inline(always)]
    pub(crate) unsafe fn add<S: Simd>(self, simd: S, c: usize, distances: S::V, squares: S::V) {
        // SAFETY: the caller's promise.
        unsafe { add_at(simd, self.start.add(self.channels + c), distances) };
        // SAFETY: the caller's promise.
        unsafe { add_at(simd, self.start.add(2 * self.channels + c), squares) };
    }
}

/// Sums for a [`MomentPart`] over a few pixels of `N` vectors of channels, in registers.
#[derive(Clone, Copy)]
pub(crate) struct MomentSums<V, const N: usize> {
    pub(crate) pivot: [V; N],
    distances: [V; N],
    squares: [V; N],
}

impl<V: Copy, const N: usize> MomentSums<V, N> {
    #[inline(always)]
    pub(crate) fn new<S: Simd<V = V>>(simd: S, pivot: [V; N]) -> Self {
        let zeros = [simd.splat(0.0); N];
        MomentSums { pivot, distances: zeros, squares: zeros }
    }

    /// Adds a pixel.
    #[inline(always)]
    pub(crate) fn add<S: Simd<V = V>>(&mut self, simd: S, pixel: [V; N]) {
        for v in 0..N {
            let distance = simd.sub(pixel[v], self.pivot[v]);
            self.distances[v] = simd.add(self.distances[v], distance);
            self.squares[v] = simd.mul_add(distance, distance, self.squares[v]);
        }
    }

    /// Adds the sums to channels `c` and on of `part`.
    ///
    /// # Safety
    /// As [`MomentPart::add`].
    #[inline(always)]
    pub(crate) unsafe fn add_to<S: Simd<V = V>>(&self, simd: S, part: MomentPart, c: usize) {
        for v in 0..N {
            // SAFETY: the caller's promise.
            unsafe { part.add(simd, c + v * S::LANES, self.distances[v], self.squares[v]) };
        }
    }
}

/// Partial sums of all tasks for [`BackwardSums`]: `sum_dy` and `sum_dy_xmu` of each, per channel.
pub(crate) struct BackwardParts {
    parts: Buffer,
    channels: usize,
}

impl BackwardParts {
    pub(crate) fn new(tasks: usize, channels: usize) -> Self {
        BackwardParts { parts: Buffer::zeroed(tasks * 2 * channels), channels }
    }

    /// What tasks take their part from.
    pub(crate) fn shared(&mut self) -> SharedSums<'_> {
        SharedSums { parts: Shared::new(&mut self.parts), channels: self.channels }
    }

    /// The sums over all tasks.
    pub(crate) fn combine(&self) -> BackwardSums {
        BackwardSums::of_parts(&self.parts, self.channels)
    }
}

/// [`BackwardParts`] while tasks write to it.
pub(crate) struct SharedSums<'a> {
    parts: Shared<'a>,
    channels: usize,
}

impl SharedSums<'_> {
    /// The part of task number `task`.
    ///
    /// # Safety
    /// While it is in use, nobody else may access the channels of the part that the caller accesses.
    pub(crate) unsafe fn task(&self, task: usize) -> BackwardPart {
        assert!((task + 1) * 2 * self.channels <= self.parts.len(), "no such part");
        // SAFETY: inside the buffer, as asserted. A pointer and not a slice, since two tasks may have
        // different channels of one part.
        let start = unsafe { self.parts.as_mut_ptr().add(task * 2 * self.channels) };
        BackwardPart { start, channels: self.channels }
    }
}

/// One task's part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackwardPart {
    start: *mut f32,
    channels: usize,
}

impl BackwardPart {
    /// Adds to `sum_dy` and `sum_dy_xmu` of `LANES` channels from `c` on.
    ///
    /// # Safety
    /// `c + LANES` must not exceed the channels.
    #[inline(always)]
    pub(crate) unsafe fn add<S: Simd>(self, simd: S, c: usize, sum_dy: S::V, sum_dy_xmu: S::V) {
        // SAFETY: the caller's promise.
        unsafe { add_at(simd, self.start.add(c), sum_dy) };
        // SAFETY: the caller's promise.
        unsafe { add_at(simd, self.start.add(self.channels + c), sum_dy_xmu) };
    }
}

/// Sums for a [`BackwardPart`] over a few pixels of `N` vectors of channels, in registers.
#[derive(Clone, Copy)]
pub(crate) struct NormSums<V, const N: usize> {
    mask: ReluMask<V, N>,
    mean: [V; N],
    sum_dy: [V; N],
    sum_dy_xmu: [V; N],
}

impl<V: Copy, const N: usize> NormSums<V, N> {
    #[inline(always)]
    pub(crate) fn new<S: Simd<V = V>>(simd: S, mask: ReluMask<V, N>, mean: [V; N]) -> Self {
        let zeros = [simd.splat(0.0); N];
        NormSums { mask, mean, sum_dy: zeros, sum_dy_xmu: zeros }
    }

    /// Adds a pixel: the norm's input, and the gradient of the ReLU's output.
    #[inline(always)]
    pub(crate) fn add<S: Simd<V = V>>(&mut self, simd: S, x: [V; N], dy: [V; N]) {
        let passed = self.mask.pass(simd, x, dy);
        for v in 0..N {
            self.sum_dy[v] = simd.add(self.sum_dy[v], passed[v]);
            let distance = simd.sub(x[v], self.mean[v]);
            self.sum_dy_xmu[v] = simd.mul_add(passed[v], distance, self.sum_dy_xmu[v]);
        }
    }

    /// Adds four pixels: in pairs, lest each waits for the one before it.
    #[inline(always)]
    pub(crate) fn add_four<S: Simd<V = V>>(&mut self, simd: S, x: [[V; N]; 4], dy: [[V; N]; 4]) {
        let mut passed = dy;
        for j in 0..4 {
            passed[j] = self.mask.pass(simd, x[j], dy[j]);
        }
        for v in 0..N {
            let (mut d, mean) = ([x[0][v]; 4], self.mean[v]);
            for j in 0..4 {
                d[j] = simd.sub(x[j][v], mean);
            }
            let g = [passed[0][v], passed[1][v], passed[2][v], passed[3][v]];
            let gradients = simd.add(simd.add(g[0], g[1]), simd.add(g[2], g[3]));
            let products = [simd.mul(g[0], d[0]), simd.mul(g[2], d[2])];
            let products =
                simd.add(simd.mul_add(g[1], d[1], products[0]), simd.mul_add(g[3], d[3], products[1]));
            self.sum_dy[v] = simd.add(self.sum_dy[v], gradients);
            self.sum_dy_xmu[v] = simd.add(self.sum_dy_xmu[v], products);
        }
    }

    /// Adds the sums to channels `c` and on of `part`.
    ///
    /// # Safety
    /// As [`BackwardPart::add`].
    #[inline(always)]
    pub(crate) unsafe fn add_to<S: Simd<V = V>>(&self, simd: S, part: BackwardPart, c: usize) {
        for v in 0..N {
            // SAFETY: the caller's promise.
            unsafe { part.add(simd, c + v * S::LANES, self.sum_dy[v], self.sum_dy_xmu[v]) };
        }
    }
}

/// Adds `v` to the floats at `p`.
///
/// # Safety
/// `p` must be valid for reading and writing `LANES` floats.
#[inline(always)]
unsafe fn add_at<S: Simd>(simd: S, p: *mut f32, v: S::V) {
    // SAFETY: the caller's promise.
    unsafe { simd.store(p, simd.add(simd.load(p), v)) };
}
