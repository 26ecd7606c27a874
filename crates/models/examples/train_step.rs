//! Times training steps: `cargo run -p resnet-models --example train_step -- resnet20-v2 128`.

use std::time::Instant;

use candle_core::{Device, Tensor};
use resnet_models::{Model, registry};
use resnet_ops::{Mode, softmax_cross_entropy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "resnet20-v2".to_owned());
    let batch: usize = args.next().map_or(Ok(128), |batch| batch.parse())?;
    let model = Model::init(&registry::find(&name, 10)?, 0)?;
    let images = Tensor::randn(0f32, 1.0, (batch, 3, 32, 32), &Device::Cpu)?;
    let labels = Tensor::from_iter((0..batch as u32).map(|i| i % 10), &Device::Cpu)?;
    for _ in 0..6 {
        let start = Instant::now();
        let logits = model.forward(&images, Mode::Train)?;
        let forward = start.elapsed();
        let loss = softmax_cross_entropy(&logits, &labels)?;
        let gradients = loss.backward()?;
        let step = start.elapsed();
        for variable in model.variables().values() {
            if let Some(gradient) = gradients.get(variable) {
                variable.set(&(variable.as_tensor() - (gradient * 0.01)?)?)?;
            }
        }
        println!(
            "loss {:.4}  forward {:.0} ms, with backward {:.0} ms, with update {:.0} ms: {:.0} images/s",
            loss.to_scalar::<f32>()?,
            forward.as_secs_f64() * 1e3,
            step.as_secs_f64() * 1e3,
            start.elapsed().as_secs_f64() * 1e3,
            batch as f64 / start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
