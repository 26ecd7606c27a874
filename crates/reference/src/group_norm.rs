//! Group normalisation of `x: [n, pixels, channels]`: batch normalisation's formula with mean and biased
//! variance over the `m = pixels channels / groups` values of one image and one group of neighbouring
//! channels.
//!
//! With `u = (x - mean) / sqrt(var + eps)` and `g = gamma dy`:
//! `dx = (g - mean(g) - u mean(g u)) / sqrt(var + eps)`, `dgamma = sum dy u`, `dbeta = sum dy`.

use crate::BatchNormGradients;

/// The shape of a group norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Images.
    pub n: usize,
    /// Pixels of one image.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
    /// Groups of channels.
    pub groups: usize,
}

impl Groups {
    /// The places of each image's groups.
    fn members(&self) -> impl Iterator<Item = Vec<usize>> {
        let Groups { n, pixels, channels, groups } = *self;
        let width = channels / groups;
        (0..n * groups).map(move |index| {
            let (image, group) = (index / groups, index % groups);
            let pixel = move |pixel: usize| (image * pixels + pixel) * channels + group * width;
            (0..pixels).flat_map(|p| pixel(p)..pixel(p) + width).collect()
        })
    }
}

fn normalised(x: &[f64], members: &[usize], eps: f64) -> (Vec<f64>, f64) {
    let m = members.len() as f64;
    let mean = members.iter().map(|&at| x[at]).sum::<f64>() / m;
    let var = members.iter().map(|&at| (x[at] - mean).powi(2)).sum::<f64>() / m;
    let deviation = (var + eps).sqrt();
    (members.iter().map(|&at| (x[at] - mean) / deviation).collect(), deviation)
}

/// Normalises `x: [n, pixels, channels]`; `gamma` and `beta` are `[channels]`.
pub fn group_norm(x: &[f64], shape: &Groups, gamma: &[f64], beta: &[f64], eps: f64) -> Vec<f64> {
    assert_eq!(x.len(), shape.n * shape.pixels * shape.channels, "the input is not of {shape:?}");
    let mut y = vec![0.0; x.len()];
    for members in shape.members() {
        for (at, u) in members.iter().zip(normalised(x, &members, eps).0) {
            let c = at % shape.channels;
            y[*at] = gamma[c] * u + beta[c];
        }
    }
    y
}

/// The gradients of [`group_norm`].
pub fn group_norm_backward(
    x: &[f64],
    shape: &Groups,
    gamma: &[f64],
    dy: &[f64],
    eps: f64,
) -> BatchNormGradients {
    let (mut dgamma, mut dbeta) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    let mut dx = vec![0.0; x.len()];
    for members in shape.members() {
        let (u, deviation) = normalised(x, &members, eps);
        let m = members.len() as f64;
        let (mut plain, mut aligned) = (0.0, 0.0);
        for (&at, u) in members.iter().zip(&u) {
            let c = at % shape.channels;
            dgamma[c] += dy[at] * u;
            dbeta[c] += dy[at];
            plain += gamma[c] * dy[at] / m;
            aligned += gamma[c] * dy[at] * u / m;
        }
        for (&at, u) in members.iter().zip(&u) {
            dx[at] = (gamma[at % shape.channels] * dy[at] - plain - u * aligned) / deviation;
        }
    }
    BatchNormGradients { dx, dgamma, dbeta }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_norm_train;
    use crate::finite_difference::{assert_gradient, dot, values};

    const EPS: f64 = 1e-5;

    #[test]
    fn groups_of_one_channel_of_one_image_are_batch_norm() {
        let shape = Groups { n: 1, pixels: 7, channels: 3, groups: 3 };
        let (x, gamma, beta) = (values(1, 21), values(2, 3), values(3, 3));
        let expected = batch_norm_train(&x, &gamma, &beta, EPS).y;
        let found = group_norm(&x, &shape, &gamma, &beta, EPS);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }

    #[test]
    fn gradients_equal_central_differences() {
        for (n, pixels, channels, groups) in [(1, 2, 1, 1), (2, 9, 6, 3), (3, 5, 8, 2), (2, 12, 4, 4)] {
            let shape = Groups { n, pixels, channels, groups };
            let len = n * pixels * channels;
            let (x, dy) = (values(1, len), values(2, len));
            let (gamma, beta) = (values(3, channels), values(4, channels));
            let name = format!("{shape:?}");
            let got = group_norm_backward(&x, &shape, &gamma, &dy, EPS);
            let run = |x: &[f64], g: &[f64], b: &[f64]| dot(&group_norm(x, &shape, g, b, EPS), &dy);
            assert_gradient(&name, &x, &got.dx, |x| run(x, &gamma, &beta));
            assert_gradient(&name, &gamma, &got.dgamma, |g| run(&x, g, &beta));
            assert_gradient(&name, &beta, &got.dbeta, |b| run(&x, &gamma, b));
        }
    }
}
