//! Trainings that mpirun starts as several processes: the same losses and bits, files and words of the first
//! process alone, and an end of all of them where one is killed, stuck or started otherwise.
//!
//! They need mpirun and a program that was built with the feature `mpi`:
//! `cargo test --workspace --features xtask/mpi --test cli mpi`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use resnet_record::{Metric, RunFolder, StepMetrics};
use resnet_testing::needs::{Need, skip};

use crate::common::{command, xtask};

/// Whether trainings of several processes can be tested here; else it is noted that they are not.
#[track_caller]
fn is_here() -> bool {
    let runs = Command::new("mpirun").arg("--version").output().is_ok_and(|output| output.status.success());
    let help = xtask(&["train", "--help"]);
    let built = help.stdout.contains("--rank-timeout");
    if !runs {
        skip(Need::Mpi, "there is no mpirun; install Open MPI or MPICH");
    } else if !built {
        skip(Need::Mpi, "the program is built without MPI; test with --features xtask/mpi");
    }
    runs && built
}

/// mpirun with one group of processes for each of `groups`: how many, and their arguments.
fn mpirun(folder: &Path, groups: &[(usize, &[&str])]) -> Command {
    let mut mpirun = Command::new("mpirun");
    // As root, and more processes than cores: Open MPI wants to be told that this is meant.
    for variable in
        ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"]
    {
        mpirun.env(variable, "1");
    }
    mpirun.env("OMPI_MCA_hwloc_base_binding_policy", "none").current_dir(folder);
    for (index, (count, args)) in groups.iter().enumerate() {
        let program = command(folder, args);
        if index > 0 {
            mpirun.arg(":");
        }
        mpirun.arg("-n").arg(count.to_string()).arg(program.get_program()).args(program.get_args());
    }
    mpirun
}

/// A short training in the folder `out`, with changes of the recipe.
fn training<'a>(out: &'a str, changes: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["train", "--out", out, "--threads", "1"];
    let base = [
        "data.generated={train=128,test=40}",
        "data.validation=24",
        "train.batch_size=26",
        "train.log_every_steps=1",
        "train.duration=3 epochs",
    ];
    for change in base.iter().chain(changes) {
        args.extend(["--set", change]);
    }
    args
}

fn ran(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

fn steps(run: &Path) -> Vec<StepMetrics> {
    let metrics = RunFolder::open(run).expect("a run").metrics().expect("metrics");
    let step = |metric| if let Metric::Step(step) = metric { Some(step) } else { None };
    metrics.into_iter().filter_map(step).collect()
}

#[test]
fn processes_train_as_one_does_and_twice_the_same() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let changes = [
        "train.sync_bn=true",
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
        if count == 2 {
            let certificates =
                |steps: &[StepMetrics]| steps.iter().map(|step| step.certificate).collect::<Vec<_>>();
            assert_eq!(certificates(&run("again", 2)), certificates(&several));
        }
    }
    // The folder is like any other run's.
    assert_eq!(fs::read_dir(here).expect("a folder").count(), 4, "nobody else made a folder");
    let last = |steps: &[StepMetrics]| steps.last().map(|step| step.step);
    assert_eq!(last(&steps(&here.join("of 4"))), Some(50));
}

/// Waits until a run has so many lines of metrics.
fn wait_for(run: &Path, lines: usize, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let seen = || fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    while seen() < lines {
        assert!(Instant::now() < deadline, "{} has {} lines", run.display(), seen());
        assert!(child.try_wait().expect("it can be asked").is_none(), "the training has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes of the program that `mpirun` has started, by the order of their ranks.
fn ranks(mpirun: &Child) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let rank = |pid: u32| -> Option<u32> {
        let variables = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let text = String::from_utf8_lossy(&variables).into_owned();
        text.split('\0').find_map(|one| one.strip_prefix("OMPI_COMM_WORLD_RANK=")?.parse().ok())
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ours = pids.filter(|pid| parent(*pid) == Some(mpirun.id()));
    let mut ranks: Vec<(u32, u32)> = ours.filter_map(|pid| Some((rank(pid)?, pid))).collect();
    ranks.sort_unstable();
    ranks.into_iter().map(|(_, pid)| pid).collect()
}

/// Waits for the end, which must come soon; returns what was told.
fn end_of(mut child: Child, within: Duration) -> String {
    let begun = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        if begun.elapsed() > within {
            let _ = child.kill();
            panic!("it goes on for {within:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().expect("an output");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().expect("kill").success());
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
        let mut starting = mpirun(here, &[(3, &args)]);
        let mut child = starting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mpirun");
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
        let mut starting = mpirun(here, &[(2, &resume)]);
        let mut child = starting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mpirun");
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
