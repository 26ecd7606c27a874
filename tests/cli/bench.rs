//! `bench`: what it prints, how it talks to peers, here a shell script in Python's place, and that it leaves
//! no process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use resnet_testing::{Need, python};
use serde_json::Value;

use crate::common::{command, has_keys, outcome_of, xtask};

const TINY: [&str; 8] = ["--model", "resnet8-v2", "--batch", "2", "--threads", "1", "--pairs", "1"];

/// Speaks as `xtask/peers/turns.py` does; twice as fast with channels_last and tuned malloc.
const PEER: &str = r#"#!/bin/sh
echo $$ > "$PEER_PID"
seconds=0.5
case "$MALLOC_MMAP_THRESHOLD_ $*" in "1073741824 "*channels_last) seconds=0.25 ;; esac
echo '{"ready": {"name": "pytorch", "version": "9.9"}}'
while read go at_least; do echo "{\"seconds\": [$seconds], \"peak_memory_bytes\": 1000}"; done
"#;

fn bench(what: &str, more: &[&str]) -> Vec<String> {
    ["bench", what].iter().chain(&TINY).chain(more).map(|&arg| arg.to_owned()).collect()
}

/// A folder with `script` as its python3.
fn with_python(script: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let python = folder.path().join("python3");
    fs::write(&python, script).expect("a script is written");
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let pid = folder.path().join("pid");
    (folder, pid)
}

/// `bench` where `folder` is searched for Python before all others.
fn against(folder: &Path, args: &[String]) -> Command {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = command(folder, &args);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    command.env_remove("RESNET_PYTHON").env("PATH", path).env("PEER_PID", folder.join("pid"));
    command
}

#[test]
fn ours_alone() {
    for what in ["train", "infer"] {
        let args = bench(what, &["--json"]);
        let outcome = xtask(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let result =
            outcome.object(&["model", "batch", "threads", "work", "ours", "peer", "ratio", "ratios"]);
        assert_eq!((&result["model"], &result["work"]), (&"resnet8-v2".into(), &what.into()));
        assert_eq!((&result["batch"], &result["threads"]), (&2.into(), &1.into()));
        let ours = &result["ours"];
        assert!(ours["images_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{result}");
        assert!(ours["fma_gflops"]["lowest"].as_f64().is_some_and(|rate| rate > 0.0), "{result}");
        assert_eq!(ours["turns"].as_array().map(Vec::len), Some(1));
        if cfg!(target_os = "linux") {
            assert!(ours["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{result}");
        }
        assert!(result["peer"].is_null() && result["ratio"].is_null(), "{result}");
    }
}

#[test]
fn kernels_stand_beside_the_machine() {
    let args = bench("kernels", &["--json"]);
    let outcome = xtask(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let keys = ["model", "batch", "threads", "isa", "ours", "peer", "ratio", "ceilings", "networks"];
    let result = outcome.object(&keys);
    has_keys(&result["ceilings"], &["fma_gflops_one_thread", "fma_gflops", "copy_gbytes_per_second"]);
    let layers = result["networks"][0]["layers"].as_array().expect("a list");
    let count = |layer: &Value| layer["count"].as_u64().expect("a number");
    // The stem and three units of two.
    assert_eq!(layers.iter().map(count).sum::<u64>(), 7);
    for layer in layers {
        for pass in ["output", "input_gradient", "weight_gradient"] {
            has_keys(&layer[pass], &["ms", "gflops", "gbytes_per_second"]);
            assert!(layer[pass]["gflops"].as_f64().is_some_and(|rate| rate > 0.0), "{layer}");
        }
    }
}

#[test]
fn a_peer_takes_turns_in_its_best_setting() {
    let (folder, _) = with_python(PEER);
    let outcome =
        outcome_of(&mut against(folder.path(), &bench("train", &["--against", "pytorch", "--json"])));
    let result: Value = serde_json::from_str(outcome.succeeds()).expect("one object");
    let peer = &result["peer"];
    assert_eq!((&peer["name"], &peer["version"]), (&"pytorch".into(), &"9.9".into()));
    assert_eq!(peer["setting"], "channels_last, tuned malloc");
    assert_eq!((&peer["images_per_second"], &peer["peak_memory_bytes"]), (&8.0.into(), &1000.into()));
    let settings = peer["settings"].as_array().expect("a list");
    let rates: Vec<f64> =
        settings.iter().filter_map(|setting| setting["images_per_second"].as_f64()).collect();
    assert_eq!(rates, [4.0, 4.0, 4.0, 8.0]);
    let ours = result["ours"]["images_per_second"].as_f64().expect("a number");
    assert!((result["ratio"].as_f64().expect("a number") - ours / 8.0).abs() < 1e-9, "{result}");

    let table = outcome_of(&mut against(folder.path(), &bench("train", &["--against", "pytorch"])));
    for words in ["PyTorch 9.9", "ratio", "1 pair\n", "contiguous, default malloc", "FMA GFLOP/s"] {
        assert!(table.succeeds().contains(words), "{words}\n{}", table.stdout);
    }
}

#[test]
fn a_profile_adds_up_to_its_step() {
    for (what, rows) in [("train", &["forward", "backward", "optimizer"][..]), ("infer", &["forward"])] {
        let args = bench(what, &["--profile", "--json"]);
        let outcome = xtask(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let result: Value = serde_json::from_str(outcome.succeeds()).expect("one object");
        let sum: f64 =
            result["rows"].as_array().expect("rows").iter().filter_map(|row| row["ms"].as_f64()).sum();
        assert!((result["ms"].as_f64().expect("a number") - sum).abs() < 1e-9 * sum, "{result}");
        let speed = result["ours"]["images_per_second"].as_f64().expect("a number");
        assert!((speed * result["ms"].as_f64().expect("a number") - 2e3).abs() < 1e-6, "{result}");
        assert!(result["peer"].is_null() && result.get("ratio").is_some(), "{result}");
        let args = bench(what, &["--profile"]);
        let outcome = xtask(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let table = outcome.succeeds();
        assert!(
            rows.iter().chain(&["conv 3x3", "at 32x32", "all of it"]).all(|row| table.contains(row)),
            "{table}"
        );
    }
    xtask(&["bench", "kernels", "--profile"]).ends_saying(2, &["train and infer"]);
    xtask(&["bench", "train", "--profile", "--against", "pytorch"]).ends_saying(2, &["--against"]);
}

#[test]
fn one_thread_takes_turns_with_two() {
    let tiny = ["--model", "resnet8-v2", "--batch", "2", "--pairs", "1", "--against", "one-thread"];
    let with = |more: &[&'static str]| [&["bench", "train"], &tiny[..], more].concat();
    let result: Value =
        serde_json::from_str(xtask(&with(&["--threads", "2", "--json"])).succeeds()).expect("one object");
    let rate = |side: &str| result[side]["images_per_second"].as_f64().expect("a number");
    assert_eq!((&result["threads"], &result["peer"]["name"]), (&2.into(), &result["ours"]["name"]));
    let ratio = result["ratio"].as_f64().expect("a number");
    assert!((ratio - rate("ours") / rate("peer")).abs() < 1e-9, "{result}");
    xtask(&with(&["--threads", "1"])).ends_saying(2, &["--threads 2"]);
}

#[test]
fn a_missing_or_broken_peer_is_one_sentence() {
    let pytorch = bench("train", &["--against", "pytorch"]);
    let onnx = bench("infer", &["--against", "onnxruntime"]);

    let (folder, _) = with_python("#!/bin/sh\necho '{\"missing\": [\"torch\"]}'\nexit 3\n");
    outcome_of(&mut against(folder.path(), &pytorch))
        .ends_saying(1, &["python3 has no torch", "python3 -m pip install torch numpy", "RESNET_PYTHON"]);
    outcome_of(&mut against(folder.path(), &onnx))
        .ends_saying(1, &["pip install onnxruntime onnx onnxscript torch"]);
    for (peer, packages) in [("openvino", "openvino onnx onnxscript torch"), ("ncnn", "ncnn pnnx torch")] {
        let args = bench("infer", &["--against", peer]);
        outcome_of(&mut against(folder.path(), &args)).ends_saying(1, &["pip install", packages]);
    }

    let mut nowhere = against(folder.path(), &pytorch);
    outcome_of(nowhere.env("RESNET_PYTHON", "no-such-python"))
        .ends_saying(1, &["there is no no-such-python", "pip install torch numpy", "RESNET_PYTHON="]);

    let (folder, _) =
        with_python("#!/bin/sh\necho 'Traceback' >&2\necho 'MemoryError: no room' >&2\nexit 1\n");
    outcome_of(&mut against(folder.path(), &pytorch))
        .ends_saying(1, &["error: PyTorch ended (exit status: 1): MemoryError: no room"]);
}

#[test]
fn ctrl_c_leaves_no_process() {
    // It never answers, and does not notice that its input ends.
    let (folder, pid) = with_python("#!/bin/sh\necho $$ > \"$PEER_PID\"\nexec sleep 600\n");
    let mut bench = against(folder.path(), &bench("train", &["--against", "pytorch"]));
    let child = bench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    let peer = loop {
        assert!(Instant::now() < deadline, "the peer does not start");
        match fs::read_to_string(&pid) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let kill = |signal: &str, pid: &str| {
        let status = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
        status.expect("kill is there").success()
    };
    assert!(kill("-INT", &child.id().to_string()));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!kill("-0", &peer), "the peer is still there");
}

#[test]
fn the_real_peers() {
    let rows = [
        ("train", "pytorch", 4, &[Need::Torch][..]),
        ("infer", "onnxruntime", 0, &[Need::Torch, Need::Onnxruntime]),
    ];
    for (what, peer, settings, needs) in rows {
        if python(needs).is_none() {
            continue;
        }
        let args = bench(what, &["--against", peer, "--json"]);
        let outcome = xtask(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let result: Value = serde_json::from_str(outcome.succeeds()).expect("one object");
        assert_eq!(result["peer"]["name"], peer);
        assert_eq!(result["peer"]["settings"].as_array().map(Vec::len), Some(settings));
        assert!(result["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{result}");
    }
}
