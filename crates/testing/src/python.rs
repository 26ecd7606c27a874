//! The Python that peers are asked with: the one that `RESNET_PYTHON` names, `python3` otherwise.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::Need;
use crate::needs::skip;

/// Names the Python to ask.
pub const PYTHON: &str = "RESNET_PYTHON";

/// Prints those of its arguments that are no modules. Nothing is imported, which takes seconds for some: a
/// module that is there and broken fails the test that uses it.
const MISSING: &str = "import importlib.util, sys
print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name) is None], sep=', ', end='')";

/// A Python that has all that `needs` stand for, or `None` after recording that the caller is skipped.
///
/// Panics where `RESNET_PYTHON` names something that is no Python: a typing error must not turn a test off.
#[track_caller]
pub fn python(needs: &[Need]) -> Option<PathBuf> {
    let named = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
    let python = named.clone().unwrap_or_else(|| OsString::from("python3"));
    let shown = python.display();
    for &need in needs {
        let modules = modules(need);
        let asked = Command::new(&python).args(["-c", MISSING]).args(modules).output();
        let fault = match asked {
            Ok(output) if output.status.success() => match String::from_utf8_lossy(&output.stdout) {
                missing if missing.is_empty() => continue,
                missing => {
                    skip(need, format_args!("{shown} has no {missing}; {PYTHON} names another Python"));
                    return None;
                }
            },
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(cause) => cause.to_string(),
        };
        assert!(named.is_none(), "{PYTHON}={shown}: {fault}");
        skip(need, format_args!("{shown}: {fault}; {PYTHON} names a Python with {}", modules.join(", ")));
        return None;
    }
    Some(python.into())
}

/// What a Python must have.
fn modules(need: Need) -> &'static [&'static str] {
    match need {
        Need::Torch => &["torch", "numpy"],
        Need::Torchvision => &["torchvision", "PIL"],
        Need::Timm => &["timm", "safetensors"],
        Need::Onnxruntime => &["onnxruntime", "onnx", "onnxscript"],
        Need::Tensorboard => &["tensorboard"],
        other => panic!("{} is nothing that a Python has", other.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "huge-pages is nothing that a Python has")]
    fn a_need_that_is_no_module_is_refused() {
        python(&[Need::HugePages]);
    }

    #[test]
    fn modules_that_are_missing_are_named() {
        let Ok(output) =
            Command::new("python3").args(["-c", MISSING, "json", "no_such", "nor_this"]).output()
        else {
            return eprintln!("there is no python3 to ask");
        };
        assert_eq!(String::from_utf8_lossy(&output.stdout), "no_such, nor_this");
    }
}
