//! Results, pages and verdicts of made-up runs: medians, failures, what is decided and what is not.

use std::path::Path;

use crate::common::{diverged, made, one, pair, recipe, request};
use resnet_record::{Checkpoint, Scores};
use resnet_study::claims::{Verdict, examine, examine_claims};
use resnet_study::{Request, Results, Study, Target, keep, markdown, write_claims, write_pages};

/// Table 1 as the paper would have it, at the heights of a small training.
fn table_1(out: &Path) {
    let rows = [
        ("cifar10-resnet110-v1", 14.2, 0.41),
        ("cifar10-resnet110-constant-scaling-shortcut", 31.0, 0.88),
        ("cifar10-resnet110-constant-scaling", 21.5, 0.61),
        ("cifar10-resnet110-exclusive-gating-bias-0", 46.0, 1.21),
        ("cifar10-resnet110-exclusive-gating-bias-6", 17.9, 0.52),
        ("cifar10-resnet110-exclusive-gating-bias-7", 18.8, 0.55),
        ("cifar10-resnet110-shortcut-only-gating-bias-0", 20.9, 0.60),
        ("cifar10-resnet110-shortcut-only-gating-bias-6", 14.4, 0.42),
        ("cifar10-resnet110-conv-shortcut", 20.2, 0.58),
    ];
    for (row, error, loss) in rows {
        pair(out, Target::Table1, row, (error, 0.3), loss);
    }
    for seed in 0..2 {
        diverged(out, Target::Table1, "cifar10-resnet110-plain", seed);
    }
    diverged(out, Target::Table1, "cifar10-resnet110-dropout-shortcut", 0);
}

#[test]
fn a_run_without_test_scores_is_neither_a_result_nor_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let row = "cifar10-resnet110-v2";
    let recipe = recipe(Target::Table2, row, 0);
    let mut run = made(&scratch.path().join("small").join(format!("{row}-seed-0")), &recipe, 12.0, 0.4);
    run.update(|record| {
        record.results = record.results.map(|results| resnet_record::Results { test: None, ..results });
    })
    .unwrap();
    drop(run);
    let study = Study::new(&request(scratch.path(), &[Target::Table2])).unwrap();
    let results = Results::collect(&study);
    let found = results[0].rows.iter().find(|result| result.row.name == row).unwrap();
    assert_eq!((found.runs.len(), found.errors.count(), found.failed), (0, 0, 0));
    let open: Vec<_> = study.open().filter(|job| job.row == row && job.recipe.train.seed == 0).collect();
    assert_eq!(open.len(), 1, "it is trained");
}

#[test]
fn a_table_has_medians_failures_and_no_winner_within_the_noise() {
    let scratch = tempfile::tempdir().unwrap();
    table_1(scratch.path());
    let study = Study::new(&request(scratch.path(), &[Target::Table1])).unwrap();
    assert_eq!(study.open().count(), 1, "one seed of dropout is left");
    let results = Results::collect(&study);
    let row = |name: &str| results[0].rows.iter().find(|row| row.row.name.ends_with(name)).unwrap();
    let original = row("resnet110-v1");
    assert!((original.errors.median().unwrap() - 14.2).abs() < 1e-9);
    assert_eq!((original.runs.len(), original.failed, original.contrast), (2, 0, None));
    let plain = row("plain");
    assert!(plain.fails() && plain.errors.count() == 0 && plain.failed == 2);
    let scaled = row("resnet110-constant-scaling").contrast.unwrap();
    assert!(scaled.is_decided() && (scaled.difference - 7.3).abs() < 1e-9, "{scaled:?}");
    let near = row("shortcut-only-gating-bias-6").contrast.unwrap();
    assert!(!near.is_decided() && near.seeds_to_decide.is_some_and(|seeds| seeds > 2), "{near:?}");
    assert!(original.deviations.contains(&"56 layers, not 110".to_owned()));

    let text = markdown(&results[0]);
    for said in [
        "| (a) original | 6.61 | 14.20 | 0.21 | 2 |",
        "| (b) constant scaling 0, branch 1: plain | fails | fails (2 of 2) |",
        "| (b) constant scaling 0.5, branch 0.5 | 12.35 | 21.50 | 0.21 | 2 | +7.30 | 0.91 | decided |",
        "A run fails if it diverges or its test error ends above 80 % (the paper: 20 %).",
        "- an initial bias of 0 alone, not 0 to -5: (c) exclusive gating, initial bias 0 to -5",
        "| open, about ",
        "it is decided where the interval leaves out zero (p < 0.05).",
        "- 56 layers, not 110: all rows",
        "- 400,000 images seen, not 8,184,143: all rows",
        "cargo xtask reproduce table1 --scale small --seeds 2 --data DIR",
        "Made-up 9000 (2 threads)",
    ] {
        assert!(text.contains(said), "{said} is missing in:\n{text}");
    }
    let pages = write_pages(&results).unwrap();
    let page = std::fs::read_to_string(&pages[0]).unwrap();
    for said in [
        "as in the paper; 2 where the paper has a failure and both train here, namely ",
        "fails (2 of 2)",
        "6.61, here 14.20",
        "Made-up 9000",
        "images from cifar-10-batches-bin",
    ] {
        assert!(page.contains(said), "{said} is missing in the page");
    }
    for loaded in ["http://", "https://", "src=", "@import", "<script", "NaN"] {
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(loaded), "{loaded}");
    }
    // Its picture is a file too, with colours of its own.
    let picture = std::fs::read_to_string(pages[0].with_extension("svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("<style>.chart"), "{picture}");
    assert!(picture.contains("6.61, here 14.20"), "{picture}");
    // Kept records count as the runs did.
    let kept = scratch.path().join("kept");
    assert_eq!((keep(&results, &kept).unwrap(), keep(&results, &kept).unwrap()), (21, 0));
    let elsewhere = Request { out: scratch.path().join("new"), runs: vec![kept], ..study.request.clone() };
    let again = Results::collect(&Study::new(&elsewhere).unwrap());
    let medians = |results: &[Results]| -> Vec<(Option<f64>, usize)> {
        results[0].rows.iter().map(|row| (row.errors.median(), row.failed)).collect()
    };
    assert_eq!(medians(&again), medians(&results));
}

#[test]
fn a_table_in_markdown_replaces_its_own_kind_and_nobody_elses() {
    let scratch = tempfile::tempdir().unwrap();
    pair(scratch.path(), Target::Table2, "cifar10-resnet110-v2", (12.0, 0.2), 0.4);
    let results = Results::collect(&Study::new(&request(scratch.path(), &[Target::Table2])).unwrap());
    let file = write_pages(&results).unwrap()[0].with_extension("md");
    let made = std::fs::read_to_string(&file).unwrap();
    let unmarked = made.strip_suffix("\n<!-- made by reproduce -->\n").unwrap();
    for ours in [made.as_str(), unmarked] {
        std::fs::write(&file, ours).unwrap();
        write_pages(&results).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), made);
    }
    for theirs in ["", "# Notes\n\nMade by:\n", "# Table 2: mine\n", "# Table of mine: 2\n\nMade by:\n"] {
        std::fs::write(&file, theirs).unwrap();
        let message = write_pages(&results).unwrap_err().to_string();
        assert!(message.contains("table2.md exists already"), "{message}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);
    }
}

#[test]
fn claims_follow_the_runs_that_speak_to_them() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path();
    table_1(out);
    pair(out, Target::Claims, "cifar10-resnet110-bn-after-addition", (16.0, 0.3), 0.65);
    pair(out, Target::Claims, "cifar10-resnet110-v2", (13.8, 0.2), 0.43);
    pair(out, Target::Claims, "cifar10-resnet110-v2-no-warmup", (13.9, 0.2), 0.43);
    // The wrong way round: pre-activation starts the slower, and ends the higher.
    pair(out, Target::Claims, "cifar10-resnet1001-v1", (12.0, 0.2), 0.30);
    pair(out, Target::Claims, "cifar10-resnet1001-v2", (13.5, 0.2), 0.45);
    // Nothing of ImageNet learned anything: that supports no difference.
    for row in ["imagenet-resnet152-v1", "imagenet-resnet200-v1", "imagenet-resnet200-v2-scale"] {
        pair(out, Target::Table5, row, (99.9, 0.0), 6.9);
    }
    let request = request(out, &[Target::Claims]);
    let study = Study::new(&request).unwrap();
    let findings = examine(&study).unwrap();
    let verdict = |number: usize| findings[number - 1].verdict;
    // One seed of dropout alone has been trained, so claim 1 stays open.
    assert_eq!(verdict(1), Verdict::Undecided, "{:#?}", findings[0]);
    assert_eq!(findings[0].measured[1], "Of 8 differences 7 are beyond chance, as claimed.");
    // The gate that begins nearly shut does not count: it begins as the identity.
    assert_eq!(verdict(2), Verdict::Supported, "{:#?}", findings[1]);
    assert!(findings[2].measured[0].contains("resnet56-exclusive-gating-bias-6"), "{:#?}", findings[2]);
    assert!(findings[1].measured[0].contains("Parameters: (a) original"), "{:#?}", findings[1]);
    assert_eq!(verdict(3), Verdict::Supported, "{:#?}", findings[2]);
    assert_eq!(verdict(4), Verdict::Supported, "{:#?}", findings[3]);
    assert_eq!((verdict(5), verdict(6)), (Verdict::Supported, Verdict::Supported));
    assert_eq!(verdict(7), Verdict::Contradicted, "{:#?}", findings[6]);
    assert!(findings[6].measured[2].contains("ResNet-110 on CIFAR-10 (here 56 layers), (a) original: "));
    // Records without checkpoints say nothing of signals.
    assert_eq!(verdict(8), Verdict::NotTested, "{:#?}", findings[7]);
    assert_eq!(verdict(9), Verdict::Undecided, "{:#?}", findings[8]);
    let rests_on_originals = findings[9].rests_on.contains("resnet110-v1");
    assert_eq!((verdict(10), rests_on_originals), (Verdict::Supported, false), "{:#?}", findings[9]);
    assert_ne!(verdict(11), Verdict::NotTested);
    assert_eq!(verdict(12), Verdict::Undecided, "{:#?}", findings[11]);
    let results = Results::collect(&study);
    let page = std::fs::read_to_string(write_claims(&findings, &results[0]).unwrap()).unwrap();
    for told in ["56 layers, not 110", "an initial bias of 0 alone, not 0 to -5", "17 runs of 56 layers"] {
        assert!(page.contains(told), "{told} is missing in the page");
    }
    // Of claim 11 the machine decides, by how busy it is.
    let line =
        page.split("Of 12 claims: ").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or_default();
    assert!(line.contains(" contradicted at this scale (7)"), "{line}");
    assert!(page.matches("<svg").count() >= 9 && !page.contains("NaN"));
}

const ORIGINAL: &str = "cifar10-resnet110-v1";
const CONVOLUTION: &str = "cifar10-resnet110-conv-shortcut";
const SCALED: &str = "cifar10-resnet110-constant-scaling";

#[test]
fn what_is_known_of_the_noise_is_told_as_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path();
    let lead = || {
        let results = Results::collect(&Study::new(&request(out, &[Target::Table1])).unwrap());
        let page = std::fs::read_to_string(&write_pages(&results).unwrap()[0]).unwrap();
        assert!(!page.contains("NaN"));
        page
    };
    one(out, ORIGINAL, 0, 14.0);
    one(out, CONVOLUTION, 0, 34.0);
    assert!(lead().contains("The noise of the one difference from a baseline is not known"));
    // A third seed of the baseline alone: the decided row takes no more seeds.
    one(out, ORIGINAL, 1, 14.4);
    one(out, ORIGINAL, 2, 14.2);
    one(out, CONVOLUTION, 1, 34.4);
    one(out, SCALED, 0, 14.0);
    one(out, SCALED, 1, 15.6);
    let page = lead();
    assert!(page.contains("One of 2 differences from a baseline is larger than the noise"), "{page}");
    assert!(page.contains("Nearest to being decided is (b) constant scaling 0.5, branch 0.5"), "{page}");
    // The command of the page has as many seeds as a row has.
    assert!(page.contains("--seeds 3"), "{page}");

    // Most of a row's runs fail: the others are no result.
    for seed in 2..5 {
        one(out, SCALED, seed, 85.0);
    }
    let results = Results::collect(&Study::new(&request(out, &[Target::Table1])).unwrap());
    let scaled = results[0].rows.iter().find(|row| row.row.name == SCALED).unwrap();
    assert!(scaled.fails() && scaled.contrast.is_none() && scaled.errors.count() == 2, "{scaled:?}");
    assert!(markdown(&results[0]).contains("| fails (3 of 5) |  | 5 |"), "{}", markdown(&results[0]));
    one(out, ORIGINAL, 3, 85.0);
    assert!(lead().contains(" plain\">14.30 (1 of 4 fail)<"), "no bold for a row with a failure");
}

#[test]
fn a_claim_on_many_rows_is_not_supported_by_one_of_them() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path();
    pair(out, Target::Table1, ORIGINAL, (14.2, 0.3), 0.41);
    pair(out, Target::Table1, CONVOLUTION, (20.2, 0.3), 0.58);
    one(out, "cifar10-resnet110-shortcut-only-gating-bias-6", 0, 14.4);
    one(out, "cifar10-resnet110-exclusive-gating-bias-6", 0, 17.9);
    let request = request(out, &[Target::Claims]);
    let study = Study::new(&request).unwrap();
    let findings = examine_claims(&study, &[1, 3]).unwrap();
    assert_eq!(findings[0].verdict, Verdict::Undecided, "{:#?}", findings[0]);
    assert!(findings[0].measured.iter().any(|told| told.starts_with("Not trained yet: ")));
    // A single seed has no spread, and none is told.
    assert!(findings[1].measured[1].contains("the noise is not known"), "{:#?}", findings[1]);
    let page = write_claims(&findings, &Results::collect(&study)[0]).unwrap();
    assert!(!std::fs::read_to_string(page).unwrap().contains("NaN"));
}

#[test]
fn of_two_runs_of_a_seed_the_one_with_its_weights_counts_and_top_5_stands_beside_top_1() {
    let scratch = tempfile::tempdir().unwrap();
    let (out, same) = (scratch.path(), recipe(Target::Table2, ORIGINAL, 0));
    drop(made(&out.join("small/kept"), &same, 14.0, 0.4));
    let weights = made(&out.join("small/whole"), &same, 14.0, 0.4).folder().checkpoint(Checkpoint::Last);
    std::fs::create_dir_all(weights.parent().unwrap()).unwrap();
    std::fs::write(weights, "").unwrap();
    let deep = "imagenet-resnet152-v1";
    let with_top5 = |seed: u64, error: f64, top5_correct: u64| {
        let recipe = recipe(Target::Table5, deep, seed);
        let mut run = made(&out.join(format!("small/deep-{seed}")), &recipe, error, 3.0);
        let results = run.record().results.unwrap();
        let test = results.test.map(|test| Scores { top5_correct: Some(top5_correct), ..test });
        run.update(|record| record.results = Some(resnet_record::Results { test, ..results })).unwrap();
    };
    with_top5(0, 34.1, 8_800);
    let study = Study::new(&request(out, &[Target::Table2, Target::Table5])).unwrap();
    let results = Results::collect(&study);
    let original = &results[0].rows[0];
    assert!(original.runs.len() == 1 && original.runs[0].folder.dir().ends_with("whole"), "{original:?}");
    assert!(markdown(&results[0]).contains("- 56 layers, not 110: all trained rows"));
    assert!(markdown(&results[1]).contains("| 21.3 / 5.5 | 34.1 / 12.0 |"), "{}", markdown(&results[1]));
    // Both medians are of all runs, one that diverged among them.
    with_top5(1, 34.3, 8_760);
    diverged(out, Target::Table5, deep, 2);
    let told = markdown(&Results::collect(&study)[1]);
    assert!(told.contains("| 34.3 / 12.4 (1 of 3 fail) |"), "{told}");
}

#[test]
fn records_of_another_recipe_are_kept_beside_each_other() {
    let scratch = tempfile::tempdir().unwrap();
    let (out, kept) = (scratch.path(), scratch.path().join("kept"));
    let mut other = recipe(Target::Table1, ORIGINAL, 0);
    other.set("train.batch_size=64").unwrap();
    drop(made(&kept.join("small").join(format!("{ORIGINAL}-seed-0")), &other, 20.0, 0.5));
    one(out, ORIGINAL, 0, 14.0);
    let results = Results::collect(&Study::new(&request(out, &[Target::Table1])).unwrap());
    assert_eq!((keep(&results, &kept).unwrap(), keep(&results, &kept).unwrap()), (1, 0));
    assert!(kept.join("small").join(format!("{ORIGINAL}-seed-0-2/record.json")).is_file());
}

/// Failures that are left out would make the row that fails the better one.
#[test]
fn runs_that_fail_count_against_their_row_and_never_for_it() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path();
    let proposed = "cifar10-resnet110-v2";
    for (seed, error) in (0u64..).zip([27.0, 27.2, 27.1, 27.4, 27.3]) {
        one(out, ORIGINAL, seed, error);
    }
    let v2 = |seed: u64, error: f64| {
        let recipe = recipe(Target::Table2, proposed, seed);
        drop(made(&out.join("small").join(format!("{proposed}-seed-{seed}")), &recipe, error, error / 30.0));
    };
    (0u64..).zip([20.0, 20.2, 20.4, 88.0]).for_each(|(seed, error)| v2(seed, error));
    diverged(out, Target::Table2, proposed, 4);
    let collect = || Results::collect(&Study::new(&request(out, &[Target::Table2])).unwrap()).remove(0);
    let results = collect();
    let row = results.rows.iter().find(|row| row.row.name == proposed).unwrap();
    // The middle one of five, of which a diverged one is a guess among ten classes.
    let judged = row.judged_errors();
    let is_near = |value: Option<f64>, wanted: f64| value.is_some_and(|value| (value - wanted).abs() < 1e-9);
    assert!(row.failed == 2 && is_near(judged.median(), 20.4), "{judged:?}");
    assert!(is_near(judged.range().map(|[_, most]| most), 90.0), "{judged:?}");
    assert!(row.contrast.is_some_and(|contrast| !contrast.is_decided()), "{:?}", row.contrast);
    assert!(markdown(&results).contains("| 20.40 (2 of 5 fail) |"), "{}", markdown(&results));

    // Claim 3 names the failures that leave it undecided.
    let [gated, both] =
        ["shortcut-only", "exclusive"].map(|gate| format!("cifar10-resnet110-{gate}-gating-bias-6"));
    one(out, &gated, 0, 27.0);
    one(out, &both, 0, 85.0);
    let study = Study::new(&request(out, &[Target::Claims])).unwrap();
    let findings = examine_claims(&study, &[3]).unwrap();
    assert_eq!(findings[0].verdict, Verdict::Undecided, "{:#?}", findings[0]);
    assert_eq!(findings[0].measured[0], format!("1 of 1 run of {both} failed."));

    // Where all fail, claim 9 is contradicted, not undecided.
    (0..5).for_each(|seed| drop(std::fs::remove_dir_all(out.join(format!("small/{proposed}-seed-{seed}")))));
    (0..2).for_each(|seed| v2(seed, 88.0));
    let study = Study::new(&request(out, &[Target::Claims])).unwrap();
    let findings = examine_claims(&study, &[9]).unwrap();
    assert_eq!(findings[0].verdict, Verdict::Contradicted, "{:#?}", findings[0]);
    let page = resnet_study::answer(&collect());
    assert!(page.contains("failed, unlike in the paper."), "{page}");
}
