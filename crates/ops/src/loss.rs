//! Softmax cross-entropy and binary cross-entropy, each as one candle node.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};
use resnet_kernels::loss;

struct SoftmaxCrossEntropy {
    targets: Targets,
    classes: usize,
}

/// What logits are compared with.
enum Targets {
    /// One class per image.
    Labels(Vec<u32>),
    /// Every class's probability, row after row.
    Probabilities(Vec<f32>),
}

/// Mean softmax cross-entropy of `logits: [N, classes]` against `labels: [N]` (u32); a scalar. candle's
/// `backward` can pass through it several times.
///
/// # Errors
/// If shapes or types don't fit, the batch is empty, or a label is not below `classes`.
pub fn softmax_cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (images, classes) = logits.dims2()?;
    if labels.dims() != [images]
        || labels.dtype() != DType::U32
        || logits.dtype() != DType::F32
        || images == 0
    {
        bail!(
            "cross-entropy wants f32 logits [N, classes] and u32 labels [N], got {:?} {:?} and {:?} {:?}",
            logits.dtype(),
            logits.dims(),
            labels.dtype(),
            labels.dims()
        );
    }
    let labels: Vec<u32> = labels.to_vec1()?;
    if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
        bail!("label {label} for {classes} classes");
    }
    logits.contiguous()?.apply_op1(SoftmaxCrossEntropy { targets: Targets::Labels(labels), classes })
}

/// Mean softmax cross-entropy of `logits: [N, classes]` against the classes' probabilities,
/// `targets: [N, classes]`; a scalar. For mixed images (mixup, CutMix) and smoothed labels. No gradient goes
/// to `targets`. candle's `backward` can pass through it several times.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use resnet_ops::soft_cross_entropy;
///
/// let logits = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu)?;
/// let halves = Tensor::new(&[[0.5f32, 0.5, 0.0, 0.0]], &Device::Cpu)?;
/// let loss = soft_cross_entropy(&logits, &halves)?.to_scalar::<f32>()?;
/// assert!((loss - 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If shapes or types don't fit, or the batch is empty.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (images, classes) = logits.dims2()?;
    let are_f32 = logits.dtype() == DType::F32 && targets.dtype() == DType::F32;
    if targets.dims() != logits.dims() || !are_f32 || images * classes == 0 {
        bail!(
            "soft cross-entropy wants f32 logits and targets of one shape [N, classes], got {:?} {:?} and {:?} {:?}",
            logits.dtype(),
            logits.dims(),
            targets.dtype(),
            targets.dims()
        );
    }
    let targets = Targets::Probabilities(targets.flatten_all()?.to_vec1()?);
    logits.contiguous()?.apply_op1(SoftmaxCrossEntropy { targets, classes })
}

impl CustomOp1 for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax-cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("logits are not contiguous") };
        let logits = &storage.as_slice::<f32>()?[start..end];
        let loss = match &self.targets {
            Targets::Labels(labels) => loss::softmax_cross_entropy(logits, labels, self.classes),
            Targets::Probabilities(targets) => loss::soft_cross_entropy(logits, targets, self.classes),
        };
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let values: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        let mut gradient = vec![0.0; values.len()];
        let (classes, upstream) = (self.classes, upstream.to_scalar::<f32>()?);
        match &self.targets {
            Targets::Labels(labels) => {
                loss::softmax_cross_entropy_backward(&values, labels, classes, upstream, &mut gradient)
            }
            Targets::Probabilities(targets) => {
                loss::soft_cross_entropy_backward(&values, targets, classes, upstream, &mut gradient)
            }
        }
        Tensor::from_vec(gradient, logits.shape(), logits.device()).map(Some)
    }
}

/// How an image's binary cross-entropies, one for each class, are combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClassReduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

struct BinaryCrossEntropy {
    targets: Vec<f32>,
    /// One for each class, already divided by the number of classes for [`ClassReduction::Mean`].
    weights: Vec<f32>,
}

/// Binary cross-entropy of `logits: [N, classes]` against `targets: [N, classes]`, each from 0 to 1, with one
/// of `weights` for each class, all 1 if `None`. The result is a scalar: the mean over images of the mean or
/// the sum over classes of `-w (t log s(z) + (1 - t) log(1 - s(z)))`, where s is the logistic function. No
/// gradient goes to `targets`. candle's `backward` can pass through it several times.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use resnet_ops::{ClassReduction, binary_cross_entropy};
///
/// let logits = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu)?;
/// let first = Tensor::new(&[[1f32, 0.0, 0.0, 0.0]], &Device::Cpu)?;
/// let loss = binary_cross_entropy(&logits, &first, None, ClassReduction::Mean)?.to_scalar::<f32>()?;
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If shapes or types don't fit, or the batch is empty.
pub fn binary_cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    weights: Option<&[f32]>,
    reduction: ClassReduction,
) -> Result<Tensor> {
    let (images, classes) = logits.dims2()?;
    let are_f32 = logits.dtype() == DType::F32 && targets.dtype() == DType::F32;
    let fit = targets.dims() == logits.dims() && weights.is_none_or(|weights| weights.len() == classes);
    if !fit || !are_f32 || images * classes == 0 {
        bail!(
            "binary cross-entropy wants f32 logits and targets of one shape [N, classes] and as many weights, got {:?} \
             {:?}, {:?} {:?} and {:?}",
            logits.dtype(),
            logits.dims(),
            targets.dtype(),
            targets.dims(),
            weights.map(<[f32]>::len)
        );
    }
    let share = match reduction {
        ClassReduction::Mean => 1.0 / classes as f32,
        ClassReduction::Sum => 1.0,
    };
    let weights = weights.map_or(vec![share; classes], |weights| weights.iter().map(|w| w * share).collect());
    let targets = targets.flatten_all()?.to_vec1()?;
    logits.contiguous()?.apply_op1(BinaryCrossEntropy { targets, weights })
}

impl CustomOp1 for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary-cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("logits are not contiguous") };
        let logits = &storage.as_slice::<f32>()?[start..end];
        let loss = loss::binary_cross_entropy(logits, &self.targets, &self.weights);
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let values: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        let mut gradient = vec![0.0; values.len()];
        let upstream = upstream.to_scalar::<f32>()?;
        loss::binary_cross_entropy_backward(&values, &self.targets, &self.weights, upstream, &mut gradient);
        Tensor::from_vec(gradient, logits.shape(), logits.device()).map(Some)
    }
}
