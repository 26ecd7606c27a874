//! Softmax cross-entropy as one candle node.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};
use resnet_kernels::loss;

struct SoftmaxCrossEntropy {
    labels: Vec<u32>,
    classes: usize,
}

/// Mean softmax cross-entropy of `logits: [N, classes]` against `labels: [N]` (u32); a scalar.
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
    logits.contiguous()?.apply_op1(SoftmaxCrossEntropy { labels, classes })
}

impl CustomOp1 for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax-cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("logits are not contiguous") };
        let logits = &storage.as_slice::<f32>()?[start..end];
        let loss = loss::softmax_cross_entropy(logits, &self.labels, self.classes);
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let values: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        let mut gradient = vec![0.0; values.len()];
        let upstream = upstream.to_scalar::<f32>()?;
        loss::softmax_cross_entropy_backward(&values, &self.labels, self.classes, upstream, &mut gradient);
        Tensor::from_vec(gradient, logits.shape(), logits.device()).map(Some)
    }
}
