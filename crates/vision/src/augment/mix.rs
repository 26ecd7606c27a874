//! Mixing the images and labels of a batch: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019).

use std::ops::Range;

use super::purposes;
use crate::random::RandomStream;
use crate::{Batch, Error};

/// How each image of a batch is mixed with the one before it, the first with the last.
///
/// The weight is drawn once per batch, from the beta distribution with both parameters equal to `alpha`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// Weighted sums of whole images.
    Mixup {
        /// Above 0; 0.2 is usual.
        alpha: f64,
    },
    /// A rectangle is taken from the other image; labels are weighted by its area.
    CutMix {
        /// Above 0; 1 is usual.
        alpha: f64,
    },
    /// One of the two, drawn once per batch.
    Either {
        /// Mixup's alpha.
        mixup: f64,
        /// CutMix's alpha.
        cutmix: f64,
    },
}

impl Mix {
    /// Mixes the images of `batch` in place and gives their labels as probabilities, `[n, classes]`.
    ///
    /// The draws depend only on `seed`, `epoch` and `number`, the index of the batch in its epoch. A batch of
    /// one image stays as it is.
    ///
    /// ```
    /// use resnet_vision::{Batch, Mix};
    ///
    /// let mut batch = Batch { images: vec![0.0; 24], labels: vec![0, 2], height: 2, width: 2 };
    /// batch.images[12..].fill(1.0);
    /// let targets = Mix::Mixup { alpha: 0.2 }.apply(&mut batch, 3, 0, 0, 0)?;
    /// assert_eq!(targets[0], 1.0 - batch.images[0]);
    /// assert_eq!(targets[2], batch.images[0]);
    /// # Ok::<(), resnet_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `alpha` is not positive and finite, or a label is not below `classes`.
    pub fn apply(
        self,
        batch: &mut Batch,
        classes: usize,
        seed: u64,
        epoch: u64,
        number: u64,
    ) -> Result<Vec<f32>, Error> {
        let mut stream = RandomStream::new(seed, purposes::MIX, epoch, number);
        let (region, alpha) = match self {
            Mix::Mixup { alpha } => (Region::Whole, alpha),
            Mix::CutMix { alpha } => (Region::Rectangle, alpha),
            Mix::Either { mixup, cutmix } => {
                if stream.below(2) == 0 {
                    (Region::Whole, mixup)
                } else {
                    (Region::Rectangle, cutmix)
                }
            }
        };
        if !(alpha > 0.0 && alpha.is_finite()) {
            return Err(Error::Invalid(format!("alpha is {alpha}, and mixing needs a positive number")));
        }
        if let Some(label) = batch.labels.iter().find(|label| **label as usize >= classes) {
            return Err(Error::Invalid(format!("label {label} is not one of {classes} classes")));
        }
        let weight = beta(alpha, &mut stream);
        let size = 3 * batch.height * batch.width;
        let weight = match region {
            _ if batch.len() < 2 => 1.0,
            Region::Whole => {
                with_previous(&mut batch.images, size, |own, other| {
                    for (own, other) in own.iter_mut().zip(other) {
                        *own = weight as f32 * *own + (1.0 - weight as f32) * other;
                    }
                });
                weight
            }
            Region::Rectangle => {
                let (columns, rows) = rectangle(batch.width, batch.height, 1.0 - weight, &mut stream);
                let width = batch.width;
                let plane = width * batch.height;
                with_previous(&mut batch.images, size, |own, other| {
                    for (own, other) in own.chunks_exact_mut(plane).zip(other.chunks_exact(plane)) {
                        for row in rows.clone() {
                            let range = row * width + columns.start..row * width + columns.end;
                            own[range.clone()].copy_from_slice(&other[range]);
                        }
                    }
                });
                1.0 - (columns.len() * rows.len()) as f64 / plane as f64
            }
        };
        let mut targets = vec![0.0; batch.len() * classes];
        for (i, row) in targets.chunks_exact_mut(classes.max(1)).enumerate() {
            let previous = batch.labels[i.checked_sub(1).unwrap_or(batch.len() - 1)];
            row[batch.labels[i] as usize] += weight as f32;
            row[previous as usize] += 1.0 - weight as f32;
        }
        Ok(targets)
    }
}

/// Where the other image shows.
enum Region {
    /// Everywhere: the two are blended.
    Whole,
    /// In a rectangle, which it replaces.
    Rectangle,
}

/// Calls `mix` with each image and the unmixed one before it.
fn with_previous(images: &mut [f32], size: usize, mix: impl Fn(&mut [f32], &[f32])) {
    let Some(start) = images.len().checked_sub(size) else { return };
    let last = images[start..].to_vec();
    // From the last image to the first, so that the previous image is not mixed yet.
    for start in (size..images.len()).step_by(size).rev() {
        let (before, from) = images.split_at_mut(start);
        mix(&mut from[..size], &before[start - size..]);
    }
    mix(&mut images[..size], &last);
}

/// A rectangle around a random point, of the given share of the area, clipped to the image.
fn rectangle(
    width: usize,
    height: usize,
    part: f64,
    stream: &mut RandomStream,
) -> (Range<usize>, Range<usize>) {
    let mut axis = |size: usize| {
        let (middle, half) = (stream.below(size), (0.5 * part.sqrt() * size as f64) as usize);
        middle.saturating_sub(half)..(middle + half).min(size)
    };
    (axis(width), axis(height))
}

/// A draw from the beta distribution with both parameters equal to `alpha`.
fn beta(alpha: f64, stream: &mut RandomStream) -> f64 {
    let (a, b) = (gamma(alpha, stream), gamma(alpha, stream));
    // Both can underflow to 0.
    if a + b > 0.0 { a / (a + b) } else { stream.below(2) as f64 }
}

/// A draw from the gamma distribution with this shape and scale 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, stream: &mut RandomStream) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, stream) * (1.0 - stream.unit_f64()).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - stream.unit_f64()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(images: usize) -> Batch {
        let (height, width) = (6, 5);
        let value = |i: usize| (i / (3 * height * width)) as f32 + 1.0;
        Batch {
            images: (0..images * 3 * height * width).map(value).collect(),
            labels: (0..images as u32).collect(),
            height,
            width,
        }
    }

    #[test]
    fn images_and_labels_have_the_same_parts() {
        for number in 0..50 {
            let either = Mix::Either { mixup: 0.4, cutmix: 1.0 };
            for mix in [Mix::Mixup { alpha: 0.4 }, Mix::CutMix { alpha: 1.0 }, either] {
                let mut mixed = batch(4);
                let targets = mix.apply(&mut mixed, 4, 7, 1, number).unwrap();
                for i in 0..4 {
                    let (own, previous) = (targets[4 * i + i], targets[4 * i + (i + 3) % 4]);
                    assert!((own + previous - 1.0).abs() < 1e-6);
                    let image = &mixed.images[90 * i..90 * (i + 1)];
                    let mean = image.iter().sum::<f32>() / 90.0;
                    let expected = own * (i + 1) as f32 + previous * ((i + 3) % 4 + 1) as f32;
                    assert!((mean - expected).abs() < 1e-4, "{mix:?} {number} {i}: {mean} {expected}");
                }
                let mut again = batch(4);
                assert_eq!(mix.apply(&mut again, 4, 7, 1, number).unwrap(), targets);
                assert_eq!(again, mixed);
            }
        }
    }

    #[test]
    fn weights_are_of_the_beta_distribution_and_rectangles_of_the_area_asked_for() {
        for alpha in [0.2, 1.0] {
            let weights = (0..4_000).map(|number| {
                f64::from(Mix::Mixup { alpha }.apply(&mut batch(2), 2, 0, 0, number).unwrap()[0])
            });
            let squares = weights.map(|weight| (weight - 0.5).powi(2)).sum::<f64>() / 4_000.0;
            // The variance of Beta(alpha, alpha); its estimate scatters by less than 2 %.
            let variance = 0.25 / (2.0 * alpha + 1.0);
            assert!((squares / variance - 1.0).abs() < 0.08, "{alpha}: {squares}, not {variance}");
        }
        let mut stream = RandomStream::new(0, purposes::MIX, 0, 0);
        let areas = (0..500).map(|_| {
            let (columns, rows) = rectangle(1_000, 1_000, 0.25, &mut stream);
            columns.len() * rows.len()
        });
        // A quarter of them lie within the image whole.
        assert_eq!(areas.max(), Some(500 * 500));
    }

    #[test]
    fn one_image_stays_and_nonsense_is_refused() {
        let mut one = batch(1);
        assert_eq!(Mix::CutMix { alpha: 1.0 }.apply(&mut one, 2, 0, 0, 0).unwrap(), [1.0, 0.0]);
        assert_eq!(one, batch(1));
        assert!(Mix::Mixup { alpha: 0.0 }.apply(&mut one, 2, 0, 0, 0).is_err());
        assert!(Mix::Mixup { alpha: 1.0 }.apply(&mut batch(3), 2, 0, 0, 0).is_err());
    }

    #[test]
    fn either_draws_mixup_and_cutmix_over_many_batches() {
        // A mixture of whole images has one value everywhere, one with a rectangle two.
        let is_whole = |number| {
            let mut mixed = batch(2);
            Mix::Either { mixup: 1.0, cutmix: 1.0 }.apply(&mut mixed, 2, 0, 0, number).unwrap();
            mixed.images[..90].iter().all(|value| *value == mixed.images[0])
        };
        let whole = (0..200).filter(|number| is_whole(*number)).count();
        assert!((70..150).contains(&whole), "{whole} of 200");
    }

    #[test]
    fn weights_have_the_beta_distributions_moments() {
        for alpha in [0.2, 1.0, 3.0] {
            let mut stream = RandomStream::new(0, purposes::MIX, 0, 0);
            let drawn: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut stream)).collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            // Five standard deviations of the mean, and as much of the variance at most.
            assert!((mean - 0.5).abs() < 5.0 * (expected / 20_000.0f64).sqrt(), "{alpha} {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha} {variance} {expected}");
        }
    }
}
