//! `recipes`, `schedule`, `runs`, and runs that go on by another recipe.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{TINY, command, has_keys, outcome_of, xtask, xtask_in};

const MULTISTEP: &str = r#"schedule={kind="multistep",lr=0.1,divide_by=10,milestones=["1 epoch"]}"#;

fn record(folder: &Path, run: &str) -> Value {
    let text = fs::read_to_string(folder.join(run).join("record.json")).expect("a record");
    serde_json::from_str(&text).expect("JSON")
}

/// Trains two epochs in `run` with a schedule that can be lengthened.
fn trained(folder: &Path, run: &str, schedule: &str) {
    xtask_in(folder, &[&["train", "--out", run, "--set", schedule], TINY].concat()).succeeds();
}

#[test]
fn a_larger_batch_brings_its_larger_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |args: &[&str]| xtask_in(folder.path(), &[&["train", "--out", "run"], args, TINY].concat());
    of(&["--scale-batch", "0"]).ends_saying(1, &["batch_size"]);
    of(&["--set", MULTISTEP, "--scale-batch", "40"]).succeeds();
    let recipe = fs::read_to_string(folder.path().join("run/recipe.toml")).expect("a recipe");
    for line in ["batch_size = 40", "lr = 0.2", "milestones = [\"1 epoch\"]", "duration = \"25 %\""] {
        assert!(recipe.contains(line), "{line} is missing in:\n{recipe}");
    }
}

#[test]
fn recipes_are_listed_with_what_was_published_and_the_time_that_they_take_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| outcome_of(command(folder.path(), args).env("XDG_CACHE_HOME", folder.path()));
    let list = run(&["recipes", "--json"]);
    assert!(list.stderr.contains("measuring this machine's speed"), "{}", list.stderr);
    let list = list.object(&["recipes", "speed"]);
    assert_eq!(list["speed"]["probes"].as_array().map(Vec::len), Some(3));
    let recipes = list["recipes"].as_array().expect("a list");
    assert!(recipes.len() > 40, "{}", recipes.len());
    for recipe in recipes {
        let keys = [
            "recipe",
            "about",
            "model",
            "paper",
            "expected_error",
            "published",
            "for_images",
            "images",
            "hours",
        ];
        has_keys(recipe, &keys);
        let hours = recipe["hours"].as_f64().expect("a number");
        assert!(hours > 0.0 && hours.is_finite(), "{recipe}");
    }
    let of = |name: &str| recipes.iter().find(|recipe| recipe["recipe"] == name).expect("it is listed");
    assert_eq!(of("cifar10-resnet1001-v2")["expected_error"], 4.92);
    assert_eq!(of("cifar10-resnet110-dropout-shortcut")["published"], "fails");

    // The speed is kept.
    let table = run(&["recipes"]);
    assert!(!table.stderr.contains("measuring"), "{}", table.stderr);
    for words in ["cifar10-resnet110-v2", "tables 2(e) and 3", "6.37 %", "resnet29-v2", "ago on"] {
        assert!(table.succeeds().contains(words), "{words} is missing in:\n{}", table.stdout);
    }

    let printed = run(&["recipes", "cifar10-resnet110-conv-shortcut"]);
    fs::write(folder.path().join("mine.toml"), printed.succeeds()).expect("it is written");
    run(&["recipes", "mine.toml"]).succeeds();
    assert!(printed.stdout.contains("name = \"resnet110-conv-shortcut\""), "{}", printed.stdout);
    for name in ["cifar10-resnet110-conv-shortcut", "mine.toml"] {
        let recipe = run(&["recipes", name, "--json"]);
        let recipe: Value = serde_json::from_str(recipe.succeeds()).expect("one JSON object");
        assert_eq!(recipe["model"]["name"], "resnet110-conv-shortcut");
        assert_eq!(recipe["train"]["batch_size"], 128);
    }
    run(&["recipes", "quick-start", "--measure"]).ends_saying(2, &["--measure"]);
    run(&["recipes", "quick-start", "--threads", "1"]).ends_saying(2, &["--threads"]);
    run(&["recipes", "cifar10-resnet111-v2"]).ends_saying(1, &["did you mean \"cifar10-resnet11"]);
}

#[test]
fn a_schedule_is_drawn_in_the_terminal_and_as_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let drawn = xtask_in(folder.path(), &["schedule", "cifar10-resnet110-v2", "--svg", "rate.svg"]);
    for words in [
        "64,000 steps of 128 images in 164 epochs",
        "0.01 at first, 0.1 at most from step 400 on",
        "⡏⠉",
        "60,000 steps",
    ] {
        assert!(drawn.succeeds().contains(words), "{words} is missing in:\n{}", drawn.stdout);
    }
    assert!(
        drawn
            .stdout
            .lines()
            .filter(|line| !line.starts_with("recipe"))
            .all(|line| line.chars().count() <= 80)
    );
    let svg = fs::read_to_string(folder.path().join("rate.svg")).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains("multistep"));

    let keys = ["recipe", "kind", "steps", "steps_per_epoch", "images_per_epoch", "batch_size", "rates"];
    let args = [
        "schedule",
        "imagenet-resnet50-v2",
        "--images",
        "1000",
        "--epochs",
        "2",
        "--set",
        "schedule.lr=0.2",
        "--json",
    ];
    let course = xtask(&args).object(&keys);
    assert_eq!((&course["steps"], &course["steps_per_epoch"]), (&8.into(), &4.into()));
    assert_eq!(course["rates"], serde_json::json!(vec![0.2; 8]));
    xtask(&["schedule", "no-such-recipe"]).ends_saying(1, &["did you mean"]);
    xtask(&["schedule", "quick-start", "--set", "schedule.lr=-1"]).ends_saying(1, &["must be above 0"]);
    xtask(&["schedule", "quick-start", "--epochs", "99999999"])
        .ends_saying(1, &["at most 20,000,000 are drawn"]);
    let dropped = ["--set", "train.batch_size=8192", "--set", "train.last_batch=drop"];
    xtask(&[&["schedule", "quick-start"], &dropped[..]].concat())
        .ends_saying(1, &["do not fill a batch of 8,192", "train.last_batch"]);
    let all = xtask(&["schedule", "quick-start", "--set", "schedule.warmup=99 epochs"]);
    all.succeeds();
    assert!(all.stderr.contains("the warm-up takes all"), "{}", all.stderr);
    xtask(&["schedule", "quick-start", "--set", "train.duration=9 epochs", "--epochs", "2"])
        .ends_saying(2, &["--set train.duration and --epochs"]);
    xtask(&["train", "--set", "train.seed=1", "--seed", "2"])
        .ends_saying(2, &["--set train.seed and --seed"]);
}

#[test]
fn a_finished_run_becomes_longer_and_says_what_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    trained(here, "run", MULTISTEP);
    let longer =
        xtask_in(here, &["train", "--resume", "run", "--epochs", "3", "--set", "train.log_every_steps=5"]);
    longer.succeeds();
    for words in
        ["train.duration: 2 epochs -> 3 epochs", "train.log_every_steps: 1 -> 5", "continuing after step 20"]
    {
        assert!(longer.stderr.contains(words), "{words} is missing in:\n{}", longer.stderr);
    }
    let record = record(here, "run");
    assert_eq!((&record["results"]["epochs"], &record["test_reads"]), (&3.into(), &2.into()));
    assert_eq!(record["changes"][0]["step"], 20);
    assert_eq!(record["changes"][0]["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(record["earlier_results"][0]["epochs"], 2);
    assert!(fs::read_to_string(here.join("run/recipe.toml")).expect("a recipe").contains("3 epochs"));
    // Nothing asked for, nothing done.
    let again = xtask_in(here, &["train", "--resume", "run"]);
    assert!(again.succeeds().contains("test accuracy") && again.stderr.contains("nothing left to train"));

    let last = here.join("run/checkpoints/last.safetensors");
    let bytes = fs::read(&last).expect("a checkpoint");
    fs::write(&last, &bytes[..bytes.len() / 2]).expect("it is written");
    let damaged = xtask_in(here, &["train", "--resume", "run", "--epochs", "4"]);
    damaged.ends_saying(1, &["run/checkpoints/last.safetensors", "damaged or not safetensors (its header"]);
    assert!(!damaged.stderr.contains("--from"), "that file is no advice:\n{}", damaged.stderr);
}

#[test]
fn a_run_that_would_have_been_another_is_refused_with_the_command_that_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    trained(here, "run", r#"schedule={kind="cosine",lr=0.1,warmup="10 %"}"#);
    let before = fs::read(here.join("run/recipe.toml")).expect("a recipe");
    let advice = "cargo xtask train --recipe run/recipe.toml --from run --epochs 3";
    let refused = xtask_in(here, &["train", "--resume", "run", "--epochs", "3"]);
    refused.ends_saying(1, &["20 steps are done", "cosine schedule spreads over the whole training", advice]);
    xtask_in(here, &["train", "--resume", "run", "--set", "train.batch_size=10", "--epochs", "3"])
        .ends_saying(1, &["train.batch_size is 20", "cannot change that"]);
    xtask_in(here, &["train", "--resume", "run", "--set", "train.bach=10"]).ends_saying(1, &["`bach`"]);
    assert!(fs::read(here.join("run/recipe.toml")).expect("a recipe") == before);

    let args: Vec<&str> = advice.split(' ').skip(2).chain(["--out", "new"]).collect();
    xtask_in(here, &args).succeeds();
    assert_eq!(record(here, "new")["results"]["epochs"], 3);
}

#[test]
fn runs_are_listed_with_their_states_and_one_can_be_followed_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    xtask_in(here, &["runs"]).ends_saying(1, &["cannot read runs"]);
    trained(here, "runs/done", MULTISTEP);
    // As a kill leaves it.
    trained(here, "runs/killed", MULTISTEP);
    let path = here.join("runs/killed/record.json");
    let mut unfinished = record(here, "runs/killed");
    unfinished
        .as_object_mut()
        .expect("an object")
        .retain(|key, _| !["results", "ended"].contains(&key.as_str()));
    fs::write(&path, unfinished.to_string()).expect("it is written");
    // A folder that is no run is no fault, and a damaged one is told and left out.
    fs::create_dir_all(here.join("runs/notes")).expect("a folder");
    fs::create_dir_all(here.join("runs/damaged")).expect("a folder");
    fs::write(here.join("runs/damaged/record.json"), "{").expect("it is written");
    fs::write(here.join("runs/damaged/recipe.toml"), "").expect("it is written");

    let args = [
        &["train", "--out", "runs/long"],
        TINY,
        &["--set", "train.duration=30 epochs", "--set", "train.save_every_seconds=0"],
    ];
    let mut child =
        command(here, &args.concat()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(120);
    while fs::read_to_string(here.join("runs/long/metrics.jsonl")).map_or(0, |text| text.lines().count()) < 3
    {
        assert!(Instant::now() < deadline, "no step is made");
        std::thread::sleep(Duration::from_millis(5));
    }
    let listed = xtask_in(here, &["runs", "--json"]);
    let followed = xtask_in(here, &["runs", "--follow", "runs/long"]);
    assert!(child.wait().expect("it ends").success());

    assert!(listed.stderr.contains("damaged/record.json"), "{}", listed.stderr);
    let list = listed.object(&["runs"]);
    let list = list["runs"].as_array().expect("a list");
    let keys = [
        "run", "state", "recipe", "model", "epoch", "epochs", "step", "error", "measured", "seconds",
        "started",
    ];
    list.iter().for_each(|run| has_keys(run, &keys));
    let states: Vec<_> = list.iter().map(|run| (&run["run"], &run["state"])).collect();
    assert_eq!(
        serde_json::json!(states),
        serde_json::json!([
            ["runs/done", "finished"],
            ["runs/killed", "interrupted"],
            ["runs/long", "training"]
        ])
    );
    assert_eq!(
        (&list[0]["epoch"], &list[0]["epochs"], &list[2]["epochs"]),
        (&2.into(), &2.into(), &30.into())
    );
    assert_eq!(list[0]["measured"], "test");

    for words in ["step ", "epoch 30/30", "finished after step 300"] {
        assert!(followed.succeeds().contains(words), "{words} is missing in:\n{}", followed.stdout);
    }
    assert!(followed.stderr.contains("it is finished"), "{}", followed.stderr);
    let past = xtask_in(here, &["runs", "--follow", "runs/long", "--json"]);
    let lines: Vec<Value> =
        past.succeeds().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[9]["event"]), (10, &"final".into()));

    let table = xtask_in(here, &["runs"]);
    for words in ["done ", "finished", "2/2", "interrupted"] {
        assert!(table.succeeds().contains(words), "{words} is missing in:\n{}", table.stdout);
    }
    xtask_in(here, &["runs", "--follow", "runs/notes"]).ends_saying(1, &["is not a run's folder"]);
}
