//! Group norm in NHWC with ReLU fused: batch norm's passes, an image at a time, with statistics over the
//! pixels of one image and the channels of one group.
//!
//! ```text
//! y = act(gamma (x - mean) / sqrt(var + eps) + beta)
//! ```
//!
//! There are no running statistics, so training and evaluation are the same. Reference:
//! `resnet_reference::group_norm`.

use super::{
    Accumulate, Activation, BackwardMap, BackwardSums, Moments, NormBackward, ScaleShift, apply,
    backward_apply, backward_sums, moments,
};
use crate::simd::Isa;

/// A group norm over `x: [images, pixels, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm<'a> {
    /// Images.
    pub images: usize,
    /// Groups of neighbouring channels; their number divides that of the channels.
    pub groups: usize,
    /// The scale per channel; its length is the number of channels.
    pub gamma: &'a [f32],
    /// The shift per channel.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
    /// What follows the affine map.
    pub activation: Activation,
}

/// Gradients of a group norm's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNormGradients {
    /// Of the scale.
    pub gamma: Vec<f32>,
    /// Of the shift.
    pub beta: Vec<f32>,
}

impl GroupNorm<'_> {
    /// Normalises `x` into `out`.
    ///
    /// # Panics
    /// If lengths don't agree, an image has no pixels, or the groups don't divide the channels.
    pub fn forward(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        let image_len = self.image_len(x.len());
        assert_eq!(out.len(), x.len(), "output of another shape");
        for image in 0..self.images {
            let floats = image * image_len..(image + 1) * image_len;
            let (_, map) = self.statistics(isa, &x[floats.clone()]);
            apply(isa, &x[floats.clone()], &map, None, self.activation, &mut out[floats]);
        }
    }

    /// The gradients of gamma and beta from `dy`, the output's. If `dx` is given, the input's gradient
    /// replaces it or is added to it.
    ///
    /// # Panics
    /// As [`GroupNorm::forward`].
    pub fn backward(
        &self,
        isa: Isa,
        x: &[f32],
        dy: &[f32],
        accumulate: Accumulate,
        mut dx: Option<&mut [f32]>,
    ) -> GroupNormGradients {
        let image_len = self.image_len(x.len());
        assert_eq!(dy.len(), x.len(), "gradient of another shape");
        assert!(dx.as_ref().is_none_or(|dx| dx.len() == x.len()), "input gradient of another shape");
        let channels = self.gamma.len();
        let (mut gamma, mut beta) = (vec![0.0f64; channels], vec![0.0f64; channels]);
        for image in 0..self.images {
            let floats = image * image_len..(image + 1) * image_len;
            let (x, dy) = (&x[floats.clone()], &dy[floats.clone()]);
            let (moments, map) = self.statistics(isa, x);
            let sums = backward_sums(isa, x, dy, &moments.mean, &map, self.activation);
            for c in 0..channels {
                gamma[c] += sums.sum_dy_xmu[c] * self.inverse_deviation(&moments, c);
                beta[c] += sums.sum_dy[c];
            }
            if let Some(dx) = dx.as_deref_mut() {
                let backward = self.backward_map(&moments, &sums, image_len / channels);
                let norm = NormBackward { x, map: &map, backward: &backward };
                backward_apply(isa, norm, dy, self.activation, accumulate, &mut dx[floats]);
            }
        }
        let round = |sums: Vec<f64>| sums.into_iter().map(|sum| sum as f32).collect();
        GroupNormGradients { gamma: round(gamma), beta: round(beta) }
    }

    /// Floats of one image, where all images have `len`.
    fn image_len(&self, len: usize) -> usize {
        let channels = self.gamma.len();
        assert_eq!(self.beta.len(), channels, "gamma and beta are of one length");
        assert!(
            channels > 0 && self.groups > 0 && channels.is_multiple_of(self.groups),
            "{channels} channels are no {} groups",
            self.groups
        );
        let image_len = len / self.images.max(1);
        assert!(
            image_len.checked_mul(self.images) == Some(len) && image_len.is_multiple_of(channels),
            "{len} floats are no {} images of {channels} channels",
            self.images
        );
        image_len
    }

    /// Mean and variance of each channel's group, and the affine map they come down to.
    fn statistics(&self, isa: Isa, image: &[f32]) -> (Moments, ScaleShift) {
        let mut moments = moments(isa, image, self.gamma.len());
        let per_group = self.gamma.len() / self.groups;
        let groups = moments.mean.chunks_exact_mut(per_group).zip(moments.var.chunks_exact_mut(per_group));
        for (means, vars) in groups {
            let mean = means.iter().map(|&mean| f64::from(mean)).sum::<f64>() / per_group as f64;
            // A group's variance: that inside of its channels, and that of their means.
            let inside = vars.iter().map(|&var| f64::from(var)).sum::<f64>();
            let between = means.iter().map(|&own| (f64::from(own) - mean).powi(2)).sum::<f64>();
            means.fill(mean as f32);
            vars.fill(((inside + between) / per_group as f64) as f32);
        }
        let map = ScaleShift::new(self.gamma, self.beta, &moments, self.eps);
        (moments, map)
    }

    fn inverse_deviation(&self, moments: &Moments, channel: usize) -> f64 {
        1.0 / (f64::from(moments.var[channel]) + f64::from(self.eps)).sqrt()
    }

    /// `dx = g a + x b + c`: as batch norm's, with sums over a group instead of a channel.
    fn backward_map(&self, moments: &Moments, sums: &BackwardSums, pixels: usize) -> BackwardMap {
        let per_group = self.gamma.len() / self.groups;
        let (mut of_gradient, mut of_input, mut constant) = (vec![], vec![], vec![]);
        for group in 0..self.groups {
            let members = group * per_group..(group + 1) * per_group;
            let weighted = |sums: &[f64]| -> f64 {
                members.clone().map(|c| f64::from(self.gamma[c]) * sums[c]).sum::<f64>()
            };
            let count = (pixels * per_group) as f64;
            let inverse = self.inverse_deviation(moments, members.start);
            let b = -inverse.powi(3) * weighted(&sums.sum_dy_xmu) / count;
            let c = -inverse * weighted(&sums.sum_dy) / count - b * f64::from(moments.mean[members.start]);
            for member in members.clone() {
                of_gradient.push((f64::from(self.gamma[member]) * inverse) as f32);
                of_input.push(b as f32);
                constant.push(c as f32);
            }
        }
        BackwardMap { of_gradient, of_input, constant }
    }
}
