//! A plan as text: what is traced, what is folded and what the backward pass keeps can be read.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};
use resnet_ops::{
    BatchNorm, Conv2d, ConvConfig, Draws, DropPath, Dropout, Graph, GroupNorm, GroupNormConfig, Layer,
    Linear, Mode, PoolConfig, Shape, ZeroPadConfig,
};

const INPUT: Shape = Shape::Map { images: 2, channels: 4, height: 8, width: 6 };

#[test]
fn a_full_preactivation_unit() -> Result<()> {
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let mut graph = Graph::new();
    let x = graph.input(INPUT);
    let mut y = x;
    for index in ["1", "2"] {
        y = BatchNorm::new(4, vb.pp(format!("bn{index}")))?.trace_relu(&mut graph, y)?;
        y = Conv2d::new(4, 4, ConvConfig::same(3), vb.pp(format!("conv{index}")))?.trace(&mut graph, y)?;
    }
    let sum = graph.add(x, y)?;
    // The addition is folded into the second convolution's store.
    let expected = "\
%0 [2, 4, 8, 6] = input
%1 [2, 4, 8, 6] = bn1: batch norm + relu (%0), keeps %0
%2 [2, 4, 8, 6] = conv1: conv 3x3 (%1), keeps %1
%3 [2, 4, 8, 6] = bn2: batch norm + relu (%2), keeps %2
%5 [2, 4, 8, 6] = conv2: conv 3x3 + residual (%3, %0), keeps %3
return %5
";
    assert_eq!(graph.finish(sum)?.to_string(), expected);
    Ok(())
}

#[test]
fn every_other_kind_of_step() -> Result<()> {
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let mut graph = Graph::new();
    let x = graph.input(INPUT);
    let config = GroupNormConfig { channels: 4, groups: 2 };
    let y = GroupNorm::new(config, vb.pp("norm"))?.trace(&mut graph, x)?;
    let y = graph.relu(y);
    let y = Dropout::new(0.5, Draws::new(0))?.trace(&mut graph, y)?;
    let y = DropPath::new(0.25, Draws::new(0))?.trace(&mut graph, y)?;
    let y = graph.scale(y, 0.5);
    let y = graph.add_relu(x, y)?;
    let y = graph.gate(resnet_ops::Gate::Carry, x, y)?;
    let y = graph.max_pool(y, PoolConfig { kernel: 3, stride: 2, padding: 1 })?;
    let y = graph.avg_pool_2x2_ceil(y)?;
    let y = graph.zero_pad_shortcut(y, ZeroPadConfig { out_channels: 8, stride: 1 })?;
    let y = graph.global_avg_pool(y)?;
    let y = Linear::new(8, 3, vb.pp("fc"))?.trace(&mut graph, y)?;
    let expected = "\
%0 [2, 4, 8, 6] = input
%1 [2, 4, 8, 6] = norm: group norm of 2 (%0), keeps %0
%2 [2, 4, 8, 6] = relu (%1), keeps %2
%3 [2, 4, 8, 6] = dropout, 0.5 stay (%2)
%4 [2, 4, 8, 6] = drop path, 0.75 stay (%3)
%5 [2, 4, 8, 6] = times 0.5 (%4)
%6 [2, 4, 8, 6] = add + relu (%0, %5), keeps %6
%7 [2, 4, 8, 6] = carry gate (%0, %6), keeps %0, %6
%8 [2, 4, 4, 3] = maximum pool 3x3 (%7), keeps %7
%9 [2, 4, 2, 2] = average pool 2x2 / 2 (%8)
%10 [2, 8, 2, 2] = zero-padding shortcut (%9)
%11 [2, 8] = global average pool (%10)
%12 [2, 3] = fc: linear (%11), keeps %11
return %12
";
    assert_eq!(graph.finish(y)?.to_string(), expected);
    Ok(())
}

#[test]
fn eps_and_momentum_are_the_layers() -> Result<()> {
    let vb = || VarBuilder::zeros(DType::F32, &Device::Cpu);
    let ones = VarBuilder::from_tensors(
        ["weight", "bias", "running_mean", "running_var"]
            .map(|name| (name.to_owned(), Tensor::ones(1, DType::F32, &Device::Cpu).expect("a vector")))
            .into_iter()
            .collect(),
        DType::F32,
        &Device::Cpu,
    );
    let x = Tensor::new(&[[[[3f32, 5.0]]]], &Device::Cpu)?;
    let norm = BatchNorm::new(1, ones)?.with_eps(3.0)?.with_momentum(0.5)?;
    // (x - 1) / sqrt(1 + 3) + 1
    assert_eq!(norm.forward(&x, Mode::Eval)?.flatten_all()?.to_vec1::<f32>()?, [2.0, 3.0]);
    // Mean 4, unbiased variance 2.
    norm.forward_t(&x, true)?;
    let (mean, var) = norm.running_statistics();
    assert_eq!((mean.to_vec1::<f32>()?, var.to_vec1::<f32>()?), (vec![2.5], vec![1.5]));

    for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(BatchNorm::new(1, vb())?.with_eps(eps).is_err(), "{eps}");
        let config = GroupNormConfig { channels: 1, groups: 1 };
        assert!(GroupNorm::new(config, vb())?.with_eps(eps).is_err(), "{eps}");
        let conv = Conv2d::new(1, 1, ConvConfig::same(1), vb())?;
        assert!(conv.with_standardised_weight(eps).is_err(), "{eps}");
    }
    for momentum in [-0.1, 1.1, f64::NAN] {
        assert!(BatchNorm::new(1, vb())?.with_momentum(momentum).is_err(), "{momentum}");
    }
    Ok(())
}
