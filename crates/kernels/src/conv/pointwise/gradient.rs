//! What happens to a tile of the input's gradient between the registers and memory.

use super::Norm;
use super::store::{Keep, PointwiseTile, TileStore};
use crate::conv::micro::PanelWidth;
use crate::norm::{Accumulate, BackwardMap, NormBackward, SharedSums};
use crate::simd::Simd;

/// The gradient itself, and sums for the batch norm and ReLU that the convolution's input went through.
pub(super) struct GradientStore<'a> {
    pub(super) keep: Keep,
    /// The norm's input, if the pass itself doesn't read it.
    pub(super) ahead: Option<&'a [f32]>,
    pub(super) sums: Option<GradientSums<'a>>,
}

/// GradientSums over the gradient, let through where `x scale + shift` is positive.
pub(super) struct GradientSums<'a> {
    pub(super) norm: Norm<'a>,
    /// Partial sums, of each chunk of channels.
    pub(super) gather: Vec<SharedSums<'a>>,
}

impl TileStore for GradientStore<'_> {
    fn keep(&self) -> Keep {
        self.keep
    }

    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        if self.keep == Keep::Target {
            simd.prefetch_write(out.wrapping_add(at).cast_const());
        }
        if let Some(x) = self.ahead {
            simd.prefetch_read(x.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, C: PanelWidth>(&self, simd: S, tile: PointwiseTile, columns: C, out: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let Some(GradientSums { norm, gather }) = &self.sums else {
                for index in 0..tile.pixels {
                    columns.store(simd, out.add(tile.at(index)), tile.row(simd, index));
                }
                return;
            };
            let scale = columns.load(simd, norm.scale.as_ptr().add(tile.column));
            let shift = columns.load(simd, norm.shift.as_ptr().add(tile.column));
            let mean = columns.load(simd, norm.mean.as_ptr().add(tile.column));
            let (mut sum_dy, mut sum_dy_xmu) = ([simd.splat(0.0); 2], [simd.splat(0.0); 2]);
            for index in 0..tile.pixels {
                let (at, row) = (tile.at(index), tile.row(simd, index));
                let x = columns.load(simd, norm.x.as_ptr().add(at));
                if self.keep == Keep::Target {
                    columns.store(simd, out.add(at), row);
                }
                for v in 0..2 {
                    let passed = simd.where_positive(simd.mul_add(x[v], scale[v], shift[v]), row[v]);
                    sum_dy[v] = simd.add(sum_dy[v], passed);
                    sum_dy_xmu[v] = simd.mul_add(passed, simd.sub(x[v], mean[v]), sum_dy_xmu[v]);
                }
            }
            let part = gather[tile.chunk].task(tile.task);
            part.add(simd, tile.within, sum_dy[0], sum_dy_xmu[0]);
            part.add(simd, tile.within + S::LANES, sum_dy[1], sum_dy_xmu[1]);
        }
    }
}

/// The gradient behind the norm and the ReLU: `dx (+)= g a + x b + c`, `g` being the gradient let through
/// where `x scale + shift` is positive.
pub(super) struct ThroughNormStore<'a> {
    pub(super) norm: NormBackward<'a>,
    pub(super) accumulate: Accumulate,
}

impl TileStore for ThroughNormStore<'_> {
    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        simd.prefetch_write(out.wrapping_add(at).cast_const());
        simd.prefetch_read(self.norm.x.as_ptr().wrapping_add(at));
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, C: PanelWidth>(&self, simd: S, tile: PointwiseTile, columns: C, out: *mut f32) {
        let NormBackward { x, map, backward } = self.norm;
        let BackwardMap { of_gradient, of_input, constant } = backward;
        // SAFETY: the caller's promise.
        unsafe {
            let scale = columns.load(simd, map.scale.as_ptr().add(tile.column));
            let shift = columns.load(simd, map.shift.as_ptr().add(tile.column));
            let of_gradient = columns.load(simd, of_gradient.as_ptr().add(tile.column));
            let of_input = columns.load(simd, of_input.as_ptr().add(tile.column));
            let constant = columns.load(simd, constant.as_ptr().add(tile.column));
            for index in 0..tile.pixels {
                let at = tile.at(index);
                let x = columns.load(simd, x.as_ptr().add(at));
                let row = tile.row(simd, index);
                let mut dx = [simd.splat(0.0); 2];
                if self.accumulate == Accumulate::Add {
                    dx = columns.load(simd, out.add(at).cast_const());
                }
                for v in 0..2 {
                    let passed = simd.where_positive(simd.mul_add(x[v], scale[v], shift[v]), row[v]);
                    let beside = simd.add(simd.mul_add(x[v], of_input[v], constant[v]), dx[v]);
                    dx[v] = simd.mul_add(passed, of_gradient[v], beside);
                }
                columns.store(simd, out.add(at), dx);
            }
        }
    }
}
