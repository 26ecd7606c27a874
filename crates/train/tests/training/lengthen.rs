//! A run that goes on by another recipe: longer where its schedule allows it, with the weights of a training
//! that was as long from the start.

use std::fs;
use std::path::Path;

use crate::common::{StopAt, Tiny, When, create, data, outcome, recipe, resume, train};
use resnet_record::{Metric, Recipe, Run, RunFolder};
use resnet_train::{Options, Outcome, Quiet, change_recipe, fit};

const MULTISTEP: &str = r#"schedule={kind="multistep",lr=0.1,divide_by=10,milestones=["2 epochs"]}"#;
const CYCLES: &str = r#"schedule={kind="cosine",lr=0.1,cycle="1 epoch",cycle_decay=0.9}"#;
const CONSTANT: &str = r#"schedule={kind="constant",lr=0.1,warmup={lr=0.01,duration="3 steps"}}"#;

/// The run's recipe with `changes`, given to the run.
fn change(dir: &Path, changes: &[&str]) -> Result<usize, String> {
    let mut run = Run::open(dir).unwrap();
    let mut recipe = run.recipe().clone();
    recipe.set_all(changes).unwrap();
    change_recipe(&mut run, &recipe, &data()).map(|keys| keys.len()).map_err(|error| error.to_string())
}

fn steps(metrics: &[Metric]) -> Vec<(u64, u64, u64)> {
    let bits = |metric: &Metric| match metric {
        Metric::Step(step) => Some((step.step, step.loss.to_bits(), step.rate.to_bits())),
        _ => None,
    };
    metrics.iter().filter_map(bits).collect()
}

#[test]
fn a_longer_training_is_the_same_as_one_that_was_as_long_from_the_start() {
    for (number, schedule) in [MULTISTEP, CYCLES, CONSTANT].into_iter().enumerate() {
        let scratch = tempfile::tempdir().unwrap();
        let (whole, dir) = (scratch.path().join("whole"), scratch.path().join("run"));
        train(&whole, &[schedule]);
        let expected = outcome(&whole);
        // Finished after two epochs, then lengthened to three.
        train(&dir, &[schedule, "train.duration=2 epochs"]);
        assert_eq!(change(&dir, &["train.duration=3 epochs"]), Ok(1), "{schedule}");
        let record = RunFolder::open(&dir).unwrap().record().unwrap();
        assert!(record.results.is_none() && record.ended.is_none() && record.earlier_results.len() == 1);
        assert_eq!((record.changes[0].step, record.changes[0].keys[0].key.as_str()), (8, "train.duration"));
        assert!(matches!(resume(&dir).unwrap(), Outcome::Finished(results) if results.steps == 12));
        let found = outcome(&dir);
        assert_eq!(found.0, expected.0, "{schedule}");
        assert_eq!(steps(&found.1), steps(&expected.1), "{number}");
        // The test labels were read once more, and the record says it.
        assert_eq!(RunFolder::open(&dir).unwrap().record().unwrap().test_reads, 2);
    }
}

#[test]
fn a_schedule_that_spreads_over_the_training_is_not_stretched() {
    let scratch = tempfile::tempdir().unwrap();
    for (number, schedule) in [
        r#"schedule={kind="cosine",lr=0.1}"#,
        r#"schedule={kind="polynomial",lr=0.1}"#,
        r#"schedule={kind="onecycle",lr=0.1}"#,
        r#"schedule={kind="constant",lr=0.1,warmup="50 %"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let dir = scratch.path().join(number.to_string());
        train(&dir, &[schedule, "train.duration=2 epochs"]);
        let before = (fs::read(dir.join("recipe.toml")).unwrap(), fs::read(dir.join("record.json")).unwrap());
        let message = change(&dir, &["train.duration=3 epochs"]).unwrap_err();
        assert!(message.contains("8 steps are done, and step"), "{message}");
        assert_eq!(message.contains("spreads over the whole training"), number < 3, "{message}");
        assert!(
            (fs::read(dir.join("recipe.toml")).unwrap(), fs::read(dir.join("record.json")).unwrap())
                == before
        );
    }
}

#[test]
fn what_would_have_made_other_steps_is_refused_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    train(&dir, &[MULTISTEP, "train.duration=2 epochs"]);
    for (changes, words) in [
        (&["train.seed=5"][..], "train.seed is 0"),
        (&["optimizer.momentum=0.5", "train.duration=3 epochs"], "optimizer.momentum is 0.9"),
        (&["train.duration=1 epoch"], "8 steps are done, and the new recipe has only 4"),
        (&["train.log_every_steps=2"], "make the training longer"),
        (&["train.duration=3 epochs", "schedule.lr=0.2"], "step 0 was made at a learning rate of 0.1"),
        (&["train.duration=3 epochs", "schedule.milestones=[\"1 epoch\"]"], "step 4 was made at"),
    ] {
        let message = change(&dir, changes).unwrap_err();
        assert!(message.contains(words), "{changes:?}: {message}");
    }
    // A milestone that is still to come may move.
    assert_eq!(change(&dir, &["train.duration=3 epochs", "schedule.milestones=[\"9 steps\"]"]), Ok(2));
}

#[test]
fn a_training_that_ended_early_goes_on_with_more_patience_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    // A rate at which accuracy goes up and down.
    let schedule = r#"schedule={kind="constant",lr=0.9}"#;
    let changes = [schedule, "train.duration=40 epochs", "train.patience=3"];
    assert!(matches!(train(&dir, &changes), Outcome::Finished(results) if results.epochs < 40));
    for longer in ["train.duration=80 epochs", "train.log_every_steps=2", "train.patience=2"] {
        let message = change(&dir, &[longer]).unwrap_err();
        assert!(message.contains("raise train.patience as well"), "{longer}: {message}");
    }
    assert_eq!(RunFolder::open(&dir).unwrap().record().unwrap().test_reads, 1);
    assert_eq!(change(&dir, &["train.patience=9"]), Ok(1));
}

#[test]
fn a_run_does_not_become_less_patient() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    train(&dir, &[MULTISTEP, "train.duration=2 epochs"]);
    let message = change(&dir, &["train.duration=3 epochs", "train.patience=9"]).unwrap_err();
    assert!(message.contains("8 steps are done with train.patience = 0, and with 9"), "{message}");
}

#[test]
fn an_epoch_that_was_closed_before_its_end_is_not_opened_again() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    train(&dir, &[MULTISTEP, "train.duration=6 steps"]);
    let message = change(&dir, &["train.duration=3 epochs"]).unwrap_err();
    assert!(message.contains("ended within an epoch, at step 6"), "{message}");
}

#[test]
fn an_interrupted_run_goes_on_by_its_new_recipe_wherever_it_was_stopped() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let options = Options::default();
    let mut observer = StopAt::new(When::Step(5), &options);
    fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[MULTISTEP]), &options, &mut observer).unwrap();
    assert_eq!(change(&dir, &["train.log_every_steps=2", "train.duration=4 epochs"]), Ok(2));
    // The checkpoint is still one of the old recipe; a recipe that the run was never given is refused.
    assert!(matches!(resume(&dir).unwrap(), Outcome::Finished(results) if results.steps == 16));
    let written: Vec<u64> = steps(&outcome(&dir).1).into_iter().map(|(step, ..)| step).collect();
    assert_eq!(written, [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16]);
    let whole = scratch.path().join("whole");
    train(&whole, &[MULTISTEP, "train.duration=4 epochs"]);
    assert_eq!(outcome(&dir).0, outcome(&whole).0);
}

#[test]
fn a_recipe_file_edited_by_hand_goes_on_only_if_its_steps_would_have_been_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let options = Options::default();
    let mut observer = StopAt::new(When::Step(5), &options);
    fit(&Tiny::new(1, 10), &data(), &mut create(&dir, &[]), &options, &mut observer).unwrap();
    let edited = |changes: &[&str]| recipe(changes).to_toml().unwrap();
    fs::write(dir.join("recipe.toml"), edited(&["train.duration=4 epochs"])).unwrap();
    let message = resume(&dir).unwrap_err().to_string();
    assert!(message.contains("another recipe"), "a cosine stretched: {message}");
    fs::write(dir.join("recipe.toml"), edited(&["train.save_every_seconds=7"])).unwrap();
    let mut run = Run::open(&dir).unwrap();
    fit(&Tiny::new(1, 10), &data(), &mut run, &Options::default(), &mut Quiet).unwrap();
    assert_eq!(Recipe::load(&dir.join("recipe.toml")).unwrap().train.save_every_seconds, 7);
}
