//! Data sets of the Hugging Face hub: [`download`] for CIFAR, [`HubDataset`] for those with images in files.

use resnet_hub::{Progress, Settings};

use crate::{DataKind, Dataset, Error};

mod choice;
mod cifar;
mod dataset;
mod links;

pub use choice::Wanted;
pub use dataset::{HubDataset, HubFile, HubFiles};

/// Fetches a data set from the Hugging Face hub, or from its cache if it is there already.
///
/// `Cifar10` is `uoft-cs/cifar10`, `Cifar100` is `uoft-cs/cifar100`, each about 140 MB; `Generated` is drawn
/// here, [50,000 + 10,000 shapes](crate::generated::shapes) with seed 0, and needs no network.
///
/// The cache is the one of the Python library: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
/// `~/.cache/huggingface/hub` ([`Settings::from_env`] has the details). `HF_ENDPOINT` is honoured, and
/// `HF_TOKEN` or else the token of `hf auth login`; with `HF_HUB_OFFLINE=1` only the cache is looked at. An
/// interrupted download goes on where it stopped.
///
/// # Errors
/// If the files are not cached and cannot be downloaded; the message says where it looked and how to get the
/// data otherwise. Also if a file turns out corrupt.
pub fn download(kind: DataKind, progress: &dyn Progress) -> Result<Dataset, Error> {
    match kind {
        DataKind::Generated => Ok(drawn()),
        _ => download_with(&Settings::from_env()?, kind, progress),
    }
}

/// [`download`] with the cache and the hub of `settings` instead of those of the environment.
///
/// # Errors
/// As [`download`].
pub fn download_with(settings: &Settings, kind: DataKind, progress: &dyn Progress) -> Result<Dataset, Error> {
    match cifar::Source::of(kind) {
        Some(source) => cifar::download(settings, &source, progress),
        None => Ok(drawn()),
    }
}

fn drawn() -> Dataset {
    crate::generated::shapes(50_000, 10_000, 0)
}
