//! The convolutional layer.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder, init};
use resnet_kernels::conv::ConvShape;
use resnet_kernels::norm::Activation;

use super::{Layer, checked_eps, module_t};
use crate::plan::step::{ConvKind, ConvStep, Op};
use crate::plan::{Graph, Shape, Value};

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
    /// A filter of odd size `kernel` with stride 1, padded so that it keeps the size: padding `kernel / 2`.
    /// With an even `kernel` the output is a pixel higher and wider than the input.
    pub fn same(kernel: usize) -> Self {
        ConvConfig { kernel, stride: 1, padding: kernel / 2 }
    }

    /// The same with another stride.
    pub fn with_stride(self, stride: usize) -> Self {
        ConvConfig { stride, ..self }
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
    pub fn new(in_channels: usize, out_channels: usize, config: ConvConfig, vb: VarBuilder) -> Result<Self> {
        let he = Init::Kaiming {
            dist: init::NormalOrUniform::Normal,
            fan: init::FanInOut::FanOut,
            non_linearity: init::NonLinearity::ReLU,
        };
        let shape = (out_channels, in_channels, config.kernel, config.kernel);
        let weight = vb.get_with_hints(shape, "weight", he)?;
        Ok(Conv2d { name: vb.prefix(), ..Self::from_tensors(weight, None, config) })
    }

    /// A layer from tensors: `weight: [out, in, k, k]` and `bias: [out]`. Tracing checks that they fit each
    /// other and `config`.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>, config: ConvConfig) -> Self {
        Conv2d { name: String::new(), weight, bias, config, standardised: None }
    }

    /// The same layer with a bias, `[out]`, that `vb` has as `bias`; a fresh one starts at `value`: the gates
    /// of figure 2(c) and (d).
    ///
    /// # Errors
    /// If `vb` has no such tensor of this shape.
    pub fn with_bias(self, value: f64, vb: VarBuilder) -> Result<Self> {
        let out_channels = self.weight.dims4()?.0;
        let bias = vb.get_with_hints(out_channels, "bias", Init::Const(value))?;
        Ok(Conv2d { bias: Some(bias), ..self })
    }

    /// The geometry.
    pub fn config(&self) -> ConvConfig {
        self.config
    }

    /// The filters, `[out, in, k, k]`, before they are standardised.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[out]`, if it has one.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// Output channels; 0 where the weight is a scalar, which no tracing accepts.
    pub fn out_channels(&self) -> usize {
        self.weight.dims().first().copied().unwrap_or(0)
    }

    /// The same layer with its filters standardised before use, see [`crate::standardise_weight`].
    ///
    /// # Errors
    /// If `eps` is not positive and finite.
    pub fn with_standardised_weight(self, eps: f64) -> Result<Self> {
        Ok(Conv2d { standardised: Some(checked_eps(eps)?), ..self })
    }
}

impl Layer for Conv2d {
    /// `[N, in, H, W]` to `[N, out, H', W']`.
    ///
    /// # Errors
    /// If `x` is no map of `in` channels, its padded sides are smaller than the filter, the stride is 0, or
    /// no memory could hold its tensors.
    fn trace(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let Conv2d { name, weight, bias, config, standardised } = self;
        let (bias, standardised) = (bias.as_ref(), *standardised);
        convolution(graph, x, ConvParams { name, weight, standardised, bias }, *config)
    }
}

module_t!(Conv2d);

/// What a convolution multiplies by and adds, and what errors call it.
pub(crate) struct ConvParams<'a> {
    pub(crate) name: &'a str,
    /// `[out, in, k, k]`
    pub(crate) weight: &'a Tensor,
    /// The eps of weight standardisation.
    pub(crate) standardised: Option<f64>,
    /// `[out]`
    pub(crate) bias: Option<&'a Tensor>,
}

/// Traces a convolution.
pub(crate) fn convolution(
    graph: &mut Graph,
    x: Value,
    params: ConvParams,
    config: ConvConfig,
) -> Result<Value> {
    let ConvParams { name, weight, standardised, bias } = params;
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
    if in_channels == 0 || out_channels == 0 {
        bail!("convolution {name}: weights {:?} have no channels", weight.dims());
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
    if !shape.has_lengths() {
        bail!(
            "convolution {name}: no memory holds weights {:?} and what {config:?} makes of {images} images \
             of {height}x{width}",
            weight.dims()
        );
    }
    if shape.out_h() == 0 || shape.out_w() == 0 {
        bail!(
            "convolution {name}: a {kernel}x{kernel} filter is larger than the padded input of {height}x{width}"
        );
    }
    if let Some(bias) = bias.filter(|bias| bias.dims() != [out_channels]) {
        bail!("convolution {name}: a bias of {:?} doesn't fit {out_channels} channels", bias.dims());
    }
    let step = ConvStep { kind: ConvKind::Conv, shape, activation: Activation::Identity };
    let out = graph.shape(x).with(out_channels, (shape.out_h(), shape.out_w()));
    let mut params = vec![graph.filters(weight, standardised)];
    params.extend(bias.map(|bias| graph.param(bias)));
    Ok(graph.push_layer(name, Op::Conv(step), &[x], &params, out))
}
