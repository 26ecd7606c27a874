//! Steps without parameters: how a [`Graph`] gets each of them, and what each asks of its operands.

use candle_core::{Result, bail};
use resnet_kernels::avg_pool_2x2_ceil::AvgPool2x2Ceil;
use resnet_kernels::elementwise::ZeroPad;
use resnet_kernels::gate::Gate;
use resnet_kernels::norm::Activation;
use resnet_kernels::pool::{PoolKind, PoolShape};

use super::Learning;
use super::graph::Graph;
use super::step::{
    AddStep, DropStep, Dropped, GateStep, GlobalAvgPoolStep, Op, PoolStep, ReluStep, ScaleStep,
};
use super::value::{Shape, Value};
use crate::draws::Draws;

/// The windows of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Height and width of a window.
    pub kernel: usize,
    /// Input pixels from one window to the next, at least 1.
    pub stride: usize,
    /// Rows and columns of padding on each side, at most half a window.
    pub padding: usize,
}

/// The shape that option A's shortcut gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZeroPadConfig {
    /// Output channels, at least those of the input.
    pub out_channels: usize,
    /// Input pixels from one output pixel to the next, at least 1.
    pub stride: usize,
}

/// Steps without parameters.
impl Graph {
    /// Appends ReLU.
    pub fn relu(&mut self, x: Value) -> Value {
        self.push(Op::Relu(ReluStep), &[x], self.shape(x))
    }

    /// Appends `factor x`; a factor of 1 appends nothing.
    pub fn scale(&mut self, x: Value, factor: f64) -> Value {
        if factor == 1.0 {
            return x;
        }
        self.push(Op::Scale(ScaleStep { factor: factor as f32 }), &[x], self.shape(x))
    }

    /// Appends dropout or stochastic depth; a probability of 1 to stay appends nothing.
    pub(crate) fn drop(&mut self, x: Value, what: Dropped, keep: f64, draws: &Draws) -> Value {
        // A part that learns nothing sees its images as in evaluation.
        if keep == 1.0 || self.learning == Learning::Nothing {
            return x;
        }
        let step = DropStep { what, keep, draws: draws.clone() };
        self.push(Op::Drop(step), &[x], self.shape(x))
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
        Ok(self.push(Op::Gate(GateStep { gate }), &[z, x], self.shape(x)))
    }

    /// Appends `a + b`.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        self.sum(a, b, Activation::Identity)
    }

    /// Appends `max(a + b, 0)`: the end of the original unit, figure 1(a).
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn add_relu(&mut self, a: Value, b: Value) -> Result<Value> {
        self.sum(a, b, Activation::Relu)
    }

    fn sum(&mut self, a: Value, b: Value, activation: Activation) -> Result<Value> {
        if self.shape(a) != self.shape(b) {
            bail!(
                "tensors of shapes {:?} and {:?} cannot be added",
                self.shape(a).dims(),
                self.shape(b).dims()
            );
        }
        Ok(self.push(Op::Add(AddStep { activation }), &[a, b], self.shape(a)))
    }

    /// Appends option A's shortcut.
    ///
    /// # Errors
    /// If `x` is no map or has no channels, the stride is 0 or `x` has more than `out_channels`.
    pub fn zero_pad_shortcut(&mut self, x: Value, config: ZeroPadConfig) -> Result<Value> {
        let ZeroPadConfig { out_channels, stride } = config;
        let [images, in_channels, in_h, in_w] = self.map("the zero-padding shortcut", x)?;
        if out_channels < in_channels || stride == 0 {
            bail!(
                "the zero-padding shortcut can't go from {in_channels} to {out_channels} channels at stride {stride}"
            );
        }
        let shape = ZeroPad { images, in_h, in_w, in_channels, out_channels, stride };
        let out = self.shape(x).with(out_channels, (shape.out_h(), shape.out_w()));
        Ok(self.push(Op::ZeroPad(shape), &[x], out))
    }

    /// Appends the mean over windows.
    ///
    /// # Errors
    /// If `x` is no map or has no channels, or the window doesn't fit.
    pub fn avg_pool(&mut self, x: Value, config: PoolConfig) -> Result<Value> {
        self.pool(x, PoolKind::Average, config)
    }

    /// Appends the maximum over windows.
    ///
    /// # Errors
    /// As [`Graph::avg_pool`].
    pub fn max_pool(&mut self, x: Value, config: PoolConfig) -> Result<Value> {
        self.pool(x, PoolKind::Max, config)
    }

    /// Appends the maximum over windows, padding counted as zeros.
    ///
    /// # Errors
    /// As [`Graph::avg_pool`].
    pub fn max_pool_zeros(&mut self, x: Value, config: PoolConfig) -> Result<Value> {
        self.pool(x, PoolKind::ZeroPaddedMax, config)
    }

    /// Appends the mean over 2x2 blocks, or over what is left of them at the edge of an odd side.
    ///
    /// # Errors
    /// If `x` is no map or has no channels.
    pub fn avg_pool_2x2_ceil(&mut self, x: Value) -> Result<Value> {
        let [images, channels, in_h, in_w] = self.map("2x2 pooling", x)?;
        let shape = AvgPool2x2Ceil { images, in_h, in_w, channels };
        let out = self.shape(x).with(channels, (shape.out_h(), shape.out_w()));
        Ok(self.push(Op::AvgPool2x2Ceil(shape), &[x], out))
    }

    fn pool(&mut self, x: Value, kind: PoolKind, config: PoolConfig) -> Result<Value> {
        let PoolConfig { kernel, stride, padding } = config;
        let [images, channels, in_h, in_w] = self.map("pooling", x)?;
        let shape = PoolShape { images, in_h, in_w, channels, kernel, stride, padding };
        let fits = kernel > 0 && stride > 0 && padding <= kernel / 2 && in_h > 0 && in_w > 0;
        if !fits || !shape.has_lengths() || shape.out_h() == 0 || shape.out_w() == 0 {
            bail!(
                "a {kernel}x{kernel} window with stride {stride} and padding {padding} doesn't fit {in_h}x{in_w} pixels"
            );
        }
        let out = self.shape(x).with(channels, (shape.out_h(), shape.out_w()));
        Ok(self.push(Op::Pool(PoolStep { shape, kind }), &[x], out))
    }

    /// Appends the mean over all pixels: a map to features.
    ///
    /// # Errors
    /// If `x` is no map, or has no channels or no pixels.
    pub fn global_avg_pool(&mut self, x: Value) -> Result<Value> {
        let [images, channels, height, width] = self.map("global average pooling", x)?;
        if height == 0 || width == 0 {
            bail!("global average pooling: images without pixels have no mean, got {height}x{width} pixels");
        }
        let pool = GlobalAvgPoolStep { images, channels };
        Ok(self.push(Op::GlobalAvgPool(pool), &[x], Shape::Features { images, channels }))
    }

    /// Images, channels, height and width of a map that `what` is to take.
    ///
    /// # Errors
    /// If `x` is no map or has no channels.
    fn map(&self, what: &str, x: Value) -> Result<[usize; 4]> {
        match self.shape(x) {
            Shape::Map { channels: 0, .. } => bail!("{what}: {:?} has no channels", self.shape(x).dims()),
            Shape::Map { images, channels, height, width } => Ok([images, channels, height, width]),
            Shape::Features { .. } => bail!("{what} wants [N, C, H, W], got {:?}", self.shape(x).dims()),
        }
    }
}
