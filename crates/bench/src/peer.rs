//! Peers: which scripts measure them, in which settings, and how to install them.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use resnet_terminal::numbers;

use crate::subject::{Subject, Work};
use crate::worker::{Crew, Hello, Worker};

/// Names the Python to use, instead of the `python3` on the path.
const PYTHON: &str = "RESNET_PYTHON";

/// glibc returns large blocks to the system at once and gets them anew, each page zeroed, in the next step.
/// With these variables it keeps them.
const MALLOC: [&str; 2] = ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"];
const MALLOC_TUNED: &str = "1073741824";

/// Who else can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// PyTorch, eager.
    Pytorch,
    /// PyTorch by `torch.compile`, which calls a C++ compiler and takes minutes for a deep network.
    TorchCompile,
    /// ONNX Runtime, which does not train.
    OnnxRuntime,
    /// OpenVINO, which does not train.
    OpenVino,
    /// ncnn, which does not train and takes one image at a time.
    Ncnn,
}

impl Program {
    fn title(self) -> &'static str {
        match self {
            Program::Pytorch => "PyTorch",
            Program::TorchCompile => "torch.compile",
            Program::OnnxRuntime => "ONNX Runtime",
            Program::OpenVino => "OpenVINO",
            Program::Ncnn => "ncnn",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Program::Pytorch | Program::TorchCompile => "pytorch_bench.py",
            Program::OnnxRuntime => "onnxruntime_bench.py",
            Program::OpenVino => "openvino_bench.py",
            Program::Ncnn => "ncnn_bench.py",
        }
    }

    /// What pip installs for the script to run.
    fn packages(self) -> &'static str {
        match self {
            Program::Pytorch | Program::TorchCompile => "torch numpy",
            Program::OnnxRuntime => "onnxruntime onnx onnxscript torch numpy",
            Program::OpenVino => "openvino onnx onnxscript torch numpy",
            Program::Ncnn => "ncnn pnnx torch numpy",
        }
    }
}

/// Another implementation.
#[derive(Debug)]
pub struct Peer {
    program: Program,
    /// The folder of its scripts.
    scripts: PathBuf,
    python: OsString,
}

/// A way to run a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// In words: "channels_last, tuned malloc".
    pub name: String,
    layout: Option<&'static str>,
    malloc: Malloc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Malloc {
    Default,
    Tuned,
}

impl Peer {
    /// `program`, measured by its script in the folder `scripts`, in the Python that RESNET_PYTHON names, or
    /// else `python3`.
    pub fn new(program: Program, scripts: &Path) -> Peer {
        let python = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
        let python = python.unwrap_or_else(|| "python3".into());
        Peer { program, scripts: scripts.to_owned(), python }
    }

    /// Its name: "PyTorch".
    pub fn title(&self) -> &'static str {
        self.program.title()
    }

    /// Whether it can do `work` at all.
    pub fn can(&self, work: Work) -> bool {
        matches!(self.program, Program::Pytorch | Program::TorchCompile) || work == Work::Infer
    }

    /// The settings that compete to be the peer's best.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let mallocs: &[_] = match self.program {
            Program::Pytorch => &[(Malloc::Default, "default malloc"), (Malloc::Tuned, "tuned malloc")],
            Program::TorchCompile => &[(Malloc::Tuned, "tuned malloc")],
            Program::OnnxRuntime | Program::OpenVino | Program::Ncnn => {
                return vec![Setting { name: "defaults".to_owned(), layout: None, malloc: Malloc::Default }];
            }
        };
        let mut settings = vec![];
        for layout in ["contiguous", "channels_last"] {
            for (malloc, said) in mallocs {
                let name = format!("{layout}, {said}");
                settings.push(Setting { name, layout: Some(layout), malloc: *malloc });
            }
        }
        settings
    }

    /// Starts it and waits until it has built the network. Returns its name and version as well.
    pub(crate) fn start<'a>(
        &self,
        crew: &'a Crew,
        subject: &Subject,
        setting: &Setting,
    ) -> anyhow::Result<(Worker<'a>, String, String)> {
        let command = self.command(subject, setting)?;
        let mut worker =
            Worker::start(crew, self.title(), command).map_err(|error| self.cannot_start(error))?;
        match worker.hello()? {
            Hello::Ready { name, version } => Ok((worker, name, version)),
            Hello::Missing(modules) => bail!(
                "{} has no {}; install with: {} -m pip install {} (or name another Python in {PYTHON})",
                self.python(),
                modules.join(", "),
                self.python(),
                self.program.packages()
            ),
        }
    }

    fn command(&self, subject: &Subject, setting: &Setting) -> anyhow::Result<Command> {
        let script = self.scripts.join(self.program.script());
        // Checked here and not by Python: the program may have been moved away from its repository.
        script.metadata().with_context(|| format!("cannot read {}", script.display()))?;
        let mut command = Command::new(&self.python);
        // -B: no __pycache__ beside the scripts.
        command.arg("-B").arg(script).args(subject.arguments()).arg("--worker");
        if let Some(layout) = setting.layout {
            command.args(["--layout", layout]);
        }
        if self.program == Program::TorchCompile {
            command.arg("--compile");
        }
        for variable in MALLOC {
            match setting.malloc {
                Malloc::Default => command.env_remove(variable),
                Malloc::Tuned => command.env(variable, MALLOC_TUNED),
            };
        }
        Ok(command)
    }

    fn cannot_start(&self, error: std::io::Error) -> anyhow::Error {
        let python = self.python();
        match error.kind() {
            ErrorKind::NotFound => anyhow!(
                "there is no {python}; install Python and {}, such as by: python3 -m venv peers && peers/bin/pip install {} \
                 && export {PYTHON}=peers/bin/python",
                self.title(),
                self.program.packages()
            ),
            _ => anyhow::Error::new(error).context(format!("cannot start {python}")),
        }
    }

    fn python(&self) -> String {
        numbers::quoted(Path::new(&self.python))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/peers");

    fn peer(program: Program) -> Peer {
        Peer { program, scripts: SCRIPTS.into(), python: "python3".into() }
    }

    #[test]
    fn pytorch_has_settings_and_the_others_defaults() {
        let names = |program| -> Vec<String> {
            peer(program).settings().into_iter().map(|setting| setting.name).collect()
        };
        assert_eq!(
            names(Program::Pytorch),
            [
                "contiguous, default malloc",
                "contiguous, tuned malloc",
                "channels_last, default malloc",
                "channels_last, tuned malloc"
            ]
        );
        assert_eq!(names(Program::TorchCompile), ["contiguous, tuned malloc", "channels_last, tuned malloc"]);
        for program in [Program::OnnxRuntime, Program::OpenVino, Program::Ncnn] {
            assert_eq!(names(program), ["defaults"]);
        }
    }

    #[test]
    fn a_setting_is_options_and_variables() {
        let peer = peer(Program::Pytorch);
        let subject = Subject::new(Work::Train, "resnet20-v2", None, 2).unwrap();
        let settings = peer.settings();
        let tuned = &settings[3];
        let command = peer.command(&subject, tuned).unwrap();
        let args: Vec<&OsStr> = command.get_args().collect();
        assert!(args[1].to_string_lossy().ends_with("peers/pytorch_bench.py"));
        assert_eq!(args[args.len() - 3..], ["--worker", "--layout", "channels_last"]);
        let variables: Vec<_> = command.get_envs().collect();
        assert!(variables.iter().all(|(_, value)| *value == Some(OsStr::new(MALLOC_TUNED))));
        let compiled = Peer { program: Program::TorchCompile, ..peer };
        let command = compiled.command(&subject, &compiled.settings()[1]).unwrap();
        assert_eq!(command.get_args().last(), Some(OsStr::new("--compile")));
        let default = compiled.command(&subject, &settings[0]).unwrap();
        let removed: Vec<_> = default.get_envs().collect();
        assert_eq!(removed.len(), 2);
        assert!(removed.iter().all(|(_, value)| value.is_none()));
    }

    #[test]
    fn pytorch_alone_trains() {
        for program in [Program::OnnxRuntime, Program::OpenVino, Program::Ncnn] {
            assert!(!peer(program).can(Work::Train) && peer(program).can(Work::Infer));
        }
        assert!(peer(Program::Pytorch).can(Work::Train));
    }
}
