//! However a training is interrupted, it ends with the weights, velocities and metrics of one that never was.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{
    StopAt, Tiny, When, copy_run, create, data, outcome, recipe, resume, tensors, train, train_on,
};
use resnet_checkpoint::keys::MOMENTUM;
use resnet_record::{Metric, Run, RunFolder};
use resnet_train::{Observer, Options, Outcome, Quiet, Split, StepReport, fit};

const STEPS: u64 = 12;

/// Trains until `when`, sees that it stopped, and goes on to the end.
fn interrupted(dir: &Path, changes: &[&str], when: When) -> Outcome {
    let options = Options::default();
    let mut observer = StopAt::new(when, &options);
    let stopped =
        fit(&Tiny::new(1, 10), &data(), &mut create(dir, changes), &options, &mut observer).unwrap();
    assert!(matches!(stopped, Outcome::Interrupted { .. }), "{stopped:?}");
    resume(dir).unwrap()
}

#[test]
fn stopped_after_any_step() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    train(&whole, &[]);
    let expected = outcome(&whole);
    let steps = expected.1.iter().filter(|metric| matches!(metric, Metric::Step(_))).count();
    assert_eq!(steps as u64, STEPS, "the log has every step once");
    assert!(expected.0.contains_key(&format!("{MOMENTUM}fc.weight")));
    assert!(!expected.0.contains_key(&format!("{MOMENTUM}norm.running_mean")));
    for step in 1..=STEPS {
        let dir = scratch.path().join(format!("step{step}"));
        let end = interrupted(&dir, &[], When::Step(step));
        assert!(matches!(end, Outcome::Finished(_)));
        assert_eq!(outcome(&dir), expected, "stopped after step {step}");
        let resumptions = RunFolder::open(&dir).unwrap().record().unwrap().resumptions;
        assert_eq!(resumptions.iter().map(|resumption| resumption.step).collect::<Vec<_>>(), [step]);
    }
}

#[test]
fn stopped_within_an_evaluation() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    train(&whole, &[]);
    let expected = outcome(&whole);
    for count in 1..=3 {
        let dir = scratch.path().join(format!("validation{count}"));
        interrupted(&dir, &[], When::Evaluation(Split::Validation, count));
        assert_eq!(outcome(&dir), expected, "stopped in evaluation {count}");
    }
    // The test labels are then read twice, and that must be told.
    let dir = scratch.path().join("test");
    interrupted(&dir, &[], When::Evaluation(Split::Test, 1));
    assert_eq!(outcome(&dir).0, expected.0);
    assert_eq!(RunFolder::open(&dir).unwrap().record().unwrap().test_reads, 2);
}

#[test]
fn stopped_again_and_again() {
    let scratch = tempfile::tempdir().unwrap();
    let (whole, dir) = (scratch.path().join("whole"), scratch.path().join("pieces"));
    // A length that ends within an epoch, nesterov, and no validation.
    let changes = ["train.duration=10 steps", "optimizer.nesterov=true", "data.validation=0"];
    train(&whole, &changes);
    drop(create(&dir, &changes));
    for step in 1.. {
        let options = Options { workers: step as usize % 3, ..Options::default() };
        let mut observer = StopAt::new(When::Step(step), &options);
        let mut run = Run::open(&dir).unwrap();
        let model = Tiny::new(if step == 1 { 1 } else { 77 }, 10);
        match fit(&model, &data(), &mut run, &options, &mut observer).unwrap() {
            Outcome::Finished(results) => {
                assert_eq!((results.steps, results.epochs), (10, 2));
                break;
            }
            Outcome::Interrupted { step: at } => assert_eq!(at, step),
        }
    }
    assert_eq!(outcome(&dir), outcome(&whole));
}

#[test]
fn stopped_while_images_are_mixed() {
    let scratch = tempfile::tempdir().unwrap();
    let changes = ["augmentation.mixup=0.4", "augmentation.cutmix=1.0", "augmentation.label_smoothing=0.1"];
    let whole = scratch.path().join("whole");
    train(&whole, &changes);
    let expected = outcome(&whole);
    for step in [1, 6, 11] {
        let dir = scratch.path().join(format!("step{step}"));
        interrupted(&dir, &changes, When::Step(step));
        assert_eq!(outcome(&dir), expected, "stopped after step {step}");
    }
    // Each of the three changes what is learnt.
    for left in 0..3 {
        let fewer: Vec<&str> = (0..3).filter(|key| *key != left).map(|key| changes[key]).collect();
        let dir = scratch.path().join(format!("without{left}"));
        train(&dir, &fewer);
        assert_ne!(outcome(&dir).0, expected.0, "without {}", changes[left]);
    }
}

#[test]
fn a_finished_run_is_not_trained_again() {
    let scratch = tempfile::tempdir().unwrap();
    let first = train(&scratch.path().join("run"), &[]);
    let before = outcome(&scratch.path().join("run"));
    assert_eq!(resume(&scratch.path().join("run")).unwrap(), first);
    assert_eq!(outcome(&scratch.path().join("run")), before);
}

/// Copies the run's folder after a step, which is all that a killed process leaves.
struct CrashAt {
    step: u64,
    from: PathBuf,
    to: PathBuf,
}

impl Observer for CrashAt {
    fn on_step(&mut self, report: &StepReport) {
        if report.step.step == self.step {
            copy_run(&self.from, &self.to);
        }
    }
}

#[test]
fn what_came_after_the_last_checkpoint_is_done_again() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    train(&whole, &[]);
    let expected = outcome(&whole);
    for step in 1..=STEPS {
        let (from, to) =
            (scratch.path().join(format!("from{step}")), scratch.path().join(format!("to{step}")));
        train_on(&data(), &from, &[], &mut CrashAt { step, from: from.clone(), to: to.clone() }).unwrap();
        let metrics = RunFolder::open(&to).unwrap().metrics().unwrap();
        let logged = metrics.iter().filter(|metric| matches!(metric, Metric::Step(_))).count();
        assert_eq!(logged as u64, step, "the metrics are ahead of the checkpoint");
        resume(&to).unwrap();
        assert_eq!(outcome(&to), expected, "crashed after step {step}");
    }
}

/// Makes a training slow.
struct Slow(Duration);

impl Observer for Slow {
    fn on_step(&mut self, _report: &StepReport) {
        std::thread::sleep(self.0);
    }
}

/// Counts the checkpoints of a training that takes longer than a second.
struct SlowAndCounting(usize);

impl Observer for SlowAndCounting {
    fn on_step(&mut self, _report: &StepReport) {
        std::thread::sleep(Duration::from_millis(150));
    }

    fn on_checkpoint(&mut self, _file: &Path) {
        self.0 += 1;
    }
}

#[test]
fn saving_by_the_clock_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (often, never) = (scratch.path().join("often"), scratch.path().join("never"));
    let one_epoch = ["train.duration=12 steps", "train.batch_size=8", "data.validation=0"];
    let mut counting = SlowAndCounting(0);
    train_on(&data(), &often, &[&one_epoch[..], &["train.save_every_seconds=1"]].concat(), &mut counting)
        .unwrap();
    train(&never, &[&one_epoch[..], &["train.save_every_seconds=0"]].concat());
    assert!(counting.0 > 2, "beside the first and the last there must be one by the clock: {}", counting.0);
    assert_eq!(outcome(&often), outcome(&never));
}

#[test]
fn neither_threads_nor_initial_weights_of_a_resumed_model_matter() {
    let scratch = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for workers in [0, 1, 4] {
        let dir = scratch.path().join(format!("workers{workers}"));
        let options = Options { workers, prefetch: workers + 1, ..Options::default() };
        fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[]), &options, &mut Quiet).unwrap();
        all.push(outcome(&dir));
    }
    assert!(all[1..].iter().all(|outcome| outcome == &all[0]));
    let other_seed = scratch.path().join("seed");
    train(&other_seed, &["train.seed=1"]);
    assert_ne!(outcome(&other_seed).0, all[0].0, "a test that any training would pass tests nothing");
}

/// Where [`killed_by_the_system`] tells its child to train; set only there.
const CHILD: &str = "RESNET_TRAIN_TEST_CHILD";

/// 40 epochs, so that epochs' ends, where checkpoints are written, are everywhere.
const LONG: [&str; 1] = ["train.duration=40 epochs"];

/// Not a test of its own: the process that is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let mut run = if dir.exists() { Run::open(dir).unwrap() } else { create(dir, &LONG) };
    let mut slow = Slow(Duration::from_millis(1));
    fit(&Tiny::new(1, 10), &data(), &mut run, &Options::default(), &mut slow).unwrap();
}

#[test]
fn killed_by_the_system() {
    let scratch = tempfile::tempdir().unwrap();
    let (whole, dir) = (scratch.path().join("whole"), scratch.path().join("killed"));
    train(&whole, &LONG);
    let mut survived = 0;
    for milliseconds in [70, 90, 110, 130, 150] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "resume::child"])
            .env(CHILD, &dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not before the folder is a run: what is killed earlier than that has nothing to resume.
        while RunFolder::open(&dir).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended before it began a run");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(milliseconds));
        // SIGKILL on Unix.
        survived += usize::from(child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(survived < 5, "no process was killed while it trained; train longer");
    resume(&dir).unwrap();
    let (killed, whole) = (outcome(&dir), outcome(&whole));
    assert_eq!(killed.0, whole.0);
    assert_eq!(killed.1.len(), whole.1.len());
    assert_eq!(recipe(&LONG), RunFolder::open(&dir).unwrap().recipe().unwrap());
    assert_eq!(tensors(&RunFolder::open(&dir).unwrap().last_checkpoint()).len(), 5);
}
