//! The Python that peers are asked with: the one that `RESNET_PYTHON` names, `python3` otherwise.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::Need;
use crate::needs::skip;

/// Names the Python to ask.
pub const PYTHON: &str = "RESNET_PYTHON";

/// A Python that can import all that `needs` stand for, or `None` after recording that the caller is skipped.
///
/// Panics where `RESNET_PYTHON` names something that cannot be started: a typing error must not turn a test
/// off.
#[track_caller]
pub fn python(needs: &[Need]) -> Option<PathBuf> {
    let named = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
    let python = named.clone().unwrap_or_else(|| OsString::from("python3"));
    for &need in needs {
        let imports = modules(need);
        let asked = Command::new(&python).args(["-c", &format!("import {imports}")]).output();
        let reason = match asked {
            Ok(output) if output.status.success() => continue,
            Ok(output) => last_line(&output.stderr),
            Err(cause) if named.is_some() => panic!("{PYTHON}={}: {cause}", python.display()),
            Err(cause) => cause.to_string(),
        };
        let python = python.display();
        skip(need, format_args!("{python}: {reason}; {PYTHON} names a Python with {imports}"));
        return None;
    }
    Some(python.into())
}

/// What a Python has to import, as its `import` takes it.
fn modules(need: Need) -> &'static str {
    match need {
        Need::Torch => "torch, numpy",
        Need::Torchvision => "torchvision",
        Need::Timm => "timm, safetensors",
        Need::Onnxruntime => "onnxruntime, onnx, onnxscript",
        other => panic!("{} is nothing that a Python has", other.name()),
    }
}

/// Of a traceback, the line that says what is wrong.
fn last_line(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).trim_end().lines().last().unwrap_or("it fails without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_traceback_the_last_line_counts() {
        let traceback = b"Traceback (most recent call last):\n  File ...\nModuleNotFoundError: No module\n";
        assert_eq!(last_line(traceback), "ModuleNotFoundError: No module");
        assert_eq!(last_line(b""), "it fails without a word");
    }

    #[test]
    #[should_panic(expected = "huge-pages is nothing that a Python has")]
    fn a_need_that_is_no_module_is_refused() {
        python(&[Need::HugePages]);
    }
}
