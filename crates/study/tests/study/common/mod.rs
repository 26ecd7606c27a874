//! Made-up runs of a study, with the errors and losses that a test wants.

use std::path::Path;

use resnet_record::{
    Checkpoint, Divergence, EpochMetrics, Machine, Metric, Recipe, Run, RunRecord, Scores, StepMetrics,
};
use resnet_study::{ImageKind, Request, Scale, Target, grid};

const STEPS: u64 = 8 * 391;

pub(crate) fn request(out: &Path, targets: &[Target]) -> Request {
    Request {
        targets: targets.to_vec(),
        scale: Scale::Small,
        seeds: 2,
        only: vec![],
        images: ImageKind::Real,
        out: out.to_owned(),
        runs: vec![],
    }
}

pub(crate) fn recipe(target: Target, row: &str, seed: u64) -> Recipe {
    let table = grid(target);
    let row = table.rows.iter().find(|known| known.name == row).unwrap_or_else(|| panic!("no row {row}"));
    let mut recipe = row.recipe_at(Scale::Small, ImageKind::Real).expect("a row that is trained");
    recipe.train.seed = seed;
    recipe
}

/// A run that ends with this test error in percent and this loss in nats; its loss falls from 2.3 along a
/// curve that is the higher, the higher its end.
pub(crate) fn made(dir: &Path, recipe: &Recipe, error: f64, loss: f64) -> Run {
    let mut record = RunRecord::begin("made", recipe);
    record.data = "made-up/cifar-10-batches-bin".to_owned();
    record.threads = 2;
    record.machine = Some(Machine { cpu: "Made-up 9000".to_owned(), ..Machine::here() });
    let mut run = Run::create(dir, recipe, record).unwrap();
    let scores = |error: f64| Scores {
        images: 10_000,
        top1_correct: (10_000.0 - 100.0 * error).round() as u64,
        top5_correct: None,
        loss: 0.5,
        images_per_second: 900.0,
    };
    for epoch in 1..=8u64 {
        for step in (391 * (epoch - 1) + 1)..=391 * epoch {
            if step % 25 == 0 {
                let share = step as f64 / STEPS as f64;
                let rate = if epoch > 6 {
                    0.001
                } else if epoch > 4 {
                    0.01
                } else {
                    0.1
                };
                let noise = ((step * 2_654_435_761 + recipe.train.seed * 97) % 1000) as f64 / 10_000.0;
                let value = loss + (2.3 - loss) * (-4.0 * share / (0.4 + loss)).exp() + noise * (1.0 - share);
                run.log(&Metric::Step(StepMetrics {
                    step,
                    epoch,
                    images: 128 * step,
                    loss: value,
                    rate,
                    images_per_second: 300.0,
                    certificate: None,
                }))
                .unwrap();
            }
        }
        let now = error + (75.0 - error) * (-f64::from(epoch as u32) / 1.9).exp();
        run.log(&Metric::Epoch(EpochMetrics {
            epoch,
            step: 391 * epoch,
            images: 50_000 * epoch,
            train_loss: loss,
            train_top1: 80.0,
            rate: 0.1,
            images_per_second: 300.0,
            data_wait: 0.0,
            communication: None,
            data_threads: None,
            validation: None,
            ema_validation: None,
            test: Some(scores(if epoch == 8 { error } else { now })),
            test_reads: epoch,
        }))
        .unwrap();
    }
    let results = resnet_record::Results {
        checkpoint: Checkpoint::Last,
        checkpoint_epoch: 8,
        epochs: 8,
        steps: STEPS,
        train_loss: loss,
        validation: None,
        test: Some(scores(error)),
        images_per_second: 300.0,
        seconds: 1400.0,
    };
    run.update(|record| record.finish(results)).unwrap();
    run
}

/// Two seeds of a row, `spread` points apart.
pub(crate) fn pair(out: &Path, target: Target, row: &str, (error, spread): (f64, f64), loss: f64) {
    for seed in 0..2u64 {
        let sign = if seed == 0 { -0.5 } else { 0.5 };
        let dir = out.join("small").join(format!("{row}-seed-{seed}"));
        let recipe = recipe(target, row, seed);
        drop(made(&dir, &recipe, error + sign * spread, loss * (1.0 + 0.02 * sign)));
    }
}

pub(crate) fn diverged(out: &Path, target: Target, row: &str, seed: u64) {
    let recipe = recipe(target, row, seed);
    let dir = out.join("small").join(format!("{row}-seed-{seed}"));
    let mut run = Run::create(&dir, &recipe, RunRecord::begin("made", &recipe)).unwrap();
    let step = StepMetrics {
        step: 25,
        epoch: 1,
        images: 3200,
        loss: 9.0,
        rate: 0.1,
        images_per_second: 300.0,
        certificate: None,
    };
    run.log(&Metric::Step(step)).unwrap();
    let divergence = Divergence {
        cause: "the loss is NaN".to_owned(),
        step: 26,
        epoch: 1,
        step_in_epoch: 26,
        rate: 0.1,
        first_layer: None,
        images: vec![],
        labels: vec![],
        layers: vec![],
        variables: vec![],
    };
    run.diverged(&divergence).unwrap();
}

/// A run of one seed of a row of table 1.
pub(crate) fn one(out: &Path, row: &str, seed: u64, error: f64) {
    let recipe = recipe(Target::Table1, row, seed);
    drop(made(&out.join("small").join(format!("{row}-seed-{seed}")), &recipe, error, error / 30.0));
}
