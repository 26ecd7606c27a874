//! A training that is killed again and again, also while it writes a checkpoint, ends with the same bits as
//! one that was left alone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{command, xtask_in};
use crate::resume::tensors;

const KILLS: u32 = 50;

/// A training whose epochs are short, so that it writes checkpoints all the time, with everything that keeps
/// state or draws at random.
fn train(folder: &Path, run: &str) -> Command {
    let mut args = vec!["train", "--out", run, "--threads", "2", "--keep", "3"];
    for set in [
        "model.name=resnet8-v2-dropout-shortcut-by-0.1",
        "model.stochastic_depth=0.2",
        "augmentation.mixup=0.2",
        "data.generated={train=60,test=10}",
        "data.validation=10",
        "train.batch_size=5",
        "train.grad_accum_steps=2",
        "ema.decay=0.9",
        "ema.warmup=true",
        "train.duration=150 epochs",
        "train.log_every_steps=1",
        "train.save_every_seconds=1",
    ] {
        args.extend(["--set", set]);
    }
    quiet(command(folder, &args))
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether the process has a file open in the folder that has no name yet: a checkpoint that is being
/// written.
fn is_writing(child: &Child, checkpoints: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten();
    let mut files = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    files.any(|file| file.starts_with(checkpoints) && file.extension().is_none_or(|end| end != "safetensors"))
}

fn inode(file: &Path) -> Option<u64> {
    fs::metadata(file).ok().map(|metadata| metadata.ino())
}

#[test]
fn fifty_kills_change_no_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    // /proc tells of paths without links.
    let here = &folder.path().canonicalize().expect("a path");
    assert!(train(here, "whole").status().expect("it runs").success());

    let (metrics, checkpoints) = (here.join("killed/metrics.jsonl"), here.join("killed/checkpoints"));
    let (mut inside, mut random) = (0, 0x9e37_79b9_7f4a_7c15u64);
    for kill in 0..KILLS {
        let threads = if kill % 2 == 0 { "1" } else { "2" };
        let mut starting = match kill {
            0 => train(here, "killed"),
            _ => quiet(command(here, &["train", "--resume", "killed", "--threads", threads])),
        };
        let before = inode(&metrics);
        let mut child = starting.spawn().expect("the program starts");
        // A training that goes on first cuts away, in a new file, what was logged after its checkpoint.
        let deadline = Instant::now() + Duration::from_secs(120);
        let is_alive = |child: &mut Child| {
            assert!(Instant::now() < deadline, "kill {kill}: no step is made");
            child.try_wait().expect("it can be asked").is_none()
        };
        while inode(&metrics) == before && is_alive(&mut child) {
            std::thread::sleep(Duration::from_millis(1));
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((random >> 33) % 200));
        // Every third is killed in the midst of a checkpoint.
        while kill % 3 == 2 && is_alive(&mut child) && !is_writing(&child, &checkpoints) {}
        inside += u32::from(is_writing(&child, &checkpoints));
        child.kill().expect("it is killed");
        let ended = child.wait().expect("it ends");
        assert_eq!(
            ended.code(),
            None,
            "kill {kill}: it ended by itself, {ended}; there is nothing left to kill"
        );
        // What is there is whole.
        for entry in
            fs::read_dir(&checkpoints).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.extension().is_some_and(|end| end == "safetensors") {
                assert!(tensors(&entry).len() > 20, "{}", entry.display());
            }
        }
    }
    assert!(inside >= KILLS / 5, "only {inside} kills fell into the writing of a checkpoint");

    xtask_in(here, &["train", "--resume", "killed", "--threads", "1"]).succeeds();
    crate::resume::same_weights(here, "killed");
    let verified = xtask_in(here, &["verify", "whole", "killed", "--json"]);
    let json: serde_json::Value = serde_json::from_str(verified.succeeds()).expect("JSON");
    assert_eq!(json["agreed_steps"], 750, "each step is certified once, and as it was: {json}");
}
