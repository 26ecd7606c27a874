//! A network prepared for inference: for images of any number and size, with weights of its own or lent ones.

use candle_core::{Device, Tensor};
use resnet_models::{Frozen, Model, ModelOptions, registry};
use resnet_ops::{Learning, Mode};
use resnet_testing::{max_relative_to_norm, near, recipe, table};

fn images((n, size): (usize, usize)) -> Tensor {
    Tensor::from_vec(recipe::batch(n, size, size), (n, 3, size, size), &Device::Cpu).expect("images")
}

fn values(tensor: candle_core::Result<Tensor>) -> Vec<f32> {
    tensor.and_then(|tensor| tensor.flatten_all()?.to_vec1()).expect("floats")
}

/// Networks in which a sum may take its residual's place, and in which it may not: the only convolution of a
/// unit reads what it is added to.
#[test]
fn later_shapes_share_the_weights_of_the_first() {
    let names =
        ["resnet20-v1", "resnet20-v2", "resnet20-v1-one-layer", "resnet29-v1", "resnet29-v2-b", "resnet18"];
    table::run(&names, |name| {
        let spec = registry::find(name, 10).map_err(|error| error.to_string())?;
        let model = Model::init(&spec, 1).expect("a network");
        let side = if name.contains('-') { 32 } else { 64 };
        // The first again: its buffers have been others' meanwhile. One image may take another algorithm, and
        // the last stage of a small one has a single pixel.
        let batches = [(20, side), (3, side), (1, side + 9), (1, side / 2), (20, side)].map(images);
        let expected = batches.clone().map(|images| values(model.forward(&images, Mode::Eval)));
        let lent = model.network().for_inference();
        let of_lent = batches.clone().map(|images| values(lent.logits(&images)));
        drop(lent);
        let own = model.into_inference();
        let of_own = batches.map(|images| values(own.logits(&images)));
        assert_eq!(of_lent, of_own, "{name}: what becomes of the weights changes the logits");
        assert_eq!(of_own[0], of_own[4], "{name}: the same images again");
        for (found, expected) in of_own.iter().zip(&expected) {
            let expected: Vec<f64> = expected.iter().copied().map(f64::from).collect();
            let error = max_relative_to_norm(found, &expected);
            eprintln!("{name}: {error:.1e}");
            near("folded", found, &expected, 1e-4)?;
        }
        Ok(())
    });
}

/// What training drops and what it freezes are no part of a network for inference.
#[test]
fn a_network_with_drops_or_frozen_parts_takes_images_of_another_number_and_size() {
    let names = ["resnet20-v1", "resnet20-v2", "resnet20-dropout-shortcut-by-0.2"];
    table::run(&names, |name| {
        let spec = registry::find(name, 10).map_err(|error| error.to_string())?;
        let options = ModelOptions { seed: 1, stochastic_depth: 0.3, ..ModelOptions::default() };
        for learning in [Learning::Everything, Learning::Nothing] {
            let mut model = Model::with_options(&spec, &options).expect("a network");
            model.network_mut().set_frozen(Frozen { parts: 2, learning });
            let batches = [(3, 32), (2, 40), (1, 32)].map(images);
            let expected = batches.clone().map(|images| values(model.forward(&images, Mode::Eval)));
            let ready = model.into_inference();
            for (images, expected) in batches.iter().zip(expected) {
                let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
                near("folded", &values(ready.logits(images)), &expected, 1e-4)
                    .map_err(|fault| format!("{learning:?}: {fault}"))?;
            }
        }
        Ok(())
    });
}
