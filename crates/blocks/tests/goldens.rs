//! The ten units of figures 2 and 4 against PyTorch: every field of units.json, by the weight recipe.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use resnet_blocks::{
    BnAfterAddition, ConstantScaling, ConvShortcut, DropoutShortcut, ExclusiveGating, FullPreActivation,
    Original, ReluBeforeAddition, ReluOnlyPreActivation, ShortcutOnlyGating, UnitConfig,
};
use resnet_ops::{Layer, Mode};
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
    build: impl Fn(VarBuilder) -> Result<Box<dyn Layer>>,
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

    let (Some(expected), Some(dx)) = (golden.train_output, golden.input_gradient) else { return Ok(rows) };
    let train = unit.forward(&x, Mode::Train)?;
    let gradients = (&train * tensor(probe("output", len))?)?.sum_all()?.backward()?;
    let gradient = |var: &Var| gradients.get(var).expect("a gradient");
    rows.push(("train output".to_owned(), measured("output", &train), expected));
    rows.push(("input gradient".to_owned(), measured(&golden.input.name, gradient(&x)), dx));
    for (name, expected) in &golden.gradients {
        rows.push((format!("gradient of {name}"), measured(name, gradient(&variables[name])), *expected));
    }
    for (name, expected) in &golden.running_statistics_after {
        rows.push((name.clone(), measured(name, &variables[name]), *expected));
    }
    Ok(rows)
}

/// All ten units by their names in the file.
fn unit(kind: &str, vb: VarBuilder) -> Result<Box<dyn Layer>> {
    let config = UnitConfig::basic(8, 8, 1);
    Ok(match kind {
        "original" => Box::new(Original::new(config, vb)?),
        "constant_scaling" => Box::new(ConstantScaling::new(config, (0.5, 0.5), vb)?),
        "exclusive_gating" => Box::new(ExclusiveGating::new(config, -6.0, vb)?),
        "shortcut_only_gating" => Box::new(ShortcutOnlyGating::new(config, -6.0, vb)?),
        "conv_shortcut" => Box::new(ConvShortcut::new(config, vb)?),
        "dropout_shortcut" => Box::new(DropoutShortcut::new(config, 0.5, vb)?),
        "bn_after_addition" => Box::new(BnAfterAddition::new(config, vb)?),
        "relu_before_addition" => Box::new(ReluBeforeAddition::new(config, vb)?),
        "relu_only_preactivation" => Box::new(ReluOnlyPreActivation::new(config, vb)?),
        "full_preactivation" => Box::new(FullPreActivation::new(config, vb)?),
        _ => candle_core::bail!("{kind} is none of the ten units"),
    })
}

#[test]
fn every_unit_of_figures_2_and_4_equals_pytorchs() -> Result<()> {
    let kinds: Vec<String> = golden::units().into_iter().map(|unit| unit.kind).collect();
    assert_eq!(kinds.len(), 10);
    let mut all = Vec::new();
    for kind in kinds {
        let rows = rows(&kind, |vb| unit(&kind, vb))?;
        // Output and input gradient of training, six parameters, four running statistics; gates have two
        // parameters more, a shortcut's convolution three and two statistics. Dropout's training is random.
        let expected = match kind.as_str() {
            "dropout_shortcut" => 1,
            "exclusive_gating" | "shortcut_only_gating" => 15,
            "conv_shortcut" => 18,
            _ => 13,
        };
        assert_eq!(rows.len(), expected, "{kind}");
        all.extend(rows.into_iter().map(|(what, found, wanted)| (format!("{kind}: {what}"), found, wanted)));
    }
    table::run(&all, |(_, found, expected)| found.compare(expected, TOLERANCE));
    Ok(())
}
