//! Every unit's formula in plain f64 arithmetic, straight from the figures' captions: channels last, batch
//! statistics.

use std::collections::BTreeMap;

use resnet_blocks::{Branch, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace, UnitConfig};
use resnet_reference as reference;
use resnet_reference::{Conv, Image};

/// Tensors in f64 by name, in the layouts of [`reference`].
pub(crate) type Tensors = BTreeMap<String, Vec<f64>>;

/// A unit as the formula knows it.
#[derive(Debug, Clone)]
pub(crate) struct Formula {
    pub(crate) config: UnitConfig,
    pub(crate) placement: Placement,
    pub(crate) shortcut: Shortcut,
    pub(crate) split: ShortcutInput,
    /// What dropout multiplies the shortcut with.
    pub(crate) mask: Option<Vec<f64>>,
}

/// A feature map.
#[derive(Clone)]
struct Map {
    values: Vec<f64>,
    shape: Image,
}

struct Layers<'a>(&'a Tensors);

impl Layers<'_> {
    fn conv(&self, name: &str, x: &Map, stride: usize) -> Map {
        let w = &self.0[&format!("{name}.weight")];
        let Image { n, h, w: width, c } = x.shape;
        let side = if w.len().is_multiple_of(9 * c) { 3 } else { 1 };
        let shape = Conv {
            n,
            h,
            w: width,
            c_in: c,
            c_out: w.len() / (c * side * side),
            kh: side,
            kw: side,
            stride,
            padding: side / 2,
        };
        Map { values: reference::conv2d(&x.values, w, &shape), shape: shape.output() }
    }

    fn norm(&self, name: &str, x: &Map) -> Map {
        let [gamma, beta] = ["weight", "bias"].map(|part| &self.0[&format!("{name}.{part}")]);
        let y = reference::batch_norm_train(&x.values, gamma, beta, 1e-5).y;
        Map { values: y, shape: x.shape }
    }

    fn gate(&self, x: &Map, stride: usize) -> Map {
        let mut z = self.conv("gate", x, stride);
        let bias = &self.0["gate.bias"];
        z.values.iter_mut().enumerate().for_each(|(i, z)| *z += bias[i % bias.len()]);
        z
    }
}

fn relu(x: &Map) -> Map {
    Map { values: reference::relu(&x.values), shape: x.shape }
}

fn each(x: &Map, y: &Map, f: impl Fn(f64, f64) -> f64) -> Map {
    assert_eq!(x.shape, y.shape);
    Map { values: x.values.iter().zip(&y.values).map(|(x, y)| f(*x, *y)).collect(), shape: x.shape }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Formula {
    /// The unit's output for `x`, `[n, h, w, c]`.
    pub(crate) fn output(&self, tensors: &Tensors, x: &[f64], shape: Image) -> Vec<f64> {
        let layers = Layers(tensors);
        let x = Map { values: x.to_vec(), shape };
        let stride = self.config.stride;
        let strides = match self.config.branch {
            Branch::OneLayer => vec![stride],
            Branch::Basic => vec![stride, 1],
            Branch::Bottleneck(StridePlace::First1x1) => vec![stride, 1, 1],
            Branch::Bottleneck(StridePlace::Middle3x3) => vec![1, stride, 1],
        };
        let conv = |i: usize, x: &Map| layers.conv(&format!("conv{}", i + 1), x, strides[i]);
        let norm = |i: usize, x: &Map| layers.norm(&format!("bn{}", i + 1), x);
        let last = strides.len() - 1;
        // F, and what a shared pre-activation hands to the shortcut.
        let (mut f, activated) = match self.placement {
            Placement::FullPreActivation => {
                let first = relu(&norm(0, &x));
                let f = (1..=last).fold(conv(0, &first), |f, i| conv(i, &relu(&norm(i, &f))));
                (f, first)
            }
            Placement::ReluOnlyPreActivation => {
                let first = relu(&x);
                let f = (1..=last).fold(norm(0, &conv(0, &first)), |f, i| norm(i, &conv(i, &relu(&f))));
                (f, first)
            }
            Placement::Original => {
                let f = (1..=last).fold(norm(0, &conv(0, &x)), |f, i| norm(i, &conv(i, &relu(&f))));
                (f, x.clone())
            }
            Placement::ReluBeforeAddition => {
                let f = (0..=last).fold(x.clone(), |f, i| relu(&norm(i, &conv(i, &f))));
                (f, x.clone())
            }
            Placement::BnAfterAddition => {
                let inner = (0..last).fold(x.clone(), |f, i| relu(&norm(i, &conv(i, &f))));
                (conv(last, &inner), x.clone())
            }
        };
        let source = if self.split == ShortcutInput::Activated { activated } else { x };
        let mut h = self.carried(&layers, &source);
        match self.shortcut {
            Shortcut::Identity | Shortcut::Convolution => {}
            Shortcut::ConstantScaling { shortcut, branch } => {
                h.values.iter_mut().for_each(|h| *h *= shortcut);
                f.values.iter_mut().for_each(|f| *f *= branch);
            }
            Shortcut::ExclusiveGating { .. } => {
                let z = layers.gate(&source, stride);
                h = each(&h, &z, |h, z| (1.0 - sigmoid(z)) * h);
                f = each(&f, &z, |f, z| sigmoid(z) * f);
            }
            Shortcut::ShortcutOnlyGating { .. } => {
                let z = layers.gate(&source, stride);
                h = each(&h, &z, |h, z| (1.0 - sigmoid(z)) * h);
            }
            Shortcut::Dropout { .. } => {
                let mask = self.mask.as_ref().expect("a mask");
                h.values.iter_mut().zip(mask).for_each(|(h, mask)| *h *= mask);
            }
        }
        let sum = each(&h, &f, |h, f| h + f);
        match self.placement {
            Placement::Original => relu(&sum).values,
            Placement::BnAfterAddition => relu(&norm(last, &sum)).values,
            _ => sum.values,
        }
    }

    /// The signal in the output's shape.
    fn carried(&self, layers: &Layers, x: &Map) -> Map {
        let UnitConfig { in_channels: inputs, out_channels: outputs, stride, shape_change, .. } = self.config;
        // A norm follows the shortcut's convolution where one ends the branch.
        let norm = |name: &str, y: Map| match self.placement {
            Placement::BnAfterAddition | Placement::FullPreActivation => y,
            _ => layers.norm(name, &y),
        };
        if self.shortcut == Shortcut::Convolution {
            return norm("shortcut_bn", layers.conv("shortcut", x, stride));
        }
        if inputs == outputs && stride == 1 {
            return x.clone();
        }
        match shape_change {
            ShapeChange::ZeroPadding => {
                let pad = reference::ZeroPad { input: x.shape, stride, c_out: outputs };
                Map { values: reference::zero_pad_shortcut(&x.values, &pad), shape: pad.output() }
            }
            ShapeChange::Projection => norm("downsample.1", layers.conv("downsample.0", x, stride)),
            ShapeChange::PooledProjection => panic!("pooled projections are composition.rs's"),
        }
    }
}
