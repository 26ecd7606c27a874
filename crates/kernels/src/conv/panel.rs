//! Panels, two vectors of columns side by side, of which the last of a matrix may have fewer columns.

use crate::simd::Simd;

/// How many columns of a panel exist: a type, so that whole panels pay nothing for partial
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

/// All columns.
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

/// The first so many columns.
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
