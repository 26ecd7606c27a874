//! New runs: in a folder that was asked for, or under the next free number.

use std::path::Path;

use crate::{Error, Recipe, Run, RunRecord};

impl Run {
    /// Begins a run of `recipe` in `folder`. The run has the folder's name; `fill` adds to its record what
    /// the caller knows.
    ///
    /// # Errors
    /// As of [`Run::create`].
    pub fn begin(folder: &Path, recipe: &Recipe, fill: impl Fn(&mut RunRecord)) -> Result<Run, Error> {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
        let mut record = RunRecord::begin(&name, recipe);
        fill(&mut record);
        Run::create(folder, recipe, record)
    }

    /// The same in the first of the folders `RECIPE-1`, `RECIPE-2`, ... of `runs` that is free.
    ///
    /// # Errors
    /// As of [`Run::create`].
    pub fn begin_numbered(runs: &Path, recipe: &Recipe, fill: impl Fn(&mut RunRecord)) -> Result<Run, Error> {
        let mut number = 1u64;
        loop {
            let folder = runs.join(format!("{}-{number}", recipe.name));
            match (!folder.exists()).then(|| Run::begin(&folder, recipe, &fill)) {
                Some(Ok(run)) => return Ok(run),
                // Another process was faster.
                None | Some(Err(Error::NotEmpty { .. } | Error::InUse { .. })) => number += 1,
                Some(Err(error)) => return Err(error),
            }
        }
    }
}
