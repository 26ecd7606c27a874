//! Each op on its own: tensors in NCHW in, a tensor out, one candle node, gradients through candle's
//! `backward`.

use candle_core::{Result, Tensor, bail};
use resnet_kernels::avg_pool_2x2_ceil::AvgPool2x2Ceil;
use resnet_kernels::elementwise::ZeroPad;
use resnet_kernels::gate::Gate;
use resnet_kernels::pool::{PoolKind, PoolShape};

use crate::Mode;
use crate::graph::{Graph, Shape, Value};
use crate::group_norm::GroupNorm;
use crate::layers::{self, BatchNorm, ConvConfig};
use crate::steps::{Add, Gated, GlobalAverage, Halve, Pool, Relu, Scale, ZeroPadShortcut};

/// Records with `record` and runs on one input.
fn unary(x: &Tensor, mode: Mode, record: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Result<Tensor> {
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(x)?);
    let output = record(&mut graph, input)?;
    graph.finish(output)?.run(&[x], mode)
}

/// Convolution of `x: [N, in, H, W]` with `weight: [out, in, k, k]`, zeros around the picture.
///
/// # Errors
/// If shapes don't fit, or a tensor is not f32 on the CPU; so for all functions here.
pub fn conv2d(x: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    let config = ConvConfig { kernel: weight.dims4()?.2, stride, padding };
    unary(x, Mode::Train, |graph, x| layers::convolution(graph, x, "conv2d", weight, None, config))
}

/// Batch norm of `x: [N, C, H, W]`; in [`Mode::Train`] with the batch's statistics, which `layer`'s running
/// statistics follow.
pub fn batch_norm(x: &Tensor, layer: &BatchNorm, mode: Mode) -> Result<Tensor> {
    unary(x, mode, |graph, x| layer.record(graph, x))
}

/// Batch norm and ReLU in one pass: the pre-activation of figure 4(e).
pub fn bn_relu(x: &Tensor, layer: &BatchNorm, mode: Mode) -> Result<Tensor> {
    unary(x, mode, |graph, x| layer.record_relu(graph, x))
}

/// `max(x, 0)`
pub fn relu(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| Ok(graph.relu(x)))
}

/// `a + b`, of one shape: equation (1).
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let mut graph = Graph::new();
    let (left, right) = (graph.input(Shape::of(a)?), graph.input(Shape::of(b)?));
    let sum = graph.add(left, right)?;
    graph.finish(sum)?.run(&[a, b], Mode::Train)
}

/// `factor x`: figure 2(b).
pub fn scale(x: &Tensor, factor: f64) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| Ok(graph.scale(x, factor)))
}

/// `g x` or `(1 - g) x` with `g = sigmoid(z)`, `x` and `z` of one shape: figure 2(c) and (d).
pub fn gate(gate: Gate, z: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut graph = Graph::new();
    let (logits, operand) = (graph.input(Shape::of(z)?), graph.input(Shape::of(x)?));
    let y = graph.gate(gate, logits, operand)?;
    graph.finish(y)?.run(&[z, x], Mode::Train)
}

/// Option A's shortcut: every `stride`-th pixel of `x: [N, C, H, W]`, zeros for the new channels, half of
/// them before and half after.
pub fn zero_pad_shortcut(x: &Tensor, stride: usize, channels: usize) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.zero_pad_shortcut(x, stride, channels))
}

/// Mean over `kernel x kernel` windows, padding counted as zeros.
pub fn avg_pool(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.avg_pool(x, kernel, stride, padding))
}

/// Maximum over `kernel x kernel` windows, never of padding.
pub fn max_pool(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.max_pool(x, kernel, stride, padding))
}

/// As [`max_pool`], but padding counts as zeros: BiT's stem.
pub fn max_pool_zeros(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.max_pool_zeros(x, kernel, stride, padding))
}

/// Mean over 2x2 blocks of `x: [N, C, H, W]`, or over what is left of them at the edge of an odd side: the
/// pooling before the projection in the d variants' shortcut.
pub fn halve(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.halve(x))
}

/// Group norm of `x: [N, C, H, W]`: statistics over the pixels of a picture and the channels of a group.
pub fn group_norm(x: &Tensor, layer: &GroupNorm) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| layer.record(graph, x))
}

/// Mean over all pixels: `[N, C, H, W]` to `[N, C]`.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| graph.global_avg_pool(x))
}

/// `x weight^T + bias` for `x: [N, in]`, `weight: [out, in]`, `bias: [out]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    unary(x, Mode::Train, |graph, x| layers::product(graph, x, "linear", weight, bias))
}

/// Steps without parameters.
impl Graph {
    /// Appends ReLU.
    pub fn relu(&mut self, x: Value) -> Value {
        let y = self.value(self.shape(x));
        self.push(Relu { x, y });
        y
    }

    /// Appends `factor x`; a factor of 1 appends nothing.
    pub fn scale(&mut self, x: Value, factor: f64) -> Value {
        if factor == 1.0 {
            return x;
        }
        let y = self.value(self.shape(x));
        self.push(Scale { x, y, factor: factor as f32 });
        y
    }

    /// Appends `g x` or `(1 - g) x` with `g = sigmoid(z)`.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn gate(&mut self, gate: Gate, z: Value, x: Value) -> Result<Value> {
        if self.shape(z) != self.shape(x) {
            let (z, x) = (self.shape(z).dims(), self.shape(x).dims());
            bail!("a gate of shape {z:?} doesn't fit what it gates, {x:?}");
        }
        let y = self.value(self.shape(x));
        self.push(Gated { z, x, y, gate });
        Ok(y)
    }

    /// Appends `a + b`.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        self.sum(a, b, false)
    }

    /// Appends `max(a + b, 0)`: the end of the original unit, figure 1(a).
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn add_relu(&mut self, a: Value, b: Value) -> Result<Value> {
        self.sum(a, b, true)
    }

    fn sum(&mut self, a: Value, b: Value, relu: bool) -> Result<Value> {
        if self.shape(a) != self.shape(b) {
            bail!(
                "shortcut and residual branch have shapes {:?} and {:?}",
                self.shape(a).dims(),
                self.shape(b).dims()
            );
        }
        let y = self.value(self.shape(a));
        self.push(Add { a, b, y, relu });
        Ok(y)
    }

    /// Appends option A's shortcut.
    ///
    /// # Errors
    /// If `x` is no map, the stride is 0 or `channels` are fewer than `x` has.
    pub fn zero_pad_shortcut(&mut self, x: Value, stride: usize, channels: usize) -> Result<Value> {
        let Shape::Map { images, channels: in_channels, height: in_h, width: in_w } = self.shape(x) else {
            bail!("the zero-padding shortcut wants [N, C, H, W], got {:?}", self.shape(x).dims());
        };
        if channels < in_channels || stride == 0 {
            bail!(
                "the zero-padding shortcut can't go from {in_channels} to {channels} channels at stride {stride}"
            );
        }
        let shape = ZeroPad { images, in_h, in_w, in_channels, out_channels: channels, stride };
        let y = self.value(self.shape(x).with(channels, (shape.out_h(), shape.out_w())));
        self.push(ZeroPadShortcut { x, y, shape });
        Ok(y)
    }

    /// Appends the mean over windows.
    ///
    /// # Errors
    /// If `x` is no map or the window doesn't fit.
    pub fn avg_pool(&mut self, x: Value, kernel: usize, stride: usize, padding: usize) -> Result<Value> {
        self.pool(x, PoolKind::Average, kernel, stride, padding)
    }

    /// Appends the maximum over windows.
    ///
    /// # Errors
    /// If `x` is no map or the window doesn't fit.
    pub fn max_pool(&mut self, x: Value, kernel: usize, stride: usize, padding: usize) -> Result<Value> {
        self.pool(x, PoolKind::Max, kernel, stride, padding)
    }

    /// Appends the maximum over windows, padding counted as zeros.
    ///
    /// # Errors
    /// If `x` is no map or the window doesn't fit.
    pub fn max_pool_zeros(
        &mut self,
        x: Value,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Value> {
        self.pool(x, PoolKind::ZeroPaddedMax, kernel, stride, padding)
    }

    /// Appends the mean over 2x2 blocks; sides are rounded up.
    ///
    /// # Errors
    /// If `x` is no map.
    pub fn halve(&mut self, x: Value) -> Result<Value> {
        let Shape::Map { images, channels, height: in_h, width: in_w } = self.shape(x) else {
            bail!("halving wants [N, C, H, W], got {:?}", self.shape(x).dims());
        };
        let shape = AvgPool2x2Ceil { images, in_h, in_w, channels };
        let y = self.value(self.shape(x).with(channels, (shape.out_h(), shape.out_w())));
        self.push(Halve { x, y, shape });
        Ok(y)
    }

    fn pool(
        &mut self,
        x: Value,
        pooling: PoolKind,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Value> {
        let Shape::Map { images, channels, height: in_h, width: in_w } = self.shape(x) else {
            bail!("pooling wants [N, C, H, W], got {:?}", self.shape(x).dims());
        };
        let shape = PoolShape { images, in_h, in_w, channels, kernel, stride, padding };
        if kernel == 0 || stride == 0 || 2 * padding > kernel || shape.out_h() == 0 || shape.out_w() == 0 {
            bail!(
                "a {kernel}x{kernel} window with stride {stride} and padding {padding} doesn't fit {in_h}x{in_w} pixels"
            );
        }
        let y = self.value(self.shape(x).with(channels, (shape.out_h(), shape.out_w())));
        self.push(Pool { x, y, shape, pooling });
        Ok(y)
    }

    /// Appends the mean over all pixels: a map to features.
    ///
    /// # Errors
    /// If `x` is no map.
    pub fn global_avg_pool(&mut self, x: Value) -> Result<Value> {
        let Shape::Map { images, channels, .. } = self.shape(x) else {
            bail!("global average pooling wants [N, C, H, W], got {:?}", self.shape(x).dims());
        };
        let y = self.value(Shape::Features { images, channels });
        self.push(GlobalAverage { x, y, images, channels });
        Ok(y)
    }
}
