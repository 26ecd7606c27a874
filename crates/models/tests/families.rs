//! A network of each family of timm's and transformers' against PyTorch in f64 on small images of odd
//! sides: names and shapes, logits, and the way through a file without a hint (tests/goldens/families.json
//! and make_families.py).

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use resnet_models::checkpoint::{self, Dialect, Metadata, Policy};
use resnet_models::{Model, registry};
use resnet_ops::Mode;
use resnet_testing::golden::{self, Family};
use resnet_testing::{max_relative_to_norm, near, recipe, table};

/// Errors in units of the logits' root mean square; the project's bound is 1e-4.
const TOLERANCE: f64 = 1e-4;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// As in training's own evaluation, and with everything folded for inference.
fn logits(model: &Model, family: &Family) -> Result<[Vec<f32>; 2], String> {
    let [n, c, h, w] = family.input;
    let images = Tensor::from_vec(recipe::batch(n, h, w), (n, c, h, w), &Device::Cpu).map_err(text)?;
    let plain = model.forward(&images, Mode::Eval).map_err(text)?;
    let folded = model.network().for_inference().logits(&images).map_err(text)?;
    let values = |logits: Tensor| logits.flatten_all().and_then(|logits| logits.to_vec1()).map_err(text);
    Ok([values(plain)?, values(folded)?])
}

fn check(family: &Family) -> Result<(), String> {
    let dialect: Dialect = family.dialect.parse().map_err(text)?;
    let spec = registry::find(&family.model, family.logits[0].len()).map_err(text)?;
    let outline = Model::init(&spec, 0).map_err(text)?;
    let mut theirs = BTreeMap::new();
    let mut lines = String::new();
    let mut named: Vec<_> =
        outline.variables().iter().map(|(name, variable)| (dialect.foreign(name), variable.dims())).collect();
    named.sort();
    for (name, shape) in named {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        lines.push_str(&format!("{name} {}\n", sizes.join("x")));
        let tensor = Tensor::from_vec(recipe::tensor(&name, shape), shape, &Device::Cpu).map_err(text)?;
        theirs.insert(name, Var::from_tensor(&tensor).map_err(text)?);
    }
    let hash = format!("{:016x}", recipe::fnv1a64(&lines));
    if hash != family.names {
        return Err(format!(
            "names and shapes are not PyTorch's; ours begin with {:?}",
            lines.lines().take(3)
        ));
    }

    let folder = tempfile::tempdir().map_err(text)?;
    let file = folder.path().join("net.safetensors");
    checkpoint::save(&file, &theirs, &Metadata::default()).map_err(text)?;
    let read = checkpoint::read(&file).map_err(text)?;
    let found = read.infer_spec().map_err(text)?;
    if found != spec {
        return Err(format!("the file looks like {found:?}"));
    }
    read.load_into(&outline, Policy::STRICT).map_err(text)?;
    let expected = family.logits.concat();
    for (how, found) in ["traced", "folded"].into_iter().zip(logits(&outline, family)?) {
        let error = max_relative_to_norm(&found, &expected);
        eprintln!("{} ({dialect}), {how}: {error:.2e} of the logits' root mean square", family.model);
        near(how, &found, &expected, TOLERANCE)?;
    }
    Ok(())
}

#[test]
fn every_family_is_pytorchs() {
    let families = golden::families();
    assert_eq!(families.len(), 26);
    table::run_in_parallel(&families, check);
}
