//! Claims 6 and 11, which need no training: the same function, and cost linear in depth.

use candle_core::{Device, Tensor};
use resnet_models::{registry, summary};
use resnet_study::claims::{cost, sameness};

#[test]
fn an_asymmetric_activation_after_the_addition_is_the_next_units_pre_activation() {
    for seed in [0, 1] {
        let images = Tensor::randn(0f32, 1.0, (8, 3, 32, 32), &Device::Cpu).unwrap();
        let same = sameness(&images, seed).unwrap();
        assert!(same.is_same(), "{same:?}");
        // Gradients part further: rounding moves the input of a ReLU across zero now and then.
        assert!(same.rounding.logits > 0.0 && same.rounding.logits < 1e-4, "{same:?}");
        // Seen by the shortcut as well, it is another function.
        assert!(same.symmetric.logits > 1e-2 && same.symmetric.gradients > 1e-2, "{same:?}");
        let spec = registry::find("resnet20-v2", 10).unwrap();
        assert_eq!(same.compared, summary::of(&spec).unwrap().parameters);
    }
}

#[test]
fn multiply_adds_are_linear_in_the_depth_and_so_is_the_time_as_far_as_a_busy_machine_tells() {
    let costs = cost(&[8, 20, 32, 44]).unwrap();
    let steps: Vec<u64> =
        costs.windows(2).map(|pair| pair[1].multiply_adds - pair[0].multiply_adds).collect();
    assert!(steps.iter().all(|step| *step == steps[0] && *step > 0), "{costs:?}");
    let ratio = costs[3].seconds / costs[0].seconds;
    let work = costs[3].multiply_adds as f64 / costs[0].multiply_adds as f64;
    assert!(ratio > 0.4 * work && ratio < 2.5 * work, "{ratio} {work} {costs:?}");
}
