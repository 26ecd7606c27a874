//! One vector type per instruction set behind one trait, chosen at run time in [`dispatch`].
//!
//! A kernel is a struct that implements [`Kernel`]: its `run` is written once, generic over [`Simd`], and
//! inlined into an entry function compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
use isa::Set;
pub use isa::{Isa, UnknownIsa};

/// Lanes of the widest vector there is.
pub const MOST_LANES: usize = 16;

/// f32 vectors of one instruction set.
///
/// # Safety
/// Unsafe code relies on what an implementation promises:
///
/// - A value of the type is proof that the CPU has the instruction set: it can't be made for another CPU.
/// - `V` holds [`LANES`](Simd::LANES) floats: a power of two, at most [`MOST_LANES`].
/// - [`load`](Simd::load) and [`store`](Simd::store) touch exactly `LANES` floats from `p` on,
///   [`load_partial`](Simd::load_partial) and [`store_partial`](Simd::store_partial) exactly the first
///   `n.min(LANES)` of them. They need no more than f32's alignment. Nothing else touches memory.
/// - [`ROWS`](Simd::ROWS) and [`POINTWISE_ROWS`](Simd::POINTWISE_ROWS) are between 1 and 12.
pub unsafe trait Simd: Copy + Send + Sync {
    /// f32 lanes in a vector.
    const LANES: usize;
    /// Rows of accumulators, two vectors each, that the registers hold beside the operands of a product.
    const ROWS: usize = 6;
    /// The same in the kernels of 1x1 convolutions.
    const POINTWISE_ROWS: usize = Self::ROWS;
    /// Whether loops with a constant number of input channels, for the usual numbers, are worth their code.
    const HAS_LOOPS_OF_CONSTANT_LENGTH: bool = true;
    /// The vector.
    type V: Copy;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `p` must be valid for reading `LANES` floats.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `p` must be valid for writing `LANES` floats.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// The first `n <= LANES` lanes from memory, zeros behind them.
    /// # Safety
    /// `p` must be valid for reading `n` floats.
    unsafe fn load_partial(self, p: *const f32, n: usize) -> Self::V;
    /// Writes the first `n <= LANES` lanes.
    /// # Safety
    /// `p` must be valid for writing `n` floats.
    unsafe fn store_partial(self, p: *mut f32, v: Self::V, n: usize);
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, with one rounding where the instruction set has it
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Lane-wise maximum of `a` and `b`; NaN where `a` is, so that `max(x, 0)` doesn't hide one
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `v` in the lanes where `test > 0`, zero elsewhere: the derivative of ReLU
    fn where_positive(self, test: Self::V, v: Self::V) -> Self::V;

    /// As [`store`](Simd::store), past the caches where the instruction set can and `p` is aligned to the
    /// vector. Other threads see it only after [`fence`](Simd::fence).
    /// # Safety
    /// As `store`; and nobody, this thread included, may access these floats before it has called `fence`.
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { self.store(p, v) }
    }
    /// Makes all vectors [streamed](Simd::stream) so far visible to other threads before any later store.
    #[inline(always)]
    fn fence(self) {}
    /// Asks for the cache line of `p`, to be read soon. A hint: any address will do.
    #[inline(always)]
    fn prefetch_read(self, _p: *const f32) {}
    /// Asks for the cache line of `p`, to be written soon. A hint: any address will do.
    #[inline(always)]
    fn prefetch_write(self, _p: *const f32) {}
}

/// A computation written once for every instruction set.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// The computation. It and all it calls on vectors must be `#[inline(always)]`, to be compiled with the
    /// features of the entry; closures can't be, so none may touch a vector (`std::array::from_fn` included).
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` compiled for `isa`. There is always such code: an [`Isa`] exists only for what was detected.
pub fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa.set() {
        Set::Portable4(simd) => kernel.run(simd),
        #[cfg(feature = "all-lanes")]
        Set::Portable8(simd) => kernel.run(simd),
        #[cfg(feature = "all-lanes")]
        Set::Portable16(simd) => kernel.run(simd),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2(simd) => avx2::enter(simd, kernel),
        #[cfg(target_arch = "x86_64")]
        Set::Avx512(simd) => avx512::enter(simd, kernel),
        #[cfg(target_arch = "aarch64")]
        Set::Neon(simd) => neon::enter(simd, kernel),
    }
}

#[cfg(test)]
mod tests {
    use resnet_testing::table;

    use super::*;

    /// What an implementation promises, as far as a program can see it.
    struct Contract;

    impl Kernel for Contract {
        type Output = Result<(), String>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            assert!(S::LANES.is_power_of_two() && S::LANES <= MOST_LANES);
            assert!([S::ROWS, S::POINTWISE_ROWS].iter().all(|rows| (1..=12).contains(rows)));
            assert_eq!(size_of::<S::V>(), S::LANES * size_of::<f32>());
            let numbers: Vec<f32> = (1..=S::LANES + 2).map(|i| i as f32).collect();
            // One float into the allocation: an address that no vector is aligned to.
            let mut to = vec![0.0; S::LANES + 2];
            // SAFETY: LANES floats from the second on lie inside both.
            unsafe { simd.store(to.as_mut_ptr().add(1), simd.load(numbers.as_ptr().add(1))) };
            assert_eq!((to[0], to[S::LANES + 1]), (0.0, 0.0), "a store of too many");
            assert_eq!(to[1..=S::LANES], numbers[1..=S::LANES]);
            for n in 0..=S::LANES {
                // Exactly n floats each, so that tools which watch memory see one too many.
                let (from, mut to) = (numbers[..n].to_vec(), vec![0.0; n]);
                let mut whole = vec![f32::NAN; S::LANES];
                // SAFETY: n floats are there, and LANES.
                unsafe {
                    let loaded = simd.load_partial(from.as_ptr(), n);
                    simd.store_partial(to.as_mut_ptr(), loaded, n);
                    simd.store(whole.as_mut_ptr(), loaded);
                }
                assert_eq!(to, from, "{n} lanes");
                assert!(whole[n..].iter().all(|x| *x == 0.0), "{n} lanes: no zeros behind them");
                let (mut untouched, all) = (vec![7.0; S::LANES], simd.splat(1.0));
                // SAFETY: n floats, of LANES.
                unsafe { simd.store_partial(untouched.as_mut_ptr(), all, n) };
                assert!(untouched[n..].iter().all(|x| *x == 7.0), "{n} lanes: a store of too many");
            }
            Ok(())
        }
    }

    #[test]
    fn vectors_touch_what_their_contract_says() {
        table::run(&Isa::available(), |&isa| dispatch(isa, Contract));
    }
}
