//! What tests need and a machine may lack, and the one way to skip a test.
//!
//! A test that returns early passes, and nobody sees that it tested nothing. So every skip goes through
//! [`skip`], which says it on standard error past the test harness's capture, appends it to the file that
//! `RESNET_SKIPS` names, and fails the test instead where `RESNET_REQUIRE` lists what is missing:
//!
//! ```text
//! RESNET_REQUIRE=data,torch RESNET_SKIPS=skips.txt cargo test --workspace
//! ```

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::Location;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Names the file that skips are appended to, a line each: what is missing, the test, the reason, with tabs
/// between them.
pub const SKIPS: &str = "RESNET_SKIPS";

/// Lists what may not be missing, with commas between: a test that would be skipped for it fails.
pub const REQUIRE: &str = "RESNET_REQUIRE";

/// Something that a test needs and a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// CIFAR-10 and the images of ImageNet's classes, in the folder that `RESNET_TEST_DATA` names.
    Data,
    /// The published weights in `../shared/checkpoints`.
    Checkpoints,
    /// A Python with torch and numpy.
    Torch,
    /// A Python with torchvision.
    Torchvision,
    /// A Python with timm and safetensors.
    Timm,
    /// A Python with onnxruntime, onnx and onnxscript.
    Onnxruntime,
    /// A Python with tensorboard.
    Tensorboard,
    /// The browser Chromium.
    Chromium,
    /// A system that gives huge pages to those who ask.
    HugePages,
    /// A user whom the permissions of files bind, as they do not bind root.
    Permissions,
    /// A user who may mount a file system.
    Mount,
    /// mpirun, and a program that is built with the feature `mpi`.
    Mpi,
    /// A git checkout, which a source archive is not.
    Git,
}

impl Need {
    /// Every need.
    pub const ALL: [Self; 13] = [
        Self::Data,
        Self::Checkpoints,
        Self::Torch,
        Self::Torchvision,
        Self::Timm,
        Self::Onnxruntime,
        Self::Tensorboard,
        Self::Chromium,
        Self::HugePages,
        Self::Permissions,
        Self::Mount,
        Self::Mpi,
        Self::Git,
    ];

    /// As `RESNET_REQUIRE` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Checkpoints => "checkpoints",
            Self::Torch => "torch",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Onnxruntime => "onnxruntime",
            Self::Tensorboard => "tensorboard",
            Self::Chromium => "chromium",
            Self::HugePages => "huge-pages",
            Self::Permissions => "permissions",
            Self::Mount => "mount",
            Self::Mpi => "mpi",
            Self::Git => "git",
        }
    }
}

/// Records that the calling test is skipped because `need` is not here, for a `reason` that says what to do
/// about it. The caller returns afterwards.
///
/// Panics where `RESNET_REQUIRE` lists the need, or a need that does not exist.
#[track_caller]
pub fn skip(need: Need, reason: impl Display) {
    let required = required(std::env::var_os(REQUIRE).as_deref()).unwrap_or_else(|fault| panic!("{fault}"));
    let (name, reason) = (need.name(), one_line(&reason.to_string()));
    assert!(!required.contains(&need), "{REQUIRE} lists {name}, and the test would be skipped: {reason}");

    let test = calling_test();
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let entry = format!("{name}\t{test}\t{reason}\n");
    if !TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone()) {
        return;
    }
    // Not `eprintln!`, which the test harness holds back from everybody while tests pass.
    let _ = std::io::stderr().write_all(format!("skipped, no {name}: {test}: {reason}\n").as_bytes());
    if let Some(file) = std::env::var_os(SKIPS).filter(|file| !file.is_empty()) {
        append(Path::new(&file), &entry).unwrap_or_else(|e| panic!("{SKIPS}={}: {e}", file.display()));
    }
}

/// The name of the test, which the harness gives to its thread, and where it is skipped.
#[track_caller]
fn calling_test() -> String {
    let place = Location::caller();
    let place = format!("{}:{}", place.file(), place.line());
    match std::thread::current().name() {
        // One test at a time runs on the main thread.
        None | Some("main") => place,
        Some(test) => format!("{test} ({place})"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// In one write at the file's end, so that lines of test programs that run side by side stay whole.
fn append(file: &Path, line: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

/// What `RESNET_REQUIRE` lists; a word that is no need is an error, since a typing error must not turn the
/// requirement off.
fn required(value: Option<&OsStr>) -> Result<Vec<Need>, String> {
    let text = value.unwrap_or_default().to_str().ok_or_else(|| format!("{REQUIRE} is not UTF-8"))?;
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            Need::ALL.into_iter().find(|need| need.name() == word).ok_or_else(|| {
                let known = Need::ALL.map(Need::name).join(", ");
                format!("{REQUIRE} lists {word:?}, which is none of {known}")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Command, Output};

    use super::*;

    /// Fails where the variable that this very run was given asks for something that does not exist.
    #[test]
    fn what_this_run_requires_is_known() {
        required(std::env::var_os(REQUIRE).as_deref()).unwrap();
    }

    #[test]
    fn needs_are_listed_by_name_and_unknown_ones_are_refused() {
        assert_eq!(required(None), Ok(vec![]));
        assert_eq!(required(Some(OsStr::new(""))), Ok(vec![]));
        assert_eq!(required(Some(OsStr::new("timm, data"))), Ok(vec![Need::Timm, Need::Data]));
        for need in Need::ALL {
            assert_eq!(required(Some(OsStr::new(need.name()))), Ok(vec![need]));
        }
        let told = required(Some(OsStr::new("data,tim"))).unwrap_err();
        assert!(told.contains("\"tim\"") && told.contains("timm"), "{told}");
    }

    #[test]
    #[ignore = "run in processes of their own by the tests below"]
    fn a_test_that_skips() {
        for reason in ["no\nreason", "no reason"] {
            skip(Need::Timm, reason);
        }
    }

    /// The test above in a process of its own, as the harness runs it, with output captured.
    fn run(require: &str, skips: &Path) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "needs::tests::a_test_that_skips", "--ignored"]);
        command.env(REQUIRE, require).env(SKIPS, skips).env("RUST_TEST_THREADS", "2");
        command.env_remove("RUST_TEST_NOCAPTURE").output().unwrap()
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("resnet-skips-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_skip_passes_and_is_seen_and_recorded_once() {
        let file = scratch("recorded");
        std::fs::write(&file, "before\n").unwrap();
        let output = run("data", &file);
        let (recorded, told) = (std::fs::read_to_string(&file), String::from_utf8(output.stderr).unwrap());
        std::fs::remove_file(&file).unwrap();
        assert!(output.status.success(), "{told}");
        assert!(told.starts_with("skipped, no timm: needs::tests::a_test_that_skips ("), "{told}");
        let lines: Vec<Vec<String>> =
            recorded.unwrap().lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
        let [before, skip] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(before[0], "before");
        assert_eq!((skip[0].as_str(), skip[2].as_str()), ("timm", "no reason"));
        assert!(skip[1].starts_with("needs::tests::a_test_that_skips (crates/testing/src/needs.rs:"));
    }

    #[test]
    fn a_skip_fails_where_it_is_required_or_the_requirement_is_unknown() {
        for (require, words) in [("data,timm", "RESNET_REQUIRE lists timm"), ("tim", "lists \"tim\"")] {
            let file = scratch("required");
            let output = run(require, &file);
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(!output.status.success() && told.contains(words), "{told}");
            assert!(!file.exists());
        }
    }
}
