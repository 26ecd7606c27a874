//! Several processes, as threads of one, train as one does: the same images, the same weights everywhere,
//! files of the first alone, and an end for all where one ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Tiny, data, outcome, recipe};
use resnet_data::Dataset;
use resnet_record::{Metric, Recipe, Run, RunFolder, RunRecord};
use resnet_train::{Error, Observer, Options, Outcome, Quiet, StepReport, Threads, TrainingData as _, fit};

/// What a process of a test has to itself.
struct Own {
    data: Arc<Dataset>,
    recipe: Recipe,
    observer: Box<dyn Observer>,
    options: Options,
}

/// Trains in `dir` as so many processes, of which each may be given something else.
fn together(
    count: usize,
    dir: &Path,
    open: impl Fn(&Path, &Recipe) -> Run + Sync,
    changes: &[&str],
    give: impl Fn(usize, &mut Own) + Sync,
) -> Vec<Result<Outcome, Error>> {
    let data = Arc::new(data());
    std::thread::scope(|scope| {
        let run = |(index, thread): (usize, Threads)| {
            let (data, open, give) = (&data, &open, &give);
            move || {
                let processes = Arc::new(thread);
                let options = Options { processes, ..Options::default() };
                let mut own = Own {
                    data: Arc::clone(data),
                    recipe: recipe(changes),
                    observer: Box::new(Quiet),
                    options,
                };
                give(index, &mut own);
                let mut run = match index {
                    0 => open(dir, &own.recipe),
                    _ => Run::kept_elsewhere(dir, &own.recipe, RunRecord::begin("test", &own.recipe)),
                };
                // Only the first's weights count.
                let model = Tiny::new(1 + 7 * index as u32, 10);
                fit(&model, &*own.data, &mut run, &own.options, &mut *own.observer)
            }
        };
        let threads = Threads::new(count).into_iter().enumerate().map(|one| scope.spawn(run(one)));
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn fresh(dir: &Path, recipe: &Recipe) -> Run {
    Run::create(dir, recipe, RunRecord::begin("test", recipe)).unwrap()
}

fn again(dir: &Path, _: &Recipe) -> Run {
    Run::open(dir).unwrap()
}

fn ended(results: Vec<Result<Outcome, Error>>) {
    for result in results {
        assert!(matches!(result.unwrap(), Outcome::Finished(_)));
    }
}

fn losses(dir: &Path) -> Vec<f64> {
    let metrics = RunFolder::open(dir).unwrap().metrics().unwrap();
    let loss = |metric: &Metric| match metric {
        Metric::Step(step) => Some(step.loss),
        _ => None,
    };
    metrics.iter().filter_map(loss).collect()
}

/// Batches of 32 and a last one of 14 of 110 images. Tiny's running mean is a process's own, so the weights
/// are as one process would have them only where nothing is normalised by the batch; the images are the same.
#[test]
fn two_runs_of_several_processes_are_equal_to_the_bit() {
    let scratch = tempfile::tempdir().unwrap();
    let changes =
        ["augmentation.mixup=0.0", "ema.decay=0.9", "train.grad_accum_steps=2", "train.keep_checkpoints=1"];
    let trained = |name: &str, count| {
        let dir = scratch.path().join(name);
        ended(together(count, &dir, fresh, &changes, |_, _| ()));
        outcome(&dir)
    };
    for count in [2, 3] {
        assert!(trained(&format!("a{count}"), count) == trained(&format!("b{count}"), count));
    }
}

/// Stops a training after so many steps.
struct Stop {
    after: u64,
    stop: Arc<AtomicBool>,
}

impl Observer for Stop {
    fn on_step(&mut self, report: &StepReport) {
        if report.step.step == self.after {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_process_that_is_stopped_stops_all_and_another_number_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let results = together(2, &dir, fresh, &[], |index, own| {
        if index == 1 {
            own.observer = Box::new(Stop { after: 6, stop: Arc::clone(&own.options.stop) });
        }
    });
    for result in results {
        assert!(matches!(result.unwrap(), Outcome::Interrupted { step: 6 }));
    }
    assert_eq!(losses(&dir).len(), 6);
    ended(together(4, &dir, again, &[], |_, _| ()));
    assert_eq!(losses(&dir).len(), 12);
    // A finished run has nothing to train, in as many processes as there may be.
    ended(together(3, &dir, again, &[], |_, _| ()));
}

#[test]
fn a_training_that_goes_on_is_the_one_that_never_stopped() {
    let scratch = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| scratch.path().join(name));
    ended(together(2, &whole, fresh, &[], |_, _| ()));
    together(2, &parts, fresh, &[], |_, own| {
        own.observer = Box::new(Stop { after: 5, stop: Arc::clone(&own.options.stop) });
    });
    ended(together(2, &parts, again, &[], |_, _| ()));
    assert!(outcome(&whole) == outcome(&parts));
}

#[test]
fn evaluation_counts_every_image_once() {
    let scratch = tempfile::tempdir().unwrap();
    let scores = |count: usize| {
        let dir = scratch.path().join(count.to_string());
        ended(together(count, &dir, fresh, &["train.duration=1 steps"], |_, _| ()));
        let folder = RunFolder::open(&dir).unwrap();
        let shown = folder.predictions().unwrap().unwrap();
        let images: u64 = shown.classes.iter().map(|class| class.images).sum();
        let correct: u64 = shown.classes.iter().map(|class| class.correct).sum();
        let results = folder.record().unwrap().results.unwrap();
        let (validation, test) = (results.validation.unwrap(), results.test.unwrap());
        assert_eq!((images, correct), (test.images, test.top1_correct));
        assert!(shown.worst.iter().any(|answer| answer.image >= 40), "the last images are seen as well");
        (validation.images, test.images)
    };
    for count in [1, 2, 4, 7] {
        assert_eq!(scores(count), (30, 60), "{count}");
    }
}

#[test]
fn a_process_evaluates_in_batches_of_the_size_of_its_part() {
    let (data, recipe) = (data(), recipe(&[]));
    for count in [1, 2, 3, 4] {
        for process in Threads::new(count) {
            let options = Options { processes: Arc::new(process), ..Options::default() };
            let test = data.test(&recipe, &options).unwrap();
            // 60 images in batches of 32: two batches, whatever the number of processes.
            assert_eq!((test.images_per_epoch(), test.batches_per_epoch()), (60 / count, 2), "{count}");
            let validation = data.training(&recipe, &options).unwrap().validation.unwrap();
            assert_eq!(validation.batches_per_epoch(), 1, "{count}");
        }
    }
}

#[test]
fn processes_that_would_not_do_the_same_do_not_begin() {
    let scratch = tempfile::tempdir().unwrap();
    let told = |name: &str, give: &(dyn Fn(&mut Own) + Sync)| {
        let dir = scratch.path().join(name);
        let results = together(3, &dir, fresh, &[], |index, own| {
            if index == 2 {
                give(own)
            }
        });
        let told: Vec<String> = results.into_iter().map(|result| result.unwrap_err().to_string()).collect();
        assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
        assert!(!dir.join("checkpoints/last.safetensors").exists());
        told[0].clone()
    };
    let text = told("recipe", &|own| own.recipe.set("train.batch_size=16").unwrap());
    assert!(text.contains("process 2 trains by another recipe"), "{text}");
    assert!(text.contains("train.batch_size is 16, not 32"), "{text}");
    let text = told("data", &|own| own.data = Arc::new(resnet_data::generated::shapes(140, 60, 1)));
    assert!(text.contains("process 2 has other training images than process 0"), "{text}");
}

#[test]
fn a_process_that_fails_ends_all_of_them_and_leaves_the_checkpoint() {
    /// Panics would end the test; a process that leaves is enough.
    struct Fail;
    impl Observer for Fail {
        fn on_step(&mut self, report: &StepReport) {
            assert!(report.step.step < 6, "as if killed");
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let data = Arc::new(data());
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads = Threads::new(3).into_iter().enumerate().map(|(index, thread)| {
            let (dir, data) = (&dir, &data);
            scope.spawn(move || {
                let recipe = recipe(&[]);
                let options = Options { processes: Arc::new(thread), ..Options::default() };
                let mut run = match index {
                    0 => fresh(dir, &recipe),
                    _ => Run::kept_elsewhere(dir, &recipe, RunRecord::begin("test", &recipe)),
                };
                let mut observer: Box<dyn Observer> =
                    if index == 1 { Box::new(Fail) } else { Box::new(Quiet) };
                fit(&Tiny::new(1, 10), &**data, &mut run, &options, &mut *observer)
            })
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join()).collect()
    });
    assert!(results[1].is_err(), "it was killed");
    for index in [0, 2] {
        let text = results[index].as_ref().unwrap().as_ref().unwrap_err().to_string();
        assert!(text.contains("process 1 has left"), "{text}");
    }
    // The first epoch of four steps is closed and saved.
    ended(together(2, &dir, again, &[], |_, _| ()));
    assert_eq!(losses(&dir).len(), 12);
}

#[test]
fn a_batch_that_cannot_be_shared_is_refused_before_anything_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    for result in together(20, &dir, fresh, &[], |_, _| ()) {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("20 processes share batches of down to 14 images"), "{text}");
    }
    assert!(!dir.join("checkpoints/last.safetensors").exists());
}
