//! Parts of a network that don't train, or train slower, and what a step computes again: `--freeze-until`,
//! `[stages]`, `--recompute`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{TINY, xtask_in};
use crate::resume::tensors;

type Tensors = BTreeMap<String, Vec<u8>>;

/// Trains in `run` with these options.
fn train(here: &Path, run: &str, more: &[&str]) -> (Tensors, String) {
    let outcome = xtask_in(here, &[&["train", "--out", run], TINY, more].concat());
    outcome.succeeds();
    (tensors(&here.join(run).join("checkpoints/last.safetensors")), outcome.stderr)
}

/// The names of tensors that differ.
fn changed<'a>(before: &'a Tensors, after: &Tensors) -> Vec<&'a str> {
    before.iter().filter(|(name, bytes)| after[*name] != **bytes).map(|(name, _)| name.as_str()).collect()
}

/// Whether a weight is in the stem or the first stage.
fn is_early(name: &str) -> bool {
    name.starts_with("stem.") || name.starts_with("stages.0.")
}

#[test]
fn what_is_frozen_stays_to_the_bit_and_the_optimizer_knows_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (first, _) = train(here, "first", &["--set", "data.validation=0"]);
    let weights = |all: &Tensors| -> Tensors {
        let is_weight = |name: &str| !name.starts_with("optimizer.");
        all.iter()
            .filter(|(name, _)| is_weight(name))
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect()
    };
    let from = ["--from", "first", "--freeze-until", "stage1"];
    let (frozen, told) = train(here, "frozen", &from);
    let moved = changed(&weights(&first), &frozen).iter().filter(|name| is_early(name)).count();
    assert_eq!(moved, 0, "parameters and statistics of the frozen part are as they were");
    assert!(changed(&weights(&first), &frozen).contains(&"stages.1.blocks.0.conv1.weight"));
    let slots: Vec<&String> = frozen.keys().filter(|name| name.starts_with("optimizer.")).collect();
    assert!(slots.iter().all(|name| !is_early(name.trim_start_matches("optimizer.momentum."))), "{slots:?}");
    assert!(slots.iter().any(|name| name.ends_with("head.fc.weight")), "{slots:?}");
    for words in ["stage ", "learning rate", "stage1", "frozen", "head "] {
        assert!(told.contains(words), "'{words}' is missing in:\n{told}");
    }

    let moving = [&from[..], &["--set", "stages.frozen_norms=move"]].concat();
    let (moving, _) = train(here, "moving", &moving);
    let first = weights(&first);
    let early: Vec<&str> = changed(&first, &moving).into_iter().filter(|name| is_early(name)).collect();
    assert!(!early.is_empty() && early.iter().all(|name| name.contains("running_")), "{early:?}");
}

#[test]
fn a_stage_that_is_not_there_is_refused_with_those_that_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let there = "resnet8-v2 has no part 'layer2' to freeze up to; there are stem, stage1, stage2 and stage3";
    for (options, words) in [
        (&["--freeze-until", "layer2"][..], there),
        (&["--freeze-until", "head"], "has no part 'head' to freeze up to"),
        (
            &["--set", "stages.lr_factors.stage9=0.1"],
            "has no part 'stage9' that could have a learning rate of its own; there are stem, stage1, stage2, stage3 and head",
        ),
        (&["--set", "stages.frozen_norms=move"], "nothing is frozen; set stages.freeze_until"),
        (&["--set", "stages.lr_factors.stem=0"], "stages.lr_factors.stem is 0; it must be above 0"),
        (
            &["--freeze-until", "stage1", "--set", "stages.lr_factors.stem=0.1"],
            "stages.lr_factors has stem, which stages.freeze_until = \"stage1\" freezes",
        ),
    ] {
        xtask_in(here, &[&["train", "--out", "run"], TINY, options].concat()).ends_saying(1, &[words]);
        assert!(!here.join("run").exists(), "{options:?}: nothing is begun");
    }
    let always = ["train", "--out", "run", "--recompute", "always"];
    xtask_in(here, &always).ends_saying(2, &["'always' is not auto, never, sums or units"]);
}

#[test]
fn a_run_with_all_of_it_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let base = [
        "--freeze-until",
        "stage1",
        "--set",
        "stages.lr_decay=0.5",
        "--set",
        "data.sampling=balanced",
        "--set",
        "train.update_bn_images=40",
        "--set",
        r#"schedule={kind="multistep",lr=0.05,divide_by=10,milestones=["1 epoch"]}"#,
    ];
    let with = |more: [&'static str; 2]| [&base[..], &more].concat();
    let options = with(["--recompute", "units"]);
    let (whole, told) = train(here, "whole", &options);
    assert!(told.contains("0.025"), "the last stage has half of the rate:\n{told}");
    // Memory is no part of the result.
    assert!(train(here, "never", &with(["--recompute", "never"])).0 == whole);

    let short = [&options[..], &["--set", "train.duration=1 epochs"]].concat();
    train(here, "short", &short);
    xtask_in(here, &["train", "--resume", "short", "--epochs", "2", "--threads", "1"]).succeeds();
    let resumed = tensors(&here.join("short/checkpoints/last.safetensors"));
    assert!(resumed.keys().eq(whole.keys()));
    assert_eq!(changed(&whole, &resumed), Vec::<&str>::new());
}
