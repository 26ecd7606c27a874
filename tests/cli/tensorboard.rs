//! `train --tensorboard`: TensorBoard's own reader finds every scalar, also after a run was killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use resnet_testing::{Need, python};
use serde_json::Value;

use crate::common::{TINY, command, xtask_in};

/// 40 steps in two epochs, each logged.
fn training() -> Vec<&'static str> {
    let more = ["--set", "data.generated={train=440,test=40}", "--set", "train.save_every_seconds=1"];
    [&["train", "--out", "run", "--tensorboard"], TINY, &more].concat()
}

/// Tags, steps, values as TensorBoard keeps them, in the order of lines.
fn expected(run: &Path) -> Vec<(String, u64, f32)> {
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let mut found = vec![];
    for line in metrics.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let step = line["step"].as_u64().expect("a step");
        let mut add = |tag: &str, value: Option<f64>| {
            found.extend(value.map(|value| (tag.to_owned(), step, value as f32)));
        };
        let percent =
            |scores: &Value, key: &str| Some(100.0 * scores[key].as_f64()? / scores["images"].as_f64()?);
        let keys: &[(&str, &str)] = match line["event"].as_str() {
            Some("step") => &[
                ("loss/step", "loss"),
                ("learning_rate", "rate"),
                ("images_per_second", "images_per_second"),
            ],
            Some("epoch") => &[
                ("epoch", "epoch"),
                ("loss/train", "train_loss"),
                ("top1/train", "train_top1"),
                ("data_wait", "data_wait"),
            ],
            _ => &[],
        };
        keys.iter().for_each(|(tag, key)| add(tag, line[key].as_f64()));
        let of_scores = match line["event"].as_str() {
            Some("epoch") => Some(("validation", ["loss/validation", "top1/validation", "top5/validation"])),
            Some("final") => Some(("test", ["reported/loss", "reported/top1", "reported/top5"])),
            _ => None,
        };
        if let Some((split, [loss, top1, top5])) = of_scores {
            add(loss, line[split]["loss"].as_f64());
            add(top1, percent(&line[split], "top1_correct"));
            add(top5, percent(&line[split], "top5_correct"));
        }
    }
    found
}

/// Kills the training once it has logged `lines` lines.
fn kill_after(folder: &Path, args: &[&str], lines: usize) {
    let mut child = command(folder, args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let deadline = Instant::now() + Duration::from_secs(300);
    let metrics = folder.join("run/metrics.jsonl");
    while fs::read_to_string(&metrics).map_or(0, |text| text.lines().count()) < lines {
        assert!(Instant::now() < deadline, "no step is made");
        assert_eq!(child.try_wait().expect("it can be asked"), None, "it ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}

#[test]
fn tensorboard_finds_every_scalar_of_a_run_that_was_killed_and_resumed() {
    let Some(python) = python(&[Need::Tensorboard]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let begun = now();
    kill_after(here, &training(), 7);
    kill_after(here, &["train", "--resume", "run"], 30);
    xtask_in(here, &["train", "--resume", "run"]).succeeds();

    let script = crate::common::root().join("tests/tensorboard_scalars.py");
    let output =
        Command::new(python).arg(script).arg(here.join("run/tensorboard")).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut left: usize =
        found.as_object().expect("tags").values().map(|it| it.as_array().unwrap().len()).sum();
    let (ended, mut last) = (now(), begun);
    let all = expected(&here.join("run"));
    for (tag, step, value) in &all {
        let events = found[tag].as_array().unwrap_or_else(|| panic!("{tag} is missing"));
        let of_step: Vec<&Value> = events.iter().filter(|event| event[0] == *step).collect();
        let [event] = of_step[..] else { panic!("{tag} at step {step}: {of_step:?}") };
        assert_eq!(
            event[2].as_f64().map(|value| (value as f32).to_bits()),
            Some(value.to_bits()),
            "{tag} {step}"
        );
        let wall = event[1].as_f64().expect("a time");
        assert!((last..=ended).contains(&wall), "{tag} at step {step}: {last} {wall} {ended}");
        last = wall;
        left -= 1;
    }
    assert_eq!((all.len() > 120, left), (true, 0));
}
