//! Portable vectors: arrays of eight, which compilers turn into whatever the baseline target has.

use super::Simd;

/// Eight lanes of plain Rust.
#[derive(Debug, Clone, Copy)]
pub struct Scalar;

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Scalar {
    const LANES: usize = 8;
    // More would be compiled to twice the code, and spilled.
    const ROWS: usize = 2;
    type V = [f32; 8];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller promises LANES readable floats; arrays of f32 need no more than f32's alignment.
        unsafe { p.cast::<[f32; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller promises LANES writable floats.
        unsafe { p.cast::<[f32; 8]>().write(v) }
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
