//! Names of commands and options, exit codes, the keys of JSON: what scripts rely on.

use serde_json::Value;

use crate::common::{command, has_keys, outcome_of, xtask};

#[test]
fn every_command_has_its_options_and_helps() {
    let commands: [(&str, &[&str]); 10] = [
        (
            "train",
            &[
                "--recipe",
                "--data",
                "--epochs",
                "--seed",
                "--threads",
                "--out",
                "--resume",
                "--set",
                "--json",
            ],
        ),
        ("eval", &["--checkpoint", "--model", "--data", "--mean", "--std", "--threads", "--json"]),
        ("predict", &["--checkpoint", "--model", "--mean", "--std", "--top", "--logits", "--json", "IMAGE"]),
        (
            "export",
            &[
                "--checkpoint",
                "--out",
                "--dialect",
                "native",
                "torchvision",
                "timm",
                "transformers",
                "--classes",
                "--json",
            ],
        ),
        ("summary", &["NAME", "--classes", "--json"]),
        ("models", &["--json"]),
        ("recipes", &["NAME", "--measure", "--json"]),
        ("schedule", &["RECIPE", "--set", "--epochs", "--images", "--svg", "--json"]),
        ("runs", &["DIR", "--follow", "--json"]),
        (
            "bench",
            &[
                "train",
                "infer",
                "kernels",
                "--model",
                "--batch",
                "--threads",
                "--pairs",
                "--against",
                "--profile",
                "pytorch",
                "torch-compile",
                "onnxruntime",
                "openvino",
                "ncnn",
                "--json",
            ],
        ),
    ];
    let overview = xtask(&["--help"]);
    for (command, options) in commands {
        assert!(overview.succeeds().contains(command));
        let outcome = xtask(&[command, "--help"]);
        for option in options {
            assert!(outcome.succeeds().contains(option), "{command} {option}\n{}", outcome.stdout);
        }
    }
    assert!(xtask(&["train", "--help"]).stdout.contains("cifar10-resnet110-v2"), "the recipes are listed");
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let wrong: [&[&str]; 19] = [
        &[],
        &["trian"],
        &["train", "--epoch", "3"],
        &["train", "--threads", "0"],
        &["train", "--epochs", "0"],
        &["train", "--seed", "-1"],
        &["train", "--set", "train.batch_size"],
        &["train", "--resume", "runs/x", "--recipe", "quick-start"],
        &["eval", "--data", "."],
        &["eval", "--checkpoint", "x", "--mean", "1,2,3"],
        &["eval", "--checkpoint", "x", "--mean", "1,2", "--std", "1,1,1"],
        &["predict", "--checkpoint", "x"],
        &["predict", "cat.png"],
        &["export", "--checkpoint", "x", "--out", "y", "--dialect", "keras"],
        &["bench"],
        &["bench", "train", "--pairs", "0"],
        &["bench", "train", "--against", "keras"],
        &["bench", "train", "--against", "onnxruntime"],
        &["bench", "kernels", "--against", "pytorch"],
    ];
    for args in wrong {
        let outcome = xtask(args);
        outcome.ends_saying(2, &[]);
        assert!(outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_number_of_nothing_is_refused_in_a_sentence() {
    let rows: [&[&str]; 4] = [
        &["predict", "--checkpoint", "x", "--top", "0", "a.png"],
        &["eval", "--checkpoint", "x", "--batch", "0"],
        &["train", "--epochs", "0"],
        &["reproduce", "table1", "--seeds", "0"],
    ];
    for args in rows {
        xtask(args).ends_saying(2, &["it must be 1 or more"]);
    }
}

#[test]
fn what_the_environment_asks_for_and_is_not_there_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = || command(folder.path(), &["summary", "resnet20-v2"]);
    let with = |variable: &str, value: &str| outcome_of(summary().env(variable, value));
    with("RESNET_ISA", "sse9").ends_saying(1, &["RESNET_ISA asks for \"sse9\"", "portable4"]);
    with("RESNET_CONV", "winogard").ends_saying(1, &["RESNET_CONV asks for \"winogard\"", "direct"]);
    for (variable, known) in [("RESNET_ISA", "portable4"), ("RESNET_CONV", "direct")] {
        with(variable, known).succeeds();
        with(variable, "").succeeds();
    }
}

#[test]
fn summary_counts_what_is_published() {
    let keys = ["model", "parameters", "multiply_adds", "input", "layers"];
    let summary = xtask(&["summary", "resnet20-v1", "--json"]).object(&keys);
    assert_eq!(summary["model"], "resnet20-v1");
    assert_eq!(summary["parameters"], 269_722);
    assert_eq!(summary["input"], serde_json::json!([3, 32, 32]));
    let layers = summary["layers"].as_array().expect("a list");
    has_keys(&layers[0], &["name", "kind", "output", "parameters", "multiply_adds"]);
    let sum = |key: &str| layers.iter().map(|layer| layer[key].as_u64().expect("a number")).sum::<u64>();
    assert_eq!(sum("parameters"), 269_722);
    assert_eq!(Value::from(sum("multiply_adds")), summary["multiply_adds"]);

    let of_hundred = xtask(&["summary", "resnet20-v1", "--classes", "100", "--json"]).object(&keys);
    assert_eq!(of_hundred["parameters"], 269_722 + 90 * 65);

    let table = xtask(&["summary", "resnet20-v2"]);
    let first_and_last = ["stem.conv", "stages.2.blocks.2.conv2", "head.fc", "multiply-adds"];
    first_and_last.iter().for_each(|name| assert!(table.succeeds().contains(name), "{}", table.stdout));
}

#[test]
fn a_pipe_gets_tables_at_their_full_width() {
    let columns = |args: &[&str], columns: &[&str], row: &[&str]| {
        let outcome = xtask(args);
        let is_there = |words: &[&str]| {
            outcome.succeeds().lines().any(|line| words.iter().all(|word| line.contains(word)))
        };
        assert!(is_there(columns) && is_there(row), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("no room for"), "{}", outcome.stdout);
    };
    columns(
        &["summary", "resnet152"],
        &["layer", "kind", "output", "parameters", "multiply-adds"],
        &["layer4.0.downsample.0", "conv 1x1", "2048x7x7", "2,097,152", "102,760,448"],
    );
    columns(
        &["models"],
        &["model", "input", "multiply-adds", "CIFAR-10 error", "CIFAR-100 error", "not as in the papers"],
        &["resnet50d ", "3x224x224", "25.6 M", "stride on the 3x3"],
    );
}

#[test]
fn models_lists_names_that_summary_knows() {
    let models = xtask(&["models", "--json"]).object(&["models"]);
    let models = models["models"].as_array().expect("a list");
    assert!(models.len() >= 15);
    for model in models {
        has_keys(
            model,
            &[
                "model",
                "input",
                "parameters",
                "multiply_adds",
                "cifar10_error",
                "cifar100_error",
                "departures",
            ],
        );
    }
    let deepest = models.iter().find(|model| model["model"] == "resnet1001-v2").expect("it is listed");
    assert_eq!(deepest["cifar10_error"], 4.92);
    let of = |name: &str| models.iter().find(|model| model["model"] == name).expect("it is listed");
    assert_eq!(of("resnet50")["parameters"], 25_557_032);
    assert!(of("resnet50")["departures"][0].as_str().expect("a text").contains("v1.5"));
    assert_eq!(of("resnet50-v1-imagenet")["departures"], serde_json::json!([]));
    let summary = xtask(&["summary", "resnet50d"]);
    assert!(summary.succeeds().contains("not as in the papers: stride on the 3x3"), "{}", summary.stdout);
    assert!(summary.stdout.contains("25.6 M parameters"), "{}", summary.stdout);
    let refused = xtask(&["summary", "resnetv2_50d_evos"]);
    refused.ends_saying(1, &["EvoNorm"]);
    let table = xtask(&["models"]);
    assert!(table.succeeds().contains("resnet164-v2") && table.stdout.contains("5.46 %"), "{}", table.stdout);
}

#[test]
fn results_go_to_a_closed_pipe_without_a_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = crate::common::command(folder.path(), &["models"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
