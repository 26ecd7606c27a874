//! The run's folder: created once, overwritten never, rewound exactly, locked while it is written.

use std::fs;
use std::path::Path;

use resnet_record::{
    Checkpoint, DataSeconds, EpochMetrics, Error, FinalMetrics, Follow, Metric, Recipe, Results, Run,
    RunFolder, RunRecord, Scores, Selection, StepMetrics,
};
use resnet_testing::Need;

fn recipe() -> Recipe {
    Recipe::parse(include_str!("../../record/recipes/quick-start.toml"), "quick-start.toml").unwrap()
}

fn create(dir: &Path) -> Result<Run, Error> {
    let recipe = recipe();
    Run::create(dir, &recipe, RunRecord::begin("test", &recipe))
}

fn step(step: u64) -> Metric {
    Metric::Step(StepMetrics {
        step,
        epoch: 1,
        images: step * 64,
        loss: 0.1,
        rate: 0.1,
        images_per_second: 1.0,
        certificate: None,
    })
}

fn epoch(epoch: u64, step: u64) -> Metric {
    Metric::Epoch(EpochMetrics {
        epoch,
        step,
        images: 1,
        train_loss: 1.0 / 3.0,
        train_top1: 50.0,
        rate: 0.1,
        images_per_second: 1.0,
        data_wait: 0.5,
        communication: None,
        data_threads: Some(DataSeconds { read: 0.5, decode: 2.0, transform: 0.25 }),
        validation: None,
        ema_validation: None,
        test: None,
        test_reads: 0,
    })
}

#[test]
fn a_folder_with_anything_in_it_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("thesis.tex"), "mine").unwrap();
    let error = create(scratch.path()).unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }));
    assert!(error.to_string().contains("is not empty, and a run overwrites nothing"));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(scratch.path().join("thesis.tex")).unwrap(), "mine");
}

#[test]
fn a_run_is_never_created_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("deep/er/run");
    drop(create(&dir).unwrap());
    assert!(matches!(create(&dir).unwrap_err(), Error::NotEmpty { .. }));
}

#[test]
fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    // Permissions do not stop root, who runs many a container; a file in the way stops everyone.
    for dir in [file.clone(), file.join("run"), Path::new("/proc/no-such-run").to_owned()] {
        let message = create(&dir).unwrap_err().to_string();
        assert!(message.contains(dir.to_str().unwrap()) && message.contains("create"), "{message}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[cfg(unix)]
#[test]
fn a_folder_without_write_permission_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("readonly");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(dir.join("probe"), "").is_ok() {
        resnet_testing::skip(Need::Permissions, "this user may write everywhere");
        return;
    }
    let message = create(&dir).unwrap_err().to_string();
    assert!(message.contains("cannot write") && message.contains("readonly"), "{message}");
}

#[test]
fn what_is_not_a_run_is_not_opened() {
    let scratch = tempfile::tempdir().unwrap();
    for dir in [scratch.path().to_owned(), scratch.path().join("nowhere")] {
        let error = Run::open(&dir).unwrap_err();
        assert!(matches!(error, Error::NotARun { missing: "recipe.toml", .. }), "{error}");
        assert!(!dir.join(".lock").exists(), "a folder that is not a run must not be written to");
    }
}

#[test]
fn one_process_writes_and_others_may_look() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let run = create(&dir).unwrap();
    assert!(matches!(Run::open(&dir).unwrap_err(), Error::InUse { .. }));
    assert_eq!(RunFolder::open(&dir).unwrap().recipe().unwrap(), recipe());
    drop(run);
    Run::open(&dir).unwrap();
}

#[test]
fn a_reading_of_the_test_labels_is_counted_while_another_process_trains() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    let folder = RunFolder::open(&dir).unwrap();
    let reads = || folder.record().unwrap().test_reads;
    folder.count_test_reading().unwrap();
    folder.count_test_reading().unwrap();
    assert_eq!(reads(), 2);
    // The training counts its own, and forgets none of theirs.
    run.update(|record| record.test_reads += 1).unwrap();
    assert_eq!(reads(), 3);
    drop(run);
    assert_eq!((Run::open(&dir).unwrap().record().test_reads, reads()), (3, 3));
    assert!(!dir.join(RunFolder::TEST_READS).exists());
    folder.count_test_reading().unwrap();
    assert_eq!((reads(), dir.join(RunFolder::TEST_READS).exists()), (4, false));
}

#[test]
fn images_that_become_fewer_in_a_log_are_no_reason_to_stop() {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = create(&scratch.path().join("run")).unwrap();
    for (number, images) in [(1, 64), (2, 1)] {
        let Metric::Epoch(epoch) = epoch(number, number) else { panic!("an epoch") };
        run.log(&Metric::Epoch(EpochMetrics { images, ..epoch })).unwrap();
    }
    assert_eq!(run.folder().summary().unwrap().seconds, 64.0);
}

#[test]
fn rewinding_keeps_each_step_once() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    let end = Metric::Final(FinalMetrics { step: 4, epoch: 2, test: None, test_reads: 1 });
    for metric in [step(1), step(2), epoch(1, 2), step(3), step(4), epoch(2, 4), end] {
        run.log(&metric).unwrap();
    }
    drop(run);
    // The tear that a crash leaves.
    let path = dir.join("metrics.jsonl");
    let torn = fs::read_to_string(&path).unwrap() + "{\"event\":\"st";
    fs::write(&path, torn).unwrap();

    let mut run = Run::open(&dir).unwrap();
    // All steps of epoch 2 are in the checkpoint, but the epoch was not closed: its line will be written
    // again.
    run.rewind(4, 1).unwrap();
    assert_eq!(run.folder().metrics().unwrap(), [step(1), step(2), epoch(1, 2), step(3), step(4)]);
    run.log(&epoch(2, 4)).unwrap();
    assert_eq!(run.folder().metrics().unwrap().len(), 6);
    // Checkpoints that were kept of steps which are done anew would be taken for those of the new ones.
    for kept in [2, 3, 4] {
        fs::write(run.folder().kept_checkpoint(kept), "").unwrap();
    }
    run.rewind(3, 1).unwrap();
    assert_eq!(run.folder().metrics().unwrap(), [step(1), step(2), epoch(1, 2), step(3)]);
    assert_eq!(run.folder().kept_steps(), [2, 3]);
    run.rewind(0, 0).unwrap();
    assert!(run.folder().metrics().unwrap().is_empty());
}

#[test]
fn damage_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    run.log(&step(1)).unwrap();
    drop(run);
    let record = dir.join("record.json");
    let good = fs::read_to_string(&record).unwrap();
    for bad in ["", "{}", &good[..good.len() / 2], &good.replace("\"format\": 1", "\"format\": 99")] {
        fs::write(&record, bad).unwrap();
        let message = Run::open(&dir).unwrap_err().to_string();
        assert!(message.contains("record.json"), "{message}");
    }
    fs::write(&record, good).unwrap();
    fs::write(dir.join("metrics.jsonl"), "{\"event\":\"dance\"}\n").unwrap();
    let message = Run::open(&dir).unwrap().rewind(1, 1).unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl") && message.contains("line 1"), "{message}");
    assert_eq!(fs::read_to_string(dir.join("metrics.jsonl")).unwrap(), "{\"event\":\"dance\"}\n");
}

#[test]
fn the_record_is_read_back_with_its_results() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    assert_eq!(run.record().selection, Selection::BestOnValidation);
    let results = Results {
        checkpoint: Checkpoint::Best,
        checkpoint_epoch: 3,
        epochs: 4,
        steps: 280,
        train_loss: 0.1 + 0.2,
        validation: None,
        test: None,
        images_per_second: 1e9 / 7.0,
        seconds: 1.0 / 3.0,
    };
    run.update(|record| record.finish(results)).unwrap();
    let record = RunFolder::open(&dir).unwrap().record().unwrap();
    assert_eq!(record.results, Some(results));
    assert_eq!(&record, run.record());
    assert!(record.ended.unwrap() >= record.started);
}

#[test]
fn a_record_whose_scores_cannot_be_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    for (images, top1_correct, top5_correct, words) in [
        (10, 10, Some(10), None),
        (10, 11, None, Some("test: top1_correct is 11, of 10 images")),
        (10, 9, Some(12), Some("test: top5_correct is 12, of 10 images")),
        (0, 0, None, Some("test: images is 0")),
    ] {
        let test = Scores { images, top1_correct, top5_correct, loss: 0.5, images_per_second: 1.0 };
        let results = Results {
            checkpoint: Checkpoint::Last,
            checkpoint_epoch: 1,
            epochs: 1,
            steps: 1,
            train_loss: 0.5,
            validation: None,
            test: Some(test),
            images_per_second: 1.0,
            seconds: 1.0,
        };
        run.update(|record| record.finish(results)).unwrap();
        let read = run.folder().record();
        match words {
            None => assert_eq!(&read.unwrap(), run.record()),
            Some(words) => {
                let message = read.unwrap_err().to_string();
                assert!(message.contains("record.json") && message.contains(words), "{message}");
            }
        }
    }
}

#[test]
fn a_record_from_before_the_field_from_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    drop(create(&dir).unwrap());
    let path = dir.join("record.json");
    // What is none is not written, so this is the text of an older program.
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"from\""), "{text}");
    let mut run = Run::open(&dir).unwrap();
    assert_eq!(run.record().from, None);
    run.update(|record| record.from = Some("timm/resnet50.a1_in1k".to_owned())).unwrap();
    drop(run);
    let record = RunFolder::open(&dir).unwrap().record().unwrap();
    assert_eq!(record.from.as_deref(), Some("timm/resnet50.a1_in1k"));
}

#[test]
fn a_follower_reads_what_a_resumed_run_logs_again() {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = create(&scratch.path().join("run")).unwrap();
    let mut follow = Follow::new(run.folder().clone());
    for metric in [step(1), step(2), step(3)] {
        run.log(&metric).unwrap();
    }
    assert_eq!(follow.read().unwrap(), [step(1), step(2), step(3)]);
    assert!(follow.read().unwrap().is_empty());
    // Rewound, and longer than before when it is read next.
    run.rewind(1, 0).unwrap();
    let again = [epoch(1, 2), step(3), step(4)];
    for metric in &again {
        run.log(metric).unwrap();
    }
    assert_eq!(follow.read().unwrap(), again);
}

#[test]
fn what_a_power_cut_leaves_in_the_log_is_cut_away() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir).unwrap();
    for metric in [step(1), step(2), step(3)] {
        run.log(&metric).unwrap();
    }
    drop(run);
    let path = dir.join("metrics.jsonl");
    let good = fs::read(&path).unwrap();
    for end in [&b"\0\0\0\0\n"[..], b"\0\0\n{\"eve\n", b"\xff\xfe\n\0"] {
        fs::write(&path, [&good[..], end].concat()).unwrap();
        let mut run = Run::open(&dir).unwrap();
        assert_eq!(run.folder().metrics().unwrap(), [step(1), step(2), step(3)]);
        assert_eq!(run.folder().summary().unwrap().step, 3);
        assert_eq!(Follow::new(run.folder().clone()).read().unwrap().len(), 3);
        run.rewind(2, 0).unwrap();
        assert_eq!(run.folder().metrics().unwrap(), [step(1), step(2)]);
    }
    // Between two lines it is told to who reads, and costs a resumed run no other line.
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    fs::write(&path, [lines[0], b"\0\0\n", lines[2]].concat()).unwrap();
    let mut run = Run::open(&dir).unwrap();
    let message = run.folder().metrics().unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl") && message.contains("line 2"), "{message}");
    run.rewind(3, 0).unwrap();
    assert_eq!(run.folder().metrics().unwrap(), [step(1), step(3)]);
}

#[test]
fn temporary_files_of_an_interrupted_save_are_removed_and_no_others() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    drop(create(&dir).unwrap());
    let left = [".last.safetensors.4OuGZx", ".final.safetensors.abcdef", ".step-40.safetensors.123456"];
    let others = [
        "last.safetensors",
        "last.safetensors.4OuGZx",
        ".last.safetensors.swp",
        ".mine.safetensors.4OuGZx",
        ".step-x.safetensors.4OuGZx",
    ];
    let file = |name: &&str| dir.join("checkpoints").join(*name);
    left.iter().chain(&others).for_each(|name| fs::write(file(name), "").unwrap());
    RunFolder::open(&dir).unwrap();
    assert!(left.iter().all(|name| file(name).exists()), "who only looks removes nothing");
    drop(Run::open(&dir).unwrap());
    assert!(!left.iter().any(|name| file(name).exists()));
    assert!(others.iter().all(|name| file(name).exists()));
}
