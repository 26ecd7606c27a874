//! Weight standardisation as a candle op on a parameter: what a convolution's filters become before they are
//! used.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use resnet_kernels::norm;

/// Each filter of `weight: [out, in, k, k]` with mean 0 and variance 1, as BiT's convolutions use them
/// (arXiv 1903.10520): `(w - mean) / sqrt(var + eps)`. The gradient flows to `weight`, and
/// candle's `backward` can pass through the result several times.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_core::Result<()> {
/// let weight = Tensor::new(&[1f32, 3., -5., 5.], &Device::Cpu)?.reshape((2, 2, 1, 1))?;
/// let standardised = resnet_ops::standardise_weight(&weight, 1e-8)?;
/// assert_eq!(standardised.flatten_all()?.to_vec1::<f32>()?, [-1., 1., -1., 1.]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If `weight` is not f32 on the CPU, or has no filters.
pub fn standardise_weight(weight: &Tensor, eps: f64) -> Result<Tensor> {
    let filters = weight.dims().first().copied().unwrap_or(0);
    if filters == 0 {
        bail!("weight standardisation wants [out, ...], got {:?}", weight.dims());
    }
    weight.contiguous()?.apply_op1(Standardise { filters, eps })
}

struct Standardise {
    filters: usize,
    eps: f64,
}

impl CustomOp1 for Standardise {
    fn name(&self) -> &'static str {
        "resnet-standardise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("weight standardisation expected a contiguous tensor");
        };
        let weight = &storage.as_slice::<f32>()?[start..end];
        let mut out = vec![0.0; weight.len()];
        norm::standardise(weight, self.filters, self.eps, &mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, weight: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [w, dy] = [weight, gradient].map(|tensor| tensor.flatten_all()?.to_vec1::<f32>());
        let (w, dy) = (w?, dy?);
        let mut dw = vec![0.0; w.len()];
        norm::standardise_backward(&w, self.filters, self.eps, &dy, &mut dw);
        Ok(Some(Tensor::from_vec(dw, weight.dims(), weight.device())?))
    }
}
