//! What happens to a tile of products between the registers and memory.

use super::tile::Products;
use crate::conv::Epilogue;
use crate::conv::micro::{load_columns, store_columns};
use crate::norm::{Activation, SharedMoments};
use crate::simd::Simd;

/// Where a tile of products goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<const R: usize> {
    /// Offset of each pixel's first column in the target.
    pub(super) at: [usize; R],
    /// First column.
    pub(super) column: usize,
    /// Columns that exist, of two vectors.
    pub(super) columns: usize,
    /// The task's cut of the pixels, the chunk of output channels, and the columns before this tile's in it.
    pub(super) task: usize,
    pub(super) chunk: usize,
    pub(super) within: usize,
    pub(super) order: Order,
}

/// A task's first tile of some columns sets pivots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    First,
    Later,
}

/// What a pass leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// What it computed.
    Target,
    /// Only sums over it.
    Nothing,
}

/// The way of finished products to memory. A trait and not a closure: closures aren't compiled for an instruction set.
pub(super) trait Store: Sync {
    /// Whether it writes to the target.
    fn keep(&self) -> Keep {
        Keep::Target
    }

    /// Asks for what a tile's row at offset `at` will need.
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32);

    /// # Safety
    /// `out` and every tensor of `self` are valid at the place, which no other task has.
    unsafe fn tile<S: Simd, const R: usize>(
        &self,
        simd: S,
        products: Products<S, R>,
        place: Place<R>,
        out: *mut f32,
    );
}

/// The output of a convolution.
pub(super) struct Output<'a> {
    pub(super) epilogue: Epilogue<'a>,
    /// Partial moments, of each chunk of channels.
    pub(super) gather: Option<Vec<SharedMoments<'a>>>,
}

impl Store for Output<'_> {
    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, at: usize, out: *mut f32) {
        simd.prefetch_write(out.wrapping_add(at).cast_const());
        if let Some(residual) = self.epilogue.residual {
            simd.prefetch_read(residual.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(
        &self,
        simd: S,
        mut products: Products<S, R>,
        place: Place<R>,
        out: *mut f32,
    ) {
        let zero = simd.splat(0.0);
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(bias) = self.epilogue.bias {
                let (b0, b1) = load_columns(simd, bias.as_ptr().add(place.column), place.columns);
                for row in &mut products {
                    *row = [simd.add(row[0], b0), simd.add(row[1], b1)];
                }
            }
            if let Some(residual) = self.epilogue.residual {
                for (row, at) in products.iter_mut().zip(place.at) {
                    let (r0, r1) = load_columns(simd, residual.as_ptr().add(at), place.columns);
                    *row = [simd.add(row[0], r0), simd.add(row[1], r1)];
                }
            }
            if self.epilogue.activation == Activation::Relu {
                for row in &mut products {
                    *row = [simd.max(row[0], zero), simd.max(row[1], zero)];
                }
            }
            for (row, at) in products.iter().zip(place.at) {
                store_columns(simd, out.add(at), *row, place.columns);
            }
            let Some(gather) = &self.gather else { return };
            let part = gather[place.chunk].task(place.task);
            for j in 0..2 {
                let c = place.within + j * S::LANES;
                if place.order == Order::First {
                    // The mean of a few pixels: closer to that of all than any one of them.
                    let mut sum = zero;
                    for r in 0..R {
                        sum = simd.add(sum, products[r][j]);
                    }
                    part.begin(simd, c, simd.mul(sum, simd.splat(1.0 / R as f32)));
                }
                let pivot = part.pivot(simd, c);
                let (mut distances, mut squares) = (zero, zero);
                for r in 0..R {
                    let distance = simd.sub(products[r][j], pivot);
                    distances = simd.add(distances, distance);
                    squares = simd.mul_add(distance, distance, squares);
                }
                part.add(simd, c, distances, squares);
            }
        }
    }
}
