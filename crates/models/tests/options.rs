//! Options of a model, features, and new heads.

use candle_core::{Device, Tensor};
use resnet_models::checkpoint::{self, Metadata, Policy};
use resnet_models::{Frozen, Model, ModelOptions, registry};
use resnet_ops::{Learning, Mode, Shape};
use resnet_testing::{recipe, table};

fn images(n: usize, size: usize) -> Tensor {
    Tensor::from_vec(recipe::batch(n, size, size), (n, 3, size, size), &Device::Cpu).expect("images")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("floats")
}

#[test]
fn fresh_weights_are_drawn_as_the_papers_are() -> candle_core::Result<()> {
    let model = Model::init(&registry::find("resnet20-v1", 10).expect("a name"), 0)?;
    let (mut convolutions, mut linear) = (0, 0);
    for (name, variable) in model.variables() {
        let values: Vec<f64> = values(variable).into_iter().map(f64::from).collect();
        let count = values.len() as f64;
        let square = values.iter().map(|value| value * value).sum::<f64>() / count;
        // Five deviations of a mean of so many squares.
        let is_near = |expected: f64| (square / expected - 1.0).abs() < 5.0 * (2.0 / count).sqrt();
        match *variable.dims() {
            // He's rule by the outputs: arXiv 1502.01852, equation (14).
            [outputs, _, height, width] => {
                convolutions += 1;
                assert!(is_near(2.0 / (outputs * height * width) as f64), "{name}: {square}");
            }
            // Uniform, as PyTorch draws it.
            [_, inputs] => {
                linear += 1;
                let bound = 1.0 / (inputs as f64).sqrt();
                assert!(values.iter().all(|value| value.abs() <= bound), "{name}");
                assert!(is_near(bound * bound / 3.0), "{name}: {square}");
            }
            _ if name.starts_with("fc.") || name.starts_with("head.") => {}
            _ => {
                let is_one = name.ends_with(".weight") || name.ends_with(".running_var");
                assert!(values.iter().all(|value| *value == f64::from(u8::from(is_one))), "{name}");
            }
        }
    }
    assert_eq!((convolutions, linear), (19, 1));
    Ok(())
}

#[test]
fn fresh_gates_begin_with_the_bias_of_their_name() -> candle_core::Result<()> {
    let named = [
        ("resnet20-exclusive-gating-bias-7", -7.0),
        ("resnet20-exclusive-gating-bias-6", -6.0),
        ("resnet20-exclusive-gating-bias-0", 0.0),
        ("resnet20-shortcut-only-gating-bias-6", -6.0),
        ("resnet20-shortcut-only-gating-bias-0", 0.0),
    ];
    for (name, bias) in named {
        let model = Model::init(&registry::find(name, 10).expect("a name"), 0)?;
        let gates: Vec<_> =
            model.variables().iter().filter(|(name, _)| name.ends_with("gate.bias")).collect();
        assert!(gates.len() >= 9, "{name}: {} gates", gates.len());
        for (gate, variable) in gates {
            assert!(values(variable).iter().all(|value| *value == bias), "{name}: {gate}");
        }
    }
    Ok(())
}

#[test]
fn stochastic_depth_drops_later_branches_more() -> candle_core::Result<()> {
    let spec = registry::find("resnet20-v2", 10).expect("a name");
    let model =
        Model::with_options(&spec, &ModelOptions { stochastic_depth: 0.5, ..ModelOptions::default() })?;
    let plan = model.network().plan_for(Shape::of(&images(2, 16))?)?.to_string();
    let stay =
        plan.lines().filter_map(|line| line.split("drop path, ").nth(1)?.split(' ').next()?.parse().ok());
    let stay: Vec<f64> = stay.collect();
    // The first of nine units is never dropped, the last half the time.
    let expected: Vec<f64> = (1..9).map(|unit| 1.0 - 0.5 * f64::from(unit) / 8.0).collect();
    assert_eq!(stay.len(), expected.len(), "{plan}");
    assert!(stay.iter().zip(&expected).all(|(stay, expected)| (stay - expected).abs() < 1e-6), "{stay:?}");
    Ok(())
}

#[test]
fn branches_that_end_with_zero_leave_the_shortcut() -> candle_core::Result<()> {
    for (name, zeros) in [("resnet20-v1", 9), ("resnet29-v1", 9), ("resnet20-v2", 9), ("resnetv2_18", 8)] {
        let spec = registry::find(name, 10).expect("a name");
        let options = ModelOptions { zero_init_residual: true, ..ModelOptions::default() };
        let model = Model::with_options(&spec, &options)?;
        let usual = Model::init(&spec, 0)?;
        let zeroed = |model: &Model| {
            let weights = model.variables().iter().filter(|(name, _)| name.ends_with(".weight"));
            weights.filter(|(_, variable)| values(variable).iter().all(|v| *v == 0.0)).count()
        };
        assert_eq!((zeroed(&model), zeroed(&usual)), (zeros, 0), "{name}");
    }
    // Nothing passes a ReLU whose input is zero everywhere, so such branches would never train.
    let spec = registry::find("resnet20-relu-before-addition", 10).expect("a name");
    let refused =
        Model::with_options(&spec, &ModelOptions { zero_init_residual: true, ..ModelOptions::default() });
    assert!(refused.unwrap_err().to_string().contains("leave zero_init_residual out"));
    Ok(())
}

#[test]
fn a_clone_shares_the_variables_and_what_is_frozen_is_its_own() -> candle_core::Result<()> {
    let model = Model::init(&registry::find("resnet20-v2", 10).expect("a name"), 0)?;
    let mut clone = model.clone();
    let bias = &model.variables()["head.fc.bias"];
    bias.set(&bias.ones_like()?)?;
    let x = images(2, 16);
    assert_eq!(values(&clone.forward(&x, Mode::Eval)?), values(&model.forward(&x, Mode::Eval)?));
    assert_eq!(values(&clone.variables()["head.fc.bias"]), [1.0; 10]);

    clone.network_mut().set_frozen(Frozen { parts: 1, learning: Learning::Nothing });
    for (model, is_trained) in [(&model, true), (&clone, false)] {
        let gradients = model.forward(&x, Mode::Train)?.sum_all()?.backward()?;
        assert_eq!(gradients.get(&model.variables()["stem.conv.weight"]).is_some(), is_trained);
    }
    Ok(())
}

#[test]
fn stochastic_depth_changes_training_and_not_evaluation() -> candle_core::Result<()> {
    for name in ["resnet20-v1", "resnet20-v2"] {
        let spec = registry::find(name, 10).expect("a name");
        let plain = Model::init(&spec, 3)?;
        let options = ModelOptions { seed: 3, stochastic_depth: 0.5, ..ModelOptions::default() };
        let [random, again] = [Model::with_options(&spec, &options)?, Model::with_options(&spec, &options)?];
        let x = images(8, 16);
        assert_eq!(values(&plain.forward(&x, Mode::Eval)?), values(&random.forward(&x, Mode::Eval)?));
        let first = values(&random.forward(&x, Mode::Train)?);
        assert_ne!(first, values(&plain.forward(&x, Mode::Train)?));
        assert_eq!(first, values(&again.forward(&x, Mode::Train)?), "{name}: the same seed, other draws");
        let second = values(&random.forward(&x, Mode::Train)?);
        assert_ne!(first, second);
        assert_eq!(random.network().drawn_steps(), 2);
        again.network().set_drawn_steps(1);
        assert_eq!(second, values(&again.forward(&x, Mode::Train)?));
        assert!(Model::with_options(&spec, &ModelOptions { stochastic_depth: 1.0, ..options }).is_err());
    }
    Ok(())
}

#[test]
fn features_lead_to_the_logits() {
    let rows: [(&str, usize, [usize; 4]); 4] = [
        ("resnet20-v1", 32, [16, 32, 64, 0]),
        ("resnet29-v2", 32, [64, 128, 256, 0]),
        ("resnet18d", 64, [64, 128, 256, 512]),
        ("resnetv2_18", 64, [64, 128, 256, 512]),
    ];
    table::run(&rows, |(name, size, channels)| {
        let check = || -> candle_core::Result<()> {
            let spec = registry::find(name, 10).expect("a name");
            let model = Model::init(&spec, 0)?;
            let (x, network) = (images(2, *size), model.network());
            let stages = network.forward_stages(&x, Mode::Eval)?;
            let found: Vec<usize> = stages.iter().map(|stage| stage.dims()[1]).collect();
            assert_eq!(found, channels[..spec.stages.len()]);
            let features = network.forward_features(&x, Mode::Eval)?;
            assert_eq!(features.dims(), stages.last().expect("stages").dims());
            // v1 has nothing after its last stage.
            if model.variables().contains_key("bn1.weight") {
                assert_eq!(values(&features), values(stages.last().expect("stages")));
            }
            let head = if spec.name.contains("v2") { "head.fc" } else { "fc" };
            let variable = |end: &str| &model.variables()[&format!("{head}.{end}")];
            let weight = variable("weight").flatten_from(1)?;
            let by_hand = features.mean((2, 3))?.matmul(&weight.t()?)?.broadcast_add(variable("bias"))?;
            let (logits, by_hand) = (values(&model.forward(&x, Mode::Eval)?), values(&by_hand));
            let by_hand: Vec<f64> = by_hand.into_iter().map(f64::from).collect();
            resnet_testing::near(name, &logits, &by_hand, 1e-5).unwrap();
            Ok(())
        };
        check().map_err(|error| error.to_string())
    });
}

#[test]
fn gradients_flow_through_features() -> candle_core::Result<()> {
    let model = Model::init(&registry::find("resnet18", 10).expect("a name"), 0)?;
    let stages = model.network().forward_stages(&images(2, 64), Mode::Train)?;
    let gradients = (stages[1].sqr()?.mean_all()? + stages[3].sqr()?.mean_all()?)?.backward()?;
    for name in ["conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.conv2.weight"] {
        let gradient = gradients.get(&model.variables()[name]).expect(name);
        assert!(values(gradient).iter().any(|value| *value != 0.0), "{name}");
    }
    Ok(())
}

#[test]
fn a_new_head_loads_everything_else() {
    for (name, dropped) in [("resnetv2_18", ""), ("resnet18", ""), ("resnet18", "fc.")] {
        let [from, into] = [(1000, 1), (7, 2)].map(|(classes, seed)| {
            Model::init(&registry::find(name, classes).expect("a name"), seed).expect("a model")
        });
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.safetensors");
        let kept =
            from.variables().iter().filter(|(name, _)| dropped.is_empty() || !name.starts_with(dropped));
        let kept = kept.map(|(name, variable)| (name.clone(), variable.clone())).collect();
        checkpoint::save(&file, &kept, &Metadata::default()).expect("it is written");
        let read = checkpoint::read(&file).expect("it is read");
        assert!(read.load_into(&into, Policy::STRICT).is_err());

        let head = if name == "resnet18" { "fc." } else { "head.fc." };
        let before = values(&into.variables()[&format!("{head}weight")]);
        let report = read.load_into(&into, Policy::NEW_HEAD).expect("all but the head fits");
        assert_eq!(report.kept_head, [format!("{head}bias"), format!("{head}weight")]);
        assert_eq!(report.matched, into.variables().len() - 2);
        assert!(report.to_string().contains("new head, kept as it was: "), "{report}");
        assert_eq!(values(&into.variables()[&format!("{head}weight")]), before);
        for (name, variable) in into.variables().iter().filter(|(name, _)| !name.starts_with(head)) {
            assert_eq!(values(variable), values(&from.variables()[name]), "{name}");
        }
    }
}

#[test]
fn the_same_head_as_a_matrix_and_as_a_convolution() {
    let model =
        |seed| Model::init(&registry::find("resnetv2_18", 7).expect("a name"), seed).expect("a model");
    let (from, into) = (model(1), model(2));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("net.safetensors");
    let mut variables = from.variables().clone();
    let flat = variables["head.fc.weight"].flatten_from(1).expect("a matrix");
    variables.insert("head.fc.weight".to_owned(), candle_core::Var::from_tensor(&flat).expect("a variable"));
    checkpoint::save(&file, &variables, &Metadata::default()).expect("it is written");
    let read = checkpoint::read(&file).expect("it is read");
    assert_eq!(read.infer_spec().expect("it is known"), *into.spec());
    read.load_into(&into, Policy::STRICT).expect("it fits");
    assert_eq!(values(&into.variables()["head.fc.weight"]), values(&flat));
}
