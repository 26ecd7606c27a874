//! What training saves, in memory by computing again and in gradients by freezing, changes no other number.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use resnet_models::{Frozen, Model, ModelOptions, registry};
use resnet_ops::{Learning, Mode, Recompute, softmax_cross_entropy};
use resnet_testing::{near, recipe, table};

/// One of each placement, shortcut, branch, norm and stem, with a few units a stage, and the size of its
/// images.
const NETWORKS: [(&str, usize); 14] = [
    ("resnet20-v1", 16),
    ("resnet20-v1-one-layer", 16),
    ("resnet20-v2", 16),
    ("resnet29-v1", 16),
    ("resnet29-v2", 16),
    ("resnet20-bn-after-addition", 16),
    ("resnet20-relu-before-addition", 16),
    ("resnet20-relu-only-preactivation", 16),
    ("resnet20-constant-scaling", 16),
    ("resnet20-exclusive-gating", 16),
    ("resnet20-conv-shortcut", 16),
    ("resnet20-dropout-shortcut-by-0.2", 16),
    ("resnet26t", 64),
    ("resnet50_gn", 64),
];

/// Everything that a training step leaves: logits, gradients and running statistics, by name.
type Left = BTreeMap<String, Vec<f32>>;

/// A training step of a network prepared by `prepare`, and the estimate of its memory.
fn step((name, size): (&str, usize), prepare: impl Fn(&mut Model)) -> Result<(Left, usize)> {
    let spec = registry::find(name, 10).expect("a name of the registry");
    let options = ModelOptions { seed: 1, stochastic_depth: 0.3, ..ModelOptions::default() };
    let mut model = Model::with_options(&spec, &options)?;
    prepare(&mut model);
    let images = Tensor::from_vec(recipe::batch(2, size, size), (2, 3, size, size), &Device::Cpu)?;
    let logits = model.forward(&images, Mode::Train)?;
    let gradients = softmax_cross_entropy(&logits, &Tensor::new(&[3u32, 7], &Device::Cpu)?)?.backward()?;
    let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let mut left = Left::from([("logits".to_owned(), values(&logits)?)]);
    for (name, variable) in model.variables() {
        match gradients.get(variable) {
            Some(gradient) => left.insert(format!("gradient of {name}"), values(gradient)?),
            None if name.contains("running_") => left.insert(name.clone(), values(variable)?),
            None => None,
        };
    }
    Ok((left, model.network().training_bytes(2, [size, size])?))
}

/// The arrays of `other` that have other bits in `left`.
fn differences<'a>(left: &Left, other: &'a Left) -> Vec<&'a str> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let differ = other.iter().filter(|(name, values)| bits(&left[*name]) != bits(values));
    differ.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_is_computed_again_has_the_bits_of_what_is_kept() {
    table::run(&NETWORKS, |network| {
        let with = |recompute| step(*network, |model| model.network_mut().set_recompute(recompute));
        let (kept, spent) = with(Recompute::Never).map_err(|error| error.to_string())?;
        for recompute in [Recompute::Sums, Recompute::Units] {
            let (again, bytes) = with(recompute).map_err(|error| error.to_string())?;
            if again.len() != kept.len() {
                return Err(format!("{recompute:?}: {} arrays instead of {}", again.len(), kept.len()));
            }
            let differ = differences(&kept, &again);
            if !differ.is_empty() {
                return Err(format!("{recompute:?}: {differ:?} have other bits"));
            }
            if recompute == Recompute::Units && bytes >= spent {
                return Err(format!("{bytes} bytes are not less than {spent}"));
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_frozen_has_no_gradient_and_what_is_not_keeps_its_own() {
    table::run(&NETWORKS, |network| {
        let freeze = |parts, learning| {
            step(*network, |model| model.network_mut().set_frozen(Frozen { parts, learning }))
                .map_err(|error| error.to_string())
        };
        let (whole, spent) = freeze(0, Learning::Everything)?;
        let (frozen, bytes) = freeze(2, Learning::Statistics)?;
        let spec = registry::find(network.0, 10).expect("a name of the registry");
        let trains =
            |name: &str| name.strip_prefix("gradient of ").is_none_or(|name| spec.part_of(name) >= 2);
        let expected: Vec<&String> = whole.keys().filter(|name| trains(name)).collect();
        if !frozen.keys().eq(expected.iter().copied()) {
            return Err(format!("{:?} instead of {expected:?}", frozen.keys()));
        }
        // A convolution whose input needs no gradient is another kernel, which sums in another order.
        let is_first = |name: &str| name.contains("layer2.0.conv") || name.contains("stages.1.blocks.0.conv");
        for name in differences(&whole, &frozen) {
            if !is_first(name) {
                return Err(format!("{name} has other bits"));
            }
            let expected: Vec<f64> = whole[name].iter().map(|value| f64::from(*value)).collect();
            near(name, &frozen[name], &expected, 1e-5)?;
        }
        if bytes >= spent {
            return Err(format!("{bytes} bytes are not less than {spent}"));
        }
        // Running statistics are 0 and 1 before the first step.
        let (still, _) = freeze(2, Learning::Nothing)?;
        for (name, values) in still.iter().filter(|(name, _)| name.contains("running_")) {
            let start = if name.ends_with("mean") { 0.0 } else { 1.0 };
            if (spec.part_of(name) < 2) != values.iter().all(|value| *value == start) {
                return Err(format!("{name} does not do as it should"));
            }
        }
        Ok(())
    });
}

/// `ResNet-1001` on the paper's batch of 128 images: what the issue of its memory asks for.
#[test]
fn resnet_1001_is_trained_in_5_gb() {
    let spec = registry::find("resnet1001-v2", 10).expect("a name of the registry");
    let mut model = Model::init(&spec, 0).expect("a network");
    let mut bytes = |recompute| {
        model.network_mut().set_recompute(recompute);
        model.network().training_bytes(128, [32, 32]).expect("it is counted")
    };
    let [never, sums, units, auto] =
        [Recompute::Never, Recompute::Sums, Recompute::Units, Recompute::Auto].map(&mut bytes);
    assert!(never > 9_500_000_000 && sums < never * 3 / 4, "{never} {sums}");
    assert!(units < 2_000_000_000, "{units}");
    assert!(auto <= 4 << 30 && auto > 3_000_000_000, "no more is computed again than it takes: {auto}");
}
