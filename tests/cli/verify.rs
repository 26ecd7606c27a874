//! `verify` tells equal trainings from others, and where they first differ.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::common::{TINY, command, xtask_in};

/// A training of 20 steps, each of them certified.
fn train(folder: &Path, run: &str, more: &[&str]) {
    xtask_in(folder, &[&["train", "--out", run], TINY, more].concat()).succeeds();
}

/// Has a run's record say that so many processes began it.
fn began_by(folder: &Path, run: &str, processes: u64) {
    let file = folder.join(run).join("record.json");
    let text = fs::read_to_string(&file).expect("a record");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    record["processes"] = processes.into();
    fs::write(&file, record.to_string()).expect("it is written");
}

const KEYS: &[&str] = &["agreed_steps", "last_agreed_step", "parting_step", "differs", "recipe", "replay"];

#[test]
fn two_trainings_of_one_recipe_agree_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    train(here, "a", &["--threads", "1"]);
    train(here, "b", &["--threads", "2"]);
    let json = xtask_in(here, &["verify", "a", "b", "--json"]).object(KEYS);
    assert_eq!(json["agreed_steps"], 20);
    assert_eq!(json["last_agreed_step"], 20);
    assert!(json["parting_step"].is_null() && json["replay"].is_null(), "{json}");
    let told = xtask_in(here, &["verify", "a", "b"]);
    assert!(told.succeeds().contains("in 20 certified steps, up to step 20"), "{}", told.stdout);
}

#[test]
fn the_step_and_the_layer_in_which_two_trainings_part_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // The same up to step 12, where the second lowers its rate.
    let steps =
        |at: &str| format!(r#"schedule={{kind="multistep",lr=0.1,divide_by=10,milestones=["{at}"]}}"#);
    train(here, "a", &["--keep", "1", "--set", &steps("19 steps"), "--set", "train.log_every_steps=5"]);
    train(here, "b", &["--keep", "2", "--set", &steps("12 steps"), "--set", "train.log_every_steps=5"]);
    let before = fs::read(here.join("b/metrics.jsonl")).expect("metrics");

    let outcome = xtask_in(here, &["verify", "a", "b"]);
    outcome.ends_saying(1, &[]);
    assert!(outcome.stdout.contains("in 2 certified steps, up to step 10"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("at step 15, in loss and weights"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("schedule.milestones"), "{}", outcome.stdout);
    // As in `verify a b | true`: they differ, whoever reads it.
    for more in [&[][..], &["--json"]] {
        let mut verify = command(here, &[&["verify", "a", "b"], more].concat());
        let mut child = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.code() == Some(1) && ended.stderr.is_empty(), "{ended:?}");
    }

    let outcome = xtask_in(here, &["verify", "a", "b", "--replay", "--json"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(json["parting_step"], 15);
    assert_eq!(json["replay"]["parting_step"], 13, "{json}");
    let layers = json["replay"]["layers"].as_array().expect("layers");
    assert!(layers.len() > 10 && layers[0][0] == "stem.conv" && layers[0][1].as_f64() > Some(0.0), "{json}");
    assert!(fs::read(here.join("b/metrics.jsonl")).expect("metrics") == before);
    assert_eq!(fs::read_dir(here).expect("a folder").count(), 2, "nothing is left lying");
}

#[test]
fn what_was_tampered_with_is_told_from_another_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    train(here, "a", &[]);
    train(here, "b", &[]);
    let metrics = here.join("b/metrics.jsonl");
    let text = fs::read_to_string(&metrics).expect("metrics");
    let mut lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let fifth = lines.iter_mut().find(|line| line["step"] == 5).expect("step 5");
    fifth["certificate"]["weights"] = "0123456789abcdef".into();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&metrics, text).expect("it is written");
    let outcome = xtask_in(here, &["verify", "a", "b", "--replay"]);
    outcome.ends_saying(1, &[]);
    assert!(outcome.stdout.contains("at step 5, in weights"), "{}", outcome.stdout);
    let words = "the first run's weights and not the second's";
    assert!(outcome.stdout.contains(words), "{}", outcome.stdout);

    // What several processes made is not trained again by one.
    ["a", "b"].iter().for_each(|run| began_by(here, run, 2));
    let several = "was begun by 2 processes, and one process alone would round otherwise";
    xtask_in(here, &["verify", "a", "b", "--replay"]).ends_saying(1, &[several, "without --replay"]);
    let told = xtask_in(here, &["verify", "a", "b"]);
    assert!(told.code == Some(1) && told.stdout.contains("at step 5, in weights"), "{}", told.stdout);
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    train(here, "a", &["--set", "train.log_every_steps=7"]);
    train(here, "b", &["--set", "train.log_every_steps=5"]);
    xtask_in(here, &["verify", "a", "b"])
        .ends_saying(1, &["a and b have no certified step in common", "train.log_every_steps"]);
    began_by(here, "b", 3);
    xtask_in(here, &["verify", "a", "b"]).ends_saying(1, &["1 in a and 3 in b"]);
    xtask_in(here, &["verify", "a", "absent"]).ends_saying(1, &["absent"]);
    assert_eq!(xtask_in(here, &["verify", "a"]).code, Some(2));
}
