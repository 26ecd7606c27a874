//! The products of a tile, in registers.

use std::ops::Range;

use crate::conv::micro::{FullPanel, PanelWidth};
use crate::norm::Accumulate;
use crate::simd::Simd;

/// A line of cache, in floats.
pub(super) const LINE: usize = 16;

/// `to[r][j] (+)= sum over k of a[r stride + k] b[k][j]`. Sums start at zero and are added afterwards, which
/// keeps the rounding error of long ones down.
///
/// # Safety
/// `a` must be valid for reading `R` rows of `depth` floats, `b` for `depth` rows of two vectors, `to` for
/// `R`, also for writing.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, const R: usize>(
    simd: S,
    (a, stride): (*const f32, usize),
    (mut b, depth): (*const f32, usize),
    to: *mut f32,
    accumulate: Accumulate,
) {
    let mut acc = [[simd.splat(0.0); 2]; R];
    let mut rows = [a; R];
    // SAFETY: offsets stay inside what the caller promises.
    unsafe {
        for (r, row) in rows.iter_mut().enumerate() {
            *row = row.add(r * stride);
        }
        // Six addresses that go along, and not one from which the others are computed anew for every input.
        let rows = std::hint::black_box(rows);
        for k in 0..depth {
            let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
            for r in 0..R {
                let x = simd.splat(*rows[r].add(k));
                acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
            }
            b = b.add(2 * S::LANES);
        }
        for (r, mut row) in acc.into_iter().enumerate() {
            let to = to.add(r * 2 * S::LANES);
            if accumulate == Accumulate::Add {
                let before = FullPanel.load(simd, to.cast_const());
                row = [simd.add(row[0], before[0]), simd.add(row[1], before[1])];
            }
            FullPanel.store(simd, to, row);
        }
    }
}

/// `sums[r][j] += sum over pixels of a[pixel stride + r] b[pixel][j]`.
///
/// # Safety
/// `a` must be valid for reading `R` floats at each pixel, `b` for two vectors a pixel, `sums` for two
/// vectors in each of its `R` rows.
#[inline(always)]
pub(super) unsafe fn add_outer<S: Simd, const R: usize>(
    simd: S,
    (mut a, stride): (*const f32, usize),
    mut b: *const f32,
    pixels: usize,
    (sums, sums_stride): (*mut f32, usize),
) {
    let mut acc = [[simd.splat(0.0); 2]; R];
    // SAFETY: offsets stay inside what the caller promises.
    unsafe {
        for _ in 0..pixels {
            let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
            for r in 0..R {
                let x = simd.splat(*a.add(r));
                acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
            }
            (a, b) = (a.wrapping_add(stride), b.wrapping_add(2 * S::LANES));
        }
        for (r, row) in acc.into_iter().enumerate() {
            let to = sums.add(r * sums_stride);
            let before = FullPanel.load(simd, to.cast_const());
            FullPanel.store(simd, to, [simd.add(before[0], row[0]), simd.add(before[1], row[1])]);
        }
    }
}

/// Asks for some lines of cache of each of `rows` rows.
#[inline(always)]
pub(super) fn prefetch_rows<S: Simd>(
    simd: S,
    start: *const f32,
    (rows, stride): (usize, usize),
    lines: Range<usize>,
) {
    for row in 0..rows {
        let start = start.wrapping_add(row * stride);
        for line in lines.clone() {
            simd.prefetch_read(start.wrapping_add(line * LINE));
        }
    }
}

/// The `index`-th of `shares` almost equal parts of `0..total`, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    even: usize,
    longer: usize,
    shares: usize,
    index: usize,
    start: usize,
}

impl ExactSizeIterator for Shares {
    #[inline(always)]
    fn len(&self) -> usize {
        self.shares - self.index
    }
}

impl Shares {
    #[inline(always)]
    pub(super) fn of(total: usize, shares: usize) -> Self {
        Shares { even: total / shares, longer: total % shares, shares, index: 0, start: 0 }
    }
}

impl Iterator for Shares {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        if self.index == self.shares {
            return None;
        }
        let end = self.start + self.even + usize::from(self.index < self.longer);
        let share = self.start..end;
        (self.index, self.start) = (self.index + 1, end);
        Some(share)
    }
}
