//! A disk that fills up, and a run's folder that goes away: a message, and the checkpoint of before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use resnet_testing::Need;

use crate::common::{Outcome, TINY, command, outcome_of, xtask_in};
use crate::resume::{same_weights, tensors};

/// A small file system in memory, unmounted when it goes out of scope.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A training of 20 epochs that keeps the checkpoint of each.
fn train(folder: &Path, run: &str) -> Command {
    let args = ["train", "--out", run, "--keep", "99", "--set", "train.duration=20 epochs"];
    let mut args = [&args[..1], TINY, &args[1..]].concat();
    // The last setting of a key counts.
    args.extend(["--set", "train.log_every_steps=10"]);
    command(folder, &args)
}

/// The training ended for want of space, and what it had saved is whole.
fn was_stopped(outcome: &Outcome, run: &Path, cause: &str) {
    outcome.ends_saying(1, &["cannot write", ".safetensors", cause, "see that there is space"]);
    let whole = |file: &str| assert!(tensors(&run.join("checkpoints").join(file)).len() > 20, "{file}");
    whole("last.safetensors");
    whole("best.safetensors");
}

#[test]
fn a_full_disk_stops_a_training_that_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    outcome_of(&mut train(here, "whole")).succeeds();
    let disk = here.join("disk");
    fs::create_dir(&disk).expect("a folder");
    // Room for some checkpoints of about 600 kB.
    let Some(_mounted) = SmallDisk::mount(&disk, "4m") else {
        resnet_testing::skip(Need::Mount, "this user may not mount a file system of a few megabytes");
        return;
    };
    let outcome = outcome_of(&mut train(here, "disk/run"));
    let run = disk.join("run");
    was_stopped(&outcome, &run, "No space left on device");

    for entry in
        fs::read_dir(run.join("checkpoints")).expect("a folder").map(|entry| entry.expect("an entry"))
    {
        if entry.file_name().to_string_lossy().starts_with("step-") {
            fs::remove_file(entry.path()).expect("it was there");
        }
    }
    let recipe = run.join("recipe.toml");
    assert!(fs::read_to_string(&recipe).expect("a recipe").contains("keep_checkpoints = 99"));
    // It fills again, and goes on again.
    let mut resumed = xtask_in(here, &["train", "--resume", "disk/run"]);
    for _ in 0..20 {
        if resumed.code == Some(0) {
            break;
        }
        was_stopped(&resumed, &run, "No space left on device");
        for step in (10..=200).step_by(10) {
            let _ = fs::remove_file(run.join(format!("checkpoints/step-{step}.safetensors")));
        }
        resumed = xtask_in(here, &["train", "--resume", "disk/run"]);
    }
    resumed.succeeds();
    same_weights(here, "disk/run");
}

#[test]
fn a_write_that_fails_leaves_the_checkpoint_of_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    xtask_in(here, &[&["train", "--out", "run"], TINY].concat()).succeeds();
    // As a disk that is full for everybody: no file may grow beyond 100 kB, so that smaller ones are written.
    let record = fs::read(here.join("run/record.json")).expect("a record");
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]);
    let training = train(here, "limited");
    limited.arg(training.get_program()).args(training.get_args()).current_dir(here).stdin(Stdio::null());
    let outcome = outcome_of(&mut limited);
    outcome.ends_saying(1, &["cannot write", "last.safetensors", "File too large"]);
    assert_eq!(fs::read_dir(here.join("limited/checkpoints")).expect("a folder").count(), 0, "nothing torn");
    assert!(fs::read(here.join("run/record.json")).expect("a record") == record);
}

#[test]
fn a_run_whose_folder_is_removed_ends_with_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut child =
        train(here, "run").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(120);
    while fs::read_to_string(here.join("run/metrics.jsonl")).map_or(0, |text| text.lines().count()) < 2 {
        assert!(Instant::now() < deadline, "no step is made");
        assert_eq!(child.try_wait().expect("it can be asked"), None, "it ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    // It may write a file meanwhile.
    while fs::remove_dir_all(here.join("run")).is_err() && here.join("run").exists() {}
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: cannot write run/") && told.contains("No such file or directory"),
        "{told}"
    );
    assert!(!told.contains("panicked"), "{told}");
}
