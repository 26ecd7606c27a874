//! Optimizers and the gathering of gradients by hand; tests/step_goldens.rs compares them with PyTorch.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use resnet_train::{
    Alone, Clip, Gradients, Layout, Momentum, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, Threads,
    WeightDecayOn,
};

fn sgd(kind: Momentum, momentum: f64, weight_decay: f64) -> Optimizer {
    let rule = RuleConfig::Sgd(SgdConfig { momentum, kind });
    Optimizer::new(OptimizerConfig { rule, weight_decay, weight_decay_on: WeightDecayOn::All })
}

fn named(variables: &[(&str, &Var)]) -> BTreeMap<String, Var> {
    variables.iter().map(|(name, variable)| ((*name).to_owned(), (*variable).clone())).collect()
}

fn none(variables: &BTreeMap<String, Var>) -> Gradients {
    Gradients::new(Arc::new(Layout::of(variables)))
}

/// The gradients of one loss.
fn of(variables: &BTreeMap<String, Var>, loss: &Tensor) -> Gradients {
    let mut gradients = none(variables);
    gradients.add(variables, &loss.backward().unwrap(), 1.0).unwrap();
    gradients
}

/// Three steps of minimising 0.5 w^2 k, whose gradient is k w, at two rates; returns w after each step.
fn three_steps(kind: Momentum, momentum: f64, weight_decay: f64) -> Vec<Vec<f32>> {
    let w = Var::new(&[1.5f32, -2.0, 0.5], &Device::Cpu).unwrap();
    let k = Tensor::new(&[1.0f32, 0.5, -1.0], &Device::Cpu).unwrap();
    let variables = named(&[("w", &w)]);
    let mut sgd = sgd(kind, momentum, weight_decay);
    let mut after = Vec::new();
    for rate in [0.1, 0.1, 0.05] {
        let loss = ((w.as_tensor() * w.as_tensor()).unwrap() * &k).unwrap().sum_all().unwrap();
        let gradients = of(&variables, &(loss * 0.5).unwrap());
        assert_eq!(sgd.step(&variables, &gradients, rate).unwrap(), 1);
        after.push(w.to_vec1().unwrap());
    }
    after
}

#[track_caller]
fn close(actual: &[Vec<f32>], expected: [[f64; 3]; 3]) {
    for (step, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        for (&a, e) in actual.iter().zip(expected) {
            assert!((f64::from(a) - e).abs() <= 1e-6 * e.abs(), "step {step}: {actual:?}, not {expected:?}");
        }
    }
}

#[test]
fn momentum_and_weight_decay_by_hand() {
    // The first: g = 1.5 + 0.15, v = 1.65, w = 1.335; g = 1.4685, v = 2.9535, w = 1.03965;
    // g = 1.143615, v = 3.801765, w = 1.03965 - 0.05 * 3.801765.
    let hand = [[1.335, -1.88, 0.545], [1.03965, -1.6592, 0.63455], [0.84956175, -1.510064, 0.70340225]];
    close(&three_steps(Momentum::Classic, 0.9, 0.1), hand);
}

#[test]
fn nesterov_by_hand() {
    // The first: g = v = 1.65, w = 1.5 - 0.1 (1.65 + 0.9 * 1.65); g = 1.30515, v = 2.79015,
    // w = 1.1865 - 0.1 (1.30515 + 0.9 * 2.79015); then at a rate of 0.05.
    let hand = [
        [1.1865, -1.772, 0.5855],
        [0.8048715, -1.472792, 0.7220705],
        [0.60776135325, -1.302043256, 0.8215515027],
    ];
    close(&three_steps(Momentum::Nesterov, 0.9, 0.1), hand);
}

#[test]
fn plain_descent_by_hand() {
    let hand = [[1.35, -1.9, 0.55], [1.215, -1.805, 0.605], [1.15425, -1.759875, 0.63525]];
    close(&three_steps(Momentum::Classic, 0.0, 0.0), hand);
}

/// The two passes of before there was one buffer: v over all weights first, then w.
#[test]
fn descent_has_the_bits_of_two_passes() {
    for kind in [Momentum::Classic, Momentum::Nesterov] {
        let value = |i: usize, scale: f32| ((i * 7919 + 13) % 1009) as f32 / 1009.0 * scale - scale / 3.0;
        let mut w: Vec<f32> = (0..500).map(|i| value(i, 1.7)).collect();
        let k: Vec<f32> = (0..500).map(|i| value(i + 500, 0.3)).collect();
        let mut v = vec![0f32; 500];
        let var = Var::new(w.as_slice(), &Device::Cpu).unwrap();
        let variables = named(&[("w", &var)]);
        let mut sgd = sgd(kind, 0.9, 1e-4);
        for _ in 0..5 {
            let loss = (var.as_tensor() * &Tensor::new(k.as_slice(), &Device::Cpu).unwrap()).unwrap();
            sgd.step(&variables, &of(&variables, &loss.sum_all().unwrap()), 0.1).unwrap();
            let (momentum, decay, rate) = (0.9f64 as f32, 1e-4f64 as f32, 0.1f64 as f32);
            for ((v, w), g) in v.iter_mut().zip(&w).zip(&k) {
                *v = momentum * *v + (g + decay * w);
            }
            for ((w, v), g) in w.iter_mut().zip(&v).zip(&k) {
                match kind {
                    Momentum::Classic => *w -= rate * v,
                    Momentum::Nesterov => *w -= rate * ((g + decay * *w) + momentum * v),
                }
            }
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&var.to_vec1::<f32>().unwrap()), bits(&w), "{kind:?}");
    }
}

#[test]
fn what_has_no_gradient_stays() {
    let (w, statistic) = (Var::new(&[1f32], &Device::Cpu).unwrap(), Var::new(&[5f32], &Device::Cpu).unwrap());
    let variables = named(&[("w", &w), ("running_mean", &statistic)]);
    let mut sgd = sgd(Momentum::Classic, 0.9, 0.5);
    let gradients = of(&variables, &w.as_tensor().sum_all().unwrap());
    assert_eq!(sgd.step(&variables, &gradients, 0.1).unwrap(), 1);
    assert_eq!(statistic.to_vec1::<f32>().unwrap(), [5.0]);
    assert_eq!(sgd.state().map(|(slot, name, _)| (slot, name)).collect::<Vec<_>>(), [("momentum", "w")]);
}

#[test]
fn a_gradient_that_is_a_view_is_read_in_the_right_order() {
    let w = Var::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu).unwrap();
    let k = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
    let loss = (w.as_tensor().t().unwrap() * &k).unwrap().sum_all().unwrap();
    let variables = named(&[("w", &w)]);
    sgd(Momentum::Classic, 0.0, 0.0).step(&variables, &of(&variables, &loss), 1.0).unwrap();
    assert_eq!(w.to_vec2::<f32>().unwrap(), [[0.0, -1.0, -2.0], [2.0, 1.0, 0.0]]);
}

#[test]
fn a_variable_of_another_type_is_refused() {
    let w = Var::new(&[1f64], &Device::Cpu).unwrap();
    let variables = named(&[("w", &w)]);
    let gradients = w.as_tensor().sum_all().unwrap().backward().unwrap();
    let message = none(&variables).add(&variables, &gradients, 1.0).unwrap_err().to_string();
    assert!(message.contains("w: the variable is F64"), "{message}");
}

/// A variable can have its first gradient in the second batch of a step, and none in the next step.
#[test]
fn batches_may_reach_different_variables() {
    let (a, b) = (Var::new(&[1f32], &Device::Cpu).unwrap(), Var::new(&[1f32], &Device::Cpu).unwrap());
    let variables = named(&[("a", &a), ("b", &b)]);
    let mut gradients = none(&variables);
    let slope = |var: &Var, by: f64| (var.as_tensor() * by).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(gradients.add(&variables, &slope(&a, 4.0), 1.0).unwrap(), 1);
    assert_eq!(gradients.add(&variables, &slope(&b, 8.0), 3.0).unwrap(), 1);
    gradients.complete(&Alone).unwrap();
    assert_eq!((gradients.get("a"), gradients.get("b")), (Some(&[1.0][..]), Some(&[6.0][..])));
    gradients.clear();
    gradients.add(&variables, &slope(&a, 5.0), 7.0).unwrap();
    gradients.complete(&Alone).unwrap();
    assert_eq!((gradients.get("a"), gradients.get("b")), (Some(&[5.0][..]), None));
    assert_eq!(gradients.values(), [5.0, 0.0]);
}

#[test]
fn processes_count_by_their_images() {
    // The third has nothing to add in this step, and something of the last one in its buffer.
    let sums = std::thread::scope(|scope| {
        let own = |thread: Threads, batches: &'static [(f64, f64)]| {
            move || {
                let w = Var::new(&[0f32, 0.0], &Device::Cpu).unwrap();
                let variables = named(&[("w", &w)]);
                let mut gradients = none(&variables);
                gradients.values_mut().fill(f32::NAN);
                for (slope, images) in batches {
                    let store = (w.as_tensor() * *slope).unwrap().sum_all().unwrap().backward().unwrap();
                    gradients.add(&variables, &store, *images).unwrap();
                }
                gradients.complete(&thread).unwrap();
                gradients.values().to_vec()
            }
        };
        let batches: [&[(f64, f64)]; 3] = [&[(2.0, 20.0), (2.0, 10.0)], &[(6.0, 10.0)], &[]];
        let threads =
            Threads::new(3).into_iter().zip(batches).map(|(one, batches)| scope.spawn(own(one, batches)));
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    // (30 * 2 + 10 * 6) / 40
    assert_eq!(sums, [[3.0, 3.0]; 3]);
}

/// A step whose batches are all left out has no gradients, in one process or in several.
#[test]
fn nothing_added_makes_no_mean() {
    let none = || {
        let w = Var::new(&[0f32, 0.0], &Device::Cpu).unwrap();
        none(&named(&[("w", &w)]))
    };
    assert!(!none().complete(&Alone).unwrap());
    std::thread::scope(|scope| {
        let own = |thread: Threads| {
            move || {
                let mut gradients = none();
                let has_any = gradients.complete(&thread).unwrap();
                (has_any, gradients.values().to_vec())
            }
        };
        let threads: Vec<_> = Threads::new(2).into_iter().map(|one| scope.spawn(own(one))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), (false, vec![0.0, 0.0]));
        }
    });
}

#[test]
fn clipping_by_hand() {
    let w = Var::new(&[0f32, 0.0], &Device::Cpu).unwrap();
    let variables = named(&[("w", &w)]);
    let slopes = Tensor::new(&[3f32, -4.0], &Device::Cpu).unwrap();
    let clipped = |clip: Clip| {
        let loss = (w.as_tensor() * &slopes).unwrap().sum_all().unwrap();
        let mut gradients = of(&variables, &loss);
        clip.apply(&mut gradients);
        gradients.values().to_vec()
    };
    assert_eq!(clipped(Clip::None), [3.0, -4.0]);
    assert_eq!(clipped(Clip::Norm(6.0)), [3.0, -4.0]);
    assert_eq!(clipped(Clip::Value(3.5)), [3.0, -3.5]);
    let half = clipped(Clip::Norm(2.5));
    assert!((half[0] - 1.5).abs() < 1e-6 && (half[1] + 2.0).abs() < 1e-6, "{half:?}");
}
