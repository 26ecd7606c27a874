//! `export`: writes a checkpoint as a safetensors file that other programs can load.

use std::path::Path;

use anyhow::{anyhow, bail};
use resnet::{Error, Pretrained};

use crate::args::ExportArgs;
use crate::weights;

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let out = &args.out;
    if out.is_dir() {
        bail!("{} is a folder; give --out the name of a file in it", out.display());
    }
    Pretrained::may_be_exported_to(out).map_err(explain)?;
    refuse_to_replace(args, out)?;
    let dialect = ("--from-dialect", args.from_dialect);
    let pretrained = weights::load(&args.source, dialect, &args.normalisation, &args.described)?;
    let config = pretrained.config_beside(out, args.dialect.into());
    config.as_deref().map_or(Ok(()), |path| refuse_to_replace(args, path))?;
    if pretrained.metadata().preprocessing.is_some() || args.normalisation.get().is_some() {
        weights::warn_of_normalisation(&pretrained)?;
        weights::warn_of_resizing(&pretrained, pretrained.eval_transform()?)?;
    } else {
        tracing::warn!(
            "{} does not say how its images were normalised, and neither will {}; give --mean and --std to record it",
            pretrained.file().display(),
            out.display()
        );
    }
    // Nothing is there that may not be replaced.
    let exported = pretrained.export_with_config(args.dialect.into(), out).map_err(explain)?;
    let non_finite = &exported.saved.non_finite;
    if !non_finite.is_empty() {
        let names: Vec<&str> = non_finite.iter().map(|tensor| tensor.name.as_str()).collect();
        tracing::warn!("{} has numbers that are not finite in {}", out.display(), names.join(", "));
    }
    resnet_views::show_exported(&pretrained, args.dialect.into(), out, &exported, args.format.get())
}

fn refuse_to_replace(args: &ExportArgs, path: &Path) -> anyhow::Result<()> {
    if path.exists() && !args.force {
        bail!("{} exists already; choose another --out, or replace it with --force", path.display());
    }
    Ok(())
}

fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::ReplacesItself { .. } | Error::AmongCheckpoints { .. } => {
            anyhow!("{error}; give another --out")
        }
        other => other.into(),
    }
}
