//! One of our units among candle's own layers: trained, saved, loaded into a second network and evaluated.
//!
//!     cargo run -p resnet-blocks --example in_a_candle_network

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{AdamW, Conv2d, Conv2dConfig, Linear, Module as _, Optimizer as _};
use candle_nn::{VarBuilder, VarMap, conv2d, linear, loss};
use resnet_blocks::{FullPreActivation, UnitConfig};

const CLASSES: usize = 4;
const IMAGES: usize = 32;
const STEPS: usize = 40;

/// A convolution of candle's, a unit of ours, a linear layer of candle's.
struct Network {
    stem: Conv2d,
    unit: FullPreActivation,
    head: Linear,
}

impl Network {
    fn new(vb: VarBuilder) -> Result<Self> {
        Ok(Network {
            stem: conv2d(3, 16, 3, Conv2dConfig { padding: 1, ..Default::default() }, vb.pp("stem"))?,
            unit: FullPreActivation::new(UnitConfig::basic(16, 32, 2), vb.pp("unit"))?,
            head: linear(32, CLASSES, vb.pp("head"))?,
        })
    }

    /// `[N, 3, H, W]` to logits `[N, CLASSES]`.
    fn logits(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let features = self.stem.forward(images)?.apply_t(&self.unit, train)?.relu()?;
        self.head.forward(&features.mean((2, 3))?)
    }
}

fn main() -> Result<()> {
    let variables = VarMap::new();
    let network = Network::new(VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;

    // Noise, the brighter the higher the class.
    let labels = Tensor::from_iter((0..IMAGES).map(|image| (image % CLASSES) as u32), &Device::Cpu)?;
    let brightness = labels.to_dtype(DType::F32)?.reshape((IMAGES, 1, 1, 1))?;
    let images = Tensor::randn(0f32, 1.0, (IMAGES, 3, 16, 16), &Device::Cpu)?.broadcast_add(&brightness)?;

    // The running statistics of batch norm are variables too. They have no gradient: no optimizer moves them.
    let mut optimizer = AdamW::new_lr(variables.all_vars(), 1e-2)?;
    for step in 1..=STEPS {
        let loss = loss::cross_entropy(&network.logits(&images, true)?, &labels)?;
        optimizer.backward_step(&loss)?;
        if step == 1 || step.is_multiple_of(10) {
            println!("step {step:2}: loss {:.3}", loss.to_scalar::<f32>()?);
        }
    }

    let file = std::env::temp_dir().join(format!("in_a_candle_network-{}.safetensors", std::process::id()));
    variables.save(&file)?;
    let mut loaded = VarMap::new();
    let second = Network::new(VarBuilder::from_varmap(&loaded, DType::F32, &Device::Cpu))?;
    loaded.load(&file)?;
    std::fs::remove_file(&file)?;

    let guesses = second.logits(&images, false)?.argmax(1)?;
    let right = guesses.eq(&labels)?.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
    println!("the loaded network is right about {:.0} % of the images", 100.0 * right);
    Ok(())
}
