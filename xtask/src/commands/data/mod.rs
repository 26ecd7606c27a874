//! `data`: what a data set holds, which images are broken, other forms of it, and how it comes from the hub.

mod convert;
mod fetch;
mod inspect;
mod verify;

use std::path::Path;

use anyhow::anyhow;
use resnet_data::sources::{FileSet, open_files};
use resnet_data::{Contents, contents, layout_of};

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
    open_files(dir, &labels.options(classes)).map_err(|error| match contents(dir, None) {
        Ok(Contents::Cifar(_) | Contents::Ambiguous { .. }) if layout_of(dir, None).is_err() => anyhow!(
            "{} holds CIFAR, which `train` and `eval` read into memory; this command is for images in files, such as class \
             folders",
            dir.display()
        ),
        _ => data::explain(Some(dir), error.into()),
    })
}
