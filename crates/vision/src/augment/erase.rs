//! Random erasing (Zhong et al. 2020): a rectangle of the input is replaced by the mean colour or by noise.

use super::crop::tries;
use crate::random::RandomStream;

/// What an erased rectangle is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Zeros, which are the mean colour after normalisation.
    Mean,
    /// A number of the standard normal distribution per pixel and channel.
    Noise,
}

/// How often a rectangle is erased, and what replaces it. It covers 2 % to 33 % of the input,
/// torchvision's default; the paper has up to 40 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomErasing {
    /// The probability that an input is erased, from 0 to 1.
    pub probability: f64,
    /// What the rectangle is filled with.
    pub filling: Filling,
}

/// torchvision's default ranges of the rectangle's area, as a fraction of the input's, and of its width over
/// its height.
const AREA: (f64, f64) = (0.02, 0.33);
const RATIO: (f64, f64) = (0.3, 1.0 / 0.3);

impl RandomErasing {
    /// Erases a rectangle of `input`, `[3, side, side]`, with the given probability.
    pub(super) fn apply(self, input: &mut [f32], side: usize, stream: &mut RandomStream) {
        if stream.unit_f64() >= self.probability {
            return;
        }
        let Some((columns, rows)) = tries((side, side), AREA, RATIO, stream) else { return };
        for plane in input.chunks_exact_mut(side * side) {
            for row in plane.chunks_exact_mut(side).take(rows.end).skip(rows.start) {
                for value in &mut row[columns.clone()] {
                    *value = match self.filling {
                        Filling::Mean => 0.0,
                        Filling::Noise => stream.normal() as f32,
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::purposes;

    #[test]
    fn a_rectangle_is_erased_with_the_given_probability() {
        let (side, erasing) = (40, RandomErasing { probability: 0.25, filling: Filling::Mean });
        let (mut erased, mut fractions, mut ratios) = (0, 0.0, vec![]);
        for i in 0..4_000 {
            let mut input = vec![1.0; 3 * side * side];
            erasing.apply(&mut input, side, &mut RandomStream::new(0, purposes::ERASE, 0, i));
            let zeros = |plane: &[f32]| plane.iter().filter(|value| **value == 0.0).count();
            let count = zeros(&input[..side * side]);
            assert!(input.chunks_exact(side * side).all(|plane| zeros(plane) == count));
            if count > 0 {
                erased += 1;
                let fraction = count as f64 / (side * side) as f64;
                // Sides are rounded to whole pixels.
                assert!((0.01..0.36).contains(&fraction), "{fraction}");
                fractions += fraction;
                let rows = input[..side * side].chunks_exact(side).filter(|row| row.contains(&0.0)).count();
                ratios.push((count / rows) as f64 / rows as f64);
            }
        }
        // Width over height from 0.3 to 3.3, in whole pixels.
        ratios.sort_by(f64::total_cmp);
        let (narrowest, widest) = (ratios[0], ratios[ratios.len() - 1]);
        assert!((0.2..0.4).contains(&narrowest) && (2.5..5.0).contains(&widest), "{narrowest} {widest}");
        // Standard deviation 27.
        assert!(1000i32.abs_diff(erased) < 130, "{erased}");
        assert!((0.13..0.18).contains(&(fractions / f64::from(erased))), "{fractions}");
    }

    #[test]
    fn noise_is_normal() {
        let erasing = RandomErasing { probability: 1.0, filling: Filling::Noise };
        let mut input = vec![100.0; 3 * 64 * 64];
        erasing.apply(&mut input, 64, &mut RandomStream::new(0, purposes::ERASE, 0, 0));
        let noise: Vec<f32> = input.into_iter().filter(|value| *value < 50.0).collect();
        let count = noise.len() as f32;
        let mean = noise.iter().sum::<f32>() / count;
        let variance = noise.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        assert!(
            count > 200.0 && mean.abs() < 0.2 && (variance - 1.0).abs() < 0.3,
            "{count} {mean} {variance}"
        );
    }
}
