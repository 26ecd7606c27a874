//! Equations (4) to (8) on stacks of fifty units.

#[allow(dead_code)] // formulas are for other tests
mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::{Parameters, values};
use resnet_blocks::{Placement, ResidualUnit, Shortcut, UnitConfig};
use resnet_ops::{BatchNorm, Graph, Layer, Mode, Shape, batch_norm, bn_relu, relu};
use resnet_testing::{table, uniform, within};

const UNITS: usize = 50;
const CHANNELS: usize = 8;
const DIMS: [usize; 4] = [2, CHANNELS, 6, 5];
/// The bound, relative to the root mean square.
const TOLERANCE: f64 = 1e-5;

fn tensor(seed: u64) -> Result<Tensor> {
    Tensor::from_vec(uniform(seed, DIMS.iter().product()), &DIMS[..], &Device::Cpu)
}

struct Stack {
    parameters: Parameters,
    units: Vec<ResidualUnit>,
}

/// Length of the difference over that of what was expected.
fn relative(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = &mut found.iter().zip(expected).map(|(found, expected)| found - expected);
    length(difference) / length(&mut expected.iter().copied())
}

impl Stack {
    fn new(placement: Placement, shortcut: Shortcut) -> Result<Self> {
        let (parameters, config) = (Parameters::new(), UnitConfig::basic(CHANNELS, CHANNELS, 1));
        let unit = |index| {
            ResidualUnit::new(config, placement, shortcut, parameters.builder().pp(format!("unit{index}")))
        };
        let units = (0..UNITS).map(unit).collect::<Result<_>>()?;
        parameters.fill()?;
        Ok(Stack { parameters, units })
    }

    /// All units in one graph.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.first(UNITS, x, mode)
    }

    /// The first `units` of them in one graph.
    fn first(&self, units: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(x)?);
        let output = self.units[..units].iter().try_fold(input, |x, unit| unit.trace(&mut graph, x))?;
        graph.finish(output)?.run(&[x], mode)
    }

    fn var(&self, unit: usize, name: &str) -> Var {
        self.parameters.by_name()[&format!("unit{unit}.{name}")].clone()
    }

    fn set(&self, unit: usize, name: &str, value: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
        let var = self.var(unit, name);
        var.set(&value(var.as_tensor())?)
    }

    /// `F(x)` of one unit, from single functions.
    fn branch(&self, placement: Placement, unit: usize, x: &Tensor) -> Result<Tensor> {
        let norm = |i: usize| self.parameters.norm(&format!("unit{unit}.bn{i}"));
        let conv = |i: usize, x: &Tensor| self.parameters.conv(&format!("unit{unit}.conv{i}"), x, 1);
        let mode = Mode::Train;
        match placement {
            Placement::FullPreActivation => {
                let y = conv(1, &bn_relu(x, &norm(1), mode)?)?;
                conv(2, &bn_relu(&y, &norm(2), mode)?)
            }
            Placement::ReluOnlyPreActivation => {
                let y = bn_relu(&conv(1, &relu(x)?)?, &norm(1), mode)?;
                batch_norm(&conv(2, &y)?, &norm(2), mode)
            }
            _ => {
                let y = bn_relu(&conv(1, x)?, &norm(1), mode)?;
                bn_relu(&conv(2, &y)?, &norm(2), mode)
            }
        }
    }
}

fn near(what: &str, found: &Tensor, expected: &[f64]) -> std::result::Result<(), String> {
    resnet_testing::near(what, &values(found), expected, TOLERANCE)
}

fn in_f64(tensor: &Tensor) -> Vec<f64> {
    values(tensor).into_iter().map(f64::from).collect()
}

#[test]
fn with_identities_the_signal_is_a_sum_and_the_gradient_has_a_term_of_its_own() {
    // Those with f = identity.
    let placements =
        [Placement::ReluBeforeAddition, Placement::ReluOnlyPreActivation, Placement::FullPreActivation];
    table::run(&placements, |&placement| {
        let check = || -> Result<std::result::Result<(), String>> {
            let stack = Stack::new(placement, Shortcut::Identity)?;
            let x = Var::from_tensor(&tensor(1)?)?;
            let whole = stack.forward(&x, Mode::Train)?;
            // Equation (4): x_L - x_l = sum of F(x_i), where x_i is what the first units make of x_l.
            let mut sum = vec![0.0; x.elem_count()];
            for unit in 0..UNITS {
                let at = stack.first(unit, &x, Mode::Train)?;
                let branch = in_f64(&stack.branch(placement, unit, &at)?);
                sum.iter_mut().zip(branch).for_each(|(sum, f)| *sum += f);
            }
            let difference: Vec<f64> = in_f64(&whole).iter().zip(in_f64(&x)).map(|(y, x)| y - x).collect();
            let equation_4 =
                within("relative error of equation (4)", relative(&difference, &sum), 0.0, TOLERANCE);
            // Equation (5): dE/dx_l = dE/dx_L (1 + d/dx_l sum of F(x_i)).
            let dy = tensor(2)?;
            let of_whole = (&whole * &dy)?.sum_all()?.backward()?;
            let mut energy = Tensor::zeros((), DType::F32, &Device::Cpu)?;
            let mut at = x.as_tensor().clone();
            for unit in 0..UNITS {
                let branch = stack.branch(placement, unit, &at)?;
                energy = (energy + (&branch * &dy)?.sum_all()?)?;
                at = (at + branch)?;
            }
            let of_sum = energy.backward()?;
            let gradient = |gradients: &candle_core::backprop::GradStore| {
                in_f64(gradients.get(&x).expect("a gradient of x"))
            };
            let expected: Vec<f64> =
                gradient(&of_sum).iter().zip(in_f64(&dy)).map(|(term, dy)| dy + term).collect();
            let error = relative(&gradient(&of_whole), &expected);
            Ok(equation_4.and_then(|()| within("relative error of equation (5)", error, 0.0, TOLERANCE)))
        };
        check().map_err(|error| error.to_string())?
    });
}

/// The gradient through fifty units whose branches add nothing. Evaluation, so that norms are what their
/// tensors say.
fn through_shortcuts(
    shortcut: Shortcut,
    prepare: impl Fn(&Stack, usize) -> Result<()>,
) -> Result<(Stack, Tensor, Tensor)> {
    let stack = Stack::new(Placement::Original, shortcut)?;
    for unit in 0..UNITS {
        // The branch ends in a norm: its scale and shift are its last weights.
        stack.set(unit, "bn2.weight", Tensor::zeros_like)?;
        stack.set(unit, "bn2.bias", Tensor::zeros_like)?;
        prepare(&stack, unit)?;
    }
    // Positive, so that f = ReLU passes all of it.
    let x = Var::from_tensor(&(tensor(1)?.abs()? + 0.5)?)?;
    let dy = tensor(2)?;
    let y = stack.forward(&x, Mode::Eval)?;
    let gradients = (&y * &dy)?.sum_all()?.backward()?;
    let dx = gradients.get(&x).expect("a gradient of x").clone();
    Ok((stack, dx, dy))
}

#[test]
fn without_branches_identities_pass_the_gradient_whole_and_factors_halve_it_fifty_times() -> Result<()> {
    let (_, dx, dy) = through_shortcuts(Shortcut::Identity, |_, _| Ok(()))?;
    assert_eq!(values(&dx), values(&dy));
    let halving = Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 };
    let (_, dx, dy) = through_shortcuts(halving, |_, _| Ok(()))?;
    let expected: Vec<f64> = in_f64(&dy).iter().map(|dy| dy * 0.5f64.powi(UNITS as i32)).collect();
    near("equation (8)", &dx, &expected).expect("the product of factors");
    Ok(())
}

#[test]
fn without_branches_gates_multiply_the_gradient_by_what_they_carry() -> Result<()> {
    for shortcut in [Shortcut::ShortcutOnlyGating { bias: 0.0 }, Shortcut::ExclusiveGating { bias: 0.0 }] {
        // Gates that don't depend on x, each channel's and unit's another: -6.5 to -0.5.
        let (stack, dx, dy) = through_shortcuts(shortcut, |stack, unit| {
            stack.set(unit, "gate.weight", Tensor::zeros_like)?;
            stack.set(unit, "gate.bias", |bias| {
                Tensor::from_vec(uniform(unit as u64, bias.elem_count()), bias.dims(), &Device::Cpu)?
                    .affine(3.0, -3.5)
            })
        })?;
        let mut product = [1.0; CHANNELS];
        for unit in 0..UNITS {
            let bias = in_f64(&stack.var(unit, "gate.bias"));
            product.iter_mut().zip(bias).for_each(|(product, z)| *product *= 1.0 - 1.0 / (1.0 + (-z).exp()));
        }
        assert!(product.iter().all(|product| *product < 0.1), "the gates are open: {product:?}");
        let pixels = DIMS[2] * DIMS[3];
        let dy = in_f64(&dy);
        let expected: Vec<f64> =
            dy.iter().enumerate().map(|(i, dy)| dy * product[i / pixels % CHANNELS]).collect();
        // Channels differ in size by orders of magnitude: each is held to its own.
        for channel in 0..CHANNELS {
            let of = |values: &[f64]| -> Vec<f64> {
                values
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| i / pixels % CHANNELS == channel)
                    .map(|(_, v)| *v)
                    .collect()
            };
            let what = format!("{shortcut:?}, channel {channel}");
            resnet_testing::near(what, &of(&in_f64(&dx)), &of(&expected), TOLERANCE).unwrap();
        }
    }
    Ok(())
}

#[test]
fn without_branches_convolutions_multiply_the_gradient_by_their_transposes() -> Result<()> {
    let (stack, dx, dy) = through_shortcuts(Shortcut::Convolution, |stack, unit| {
        // Norms that change nothing, and positive filters whose rows sum to about one.
        stack.set(unit, "shortcut_bn.running_mean", Tensor::zeros_like)?;
        stack.set(unit, "shortcut_bn.running_var", |var| var.ones_like()? - BatchNorm::EPS)?;
        stack.set(unit, "shortcut_bn.weight", Tensor::ones_like)?;
        stack.set(unit, "shortcut_bn.bias", Tensor::zeros_like)?;
        stack.set(unit, "shortcut.weight", |weight| {
            let values = uniform(unit as u64, weight.elem_count());
            let rest = Tensor::from_vec(values, weight.dims(), &Device::Cpu)?.abs()?;
            let eye = Tensor::eye(CHANNELS, DType::F32, &Device::Cpu)?.reshape(weight.dims())?;
            (rest / CHANNELS as f64)? + (eye * 0.5)?
        })
    })?;
    // W^T ... W^T dy in f64, a pixel at a time.
    let pixels = DIMS[2] * DIMS[3];
    let mut expected = in_f64(&dy);
    for unit in (0..UNITS).rev() {
        let weight = in_f64(&stack.var(unit, "shortcut.weight"));
        let above = expected.clone();
        for (i, expected) in expected.iter_mut().enumerate() {
            let (image, channel, pixel) = (i / (pixels * CHANNELS), i / pixels % CHANNELS, i % pixels);
            *expected = (0..CHANNELS)
                .map(|out| {
                    weight[out * CHANNELS + channel] * above[(image * CHANNELS + out) * pixels + pixel]
                })
                .sum();
        }
    }
    near("equation (8)", &dx, &expected).expect("the product of transposes");
    Ok(())
}
