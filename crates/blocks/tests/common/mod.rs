//! What the tests of units share: variables by name, and a unit's formula in f64.

pub(crate) mod formula;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use resnet_ops::{BatchNorm, ConvConfig, conv2d};
use resnet_testing::recipe;

/// Variables by name, filled by the recipe; asking for one makes it.
pub(crate) struct Parameters(VarMap);

impl Parameters {
    pub(crate) fn new() -> Self {
        Parameters(VarMap::new())
    }

    pub(crate) fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_varmap(&self.0, DType::F32, &Device::Cpu)
    }

    pub(crate) fn by_name(&self) -> BTreeMap<String, Var> {
        let data = self.0.data().lock().expect("no poison");
        data.iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    pub(crate) fn fill(&self) -> Result<()> {
        for (name, var) in self.by_name() {
            var.set(&Tensor::from_vec(recipe::tensor(&name, var.dims()), var.dims(), &Device::Cpu)?)?;
        }
        Ok(())
    }

    /// The convolution of this name, padded so that stride 1 keeps the size.
    pub(crate) fn conv(&self, name: &str, x: &Tensor, stride: usize) -> Result<Tensor> {
        let weight = &self.by_name()[&format!("{name}.weight")];
        conv2d(x, weight, ConvConfig::same(weight.dims()[2]).with_stride(stride))
    }

    /// The batch norm of this name.
    pub(crate) fn norm(&self, name: &str) -> BatchNorm {
        let variables = self.by_name();
        let var = |tensor: &str| variables[&format!("{name}.{tensor}")].clone();
        let of = |tensor: &str| var(tensor).as_tensor().clone();
        BatchNorm::from_tensors(of("weight"), of("bias"), var("running_mean"), var("running_var"))
    }
}

/// The values in row-major order.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32 on the CPU")
}
