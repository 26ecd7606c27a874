//! The weight recipe of the goldens: a tensor from its name and shape, the same here and in
//! `tests/goldens/recipe.py`.
//!
//! Element `i` in row-major order, with `h = fnv1a64(name)`:
//!
//! `u = (splitmix64(h + (i + 1) 0x9E3779B97F4A7C15) >> 40) 2^-24` in `[0, 1)`, `v = 2 u - 1`,
//!
//! scaled by what the name says it is (see [`tensor`]). Arithmetic is in f64 and rounded to f32 once.

use crate::random::{GOLDEN_RATIO, splitmix64};

/// The 64-bit FNV-1a hash of the UTF-8 bytes of a name.
pub fn fnv1a64(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// The first `n` values `u` of a name, in `[0, 1)`.
fn unit_interval(name: &str, n: usize) -> impl Iterator<Item = f64> {
    let h = fnv1a64(name);
    (1..=n as u64).map(move |i| {
        let bits = splitmix64(h.wrapping_add(i.wrapping_mul(GOLDEN_RATIO))) >> 40;
        bits as f64 / (1u64 << 24) as f64
    })
}

/// The tensor of a state dictionary's entry, by the ending of its name and its rank:
///
/// | entry | value |
/// |---|---|
/// | `*num_batches_tracked` | 0 |
/// | `*running_mean` | 0.1 v |
/// | `*running_var` | 1 + 0.5 u |
/// | rank 2 and more | v sqrt(3 / fan_in), fan_in = all dimensions but the first |
/// | rank 1, `weight` or `*.weight` | 1 + 0.2 v |
/// | anything else | 0.1 v |
pub fn tensor(name: &str, shape: &[usize]) -> Vec<f32> {
    let n: usize = shape.iter().product();
    let u = unit_interval(name, n);
    let v = |u: f64| 2.0 * u - 1.0;
    let fill = |f: &dyn Fn(f64) -> f64| u.map(|u| f(u) as f32).collect();
    if name.ends_with("num_batches_tracked") {
        vec![0.0; n]
    } else if name.ends_with("running_mean") {
        fill(&|u| 0.1 * v(u))
    } else if name.ends_with("running_var") {
        fill(&|u| 1.0 + 0.5 * u)
    } else if shape.len() >= 2 {
        let fan_in: usize = shape[1..].iter().product();
        let bound = (3.0 / fan_in as f64).sqrt();
        fill(&|u| v(u) * bound)
    } else if name == "weight" || name.ends_with(".weight") {
        fill(&|u| 1.0 + 0.2 * v(u))
    } else {
        fill(&|u| 0.1 * v(u))
    }
}

/// `n` unscaled values `v` of a name, in `[-1, 1)`: inputs other than "input", and probes.
pub fn signed(name: &str, n: usize) -> Vec<f32> {
    unit_interval(name, n).map(|u| (2.0 * u - 1.0) as f32).collect()
}

/// The input batch of the goldens, `[n, 3, h, w]`: the values `v` of the name "input".
pub fn batch(n: usize, h: usize, w: usize) -> Vec<f32> {
    signed("input", n * 3 * h * w)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of the first, second (or only) and last element.
    fn ends(values: &[f32]) -> [u32; 3] {
        [values[0], values[1.min(values.len() - 1)], values[values.len() - 1]].map(f32::to_bits)
    }

    #[test]
    fn the_hash_equals_pythons() {
        assert_eq!(fnv1a64(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a64("conv1.weight"), 0x69A2_9A2C_EE47_D254);
        assert_eq!(fnv1a64("é"), 0x0AC2_1707_B718_1E01);
    }

    // From recipe.py with numpy 2.4.6: tensor(name, shape).ravel()[[0, 1, -1]].view(uint32).
    #[test]
    fn tensors_equal_pythons_to_the_bit() {
        let rows: [(&str, &[usize], [u32; 3]); 9] = [
            ("conv1.weight", &[4, 3, 3, 3], [0x3CF6_2B55, 0x3E27_5D1D, 0x3EA6_4820]),
            ("stages.0.blocks.0.norm1.weight", &[16], [0x3F5F_6EC0, 0x3F66_490C, 0x3F61_639F]),
            ("weight", &[3], [0x3F52_5140, 0x3F73_6CA3, 0x3F90_D990]),
            ("bn1.bias", &[16], [0xBD86_44B8, 0xBDBC_5A4A, 0xBD97_613A]),
            ("bn1.running_mean", &[16], [0x3D40_0FB6, 0x3CA4_DA86, 0xBD06_990A]),
            ("bn1.running_var", &[16], [0x3FA9_1B91, 0x3FB2_5A2B, 0x3FB3_0B8A]),
            ("head.fc.weight", &[10, 64], [0xBDA9_BF77, 0xBCFF_CD29, 0xBDB6_8C7A]),
            ("fc.bias", &[10], [0xBB92_76E6, 0xBB7C_8D66, 0xBDA0_58BA]),
            ("bn1.num_batches_tracked", &[], [0, 0, 0]),
        ];
        crate::table::run(&rows, |(name, shape, bits)| {
            let values = tensor(name, shape);
            let got = ends(&values);
            if values.len() != shape.iter().product::<usize>() {
                Err(format!("{} elements", values.len()))
            } else if got != *bits {
                Err(format!("{got:#010x?}"))
            } else {
                Ok(())
            }
        });
    }

    #[test]
    fn a_whole_tensor_and_the_batch_equal_pythons() {
        let sum: f64 =
            tensor("layer3.2.conv2.weight", &[64, 64, 3, 3]).iter().map(|v| f64::from(v.abs())).sum();
        assert!((sum - 1_332.291_397_947_891_3).abs() < 1e-9, "{sum}");
        let batch = batch(2, 32, 32);
        assert_eq!((batch.len(), ends(&batch)), (6144, [0xBF4D_EAC2, 0x3E9C_045C, 0xBF24_69C0]));
        let sum: f64 = batch.iter().map(|&v| f64::from(v)).sum();
        assert!((sum + 0.975_477_099_418_640_1).abs() < 1e-12, "{sum}");
    }
}
