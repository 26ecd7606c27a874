//! Whether what a pass writes goes through the caches.
//!
//! A store first fetches the line that it overwrites, and the line pushes another out of the cache. For a
//! tensor that doesn't fit the caches and is not read again soon, both are wasted. Where a vector is a whole
//! line, it can go to memory directly.

use crate::simd::{Isa, Simd};

/// Floats from which on a tensor is written past the caches: 16 MiB.
const LARGE: usize = 4 << 20;
/// Lanes of a vector that is a whole line.
const LINE: usize = 16;

/// How a pass writes its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    Cached,
    PastCaches,
}

impl Writes {
    /// For a tensor of `floats`.
    pub(crate) fn of(isa: Isa, floats: usize) -> Self {
        if floats >= LARGE && isa.lanes() == LINE { Writes::PastCaches } else { Writes::Cached }
    }

    /// Writes a vector.
    ///
    /// # Safety
    /// `p` must be valid for writing `LANES` floats. After its last vector the task must call
    /// [`Writes::finish`]; before that no thread, this one included, may access these floats.
    #[inline(always)]
    pub(crate) unsafe fn store<S: Simd>(self, simd: S, p: *mut f32, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Writes::Cached => simd.store(p, v),
                Writes::PastCaches => simd.stream(p, v),
            }
        }
    }

    /// Prefetches the line of `p` for writing; does nothing where stores pass the caches and need no line.
    #[inline(always)]
    pub(crate) fn prefetch<S: Simd>(self, simd: S, p: *const f32) {
        if self == Writes::Cached {
            simd.prefetch_write(p);
        }
    }

    /// Makes what was written visible to every thread that learns that the task is done.
    #[inline(always)]
    pub(crate) fn finish<S: Simd>(self, simd: S) {
        if self == Writes::PastCaches {
            simd.fence();
        }
    }
}
