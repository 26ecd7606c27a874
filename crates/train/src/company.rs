//! What several processes do before a training: one of them opens the run that it keeps for all.

use std::path::Path;

use resnet_record::{Recipe, Run, RunRecord};

use crate::processes::{decode, encode};
use crate::{AllReduce, Error};

/// What an environment variable says that mpirun or srun sets for each process that it starts.
#[derive(Debug, Clone, Copy)]
enum Says {
    /// The number of processes.
    HowMany,
    /// The number of this one, from 0.
    Which,
}

/// The variables of Open MPI, of MPICH, and of PMIx, by which Slurm starts either.
const STARTED: [(&str, Says); 3] =
    [("OMPI_COMM_WORLD_SIZE", Says::HowMany), ("PMI_SIZE", Says::HowMany), ("PMIX_RANK", Says::Which)];

/// How many processes mpirun or srun has started, this one included. Where only the number of this process is
/// known, it is the least that there can be. `None` if neither has started this process.
pub fn started_processes() -> Option<usize> {
    counted(|name| std::env::var(name).ok())
}

fn counted(value: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let number = |(name, says): &(&str, Says)| {
        let number: usize = value(name)?.parse().ok()?;
        Some(match says {
            Says::HowMany => number,
            Says::Which => number.saturating_add(1),
        })
    };
    STARTED.iter().find_map(number)
}

/// Calls `act` in the first process, and then in the others: what the first downloads is there for them.
///
/// # Errors
/// Those of `act`, [`Error::Apart`] in the others if the first fails, or if a process has left.
pub fn first_before_others<T, E: From<Error>>(
    processes: &dyn AllReduce,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if processes.is_first() {
        let done = act();
        // If it cannot go on, the others must not wait for it.
        processes.gather(&[u8::from(done.is_ok())])?;
        return done;
    }
    match processes.gather(&[])?.first().map(Vec::as_slice) {
        Some([0]) => Err(Error::Apart("the first process could not begin".to_owned()).into()),
        _ => act(),
    }
}

/// The run that the first process creates in `folder` and keeps. The others get a [`Run::kept_elsewhere`] of
/// their own `recipe`; the training checks that the recipes are the same.
///
/// # Errors
/// Those of `create`.
pub fn begin_run<E>(
    processes: &dyn AllReduce,
    folder: &Path,
    recipe: &Recipe,
    create: impl FnOnce() -> Result<Run, E>,
) -> Result<Run, E> {
    if processes.is_first() {
        create()
    } else {
        Ok(Run::kept_elsewhere(folder, recipe, RunRecord::begin("", recipe)))
    }
}

/// The run that the first process opens in `folder` to go on with it: the others, which may not even see that
/// folder, get its recipe and record.
///
/// # Errors
/// Those of `open`, or if a process has left.
pub fn open_run<E: From<Error>>(
    processes: &dyn AllReduce,
    folder: &Path,
    open: impl FnOnce() -> Result<Run, E>,
) -> Result<Run, E> {
    let own = if processes.is_first() { Some(open()?) } else { None };
    let mut bytes = own.as_ref().map(sent).transpose()?.unwrap_or_default();
    processes.broadcast(&mut bytes)?;
    match own {
        Some(run) => Ok(run),
        None => {
            let (recipe, record) = received(&bytes)?;
            Ok(Run::kept_elsewhere(folder, &recipe, record))
        }
    }
}

fn sent(run: &Run) -> Result<Vec<u8>, Error> {
    encode(&(run.recipe().to_toml()?, run.record()))
}

fn received(bytes: &[u8]) -> Result<(Recipe, RunRecord), Error> {
    let (recipe, record): (String, RunRecord) = decode(bytes)?;
    Ok((Recipe::parse(&recipe, "recipe.toml")?, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starter_is_known_by_its_variables() {
        let count = |set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).into());
            counted(value)
        };
        assert_eq!(count(&[]), None);
        assert_eq!(count(&[("HOME", "/root")]), None);
        assert_eq!(count(&[("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "1")]), Some(4));
        assert_eq!(count(&[("PMI_SIZE", "1")]), Some(1));
        // srun says which one it is, and not how many there are.
        assert_eq!(count(&[("PMIX_RANK", "2")]), Some(3));
        assert_eq!(count(&[("PMIX_RANK", "")]), None);
    }
}
