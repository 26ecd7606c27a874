//! What happens to a tile of the input's gradient between the registers and memory.

use super::Norm;
use super::store::{Keep, Place, Store};
use super::tile::Products;
use crate::conv::micro::store_columns;
use crate::norm::{Accumulate, BackwardMap, ScaleShift, SharedSums};
use crate::simd::Simd;

/// The gradient itself, and sums for the batch norm and ReLU that the convolution's input went through.
pub(super) struct Gradient<'a> {
    pub(super) keep: Keep,
    /// The convolution's input, if the pass reads it too.
    pub(super) x: Option<&'a [f32]>,
    pub(super) sums: Option<Sums<'a>>,
}

/// Sums over the gradient, let through where `x scale + shift` is positive.
pub(super) struct Sums<'a> {
    pub(super) norm: Norm<'a>,
    /// Partial sums, of each chunk of channels.
    pub(super) gather: Vec<SharedSums<'a>>,
}

impl Store for Gradient<'_> {
    fn keep(&self) -> Keep {
        self.keep
    }

    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        if self.keep == Keep::Target {
            simd.prefetch_write(out.wrapping_add(at).cast_const());
        }
        if let Some(x) = self.x {
            simd.prefetch_read(x.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(
        &self,
        simd: S,
        products: Products<S, R>,
        place: Place<R>,
        out: *mut f32,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.keep == Keep::Target {
                for (row, at) in products.iter().zip(place.at) {
                    store_columns(simd, out.add(at), *row, place.columns);
                }
            }
            let Some(sums) = &self.sums else { return };
            let part = sums.gather[place.chunk].task(place.task);
            for j in 0..2 {
                let lanes = Lanes::of::<S>(j, place.columns);
                let c = place.column + lanes.from;
                let scale = lanes.load(simd, sums.norm.scale.as_ptr().wrapping_add(c));
                let shift = lanes.load(simd, sums.norm.shift.as_ptr().wrapping_add(c));
                let mean = lanes.load(simd, sums.norm.mean.as_ptr().wrapping_add(c));
                let (mut plain, mut centred) = (simd.splat(0.0), simd.splat(0.0));
                for r in 0..R {
                    let x = lanes.load(simd, sums.norm.x.as_ptr().wrapping_add(place.at[r] + lanes.from));
                    let passed = simd.where_positive(simd.mul_add(x, scale, shift), products[r][j]);
                    plain = simd.add(plain, passed);
                    centred = simd.mul_add(passed, simd.sub(x, mean), centred);
                }
                part.add(simd, place.within + lanes.from, plain, centred);
            }
        }
    }
}

/// The gradient behind the norm and the ReLU: `dx (+)= g a + x b + c`, `g` being the gradient let through where
/// `x scale + shift` is positive.
pub(super) struct ThroughNorm<'a> {
    pub(super) x: &'a [f32],
    pub(super) map: &'a ScaleShift,
    pub(super) backward: &'a BackwardMap,
    pub(super) accumulate: Accumulate,
}

impl Store for ThroughNorm<'_> {
    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        simd.prefetch_write(out.wrapping_add(at).cast_const());
        simd.prefetch_read(self.x.as_ptr().wrapping_add(at));
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(
        &self,
        simd: S,
        products: Products<S, R>,
        place: Place<R>,
        out: *mut f32,
    ) {
        let BackwardMap { of_gradient, of_input, constant } = self.backward;
        for j in 0..2 {
            let lanes = Lanes::of::<S>(j, place.columns);
            let c = place.column + lanes.from;
            // SAFETY: the caller's promise.
            unsafe {
                let scale = lanes.load(simd, self.map.scale.as_ptr().wrapping_add(c));
                let shift = lanes.load(simd, self.map.shift.as_ptr().wrapping_add(c));
                let of_gradient = lanes.load(simd, of_gradient.as_ptr().wrapping_add(c));
                let of_input = lanes.load(simd, of_input.as_ptr().wrapping_add(c));
                let constant = lanes.load(simd, constant.as_ptr().wrapping_add(c));
                for r in 0..R {
                    let at = place.at[r] + lanes.from;
                    let x = lanes.load(simd, self.x.as_ptr().wrapping_add(at));
                    let passed = simd.where_positive(simd.mul_add(x, scale, shift), products[r][j]);
                    let mut dx = simd.mul_add(x, of_input, constant);
                    if self.accumulate == Accumulate::Add {
                        dx = simd.add(dx, lanes.load(simd, out.wrapping_add(at).cast_const()));
                    }
                    dx = simd.mul_add(passed, of_gradient, dx);
                    lanes.store(simd, out.wrapping_add(at), dx);
                }
            }
        }
    }
}

/// One of a panel's two vectors, as far as its columns exist.
#[derive(Debug, Clone, Copy)]
struct Lanes {
    /// The first, among the panel's columns.
    from: usize,
    count: usize,
}

impl Lanes {
    #[inline(always)]
    fn of<S: Simd>(vector: usize, columns: usize) -> Self {
        let from = vector * S::LANES;
        Lanes { from, count: columns.saturating_sub(from).min(S::LANES) }
    }

    /// # Safety
    /// `p` must be valid for reading the lanes that exist.
    #[inline(always)]
    unsafe fn load<S: Simd>(self, simd: S, p: *const f32) -> S::V {
        // SAFETY: the caller's promise; without lanes nothing is read.
        unsafe {
            if self.count == S::LANES {
                simd.load(p)
            } else if self.count > 0 {
                simd.load_partial(p, self.count)
            } else {
                simd.splat(0.0)
            }
        }
    }

    /// # Safety
    /// `p` must be valid for writing the lanes that exist.
    #[inline(always)]
    unsafe fn store<S: Simd>(self, simd: S, p: *mut f32, v: S::V) {
        // SAFETY: the caller's promise; without lanes nothing is written.
        unsafe {
            if self.count == S::LANES {
                simd.store(p, v);
            } else if self.count > 0 {
                simd.store_partial(p, v, self.count);
            }
        }
    }
}
