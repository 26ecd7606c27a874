//! The original and the full pre-activation unit against PyTorch: every field of units.json, by the weight recipe.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use resnet_blocks::{FullPreActivation, Original, Unit, UnitConfig};
use resnet_ops::Mode;
use resnet_testing::golden::{self, Measure, measure, probe};
use resnet_testing::{recipe, table};

/// The project's bound, relative to a tensor's norm.
const TOLERANCE: f64 = 1e-4;

/// The unit's tensors as variables, filled by the recipe, and a builder over them.
fn variables(golden: &golden::Unit) -> Result<(BTreeMap<String, Var>, VarBuilder<'static>)> {
    let stored = golden.state_dict.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    let variable = |(name, shape): &(String, Vec<usize>)| {
        let tensor = Tensor::from_vec(recipe::tensor(name, shape), shape.as_slice(), &Device::Cpu)?;
        Ok((name.clone(), Var::from_tensor(&tensor)?))
    };
    let variables = stored.map(variable).collect::<Result<BTreeMap<_, _>>>()?;
    let tensors: HashMap<String, Tensor> =
        variables.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    Ok((variables, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)))
}

fn measured(name: &str, tensor: &Tensor) -> Measure {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    measure(name, &values.expect("f32 on the CPU"))
}

/// Everything the golden holds, as found and as expected, in rows with names.
fn rows(
    kind: &str,
    build: impl Fn(VarBuilder) -> Result<Box<dyn Unit>>,
) -> Result<Vec<(String, Measure, Measure)>> {
    let golden = golden::unit(kind);
    let (variables, vb) = variables(&golden)?;
    let unit = build(vb)?;
    let len = golden.input.shape.iter().product();
    let tensor = |values: Vec<f32>| Tensor::from_vec(values, golden.input.shape.as_slice(), &Device::Cpu);
    let x = Var::from_tensor(&tensor(recipe::signed(&golden.input.name, len))?)?;

    let eval = unit.forward(&x, Mode::Eval)?;
    let mut rows = vec![("eval output".to_owned(), measured("output", &eval), golden.eval_output)];
    for name in golden.running_statistics_after.keys() {
        let untouched = recipe::tensor(name, variables[name].dims());
        assert_eq!(variables[name].to_vec1::<f32>()?, untouched, "evaluation changed {name}");
    }

    let train = unit.forward(&x, Mode::Train)?;
    let gradients = (&train * tensor(probe("output", len))?)?.sum_all()?.backward()?;
    let gradient = |var: &Var| gradients.get(var).expect("a gradient");
    let dx = golden.input_gradient.expect("trained");
    rows.push(("train output".to_owned(), measured("output", &train), golden.train_output.expect("trained")));
    rows.push(("input gradient".to_owned(), measured(&golden.input.name, gradient(&x)), dx));
    for (name, expected) in &golden.gradients {
        rows.push((format!("gradient of {name}"), measured(name, gradient(&variables[name])), *expected));
    }
    for (name, expected) in &golden.running_statistics_after {
        rows.push((name.clone(), measured(name, &variables[name]), *expected));
    }
    Ok(rows)
}

fn check(rows: &[(String, Measure, Measure)]) {
    assert_eq!(rows.len(), 3 + 6 + 4);
    table::run(rows, |(_, found, expected)| found.compare(expected, TOLERANCE));
}

#[test]
fn the_original_unit_equals_pytorchs() -> Result<()> {
    check(&rows("original", |vb| Ok(Box::new(Original::new(UnitConfig::basic(8, 8, 1), vb)?)))?);
    Ok(())
}

#[test]
fn the_full_preactivation_unit_equals_pytorchs() -> Result<()> {
    let unit = |vb: VarBuilder| FullPreActivation::new(UnitConfig::basic(8, 8, 1), vb);
    check(&rows("full_preactivation", |vb| Ok(Box::new(unit(vb)?)))?);
    Ok(())
}
