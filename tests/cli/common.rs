//! Running the program, and small things to run it on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// A training of a second: 10 steps an epoch of the smallest network on generated shapes.
pub(crate) const TINY: &[&str] = &[
    "--set",
    "model.name=resnet8-v2",
    "--set",
    "data.generated={train=240,test=60}",
    "--set",
    "data.validation=40",
    "--set",
    "train.batch_size=20",
    "--set",
    "train.duration=2 epochs",
    "--set",
    "train.log_every_steps=1",
];

/// How the program ended and what it printed.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

impl Outcome {
    /// Of a program that has ended.
    #[track_caller]
    pub(crate) fn of(output: std::process::Output, command: &str) -> Outcome {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Outcome { code: output.status.code(), stdout, stderr, command: command.to_owned() }
    }

    /// It ended with exit code 0; returns standard output.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}\n{}", self.command, self.stderr);
        &self.stdout
    }

    /// It ended with this exit code and says all of `words`, without a panic or a backtrace.
    #[track_caller]
    pub(crate) fn ends_saying(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.command, self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "'{word}' is missing after {}:\n{}",
                self.command,
                self.stderr
            );
        }
    }

    /// Standard output is one JSON object with exactly these keys.
    #[track_caller]
    pub(crate) fn object(&self, keys: &[&str]) -> Value {
        let value: Value = serde_json::from_str(self.succeeds()).expect("standard output is one JSON value");
        has_keys(&value, keys);
        value
    }
}

#[track_caller]
pub(crate) fn has_keys(value: &Value, keys: &[&str]) {
    let mut found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut keys = keys.to_vec();
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys);
}

/// The program, ready to be started in `folder`: no network, no settings of the user's.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env("RUST_BACKTRACE", "1");
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", folder.join("no-hub-cache")).env_remove("HF_HUB_CACHE");
    command
}

/// Runs the program in `folder` to its end.
#[track_caller]
pub(crate) fn xtask_in(folder: &Path, args: &[&str]) -> Outcome {
    outcome_of(&mut command(folder, args))
}

/// Runs what [`command`] made to its end.
#[track_caller]
pub(crate) fn outcome_of(command: &mut Command) -> Outcome {
    let output = command.output().expect("the program starts");
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    let outcome = Outcome::of(output, &format!("cargo xtask {}", args.join(" ")));
    for unwanted in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!outcome.stderr.contains(unwanted), "{}\n{}", outcome.command, outcome.stderr);
    }
    outcome
}

/// Runs the program where it finds nothing.
#[track_caller]
pub(crate) fn xtask(args: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    xtask_in(folder.path(), args)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root").to_owned()
}

/// A folder for what is made once for all tests, which leave it as it is.
pub(crate) fn shared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        forget_old_runs(scratch);
        let folder = scratch.join(format!("cli-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    })
}

/// A finished run of [`TINY`], trained once for all tests.
pub(crate) fn trained() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        let run = shared().join("trained");
        let run = run.to_str().expect("a path in UTF-8");
        xtask_in(shared(), &[&["train", "--out", run], TINY].concat()).succeeds();
        run.to_owned()
    })
}

/// Removes what earlier test programs left; one that is still at work began within the hour.
fn forget_old_runs(scratch: &Path) {
    let hour = std::time::Duration::from_secs(3600);
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|then| then.elapsed());
        if entry.file_name().to_string_lossy().starts_with("cli-")
            && age.is_ok_and(|age| age.is_ok_and(|age| age > hour))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The weights that the run of [`trained`] reports.
pub(crate) fn checkpoint() -> PathBuf {
    Path::new(trained()).join("checkpoints/best.safetensors")
}

/// CIFAR-10 in its authors' form, with ten images a file.
pub(crate) fn small_cifar(folder: &Path) {
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    for (number, name) in names.iter().enumerate() {
        let record = |label: u8| {
            let pixel = move |i: usize| ((i * (7 + usize::from(label)) + 31 * number) % 251) as u8;
            std::iter::once(label).chain((0..3072).map(pixel))
        };
        let bytes: Vec<u8> = (0..10).flat_map(record).collect();
        fs::write(folder.join(format!("{name}.bin")), bytes).expect("a file is written");
    }
}

/// Writes an image of two colours.
pub(crate) fn image(path: &Path) {
    let colour =
        |x, y| if (x / 9 + y / 9) % 2 == 0 { image::Rgb([250, 40, 40]) } else { image::Rgb([20, 30, 200]) };
    image::RgbImage::from_fn(80, 60, colour).save(path).expect("an image is written");
}
