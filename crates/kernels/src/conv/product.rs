//! The matrix product in registers: a few rows by one panel, `sums[r][j] += a[r] b[j]` at each step.
//!
//! ```text
//! pixels_by_outputs   sums[r][j] = sum over taps and k of a[r][tap, k] b[tap, k][j]
//! inputs_by_outputs   sums[r][j] = sum over y, x of a[y, x][r] b[y, x][j]
//! ```
//!
//! The first computes outputs and input gradients, the second weight gradients. Sums start at zero and are
//! added to what is in memory afterwards, so that rounding errors grow with the length of a part and not of
//! the whole.

use std::marker::PhantomData;
use std::ops::Range;

use super::lines::Lines;
use super::panel::{FullPanel, PanelWidth};
use crate::norm::Accumulate;
use crate::parallel::Shares;
use crate::simd::Simd;

/// Rows of a tile where the registers hold twelve.
const MANY: usize = 12;
/// Rows of a tile after those of twelve, where the rest is a multiple of eight: enough independent sums to
/// hide the latency of a multiply-add.
const EIGHT: usize = 8;
/// Rows of a tile with one vector a row, instead of two tiles of eight: the vector that all rows are
/// multiplied with is loaded once.
const SIXTEEN: usize = 16;
/// The most rows of any other tile.
const FEW: usize = 6;

/// The most rows of a tile of `V` vectors, as a constant, where rows lie at constant distances, so that one
/// register addresses all of them.
pub(super) struct MostRows<S, const V: usize>(PhantomData<S>);

impl<S: Simd, const V: usize> MostRows<S, V> {
    pub(super) const PLACED: usize = if V == 1 && S::ROWS >= MANY { SIXTEEN } else { S::ROWS };
}

/// Cuts rows into tiles of at most `most` rows: as many tiles of [`MANY`] rows as possible if `most` allows
/// that, but two of eight (or one of sixteen) instead of twelve and four. Other rows are dealt evenly: fives
/// and sixes instead of sixes and a small rest.
#[derive(Debug, Clone)]
pub(super) struct RowTiles {
    /// Tiles of many rows that are left, and where the next begins.
    many: usize,
    start: usize,
    /// The other rows, and where they begin.
    others: Shares,
    first_other: usize,
}

impl RowTiles {
    #[inline(always)]
    pub(super) fn new(rows: usize, most: usize) -> Self {
        let many = match most >= MANY {
            true if rows > MANY && rows % MANY == 2 * EIGHT - MANY => rows / MANY - 1,
            true => rows / MANY,
            false => 0,
        };
        let first_other = many * MANY;
        let others = rows - first_other;
        let most = match others.is_multiple_of(EIGHT) {
            true if most >= SIXTEEN => SIXTEEN,
            true if most >= MANY => EIGHT,
            _ => most.min(FEW),
        };
        RowTiles { many, start: 0, others: Shares::of_at_most(others, most), first_other }
    }
}

impl ExactSizeIterator for RowTiles {
    #[inline(always)]
    fn len(&self) -> usize {
        self.many + self.others.len()
    }
}

impl Iterator for RowTiles {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        if self.many > 0 {
            let start = self.start;
            (self.many, self.start) = (self.many - 1, start + MANY);
            return Some(start..start + MANY);
        }
        let other = self.others.next()?;
        Some(self.first_other + other.start..self.first_other + other.end)
    }
}

/// Evaluates an expression with `$R` a constant equal to `$rows`, the length of one of the [`RowTiles`] with
/// `$most`, a constant: code for more isn't made.
macro_rules! with_rows {
    ($most:expr, $rows:expr, $R:ident => $call:expr) => {
        match $rows {
            16 if $most >= 16 => with_rows!(@ 16, $R => $call),
            12 if $most >= 12 => with_rows!(@ 12, $R => $call),
            8 if $most >= 12 => with_rows!(@ 8, $R => $call),
            6 if $most >= 6 => with_rows!(@ 6, $R => $call),
            5 if $most >= 5 => with_rows!(@ 5, $R => $call),
            4 if $most >= 4 => with_rows!(@ 4, $R => $call),
            3 if $most >= 3 => with_rows!(@ 3, $R => $call),
            2 if $most >= 2 => with_rows!(@ 2, $R => $call),
            _ => with_rows!(@ 1, $R => $call),
        }
    };
    (@ $value:literal, $R:ident => $call:expr) => {{
        const $R: usize = $value;
        $call
    }};
}
pub(super) use with_rows;

/// `sums[r][j] += a[r] b[j]`
///
/// # Safety
/// Every `a[r]` must be valid for reading a float, `b` for a panel.
#[inline(always)]
unsafe fn add_step<S: Simd, const V: usize, const R: usize>(
    simd: S,
    sums: &mut [[S::V; V]; R],
    a: [*const f32; R],
    b: *const f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let b: [S::V; V] = FullPanel.load(simd, b);
        for r in 0..R {
            let x = simd.splat(*a[r]);
            for v in 0..V {
                sums[r][v] = simd.mul_add(x, b[v], sums[r][v]);
            }
        }
    }
}

/// The taps that one output pixel reads from a strip.
#[derive(Debug, Clone, Copy)]
pub(super) struct TapRuns {
    /// Tap rows.
    pub(super) rows: usize,
    /// Floats from one tap row to the next in the strip.
    pub(super) row_stride: usize,
    /// Floats that a tap row reads: tap columns times channels, contiguous in NHWC.
    pub(super) run: usize,
}

/// `R` pixels by a panel of outputs, summed over `taps`; `fetch` goes on by a step for every input.
///
/// # Safety
/// Every `a[r]` must be valid for reading `taps`, `b` for a panel for each of them.
#[inline(always)]
pub(super) unsafe fn pixels_by_outputs<S: Simd, F: Fetch, const V: usize, const R: usize>(
    simd: S,
    a: [*const f32; R],
    taps: TapRuns,
    mut b: *const f32,
    mut fetch: F,
) -> [[S::V; V]; R] {
    let mut sums = [[simd.splat(0.0); V]; R];
    for tap_row in 0..taps.rows {
        for k in 0..taps.run {
            // SAFETY: offsets stay inside what the caller promises.
            unsafe {
                let mut at = a;
                for at in &mut at {
                    *at = at.add(tap_row * taps.row_stride + k);
                }
                add_step(simd, &mut sums, at, b);
                b = b.add(V * S::LANES);
            }
            fetch.step(simd);
        }
    }
    sums
}

/// `R` inputs of the filter by a panel of outputs, summed over a rectangle of pixels; `fetch` goes on by a
/// step for every row of them.
///
/// # Safety
/// At every pixel, `a` must be valid for reading `R` floats and `b` for a panel.
#[inline(always)]
pub(super) unsafe fn inputs_by_outputs<S: Simd, F: Fetch, const V: usize, const R: usize>(
    simd: S,
    (a, a_strides): (*const f32, Strides),
    (b, b_strides): (*const f32, Strides),
    (height, width): (usize, usize),
    mut fetch: F,
) -> [[S::V; V]; R] {
    let mut sums = [[simd.splat(0.0); V]; R];
    for y in 0..height {
        fetch.step(simd);
        // SAFETY: offsets stay inside what the caller promises; the last step may leave it, unread.
        unsafe {
            let (mut a, mut b) = (a.add(y * a_strides.row), b.add(y * b_strides.row));
            for _ in 0..width {
                let mut at = [a; R];
                for (r, at) in at.iter_mut().enumerate() {
                    *at = at.add(r);
                }
                add_step(simd, &mut sums, at, b);
                a = a.wrapping_add(a_strides.pixel);
                b = b.wrapping_add(b_strides.pixel);
            }
        }
    }
    sums
}

/// Sets rows of `to`, `stride` floats apart, to `sums`, or adds them to it.
///
/// # Safety
/// `to` must be valid for reading and writing `R` rows of the columns.
#[inline(always)]
pub(super) unsafe fn store_sums<S: Simd, C: PanelWidth, const V: usize, const R: usize>(
    simd: S,
    sums: [[S::V; V]; R],
    (to, stride): (*mut f32, usize),
    accumulate: Accumulate,
    columns: C,
) {
    for r in 0..R {
        // SAFETY: the caller's promise.
        unsafe {
            let to = to.add(r * stride);
            let mut row = sums[r];
            if accumulate == Accumulate::Add {
                let before: [S::V; V] = columns.load(simd, to.cast_const());
                for v in 0..V {
                    row[v] = simd.add(row[v], before[v]);
                }
            }
            columns.store(simd, to, row);
        }
    }
}

/// What a product prefetches at each step of its loop: a type, so that a product that prefetches nothing pays
/// nothing.
pub(super) trait Fetch {
    fn step<S: Simd>(&mut self, simd: S);
}

/// Prefetches nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoFetch;

impl Fetch for NoFetch {
    #[inline(always)]
    fn step<S: Simd>(&mut self, _simd: S) {}
}

/// Prefetches one line per step, for reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct FetchOn {
    /// The address of the next prefetch; it need not be valid.
    pub(super) next: *const f32,
    /// Floats from one step to the next.
    pub(super) stride: usize,
}

impl Fetch for FetchOn {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        simd.prefetch_read(self.next);
        self.next = self.next.wrapping_add(self.stride);
    }
}

/// Prefetches a line of each of two tensors per step.
impl Fetch for [FetchOn; 2] {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        self[0].step(simd);
        self[1].step(simd);
    }
}

/// Prefetches a few lines of each of two tensors per step.
impl Fetch for &mut [Lines; 2] {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        self[0].read(simd);
        self[1].read(simd);
    }
}

/// Floats from one row, and from one pixel, of a tensor to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strides {
    pub(super) row: usize,
    pub(super) pixel: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_rows_once_and_have_a_length_that_there_is_code_for() {
        for most in [1, 2, 6, 12, 16] {
            for rows in 0..60 {
                let tiles = RowTiles::new(rows, most);
                assert_eq!(tiles.len(), tiles.clone().count());
                assert_eq!(tiles.clone().flatten().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
                assert!(
                    tiles
                        .into_iter()
                        .all(|tile| tile.len() <= most && [1, 2, 3, 4, 5, 6, 8, 12, 16].contains(&tile.len()))
                );
            }
        }
        let lengths = |rows, most| RowTiles::new(rows, most).map(|tile| tile.len()).collect::<Vec<_>>();
        assert_eq!((lengths(16, 6), lengths(31, 12)), (vec![6, 5, 5], vec![12, 12, 4, 3]));
        assert_eq!((lengths(28, 12), lengths(32, 12)), (vec![12, 8, 8], vec![12, 12, 8]));
        assert_eq!((lengths(4, 12), lengths(16, 16)), (vec![4], vec![16]));
    }
}
