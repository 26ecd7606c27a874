//! Networks against PyTorch's: names, shapes, parameter counts and logits on weights of the recipe.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use resnet_models::{Model, registry, summary};
use resnet_ops::Mode;
use resnet_testing::golden::{self, Logits};
use resnet_testing::{compare, recipe, table};

/// A golden file and the registry's name of its network.
const NETWORKS: [(&str, &str); 11] = [
    ("cifar.resnet20_v1_a", "resnet20-v1"),
    ("cifar.resnet110_v1_a", "resnet110-v1"),
    ("cifar.resnet20_v2_b", "resnet20-v2-b"),
    ("cifar.resnet164_v2_b", "resnet164-v2-b"),
    ("cifar.resnet8_v2_b_wide_by_4", "resnet8-v2-wide-by-4"),
    ("torchvision.resnet18", "resnet18"),
    ("torchvision.resnet50", "resnet50"),
    ("timm.resnet50d", "resnet50d"),
    ("timm.resnetv2_18", "resnetv2_18"),
    ("timm.resnetv2_50", "resnetv2_50"),
    ("timm.resnetv2_50x1_bit", "resnetv2_50x1_bit"),
];

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The network, its weights filled by the recipe.
fn model(name: &str, golden: &Logits) -> Result<Model, String> {
    let spec = registry::find(name, golden.logits[0].len()).map_err(text)?;
    let model = Model::init(&spec, 0).map_err(text)?;
    for (name, variable) in model.variables() {
        let values = recipe::tensor(name, variable.dims());
        let tensor = Tensor::from_vec(values, variable.dims(), &Device::Cpu).map_err(text)?;
        variable.set(&tensor).map_err(text)?;
    }
    Ok(model)
}

#[test]
fn names_and_shapes_are_pytorchs() {
    table::run(&NETWORKS, |(file, name)| {
        let golden = golden::logits(file);
        let model = model(name, &golden)?;
        // The counter of batches has a use in PyTorch only where the momentum is not fixed.
        let counted = |name: &str| name.ends_with("num_batches_tracked");
        let theirs: BTreeMap<_, _> =
            golden.state_dict.into_iter().filter(|(name, _)| !counted(name)).collect();
        let ours = model.variables().iter();
        let ours: BTreeMap<_, _> =
            ours.map(|(name, variable)| (name.clone(), variable.dims().to_vec())).collect();
        if ours == theirs {
            return Ok(());
        }
        let apart = |a: &BTreeMap<String, Vec<usize>>, b: &BTreeMap<String, Vec<usize>>| -> Vec<String> {
            let differ = a.iter().filter(|(name, shape)| b.get(*name) != Some(shape));
            differ.map(|(name, shape)| format!("{name} {shape:?}")).take(8).collect()
        };
        Err(format!("only ours: {:?}; only PyTorch's: {:?}", apart(&ours, &theirs), apart(&theirs, &ours)))
    });
}

#[test]
fn parameter_counts_are_pytorchs() {
    table::run(&NETWORKS, |(file, name)| {
        let golden = golden::logits(file);
        let spec = registry::find(name, golden.logits[0].len()).map_err(text)?;
        let counted = summary::of(&spec).map_err(text)?.parameters;
        if counted == golden.parameters {
            Ok(())
        } else {
            Err(format!("{counted} parameters where PyTorch has {}", golden.parameters))
        }
    });
}

#[test]
fn logits_are_pytorchs() {
    table::run(&NETWORKS, |(file, name)| {
        let golden = golden::logits(file);
        let model = model(name, &golden)?;
        let [n, c, h, w] = golden.input;
        let images = Tensor::from_vec(recipe::batch(n, h, w), (n, c, h, w), &Device::Cpu).map_err(text)?;
        let expected = golden.logits.concat();
        // A logit is a sum of many terms: near zero, its error is judged by a tenth of that of all logits.
        // BiT's forty-nine group norms on filters of variance 1 magnify roundings: PyTorch in f32 is 2e-5
        // from its own f64.
        let near_zero = if name.ends_with("_bit") { 1e-4 } else { 1e-5 };
        let size = (expected.iter().map(|e| e * e).sum::<f64>() / expected.len() as f64).sqrt();
        let ready = model.network().for_inference();
        for (how, logits) in
            [("traced", model.forward(&images, Mode::Eval)), ("folded", ready.logits(&images))]
        {
            let logits = logits.and_then(|logits| logits.flatten_all()?.to_vec1::<f32>()).map_err(text)?;
            let worst = resnet_testing::max_relative_to_norm(&logits, &expected);
            eprintln!("{name}, {how}: largest difference {worst:.2e} of the logits' root mean square");
            compare(&logits, &expected, near_zero * size, 1e-4).map_err(|fault| format!("{how}: {fault}"))?;
        }
        Ok(())
    });
}
