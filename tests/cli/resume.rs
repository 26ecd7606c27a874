//! A training that is stopped, politely or not, and continued ends with the same bits as one that was left
//! alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Outcome, command, xtask_in};

const CHECKPOINTS: [&str; 2] = ["last", "best"];

/// About a hundred steps, saved every second and after each of three epochs.
fn train(folder: &Path, run: &str, threads: &str) -> Command {
    let mut args = vec!["train", "--out", run, "--threads", threads];
    for set in [
        // A network that draws at random in every step.
        "model.name=resnet8-v2-dropout-shortcut-by-0.1",
        "model.stochastic_depth=0.2",
        "data.generated={train=400,test=40}",
        "data.validation=40",
        "train.batch_size=10",
        "train.duration=3 epochs",
        "train.log_every_steps=1",
        "train.save_every_seconds=1",
    ] {
        args.extend(["--set", set]);
    }
    let mut command = command(folder, &args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Starts a training and returns while it is in its second epoch.
fn start(folder: &Path, run: &str) -> Child {
    let mut child = train(folder, run, "2").spawn().expect("the program starts");
    let metrics = folder.join(run).join("metrics.jsonl");
    let deadline = Instant::now() + Duration::from_secs(300);
    // 36 steps and the end of the first epoch.
    while fs::read_to_string(&metrics).map_or(0, |text| text.lines().count()) < 41 {
        assert!(Instant::now() < deadline, "no step is made");
        assert_eq!(child.try_wait().expect("it can be asked"), None, "it ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn resume(folder: &Path, run: &str) -> Outcome {
    xtask_in(folder, &["train", "--resume", run, "--threads", "1"])
}

/// Every tensor of a checkpoint, as its bytes.
pub(crate) fn tensors(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    tensors.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

#[track_caller]
pub(crate) fn same_weights(folder: &Path, run: &str) {
    for name in CHECKPOINTS {
        let file = |run: &str| tensors(&folder.join(run).join(format!("checkpoints/{name}.safetensors")));
        let (expected, found) = (file("whole"), file(run));
        assert!(expected.len() > 20 && expected.keys().eq(found.keys()), "{run} {name}");
        for (tensor, bytes) in &expected {
            assert!(found[tensor] == *bytes, "{run}: {tensor} differs in {name}");
        }
    }
}

#[test]
fn stopped_or_killed_and_resumed_is_bit_identical() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let whole = train(here, "whole", "2").output().expect("it runs");
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));

    let child = start(here, "stopped");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(kill.success());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("cargo xtask train --resume stopped"), "{told}");
    let resumed = resume(here, "stopped");
    resumed.succeeds();
    assert!(resumed.stderr.contains("continuing after step"), "{}", resumed.stderr);
    same_weights(here, "stopped");

    let mut child = start(here, "killed");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    // A bit that the disk turned over is not trained on.
    let last = here.join("killed/checkpoints/last.safetensors");
    let whole = fs::read(&last).expect("a checkpoint");
    let mut flipped = whole.clone();
    let middle = flipped.len() - 5_000;
    flipped[middle] ^= 1;
    fs::write(&last, flipped).expect("it is written");
    resume(here, "killed").ends_saying(1, &["killed/checkpoints/last.safetensors", "their checksum differs"]);
    fs::write(&last, whole).expect("it is written");
    resume(here, "killed").succeeds();
    same_weights(here, "killed");
}

#[test]
fn a_run_whose_last_checkpoint_is_gone_is_not_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut child = start(here, "run");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    fs::remove_file(here.join("run/checkpoints/last.safetensors")).expect("it was there");
    let (best, metrics) = (here.join("run/checkpoints/best.safetensors"), here.join("run/metrics.jsonl"));
    let before = (fs::read(&best).expect("weights"), fs::read(&metrics).expect("metrics"));
    let outcome = resume(here, "run");
    outcome.ends_saying(1, &["run/checkpoints/last.safetensors is gone", "only best.safetensors is there"]);
    assert!((fs::read(&best).expect("weights"), fs::read(&metrics).expect("metrics")) == before);

    // What is advised works, and the new run knows where its weights are from.
    let advice = "cargo xtask train --recipe run/recipe.toml --from run";
    assert!(outcome.stderr.contains(advice), "{}", outcome.stderr);
    let mut args: Vec<&str> = advice.split(' ').skip(2).collect();
    args.extend(["--out", "new", "--set", "train.duration=1 step"]);
    xtask_in(here, &args).succeeds();
    let record = fs::read_to_string(here.join("new/record.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["from"], "run");

    fs::remove_file(&best).expect("it was there");
    resume(here, "run")
        .ends_saying(1, &["no other checkpoint", "cargo xtask train --recipe run/recipe.toml"]);
}

#[test]
fn a_run_that_began_with_weights_does_not_go_on_without_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let args = [&["train", "--out", "run", "--from", crate::common::trained()], crate::common::TINY].concat();
    xtask_in(here, &[&args[..], &["--set", "train.duration=1 step"]].concat()).succeeds();
    // As if it had been killed before its first checkpoint; how its command line was written does not matter.
    let path = here.join("run/record.json");
    let mut record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).expect("a record")).expect("JSON");
    let fields = record.as_object_mut().expect("an object");
    fields.retain(|key, _| !["results", "ended"].contains(&key.as_str()));
    fields.insert("test_reads".into(), 0.into());
    fields.insert("command".into(), serde_json::json!(["xtask", "train"]));
    fs::write(&path, record.to_string()).expect("it is written");
    fs::write(here.join("run/metrics.jsonl"), "").expect("it is written");
    fs::remove_dir_all(here.join("run/checkpoints")).expect("it was there");
    fs::create_dir(here.join("run/checkpoints")).expect("a folder");
    let again = format!("--from {}", crate::common::trained());
    resume(here, "run").ends_saying(1, &["ended before its first checkpoint", &again]);
}

#[test]
fn a_run_in_use_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = start(folder.path(), "busy");
    resume(folder.path(), "busy").ends_saying(1, &["busy", "another process"]);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}
