//! Each op on its own: tensors in NCHW in, a tensor out, one candle node, gradients through candle's
//! `backward`.

use candle_core::{Result, Tensor};
use resnet_kernels::gate::Gate;

use crate::layers::{self, BatchNorm, ConvConfig, ConvParams, GroupNorm, Layer};
use crate::mode::Mode;
use crate::plan::{Graph, PoolConfig, Shape, Value, ZeroPadConfig};

/// Traces with `trace` and runs on one input.
fn unary(x: &Tensor, mode: Mode, trace: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Result<Tensor> {
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(x)?);
    let output = trace(&mut graph, input)?;
    graph.finish(output)?.run(&[x], mode)
}

/// Convolution of `x: [N, in, H, W]` with `weight: [out, in, k, k]`, padded with zeros and without bias;
/// [`Conv2d`](crate::Conv2d) can have one. The result is
/// `[N, out, floor((H + 2 padding - k) / stride) + 1, floor((W + 2 padding - k) / stride) + 1]`.
///
/// candle's `backward` can pass through the result once, since it frees activations on its way: add up losses
/// before it.
///
/// # Errors
/// If a tensor is not f32 on the CPU, `weight` doesn't fit `x` or `config`, the padded sides are smaller than
/// the filter, or the stride is 0.
pub fn conv2d(x: &Tensor, weight: &Tensor, config: ConvConfig) -> Result<Tensor> {
    let params = ConvParams { name: "conv2d", weight, standardised: None, bias: None };
    unary(x, Mode::Train, |graph, x| layers::convolution(graph, x, params, config))
}

/// Batch norm of `x: [N, C, H, W]` or `[N, C]`, whose shape the result has. In [`Mode::Train`] it is with the
/// batch's statistics, which `layer`'s running statistics follow; in [`Mode::Eval`] with those, and `layer`'s
/// scale and shift are constants.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` or a tensor of `layer` is not f32 on the CPU, or `layer` has another number of channels; and, in
/// [`Mode::Train`], if there are fewer than two values per channel, which have no variance.
pub fn batch_norm(x: &Tensor, layer: &BatchNorm, mode: Mode) -> Result<Tensor> {
    unary(x, mode, |graph, x| layer.trace(graph, x))
}

/// Batch norm and ReLU in one pass: the pre-activation of figure 4(e). The result has the shape of `x`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// As [`batch_norm`].
pub fn bn_relu(x: &Tensor, layer: &BatchNorm, mode: Mode) -> Result<Tensor> {
    unary(x, mode, |graph, x| layer.trace_relu(graph, x))
}

/// `max(x, 0)` for `x: [N, C, H, W]` or `[N, C]`, whose shape the result has.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, or has another rank.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| Ok(graph.relu(x)))
}

/// `a + b`, both `[N, C, H, W]` or both `[N, C]`, of one shape, which is the result's: equation (1).
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `a` or `b` is not f32 on the CPU, their shapes differ, or they have another rank.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let mut graph = Graph::new();
    let (left, right) = (graph.input(Shape::of(a)?), graph.input(Shape::of(b)?));
    let sum = graph.add(left, right)?;
    graph.finish(sum)?.run(&[a, b], Mode::Train)
}

/// `factor x` for `x: [N, C, H, W]` or `[N, C]`, whose shape the result has: figure 2(b).
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, or has another rank.
pub fn scale(x: &Tensor, factor: f64) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| Ok(graph.scale(x, factor)))
}

/// `g x` or `(1 - g) x` with `g = sigmoid(z)`, `x` and `z` of one shape, `[N, C, H, W]` or `[N, C]`, which is
/// the result's: figure 2(c) and (d).
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `z` or `x` is not f32 on the CPU, their shapes differ, or they have another rank.
pub fn gate(gate: Gate, z: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut graph = Graph::new();
    let (logits, operand) = (graph.input(Shape::of(z)?), graph.input(Shape::of(x)?));
    let y = graph.gate(gate, logits, operand)?;
    graph.finish(y)?.run(&[z, x], Mode::Train)
}

/// Option A's shortcut (arXiv 1512.03385): every `stride`-th pixel of `x: [N, C, H, W]`, and zeros for the
/// new channels, half of them before the copied ones and half after:
/// `[N, out_channels, ceil(H / stride), ceil(W / stride)]`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, is no `[N, C, H, W]`, has no channels or more than `out_channels`, or the
/// stride is 0.
pub fn zero_pad_shortcut(x: &Tensor, config: ZeroPadConfig) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.zero_pad_shortcut(x, config))
}

/// Mean over windows of `x: [N, C, H, W]`, padding counted as zeros:
/// `[N, C, floor((H + 2 padding - kernel) / stride) + 1, floor((W + 2 padding - kernel) / stride) + 1]`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, is no `[N, C, H, W]` or has no channels, or the window doesn't fit: it is
/// empty or larger than the padded sides, it is padded by more than half of it, or its stride is 0.
pub fn avg_pool(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.avg_pool(x, config))
}

/// Maximum over windows of `x: [N, C, H, W]`; padding never counts. The result has the shape of
/// [`avg_pool`]'s.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// As [`avg_pool`].
pub fn max_pool(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.max_pool(x, config))
}

/// As [`max_pool`], but padding counts as zeros: BiT's stem. The result has the shape of [`avg_pool`]'s.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// As [`avg_pool`].
pub fn max_pool_zeros(x: &Tensor, config: PoolConfig) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.max_pool_zeros(x, config))
}

/// Mean over 2x2 blocks of `x: [N, C, H, W]`, or over what is left of them at the edge of an odd side: the
/// pooling before the projection in ResNet-D's shortcut (arXiv 1812.01187). The result is
/// `[N, C, ceil(H / 2), ceil(W / 2)]`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, is no `[N, C, H, W]` or has no channels.
pub fn avg_pool_2x2_ceil(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.avg_pool_2x2_ceil(x))
}

/// Group norm of `x: [N, C, H, W]`, whose shape the result has: statistics over the pixels of an image and
/// the channels of a group.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` or a tensor of `layer` is not f32 on the CPU, `x` is no `[N, C, H, W]` or has no pixels, or `layer`
/// has another number of channels.
pub fn group_norm(x: &Tensor, layer: &GroupNorm) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| layer.trace(graph, x))
}

/// Mean over all pixels: `[N, C, H, W]` to `[N, C]`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If `x` is not f32 on the CPU, is no `[N, C, H, W]`, or has no channels or no pixels.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.global_avg_pool(x))
}

/// `x weight^T + bias` for `x: [N, in]`, `weight: [out, in]`, `bias: [out]`, or without a bias: `[N, out]`.
///
/// Gradients pass through the result once, as through [`conv2d`]'s.
///
/// # Errors
/// If a tensor is not f32 on the CPU, or their shapes don't fit.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| layers::linear(graph, x, "linear", weight, bias))
}
