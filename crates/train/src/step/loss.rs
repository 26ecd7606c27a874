//! The loss that a step minimises: one number from logits and targets.

use candle_core::{Result, Tensor};
use resnet_ops::{ClassReduction, binary_cross_entropy, soft_cross_entropy, softmax_cross_entropy};

/// A loss with its constants. With logits z, targets t (1 for the label and 0 for the other classes, or
/// probabilities) and class weights w, which are 1 where none are given:
///
/// ```text
/// CrossEntropy        mean over images of  -sum over c of w_c t_c log softmax(z)_c
/// BinaryCrossEntropy  mean over images and classes of  -w_c (t_c log s(z_c) + (1 - t_c) log(1 - s(z_c)))
/// ```
///
/// where s is the logistic function. The mean of a cross-entropy against labels, smoothed or not, is weighted
/// by the labels' own class weights, as in PyTorch; against other probabilities it is over images.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The formula.
    pub kind: LossKind,
    /// w, one for each class.
    pub class_weights: Option<Vec<f32>>,
}

/// The formula of a loss.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum LossKind {
    /// Softmax cross-entropy.
    #[default]
    CrossEntropy,
    /// Binary cross-entropy, each class on its own, as timm's `BinaryCrossEntropy` (arXiv 2110.00476).
    BinaryCrossEntropy {
        /// Whether an image's loss is the sum or the mean over its classes.
        classes: ClassReduction,
        /// Targets above it become 1 and the others 0; `None` leaves targets as they are.
        target_threshold: Option<f32>,
    },
}

/// What logits `[n, classes]` are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A class for each image.
    Labels(Vec<u32>),
    /// A class for each image, smoothed.
    Smoothed {
        /// The classes.
        labels: Vec<u32>,
        /// What smoothing made of them: each class's probability, `[n, classes]`, row after row.
        probabilities: Vec<f32>,
    },
    /// Each class's probability, `[n, classes]`, row after row.
    Probabilities(Vec<f32>),
}

impl Target {
    /// Each class's probability, `[n, classes]`, row after row; `None` for labels alone.
    pub fn probabilities(&self) -> Option<&[f32]> {
        match self {
            Target::Labels(_) => None,
            Target::Smoothed { probabilities, .. } | Target::Probabilities(probabilities) => {
                Some(probabilities)
            }
        }
    }
}

impl Loss {
    /// The loss of a batch, a scalar of which gradients can be taken, and its weight among other batches of
    /// the same step: the number of images, or the sum of their labels' weights.
    ///
    /// # Errors
    /// If the target does not fit the logits, if there is not a weight for each class, or if the class
    /// weights of all labels are 0.
    pub fn of(&self, logits: &Tensor, target: Target) -> Result<(Tensor, f64)> {
        let (images, classes) = logits.dims2()?;
        if let Some(weights) = self.class_weights.as_ref().filter(|weights| weights.len() != classes) {
            candle_core::bail!("there are {} class weights for {classes} classes", weights.len());
        }
        let weights = self.class_weights.as_deref();
        let device = logits.device();
        match (self.kind, target, weights) {
            (LossKind::CrossEntropy, Target::Labels(labels), None) => {
                let labels = Tensor::from_vec(labels, images, device)?;
                Ok((softmax_cross_entropy(logits, &labels)?, images as f64))
            }
            (LossKind::CrossEntropy, Target::Labels(labels), Some(weights)) => {
                let targets = one_hot(&labels, classes);
                weighted(logits, &labels, targets, weights)
            }
            (LossKind::CrossEntropy, Target::Smoothed { labels, probabilities }, Some(weights)) => {
                weighted(logits, &labels, probabilities, weights)
            }
            (
                LossKind::CrossEntropy,
                Target::Smoothed { probabilities: mut targets, .. } | Target::Probabilities(mut targets),
                weights,
            ) => {
                if let Some(weights) = weights {
                    multiply(&mut targets, weights, 1.0);
                }
                let targets = Tensor::from_vec(targets, (images, classes), device)?;
                Ok((soft_cross_entropy(logits, &targets)?, images as f64))
            }
            (LossKind::BinaryCrossEntropy { classes: reduction, target_threshold }, target, weights) => {
                let mut targets = match target {
                    Target::Labels(labels) => one_hot(&labels, classes),
                    Target::Smoothed { probabilities, .. } | Target::Probabilities(probabilities) => {
                        probabilities
                    }
                };
                if let Some(threshold) = target_threshold {
                    targets.iter_mut().for_each(|t| *t = if *t > threshold { 1.0 } else { 0.0 });
                }
                let targets = Tensor::from_vec(targets, (images, classes), device)?;
                Ok((binary_cross_entropy(logits, &targets, weights, reduction)?, images as f64))
            }
        }
    }
}

/// The mean cross-entropy against `targets`, `[n, classes]`, weighted by the labels' class weights, and the
/// sum of these.
fn weighted(
    logits: &Tensor,
    labels: &[u32],
    mut targets: Vec<f32>,
    weights: &[f32],
) -> Result<(Tensor, f64)> {
    let (images, classes) = logits.dims2()?;
    let own = labels.iter().filter_map(|&label| weights.get(label as usize));
    let sum: f64 = own.map(|&weight| f64::from(weight)).sum();
    if sum.is_nan() || sum <= 0.0 {
        candle_core::bail!("the class weights of all {images} labels of a batch are 0");
    }
    // `soft_cross_entropy` divides by the number of images, and a weighted mean by the sum of the labels'
    // weights: the scale is the ratio of the two.
    multiply(&mut targets, weights, (images as f64 / sum) as f32);
    let targets = Tensor::from_vec(targets, (images, classes), logits.device())?;
    Ok((soft_cross_entropy(logits, &targets)?, sum))
}

/// 1 for each label, 0 for the other classes. A label that is no class has all 0, and is refused where logits
/// come in.
pub(crate) fn one_hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, &label) in targets.chunks_exact_mut(classes.max(1)).zip(labels) {
        if let Some(target) = row.get_mut(label as usize) {
            *target = 1.0;
        }
    }
    targets
}

/// Multiplies each row by the classes' weights, and all by `scale`.
fn multiply(targets: &mut [f32], weights: &[f32], scale: f32) {
    for row in targets.chunks_exact_mut(weights.len().max(1)) {
        row.iter_mut().zip(weights).for_each(|(target, &weight)| *target *= weight * scale);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    const LOGITS: [[f32; 3]; 3] = [[1.0, 2.0, 0.5], [0.2, -1.0, 0.3], [3.0, 0.1, -0.4]];
    const LABELS: [u32; 3] = [0, 2, 1];
    const WEIGHTS: [f32; 3] = [1.0, 10.0, 4.0];

    /// PyTorch's `CrossEntropyLoss(weight, label_smoothing)`, as its documentation has it.
    fn expected(smoothing: f64) -> f64 {
        let (mut loss, mut sum) = (0.0, 0.0);
        for (logits, label) in LOGITS.iter().zip(LABELS) {
            let total: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
            let cost = |class: usize| f64::from(WEIGHTS[class]) * (total.ln() - f64::from(logits[class]));
            let all: f64 = (0..3).map(cost).sum();
            loss += (1.0 - smoothing) * cost(label as usize) + smoothing / 3.0 * all;
            sum += f64::from(WEIGHTS[label as usize]);
        }
        loss / sum
    }

    fn smoothed(smoothing: f32) -> Vec<f32> {
        one_hot(&LABELS, 3).into_iter().map(|target| (1.0 - smoothing) * target + smoothing / 3.0).collect()
    }

    fn loss(target: Target) -> (f64, f64) {
        let logits = Tensor::new(&LOGITS, &Device::Cpu).unwrap();
        let loss = Loss { kind: LossKind::CrossEntropy, class_weights: Some(WEIGHTS.to_vec()) };
        let (mean, weight) = loss.of(&logits, target).unwrap();
        (f64::from(mean.to_scalar::<f32>().unwrap()), weight)
    }

    #[test]
    fn smoothed_labels_weigh_as_the_labels_do() {
        for smoothing in [0.0, 1e-6, 0.1, 0.5] {
            let probabilities = smoothed(smoothing as f32);
            let (found, weight) = loss(Target::Smoothed { labels: LABELS.to_vec(), probabilities });
            assert!((found - expected(smoothing)).abs() < 1e-5, "{smoothing}: {found}");
            assert_eq!(weight, 15.0, "{smoothing}");
        }
        let (found, weight) = loss(Target::Labels(LABELS.to_vec()));
        assert!((found - expected(0.0)).abs() < 1e-5 && weight == 15.0, "{found} {weight}");
    }

    #[test]
    fn mixed_images_all_weigh_the_same() {
        let (found, weight) = loss(Target::Probabilities(smoothed(0.1)));
        assert!((found - expected(0.1) * 15.0 / 3.0).abs() < 1e-4 && weight == 3.0, "{found} {weight}");
    }
}
