//! Checks that must hold when any bytes are read as a checkpoint to resume from: the body of a fuzz target
//! (tests/fuzz). It is in this crate because the state of a training is private.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Var};
use resnet_checkpoint::keys;

use crate::checkpoint;
use crate::snapshot::{EngineState, Snapshot};
use crate::state::State;

/// Reads `file` for a classifier of two variables, and the training's state that it or `text` holds. Panics
/// where something that should hold does not. Returns whether the file, or the text, is one to go on from.
pub fn resume(file: &Path, text: &str) -> bool {
    let zeros = |shape: &[usize]| Var::zeros(shape, candle_core::DType::F32, &Device::Cpu).expect("zeros");
    let variables: BTreeMap<String, Var> = [("fc.bias", &[2][..]), ("fc.weight", &[2, 3])]
        .map(|(name, shape)| (name.into(), zeros(shape)))
        .into();
    let is_state = state(text, file);
    match checkpoint::read(file, &Snapshot::of(&variables, EngineState::default()).shapes()) {
        Ok(loaded) => {
            assert!(loaded.arrays.weights.keys().eq(variables.keys()));
            let mut remembered = loaded.arrays.slots.values().flat_map(BTreeMap::keys);
            assert!(remembered.all(|name| variables.contains_key(name)));
            loaded.metadata.get(keys::TRAINING_STATE).is_some_and(|text| state(text, file))
        }
        Err(error) => {
            named(&error, file);
            is_state
        }
    }
}

/// A state that is understood comes back to the bit, so a training that is resumed twice is the same as one
/// resumed once. Returns whether it is understood.
fn state(text: &str, file: &Path) -> bool {
    match State::from_json(text, file) {
        Ok(state) => {
            let again = state.to_json(file).and_then(|text| State::from_json(&text, file));
            assert_eq!(again.expect("what was written is read"), state);
            let _ = (state.sums.mean_loss(), state.sums.top1(), state.sums.data_wait());
            true
        }
        Err(error) => {
            named(&error, file);
            false
        }
    }
}

fn named(error: &crate::Error, file: &Path) {
    let told = error.to_string();
    assert!(told.contains(&*file.to_string_lossy()), "{told:?} should name {}", file.display());
}
