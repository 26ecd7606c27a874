//! What several processes do before a training: one of them opens the run that it keeps for all.

use std::path::Path;

use resnet_record::{Recipe, Run, RunRecord};

use crate::{AllReduce, Error};

/// How mpirun and srun tell a process how many they have started.
const COUNTS: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// How many processes were started with this one, itself included, as far as their starter says.
pub fn started_processes() -> usize {
    let count = |name| std::env::var(name).ok()?.parse::<usize>().ok();
    COUNTS.iter().find_map(count).unwrap_or(1)
}

/// Has the first process act before the others: what it downloads is there for them.
///
/// # Errors
/// Those of `act`, or if a process has left.
pub fn first_before_others<T, E: From<Error>>(
    processes: &dyn AllReduce,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if processes.rank().index == 0 {
        let done = act()?;
        processes.gather(&[])?;
        return Ok(done);
    }
    processes.gather(&[])?;
    act()
}

/// The run that the first process creates in `folder` and keeps. The others have it by their own recipe; the
/// training compares the recipes.
///
/// # Errors
/// Those of `create`.
pub fn begin_run<E>(
    processes: &dyn AllReduce,
    folder: &Path,
    recipe: &Recipe,
    create: impl FnOnce() -> Result<Run, E>,
) -> Result<Run, E> {
    match processes.rank().index {
        0 => create(),
        _ => Ok(Run::kept_elsewhere(folder, recipe, RunRecord::begin("", recipe))),
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
    let own = if processes.rank().index == 0 { Some(open()?) } else { None };
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
    let told = serde_json::to_vec(&(run.recipe().to_toml()?, run.record()));
    told.map_err(|error| Error::Apart(format!("cannot tell the other processes of the run: {error}")))
}

fn received(bytes: &[u8]) -> Result<(Recipe, RunRecord), Error> {
    let (recipe, record): (String, RunRecord) = serde_json::from_slice(bytes).map_err(|error| {
        Error::Apart(format!("what process 0 sent of the run cannot be understood: {error}"))
    })?;
    Ok((Recipe::parse(&recipe, "recipe.toml")?, record))
}
