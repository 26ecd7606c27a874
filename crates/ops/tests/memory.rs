//! What training saves in memory changes nothing else.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Graph, Layer, Learning, Mode, Recompute, Shape};
use resnet_testing::{recipe, uniform};

/// Four pre-activation bottleneck units of 16 channels, 4 inside.
struct Units {
    variables: VarMap,
    layers: Vec<([BatchNorm; 3], [Conv2d; 3])>,
}

impl Units {
    fn new() -> Result<Self> {
        let variables = VarMap::new();
        let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let unit = |vb: VarBuilder| {
            let norm = |channels, name: &str| BatchNorm::new(channels, vb.pp(name));
            let conv = |inputs, outputs, kernel, name: &str| {
                Conv2d::new(inputs, outputs, ConvConfig::same(kernel), vb.pp(name))
            };
            let norms = [norm(16, "norm1")?, norm(4, "norm2")?, norm(4, "norm3")?];
            Ok((norms, [conv(16, 4, 1, "conv1")?, conv(4, 4, 3, "conv2")?, conv(4, 16, 1, "conv3")?]))
        };
        let layers = (0..4).map(|index| unit(vb.pp(index))).collect::<Result<_>>()?;
        for (name, var) in variables.data().lock().expect("no poison").iter() {
            if var.dims().len() == 4 {
                var.set(&Tensor::from_vec(recipe::tensor(name, var.dims()), var.dims(), &Device::Cpu)?)?;
            }
        }
        Ok(Units { variables, layers })
    }

    /// The output and all gradients of one training step, and the plan's estimate of its memory.
    fn step(&self, recompute: Recompute) -> Result<(Vec<Vec<f32>>, usize)> {
        let dims = [2, 16, 6, 5];
        let x = Var::from_vec(uniform(1, dims.iter().product()), &dims, &Device::Cpu)?;
        let mut graph = Graph::new();
        let mut y = graph.input(Shape::of(&x)?);
        for (norms, convs) in &self.layers {
            let mut branch = y;
            for (norm, conv) in norms.iter().zip(convs) {
                branch = norm.trace_relu(&mut graph, branch)?;
                branch = conv.trace(&mut graph, branch)?;
            }
            y = graph.add(y, branch)?;
        }
        let plan = graph.finish_with(y, recompute)?;
        let y = plan.run(&[&x], Mode::Train)?;
        let gradients = y.sqr()?.sum_all()?.backward()?;
        let variables = self.variables.data().lock().expect("no poison");
        let mut names: Vec<_> = variables.keys().collect();
        names.sort();
        let mut results = vec![y.flatten_all()?.to_vec1()?];
        let all = names.into_iter().map(|name| &variables[name]).chain([&x]);
        for gradient in all.filter_map(|var| gradients.get(var)) {
            results.push(gradient.flatten_all()?.to_vec1()?);
        }
        Ok((results, plan.training_bytes()))
    }
}

#[test]
fn what_is_recomputed_has_the_bits_of_what_is_kept() -> Result<()> {
    let units = Units::new()?;
    let ((kept, spent), (recomputed, saved)) = (units.step(Recompute::Never)?, units.step(Recompute::Sums)?);
    // Of each unit a filter a layer, gamma and beta of each norm; the output and the input's gradient.
    assert_eq!(kept.len(), 4 * 9 + 2);
    assert!(kept == recomputed, "other bits");
    assert!(kept.iter().flatten().all(|value| value.is_finite()));
    // The first and the third sum; the second is kept, the last is the output. One of them is there again at
    // a time.
    let channel = 4 * 2 * 6 * 5;
    assert_eq!(spent - saved, 16 * channel, "bytes of a sum");
    Ok(())
}

/// A later layer reads a sum that a frozen part has made. What the sum is made from is not kept there, so
/// that it could not be made again.
#[test]
fn sums_of_a_frozen_part_are_kept() -> Result<()> {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let conv = |inputs, outputs, kernel, name: &str| {
        Conv2d::new(inputs, outputs, ConvConfig::same(kernel), vb.pp(name))
    };
    let layers = [conv(8, 8, 3, "stem")?, conv(8, 4, 3, "narrow")?, conv(4, 8, 1, "wide")?];
    let learned = [conv(8, 8, 3, "a")?, conv(8, 8, 3, "b")?];
    let x = Tensor::from_vec(uniform(1, 2 * 8 * 5 * 4), (2, 8, 5, 4), &Device::Cpu)?;
    let step = |recompute| -> Result<Vec<Vec<f32>>> {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(&x)?);
        graph.learn(Learning::Nothing);
        let first = layers[0].trace(&mut graph, input)?;
        let narrow = layers[1].trace(&mut graph, first)?;
        let wide = layers[2].trace(&mut graph, narrow)?;
        let sum = graph.add(first, wide)?;
        graph.learn(Learning::Everything);
        let (a, b) = (learned[0].trace(&mut graph, first)?, learned[1].trace(&mut graph, sum)?);
        let y = graph.add(a, b)?;
        let gradients = graph.finish_with(y, recompute)?.run(&[&x], Mode::Train)?.sum_all()?.backward()?;
        let variables = variables.data().lock().expect("no poison");
        let of = |name: &str| gradients.get(&variables[name]).expect("a gradient").flatten_all()?.to_vec1();
        ["a.weight", "b.weight"].into_iter().map(of).collect()
    };
    assert!(step(Recompute::Never)? == step(Recompute::Sums)?, "other bits");
    Ok(())
}

#[test]
fn of_a_stretch_of_units_only_what_it_begins_with_is_kept() -> Result<()> {
    let units = Units::new()?;
    let ((kept, spent), (recomputed, saved)) = (units.step(Recompute::Never)?, units.step(Recompute::Units)?);
    assert!(kept == recomputed, "other bits");
    // Kept: the input and three sums of 16 channels, four units of 4 + 4. Else the first two units are one
    // stretch and the third is another: the input and two sums, and two units there again.
    let channel = 4 * 2 * 6 * 5;
    assert_eq!(spent - saved, (4 * 16 + 4 * 8 - 3 * 16 - 2 * 8) * channel);
    Ok(())
}
