//! Portable vectors: arrays, which compilers turn into whatever the baseline target has.
//!
//! Every baseline has registers for four lanes, which serve machines without a better instruction set. Eight
//! and sixteen, with the feature `all-lanes`, have the shapes of AVX2's and AVX-512's vectors, so that
//! whatever depends on lanes is tested on every machine. They are half of this crate's code, and have no
//! other use.

use super::Simd;

/// `N` lanes of plain Rust, `N` being 4, 8 or 16. Every machine has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Portable<const N: usize>;

#[inline(always)]
fn zip<const N: usize>(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: plain Rust needs no feature of the CPU; the vector is an array of LANES floats, and memory is
// touched only as far as each method's contract lets it.
unsafe impl<const N: usize> Simd for Portable<N> {
    const LANES: usize = {
        assert!(matches!(N, 4 | 8 | 16), "portable vectors have the lanes of some instruction set");
        N
    };
    // More rows would be compiled to twice the code, and spilled.
    const POINTWISE_ROWS: usize = if N == 4 { Self::ROWS } else { 2 };
    const HAS_LOOPS_OF_CONSTANT_LENGTH: bool = false;
    type V = [f32; N];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller promises LANES readable floats; arrays of f32 need no more than f32's alignment.
        unsafe { p.cast::<[f32; N]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller promises LANES writable floats.
        unsafe { p.cast::<[f32; N]>().write(v) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, n: usize) -> Self::V {
        // SAFETY: only the first n lanes are read, which the caller promises.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, v: Self::V, n: usize) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: i < n, and the caller promises n writable floats.
            unsafe { *p.add(i) = x }
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not f32::mul_add: without an FMA instruction that is a call into libm.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if b > a { b } else { a })
    }
    #[inline(always)]
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V {
        zip(test, v, |t, v| if t > 0.0 { v } else { 0.0 })
    }
}
