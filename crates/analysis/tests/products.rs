//! Equations (6) to (8) on networks of 110 layers: the product of the shortcuts' derivatives by automatic
//! differentiation is the closed form. And equation (5): the gradient unit by unit is the whole network's.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use resnet_analysis::{Measures, measure};
use resnet_models::{Model, registry};
use resnet_ops::{Graph, Layer, Mode, Shape, Value, softmax_cross_entropy};
use resnet_testing::{table, uniform, within};

const IMAGES: usize = 2;
/// The bound.
const TOLERANCE: f64 = 1e-4;

fn batch() -> Result<(Tensor, [u32; IMAGES])> {
    let shape = (IMAGES, 3, 32, 32);
    Ok((Tensor::from_vec(uniform(1, IMAGES * 3 * 32 * 32), shape, &Device::Cpu)?, [3, 8]))
}

fn run(x: &Tensor, trace: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Result<Tensor> {
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(x)?);
    let output = trace(&mut graph, input)?;
    graph.finish(output)?.run(&[x], Mode::Train)
}

fn in_f64(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
}

fn length(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// A map's shape `[N, C, H, W]` with its values.
#[derive(Clone)]
struct Map {
    shape: [usize; 4],
    values: Vec<f64>,
}

impl Map {
    fn of(tensor: &Tensor) -> Result<Self> {
        let (n, c, h, w) = tensor.dims4()?;
        Ok(Map { shape: [n, c, h, w], values: in_f64(tensor)? })
    }

    fn zeros(shape: [usize; 4]) -> Self {
        Map { shape, values: vec![0.0; shape.iter().product()] }
    }

    fn at(&self, [n, c, y, x]: [usize; 4]) -> usize {
        let [_, channels, height, width] = self.shape;
        ((n * channels + c) * height + y) * width + x
    }
}

fn each(shape: [usize; 4], mut body: impl FnMut([usize; 4])) {
    for n in 0..shape[0] {
        for c in 0..shape[1] {
            for y in 0..shape[2] {
                for x in 0..shape[3] {
                    body([n, c, y, x]);
                }
            }
        }
    }
}

/// Option A: every second pixel, new channels zero, half before and half after. `forward` to the new shape.
fn padded(x: &Map, to: [usize; 4]) -> Map {
    let (mut y, stride) = (Map::zeros(to), x.shape[2] / to[2]);
    let before = (to[1] - x.shape[1]) / 2;
    each([to[0], x.shape[1], to[2], to[3]], |[n, c, row, column]| {
        let (from, at) = (x.at([n, c, stride * row, stride * column]), y.at([n, c + before, row, column]));
        y.values[at] = x.values[from];
    });
    y
}

/// Its transpose.
fn unpadded(v: &Map, to: [usize; 4]) -> Map {
    let (mut x, stride) = (Map::zeros(to), to[2] / v.shape[2]);
    let before = (v.shape[1] - to[1]) / 2;
    each([to[0], to[1], v.shape[2], v.shape[3]], |[n, c, row, column]| {
        let at = x.at([n, c, stride * row, stride * column]);
        x.values[at] = v.values[v.at([n, c + before, row, column])];
    });
    x
}

/// A gate's weights, `[out, in]`, and bias.
struct Gate {
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// `h'(x)` transposed times `v` in closed form, for `h(x) = (1 - g(x)) P(x)` with option A's `P`:
/// `P^T ((1 - g) v) - W^T (P(x) g (1 - g) v)`.
fn through_gate(x: &Map, v: &Map, gate: &Gate) -> Map {
    let (p, stride, inputs) = (padded(x, v.shape), x.shape[2] / v.shape[2], x.shape[1]);
    let mut carried = Map::zeros(v.shape);
    let mut gradient = Map::zeros(x.shape);
    each(v.shape, |[n, c, row, column]| {
        let place = |channel| x.at([n, channel, stride * row, stride * column]);
        let row_of = &gate.weight[c * inputs..(c + 1) * inputs];
        let logit: f64 =
            gate.bias[c] + row_of.iter().enumerate().map(|(i, w)| w * x.values[place(i)]).sum::<f64>();
        let g = 1.0 / (1.0 + (-logit).exp());
        let at = v.at([n, c, row, column]);
        carried.values[at] = (1.0 - g) * v.values[at];
        let of_logit = p.values[at] * g * (1.0 - g) * v.values[at];
        row_of.iter().enumerate().for_each(|(i, w)| gradient.values[place(i)] -= w * of_logit);
    });
    let carried = unpadded(&carried, x.shape);
    gradient.values.iter_mut().zip(carried.values).for_each(|(gradient, carried)| *gradient += carried);
    gradient
}

/// The lengths of the gradient that the shortcuts alone bring back, unit by unit, beside the first one's.
fn closed_form(name: &str) -> Result<(Measures, Vec<f64>)> {
    let model = Model::init(&registry::find(name, 10).expect("a network's name"), 0)?;
    let (images, labels) = batch()?;
    let measures = measure(&model, &images, &labels, |_| {})?;
    let network = model.network();
    let mut signals = vec![run(&images, |graph, x| network.trace_stem(graph, x))?];
    for unit in network.units() {
        let next = run(&signals[signals.len() - 1], |graph, x| unit.trace(graph, x))?;
        signals.push(next);
    }
    let last = Var::from_tensor(&signals[signals.len() - 1])?;
    let logits = run(last.as_tensor(), |graph, x| network.trace_end(graph, x))?;
    let loss = softmax_cross_entropy(&logits, &Tensor::new(&labels, &Device::Cpu)?)?;
    let gradients = loss.backward()?;
    let mut v = Map::of(gradients.get(&last).expect("a gradient"))?;
    let start = length(&v.values);
    let variables: &BTreeMap<String, Var> = model.variables();
    let mut products = vec![];
    for (index, (unit, _)) in model.spec().units().iter().enumerate().rev() {
        let x = Map::of(&signals[index])?;
        let gate = variables.get(&format!("{unit}.gate.weight"));
        v = match gate {
            Some(weight) => {
                let bias = in_f64(variables[&format!("{unit}.gate.bias")].as_tensor())?;
                through_gate(&x, &v, &Gate { weight: in_f64(weight.as_tensor())?, bias })
            }
            None => {
                let factor = if name.contains("constant-scaling") { 0.5 } else { 1.0 };
                let mut back = unpadded(&v, x.shape);
                back.values.iter_mut().for_each(|value| *value *= factor);
                back
            }
        };
        products.push(length(&v.values) / start);
    }
    products.reverse();
    Ok((measures, products))
}

#[test]
fn the_product_by_differentiation_is_the_closed_form_on_110_layers() {
    let names = [
        "resnet110-v1",
        "resnet110-constant-scaling",
        "resnet110-shortcut-only-gating",
        "resnet110-exclusive-gating-bias-2",
    ];
    table::run(&names, |name| {
        let (measures, expected) = closed_form(name).map_err(|error| error.to_string())?;
        if measures.units.len() != 54 {
            return Err(format!("{} units", measures.units.len()));
        }
        for (unit, expected) in measures.units.iter().zip(&expected) {
            within(format!("the product at unit {}", unit.unit), unit.product() / expected, 1.0, TOLERANCE)?;
        }
        Ok(())
    });
}

#[test]
fn identities_leave_the_gradient_whole_and_halves_halve_it() -> Result<()> {
    let (images, labels) = batch()?;
    let of = |name: &str| -> Result<Measures> {
        let model = Model::init(&registry::find(name, 10).expect("a network's name"), 0)?;
        measure(&model, &images, &labels, |_| {})
    };
    // Of the last stage: no unit of it but the first changes the shape.
    let last = |measures: &Measures| measures.units[37].product();
    assert_eq!(last(&of("resnet110-v2")?), 1.0);
    let halves = last(&of("resnet110-constant-scaling")?);
    within("17 halves", halves / 0.5f64.powi(17), 1.0, TOLERANCE).unwrap();
    // A network without shortcuts lets nothing through them, and says so.
    let plain = of("resnet20-plain")?;
    assert!(plain.units.iter().all(|unit| unit.shortcut_derivative == 0.0 && unit.product() == 0.0));
    Ok(())
}

#[test]
fn the_gradient_unit_by_unit_is_that_of_the_network_as_a_whole() -> Result<()> {
    for name in [
        "resnet20-v1",
        "resnet20-v2",
        "resnet20-exclusive-gating",
        "resnet29-v2",
        "resnet20-bn-after-addition",
    ] {
        let model = Model::init(&registry::find(name, 10).expect("a network's name"), 0)?;
        let (images, labels) = batch()?;
        let before: Vec<Vec<f64>> =
            model.variables().values().map(|variable| in_f64(variable.as_tensor())).collect::<Result<_>>()?;
        let measures = measure(&model, &images, &labels, |_| {})?;
        for (variable, before) in model.variables().values().zip(before) {
            assert_eq!(in_f64(variable.as_tensor())?, before, "{name}: a measurement changed the network");
        }
        let network = model.network();
        let first = Var::from_tensor(&run(&images, |graph, x| network.trace_stem(graph, x))?)?;
        let logits = run(first.as_tensor(), |graph, x| {
            let x = network.units().try_fold(x, |x, unit| unit.trace(graph, x))?;
            network.trace_end(graph, x)
        })?;
        let loss = softmax_cross_entropy(&logits, &Tensor::new(&labels, &Device::Cpu)?)?;
        let gradients = loss.backward()?;
        let whole = length(&in_f64(gradients.get(&first).expect("a gradient"))?);
        within(name, measures.units[0].gradient / whole, 1.0, TOLERANCE).unwrap();
        within("the loss", measures.loss, f64::from(loss.to_scalar::<f32>()?), TOLERANCE).unwrap();
    }
    Ok(())
}

#[test]
fn a_measurement_tells_each_pass_and_a_dropout_shortcut_draws_alike_in_both() -> Result<()> {
    let (images, labels) = batch()?;
    let model = Model::init(&registry::find("resnet20-dropout-shortcut", 10).expect("a name"), 0)?;
    let mut told = vec![];
    let measures = measure(&model, &images, &labels, |done| told.push(done))?;
    assert_eq!(told, (0..18).collect::<Vec<_>>());
    assert_eq!(measures, measure(&model, &images, &labels, |_| {})?);
    // Half of the elements pass, doubled: of a vector's energy about twice as much is left.
    let derivative = measures.units[8].shortcut_derivative;
    within("the root of two", derivative, 2f64.sqrt(), 0.05).unwrap();
    Ok(())
}
