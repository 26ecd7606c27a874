//! `data`: what a data set holds, which images are broken, other forms of it, and how it comes from the hub.

mod convert;
mod fetch;
mod inspect;
mod verify;

use std::path::Path;

use anyhow::Context as _;
use resnet_data::sources::{FileSet, open_files};

use crate::args::{ClassesArg, DataCommand, LabelsArgs};
use crate::data;

pub(crate) fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Inspect(args) => inspect::run(args),
        DataCommand::Verify(args) => verify::run(args),
        DataCommand::Convert(args) => convert::run(args),
        DataCommand::Fetch(args) => fetch::run(args),
    }
}

/// The images in `dir`.
fn open(dir: &Path, classes: &ClassesArg, labels: &LabelsArgs) -> anyhow::Result<FileSet> {
    let set = open_files(dir, &labels.options(classes));
    set.map_err(|error| data::explain(Some(dir), error.into()))
}

/// Writes `bytes` to `file`, all or nothing.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = resnet_files::write_whole(file, |out| out.write_all(bytes));
    written.with_context(|| format!("cannot write {}", file.display()))
}
