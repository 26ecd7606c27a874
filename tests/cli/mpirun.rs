//! Processes that mpirun has started: begun, watched, signalled and heard.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use resnet_record::{Metric, RunFolder, StepMetrics};
use resnet_testing::needs::{Need, skip};

use crate::common::{command, xtask};

/// Whether trainings of several processes can be tested here; else it is noted that they are not.
#[track_caller]
pub(crate) fn is_here() -> bool {
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
pub(crate) fn mpirun(folder: &Path, groups: &[(usize, &[&str])]) -> Command {
    let mut mpirun = Command::new("mpirun");
    // As root, and more processes than cores: Open MPI wants to be told that this is meant.
    for variable in
        ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"]
    {
        mpirun.env(variable, "1");
    }
    mpirun.env("OMPI_MCA_hwloc_base_binding_policy", "none").current_dir(folder);
    for (count, args) in groups {
        let program = command(folder, args);
        add(&mut mpirun, *count, Path::new(program.get_program()), args);
    }
    mpirun
}

/// Adds a group of processes that run `program`.
pub(crate) fn add(mpirun: &mut Command, count: usize, program: &Path, args: &[&str]) {
    if mpirun.get_args().next().is_some() {
        mpirun.arg(":");
    }
    mpirun.arg("-n").arg(count.to_string()).arg(program).args(args);
}

/// A short training in the folder `out`, with changes of the recipe.
pub(crate) fn training<'a>(out: &'a str, changes: &[&'a str]) -> Vec<&'a str> {
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

/// Starts it; what it tells is for [`end_of`].
pub(crate) fn begun(mut mpirun: Command) -> Child {
    mpirun.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mpirun")
}

pub(crate) fn ran(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

pub(crate) fn metrics<T>(run: &Path, of: impl Fn(Metric) -> Option<T>) -> Vec<T> {
    let metrics = RunFolder::open(run).expect("a run").metrics().expect("metrics");
    metrics.into_iter().filter_map(of).collect()
}

pub(crate) fn steps(run: &Path) -> Vec<StepMetrics> {
    metrics(run, |metric| if let Metric::Step(step) = metric { Some(step) } else { None })
}

/// The loss on the validation images after each epoch.
pub(crate) fn validation(run: &Path) -> Vec<f64> {
    metrics(run, |metric| if let Metric::Epoch(epoch) = metric { Some(epoch.validation?.loss) } else { None })
}

/// Waits until a run has so many lines of metrics.
pub(crate) fn wait_for(run: &Path, lines: usize, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let seen = || fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    while seen() < lines {
        assert!(Instant::now() < deadline, "{} has {} lines", run.display(), seen());
        assert!(child.try_wait().expect("it can be asked").is_none(), "the training has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes of the program that `mpirun` has started, by the order of their ranks.
pub(crate) fn ranks(mpirun: &Child) -> Vec<u32> {
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
pub(crate) fn end_of(mut child: Child, within: Duration) -> String {
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

pub(crate) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().expect("kill").success());
}
