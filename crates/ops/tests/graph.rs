//! Traced graphs: fusions change nothing, gradients go where they are wanted, summaries tell the truth.

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use common::{Norm, assert_same, gradient, plan, pull_back, tensor, values, variable};
use resnet_ops::{
    BatchNorm, Conv2d, ConvConfig, Draws, DropPath, Graph, Layer, LayerInfo, LayerRole, Linear, Mode, Plan,
    Shape, Value, add, batch_norm, bn_relu, conv2d, relu,
};
use resnet_testing::{recipe, table};

/// The parameters of one pre-activation unit with 5 channels; the same on every call.
struct Layers {
    variables: VarMap,
    norms: [Norm; 2],
    convs: [Conv2d; 2],
}

impl Layers {
    fn new() -> Result<Self> {
        let variables = VarMap::new();
        let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let conv = |name: &str| Conv2d::new(5, 5, ConvConfig::same(3), vb.pp(name));
        let convs = [conv("conv1")?, conv("conv2")?];
        for (name, var) in variables.data().lock().expect("no poison").iter() {
            var.set(&Tensor::from_vec(recipe::tensor(name, var.dims()), var.dims(), &Device::Cpu)?)?;
        }
        Ok(Layers { variables, norms: [Norm::new(10, 5), Norm::new(20, 5)], convs })
    }

    fn weight(&self, name: &str) -> Var {
        self.variables.data().lock().expect("no poison")[&format!("{name}.weight")].clone()
    }

    /// All parameters and running statistics, by the order of the unit.
    fn all(&self) -> Vec<Var> {
        let norms = self.norms.iter().flat_map(|n| [&n.weight, &n.bias, &n.running_mean, &n.running_var]);
        norms.cloned().chain([self.weight("conv1"), self.weight("conv2")]).collect()
    }
}

fn kinds(plan: &Plan) -> Vec<String> {
    plan.layers().into_iter().map(|layer| layer.kind).collect()
}

/// A way to put the layers together, traced and as single functions.
struct Form {
    name: &'static str,
    /// Whether the sum goes into a convolution's store.
    folds: bool,
    trace: fn(&Layers, &mut Graph, Value) -> Result<Value>,
    single: fn(&Layers, &Tensor, Mode) -> Result<Tensor>,
}

fn conv(layers: &Layers, index: usize, x: &Tensor) -> Result<Tensor> {
    conv2d(x, &layers.weight(["conv1", "conv2"][index]), ConvConfig::same(3))
}

const FORMS: [Form; 7] = [
    Form {
        name: "pre-activation unit",
        folds: true,
        trace: |l, g, x| {
            let a = l.norms[0].layer.trace_relu(g, x)?;
            let b = l.convs[0].trace(g, a)?;
            let c = l.norms[1].layer.trace_relu(g, b)?;
            let d = l.convs[1].trace(g, c)?;
            g.add(x, d)
        },
        single: |l, x, mode| {
            let b = conv(l, 0, &bn_relu(x, &l.norms[0].layer, mode)?)?;
            add(x, &conv(l, 1, &bn_relu(&b, &l.norms[1].layer, mode)?)?)
        },
    },
    Form {
        name: "both paths from the activated signal, operands swapped",
        folds: true,
        trace: |l, g, x| {
            let a = l.norms[0].layer.trace_relu(g, x)?;
            let b = l.convs[0].trace(g, a)?;
            let c = l.norms[1].layer.trace_relu(g, b)?;
            let d = l.convs[1].trace(g, c)?;
            g.add(d, a)
        },
        single: |l, x, mode| {
            let a = bn_relu(x, &l.norms[0].layer, mode)?;
            let c = bn_relu(&conv(l, 0, &a)?, &l.norms[1].layer, mode)?;
            add(&conv(l, 1, &c)?, &a)
        },
    },
    Form {
        name: "original unit",
        folds: false,
        trace: |l, g, x| {
            let a = l.convs[0].trace(g, x)?;
            let b = l.norms[0].layer.trace_relu(g, a)?;
            let c = l.convs[1].trace(g, b)?;
            let d = l.norms[1].layer.trace(g, c)?;
            g.add_relu(x, d)
        },
        single: |l, x, mode| {
            let b = bn_relu(&conv(l, 0, x)?, &l.norms[0].layer, mode)?;
            relu(&add(x, &batch_norm(&conv(l, 1, &b)?, &l.norms[1].layer, mode)?)?)
        },
    },
    Form {
        name: "a convolution's output used by the sum and by a norm",
        folds: false,
        trace: |l, g, x| {
            let a = l.convs[0].trace(g, x)?;
            let b = l.norms[0].layer.trace(g, a)?;
            g.add(b, a)
        },
        single: |l, x, mode| {
            let a = conv(l, 0, x)?;
            add(&batch_norm(&a, &l.norms[0].layer, mode)?, &a)
        },
    },
    Form {
        name: "a convolution's output added to itself",
        folds: false,
        trace: |l, g, x| {
            let a = l.convs[0].trace(g, x)?;
            g.add(a, a)
        },
        single: |l, x, _| {
            let a = conv(l, 0, x)?;
            add(&a, &a)
        },
    },
    Form {
        name: "one convolution added to another, twice",
        folds: true,
        trace: |l, g, x| {
            let (a, b) = (l.convs[0].trace(g, x)?, l.convs[1].trace(g, x)?);
            let sum = g.add(a, b)?;
            g.add(sum, x)
        },
        single: |l, x, _| add(&add(&conv(l, 0, x)?, &conv(l, 1, x)?)?, x),
    },
    Form {
        name: "norm of norm of a convolution that is read again",
        folds: false,
        trace: |l, g, x| {
            let a = l.convs[0].trace(g, x)?;
            let b = l.norms[0].layer.trace(g, a)?;
            let c = l.norms[1].layer.trace_relu(g, b)?;
            let d = g.relu(b);
            let e = g.add_relu(c, d)?;
            l.convs[1].trace(g, e)
        },
        single: |l, x, mode| {
            let b = batch_norm(&conv(l, 0, x)?, &l.norms[0].layer, mode)?;
            let c = bn_relu(&b, &l.norms[1].layer, mode)?;
            conv(l, 1, &relu(&add(&c, &relu(&b)?)?)?)
        },
    },
];

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[test]
fn fusions_change_neither_output_nor_gradients_nor_statistics() {
    let cases: Vec<(&Form, Mode)> =
        FORMS.iter().flat_map(|form| [(form, Mode::Train), (form, Mode::Eval)]).collect();
    table::run(&cases, |(form, mode)| {
        let check = || -> Result<()> {
            let (x, dy) = (variable(1, &[3, 5, 7, 6]), tensor(2, &[3, 5, 7, 6]));
            let (fused, single) = (Layers::new()?, Layers::new()?);
            let plan = plan(&[&x], |g, inputs| (form.trace)(&fused, g, inputs[0]))?;
            let folded = kinds(&plan).iter().any(|kind| kind.ends_with("+ residual"));
            assert_eq!(folded, form.folds, "{:?}", kinds(&plan));
            let (y, expected) = (plan.run(&[&x], *mode)?, (form.single)(&single, &x, *mode)?);
            assert_same("output", &y, &expected);
            let (found, expected) = (pull_back(&y, &dy)?, pull_back(&expected, &dy)?);
            assert_same("dx", gradient(&found, &x), gradient(&expected, &x));
            for (index, (fused, single)) in fused.all().iter().zip(single.all()).enumerate() {
                assert_same(&format!("variable {index}"), fused, &single);
                match (found.get(fused), expected.get(&single), mode) {
                    (None, None, _) => {}
                    (None, Some(_), Mode::Eval) => {} // single convolutions know no mode
                    (Some(found), Some(expected), Mode::Train) => {
                        assert_same(&format!("gradient of variable {index}"), found, expected);
                    }
                    (found, expected, _) => {
                        panic!("variable {index}: {} {}", found.is_some(), expected.is_some())
                    }
                }
            }
            Ok(())
        };
        check().map_err(|e| e.to_string())
    });
}

#[test]
fn plain_inference_equals_tracked_inference_and_keeps_nothing() {
    table::run(&FORMS, |form| {
        let check = || -> Result<()> {
            let (x, layers) = (variable(1, &[3, 5, 7, 6]), Layers::new()?);
            let plan = plan(&[&x], |g, inputs| (form.trace)(&layers, g, inputs[0]))?;
            let plain = plan.run(&[&x.as_detached_tensor()], Mode::Eval)?;
            assert!(!plain.track_op());
            assert_eq!(values(&plain), values(&plan.run(&[&x], Mode::Eval)?));
            Ok(())
        };
        check().map_err(|e| e.to_string())
    });
}

#[test]
fn a_convolution_that_is_the_output_is_not_folded() -> Result<()> {
    let (x, layers) = (variable(1, &[3, 5, 7, 6]), Layers::new()?);
    let plan = plan(&[&x], |g, inputs| {
        let a = layers.convs[0].trace(g, inputs[0])?;
        g.add(a, inputs[0])?;
        Ok(a)
    })?;
    assert_same("output", &plan.run(&[&x], Mode::Train)?, &conv(&layers, 0, &x)?);
    Ok(())
}

#[test]
fn two_inputs_have_a_gradient_each_if_wanted() -> Result<()> {
    let dims = [3, 5, 7, 6];
    let (layers, dy) = (Layers::new()?, tensor(3, &dims));
    for (track_a, track_b) in [(true, true), (true, false), (false, true)] {
        let (a, b) = (variable(1, &dims), variable(2, &dims));
        let of = |var: &Var, tracked: bool| {
            if tracked { var.as_tensor().clone() } else { var.as_detached_tensor() }
        };
        let (left, right) = (of(&a, track_a), of(&b, track_b));
        let plan = plan(&[&left, &right], |g, inputs| {
            let c = layers.convs[0].trace(g, inputs[0])?;
            g.add(c, inputs[1])
        })?;
        let y = plan.run(&[&left, &right], Mode::Train)?;
        assert_same("output", &y, &add(&conv(&layers, 0, &left)?, &right)?);
        let found = pull_back(&y, &dy)?;
        let expected = pull_back(&add(&conv(&layers, 0, &a)?, &b)?, &dy)?;
        for (var, input, tracked) in [(&a, &left, track_a), (&b, &right, track_b)] {
            assert_eq!(found.get(input).is_some(), tracked);
            if tracked {
                assert_same("gradient", gradient(&found, var), gradient(&expected, var));
            }
        }
    }
    Ok(())
}

/// candle wants a gradient for each tensor that is computed from a variable, read or not.
#[test]
fn an_input_that_the_output_does_not_depend_on_has_no_gradient_or_zeros() -> Result<()> {
    let dims = [2, 3, 4, 5];
    let (a, b) = (variable(1, &dims), variable(2, &dims));
    let first = plan(&[&a, &b], |g, inputs| Ok(g.relu(inputs[0])))?;
    let found = first.run(&[&a, &b], Mode::Train)?.sum_all()?.backward()?;
    assert!(found.get(&b).is_none());
    let computed = (b.as_tensor() * 2.0)?;
    let found = first.run(&[&a, &computed], Mode::Train)?.sum_all()?.backward()?;
    assert!(values(gradient(&found, &b)).iter().all(|gradient| *gradient == 0.0));
    assert_same("gradient", gradient(&found, &a), &a.as_tensor().gt(0.0)?.to_dtype(DType::F32)?);
    let second = plan(&[&a], |g, inputs| Ok(g.input(g.shape(inputs[0]))))?;
    let found = second.run(&[&computed, &a], Mode::Train)?.sum_all()?.backward()?;
    assert!(values(gradient(&found, &b)).iter().all(|gradient| *gradient == 0.0));
    Ok(())
}

#[test]
fn the_number_and_shapes_of_inputs_are_checked() -> Result<()> {
    let x = tensor(1, &[2, 3, 4, 4]);
    let one = plan(&[&x], |g, inputs| Ok(g.relu(inputs[0])))?;
    assert!(one.run(&[], Mode::Train).is_err());
    assert!(one.run(&[&x, &x], Mode::Train).is_err());
    let fault = one.run(&[&tensor(1, &[3, 3, 4, 4])], Mode::Train).expect_err("another batch").to_string();
    assert!(fault.contains("[2, 3, 4, 4]") && fault.contains("[3, 3, 4, 4]"), "{fault}");
    assert!(plan(&[&x, &x, &x], |g, inputs| Ok(g.relu(inputs[0]))).is_err());
    assert!(plan(&[], |g, _| Ok(g.input(Shape::of(&x)?))).is_ok());
    Ok(())
}

#[test]
fn a_graph_without_steps_is_the_identity() -> Result<()> {
    let (x, dy) = (variable(1, &[2, 3, 4, 5]), tensor(2, &[2, 3, 4, 5]));
    let y = plan(&[&x], |_, inputs| Ok(inputs[0]))?.run(&[&x], Mode::Train)?;
    assert_eq!(values(&y), values(&x));
    assert_eq!(values(gradient(&pull_back(&y, &dy)?, &x)), values(&dy));
    Ok(())
}

#[test]
fn layers_tell_names_kinds_shapes_parameters_and_multiply_adds() -> Result<()> {
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let stem = Conv2d::new(3, 8, ConvConfig::same(3).with_stride(2), vb.pp("stem.conv"))?;
    let norm = BatchNorm::new(8, vb.pp("norm1"))?;
    let conv = Conv2d::new(8, 8, ConvConfig::same(1), vb.pp("conv1"))?;
    let head = Linear::new(8, 10, vb.pp("head.fc"))?;
    let x = tensor(1, &[2, 3, 9, 7]);
    let plan = plan(&[&x], |g, inputs| {
        let a = stem.trace(g, inputs[0])?;
        let b = norm.trace_relu(g, a)?;
        let c = conv.trace(g, b)?;
        let d = g.add(a, c)?;
        let e = g.global_avg_pool(d)?;
        head.trace(g, e)
    })?;
    let layer = |name: &str, (kind, role): (&str, LayerRole), output: &[usize], parameters, multiply_adds| {
        LayerInfo {
            name: name.into(),
            kind: kind.into(),
            role,
            output: output.to_vec(),
            parameters,
            multiply_adds,
        }
    };
    let expected = [
        layer("stem.conv", ("conv 3x3 / 2", LayerRole::Other), &[8, 5, 4], 3 * 8 * 9, 5 * 4 * 3 * 8 * 9),
        layer("norm1", ("batch norm + relu", LayerRole::Other), &[8, 5, 4], 16, 0),
        layer("conv1", ("conv 1x1 + residual", LayerRole::Addition), &[8, 5, 4], 64, 5 * 4 * 64),
        layer("", ("global average pool", LayerRole::GlobalPool), &[8], 0, 0),
        layer("head.fc", ("linear", LayerRole::Other), &[10], 90, 80),
    ];
    assert_eq!(plan.layers(), expected);
    assert_eq!(plan.parameters(), 3 * 8 * 9 + 16 + 64 + 90);
    Ok(())
}

/// v1's unit, v2's and a bias: everything that folding knows, on running statistics that are not the
/// identity.
#[test]
fn inference_is_evaluation() -> Result<()> {
    let layers = Layers::new()?;
    let x = tensor(1, &[3, 5, 9, 7]);
    let [norm1, norm2] = [&layers.norms[0].layer, &layers.norms[1].layer];
    type Trace<'a> = &'a dyn Fn(&mut Graph, Value) -> Result<Value>;
    let original: Trace = &|graph, x| {
        let y = layers.convs[0].trace(graph, x)?;
        let y = norm1.trace_relu(graph, y)?;
        let y = layers.convs[1].trace(graph, y)?;
        let y = norm2.trace(graph, y)?;
        graph.add_relu(x, y)
    };
    let pre_activated: Trace = &|graph, x| {
        let y = norm1.trace_relu(graph, x)?;
        let y = layers.convs[0].trace(graph, y)?;
        let y = norm2.trace_relu(graph, y)?;
        let y = layers.convs[1].trace(graph, y)?;
        graph.add(x, y)
    };
    let rectified: Trace = &|graph, x| {
        let y = layers.convs[0].trace(graph, x)?;
        let y = graph.relu(y);
        let z = layers.convs[1].trace(graph, x)?;
        graph.add(z, y)
    };
    let dropped: Trace = &|graph, x| {
        let y = layers.convs[0].trace(graph, x)?;
        let y = DropPath::new(0.5, Draws::new(0))?.trace(graph, y)?;
        graph.add(x, y)
    };
    for (what, trace, steps) in [
        ("original", original, 2),
        ("pre-activated", pre_activated, 3),
        ("rectified", rectified, 2),
        ("dropped", dropped, 1),
    ] {
        let plan = plan(&[&x], |graph, inputs| trace(graph, inputs[0]))?;
        let ready = plan.for_inference()?;
        assert_same(what, &ready.run(&x)?, &plan.run(&[&x], Mode::Eval)?);
        assert_eq!(ready.layers().len(), steps, "{what}: not folded: {:?}", ready.layers());
    }
    Ok(())
}
