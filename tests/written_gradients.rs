//! Gradients that the backward pass writes as it finishes them are those that candle's store would have.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use resnet_models::{Model, registry};
use resnet_ops::{BatchPart, ConvConfig, Mode, conv2d, softmax_cross_entropy};
use resnet_testing::{near, recipe, uniform};
use resnet_train::{Gradients, Layout};

fn images(index: usize, count: usize) -> Tensor {
    let images = recipe::batch(index + count, 16, 16).split_off(index * 3 * 16 * 16);
    Tensor::from_vec(images, (count, 3, 16, 16), &Device::Cpu).expect("images")
}

#[test]
fn a_step_of_two_batches_has_the_same_bits() -> candle_core::Result<()> {
    let model = Model::init(&registry::find("resnet8-v2", 10).expect("a network"), 0)?;
    let variables = model.variables();
    let layout = Arc::new(Layout::of(variables));
    let [mut expected, mut found] = [0; 2].map(|_| Gradients::new(layout.clone()));
    // The second time the buffer has other gradients in it.
    for _ in 0..2 {
        expected.clear();
        found.clear();
        for (first, count) in [(0, 5), (5, 3)] {
            let labels = Tensor::from_iter((0..count as u32).map(|image| image % 10), &Device::Cpu)?;
            let loss = || softmax_cross_entropy(&model.forward(&images(first, count), Mode::Train)?, &labels);
            let of_store = expected.add(variables, &loss()?.backward()?, count as f64)?;
            let written = found.add_backward(variables, &loss()?, count as f64, BatchPart::default())?;
            assert_eq!(written, of_store);
            assert_eq!(found.values(), expected.values());
        }
        let names = |gradients: &Gradients| -> Vec<String> {
            gradients.iter().map(|(place, _)| place.name.clone()).collect()
        };
        assert_eq!(names(&found), names(&expected));
    }
    Ok(())
}

/// A filter that two plans and an op of candle's use: its gradient is the sum of three.
#[test]
fn a_variable_of_several_plans_and_of_candles_ops_has_all_of_its_gradient() -> candle_core::Result<()> {
    let filter = Var::from_vec(uniform(1, 27), (1, 3, 3, 3), &Device::Cpu)?;
    let unused = Var::from_vec(vec![1f32], 1, &Device::Cpu)?;
    let variables = BTreeMap::from([("filter".to_owned(), filter.clone()), ("unused".to_owned(), unused)]);
    let loss = || {
        let x = conv2d(&images(0, 2), &filter, ConvConfig::same(3))?.sqr()?.mean_all()?;
        let y = conv2d(&images(2, 2), &filter, ConvConfig::same(3))?.sqr()?.mean_all()?;
        x.add(&y)?.add(&filter.as_tensor().sqr()?.sum_all()?)
    };
    let layout = Arc::new(Layout::of(&variables));
    let [mut expected, mut found] = [0; 2].map(|_| Gradients::new(layout.clone()));
    expected.add(&variables, &loss()?.backward()?, 1.0)?;
    assert_eq!(found.add_backward(&variables, &loss()?, 1.0, BatchPart::default())?, 1);
    let expected: Vec<f64> = expected.values().iter().copied().map(f64::from).collect();
    near("the filter's gradient", found.values(), &expected, 1e-6).expect("the sum of three");
    assert!(found.get("unused").is_none() && found.get("filter").is_some());
    found.forget("filter");
    assert!(found.get("filter").is_none() && found.values().iter().all(|value| *value == 0.0));
    Ok(())
}
