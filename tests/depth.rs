//! Deep graphs on a small stack: forward, backward and drop of networks that candle's recursion must not
//! follow.
//!
//! Each test runs in a thread of 2 MiB, what `cargo test` gives, whatever RUST_MIN_STACK says.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{VarBuilder, VarMap};
use resnet_blocks::{FullPreActivation, UnitConfig};
use resnet_models::{Model, registry};
use resnet_ops::{Layer, Mode, softmax_cross_entropy};
use resnet_testing::uniform;

/// Runs `test` in a thread with the stack of an ordinary test.
fn on_a_small_stack(test: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(test).expect("a thread");
    thread.join().expect("no panic")
}

#[test]
fn a_training_step_of_resnet1001_v2() -> Result<()> {
    on_a_small_stack(|| {
        let spec = registry::find("resnet1001-v2", 10).expect("a name of the registry");
        let model = Model::init(&spec, 0)?;
        let images = Tensor::from_vec(uniform(1, 4 * 3 * 32 * 32), (4, 3, 32, 32), &Device::Cpu)?;
        let labels = Tensor::new(&[0u32, 3, 6, 9], &Device::Cpu)?;
        let logits = model.forward(&images, Mode::Train)?;
        let loss = softmax_cross_entropy(&logits, &labels)?;
        let gradients = loss.backward()?;
        assert!(loss.to_scalar::<f32>()?.is_finite());
        let mut moved = 0;
        for var in model.variables().values() {
            let Some(gradient) = gradients.get(var) else { continue };
            var.set(&(var.as_tensor() - (gradient * 0.01)?)?.detach())?;
            moved += 1;
        }
        // 333 units of 3 convolutions and 3 norms, 3 projections, stem, last norm, head.
        assert_eq!(moved, 333 * (3 + 3 * 2) + 3 + 1 + 2 + 2);
        drop((logits, loss, gradients, model));
        Ok(())
    })
}

#[test]
fn a_chain_of_units_that_are_each_a_node_of_their_own() -> Result<()> {
    on_a_small_stack(|| {
        let variables = VarMap::new();
        let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let units =
            (0..200).map(|i| FullPreActivation::new(UnitConfig::basic(4, 4, 1), vb.pp(i.to_string())));
        let units = units.collect::<Result<Vec<_>>>()?;
        let mut x = Tensor::from_vec(uniform(1, 2 * 4 * 6 * 6), (2, 4, 6, 6), &Device::Cpu)?;
        for unit in &units {
            x = unit.forward(&x, Mode::Train)?;
        }
        let gradients = x.sqr()?.mean_all()?.backward()?;
        let first = units_first_weight(&variables, &gradients)?;
        assert!(first.is_finite() && first > 0.0, "the first unit's gradient has norm {first}");
        drop((x, gradients));
        Ok(())
    })
}

/// The squared norm of the gradient of the first unit's first convolution.
fn units_first_weight(variables: &VarMap, gradients: &candle_core::backprop::GradStore) -> Result<f32> {
    let variables = variables.data().lock().expect("no poison");
    gradients.get(&variables["0.conv1.weight"]).expect("a gradient").sqr()?.sum_all()?.to_scalar()
}
