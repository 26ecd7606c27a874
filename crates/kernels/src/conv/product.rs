//! The matrix product in registers: up to six rows by one panel, `sums[r][j] += a[r] b[j]` at each step.
//!
//! ```text
//! pixels_by_outputs   sums[r][j] = sum over taps and k of a[r][tap, k] b[tap, k][j]
//! inputs_by_outputs   sums[r][j] = sum over y, x of a[y, x][r] b[y, x][j]
//! ```
//!
//! The first computes outputs and input gradients, the second weight gradients. Sums start at zero and are
//! added to what is in memory afterwards, so that rounding errors grow with the length of a part and not of
//! the whole.

use super::lines::Lines;
use super::panel::PanelWidth;
use crate::norm::Accumulate;
use crate::simd::Simd;

/// Rows of sums: with two vectors a row they fill twelve of sixteen registers.
pub(super) const ROWS: usize = 6;

/// Evaluates an expression with `$R` a constant equal to `$rows`, which is at least 1 and at most [`ROWS`],
/// or what instruction set `$S` has rows for: code for more isn't made then.
macro_rules! with_rows {
    ($S:ty, $rows:expr, $R:ident => $call:expr) => {
        match $rows {
            6 if <$S>::ROWS >= 6 => with_rows!(@ 6, $R => $call),
            5 if <$S>::ROWS >= 5 => with_rows!(@ 5, $R => $call),
            4 if <$S>::ROWS >= 4 => with_rows!(@ 4, $R => $call),
            3 if <$S>::ROWS >= 3 => with_rows!(@ 3, $R => $call),
            2 if <$S>::ROWS >= 2 => with_rows!(@ 2, $R => $call),
            _ => with_rows!(@ 1, $R => $call),
        }
    };
    ($rows:expr, $R:ident => $call:expr) => {
        match $rows {
            6 => with_rows!(@ 6, $R => $call),
            5 => with_rows!(@ 5, $R => $call),
            4 => with_rows!(@ 4, $R => $call),
            3 => with_rows!(@ 3, $R => $call),
            2 => with_rows!(@ 2, $R => $call),
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
unsafe fn add_step<S: Simd, const R: usize>(
    simd: S,
    sums: &mut [[S::V; 2]; R],
    a: [*const f32; R],
    b: *const f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
        for r in 0..R {
            let x = simd.splat(*a[r]);
            sums[r][0] = simd.mul_add(x, b0, sums[r][0]);
            sums[r][1] = simd.mul_add(x, b1, sums[r][1]);
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
pub(super) unsafe fn pixels_by_outputs<S: Simd, F: Fetch, const R: usize>(
    simd: S,
    a: [*const f32; R],
    taps: TapRuns,
    mut b: *const f32,
    mut fetch: F,
) -> [[S::V; 2]; R] {
    let mut sums = [[simd.splat(0.0); 2]; R];
    for tap_row in 0..taps.rows {
        for k in 0..taps.run {
            // SAFETY: offsets stay inside what the caller promises.
            unsafe {
                let mut at = a;
                for at in &mut at {
                    *at = at.add(tap_row * taps.row_stride + k);
                }
                add_step(simd, &mut sums, at, b);
                b = b.add(2 * S::LANES);
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
pub(super) unsafe fn inputs_by_outputs<S: Simd, F: Fetch, const R: usize>(
    simd: S,
    (a, a_strides): (*const f32, Strides),
    (b, b_strides): (*const f32, Strides),
    (height, width): (usize, usize),
    mut fetch: F,
) -> [[S::V; 2]; R] {
    let mut sums = [[simd.splat(0.0); 2]; R];
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
pub(super) unsafe fn store_sums<S: Simd, C: PanelWidth, const R: usize>(
    simd: S,
    sums: [[S::V; 2]; R],
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
                let before = columns.load(simd, to.cast_const());
                row = [simd.add(row[0], before[0]), simd.add(row[1], before[1])];
            }
            columns.store(simd, to, row);
        }
    }
}

/// What a product asks for at each step of its loop: a type, so that one that asks for nothing pays nothing.
pub(super) trait Fetch {
    fn step<S: Simd>(&mut self, simd: S);
}

/// Nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoFetch;

impl Fetch for NoFetch {
    #[inline(always)]
    fn step<S: Simd>(&mut self, _simd: S) {}
}

/// Lines that will be read, a few floats a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct FetchOn {
    /// Where; any address will do.
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

/// The lines of two tensors.
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
