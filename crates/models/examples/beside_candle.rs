//! ResNet-20 v2 made of candle's own layers beside ours: the same weights and logits, images per second.
//!
//!     cargo run -p resnet-models --example beside_candle
//!
//! Ours and candle's take turns in one process, with candle's optimizer for both, on all cores; the medians
//! of the turns are printed.

use std::collections::HashMap;
use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, Module as _, ModuleT as _, Optimizer as _, SGD};
use candle_nn::{VarBuilder, batch_norm, conv2d_no_bias, linear, loss};
use resnet_models::{Model, registry};
use resnet_ops::{Mode, softmax_cross_entropy};

const BATCH: usize = 128;
const TURNS: usize = 3;
const LEARNING_RATE: f64 = 1e-3;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
    let mut variables = vec![];
    let mut named = HashMap::new();
    for (name, value) in model.variables() {
        let copy = Var::from_tensor(&value.as_tensor().copy()?)?;
        named.insert(name.clone(), copy.as_tensor().clone());
        variables.push(copy);
    }
    let of_candle = CandleResNet::new(&VarBuilder::from_tensors(named, DType::F32, &Device::Cpu))?;

    let images = Tensor::randn(0f32, 1.0, (BATCH, 3, 32, 32), &Device::Cpu)?;
    let labels = Tensor::from_iter((0..BATCH as u32).map(|image| image % 10), &Device::Cpu)?;
    let inference = model.network().for_inference();
    let logits = [inference.logits(&images)?, of_candle.forward(&images, Mode::Eval)?];
    println!(
        "largest difference of logits: {:.1e}",
        (&logits[0] - &logits[1])?.abs()?.max_all()?.to_scalar::<f32>()?
    );

    let mut ours_sgd = SGD::new(model.variables().values().cloned().collect(), LEARNING_RATE)?;
    let mut candle_sgd = SGD::new(variables, LEARNING_RATE)?;
    beside(
        "training",
        || {
            let loss = softmax_cross_entropy(&model.forward(&images, Mode::Train)?, &labels)?;
            ours_sgd.backward_step(&loss)
        },
        || {
            let loss = loss::cross_entropy(&of_candle.forward(&images, Mode::Train)?, &labels)?;
            candle_sgd.backward_step(&loss)
        },
    )?;
    beside(
        "inference",
        || inference.logits(&images).map(drop),
        || of_candle.forward(&images, Mode::Eval).map(drop),
    )
    .map_err(Into::into)
}

/// Prints images per second of both, which take turns after one of each to warm up.
fn beside(
    work: &str,
    mut ours: impl FnMut() -> Result<()>,
    mut of_candle: impl FnMut() -> Result<()>,
) -> Result<()> {
    let (mut ours_rates, mut candle_rates) = (vec![], vec![]);
    turn(&mut ours)?;
    turn(&mut of_candle)?;
    for _ in 0..TURNS {
        ours_rates.push(turn(&mut ours)?);
        candle_rates.push(turn(&mut of_candle)?);
    }
    let [ours, of_candle] = [ours_rates, candle_rates].map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    println!("{work}: {ours:.0} images/s, candle's own layers {of_candle:.1}: {:.0} x", ours / of_candle);
    Ok(())
}

/// Runs steps for a second, at least one; returns images per second.
fn turn(step: &mut impl FnMut() -> Result<()>) -> Result<f64> {
    let (start, mut steps) = (Instant::now(), 0);
    while steps == 0 || start.elapsed().as_secs_f64() < 1.0 {
        step()?;
        steps += 1;
    }
    Ok((steps * BATCH) as f64 / start.elapsed().as_secs_f64())
}

/// ResNet-20 v2 with option A's shortcuts, of candle's layers; tensors have our names.
struct CandleResNet {
    stem: Conv2d,
    units: Vec<Unit>,
    norm: BatchNorm,
    head: Linear,
}

impl CandleResNet {
    fn new(vb: &VarBuilder) -> Result<Self> {
        let mut units = vec![];
        let mut channels = 16;
        for (stage, out) in [16, 32, 64].into_iter().enumerate() {
            for block in 0..3 {
                units.push(Unit::new(channels, out, &vb.pp(format!("stages.{stage}.blocks.{block}")))?);
                channels = out;
            }
        }
        units[0].is_first = true;
        Ok(CandleResNet {
            stem: conv3x3(3, 16, 1, vb.pp("stem.conv"))?,
            units,
            norm: batch_norm(64, 1e-5, vb.pp("norm"))?,
            head: linear(64, 10, vb.pp("head.fc"))?,
        })
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let train = mode == Mode::Train;
        let mut x = self.stem.forward(images)?;
        for unit in &self.units {
            x = unit.forward(&x, train)?;
        }
        let x = self.norm.forward_t(&x, train)?.relu()?;
        self.head.forward(&x.mean(D::Minus1)?.mean(D::Minus1)?)
    }
}

/// Figure 4(e): batch norm, ReLU, convolution, twice, added to the shortcut.
struct Unit {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
    added_channels: usize,
    is_first: bool,
}

impl Unit {
    fn new(channels: usize, out: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Unit {
            norm1: batch_norm(channels, 1e-5, vb.pp("norm1"))?,
            conv1: conv3x3(channels, out, if channels == out { 1 } else { 2 }, vb.pp("conv1"))?,
            norm2: batch_norm(out, 1e-5, vb.pp("norm2"))?,
            conv2: conv3x3(out, out, 1, vb.pp("conv2"))?,
            added_channels: out - channels,
            is_first: false,
        })
    }

    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let activated = self.norm1.forward_t(x, train)?.relu()?;
        let branch = self.conv1.forward(&activated)?;
        let branch = self.conv2.forward(&self.norm2.forward_t(&branch, train)?.relu()?)?;
        // The first unit's shortcut starts after the activation: the paper's appendix.
        let x = if self.is_first { &activated } else { x };
        let shortcut = match self.added_channels {
            0 => x.clone(),
            // Every second pixel, and zeros for the channels that come new.
            added => {
                let even = Tensor::arange_step(0, x.dim(D::Minus1)? as u32, 2, x.device())?;
                x.index_select(&even, 2)?.index_select(&even, 3)?.pad_with_zeros(1, added / 2, added / 2)?
            }
        };
        shortcut + branch
    }
}

fn conv3x3(channels: usize, out: usize, stride: usize, vb: VarBuilder) -> Result<Conv2d> {
    conv2d_no_bias(channels, out, 3, Conv2dConfig { padding: 1, stride, ..Default::default() }, vb)
}
