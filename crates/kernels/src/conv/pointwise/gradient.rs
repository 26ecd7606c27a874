//! What happens to a tile of the input's gradient between the registers and memory.

use super::Norm;
use super::store::{Keep, PointwiseTile, TileStore};
use crate::conv::panel::PanelWidth;
use crate::norm::{Accumulate, BackwardMap, NormBackward, NormGradient, NormSums, ReluMask, SharedSums};
use crate::simd::Simd;
use crate::writes::Writes;

/// The gradient itself, and sums for the batch norm and ReLU that the convolution's input went through.
pub(super) struct GradientStore<'a> {
    pub(super) keep: Keep,
    pub(super) writes: Writes,
    /// The norm's input, to be prefetched; `None` if the pass itself reads it.
    pub(super) ahead: Option<&'a [f32]>,
    pub(super) sums: Option<GradientSums<'a>>,
}

/// Sums over the gradient, let through where `x scale + shift` is positive.
pub(super) struct GradientSums<'a> {
    pub(super) norm: Norm<'a>,
    /// Partial sums, for each chunk of channels.
    pub(super) gather: Vec<SharedSums<'a>>,
}

impl TileStore for GradientStore<'_> {
    fn keep(&self) -> Keep {
        self.keep
    }

    fn writes(&self) -> Writes {
        self.writes
    }

    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        if self.keep == Keep::Target {
            self.writes.prefetch(simd, out.wrapping_add(at).cast_const());
        }
        if let Some(x) = self.ahead {
            simd.prefetch_read(x.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: PointwiseTile,
        columns: C,
        out: *mut f32,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let Some(GradientSums { norm, gather }) = &self.sums else {
                for index in 0..tile.pixels {
                    columns.write(simd, out.add(tile.at(index)), tile.row::<S, V>(simd, index), self.writes);
                }
                return;
            };
            let scale: [S::V; V] = columns.load(simd, norm.scale.as_ptr().add(tile.column));
            let shift = columns.load(simd, norm.shift.as_ptr().add(tile.column));
            let mean = columns.load(simd, norm.mean.as_ptr().add(tile.column));
            let mut sums = NormSums::new(simd, ReluMask { scale, shift }, mean);
            for index in 0..tile.pixels {
                let (at, row) = (tile.at(index), tile.row::<S, V>(simd, index));
                let x = columns.load(simd, norm.x.as_ptr().add(at));
                if self.keep == Keep::Target {
                    columns.write(simd, out.add(at), row, self.writes);
                }
                sums.add(simd, x, row);
            }
            let part = gather[tile.chunk].task(tile.task);
            sums.add_to(simd, part, tile.within);
        }
    }
}

/// The gradient of the input of the norm before the ReLU: `dx (+)= g a + x b + c`, `g` being the tile's
/// gradient where `x scale + shift` is positive, else zero.
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
    unsafe fn tile<S: Simd, C: PanelWidth, const V: usize>(
        &self,
        simd: S,
        tile: PointwiseTile,
        columns: C,
        out: *mut f32,
    ) {
        let NormBackward { x, map, backward } = self.norm;
        let BackwardMap { of_gradient, of_input, constant } = backward;
        // SAFETY: the caller's promise.
        unsafe {
            let scale: [S::V; V] = columns.load(simd, map.scale.as_ptr().add(tile.column));
            let shift = columns.load(simd, map.shift.as_ptr().add(tile.column));
            let of_gradient: [S::V; V] = columns.load(simd, of_gradient.as_ptr().add(tile.column));
            let of_input = columns.load(simd, of_input.as_ptr().add(tile.column));
            let constant = columns.load(simd, constant.as_ptr().add(tile.column));
            let map = NormGradient { of_gradient, of_input, constant };
            for index in 0..tile.pixels {
                let at = tile.at(index);
                let x = columns.load(simd, x.as_ptr().add(at));
                let row: [S::V; V] = tile.row(simd, index);
                let mut before = [simd.splat(0.0); V];
                if self.accumulate == Accumulate::Add {
                    before = columns.load(simd, out.add(at).cast_const());
                }
                let passed = ReluMask { scale, shift }.pass(simd, x, row);
                columns.store(simd, out.add(at), map.dx(simd, x, passed, Some(before)));
            }
        }
    }
}
