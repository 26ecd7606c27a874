//! What a training shows while it runs: its page, and its events as JSON lines.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use resnet_testing::python;
use serde_json::Value;

use crate::common::{Outcome, TINY, command, has_keys, root, trained, xtask_in};

fn events(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn every_event_is_a_line_of_json_and_metrics_are_those_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let outcome = xtask_in(here, &[&["train", "--out", "run", "--log-format", "json"], TINY].concat());
    let events = events(outcome.succeeds());
    assert!(!outcome.stderr.contains("epoch 1/2"), "{}", outcome.stderr);
    let (first, last) = (&events[1], &events[events.len() - 1]);
    // The very start is saved first.
    assert_eq!((&events[0]["event"], &first["event"]), (&"checkpoint".into(), &"start".into()));
    assert_eq!((&first["steps"], &first["epochs"], &first["done"]), (&20.into(), &2.into(), &0.into()));
    let keys =
        ["run", "model", "recipe", "epochs", "steps", "train_loss", "top1", "images_per_second", "seconds"];
    has_keys(last, &[&["event"], &keys[..]].concat());
    assert_eq!(last["event"], "end");
    let is_metric = |event: &&Value| ["step", "epoch", "final"].iter().any(|kind| event["event"] == *kind);
    let metrics: Vec<&Value> = events.iter().filter(is_metric).collect();
    let file = fs::read_to_string(here.join("run/metrics.jsonl")).expect("metrics");
    let kept: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((metrics.len(), metrics), (23, kept.iter().collect()));
    assert!(events.iter().filter(|event| event["event"] == "checkpoint").count() >= 3);
}

/// As in `train --log-format json | head -1`.
#[test]
fn a_reader_that_goes_away_ends_no_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut train = command(here, &[&["train", "--out", "run", "--log-format", "json"], TINY].concat());
    let mut child = train.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
    let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
    events.read_line(&mut String::new()).expect("an event");
    drop(events);
    assert!(child.wait().expect("it ends").success());
    let file = fs::read_to_string(here.join("run/metrics.jsonl")).expect("metrics");
    assert!(file.lines().last().is_some_and(|line| line.contains("\"final\"")), "{file}");
}

#[test]
fn a_training_that_is_stopped_says_how_to_go_on_though_its_reader_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let long = ["--set", "train.duration=15 epochs"];
    let args = [&["train", "--out", "run", "--log-format", "json"], TINY, &long].concat();
    let mut train = command(here, &args);
    let mut child = train.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stdout.take());
    stop(child, here, "-INT").ends_saying(130, &["continue with: cargo xtask train --resume run"]);
}

/// A training that is stopped by `signal` in its second epoch.
fn stopped(here: &Path, signal: &str, more: &[&str]) -> Outcome {
    let long = ["--set", "train.duration=15 epochs"];
    let mut command = command(here, &[&["train", "--out", "run"], TINY, &long, more].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    stop(child, here, signal)
}

fn stop(child: Child, here: &Path, signal: &str) -> Outcome {
    await_second_epoch(here);
    send(signal, &child);
    Outcome::of(child.wait_with_output().expect("it ends"), signal)
}

fn await_second_epoch(here: &Path) {
    let (metrics, deadline) = (here.join("run/metrics.jsonl"), Instant::now() + Duration::from_secs(300));
    while !fs::read_to_string(&metrics).is_ok_and(|text| text.contains("\"epoch\":2")) {
        assert!(Instant::now() < deadline, "no step is made");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn send(signal: &str, child: &Child) {
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
    assert!(kill.success());
}

/// The exit code of a training whose terminal goes away in its second epoch, after which it has 13 to go;
/// `None` where there is no Python.
fn code_without_terminal(here: &Path, session: &str) -> Option<i32> {
    let long = ["--set", "train.duration=15 epochs"];
    let train = command(here, &[&["train", "--out", "run"], TINY, &long].concat());
    let mut closing = Command::new(python(&[])?);
    closing.arg(root().join("tests/lost_terminal.py")).args([session, "run/metrics.jsonl", "\"epoch\":2"]);
    closing.arg(train.get_program()).args(train.get_args()).current_dir(here).env("TERM", "xterm");
    let Ok(output) = closing.output() else {
        eprintln!("there is no python3 to ask");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let code = String::from_utf8_lossy(&output.stdout);
    Some(code.trim().parse::<i32>().unwrap_or_else(|error| panic!("{error}: {code}")))
}

#[test]
fn a_training_saves_when_its_terminal_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let Some(code) = code_without_terminal(here, "leader") else { return };
    assert_eq!(code, 130, "it was not stopped in order");
    let resumed = xtask_in(here, &["train", "--resume", "run"]);
    resumed.succeeds();
    assert!(resumed.stderr.contains("continuing after step"), "{}", resumed.stderr);
}

#[test]
fn a_training_in_the_background_goes_on_when_its_terminal_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let Some(code) = code_without_terminal(here, "background") else { return };
    let metrics = fs::read_to_string(here.join("run/metrics.jsonl")).expect("metrics");
    assert!(metrics.lines().last().is_some_and(|line| line.contains("\"final\"")), "{code}: {metrics}");
}

/// As the kernel and a shell may both send it when a terminal is closed.
#[test]
fn a_signal_that_comes_twice_at_once_does_not_keep_a_training_from_saving() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let long = ["--set", "train.duration=15 epochs"];
    let train = command(here, &[&["train", "--out", "run"], TINY, &long].concat());
    // Whoever runs the tests by nohup has the signal ignored.
    let mut heard = Command::new("env");
    heard.arg("--default-signal=HUP").arg(train.get_program()).args(train.get_args()).current_dir(here);
    let child = heard.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    await_second_epoch(here);
    send("-HUP", &child);
    send("-HUP", &child);
    let outcome = Outcome::of(child.wait_with_output().expect("it ends"), "-HUP twice");
    outcome.ends_saying(130, &["continue with: cargo xtask train --resume run"]);
}

#[test]
fn a_training_under_nohup_outlives_its_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let long = ["--set", "train.duration=15 epochs"];
    let train = command(here, &[&["train", "--out", "run"], TINY, &long].concat());
    let mut nohup = Command::new("nohup");
    nohup.arg(train.get_program()).args(train.get_args()).current_dir(here).stdin(Stdio::null());
    let child = nohup.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("nohup is there");
    stop(child, here, "-HUP").succeeds();
}

#[test]
fn a_run_has_its_page_at_its_end_and_after_ctrl_c() {
    let page = fs::read_to_string(Path::new(trained()).join("report.html")).expect("a page");
    for said in [
        "test error",
        "Where it errs",
        "What it was trained on",
        "Inside the network",
        "0.0.conv1",
        "Layer by layer",
        "cargo xtask train",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // Each logged step has the norms of each layer with weights.
    let norms = fs::read_to_string(Path::new(trained()).join("norms.jsonl")).expect("norms");
    let norms: Vec<Value> = norms.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((norms.len(), norms[0]["layers"].as_array().map(Vec::len)), (21, Some(15)));
    for step in &norms[1..] {
        for part in ["weights", "gradients"] {
            let lengths = step[part].as_array().expect("a list");
            assert!(
                lengths.len() == 15 && lengths.iter().all(|length| length.as_f64() > Some(0.0)),
                "{step}"
            );
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = stopped(folder.path(), "-INT", &["--log-format", "json"]);
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let events = events(&outcome.stdout);
    assert_eq!(events.last().expect("events")["event"], "interrupted");
    let page = fs::read_to_string(folder.path().join("run/report.html")).expect("a page");
    assert!(page.contains("not finished"), "{page}");
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    stopped(here, "-KILL", &[]);
    fs::write(here.join("run/report.html"), "mine").expect("a file");
    // What is damaged of the page's files is no reason to stop either.
    fs::write(here.join("run/samples.json"), "{").expect("a file");
    let outcome = xtask_in(here, &["train", "--resume", "run"]);
    outcome.succeeds();
    assert!(
        outcome.stderr.contains("report.html exists already and is no page of ours"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(here.join("run/report.html")).expect("a file"), "mine");
    assert!(fs::read_to_string(here.join("run/samples.json")).expect("a file").contains("data:image/png"));
}
