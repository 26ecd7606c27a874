//! The functions as candle's users meet them: inside graphs, on strided tensors, with wrong arguments.

mod common;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use common::{Norm, assert_same, gradient, pull_back, tensor, values, variable, windows, zero_pad};
use resnet_ops::{
    Conv2d, ConvConfig, Graph, GroupNorm, GroupNormConfig, Layer, Mode, Shape, add, avg_pool,
    avg_pool_2x2_ceil, batch_norm, bn_relu, conv2d, global_avg_pool, group_norm, linear, max_pool, relu,
    softmax_cross_entropy, standardise_weight, zero_pad_shortcut,
};
use resnet_testing::table;

#[test]
fn strided_inputs_and_gradients() -> Result<()> {
    // [6, 5, 7, 4] seen as [4, 5, 6, 7] and cut down to images 1 and 2, columns 2 to 6.
    let base = variable(1, &[6, 5, 7, 4]);
    let view = base.as_tensor().permute((3, 1, 0, 2))?.narrow(0, 1, 2)?.narrow(3, 2, 5)?;
    assert!(!view.is_contiguous());
    let plain = Var::from_tensor(&view.contiguous()?.detach())?;
    let weight = tensor(2, &[5, 3, 3, 8]).permute((3, 0, 1, 2))?;
    assert_eq!((weight.dims(), weight.is_contiguous()), (&[8, 5, 3, 3][..], false));
    let norm = Norm::new(3, 5);
    type Function<'a> = (&'a str, Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>);
    let functions: Vec<Function> = vec![
        ("conv2d", Box::new(|x| conv2d(x, &weight, ConvConfig::same(3)))),
        ("bn_relu", Box::new(|x| bn_relu(x, &norm.layer, Mode::Train))),
        ("relu", Box::new(relu)),
        ("add", Box::new(|x| add(x, &(x * 2.0)?))),
        ("zero_pad_shortcut", Box::new(|x| zero_pad_shortcut(x, zero_pad(2, 9)))),
        ("max_pool", Box::new(|x| max_pool(x, windows(2, 2, 0)))),
        ("avg_pool", Box::new(|x| avg_pool(x, windows(3, 2, 1)))),
        ("global_avg_pool", Box::new(global_avg_pool)),
    ];
    for (name, function) in functions {
        let (of_view, of_plain) = (function(&view)?, function(&plain)?);
        assert_same(name, &of_view, &of_plain);
        // A gradient that arrives transposed as well.
        let rank = of_view.rank();
        let mut reversed = of_view.dims().to_vec();
        reversed.swap(rank - 1, rank - 2);
        let dy = tensor(9, &reversed).transpose(D::Minus1, D::Minus2)?;
        let from_view = pull_back(&of_view, &dy)?;
        let from_plain = pull_back(&of_plain, &dy)?;
        let dbase = gradient(&from_view, &base);
        let dview = dbase.permute((3, 1, 0, 2))?.narrow(0, 1, 2)?.narrow(3, 2, 5)?.contiguous()?;
        assert_same(name, &dview, gradient(&from_plain, &plain));
        // Nothing leaks to what the view leaves out.
        let inside: f64 = values(&dview).iter().map(|v| f64::from(v.abs())).sum();
        let all: f64 = values(dbase).iter().map(|v| f64::from(v.abs())).sum();
        assert!(inside > 0.0 && (all - inside).abs() <= 1e-6 * all, "{name}: {all} and {inside}");
    }
    let rows = tensor(1, &[7, 4]).t()?;
    let (w, b) = (variable(2, &[3, 7]), tensor(3, &[3]));
    assert_same("linear", &linear(&rows, &w, Some(&b))?, &linear(&rows.contiguous()?, &w, Some(&b))?);
    let labels = Tensor::new(&[0u32, 6, 3, 1, 2, 5], &Device::Cpu)?;
    let every_other = labels.reshape((3, 2))?.narrow(1, 0, 1)?.squeeze(1)?;
    let logits = tensor(4, &[7, 3]).t()?;
    let straight = softmax_cross_entropy(&logits.contiguous()?, &Tensor::new(&[0u32, 3, 2], &Device::Cpu)?)?;
    assert_same("softmax_cross_entropy", &softmax_cross_entropy(&logits, &every_other)?, &straight);
    Ok(())
}

#[test]
fn inside_a_graph_of_candles_own_ops() -> Result<()> {
    let (x, w) = (variable(1, &[2, 3, 6, 6]), variable(2, &[4, 3, 3, 3]));
    let ours =
        conv2d(&(x.as_tensor().relu()? * 2.0)?, &w, ConvConfig::same(3).with_stride(2))?.sqr()?.mean_all()?;
    let candles = (x.as_tensor().relu()? * 2.0)?.conv2d(&w, 1, 2, 1, 1)?.sqr()?.mean_all()?;
    assert_same("loss", &ours, &candles);
    let (ours, candles) = (ours.backward()?, candles.backward()?);
    assert_same("dx", gradient(&ours, &x), gradient(&candles, &x));
    assert_same("dw", gradient(&ours, &w), gradient(&candles, &w));
    Ok(())
}

#[test]
fn a_variable_used_twice_has_both_gradients() -> Result<()> {
    let (x, w) = (variable(1, &[2, 3, 6, 5]), variable(2, &[3, 3, 3, 3]));
    let dy = tensor(3, &[2, 3, 6, 5]);
    let ours = conv2d(&conv2d(&x, &w, ConvConfig::same(3))?, &w, ConvConfig::same(3))?;
    let candles = x.as_tensor().conv2d(&w, 1, 1, 1, 1)?.conv2d(&w, 1, 1, 1, 1)?;
    let (from_ours, from_candles) = (pull_back(&ours, &dy)?, pull_back(&candles, &dy)?);
    assert_same("dw", gradient(&from_ours, &w), gradient(&from_candles, &w));
    assert_same("dx", gradient(&from_ours, &x), gradient(&from_candles, &x));

    let twice = pull_back(&add(&x, &x)?, &dy)?;
    assert_same("x + x", gradient(&twice, &x), &(&dy * 2.0)?);
    let residual = pull_back(&add(&x, &relu(&x)?)?, &dy)?;
    let expected = (&dy + (&dy * x.as_tensor().gt(0.0)?.to_dtype(DType::F32)?)?)?;
    assert_same("x + relu(x)", gradient(&residual, &x), &expected);
    Ok(())
}

#[test]
fn a_layer_used_twice_has_both_gradients() -> Result<()> {
    let (x, dy, norm) = (variable(1, &[2, 3, 6, 5]), tensor(3, &[2, 3, 6, 5]), Norm::new(4, 3));
    let run = || bn_relu(&x, &norm.layer, Mode::Train);
    let (once, twice) = (pull_back(&run()?, &dy)?, pull_back(&(run()? + run()?)?, &dy)?);
    for var in [&x, &norm.weight, &norm.bias] {
        assert_same("both gradients", gradient(&twice, var), &(gradient(&once, var) * 2.0)?);
    }
    Ok(())
}

#[test]
fn backward_runs_once() -> Result<()> {
    let (x, w) = (variable(1, &[2, 3, 6, 5]), variable(2, &[4, 3, 3, 3]));
    let y = conv2d(&x, &w, ConvConfig::same(3))?;
    y.backward()?;
    let again = y.backward().expect_err("activations are gone").to_string();
    assert!(again.contains("run forward again"), "{again}");
    conv2d(&x, &w, ConvConfig::same(3))?.backward()?;
    Ok(())
}

#[test]
fn backward_runs_again_through_losses_and_standardised_filters() -> Result<()> {
    let (logits, filters) = (variable(1, &[2, 3]), variable(2, &[2, 3, 1, 1]));
    let labels = Tensor::new(&[0u32, 2], &Device::Cpu)?;
    for y in [softmax_cross_entropy(&logits, &labels)?, standardise_weight(&filters, 1e-8)?] {
        y.backward()?;
        y.backward()?;
    }
    Ok(())
}

#[test]
fn batch_norm_refuses_one_value_a_channel_and_leaves_its_statistics() -> Result<()> {
    let (norm, x) = (Norm::new(1, 3), variable(2, &[1, 3, 1, 1]));
    let before = [&norm.running_mean, &norm.running_var].map(|v| values(v));
    for function in [batch_norm, bn_relu] {
        let fault = function(&x, &norm.layer, Mode::Train).expect_err("no variance").to_string();
        assert!(fault.contains("has no variance"), "{fault}");
        function(&x, &norm.layer, Mode::Eval)?;
    }
    assert_eq!([&norm.running_mean, &norm.running_var].map(|v| values(v)), before);
    Ok(())
}

#[test]
fn no_images_are_no_panic() -> Result<()> {
    let none = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu);
    let norm = Norm::new(1, 8);
    let x = none(&[0, 8, 4, 4])?;
    for function in [batch_norm, bn_relu] {
        let fault = function(&x, &norm.layer, Mode::Train).expect_err("nothing to normalise").to_string();
        assert!(fault.contains("has no variance"), "{fault}");
        assert_eq!(function(&x, &norm.layer, Mode::Eval)?.dims(), [0, 8, 4, 4]);
    }
    let (w, b) = (variable(2, &[3, 4]), variable(3, &[3]));
    let gradients = linear(&none(&[0, 4])?, &w, Some(b.as_tensor()))?.sum_all()?.backward()?;
    for variable in [&w, &b] {
        let is_zero = |gradient| values(gradient).iter().all(|value| *value == 0.0);
        assert!(gradients.get(variable).is_none_or(is_zero));
    }
    // A convolution that gathers statistics for the norm after it.
    let mut graph = Graph::new();
    let input = graph.input(Shape::of(&none(&[0, 8, 4, 4])?)?);
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let conv = Conv2d::new(8, 8, ConvConfig::same(3), vb)?;
    let y = conv.trace(&mut graph, input)?;
    let y = norm.layer.trace_relu(&mut graph, y)?;
    let fault = graph.finish(y)?.run(&[&x], Mode::Train).expect_err("nothing to normalise").to_string();
    assert!(fault.contains("has no variance"), "{fault}");
    Ok(())
}

/// A name, words of the message, and a call that must fail with them.
type Mistake = (&'static str, &'static str, fn() -> Result<Tensor>);

#[test]
fn wrong_arguments_get_a_sentence_and_no_panic() {
    fn x() -> Tensor {
        tensor(1, &[2, 3, 6, 5])
    }
    fn wide() -> Tensor {
        x().to_dtype(DType::F64).expect("a cast")
    }
    fn labels(labels: &[u32]) -> Tensor {
        Tensor::new(labels, &Device::Cpu).expect("labels")
    }
    fn none(shape: &[usize]) -> Tensor {
        Tensor::zeros(shape, DType::F32, &Device::Cpu).expect("a shape")
    }
    /// Zeros that take no memory, however many they are.
    fn outline(shape: &[usize]) -> Tensor {
        let zero = Tensor::zeros((), DType::F32, &Device::Cpu);
        zero.and_then(|zero| zero.broadcast_as(shape)).expect("a shape")
    }
    let mistakes: [Mistake; 45] = [
        ("conv2d from no channels", "no channels", || {
            conv2d(&none(&[1, 0, 4, 4]), &none(&[4, 0, 1, 1]), ConvConfig::same(1))
        }),
        ("conv2d to no channels", "no channels", || conv2d(&x(), &none(&[0, 3, 1, 1]), ConvConfig::same(1))),
        ("batch norm of no channels", "no channels", || {
            batch_norm(&none(&[2, 0, 4, 4]), &Norm::new(1, 0).layer, Mode::Train)
        }),
        ("group norm of no channels", "no channels", || {
            let config = GroupNormConfig { channels: 0, groups: 1 };
            let norm = GroupNorm::new(config, VarBuilder::zeros(DType::F32, &Device::Cpu))?;
            group_norm(&none(&[1, 0, 4, 4]), &norm)
        }),
        ("shortcut of no channels", "no channels", || {
            zero_pad_shortcut(&none(&[1, 0, 4, 4]), zero_pad(2, 2))
        }),
        ("average pool of no channels", "no channels", || avg_pool(&none(&[1, 0, 4, 4]), windows(2, 2, 0))),
        ("maximum pool of no channels", "no channels", || max_pool(&none(&[1, 0, 4, 4]), windows(2, 2, 0))),
        ("2x2 pool of no channels", "no channels", || avg_pool_2x2_ceil(&none(&[1, 0, 4, 4]))),
        ("global average of no channels", "no channels", || global_avg_pool(&none(&[1, 0, 4, 4]))),
        ("global average of no pixels", "without pixels", || global_avg_pool(&none(&[1, 3, 0, 4]))),
        ("conv2d with more padding than memory", "no memory holds", || {
            let config = ConvConfig { kernel: 3, stride: 1, padding: usize::MAX };
            conv2d(&x(), &tensor(2, &[4, 3, 3, 3]), config)
        }),
        ("linear with more weights than memory", "no memory holds", || {
            linear(&none(&[1, 1 << 10]), &outline(&[1 << 38, 1 << 10]), Some(&outline(&[1 << 38])))
        }),
        ("pool with more padding than memory", "doesn't fit", || max_pool(&x(), windows(3, 1, 1 << 63))),
        ("pool with a window of more than memory", "doesn't fit", || {
            avg_pool(&x(), windows(usize::MAX, 1, usize::MAX / 2))
        }),
        ("linear of no features", "don't fit", || linear(&none(&[2, 0]), &none(&[4, 0]), None)),
        ("conv2d of f64", "f32", || conv2d(&wide(), &tensor(2, &[4, 3, 3, 3]), ConvConfig::same(3))),
        ("conv2d with f64 weights", "f32", || {
            conv2d(&x(), &tensor(2, &[4, 3, 3, 3]).to_dtype(DType::F64)?, ConvConfig::same(3))
        }),
        ("conv2d of other channels", "takes 5 channels, got 3", || {
            conv2d(&x(), &tensor(2, &[4, 5, 3, 3]), ConvConfig::same(3))
        }),
        ("conv2d of rank 3", "[N, C, H, W]", || {
            conv2d(&tensor(1, &[3, 6, 5]), &tensor(2, &[4, 3, 3, 3]), ConvConfig::same(3))
        }),
        ("conv2d of rank 2", "[N, C, H, W]", || {
            conv2d(&tensor(1, &[3, 6]), &tensor(2, &[4, 6, 1, 1]), ConvConfig::same(1))
        }),
        ("conv2d with oblong filters", "square", || {
            conv2d(&x(), &tensor(2, &[4, 3, 3, 1]), ConvConfig::same(3))
        }),
        ("conv2d with stride 0", "strides at least 1", || {
            conv2d(&x(), &tensor(2, &[4, 3, 3, 3]), ConvConfig::same(3).with_stride(0))
        }),
        ("conv2d with a large filter", "larger than the padded input", || {
            conv2d(&x(), &tensor(2, &[4, 3, 7, 7]), ConvConfig { kernel: 7, stride: 1, padding: 0 })
        }),
        ("conv2d with rank 2 weights", "", || conv2d(&x(), &tensor(2, &[4, 3]), ConvConfig::same(3))),
        ("batch norm of other channels", "takes 4 channels, got 3", || {
            batch_norm(&x(), &Norm::new(1, 4).layer, Mode::Train)
        }),
        ("bn_relu of f64", "f32", || bn_relu(&wide(), &Norm::new(1, 3).layer, Mode::Eval)),
        ("relu of f64", "f32", || relu(&wide())),
        ("relu of rank 1", "[N, C]", || relu(&tensor(1, &[3]))),
        ("add of other shapes", "shapes", || add(&x(), &tensor(2, &[2, 3, 5, 6]))),
        ("add of other types", "f32", || add(&x(), &wide())),
        ("fewer channels", "from 3 to 2 channels", || zero_pad_shortcut(&x(), zero_pad(2, 2))),
        ("shortcut with stride 0", "stride 0", || zero_pad_shortcut(&x(), zero_pad(0, 4))),
        ("shortcut of rank 2", "[N, C, H, W]", || zero_pad_shortcut(&tensor(1, &[2, 3]), zero_pad(2, 4))),
        ("pool with stride 0", "doesn't fit", || max_pool(&x(), windows(2, 0, 0))),
        ("pool with window 0", "doesn't fit", || avg_pool(&x(), windows(0, 1, 0))),
        ("pool of padding alone", "doesn't fit", || max_pool(&x(), windows(3, 2, 2))),
        ("pool of no pixels", "doesn't fit", || {
            max_pool(&Tensor::zeros((1, 3, 0, 4), DType::F32, &Device::Cpu)?, windows(2, 1, 1))
        }),
        ("pool with a large window", "doesn't fit", || avg_pool(&x(), windows(7, 1, 0))),
        ("global average of rank 2", "[N, C, H, W]", || global_avg_pool(&tensor(1, &[2, 3]))),
        ("linear of a map", "[N, features]", || linear(&x(), &tensor(2, &[4, 3]), Some(&tensor(3, &[4])))),
        ("linear with another bias", "don't fit", || {
            linear(&tensor(1, &[2, 3]), &tensor(2, &[4, 3]), Some(&tensor(3, &[3])))
        }),
        ("label out of range", "label 5 for 5 classes", || {
            softmax_cross_entropy(&tensor(1, &[2, 5]), &labels(&[0, 5]))
        }),
        ("too few labels", "labels [N]", || softmax_cross_entropy(&tensor(1, &[2, 5]), &labels(&[0]))),
        ("labels of i64", "u32 labels", || {
            softmax_cross_entropy(&tensor(1, &[2, 5]), &labels(&[0, 1]).to_dtype(DType::I64)?)
        }),
        ("no images", "cross-entropy", || {
            softmax_cross_entropy(&Tensor::zeros((0, 5), DType::F32, &Device::Cpu)?, &labels(&[]))
        }),
    ];
    let named = |f: &mut std::fmt::Formatter, name: &str| f.write_str(name);
    struct Row<'a>(&'a Mistake, fn(&mut std::fmt::Formatter, &str) -> std::fmt::Result);
    impl std::fmt::Debug for Row<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            (self.1)(f, self.0.0)
        }
    }
    let rows: Vec<Row> = mistakes.iter().map(|mistake| Row(mistake, named)).collect();
    table::run(&rows, |Row((_, words, call), _)| match call() {
        Ok(y) => Err(format!("gave {:?}", y.dims())),
        Err(fault) if fault.to_string().contains(words) => Ok(()),
        Err(fault) => Err(format!("says {fault}")),
    });
}
