//! Made-up runs.

use std::path::Path;

use resnet_record::{
    Checkpoint, EpochMetrics, Metric, Recipe, Results, Run, RunFolder, RunRecord, Scores, StepMetrics,
};

pub(crate) fn scores(correct: u64) -> Scores {
    Scores { images: 1000, top1_correct: correct, top5_correct: None, loss: 0.5, images_per_second: 900.0 }
}

/// A run of `epochs` epochs of ten steps; its test error ends at `error` percent.
pub(crate) fn run(dir: &Path, model: &str, seed: u64, epochs: u64, error: f64) -> RunFolder {
    let settings = [format!("model.name={model}"), format!("train.seed={seed}")];
    let mut recipe = Recipe::built_in("cifar10-resnet110-v2").unwrap();
    recipe.set_all(&settings).unwrap();
    let mut run = Run::create(dir, &recipe, RunRecord::begin("<b>made up</b>", &recipe)).unwrap();
    let correct = (1000.0 - 10.0 * error) as u64;
    for epoch in 1..=epochs {
        for step in 10 * epoch - 9..=10 * epoch {
            let (rate, loss) = (if 2 * epoch > epochs { 0.01 } else { 0.1 }, 2.3 / step as f64);
            let metrics = StepMetrics {
                step,
                epoch,
                images: 128 * step,
                loss,
                rate,
                images_per_second: 900.0,
                certificate: None,
            };
            run.log(&Metric::Step(metrics)).unwrap();
        }
        let metrics = EpochMetrics {
            epoch,
            step: 10 * epoch,
            images: 1280 * epoch,
            train_loss: 1.0 / epoch as f64,
            train_top1: 90.0,
            rate: 0.1,
            images_per_second: 900.0,
            data_wait: 0.0,
            communication: None,
            data_threads: None,
            validation: None,
            ema_validation: None,
            test: Some(scores(correct)),
            test_reads: epoch,
        };
        run.log(&Metric::Epoch(metrics)).unwrap();
    }
    let results = Results {
        checkpoint: Checkpoint::Last,
        checkpoint_epoch: epochs,
        epochs,
        steps: 10 * epochs,
        train_loss: 0.1,
        validation: None,
        test: Some(scores(correct)),
        images_per_second: 900.0,
        seconds: 100.0,
    };
    run.update(|record| record.finish(results)).unwrap();
    run.folder().clone()
}

/// Changes the record of the run in `dir`.
pub(crate) fn recorded(dir: &Path, change: impl FnOnce(&mut RunRecord)) -> RunFolder {
    let mut run = Run::open(dir).unwrap();
    run.update(change).unwrap();
    run.folder().clone()
}
