//! Checkpoints as safetensors files: written whole or not at all, read strictly.
//!
//! Weights and running statistics have the names that the classifier gives them. A checkpoint to resume from
//! also holds what the engine remembers of each variable, in named slots (`optimizer.SLOT.VARIABLE`,
//! `ema.VARIABLE`, `accumulated.VARIABLE`), and the state of the training in its metadata.

use std::collections::BTreeMap;
use std::path::Path;

use resnet_checkpoint::{Stored, TrainingCheckpoint, list};

use crate::Error;
use crate::engine::Arrays;
use crate::snapshot::Snapshot;

/// Writes `snapshot` to `file`, whole or not at all.
///
/// # Errors
/// [`Error::NonFiniteWeight`] if a number is not finite (`step` is for that message), or what the system
/// refuses; `file` is then as it was.
pub(crate) fn write(
    file: &Path,
    snapshot: &Snapshot<'_>,
    metadata: &BTreeMap<String, String>,
    step: u64,
) -> Result<(), Error> {
    let written = resnet_checkpoint::write(file, &snapshot.shapes(), metadata, |name| {
        finite(name, snapshot, step).map_err(Failed::Values)
    });
    written.map(|_| ()).map_err(|failed| match failed {
        Failed::Values(error) => error,
        Failed::File(resnet_checkpoint::Error::Write { cause, .. }) => {
            Error::Io { action: "write", file: file.to_owned(), cause }
        }
        Failed::File(other) => Error::checkpoint(file, other.to_string()),
    })
}

/// Why a checkpoint is not written.
enum Failed {
    File(resnet_checkpoint::Error),
    Values(Error),
}

impl From<resnet_checkpoint::Error> for Failed {
    fn from(error: resnet_checkpoint::Error) -> Self {
        Failed::File(error)
    }
}

/// An array's numbers, all of them finite.
fn finite(name: &str, snapshot: &Snapshot<'_>, step: u64) -> Result<Vec<f32>, Error> {
    let values = snapshot.values(name)?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::NonFiniteWeight { name: name.to_owned(), step });
    }
    Ok(values)
}

/// The contents of a checkpoint, checked against a network's variables.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) arrays: Arrays,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Loaded {
    /// How many arrays lie in slots and are not variables.
    pub(crate) fn slots(&self) -> usize {
        self.arrays.slots.values().map(BTreeMap::len).sum()
    }
}

/// Reads `file` for a network whose variables have these `shapes`.
///
/// # Errors
/// If the file cannot be read or is damaged, if it lacks a variable, or if it holds an array that is not a
/// variable's or has another shape.
pub(crate) fn read(file: &Path, shapes: &BTreeMap<&str, &[usize]>) -> Result<Loaded, Error> {
    let TrainingCheckpoint { weights, slots, metadata } =
        resnet_checkpoint::read_training(file).map_err(|error| unreadable(file, error))?;
    let mut problems = Vec::new();
    for name in shapes.keys().filter(|&&name| !weights.contains_key(name)) {
        problems.push(format!("{name} is missing"));
    }
    let mut fitting = |prefix: &str, stored: BTreeMap<String, Stored>| {
        let mut arrays = BTreeMap::new();
        for (name, Stored { dtype, shape, values }) in stored {
            let Some(&wanted) = shapes.get(name.as_str()) else {
                problems.push(format!("{prefix}{name} is unexpected"));
                continue;
            };
            match values.filter(|_| shape == wanted) {
                Some(values) => _ = arrays.insert(name, values),
                None => {
                    problems.push(format!("{prefix}{name} is {dtype} {shape:?} and should be F32 {wanted:?}"))
                }
            }
        }
        arrays
    };
    let weights = fitting("", weights);
    let slots = slots.into_iter().map(|(slot, stored)| {
        let arrays = fitting(&format!("{slot}."), stored);
        (slot, arrays)
    });
    let arrays = Arrays { weights, slots: slots.collect() };
    problems.sort();
    match problems.is_empty() {
        true => Ok(Loaded { arrays, metadata }),
        false => {
            let shown = list(&problems);
            let cause = format!("it is of another network: {shown}; name the model it was trained as");
            Err(Error::checkpoint(file, cause))
        }
    }
}

/// Why a file is no checkpoint to resume from.
pub(crate) fn unreadable(file: &Path, error: resnet_checkpoint::Error) -> Error {
    use resnet_checkpoint::Error::{Changed, Damaged, Empty, NotAFile, Read, Truncated};
    let why = match error {
        Read { cause, .. } => return Error::Io { action: "read", file: file.to_owned(), cause },
        Damaged { cause, .. } => cause,
        Empty { .. } => "it is empty".to_owned(),
        Changed { .. } => "its tensors are not as they were written: their checksum differs".to_owned(),
        NotAFile { .. } => "it is a folder or a device".to_owned(),
        Truncated { described, found, .. } => {
            format!("its header describes {described} bytes and it has {found}")
        }
        other => other.to_string(),
    };
    let cause =
        format!("the file is damaged or not safetensors ({why}); use another checkpoint, or train anew");
    Error::checkpoint(file, cause)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use candle_core::{DType, Device, Tensor, Var};
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::EngineState;

    fn variables(start: f32) -> BTreeMap<String, Var> {
        let new = |shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            let values: Vec<f32> = (0..count).map(|i| start + i as f32 * 0.1).collect();
            Var::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        [("fc.weight", &[3, 2][..]), ("fc.bias", &[2]), ("norm.running_mean", &[3])]
            .map(|(name, shape)| (name.to_owned(), new(shape)))
            .into()
    }

    fn values(variables: &BTreeMap<String, Var>) -> Vec<Vec<f32>> {
        variables.values().map(|v| v.flatten_all().unwrap().to_vec1().unwrap()).collect()
    }

    fn written(dir: &Path, variables: &BTreeMap<String, Var>) -> std::path::PathBuf {
        let file = dir.join("last.safetensors");
        let mut snapshot = Snapshot::of(variables, EngineState::default());
        snapshot.add("optimizer.momentum", "fc.weight", &[3, 2], &[0.5; 6]);
        snapshot.add("ema", "fc.bias", &[2], &[0.25; 2]);
        let metadata = BTreeMap::from([("model".to_owned(), "tiny".to_owned())]);
        write(&file, &snapshot, &metadata, 1).unwrap();
        file
    }

    fn read_for(file: &Path, variables: &BTreeMap<String, Var>) -> Result<Loaded, Error> {
        read(file, &Snapshot::of(variables, EngineState::default()).shapes())
    }

    fn message(result: Result<Loaded, Error>) -> String {
        match result {
            Ok(_) => panic!("it was accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let source = variables(1.0);
        let file = written(dir.path(), &source);
        let loaded = read_for(&file, &variables(-7.0)).unwrap();
        assert_eq!(loaded.arrays.weights.into_values().collect::<Vec<_>>(), values(&source));
        let slots = &loaded.arrays.slots;
        assert_eq!(slots.keys().collect::<Vec<_>>(), ["ema", "optimizer.momentum"]);
        assert_eq!(slots["optimizer.momentum"]["fc.weight"], [0.5; 6]);
        assert_eq!(slots["ema"]["fc.bias"], [0.25; 2]);
        assert_eq!(loaded.metadata["model"], "tiny");
    }

    #[test]
    fn a_checkpoint_of_another_network_is_described() {
        let dir = tempfile::tempdir().unwrap();
        let file = written(dir.path(), &variables(1.0));
        let mut other = variables(1.0);
        other.remove("fc.bias");
        other.insert("fc.scale".into(), Var::new(&[1f32], &Device::Cpu).unwrap());
        other.insert("fc.weight".into(), Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap());
        let message = message(read_for(&file, &other));
        for words in [
            "last.safetensors",
            "fc.bias is unexpected",
            "fc.scale is missing",
            "fc.weight is F32 [3, 2] and should be F32 [2, 3]",
            "optimizer.momentum.fc.weight is F32",
        ] {
            assert!(message.contains(words), "'{words}' is missing in: {message}");
        }
    }

    #[test]
    fn a_diverged_network_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let variables = variables(1.0);
        let file = written(dir.path(), &variables);
        let before = fs::read(&file).unwrap();
        variables["fc.bias"].set(&Tensor::new(&[1.0, f32::NAN], &Device::Cpu).unwrap()).unwrap();
        let error = write(&file, &Snapshot::of(&variables, EngineState::default()), &BTreeMap::new(), 42)
            .unwrap_err();
        assert!(matches!(error, Error::NonFiniteWeight { step: 42, .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn an_absent_file_or_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gone/last.safetensors");
        assert!(message(read_for(&file, &variables(1.0))).contains("gone/last.safetensors"));
        let error = write(&file, &Snapshot::of(&variables(1.0), EngineState::default()), &BTreeMap::new(), 0)
            .unwrap_err();
        assert!(error.to_string().contains("gone/last.safetensors"), "{error}");
    }

    proptest! {
        #[test]
        fn no_damage_is_accepted_as_whole_nor_panics(cut in 0.0..1.0f64, at in 0.0..1.0f64, with in any::<u8>()) {
            let dir = tempfile::tempdir().unwrap();
            let file = written(dir.path(), &variables(1.0));
            let whole = fs::read(&file).unwrap();
            let target = variables(1.0);

            let cut = (whole.len() as f64 * cut) as usize;
            fs::write(&file, &whole[..cut]).unwrap();
            prop_assert!(message(read_for(&file, &target)).contains("last.safetensors"));

            // A byte of a number is always found out; of the header, a letter of the metadata may pass.
            let numbers = 4 * (6 + 2 + 3 + 6 + 2);
            let mut changed = whole.clone();
            let at = (whole.len() as f64 * at) as usize;
            changed[at] = with;
            fs::write(&file, &changed).unwrap();
            let read = read_for(&file, &target);
            if changed != whole && at >= whole.len() - numbers {
                prop_assert!(message(read).contains("their checksum differs"));
            }
        }
    }
}
