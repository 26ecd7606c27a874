//! Prefetches of cache lines, a few at a time between products, so that the lines arrive during other work.

use crate::simd::Simd;

/// Floats of a cache line.
pub(super) const LINE: usize = 16;

/// Lines of a tensor that will be needed soon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    next: *const f32,
    /// Lines prefetched at a time. The last time may prefetch a few behind the end, which does no harm.
    pace: usize,
}

impl Lines {
    /// The lines of `floats`, to be prefetched in `times` steps.
    pub(super) fn new(floats: &[f32], times: usize) -> Self {
        Lines { next: floats.as_ptr(), pace: floats.len().div_ceil(LINE).div_ceil(times.max(1)) }
    }

    /// Prefetches the next few, for reading.
    #[inline(always)]
    pub(super) fn read<S: Simd>(&mut self, simd: S) {
        for _ in 0..self.pace {
            simd.prefetch_read(self.next);
            self.next = self.next.wrapping_add(LINE);
        }
    }
}

/// Prefetches the lines of `len` floats from `at` on, for reading.
#[inline(always)]
pub(super) fn read<S: Simd>(simd: S, at: *const f32, len: usize) {
    for line in (0..len).step_by(LINE) {
        simd.prefetch_read(at.wrapping_add(line));
    }
}

/// Prefetches the lines of `len` floats from `at` on, for writing.
#[inline(always)]
pub(super) fn write<S: Simd>(simd: S, at: *const f32, len: usize) {
    for line in (0..len).step_by(LINE) {
        simd.prefetch_write(at.wrapping_add(line));
    }
}
