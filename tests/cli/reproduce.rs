//! `reproduce`: the paper's tables and figures at the smallest scale, and its claims.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use resnet_study::find_runs;
use serde_json::Value;

use crate::common::{Outcome, command, has_keys, outcome_of, shared, small_cifar, xtask_in};

/// What a smoke run of a table is promised to take on two cores.
const MINUTES: Duration = Duration::from_secs(5 * 60);

/// Where `reproduce` at the scale smoke writes.
const OUT: &str = "runs/reproduce/smoke";

/// Runs `reproduce` with `args` at the scale smoke; standard output is one JSON object. Each test has a
/// thread of its own, and the speed of this machine is measured once for all.
fn reproduce(folder: &Path, args: &[&str]) -> (Value, String) {
    let args = [&["reproduce"], args, &["--scale", "smoke", "--threads", "1", "--json"]].concat();
    let outcome = outcome_of(command(folder, &args).env("XDG_CACHE_HOME", shared()));
    (outcome.object(&["scale", "seeds", "targets", "claims"]), outcome.stderr)
}

/// Trains a row of a table or figure.
fn train(folder: &Path, target: &str, row: &str) {
    let (json, told) = reproduce(folder, &[target, "--only", row]);
    let page = folder.join(OUT).join(format!("{target}.html"));
    assert!(page.is_file() && page.with_extension("md").is_file(), "{target}");
    let trained = rows(&json["targets"][0]).iter().filter(|row| row["runs"] == 1).count();
    assert!(trained >= 1, "{target} {row}: {told}");
}

/// Two rows of figure 6, which are those of claim 4, and the claims: made once for all tests.
pub(crate) struct Study {
    pub(crate) out: PathBuf,
    claims: Value,
}

pub(crate) fn study() -> &'static Study {
    static STUDY: OnceLock<Study> = OnceLock::new();
    STUDY.get_or_init(|| {
        for row in ["resnet110-v1", "resnet110-bn-after-addition"] {
            train(shared(), "figure6", row);
        }
        let (json, _) = reproduce(shared(), &["claims", "--plan"]);
        Study { out: shared().join(OUT), claims: json["claims"].clone() }
    })
}

fn rows(target: &Value) -> &Vec<Value> {
    target["rows"].as_array().expect("a list of rows")
}

#[test]
fn table_2_is_trained_in_minutes_and_nothing_is_trained_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let begun = Instant::now();
    let (json, told) = reproduce(here, &["table2"]);
    let took = begun.elapsed();
    assert!(took < MINUTES, "{took:?}");
    for words in ["10: 0 done, 10 to train", "time here", "resnet20-v2-bottleneck", "10 of 10"] {
        assert!(told.contains(words), "{words} is missing in:\n{told}");
    }
    let table = &json["targets"][0];
    assert_eq!((&table["target"], rows(table).len()), (&"table2".into(), 10));
    for row in rows(table) {
        let keys = [
            "row",
            "unit",
            "group",
            "published",
            "errors",
            "median",
            "mean",
            "deviation",
            "loss",
            "runs",
            "failed",
            "contrast",
            "deviations",
        ];
        has_keys(row, &keys);
        assert_eq!(row["runs"], 1, "{row}");
        let told = row["deviations"].to_string();
        assert!(
            told.contains("ten generated shapes, not CIFAR-10") && told.contains("2,560 images seen"),
            "{told}"
        );
    }
    assert_eq!(
        (&rows(table)[0]["published"], &rows(table)[9]["published"]),
        (&"6.61".into(), &"5.46".into())
    );
    let out = here.join(OUT);
    let page = fs::read_to_string(out.join("table2.html")).expect("a page");
    for words in [
        "Table 2",
        "6.61, here ",
        "differences from a baseline is not known: that takes two seeds",
        "resnet14-v2",
    ] {
        assert!(page.contains(words), "{words} is missing in the page");
    }
    let text = fs::read_to_string(out.join("table2.md")).expect("a table");
    assert!(text.contains("| (e) full pre-activation | 6.37 | "), "{text}");
    for name in ["table2", "table2-1-errors", "table2-1-losses", "table2-2-errors", "table2-2-losses"] {
        let picture = fs::read_to_string(out.join(format!("{name}.svg"))).expect("a picture");
        assert!(picture.contains("<style>") && picture.contains("full pre-act"), "{name}");
    }

    // What is there counts, here and elsewhere, whatever its folder is called; table 3 shares rows with table
    // 2.
    fs::rename(&out, here.join("made-elsewhere")).expect("it is moved");
    let args = ["table2", "figure6", "--runs", "made-elsewhere", "--keep", "kept"];
    let (again, told) = reproduce(here, &args);
    assert!(told.contains("10: 10 done, 0 to train"), "{told}");
    assert_eq!(again["targets"][0]["rows"], table["rows"]);
    assert_eq!(rows(&again["targets"][1]).len(), 4);
    // Records alone are enough.
    let record = here.join("kept/smoke/cifar10-resnet110-v2-seed-0");
    let bytes: u64 =
        fs::read_dir(&record).expect("a record").map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 60_000, "{bytes}");
    // So is what f = ReLU cuts, by unit, where a network has it after its additions.
    assert!(!record.join("relu-cuts.json").exists());
    let original = here.join("kept/smoke/cifar10-resnet164-v1-seed-0/relu-cuts.json");
    let cuts: Value = serde_json::from_str(&fs::read_to_string(original).expect("a file")).expect("JSON");
    for shares in ["first", "last"] {
        assert_eq!(cuts[shares].as_array().map(Vec::len), Some(6), "{cuts}");
    }
    let (from_records, told) = reproduce(here, &["table2", "--runs", "kept", "--plan"]);
    assert!(told.contains("10: 10 done"), "{told}");
    assert_eq!(from_records["targets"][0]["rows"], table["rows"]);
}

#[test]
fn every_table_and_figure_has_a_smoke_run_and_a_row_can_be_trained_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let rows_of = [
        ("table1", "cifar10-resnet110-plain"),
        ("table1", "resnet110-dropout-shortcut"),
        ("table3", "cifar10-resnet110-v2-one-layer"),
        ("table3", "cifar100-resnet164-v1"),
        ("table4", "cifar10-resnet1001-v2-batch64"),
        ("table5", "imagenet-resnet152-v2"),
        ("figure1", "resnet1001-v1"),
        ("figure3", "resnet110-conv-shortcut"),
    ];
    for (target, row) in rows_of {
        train(here, target, row);
    }
    // Figure 6's.
    study();
    // Table 4 quotes other methods, and table 5 two errors.
    let (json, _) = reproduce(here, &["table4", "table5", "--plan"]);
    assert_eq!(
        (&rows(&json["targets"][0])[0]["unit"], &rows(&json["targets"][0])[0]["published"]),
        (&"NIN".into(), &"8.81".into())
    );
    assert_eq!(rows(&json["targets"][1])[0]["published"], "21.3 / 5.5");
    xtask_in(here, &["reproduce", "table2", "--only", "resnet110-v3"])
        .ends_saying(1, &["no row of table 2 is called \"resnet110-v3\"", "cifar10-resnet164-v2"]);
    xtask_in(here, &["reproduce", "table6"]).ends_saying(2, &["table6"]);
    xtask_in(here, &["reproduce", "figure4"]).ends_saying(2, &["cargo xtask draw figure2"]);
    xtask_in(here, &["reproduce", "table1", "--data", "nowhere", "--only", "resnet110-v1"])
        .ends_saying(1, &["nowhere", "left out"]);
}

#[test]
fn a_smoke_run_takes_real_data_and_goes_on_after_an_interruption() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    small_cifar(here);
    let args = ["figure6", "--only", "resnet110-v1", "--data", "."];
    // Fifty images are fewer than the recipe counts with; the training takes what there is.
    let (json, _) = reproduce(here, &args);
    let told = rows(&json["targets"][0])[0]["deviations"].to_string();
    assert!(!told.contains("generated shapes") && told.contains("14 layers, not 110"), "{told}");
    // As a kill leaves it.
    let run = here.join(OUT).join("cifar10-resnet110-v1-seed-0");
    let text = fs::read_to_string(run.join("record.json")).expect("a record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    record.as_object_mut().expect("an object").retain(|key, _| key != "results" && key != "ended");
    fs::write(run.join("record.json"), record.to_string()).expect("it is written");
    let (again, told) = reproduce(here, &args);
    assert!(told.contains("1: 0 done, 1 to train") && told.contains("continuing after step"), "{told}");
    assert_eq!(again["targets"][0]["rows"][0]["errors"], json["targets"][0]["rows"][0]["errors"]);
}

/// As in `reproduce --json | head -1`, and Ctrl-C.
#[test]
fn an_interruption_is_told_though_nobody_reads_the_results() {
    for more in [&[][..], &["--json"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        small_cifar(here);
        let args = ["reproduce", "figure6", "--only", "resnet110-v1", "--data", ".", "--seeds", "30"];
        let mut command = command(here, &[&args[..], &["--scale", "smoke", "--threads", "1"], more].concat());
        command.env("XDG_CACHE_HOME", shared()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        drop(child.stdout.take());
        let begun = here.join(OUT).join("cifar10-resnet110-v1-seed-0/metrics.jsonl");
        while !begun.exists() && child.try_wait().expect("a process").is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("kill is there").success());
        let outcome = Outcome::of(child.wait_with_output().expect("it ends"), "reproduce");
        outcome.ends_saying(130, &["stopped and saved; the same command resumes"]);
    }
}

#[test]
fn processes_share_a_study_and_a_record_is_kept_as_soon_as_its_training_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    small_cifar(here);
    let args = ["figure6", "--only", "resnet110-v1", "--data", ".", "--seeds", "3", "--keep", "kept"];
    let begin = || {
        command(here, &[&["reproduce", "--scale", "smoke", "--threads", "1"], &args[..]].concat())
            .env("XDG_CACHE_HOME", shared())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    };
    let mut children = [begin(), begin()];
    let kept = here.join("kept/smoke");
    let is_kept = |seed: u64| kept.join(format!("cifar10-resnet110-v1-seed-{seed}/recipe.toml")).is_file();
    while !is_kept(0) && !is_kept(1) && children[0].try_wait().expect("a process").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let has_begun_the_last = here.join(OUT).join("cifar10-resnet110-v1-seed-2").exists();
    assert!(!has_begun_the_last, "records are kept at the end alone");
    let told = children.map(|child| {
        let output = child.wait_with_output().expect("an output");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    });
    let count = |words: &str| told.iter().map(|told| told.matches(words).count()).sum::<usize>();
    assert_eq!(count(": resnet14-v1"), 3, "{told:?}");
    for folder in [here.join(OUT), kept] {
        let (runs, _) = find_runs(&folder);
        let mut seeds: Vec<u64> = runs.iter().map(|run| run.record.seed).collect();
        seeds.sort_unstable();
        assert_eq!(seeds, [0, 1, 2], "{}", folder.display());
    }
}

#[test]
fn claims_are_judged_by_what_is_there() {
    // Two runs of claim 4; the others are judged by fresh networks, or not at all.
    let Study { out, claims } = study();
    let claims = claims.as_array().expect("a list");
    assert_eq!(claims.len(), 12);
    let verdict = |number: usize| claims[number - 1]["verdict"].as_str().expect("a word");
    assert_eq!((verdict(5), verdict(6)), ("supported", "supported"), "{claims:#?}");
    assert_ne!(verdict(11), "not-tested");
    assert_eq!(verdict(4), "undecided", "one seed decides nothing");
    for number in [1, 2, 3, 7, 8, 9, 10, 12] {
        assert_eq!(verdict(number), "not-tested", "{}", claims[number - 1]);
    }
    let page = fs::read_to_string(out.join("claims.html")).expect("a page");
    for words in ["supported", "undecided so far", "not tested", "equation (9)"] {
        assert!(page.contains(words), "{words} is missing in the page");
    }
}
