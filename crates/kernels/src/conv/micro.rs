//! The two inner products of convolution, in registers: up to six rows by two vectors of accumulators.

use super::lines::Lines;
use crate::norm::Accumulate;
use crate::simd::Simd;

/// Rows of accumulators: with two vectors a row they fill twelve of sixteen registers.
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

/// `0..len` dealt to as few calls of at most [`ROWS`] as will do, evenly: sixes and fives instead of sixes
/// and a small rest, which would wait for its own sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal {
    least: usize,
    /// Calls that get one more.
    longer: usize,
    calls: usize,
}

impl Deal {
    #[inline(always)]
    pub(super) fn new(len: usize) -> Self {
        let calls = len.div_ceil(ROWS);
        Deal { least: len / calls.max(1), longer: len % calls.max(1), calls }
    }

    #[inline(always)]
    pub(super) fn calls(self) -> usize {
        self.calls
    }

    /// How many rows call `call` gets.
    #[inline(always)]
    pub(super) fn rows(self, call: usize) -> usize {
        self.least + usize::from(call < self.longer)
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

/// `acc[r][j] = sum over taps and k of a[r][k] b[k][j]`: `R` output pixels by one block of output channels.
///
/// # Safety
/// Every `a[r]` must be valid for reading `taps`; `b` for `taps.rows * taps.run * 2 * LANES` floats.
#[inline(always)]
pub(super) unsafe fn pixels_by_outputs<S: Simd, const R: usize>(
    simd: S,
    a: [*const f32; R],
    taps: TapRuns,
    mut b: *const f32,
) -> [[S::V; 2]; R] {
    let mut acc = [[simd.splat(0.0); 2]; R];
    for tap_row in 0..taps.rows {
        // SAFETY: offsets stay inside what the caller promises.
        unsafe {
            let mut a = a;
            for a in &mut a {
                *a = a.add(tap_row * taps.row_stride);
            }
            for k in 0..taps.run {
                let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
                for r in 0..R {
                    let x = simd.splat(*a[r].add(k));
                    acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                    acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
                }
                b = b.add(2 * S::LANES);
            }
        }
    }
    acc
}

/// What a product asks for at each step of its loop: a type, so that one that asks for nothing pays nothing.
pub(super) trait Fetch: Copy {
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

/// The same product set to or added to `to`, rows of two vectors: a part of the taps starts from zero, so
/// that rounding errors grow with the length of a part and not of the whole sum.
///
/// # Safety
/// As [`pixels_by_outputs`]; `to` must be valid for reading and writing `R * 2 * LANES` floats.
#[inline(always)]
pub(super) unsafe fn pixels_by_outputs_to<S: Simd, F: Fetch, const R: usize>(
    simd: S,
    a: [*const f32; R],
    taps: TapRuns,
    mut b: *const f32,
    mut fetch: F,
    to: *mut f32,
    accumulate: Accumulate,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[simd.splat(0.0); 2]; R];
        for tap_row in 0..taps.rows {
            let mut a = a;
            for a in &mut a {
                *a = a.add(tap_row * taps.row_stride);
            }
            for k in 0..taps.run {
                let (b0, b1) = (simd.load(b), simd.load(b.add(S::LANES)));
                for r in 0..R {
                    let x = simd.splat(*a[r].add(k));
                    acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                    acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
                }
                b = b.add(2 * S::LANES);
                fetch.step(simd);
            }
        }
        for r in 0..R {
            for v in 0..2 {
                let to = to.add((2 * r + v) * S::LANES);
                if accumulate == Accumulate::Add {
                    acc[r][v] = simd.add(acc[r][v], simd.load(to));
                }
                simd.store(to, acc[r][v]);
            }
        }
    }
}

/// `acc[r][j] = sum over y, x of a[y, x][r] dy[y, x][j]`: `R` inputs of the filter by one block of output
/// channels, over a rectangle of pixels.
///
/// # Safety
/// At every pixel, `a` must be valid for reading `R` floats and `dy` for `2 * LANES`.
#[inline(always)]
pub(super) unsafe fn inputs_by_outputs_over<S: Simd, const R: usize>(
    simd: S,
    (a, a_steps): (*const f32, Strides),
    (dy, dy_steps): (*const f32, Strides),
    (height, width): (usize, usize),
    ahead: &mut [Lines; 2],
) -> [[S::V; 2]; R] {
    let mut acc = [[simd.splat(0.0); 2]; R];
    for y in 0..height {
        ahead[0].read(simd);
        ahead[1].read(simd);
        // SAFETY: offsets stay inside what the caller promises; the last step may leave it, unread.
        unsafe {
            let (mut a, mut dy) = (a.add(y * a_steps.row), dy.add(y * dy_steps.row));
            for _ in 0..width {
                let (b0, b1) = (simd.load(dy), simd.load(dy.add(S::LANES)));
                for r in 0..R {
                    let x = simd.splat(*a.add(r));
                    acc[r][0] = simd.mul_add(x, b0, acc[r][0]);
                    acc[r][1] = simd.mul_add(x, b1, acc[r][1]);
                }
                a = a.wrapping_add(a_steps.pixel);
                dy = dy.wrapping_add(dy_steps.pixel);
            }
        }
    }
    acc
}

/// Floats from one row, and from one pixel, of a tensor to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strides {
    pub(super) row: usize,
    pub(super) pixel: usize,
}

/// How many columns of a block of two vectors exist: a type, so that whole blocks pay nothing for partial
/// ones.
pub(super) trait PanelWidth: Copy {
    /// How many.
    fn count<S: Simd>(self) -> usize;
    /// Two vectors, zeros past the last column.
    ///
    /// # Safety
    /// `p` must be valid for reading the columns.
    unsafe fn load<S: Simd>(self, simd: S, p: *const f32) -> [S::V; 2];
    /// Stores the columns.
    ///
    /// # Safety
    /// `p` must be valid for writing the columns.
    unsafe fn store<S: Simd>(self, simd: S, p: *mut f32, v: [S::V; 2]);
}

/// All of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullPanel;

impl PanelWidth for FullPanel {
    #[inline(always)]
    fn count<S: Simd>(self) -> usize {
        2 * S::LANES
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(self, simd: S, p: *const f32) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        unsafe { [simd.load(p), simd.load(p.add(S::LANES))] }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(self, simd: S, p: *mut f32, v: [S::V; 2]) {
        // SAFETY: the caller's promise.
        unsafe {
            simd.store(p, v[0]);
            simd.store(p.add(S::LANES), v[1]);
        }
    }
}

/// The first so many.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartialPanel(pub(super) usize);

impl PanelWidth for PartialPanel {
    #[inline(always)]
    fn count<S: Simd>(self) -> usize {
        self.0
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(self, simd: S, p: *const f32) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        let (first, second) = unsafe { load_columns(simd, p, self.0) };
        [first, second]
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(self, simd: S, p: *mut f32, v: [S::V; 2]) {
        // SAFETY: the caller's promise.
        unsafe { store_columns(simd, p, v, self.0) }
    }
}

/// The first `columns` of two vectors, zeros behind them.
///
/// # Safety
/// `p` must be valid for reading `columns` floats.
#[inline(always)]
pub(super) unsafe fn load_columns<S: Simd>(simd: S, p: *const f32, columns: usize) -> (S::V, S::V) {
    let first = columns.min(S::LANES);
    // SAFETY: `first` and the rest make `columns`.
    unsafe {
        if columns == 2 * S::LANES {
            return (simd.load(p), simd.load(p.add(S::LANES)));
        }
        let second = if columns > first {
            simd.load_partial(p.add(S::LANES), columns - first)
        } else {
            simd.splat(0.0)
        };
        (simd.load_partial(p, first), second)
    }
}

/// Stores the first `columns` of two vectors.
///
/// # Safety
/// `p` must be valid for writing `columns` floats.
#[inline(always)]
pub(super) unsafe fn store_columns<S: Simd>(simd: S, p: *mut f32, v: [S::V; 2], columns: usize) {
    let first = columns.min(S::LANES);
    // SAFETY: `first` and the rest make `columns`.
    unsafe {
        if columns == 2 * S::LANES {
            simd.store(p, v[0]);
            simd.store(p.add(S::LANES), v[1]);
        } else {
            simd.store_partial(p, v[0], first);
            if columns > first {
                simd.store_partial(p.add(S::LANES), v[1], columns - first);
            }
        }
    }
}
