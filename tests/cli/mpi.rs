//! Trainings that mpirun starts as several processes: the same losses and bits, files and words of the first
//! process alone, and an end of all of them where one is killed, stuck or started otherwise.
//!
//! They need mpirun and a program that was built with the feature `mpi`:
//! `cargo test --workspace --features xtask/mpi --test cli mpi`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use resnet_record::{Metric, RunFolder, StepMetrics};

use crate::common::{command, xtask};
use crate::image_files::small;
use crate::mpirun::{
    add, begun, end_of, is_here, mpirun, ran, ranks, signal, steps, training, validation, wait_for,
};

#[test]
fn processes_train_as_one_does_and_twice_the_same() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let changes = [
        "train.sync_bn=true",
        "train.update_bn_images=200",
        "data.generated={train=444,test=40}",
        "train.batch_size=130",
        "train.duration=50 steps",
        "schedule.lr=0.005",
        "optimizer.momentum=0.5",
    ];
    let run = |name: &str, count: usize| -> Vec<StepMetrics> {
        let args = training(name, &changes);
        let told = ran(&mpirun(here, &[(count, &args)]).output().expect("mpirun"));
        // The first process alone tells of the training.
        assert_eq!(told.matches("\nrun  ").count(), 1, "{told}");
        steps(&here.join(name))
    };
    assert!(command(here, &training("one", &changes)).status().expect("it runs").success());
    let one = steps(&here.join("one"));
    for count in [2, 4] {
        let several = run(&format!("of {count}"), count);
        assert_eq!(several.len(), 50);
        for (one, several) in one.iter().zip(&several) {
            let difference = (one.loss - several.loss).abs();
            assert!(difference <= 1e-4, "{count} processes, step {}: {difference:e}", one.step);
        }
        // The running statistics that are estimated before an evaluation are those of whole batches as well.
        let scores = ["one".to_owned(), format!("of {count}")].map(|run| validation(&here.join(run)));
        for (one, several) in scores[0].iter().zip(&scores[1]) {
            assert!((one - several).abs() <= 1e-3, "{count} processes: {one} and {several}");
        }
        if count == 2 {
            let certificates =
                |steps: &[StepMetrics]| steps.iter().map(|step| step.certificate).collect::<Vec<_>>();
            assert_eq!(certificates(&run("again", 2)), certificates(&several));
        }
    }
    // The folder is like any other run's.
    assert_eq!(fs::read_dir(here).expect("a folder").count(), 4, "nobody else made a folder");
    // It tells where the time of each process went, and its page shows that; one alone has nothing of it.
    for (name, count) in [("one", 0), ("of 4", 4)] {
        let metrics = RunFolder::open(&here.join(name)).expect("a run").metrics().expect("metrics");
        let processes = metrics.iter().find_map(|metric| match metric {
            Metric::Processes(metrics) => Some(metrics.processes.len()),
            _ => None,
        });
        assert_eq!(processes.unwrap_or(0), count, "{name}");
        let page = fs::read_to_string(here.join(name).join("report.html")).expect("a page");
        assert_eq!(page.contains("waiting for others"), count > 0, "{name}");
    }
    let last = |steps: &[StepMetrics]| steps.last().map(|step| step.step);
    assert_eq!(last(&steps(&here.join("of 4"))), Some(50));
}

#[test]
fn a_process_that_is_killed_or_stuck_ends_all_and_the_run_goes_on_with_another_number() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let long = ["train.duration=400 epochs"];
    for (name, how, who, cause) in [
        ("killed", "-KILL", 1, "signal 9"),
        ("first killed", "-KILL", 0, "signal 9"),
        ("stuck", "-STOP", 2, "process 2 has not answered for 4 s"),
    ] {
        let mut args = training(name, &long);
        args.extend(["--rank-timeout", "4"]);
        let mut child = begun(mpirun(here, &[(3, &args)]));
        let run = here.join(name);
        // Past the end of the first epoch, which is saved.
        wait_for(&run, 8, &mut child);
        let processes = ranks(&child);
        assert_eq!(processes.len(), 3);
        signal(how, processes[who]);
        let told = end_of(child, Duration::from_secs(30));
        assert!(told.contains(cause), "{name}: {told}");
        for pid in processes {
            assert!(!Path::new(&format!("/proc/{pid}/exe")).exists(), "{name}: process {pid} is left");
        }
        // It goes on in two processes from what was saved, and has each step once.
        let resume = ["train", "--resume", name, "--threads", "1"];
        let mut child = begun(mpirun(here, &[(2, &resume)]));
        wait_for(&run, steps(&run).len() + 12, &mut child);
        signal("-TERM", child.id());
        end_of(child, Duration::from_secs(30));
        let numbers: Vec<u64> = steps(&run).iter().map(|step| step.step).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn processes_that_were_started_otherwise_are_named() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let first = training("run", &[]);
    for (name, other, words) in [
        (
            "recipe",
            training("run", &["optimizer.weight_decay=0.5"]),
            "optimizer.weight_decay is 0.5, not 0.0001",
        ),
        ("seed", training("run", &["train.seed=3"]), "train.seed is 3, not 0"),
    ] {
        let output = mpirun(here, &[(2, &first), (1, &other)]).output().expect("mpirun");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{name}: {told}");
        assert!(told.contains("process 2 trains by another recipe"), "{name}: {told}");
        assert!(!here.join("run/checkpoints/last.safetensors").exists());
        fs::remove_dir_all(here.join("run")).expect("a run that is not begun");
    }
}

/// The last byte of a file that is run has no part in what it does, but it is another file.
#[test]
fn a_process_of_another_program_file_ends_all_and_the_checkpoint_stays() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let own = PathBuf::from(command(here, &[]).get_program());
    let other = here.join("other-build");
    fs::copy(&own, &other).expect("a copy");
    fs::OpenOptions::new().append(true).open(&other).expect("the copy").write_all(&[0]).expect("a byte more");
    // A run that ended after its first epoch, and would go on.
    let args = training("run", &["train.duration=400 epochs"]);
    let mut child = begun(mpirun(here, &[(2, &args)]));
    wait_for(&here.join("run"), 12, &mut child);
    signal("-KILL", ranks(&child)[1]);
    end_of(child, Duration::from_secs(30));
    let last = here.join("run/checkpoints/last.safetensors");
    let before = fs::read(&last).expect("a checkpoint");
    let resume = ["train", "--resume", "run", "--threads", "1"];
    for (args, out) in [(&resume[..], "run"), (&training("fresh", &[])[..], "fresh")] {
        let mut starting = mpirun(here, &[(1, args)]);
        add(&mut starting, 1, &other, args);
        let child = begun(starting);
        let told = end_of(child, Duration::from_secs(30));
        assert!(told.contains("process 1 runs another build of this program"), "{told}");
        assert!(told.contains("start the same file everywhere"), "{told}");
        assert_eq!(here.join(out).join("checkpoints/last.safetensors").exists(), out == "run");
    }
    assert!(fs::read(&last).expect("a checkpoint") == before, "the checkpoint was written over");
    // It is whole: the training goes on from it.
    let mut child = begun(mpirun(here, &[(2, &resume)]));
    wait_for(&here.join("run"), steps(&here.join("run")).len() + 12, &mut child);
    signal("-TERM", child.id());
    end_of(child, Duration::from_secs(30));
}

/// Images of noise, with a tint for each class: each is like no other.
fn draw_noise(dir: &Path, images: u32) {
    for class in 0..3 {
        let folder = dir.join(format!("class{class}"));
        fs::create_dir_all(&folder).expect("a folder");
        for index in 0..images {
            let mut state = (1000 * class + index).wrapping_mul(2_654_435_761);
            let image = image::RgbImage::from_fn(48, 40, |_, _| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let tint = |channel: u32| if channel == class { 60 } else { 0 };
                image::Rgb(
                    [0, 1, 2].map(|channel| ((state >> (24 - 8 * channel) & 255) / 2 + tint(channel)) as u8),
                )
            });
            image.save(folder.join(format!("{index}.png"))).expect("an image");
        }
    }
}

/// No image is like another, and no batch's loss like another's: one seen twice would show.
#[test]
fn images_in_files_are_shared_by_processes_and_none_is_seen_twice() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw_noise(&here.join("data/train"), 40);
    draw_noise(&here.join("data/val"), 3);
    // Rounding grows from step to step: with ResNet-18 and batches of 8, a rate that differs by 3e-7 moves
    // the losses of one process by 1e-2 within four steps. So the network is small and batches are large.
    let sets = [
        "model.name=resnet8-v2",
        "images.image_size=32",
        "images.evaluate={resize=36,crop=32}",
        "train.batch_size=50",
        "train.sync_bn=true",
        "optimizer.momentum=0.5",
        "schedule={kind=\"cosine\",lr=0.005,warmup=\"1 steps\"}",
    ];
    let more: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let run = |name: &str, count: usize| -> Vec<StepMetrics> {
        let args = small("data", name, &more);
        match count {
            1 => assert!(command(here, &args).stdout(Stdio::null()).status().expect("it runs").success()),
            _ => _ = ran(&mpirun(here, &[(count, &args)]).output().expect("mpirun")),
        }
        steps(&here.join(name))
    };
    // Two epochs of 120 images: batches of 50, 50 and 20.
    let (one, two) = (run("one", 1), run("two", 2));
    assert_eq!((one.len(), two.len()), (6, 6));
    for (one, two) in one.iter().zip(&two) {
        let difference = (one.loss - two.loss).abs();
        assert!(difference <= 1e-4, "step {}: {difference:e}", one.step);
        assert_eq!(one.images, two.images);
    }
    let apart = |pair: &[StepMetrics]| (pair[0].loss - pair[1].loss).abs();
    assert!(one.windows(2).all(|pair| apart(pair) > 1e-3), "the losses don't tell batches apart: {one:?}");
    assert_eq!(two.last().map(|step| step.images), Some(240));
    let tested = |name: &str| {
        let results = RunFolder::open(&here.join(name)).expect("a run").record().expect("a record").results;
        results.and_then(|results| results.test).map(|test| (test.images, test.top1_correct))
    };
    assert_eq!(tested("one"), tested("two"));
    assert_eq!(tested("two").map(|(images, _)| images), Some(9));
    // Other files are other data.
    draw_noise(&here.join("other/train"), 41);
    draw_noise(&here.join("other/val"), 3);
    let groups = [(1, &*small("data", "apart", &more)), (1, &*small("other", "apart", &more))];
    let child = begun(mpirun(here, &groups));
    let told = end_of(child, Duration::from_secs(30));
    assert!(told.contains("process 1 has other training images than process 0"), "{told}");
    assert!(!here.join("apart/checkpoints/last.safetensors").exists());
}

#[test]
fn every_process_is_heard_where_that_is_asked_for() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut args = training("run", &["train.duration=1 epochs"]);
    args.push("--log-ranks");
    let told = ran(&mpirun(folder.path(), &[(2, &args)]).output().expect("mpirun"));
    for rank in 0..2 {
        assert!(told.contains(&format!("process {rank}: epoch 1/1")), "{told}");
    }
}

/// What mpirun sets is all that a program without MPI can know.
#[test]
fn a_program_without_mpi_refuses_to_be_one_of_several() {
    let help = xtask(&["train", "--help"]);
    if help.stdout.contains("--rank-timeout") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut train = command(folder.path(), &training("run", &[]));
    let output = train.env("OMPI_COMM_WORLD_SIZE", "2").output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("built without MPI"), "{told}");
    assert!(!folder.path().join("run").exists());
}
