//! The reference crate against PyTorch: the original and the full pre-activation unit of units.json, output,
//! running statistics and every gradient, put together from plain loops alone.

use std::collections::BTreeMap;

use resnet_reference::{
    BatchNormGradients, BatchNormOutput, Conv, Image, add, batch_norm_eval, batch_norm_train,
    batch_norm_train_backward, conv2d, conv2d_input_grad, conv2d_weight_grad, nchw_to_nhwc, nhwc_to_nchw,
    relu, relu_backward, to_f64, update_running,
};
use resnet_testing::golden::{self, Measure, Unit, measure, probe};
use resnet_testing::{recipe, table};

const EPS: f64 = 1e-5;
/// The loops are in f64; what is left is the rounding to f32 for the measure.
const TOLERANCE: f64 = 1e-6;

/// A unit of two 3x3 convolutions with its tensors, and what a training pass finds.
struct Run {
    tensors: BTreeMap<String, Vec<f64>>,
    conv: Conv,
    found: BTreeMap<String, Vec<f64>>,
}

impl Run {
    fn new(golden: &Unit) -> Run {
        let [n, c, h, w] = golden.input.shape;
        let conv = Conv { n, h, w, c_in: c, c_out: c, kh: 3, kw: 3, stride: 1, padding: 1 };
        let tensor =
            |(name, shape): &(String, Vec<usize>)| (name.clone(), to_f64(&recipe::tensor(name, shape)));
        Run { tensors: golden.state_dict.iter().map(tensor).collect(), conv, found: BTreeMap::new() }
    }

    fn get(&self, layer: &str, tensor: &str) -> &[f64] {
        &self.tensors[&format!("{layer}.{tensor}")]
    }

    fn conv(&self, layer: &str, x: &[f64]) -> Vec<f64> {
        conv2d(x, self.get(layer, "weight"), &self.conv)
    }

    fn conv_backward(&mut self, layer: &str, x: &[f64], dy: &[f64]) -> Vec<f64> {
        self.found.insert(format!("{layer}.weight"), conv2d_weight_grad(x, dy, &self.conv));
        conv2d_input_grad(dy, self.get(layer, "weight"), &self.conv)
    }

    fn norm(&mut self, layer: &str, x: &[f64], train: bool) -> Vec<f64> {
        let [gamma, beta, mean, var] =
            ["weight", "bias", "running_mean", "running_var"].map(|t| self.get(layer, t).to_vec());
        if !train {
            return batch_norm_eval(x, &gamma, &beta, &mean, &var, EPS);
        }
        let BatchNormOutput { y, mean: batch_mean, var_biased } = batch_norm_train(x, &gamma, &beta, EPS);
        let (mut mean, mut var) = (mean, var);
        update_running(&mut mean, &mut var, &batch_mean, &var_biased, x.len() / gamma.len(), 0.1);
        self.found.insert(format!("{layer}.running_mean"), mean);
        self.found.insert(format!("{layer}.running_var"), var);
        y
    }

    fn norm_backward(&mut self, layer: &str, x: &[f64], dy: &[f64]) -> Vec<f64> {
        let BatchNormGradients { dx, dgamma, dbeta } =
            batch_norm_train_backward(x, self.get(layer, "weight"), dy, EPS);
        self.found.insert(format!("{layer}.weight"), dgamma);
        self.found.insert(format!("{layer}.bias"), dbeta);
        dx
    }

    /// Figure 1(a): `relu(x + bn2(conv2(relu(bn1(conv1(x))))))`; the output, and in training the input's
    /// gradient.
    fn original(&mut self, x: &[f64], dy: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
        let a = self.conv("conv1", x);
        let b = self.norm("bn1", &a, dy.is_some());
        let c = relu(&b);
        let d = self.conv("conv2", &c);
        let e = self.norm("bn2", &d, dy.is_some());
        let sum = add(x, &e);
        let Some(dy) = dy else { return (relu(&sum), Vec::new()) };
        let dsum = relu_backward(&sum, dy);
        let dd = self.norm_backward("bn2", &d, &dsum);
        let dc = self.conv_backward("conv2", &c, &dd);
        let da = self.norm_backward("bn1", &a, &relu_backward(&b, &dc));
        (relu(&sum), add(&dsum, &self.conv_backward("conv1", x, &da)))
    }

    /// Figure 1(b): `x + conv2(relu(bn2(conv1(relu(bn1(x))))))`.
    fn full_preactivation(&mut self, x: &[f64], dy: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
        let a = self.norm("bn1", x, dy.is_some());
        let b = relu(&a);
        let c = self.conv("conv1", &b);
        let d = self.norm("bn2", &c, dy.is_some());
        let e = relu(&d);
        let y = add(x, &self.conv("conv2", &e));
        let Some(dy) = dy else { return (y, Vec::new()) };
        let dd = relu_backward(&d, &self.conv_backward("conv2", &e, dy));
        let dc = self.norm_backward("bn2", &c, &dd);
        let da = relu_backward(&a, &self.conv_backward("conv1", &b, &dc));
        (y, add(dy, &self.norm_backward("bn1", x, &da)))
    }
}

fn measured(name: &str, values: &[f64]) -> Measure {
    measure(name, &values.iter().map(|&v| v as f32).collect::<Vec<_>>())
}

/// A unit's output for an input and, with an output gradient, the input's gradient.
type Pass = fn(&mut Run, &[f64], Option<&[f64]>) -> (Vec<f64>, Vec<f64>);

/// What was found and what PyTorch found, by a row's name.
fn rows(kind: &str, unit: Pass) -> Vec<(String, Measure, Measure)> {
    let golden = golden::unit(kind);
    let [n, c, h, w] = golden.input.shape;
    let image = Image { n, h, w, c };
    let x = nchw_to_nhwc(&to_f64(&recipe::signed(&golden.input.name, image.len())), &image);
    let dy = nchw_to_nhwc(&to_f64(&probe("output", image.len())), &image);
    let nchw = |values: &[f64]| nhwc_to_nchw(values, &image);

    let mut run = Run::new(&golden);
    let (eval, _) = unit(&mut run, &x, None);
    assert!(run.found.is_empty(), "evaluation leaves the running statistics alone");
    let (y, dx) = unit(&mut run, &x, Some(&dy));
    let whole = [
        ("eval output", measured("output", &nchw(&eval)), golden.eval_output),
        ("train output", measured("output", &nchw(&y)), golden.train_output.expect("trained")),
        ("input gradient", measured(&golden.input.name, &nchw(&dx)), golden.input_gradient.expect("trained")),
    ];
    let named = golden.gradients.iter().chain(&golden.running_statistics_after);
    let named = named.map(|(name, expected)| (name.clone(), measured(name, &run.found[name]), *expected));
    whole.into_iter().map(|(name, found, expected)| (name.to_owned(), found, expected)).chain(named).collect()
}

#[test]
fn the_original_unit_equals_pytorchs() {
    let rows = rows("original", Run::original);
    assert_eq!(rows.len(), 3 + 6 + 4);
    table::run(&rows, |(_, found, expected)| found.compare(expected, TOLERANCE));
}

#[test]
fn the_full_preactivation_unit_equals_pytorchs() {
    let rows = rows("full_preactivation", Run::full_preactivation);
    assert_eq!(rows.len(), 3 + 6 + 4);
    table::run(&rows, |(_, found, expected)| found.compare(expected, TOLERANCE));
}
