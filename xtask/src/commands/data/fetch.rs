//! `data fetch`: downloads a data set of the Hugging Face hub into the hub's cache, and makes a folder of
//! links to its files.

use resnet_data::sources::Split;
use resnet_data::{Error, HubDataset, HubFile, HubFiles, Wanted};
use resnet_terminal::output::{self, Format};
use resnet_terminal::{numbers, progress};
use serde::Serialize;

use crate::args::FetchArgs;
use crate::downloads::Downloads;

#[derive(Serialize)]
struct Fetched {
    dataset: String,
    commit: String,
    /// What `--data` takes.
    folder: String,
    files: usize,
    bytes: Option<u64>,
    splits: Vec<Part>,
}

/// The files of one split.
#[derive(Serialize)]
struct Part {
    split: String,
    files: usize,
    bytes: Option<u64>,
}

pub(super) fn run(args: &FetchArgs) -> anyhow::Result<()> {
    if let Some(path) = args.out.clone().filter(|out| out.symlink_metadata().is_ok()) {
        return Err(Error::Exists { path }.into());
    }
    let dataset = HubDataset::new(&args.id, args.revision.as_deref())?;
    let splits = args.split.iter().map(|&split| split.into()).collect();
    let files = dataset.files(&Wanted { splits, config: args.config.clone() })?;
    let parts = parts(&files);
    let told: Vec<String> =
        parts.iter().map(|part| format!("{} {}", part.split, amount(part.files, part.bytes))).collect();
    let missing: Vec<&HubFile> = files.files.iter().filter(|file| file.cached.is_none()).collect();
    let to_come = bytes(missing.iter().copied());
    let rest = match missing.len() {
        0 => "all of it is in the cache".to_owned(),
        number if number == files.files.len() => "none of it is in the cache yet".to_owned(),
        number => format!("to download: {}", amount(number, to_come)),
    };
    progress::sentence(&format!("{}: {}; {rest}", dataset.name(), told.join(", ")), 2);

    let cached = dataset.fetch(&files, &Downloads::of(to_come))?;
    let folder = match &args.out {
        Some(out) => {
            files.link(&cached, out)?;
            out
        }
        None => &cached,
    };
    let fetched = Fetched {
        dataset: dataset.name(),
        folder: folder.display().to_string(),
        files: files.files.len(),
        bytes: bytes(files.files.iter()),
        splits: parts,
        commit: files.commit,
    };
    if args.format.get() == Format::Json {
        return output::json(&fetched);
    }
    output::line(&format!(
        "{} at {}: {}\nuse it with --data {}",
        fetched.dataset,
        fetched.commit,
        amount(fetched.files, fetched.bytes),
        numbers::quoted(folder)
    ))
}

fn parts(files: &HubFiles) -> Vec<Part> {
    let of = |split: Split| {
        let found: Vec<&HubFile> = files.files.iter().filter(|file| file.split == Some(split)).collect();
        Part { split: split.to_string(), files: found.len(), bytes: bytes(found.into_iter()) }
    };
    [Split::Train, Split::Val, Split::Test].map(of).into_iter().filter(|part| part.files > 0).collect()
}

/// The size of all files together, if the size of each is known.
fn bytes<'a>(mut files: impl Iterator<Item = &'a HubFile>) -> Option<u64> {
    files.try_fold(0u64, |sum, file| sum.checked_add(file.bytes?))
}

/// `13 files, 2.9 GB`
fn amount(files: usize, bytes: Option<u64>) -> String {
    let size = bytes.map_or(String::new(), |bytes| format!(", {}", numbers::bytes(bytes)));
    format!("{}{size}", numbers::counted(files as u64, "file"))
}
