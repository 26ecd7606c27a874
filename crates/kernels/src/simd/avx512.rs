//! AVX-512F: sixteen lanes.

use std::arch::x86_64::*;

use super::{Avx2, Kernel, Simd};

/// Proof that the CPU has AVX-512F, and AVX2 with what came with it: only [`Avx512::detect`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Avx512(Avx2);

impl Avx512 {
    /// A token if the CPU has both; the detection is cached by std.
    pub(super) fn detect() -> Option<Self> {
        Avx2::detect().filter(|_| is_x86_feature_detected!("avx512f")).map(Avx512)
    }

    /// Whether the CPU works on a vector in two halves, one after the other, so that a core's multiply-adds
    /// are no more than with AVX2: AMD's Zen 4, family 25.
    pub(super) fn is_double_pumped(self) -> bool {
        let vendor = __cpuid(0);
        let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat();
        let version = __cpuid(1).eax;
        let (family, extended) = (version >> 8 & 0xf, version >> 20 & 0xff);
        name == b"AuthenticAMD" && family + extended == 25
    }

    /// The proof that the CPU has AVX2.
    pub(super) fn avx2(self) -> Avx2 {
        self.0
    }

    /// Ones for the first `n` lanes.
    #[inline(always)]
    fn mask(self, n: usize) -> __mmask16 {
        if n >= 16 { !0 } else { (1 << n) - 1 }
    }
}

/// Runs `kernel` with the features of the token that the caller holds.
pub(super) fn enter<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
    #[target_feature(enable = "avx512f,bmi2")]
    fn inner<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
        kernel.run(simd)
    }
    // SAFETY: a value of Avx512 exists only if AVX-512F and BMI2, with AVX2, were detected.
    unsafe { inner(simd, kernel) }
}

// SAFETY: of the implementation, and of every block below: `self` proves that the CPU has AVX-512F; memory is
// touched only as far as each method's contract lets it.
unsafe impl Simd for Avx512 {
    const LANES: usize = 16;
    const ROWS: usize = 12;
    type V = __m512;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, n: usize) -> Self::V {
        // SAFETY: see above; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(self.mask(n), p) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, v: Self::V, n: usize) {
        // SAFETY: see above; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(p, self.mask(n), v) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: Self::V) {
        // SAFETY: see above. The streaming store needs 64-byte alignment, which is checked. It is weakly
        // ordered, but the caller promises that nobody accesses these floats before `fence`.
        unsafe {
            if p.cast::<__m512>().is_aligned() {
                _mm512_stream_ps(p, v);
            } else {
                _mm512_storeu_ps(p, v);
            }
        }
    }
    #[inline(always)]
    fn fence(self) {
        // SAFETY: every CPU with AVX-512 has the instruction, and it touches no memory.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    fn prefetch_read(self, p: *const f32) {
        // SAFETY: a prefetch touches no memory as far as the program can tell.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
    }
    #[inline(always)]
    fn prefetch_write(self, p: *const f32) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(p.cast()) }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: see above. The instruction returns its second operand where either is NaN.
        unsafe { _mm512_max_ps(b, a) }
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, _mm512_setzero_ps()), v) }
    }
}
