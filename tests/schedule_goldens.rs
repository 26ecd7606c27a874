//! Every step's learning rate beside PyTorch's and timm's schedulers: `tests/goldens/make_schedules.py`.

use resnet_record::{EpochSize, Recipe};
use resnet_train::Schedule;
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    steps_per_epoch: u64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    peer: String,
    schedule: String,
    steps: u64,
    rates: Vec<f64>,
}

/// Largest relative difference.
const WITHIN: f64 = 1e-9;

#[test]
fn rates_are_those_of_pytorch_and_timm() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/schedules.json")).expect("goldens");
    assert!(goldens.cases.len() >= 20, "{}", goldens.cases.len());
    let epoch = EpochSize { images: 10 * goldens.steps_per_epoch, steps: goldens.steps_per_epoch };
    let mut faults = vec![];
    for Case { peer, schedule, steps, rates } in goldens.cases {
        let mut recipe = Recipe::built_in("cifar10-resnet20-v2").expect("a recipe");
        recipe.set(&format!("schedule={{{schedule}}}")).unwrap_or_else(|error| panic!("{error}"));
        let ours = Schedule::new(&recipe.schedule, steps, epoch);
        assert_eq!(rates.len() as u64, steps, "{schedule}");
        for (step, expected) in rates.into_iter().enumerate() {
            let found = ours.rate(step as u64);
            let is_close = (found - expected).abs() <= WITHIN * expected.abs();
            if !is_close {
                faults.push(format!("{peer}: {schedule} at step {step}: {found}, not {expected}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
