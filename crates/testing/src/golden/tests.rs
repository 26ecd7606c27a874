//! The golden files as loaded, and the measure's power to tell tensors apart.

use super::*;

#[test]
fn every_file_of_logits_loads() {
    let networks = [
        ("cifar.resnet20_v1_a", 269_722),
        ("cifar.resnet20_v2_b", 272_282),
        ("cifar.resnet110_v1_a", 1_727_962),
        ("cifar.resnet164_v2_b", 1_703_258),
        ("torchvision.resnet18", 11_689_512),
        ("torchvision.resnet50", 25_557_032),
        ("timm.resnet50d", 25_576_264),
        ("timm.resnetv2_18", 11_687_720),
        ("timm.resnetv2_50", 25_549_352),
        ("timm.resnetv2_50x1_bit", 25_549_352),
    ];
    crate::table::run(&networks, |&(name, parameters)| {
        let golden = logits(name);
        assert_eq!((golden.name.as_str(), golden.logits.len()), (name, golden.input[0]));
        assert!(golden.logits.iter().flatten().all(|z| z.is_finite()));
        let buffers = |name: &str| name.contains("running_") || name.ends_with("num_batches_tracked");
        let shapes = golden.state_dict.iter().filter(|(name, _)| !buffers(name));
        let counted: usize = shapes.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!((counted, golden.parameters), (parameters, parameters));
        Ok(())
    });
}

#[test]
fn units_and_trainings_load() {
    assert_eq!(units().len(), 10);
    assert_eq!(unit("original").gradients.len(), 6);
    assert!(unit("dropout_shortcut").train_output.is_none());
    assert_eq!((trainings().len(), small_trainings().len()), (2, 3));
    for training in trainings().into_iter().chain(small_trainings()) {
        assert_eq!((training.losses.len(), training.labels.len()), (8, training.batch[0]));
        assert!(training.first_gradients.keys().all(|name| training.weights_after.contains_key(name)));
    }
    assert_eq!(training("cifar.resnet20_v2_b").batch, [16, 3, 32, 32]);
}

#[test]
fn the_measure_equals_pythons() {
    let got = measure("output", &[3.0, 0.0, 4.0, 0.0]);
    assert_eq!(got.norm, 5.0);
    assert!((got.dot_probe - 0.094_754_099_845_886_23).abs() < 1e-15, "{got:?}");
}

#[test]
fn the_measure_sees_size_sign_order_and_nan() {
    let values = crate::uniform(1, 1000);
    let expected = measure("t", &values);
    assert_eq!(measure("t", &values).compare(&expected, 1e-12), Ok(()));
    let reversed: Vec<f32> = values.iter().rev().copied().collect();
    let mut nan = values.clone();
    nan[999] = f32::NAN;
    let scaled: Vec<f32> = values.iter().map(|v| 1.01 * v).collect();
    let negative: Vec<f32> = values.iter().map(|v| -v).collect();
    for wrong in [&reversed, &nan, &scaled, &negative, &values[..900].to_vec()] {
        assert!(measure("t", wrong).compare(&expected, 1e-3).is_err());
    }
    assert!(measure("another", &values).compare(&expected, 1e-3).is_err());
}

#[test]
fn a_measure_of_nan_is_met_by_nothing() {
    let nan = Measure { norm: f64::NAN, dot_probe: 0.0 };
    assert!(nan.compare(&nan, 1.0).is_err());
}
