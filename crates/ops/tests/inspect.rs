//! Looking at each step's output: by hand, with a NaN planted, and without leaving a trace.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{VarBuilder, VarMap};
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Draws, Dropout, Graph, Layer, Mode, Plan, Shape};

/// conv1, bn1 + relu, conv2, added to bn1's output, and its variables.
fn plan(x: &Tensor) -> Result<(VarMap, Arc<Plan>)> {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let conv1 = Conv2d::new(3, 8, ConvConfig::same(3), vb.pp("conv1"))?;
    let bn1 = BatchNorm::new(8, vb.pp("bn1"))?;
    let conv2 = Conv2d::new(8, 8, ConvConfig::same(3), vb.pp("conv2"))?;
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(x)?);
    let y = conv1.trace(&mut graph, input)?;
    let y = bn1.trace_relu(&mut graph, y)?;
    let z = conv2.trace(&mut graph, y)?;
    let sum = graph.add(y, z)?;
    Ok((variables, graph.finish(sum)?))
}

fn running_mean(variables: &VarMap) -> Vec<f32> {
    variables.data().lock().unwrap()["bn1.running_mean"].to_vec1().unwrap()
}

#[test]
fn outputs_are_those_of_the_plan_and_running_statistics_stay() {
    let x = Tensor::randn(0f32, 1.0, (4, 3, 9, 7), &Device::Cpu).unwrap();
    let (variables, plan) = plan(&x).unwrap();
    for mode in [Mode::Train, Mode::Eval] {
        let before = running_mean(&variables);
        let outputs = plan.inspect(&[&x], mode).unwrap();
        assert_eq!(running_mean(&variables), before, "{mode:?}");
        let run = plan.run(&[&x], mode).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let largest = run.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let last = outputs.last().unwrap();
        // A norm that is written and one that is applied on load round alike.
        assert_eq!(last.largest.to_bits(), largest.to_bits(), "{mode:?}: {last:?}, not {largest}");
        assert!(outputs.iter().all(|output| output.not_finite == 0), "{outputs:?}");
        let names: Vec<_> = outputs.iter().map(|output| output.layer.as_str()).collect();
        assert_eq!(names.first(), Some(&"conv1"));
        assert!(names.contains(&"bn1") && names.ends_with(&["conv2"]), "{names:?}");
    }
    assert!(running_mean(&variables).iter().any(|mean| *mean != 0.0), "a run in training moves them");
}

#[test]
fn the_first_layer_that_is_not_finite_is_the_one_with_the_fault() {
    let x = Tensor::randn(0f32, 1.0, (2, 3, 8, 8), &Device::Cpu).unwrap();
    let (variables, plan) = plan(&x).unwrap();
    let weight = variables.data().lock().unwrap()["conv2.weight"].clone();
    let mut values: Vec<f32> = weight.flatten_all().unwrap().to_vec1().unwrap();
    values[0] = f32::INFINITY;
    weight.set(&Tensor::from_vec(values, weight.dims(), &Device::Cpu).unwrap()).unwrap();
    let outputs = plan.inspect(&[&x], Mode::Train).unwrap();
    let first = outputs.iter().find(|output| output.not_finite > 0).unwrap();
    assert_eq!(first.layer, "conv2");
    // The other output channels are as good as before.
    assert!(first.not_finite < 2 * 8 * 8 * 8 && first.largest > 0.0, "{first:?}");
}

#[test]
fn looking_draws_for_nobody_else() {
    let x = Tensor::ones((32, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    let draws = Draws::new(5);
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&x).unwrap());
    let output = Dropout::new(0.5, draws.clone()).unwrap().trace(&mut graph, input).unwrap();
    let plan = graph.finish(output).unwrap();
    plan.run(&[&x], Mode::Train).unwrap();
    plan.inspect(&[&x], Mode::Train).unwrap();
    assert_eq!(draws.steps(), 1);
}
