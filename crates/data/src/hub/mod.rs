//! The Hugging Face hub, through its cache: `download` for CIFAR, `HubModel` for the files of a model,
//! `HubDataset` for those of a data set.

use crate::{DataKind, Dataset, Error, Progress};

#[cfg(feature = "hub")]
mod checksum;
#[cfg(feature = "hub")]
mod choice;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod dataset;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod expand;
#[cfg(feature = "hub")]
mod listing;
#[cfg(feature = "hub")]
mod model;
#[cfg(feature = "hub")]
mod names;
#[cfg(feature = "hub")]
mod repository;
#[cfg(feature = "hub")]
mod settings;
#[cfg(all(test, feature = "hub"))]
mod testing;

#[cfg(feature = "hub")]
pub use dataset::{HubDataset, HubFile, HubFiles, Wanted};
#[cfg(feature = "hub")]
pub use model::HubModel;

/// Fetches a data set from the Hugging Face hub, or from its cache if it is there already.
///
/// `Cifar10` is `uoft-cs/cifar10`, `Cifar100` is `uoft-cs/cifar100`, each about 140 MB; `Generated` is drawn
/// here, [50,000 + 10,000 shapes](crate::generated::shapes) with seed 0, and needs no network.
///
/// The cache is the one of the Python library: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
/// `~/.cache/huggingface/hub`; `~` and `$VARIABLES` in these paths are replaced. `HF_TOKEN` (or the token of
/// `hf auth login`) and `HF_ENDPOINT` are honoured; with `HF_HUB_OFFLINE=1` only the cache is looked at. An
/// interrupted download goes on where it stopped.
///
/// # Errors
/// If the files are neither cached nor to be had; the message says where it looked and how to get the data
/// otherwise. Also if a file turns out corrupt.
#[cfg(feature = "hub")]
pub fn download(kind: DataKind, progress: &dyn Progress) -> Result<Dataset, Error> {
    match client::Source::of(kind) {
        Some(source) => client::download(&settings::Settings::from_env()?, &source, progress),
        None => Ok(drawn()),
    }
}

/// Fetches a data set from the Hugging Face hub; this build has no client, so only `Generated` works.
///
/// # Errors
/// For the others, naming the feature to build with.
#[cfg(not(feature = "hub"))]
pub fn download(kind: DataKind, _progress: &dyn Progress) -> Result<Dataset, Error> {
    match kind {
        DataKind::Generated => Ok(drawn()),
        _ => Err(Error::FeatureOff { wanted: format!("downloading {kind}"), feature: "hub" }),
    }
}

fn drawn() -> Dataset {
    crate::generated::shapes(50_000, 10_000, 0)
}
