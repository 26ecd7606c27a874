//! Layers: named parameters, and how they are recorded into a [`Graph`].
//!
//! Names below the given `VarBuilder` are PyTorch's: `weight`, `bias`, `running_mean`, `running_var`.

use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};
use candle_nn::{Init, VarBuilder, init};
use resnet_kernels::conv::ConvShape;
use resnet_kernels::norm::Activation;

use crate::graph::{Graph, Shape, Value};
use crate::steps::{Conv, Norm, RunningStatistics};

/// The geometry of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvConfig {
    /// Height and width of a filter.
    pub kernel: usize,
    /// Input pixels from one output pixel to the next, at least 1.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

impl ConvConfig {
    /// A filter of odd size `kernel` padded so that stride 1 keeps the size: padding `kernel / 2`.
    pub fn same(kernel: usize, stride: usize) -> Self {
        ConvConfig { kernel, stride, padding: kernel / 2 }
    }
}

/// Convolution, weights `[out, in, k, k]`, without bias unless asked for one, initialised by He's rule: a
/// normal distribution of variance `2 / (out k k)`, the fan-out form of the authors' Torch code.
#[derive(Debug, Clone)]
pub struct Conv2d {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    config: ConvConfig,
    /// The eps of weight standardisation.
    standardised: Option<f64>,
}

impl Conv2d {
    /// Takes `weight` from `vb`.
    ///
    /// # Errors
    /// If `vb` has no such tensor of this shape.
    pub fn new(inputs: usize, outputs: usize, config: ConvConfig, vb: VarBuilder) -> Result<Self> {
        let he = Init::Kaiming {
            dist: init::NormalOrUniform::Normal,
            fan: init::FanInOut::FanOut,
            non_linearity: init::NonLinearity::ReLU,
        };
        let weight = vb.get_with_hints((outputs, inputs, config.kernel, config.kernel), "weight", he)?;
        Ok(Conv2d { name: vb.prefix(), weight, bias: None, config, standardised: None })
    }

    /// The same layer with a bias, `[out]`, that `vb` has as `bias`; a fresh one starts at `value`: the gates
    /// of figure 2(c) and (d).
    ///
    /// # Errors
    /// If `vb` has no such tensor of this shape.
    pub fn with_bias(self, value: f64, vb: VarBuilder) -> Result<Self> {
        let outputs = self.weight.dims4()?.0;
        let bias = vb.get_with_hints(outputs, "bias", Init::Const(value))?;
        Ok(Conv2d { bias: Some(bias), ..self })
    }

    /// The same layer with its filters standardised before use, see [`crate::standardise_weight`].
    pub fn with_standardised_weight(self, eps: f64) -> Self {
        Conv2d { standardised: Some(eps), ..self }
    }

    /// Appends it to `graph`: `[N, in, H, W]` to `[N, out, H', W']`.
    ///
    /// # Errors
    /// If `x` is no map of `in` channels at least as large as the filter.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = convolution(graph, x, &self.name, &self.weight, self.bias.as_ref(), self.config)?;
        if let Some(eps) = self.standardised {
            graph.standardise(&self.weight, eps);
        }
        Ok(y)
    }
}

/// Records a convolution with `weight: [out, in, k, k]` and `bias: [out]`.
pub(crate) fn convolution(
    graph: &mut Graph,
    x: Value,
    name: &str,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: ConvConfig,
) -> Result<Value> {
    let (out_channels, in_channels, kernel, kernel_w) = weight.dims4()?;
    let Shape::Map { images, channels, height, width } = graph.shape(x) else {
        bail!("convolution {name} wants [N, C, H, W], got {:?}", graph.shape(x).dims());
    };
    if kernel != kernel_w || kernel != config.kernel || config.stride == 0 || kernel == 0 {
        bail!(
            "convolution {name}: weights {:?} don't fit {config:?}; filters are square, strides at least 1",
            weight.dims()
        );
    }
    if channels != in_channels {
        bail!("convolution {name} takes {in_channels} channels, got {channels}");
    }
    let shape = ConvShape {
        images,
        in_h: height,
        in_w: width,
        in_channels,
        out_channels,
        kernel,
        stride: config.stride,
        padding: config.padding,
    };
    if shape.out_h() == 0 || shape.out_w() == 0 {
        bail!(
            "convolution {name}: a {kernel}x{kernel} filter is larger than the padded input of {height}x{width}"
        );
    }
    let y = graph.value(graph.shape(x).with(out_channels, (shape.out_h(), shape.out_w())));
    if let Some(bias) = bias.filter(|bias| bias.dims() != [out_channels]) {
        bail!("convolution {name}: a bias of {:?} doesn't fit {out_channels} channels", bias.dims());
    }
    let (weight, bias) = (graph.param(weight), bias.map(|bias| graph.param(bias)));
    let kind = if config.stride == 1 {
        format!("conv {kernel}x{kernel}")
    } else {
        format!("conv {kernel}x{kernel} / {}", config.stride)
    };
    graph.push(Conv {
        name: name.to_owned(),
        kind,
        x,
        y,
        weight,
        bias,
        residual: None,
        activation: Activation::Identity,
        shape,
    });
    Ok(y)
}

/// Batch norm over `[N, C, H, W]` with running statistics, as PyTorch's: the running variance is the unbiased
/// one.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    name: String,
    weight: Tensor,
    bias: Tensor,
    running: Arc<RunningStatistics>,
    eps: f32,
}

impl BatchNorm {
    /// `eps` by convention.
    pub const EPS: f64 = 1e-5;
    /// Weight of the newest batch in the running statistics, by convention.
    pub const MOMENTUM: f64 = 0.1;

    /// Takes `weight`, `bias`, `running_mean` and `running_var` from `vb`; eps 1e-5, momentum 0.1.
    ///
    /// # Errors
    /// If `vb` lacks one of them.
    pub fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(BatchNorm {
            name: vb.prefix(),
            weight: vb.get_with_hints(channels, "weight", Init::Const(1.0))?,
            bias: vb.get_with_hints(channels, "bias", Init::Const(0.0))?,
            running: Arc::new(RunningStatistics {
                mean: Var::from_tensor(&vb.get_with_hints(channels, "running_mean", Init::Const(0.0))?)?,
                var: Var::from_tensor(&vb.get_with_hints(channels, "running_var", Init::Const(1.0))?)?,
                momentum: Self::MOMENTUM,
            }),
            eps: Self::EPS as f32,
        })
    }

    /// A layer from tensors, each `[C]`: scale, shift and the two running statistics, which training updates.
    pub fn from_tensors(weight: Tensor, bias: Tensor, running_mean: Var, running_var: Var) -> Self {
        let running = RunningStatistics { mean: running_mean, var: running_var, momentum: Self::MOMENTUM };
        BatchNorm { name: String::new(), weight, bias, running: Arc::new(running), eps: Self::EPS as f32 }
    }

    /// Running mean and running variance, `[C]` each.
    pub fn running_statistics(&self) -> (&Var, &Var) {
        (&self.running.mean, &self.running.var)
    }

    /// Appends normalisation alone to `graph`.
    ///
    /// # Errors
    /// If `x` has another number of channels.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.record_with(graph, x, Activation::Identity)
    }

    /// Appends normalisation and ReLU to `graph`: the pre-activation of figure 4(e).
    ///
    /// # Errors
    /// If `x` has another number of channels.
    pub fn record_relu(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.record_with(graph, x, Activation::Relu)
    }

    fn record_with(&self, graph: &mut Graph, x: Value, activation: Activation) -> Result<Value> {
        let (channels, mine) = (graph.shape(x).channels(), self.weight.elem_count());
        for tensor in [&self.bias, self.running.mean.as_tensor(), self.running.var.as_tensor()] {
            if tensor.elem_count() != mine {
                bail!("batch norm {}: its four tensors have different lengths", self.name);
            }
        }
        if channels != mine {
            bail!("batch norm {} takes {mine} channels, got {channels}", self.name);
        }
        let y = graph.value(graph.shape(x));
        let (weight, bias) = (graph.param(&self.weight), graph.param(&self.bias));
        graph.push(Norm {
            name: self.name.clone(),
            x,
            y,
            weight,
            bias,
            running: self.running.clone(),
            eps: self.eps,
            activation,
        });
        Ok(y)
    }
}

/// A fully connected layer, weights `[out, in]`, drawn from U(-1/sqrt(in), 1/sqrt(in)); the bias starts at
/// zero.
#[derive(Debug, Clone)]
pub struct Linear {
    name: String,
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Takes `weight` and `bias` from `vb`.
    ///
    /// # Errors
    /// If `vb` lacks one of them.
    pub fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        Ok(Linear {
            name: vb.prefix(),
            weight: vb.get_with_hints(
                (outputs, inputs),
                "weight",
                Init::Uniform { lo: -bound, up: bound },
            )?,
            bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
        })
    }

    /// The same layer with weights `[out, in, 1, 1]`: a 1x1 convolution of pooled features, as timm's v2
    /// heads are stored.
    ///
    /// # Errors
    /// If `vb` lacks `weight` or `bias`.
    pub fn convolutional(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        let uniform = Init::Uniform { lo: -bound, up: bound };
        // The flat view shares the variable's memory, and its gradient is the variable's.
        let weight = vb.get_with_hints((outputs, inputs, 1, 1), "weight", uniform)?.flatten_from(1)?;
        let bias = vb.get_with_hints(outputs, "bias", Init::Const(0.0))?;
        Ok(Linear { name: vb.prefix(), weight, bias })
    }

    /// Appends it to `graph`: `[N, in]` to `[N, out]`.
    ///
    /// # Errors
    /// If `x` is no vector of `in` features.
    pub fn record(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        product(graph, x, &self.name, &self.weight, &self.bias)
    }
}

/// Records `x weight^T + bias`.
pub(crate) fn product(
    graph: &mut Graph,
    x: Value,
    name: &str,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Value> {
    let (outputs, inputs) = weight.dims2()?;
    let Shape::Features { images, channels } = graph.shape(x) else {
        bail!("linear layer {name} wants [N, features], got {:?}", graph.shape(x).dims());
    };
    if channels != inputs || bias.dims() != [outputs] {
        bail!(
            "linear layer {name}: weight {:?}, bias {:?} and {channels} features don't fit",
            weight.dims(),
            bias.dims()
        );
    }
    let shape = ConvShape {
        images,
        in_h: 1,
        in_w: 1,
        in_channels: inputs,
        out_channels: outputs,
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    let y = graph.value(Shape::Features { images, channels: outputs });
    let (weight, bias) = (graph.param(weight), Some(graph.param(bias)));
    graph.push(Conv {
        name: name.to_owned(),
        kind: "linear".to_owned(),
        x,
        y,
        weight,
        bias,
        residual: None,
        activation: Activation::Identity,
        shape,
    });
    Ok(y)
}
