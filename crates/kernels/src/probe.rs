//! What the machine can do at most: multiply-adds in registers and copying through memory.
//!
//! Kernels are compared with these ceilings, and a timing is worth something only if the machine was all ours
//! while it ran: where a host puts two virtual cores on one real core, the multiply-adds fall to half.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Buffer;
use crate::parallel::{self, for_each_chunk};
use crate::simd::{Isa, Kernel, MOST_LANES, Simd, dispatch};

/// Sums that don't wait for each other. Two multiply-add units with a latency of four or five cycles need
/// ten; with two operands beside them, twelve fit into sixteen registers.
const CHAINS: usize = 12;
/// Multiply-adds of each chain between two looks at the clock: about 20 microseconds.
const LINKS: usize = if cfg!(miri) { 10 } else { 10_000 };

/// Floats of each side of a copy: 128 MiB, more than caches hold.
const COPIED: usize = 32 << 20;
/// Floats that a thread copies at a time.
const PIECE: usize = if cfg!(miri) { 64 } else { 64 << 10 };

/// GFLOP/s of multiply-adds that touch no memory, on as many threads as kernels use, together, measured for
/// `time`. A multiply-add counts as two.
pub fn fma_gflops(isa: Isa, time: Duration) -> f64 {
    let flop = AtomicUsize::new(0);
    let start = Instant::now();
    // Each thread works on its first task until the time is over; the tasks that are left then end at once.
    parallel::for_each(
        2 * parallel::threads(),
        || (),
        |(), _| {
            while start.elapsed() < time {
                let done = dispatch(isa, Chains { factor: black_box(0.999), summand: black_box(0.001) });
                flop.fetch_add(done, Ordering::Relaxed);
            }
        },
    );
    flop.into_inner() as f64 / start.elapsed().as_secs_f64() / 1e9
}

/// Chains of multiply-adds; says how many floating-point operations they were.
struct Chains {
    factor: f32,
    summand: f32,
}

impl Kernel for Chains {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let (factor, summand) = (simd.splat(self.factor), simd.splat(self.summand));
        // They converge to summand / (1 - factor) = 1: never a denormal, which would be slow.
        let mut sums = [summand; CHAINS];
        for _ in 0..LINKS {
            for chain in 0..CHAINS {
                sums[chain] = simd.mul_add(sums[chain], factor, summand);
            }
        }
        let mut sum = sums[0];
        for chain in 1..CHAINS {
            sum = simd.add(sum, sums[chain]);
        }
        const { assert!(S::LANES <= MOST_LANES) };
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: `lanes` has MOST_LANES floats, and LANES are no more, as asserted.
        unsafe { simd.store(lanes.as_mut_ptr(), sum) };
        black_box(lanes);
        2 * LINKS * CHAINS * S::LANES
    }
}

/// GB/s of a copy through memory on as many threads as kernels use: bytes read and bytes written, the best of
/// `times` copies.
///
/// # Panics
/// If `times` is 0.
pub fn copy_gbytes_per_second(times: usize) -> f64 {
    assert!(times > 0, "the best of no copies has no rate");
    let (from, mut to) = (Buffer::zeroed(COPIED), Buffer::zeroed(COPIED));
    let mut best = f64::INFINITY;
    for _ in 0..times {
        let start = Instant::now();
        copy(&from, &mut to);
        best = best.min(start.elapsed().as_secs_f64());
    }
    black_box(&to[..]);
    (2 * size_of::<f32>() * COPIED) as f64 / best / 1e9
}

fn copy(from: &[f32], to: &mut [f32]) {
    for_each_chunk(to, PIECE, |index, to| to.copy_from_slice(&from[index * PIECE..][..to.len()]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_is_counted() {
        for isa in Isa::available() {
            let done = dispatch(isa, Chains { factor: 0.999, summand: 0.001 });
            assert_eq!(done, 2 * LINKS * CHAINS * isa.lanes(), "{isa:?}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the time is over before a thread has begun")]
    fn every_instruction_set_has_a_rate() {
        for isa in Isa::available() {
            let rate = fma_gflops(isa, Duration::from_millis(2));
            assert!(rate.is_finite() && rate > 0.0, "{}: {rate}", isa.name());
        }
    }

    #[test]
    fn a_copy_is_whole() {
        let from: Vec<f32> = (0..3 * PIECE + 7).map(|i| i as f32).collect();
        let mut to = vec![0.0; from.len()];
        copy(&from, &mut to);
        assert!(from == to);
    }
}
