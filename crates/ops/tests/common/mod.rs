//! What the tests of ops share: seeded tensors, variables and layers, and comparisons.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use resnet_ops::{BatchNorm, Graph, Plan, PoolConfig, Shape, Value, ZeroPadConfig};
use resnet_reference::to_f64;
use resnet_testing::uniform;

/// Values of a seed.
pub(crate) fn tensor(seed: u64, dims: &[usize]) -> Tensor {
    Tensor::from_vec(uniform(seed, dims.iter().product()), dims, &Device::Cpu).expect("values of this shape")
}

/// A variable with the values of a seed.
pub(crate) fn variable(seed: u64, dims: &[usize]) -> Var {
    Var::from_tensor(&tensor(seed, dims)).expect("a variable")
}

/// The values in row-major order.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32 on the CPU")
}

/// `Err` unless `found` has the dimensions and, up to `tolerance` of their root mean square, the values
/// `expected` (row-major).
pub(crate) fn near(
    what: &str,
    found: &Tensor,
    dims: &[usize],
    expected: &[f64],
    tolerance: f64,
) -> std::result::Result<(), String> {
    if found.dims() != dims {
        return Err(format!("{what}: {:?} instead of {dims:?}", found.dims()));
    }
    resnet_testing::near(what, &values(found), expected, tolerance)
}

/// Panics unless both tensors hold the same, up to the rounding of sums of a few dozen products in another
/// order.
#[allow(dead_code)] // not in each test file
#[track_caller]
pub(crate) fn assert_same(what: &str, found: &Tensor, expected: &Tensor) {
    if let Err(fault) = near(what, found, expected.dims(), &to_f64(&values(expected)), 1e-5) {
        panic!("{fault}");
    }
}

/// Traces a graph of `inputs` and prepares it.
#[allow(dead_code)] // not in each test file
pub(crate) fn plan(
    inputs: &[&Tensor],
    trace: impl FnOnce(&mut Graph, &[Value]) -> Result<Value>,
) -> Result<Arc<Plan>> {
    let mut graph = Graph::new();
    let values = inputs.iter().map(|input| Ok(graph.input(Shape::of(input)?))).collect::<Result<Vec<_>>>()?;
    let output = trace(&mut graph, &values)?;
    graph.finish(output)
}

/// Gradients of `sum(y dy)`.
pub(crate) fn pull_back(y: &Tensor, dy: &Tensor) -> Result<GradStore> {
    (y * dy)?.sum_all()?.backward()
}

/// The gradient of a variable.
pub(crate) fn gradient<'a>(gradients: &'a GradStore, var: &Var) -> &'a Tensor {
    gradients.get(var).expect("a gradient for this variable")
}

/// A batch norm and its four variables: weights in [0.5, 1.5), running means in [-1, 1), running variances in
/// [0.5, 2.5).
pub(crate) struct Norm {
    pub(crate) weight: Var,
    pub(crate) bias: Var,
    pub(crate) running_mean: Var,
    pub(crate) running_var: Var,
    pub(crate) layer: BatchNorm,
}

impl Norm {
    pub(crate) fn new(seed: u64, channels: usize) -> Norm {
        let affine = |seed, scale, offset| {
            let tensor = tensor(seed, &[channels]).affine(scale, offset).expect("floats");
            Var::from_tensor(&tensor).expect("a variable")
        };
        let [weight, bias, running_mean] =
            [affine(seed, 0.5, 1.0), affine(seed + 1, 0.5, 0.0), affine(seed + 2, 1.0, 0.0)];
        let running_var = affine(seed + 3, 1.0, 1.5);
        let tensors = (weight.as_tensor().clone(), bias.as_tensor().clone());
        let layer = BatchNorm::from_tensors(tensors.0, tensors.1, running_mean.clone(), running_var.clone());
        Norm { weight, bias, running_mean, running_var, layer }
    }
}

/// Windows of a pooling.
#[allow(dead_code)] // not in each test file
pub(crate) fn windows(kernel: usize, stride: usize, padding: usize) -> PoolConfig {
    PoolConfig { kernel, stride, padding }
}

/// Option A's shortcut.
#[allow(dead_code)] // not in each test file
pub(crate) fn zero_pad(stride: usize, out_channels: usize) -> ZeroPadConfig {
    ZeroPadConfig { out_channels, stride }
}
