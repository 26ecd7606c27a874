//! One vector type per instruction set behind one trait, chosen at run time in [`dispatch`].
//!
//! A kernel is a struct that implements [`Kernel`]: its `run` is written once, generic over [`Simd`], and
//! inlined into an entry function compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use std::sync::OnceLock;

pub use scalar::Scalar;

/// The instruction sets that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Plain Rust in groups of eight lanes; runs everywhere.
    Scalar,
    /// x86-64 with AVX2 and FMA: eight lanes.
    Avx2,
    /// x86-64 with AVX-512F: sixteen lanes.
    Avx512,
    /// aarch64 with NEON: four lanes.
    Neon,
}

impl Isa {
    /// Every instruction set this CPU has, slowest first; what the tests iterate over.
    pub fn available() -> Vec<Isa> {
        let mut found = vec![Isa::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Isa::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Isa::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Isa::Neon);
        found
    }

    /// The fastest available one, or what `RESNET_ISA` (`scalar`, `avx2`, `avx512`, `neon`) asks for if the
    /// CPU has it. Looked up once.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let available = Isa::available();
            let asked = std::env::var("RESNET_ISA").ok().map(|name| name.to_lowercase());
            let by_name = available.iter().copied().find(|isa| Some(isa.name()) == asked.as_deref());
            by_name.unwrap_or(*available.last().expect("scalar is always there"))
        })
    }

    /// Lower-case name, as in `RESNET_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }

    /// Number of f32 lanes in one vector.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Scalar | Isa::Avx2 => 8,
            Isa::Avx512 => 16,
            Isa::Neon => 4,
        }
    }
}

/// Lanes of the widest vector there is.
pub const MOST_LANES: usize = 16;

/// f32 vectors of one instruction set. A value of an implementing type is proof that the CPU has it.
pub trait Simd: Copy + Send + Sync {
    /// f32 lanes in a vector.
    const LANES: usize;
    /// Rows of accumulators, two vectors each, that the registers hold beside the operands of a product.
    const ROWS: usize = 6;
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

/// Runs `kernel` compiled for `isa`; falls back to scalar code if the CPU lacks it.
pub fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => match avx512::Avx512::detect() {
            Some(simd) => avx512::enter(simd, kernel),
            None => kernel.run(Scalar),
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => match avx2::Avx2::detect() {
            Some(simd) => avx2::enter(simd, kernel),
            None => kernel.run(Scalar),
        },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::enter(neon::Neon::new(), kernel),
        _ => kernel.run(Scalar),
    }
}
