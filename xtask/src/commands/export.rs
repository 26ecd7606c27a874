//! `export`: a checkpoint as a safetensors file for others, with all that is needed to use it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use resnet_models::checkpoint::{self, Metadata};
use resnet_record::{Checkpoint, Results, Selection};
use serde::Serialize;

use crate::args::{DialectArg, ExportArgs};
use crate::output;
use crate::weights::{self, Trained};

/// What belongs to a training that goes on, not to a file for others.
const OF_A_TRAINING: &str = "training_state";

/// The metadata's `metrics` of a run's reported weights.
#[derive(Serialize)]
struct Metrics<'a> {
    results: &'a Results,
    selection: Selection,
    test_reads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let out = &args.out;
    if out.is_dir() {
        bail!("{} is a folder; give --out the name of a file in it", out.display());
    }
    refuse_to_replace(args, out)?;
    let trained = weights::load(&args.source, ("--from-dialect", args.from_dialect))?;
    let config = timm_config(args, &trained);
    config.as_deref().map_or(Ok(()), |path| refuse_to_replace(args, path))?;
    let metadata = metadata(args, &trained)?;
    let saved = checkpoint::export(out, &trained.net.0, &metadata, args.dialect.into())?;
    if !saved.non_finite.is_empty() {
        let names: Vec<&str> = saved.non_finite.iter().map(|tensor| tensor.name.as_str()).collect();
        tracing::warn!("{} has numbers that are not finite in {}", out.display(), names.join(", "));
    }
    let mut lines = vec![format!(
        "{}: {}, {} tensors, {}",
        out.display(),
        trained.spec().name,
        saved.tensors,
        output::bytes(saved.bytes)
    )];
    if let Some(path) = &config {
        checkpoint::write_timm_config(path, trained.spec(), &metadata)?;
        lines.push(format!("{}: timm's description of it", path.display()));
    }
    output::sentences(&lines.join("\n"))?;
    let mut lines =
        vec![format!("\nnext:\n  cargo xtask predict --checkpoint {} PICTURE", output::quoted(out))];
    if config.is_some() {
        lines.push(format!("  in Python: {}", in_timm(&trained, out)));
    }
    output::line(&lines.join("\n"))
}

fn refuse_to_replace(args: &ExportArgs, path: &Path) -> anyhow::Result<()> {
    if path.exists() && !args.force {
        bail!("{} exists already; choose another --out, or replace it with --force", path.display());
    }
    Ok(())
}

/// Where timm's config goes, if it has such a network and its names are asked for.
fn timm_config(args: &ExportArgs, trained: &Trained) -> Option<PathBuf> {
    let wanted = args.dialect == DialectArg::Timm && checkpoint::is_timms(trained.spec());
    wanted.then(|| args.out.with_file_name("config.json"))
}

/// How timm takes the weights back.
fn in_timm(trained: &Trained, out: &Path) -> String {
    let (name, classes) = (&trained.spec().name, trained.spec().classes);
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if out.file_name().is_some_and(|name| name == "model.safetensors") {
        return format!(
            "timm.create_model({:?}, pretrained=True)",
            format!("local-dir:{}", folder.display())
        );
    }
    format!(
        "timm.create_model({name:?}, pretrained=True, num_classes={classes}, pretrained_cfg_overlay=dict(file={:?}, \
         num_classes={classes}, custom_load=False))",
        out.display().to_string()
    )
}

/// What the file says about itself: what the checkpoint did, and what its run knows besides.
fn metadata(args: &ExportArgs, trained: &Trained) -> anyhow::Result<Metadata> {
    let mut metadata = trained.metadata.clone();
    metadata.model = Some(trained.spec().name.clone());
    metadata.producer = None;
    metadata.other.remove(OF_A_TRAINING);
    if metadata.preprocessing.is_some() || args.normalisation.get().is_some() {
        metadata.preprocessing = Some(trained.preprocessing(&args.normalisation)?);
    } else {
        tracing::warn!(
            "{} does not say how its images were normalised, and neither will {}; give --mean and --std to write it down",
            trained.file.display(),
            args.out.display()
        );
    }
    if let Some(metrics) = metrics(trained)? {
        metadata.metrics = Some(metrics);
    }
    Ok(metadata)
}

/// What the run measured of these very weights.
fn metrics(trained: &Trained) -> anyhow::Result<Option<String>> {
    let Some((folder, record)) = &trained.run else { return Ok(None) };
    let Some(results) = &record.results else { return Ok(None) };
    let reported = match results.checkpoint {
        Checkpoint::Best => folder.best_checkpoint(),
        Checkpoint::Last => folder.last_checkpoint(),
    };
    if reported != trained.file {
        return Ok(None);
    }
    let (selection, test_reads, mark) = (record.selection, record.test_reads, record.mark());
    let metrics = Metrics { results, selection, test_reads, mark };
    serde_json::to_string(&metrics).map(Some).context("cannot write the metrics as JSON")
}
