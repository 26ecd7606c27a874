//! Seeded arrays for tests: the same on every machine and in every order of calls.

/// The finalizer of splitmix64, a bijection that scatters neighbouring integers.
pub(crate) fn splitmix64(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The step between two states of splitmix64, 2^64 over the golden ratio.
pub(crate) const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// `n` values in `[-1, 1)`, multiples of 2^-23 and therefore exact in f32.
pub fn uniform(seed: u64, n: usize) -> Vec<f32> {
    // Hashing the seed keeps the streams of neighbouring seeds apart.
    let start = splitmix64(seed.wrapping_add(GOLDEN_RATIO));
    let value = |i: u64| {
        let bits = splitmix64(start.wrapping_add((i + 1).wrapping_mul(GOLDEN_RATIO))) >> 40;
        bits as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..n as u64).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_filled_evenly() {
        let values = uniform(7, 100_000);
        assert!(values.iter().all(|v| (-1.0..1.0).contains(v)));
        for bin in 0..10 {
            let low = -1.0 + 0.2 * bin as f32;
            let count = values.iter().filter(|&&v| v >= low && v < low + 0.2).count();
            assert!((9_500..10_500).contains(&count), "bin {bin} holds {count}");
        }
    }

    #[test]
    fn a_seed_gives_one_stream_and_a_longer_array_begins_with_the_shorter() {
        assert_eq!(uniform(1, 8), uniform(1, 16)[..8]);
        let (a, b) = (uniform(1, 1000), uniform(2, 1000));
        for shift in 0..16 {
            assert!(
                (0..900).filter(|&i| a[i + shift] == b[i]).count() < 3,
                "seeds 1 and 2 overlap at {shift}"
            );
        }
    }
}
