//! NEON: four lanes. Every aarch64 CPU has it.

use std::arch::aarch64::*;

use super::{Kernel, Simd};

/// Four lanes; NEON is part of the aarch64 baseline, so no detection is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Neon(());

impl Neon {
    /// The token.
    pub(super) fn new() -> Self {
        Neon(())
    }
}

/// Runs `kernel`; the baseline target already enables NEON.
pub(super) fn enter<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
    kernel.run(simd)
}

// SAFETY: of the implementation, and of every block below: NEON is part of the aarch64 baseline; memory is
// touched only as far as each method's contract lets it.
unsafe impl Simd for Neon {
    const LANES: usize = 4;
    type V = float32x4_t;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: see above.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: see above.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, n: usize) -> Self::V {
        let mut lanes = [0.0f32; 4];
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, and the caller promises n readable floats.
            *lane = unsafe { *p.add(i) };
        }
        // SAFETY: see above.
        unsafe { vld1q_f32(lanes.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, v: Self::V, n: usize) {
        let mut lanes = [0.0f32; 4];
        // SAFETY: see above.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), v) };
        for (i, lane) in lanes.into_iter().enumerate().take(n) {
            // SAFETY: i < n, and the caller promises n writable floats.
            unsafe { *p.add(i) = lane };
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let keep = vcgtq_f32(test, vdupq_n_f32(0.0));
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), keep))
        }
    }
}
