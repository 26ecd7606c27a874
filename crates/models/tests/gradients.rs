//! Every weight of every kind of network gets a gradient from the loss.

use candle_core::{Device, Tensor};
use resnet_models::{Model, registry};
use resnet_ops::{Mode, softmax_cross_entropy};
use resnet_testing::{recipe, table};

/// One of each family, unit, stem and shortcut, and the size of its images.
const NETWORKS: [(&str, usize); 16] = [
    ("resnet20-v1", 16),
    ("resnet29-v2", 16),
    ("resnet18-v1-imagenet", 64),
    ("resnet50-v1-imagenet", 64),
    ("resnet18-v2-imagenet", 64),
    ("resnet18", 64),
    ("resnet50", 64),
    ("wide_resnet50_2", 64),
    ("resnetv2_18", 64),
    ("resnetv2_50", 64),
    ("resnet26t", 64),
    ("resnet50s", 64),
    ("resnet50_gn", 64),
    ("resnetv2_34d", 64),
    ("resnetv2_50d_gn", 64),
    ("resnetv2_50x1_bit", 64),
];

/// The number of weights of the network called `name`, all of which had a gradient.
fn step(name: &str, size: usize) -> candle_core::Result<Result<(), String>> {
    let spec = registry::find(name, 10).expect("a name of the registry");
    let model = Model::init(&spec, 1)?;
    let images = Tensor::from_vec(recipe::batch(2, size, size), (2, 3, size, size), &Device::Cpu)?;
    let logits = model.forward(&images, Mode::Train)?;
    let gradients = softmax_cross_entropy(&logits, &Tensor::new(&[3u32, 7], &Device::Cpu)?)?.backward()?;
    let mut faults = vec![];
    for (name, variable) in model.variables() {
        let size = match gradients.get(variable) {
            Some(gradient) => gradient.sqr()?.sum_all()?.to_scalar::<f32>()?,
            None => 0.0,
        };
        // Statistics are no weights.
        if name.contains("running_") == (size > 0.0) || !size.is_finite() {
            faults.push(format!("{name}: {size}"));
        }
    }
    Ok(if faults.is_empty() { Ok(()) } else { Err(faults.join(", ")) })
}

#[test]
fn every_weight_gets_one() {
    table::run_in_parallel(&NETWORKS, |(name, size)| step(name, *size).map_err(|error| error.to_string())?);
}
