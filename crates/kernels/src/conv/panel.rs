//! Panels: the columns of a matrix, one or two vectors of them at a time. The last panel may have fewer
//! columns.

use crate::simd::{Isa, Simd};
use crate::writes::Writes;

/// Lanes from which on a panel may be a single vector. Sixteen channels, which many layers of the CIFAR
/// networks have, fill one vector of sixteen lanes; the other half of two vectors would be zeros.
pub(super) const NARROW: usize = 16;

/// Vectors side by side in a panel of a matrix of `columns`.
const fn vectors(lanes: usize, columns: usize) -> usize {
    if lanes >= NARROW && columns <= lanes { 1 } else { 2 }
}

/// Columns of a panel of a matrix of `columns`.
pub(super) fn width(isa: Isa, columns: usize) -> usize {
    vectors(isa.lanes(), columns) * isa.lanes()
}

/// Evaluates an expression with `$V` a constant, the vectors of a panel of a matrix of `$columns` on
/// instruction set `$S`. Where all panels are of two vectors, there is code for them alone.
macro_rules! with_vectors {
    ($S:ty, $columns:expr, $V:ident => $call:expr) => {
        if <$S>::LANES >= $crate::conv::panel::NARROW && $columns <= <$S>::LANES {
            const $V: usize = 1;
            $call
        } else {
            const $V: usize = 2;
            $call
        }
    };
}
pub(super) use with_vectors;

/// How many columns of a panel exist: a type, so that whole panels pay nothing for partial
/// ones.
pub(super) trait PanelWidth: Copy {
    /// How many.
    fn count<S: Simd, const V: usize>(self) -> usize;
    /// The vectors, zeros past the last column.
    ///
    /// # Safety
    /// `p` must be valid for reading the columns.
    unsafe fn load<S: Simd, const V: usize>(self, simd: S, p: *const f32) -> [S::V; V];
    /// Stores the columns.
    ///
    /// # Safety
    /// `p` must be valid for writing the columns.
    unsafe fn store<S: Simd, const V: usize>(self, simd: S, p: *mut f32, v: [S::V; V]);
    /// Stores the columns as `writes` says.
    ///
    /// # Safety
    /// As [`PanelWidth::store`] and [`Writes::store`].
    #[inline(always)]
    unsafe fn write<S: Simd, const V: usize>(self, simd: S, p: *mut f32, v: [S::V; V], writes: Writes) {
        // SAFETY: the caller's promise.
        unsafe {
            if writes == Writes::Cached || self.count::<S, V>() < V * S::LANES {
                return self.store(simd, p, v);
            }
            for (index, v) in v.into_iter().enumerate() {
                writes.store(simd, p.add(index * S::LANES), v);
            }
        }
    }
}

/// All columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullPanel;

impl PanelWidth for FullPanel {
    #[inline(always)]
    fn count<S: Simd, const V: usize>(self) -> usize {
        V * S::LANES
    }
    #[inline(always)]
    unsafe fn load<S: Simd, const V: usize>(self, simd: S, p: *const f32) -> [S::V; V] {
        let mut v = [simd.splat(0.0); V];
        for (index, v) in v.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *v = unsafe { simd.load(p.add(index * S::LANES)) };
        }
        v
    }
    #[inline(always)]
    unsafe fn store<S: Simd, const V: usize>(self, simd: S, p: *mut f32, v: [S::V; V]) {
        for (index, v) in v.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { simd.store(p.add(index * S::LANES), v) };
        }
    }
}

/// Only the first columns; their number is at most that of a whole panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartialPanel(pub(super) usize);

impl PanelWidth for PartialPanel {
    #[inline(always)]
    fn count<S: Simd, const V: usize>(self) -> usize {
        self.0
    }
    #[inline(always)]
    unsafe fn load<S: Simd, const V: usize>(self, simd: S, p: *const f32) -> [S::V; V] {
        let mut v = [simd.splat(0.0); V];
        // SAFETY: the caller's promise.
        unsafe {
            if self.0 == V * S::LANES {
                return FullPanel.load(simd, p);
            }
            for (index, v) in v.iter_mut().enumerate() {
                let first = index * S::LANES;
                if self.0 > first {
                    *v = simd.load_partial(p.add(first), S::LANES.min(self.0 - first));
                }
            }
        }
        v
    }
    #[inline(always)]
    unsafe fn store<S: Simd, const V: usize>(self, simd: S, p: *mut f32, v: [S::V; V]) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.0 == V * S::LANES {
                return FullPanel.store(simd, p, v);
            }
            for (index, v) in v.into_iter().enumerate() {
                let first = index * S::LANES;
                if self.0 > first {
                    simd.store_partial(p.add(first), v, S::LANES.min(self.0 - first));
                }
            }
        }
    }
}
