//! Colour jitter, and AlexNet's random shift along the principal components of ImageNet's colours.

use super::colour;
use crate::Normalisation;
use crate::pixels::Pixel;
use crate::random::RandomStream;

/// Random changes of colour, in random order. A field of 0.4 draws factors from 0.6 to 1.4; 0 changes
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColorJitter {
    /// Brightness: towards black or away from it.
    pub brightness: f32,
    /// Contrast: towards the mean grey or away from it.
    pub contrast: f32,
    /// Saturation: towards grey or away from it.
    pub saturation: f32,
    /// Rotation of the hue in either direction, as a fraction of a full turn; at most 0.5.
    pub hue: f32,
}

impl ColorJitter {
    pub(super) fn fits(&self) -> bool {
        let factors = [self.brightness, self.contrast, self.saturation];
        factors.iter().all(|factor| (0.0..=100.0).contains(factor)) && (0.0..=0.5).contains(&self.hue)
    }

    pub(super) fn apply(&self, pixels: &mut [Pixel], stream: &mut RandomStream) {
        let mut order = [0, 1, 2, 3];
        stream.shuffle(&mut order);
        for change in order {
            let by = [self.brightness, self.contrast, self.saturation, self.hue][change];
            // Drawn even if the field is 0, so that a change of one field changes no draw of the others.
            let (factor, turn) = (stream.between((1.0 - by).max(0.0), 1.0 + by), stream.between(-by, by));
            match change {
                _ if by == 0.0 => {}
                0 => colour::brightness(pixels, factor),
                1 => colour::contrast(pixels, factor),
                2 => colour::saturation(pixels, factor),
                _ => colour::hue(pixels, turn),
            }
        }
    }
}

/// Eigenvalues and eigenvectors of ImageNet's colours in units of [0, 1], as the training code of the papers'
/// authors has and calls them (Krizhevsky et al. 2012). An eigenvalue is used as a standard deviation there.
const EIGENVALUES: [f64; 3] = [0.2175, 0.0188, 0.0045];
const DIRECTIONS: [[f64; 3]; 3] =
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]];

/// Adds one random colour to every pixel of an input, `[3, side, side]`: along each principal component, its
/// eigenvalue times a normal number of standard deviation `deviation`.
pub(super) fn lighting(
    input: &mut [f32],
    deviation: f64,
    normalisation: &Normalisation,
    stream: &mut RandomStream,
) {
    let amounts = EIGENVALUES.map(|eigenvalue| eigenvalue * deviation * stream.normal());
    let plane = (input.len() / 3).max(1);
    for (c, values) in input.chunks_exact_mut(plane).enumerate() {
        let sum: f64 = DIRECTIONS[c].iter().zip(amounts).map(|(direction, amount)| direction * amount).sum();
        let shift = sum as f32 / normalisation.std[c];
        values.iter_mut().for_each(|value| *value += shift);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::purposes;

    #[test]
    fn light_changes_along_the_first_component_most() {
        let mut sums = [0.0f64; 3];
        for i in 0..4_000 {
            let mut input = [0.0; 12];
            lighting(
                &mut input,
                0.1,
                &Normalisation::UNIT,
                &mut RandomStream::new(0, purposes::LIGHTING, 0, i),
            );
            assert!(input[..4].iter().all(|value| *value == input[0]));
            for k in 0..3 {
                let along: f64 = (0..3).map(|c| DIRECTIONS[c][k] * f64::from(input[4 * c])).sum();
                sums[k] += along * along;
            }
        }
        for (sum, eigenvalue) in sums.into_iter().zip(EIGENVALUES) {
            // The mean of 4,000 squared normal numbers has a standard deviation of 2.2 %; the directions are
            // rounded.
            assert!(((sum / 4_000.0).sqrt() / (0.1 * eigenvalue) - 1.0).abs() < 0.06, "{sum} {eigenvalue}");
        }
    }

    #[test]
    fn brightness_reaches_its_limits_and_no_further() {
        let jitter = ColorJitter { brightness: 0.4, ..ColorJitter::default() };
        let values: Vec<u8> = (0..2_000)
            .map(|i| {
                let mut pixels = [[100, 100, 100, 0]];
                jitter.apply(&mut pixels, &mut RandomStream::new(0, purposes::JITTER, 0, i));
                pixels[0][0]
            })
            .collect();
        let (least, most) = (values.iter().min(), values.iter().max());
        assert!(values.iter().all(|value| (60..=140).contains(value)), "{least:?} {most:?}");
        assert!(least < Some(&63) && most > Some(&137), "{least:?} {most:?}");
    }

    #[test]
    fn a_third_of_a_turn_makes_red_green_and_grey_has_no_hue() {
        for (turn, red) in [
            (0.0, [255, 0, 0, 0]),
            (1.0 / 3.0, [0, 255, 0, 0]),
            (-1.0 / 3.0, [0, 0, 255, 0]),
            (0.5, [0, 255, 255, 0]),
        ] {
            let mut pixels = [[255, 0, 0, 0], [90, 90, 90, 0]];
            colour::hue(&mut pixels, turn);
            assert_eq!(pixels, [red, [90, 90, 90, 0]], "{turn}");
        }
    }

    #[test]
    fn a_jitter_with_all_fields_0_changes_nothing() {
        let pixels: Vec<Pixel> = (0..60u8).map(|i| [i, 255 - i, i.wrapping_mul(31), 0]).collect();
        let stream = || RandomStream::new(1, purposes::JITTER, 2, 3);
        let jittered = |jitter: ColorJitter| {
            let mut out = pixels.clone();
            jitter.apply(&mut out, &mut stream());
            out
        };
        assert_eq!(jittered(ColorJitter::default()), pixels);
        let all = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
        assert_ne!(jittered(all), pixels);
        assert_eq!(jittered(all), jittered(all));
        assert!(all.fits() && !ColorJitter { hue: 0.6, ..all }.fits());
        assert!(!ColorJitter { contrast: f32::NAN, ..all }.fits());
    }
}
