//! Units of every branch and shortcut against the same formula written with single functions: outputs, all
//! gradients, running statistics, names of parameters.

#[allow(dead_code)] // the formula in f64 is for other tests
mod common;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use common::{Parameters, values};
use resnet_blocks::{
    Branch, FullPreActivation, Names, NormKind, Original, ShapeChange, ShortcutInput, StridePlace, UnitConfig,
};
use resnet_ops::{
    Layer, Mode, ZeroPadConfig, add, avg_pool_2x2_ceil, batch_norm, bn_relu, relu, zero_pad_shortcut,
};
use resnet_testing::{table, uniform};

/// Both sides compute in f32; through three norms and a few dozen products the orders of their sums differ by
/// a few times 1e-6.
const TOLERANCE: f64 = 5e-5;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Original,
    PreActivation,
    FirstPreActivation,
}

fn unit(kind: Kind, config: UnitConfig, vb: VarBuilder) -> Result<Box<dyn Layer>> {
    Ok(match kind {
        Kind::Original => Box::new(Original::new(config, vb)?),
        Kind::PreActivation => Box::new(FullPreActivation::new(config, vb)?),
        Kind::FirstPreActivation => {
            Box::new(FullPreActivation::new(config, vb)?.with_shortcut_input(ShortcutInput::Activated))
        }
    })
}

fn configs() -> Vec<UnitConfig> {
    let mut configs = Vec::new();
    for names in [Names::Torchvision, Names::Timm] {
        let changes = [ShapeChange::ZeroPadding, ShapeChange::Projection, ShapeChange::PooledProjection];
        for shape_change in changes {
            let places = [StridePlace::First1x1, StridePlace::Middle3x3].map(Branch::Bottleneck);
            for branch in [Branch::OneLayer, Branch::Basic, places[0], places[1]] {
                for (inputs, outputs, stride) in [(8, 8, 1), (3, 8, 1), (4, 12, 2), (8, 8, 2)] {
                    let width = outputs / branch.expansion();
                    let basic = UnitConfig::basic(inputs, outputs, stride);
                    let config = UnitConfig { width, branch, shape_change, names, ..basic };
                    configs.push(config);
                    // A wide unit, with an eps and a momentum of its own.
                    configs.push(UnitConfig {
                        width: 2 * width,
                        norm_eps: 0.1,
                        norm_momentum: 0.5,
                        ..config
                    });
                }
            }
        }
    }
    configs
}

/// The unit's formula with a function call for each of its operations.
fn composed(kind: Kind, config: &UnitConfig, p: &Parameters, x: &Tensor, mode: Mode) -> Result<Tensor> {
    let UnitConfig { in_channels: inputs, out_channels: outputs, stride, .. } = *config;
    let pooled = config.shape_change == ShapeChange::PooledProjection;
    let (norm, projection, projection_norm) = match config.names {
        Names::Torchvision if pooled => ("bn", "downsample.1", "downsample.2"),
        Names::Torchvision => ("bn", "downsample.0", "downsample.1"),
        Names::Timm => ("norm", "downsample.conv", "downsample.norm"),
    };
    let strides = match config.branch {
        Branch::OneLayer => vec![stride],
        Branch::Basic => vec![stride, 1],
        Branch::Bottleneck(StridePlace::First1x1) => vec![stride, 1, 1],
        Branch::Bottleneck(StridePlace::Middle3x3) => vec![1, stride, 1],
    };
    let identity = inputs == outputs && stride == 1;
    let projects = !identity && config.shape_change != ShapeChange::ZeroPadding;
    let shortcut = |x: &Tensor| match (identity, projects) {
        (true, _) => Ok(x.clone()),
        (false, false) => zero_pad_shortcut(x, ZeroPadConfig { out_channels: outputs, stride }),
        (false, true) if pooled && stride == 2 => p.conv(projection, &avg_pool_2x2_ceil(x)?, 1),
        (false, true) => p.conv(projection, x, stride),
    };
    let norm_of = |name: &str| p.norm(name).with_eps(config.norm_eps)?.with_momentum(config.norm_momentum);
    let layer =
        |i: usize| -> Result<_> { Ok((format!("conv{}", i + 1), norm_of(&format!("{norm}{}", i + 1))?)) };
    let mut y = x.clone();
    if kind == Kind::Original {
        for (i, &stride) in strides.iter().enumerate() {
            let (conv, norm) = layer(i)?;
            y = p.conv(&conv, &y, stride)?;
            y = if i + 1 < strides.len() { bn_relu(&y, &norm, mode)? } else { batch_norm(&y, &norm, mode)? };
        }
        let mut h = shortcut(x)?;
        if projects {
            h = batch_norm(&h, &norm_of(projection_norm)?, mode)?;
        }
        return relu(&add(&h, &y)?);
    }
    let mut first = None;
    for (i, &stride) in strides.iter().enumerate() {
        let (conv, norm) = layer(i)?;
        let activated = bn_relu(&y, &norm, mode)?;
        y = p.conv(&conv, &activated, stride)?;
        first.get_or_insert(activated);
    }
    let shared = kind == Kind::FirstPreActivation || projects;
    let from = if shared { first.expect("a branch has layers") } else { x.clone() };
    add(&shortcut(&from)?, &y)
}

fn near(what: &str, found: &Tensor, expected: &Tensor) -> std::result::Result<(), String> {
    if found.dims() != expected.dims() {
        return Err(format!("{what}: {:?} instead of {:?}", found.dims(), expected.dims()));
    }
    let expected: Vec<f64> = values(expected).into_iter().map(f64::from).collect();
    resnet_testing::near(what, &values(found), &expected, TOLERANCE)
}

fn gradient<'a>(gradients: &'a GradStore, var: &Var) -> &'a Tensor {
    gradients.get(var).expect("a gradient")
}

fn check(kind: Kind, config: UnitConfig, mode: Mode) -> Result<std::result::Result<(), String>> {
    let (traced, single) = (Parameters::new(), Parameters::new());
    let unit_of_one_node = unit(kind, config, traced.builder())?;
    unit(kind, config, single.builder())?;
    traced.fill()?;
    single.fill()?;
    let dims = [3, config.in_channels, 9, 7];
    let x = Var::from_vec(uniform(1, dims.iter().product()), &dims, &Device::Cpu)?;
    let y = unit_of_one_node.forward(&x, mode)?;
    let expected = composed(kind, &config, &single, &x, mode)?;
    if let Err(fault) = near("output", &y, &expected) {
        return Ok(Err(fault));
    }
    let dy = Tensor::from_vec(uniform(2, y.elem_count()), y.dims(), &Device::Cpu)?;
    let (found, expected) = ((&y * &dy)?.sum_all()?.backward()?, (expected * dy)?.sum_all()?.backward()?);
    let mut faults = Vec::new();
    faults.extend(near("dx", gradient(&found, &x), gradient(&expected, &x)).err());
    let single = single.by_name();
    for (name, var) in traced.by_name() {
        // Running statistics, after the step.
        faults.extend(near(&name, &var, &single[&name]).err());
        match (found.get(&var), expected.get(&single[&name])) {
            (Some(found), Some(expected)) if mode == Mode::Train => {
                faults.extend(near(&format!("gradient of {name}"), found, expected).err());
            }
            // Single convolutions know no evaluation, in which parameters are constants.
            (None, _) if mode == Mode::Eval || name.contains("running_") => {}
            (found, _) => faults
                .push(format!("gradient of {name}: {}", if found.is_some() { "unexpected" } else { "none" })),
        }
    }
    Ok(if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) })
}

#[test]
fn units_are_their_formula() {
    let kinds = [Kind::Original, Kind::PreActivation, Kind::FirstPreActivation];
    let cases: Vec<(Kind, UnitConfig, Mode)> = kinds
        .into_iter()
        .flat_map(|kind| configs().into_iter().map(move |config| (kind, config)))
        .flat_map(|(kind, config)| [Mode::Train, Mode::Eval].map(|mode| (kind, config, mode)))
        .collect();
    table::run(&cases, |&(kind, config, mode)| check(kind, config, mode).map_err(|e| e.to_string())?);
}

#[test]
fn a_bottleneck_whose_width_is_no_quarter_is_refused() {
    let vb = || VarBuilder::zeros(DType::F32, &Device::Cpu);
    for kind in [Kind::Original, Kind::PreActivation] {
        let fault = unit(kind, UnitConfig::bottleneck(8, 10, 1), vb())
            .expect_err("10 is no multiple of 4")
            .to_string();
        assert!(fault.contains("no multiple of 4"), "{fault}");
    }
}

#[test]
fn an_eps_or_a_momentum_that_cannot_be_is_refused() {
    let basic = UnitConfig::basic(8, 8, 1);
    let configs = [
        UnitConfig { norm_eps: 0.0, ..basic },
        UnitConfig { norm_momentum: 2.0, ..basic },
        UnitConfig { norm: NormKind::Group(4), norm_eps: f64::NAN, ..basic },
    ];
    for config in configs {
        let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
        assert!(unit(Kind::Original, config, vb).is_err(), "{config:?}");
    }
}

#[test]
fn an_input_of_other_channels_is_refused() -> Result<()> {
    let unit = Original::new(UnitConfig::basic(8, 8, 1), VarBuilder::zeros(DType::F32, &Device::Cpu))?;
    let x = Tensor::zeros((2, 7, 4, 4), DType::F32, &Device::Cpu)?;
    let fault = unit.forward(&x, Mode::Eval).expect_err("7 channels").to_string();
    assert!(fault.contains("takes 8 channels, got 7"), "{fault}");
    Ok(())
}
