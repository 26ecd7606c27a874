//! Checkpoints through the public face: files written and read, understood, refused, damaged.

mod damage;
mod dialects;
mod loading;
mod pytorch;
mod real;
mod saving;

use std::collections::BTreeMap;
use std::path::Path;

use resnet_models::checkpoint::{self, Metadata};
use resnet_models::{Model, registry};

/// A network with weights of its own.
fn model(name: &str, classes: usize, seed: u64) -> Model {
    Model::init(&registry::find(name, classes).unwrap(), seed).unwrap()
}

/// Every variable's bits.
fn bits(model: &Model) -> BTreeMap<String, Vec<u32>> {
    let values = |variable: &candle_core::Var| variable.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let bits = |variable| values(variable).into_iter().map(f32::to_bits).collect();
    model.variables().iter().map(|(name, variable)| (name.clone(), bits(variable))).collect()
}

/// Writes a model's variables under other names, or none for those that `rename` drops.
fn save_renamed(path: &Path, model: &Model, rename: impl Fn(&str) -> Option<String>) {
    let variables = model.variables().iter();
    let renamed = variables.filter_map(|(name, variable)| Some((rename(name)?, variable.clone()))).collect();
    checkpoint::save(path, &renamed, &Metadata::default()).unwrap();
}
