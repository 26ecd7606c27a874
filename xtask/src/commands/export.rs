//! `export`: writes a checkpoint as a safetensors file that other programs can load.

use std::path::Path;

use anyhow::bail;
use resnet::{Exported, Pretrained};

use crate::args::ExportArgs;
use crate::{numbers, output, weights};

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let out = &args.out;
    if out.is_dir() {
        bail!("{} is a folder; give --out the name of a file in it", out.display());
    }
    refuse_to_replace(args, out)?;
    let pretrained = weights::load(&args.source, ("--from-dialect", args.from_dialect), &args.normalisation)?;
    let config = pretrained.config_beside(out, args.dialect.into());
    config.as_deref().map_or(Ok(()), |path| refuse_to_replace(args, path))?;
    if pretrained.metadata().preprocessing.is_some() || args.normalisation.get().is_some() {
        weights::normalisation(&pretrained)?;
    } else {
        tracing::warn!(
            "{} does not say how its images were normalised, and neither will {}; give --mean and --std to record it",
            pretrained.file().display(),
            out.display()
        );
    }
    let Exported { saved, config, needs } = pretrained.export(args.dialect.into(), out)?;
    if let Some(needs) = needs {
        tracing::warn!("{}: {needs}", out.display());
    }
    if !saved.non_finite.is_empty() {
        let names: Vec<&str> = saved.non_finite.iter().map(|tensor| tensor.name.as_str()).collect();
        tracing::warn!("{} has numbers that are not finite in {}", out.display(), names.join(", "));
    }
    let mut lines = vec![format!(
        "{}: {}, {} tensors, {}",
        out.display(),
        pretrained.spec().name,
        saved.tensors,
        numbers::bytes(saved.bytes)
    )];
    if let Some(path) = &config {
        lines.push(format!("{}: timm's description of it", path.display()));
    }
    output::sentences(&lines.join("\n"))?;
    let mut lines =
        vec![format!("\nnext:\n  cargo xtask predict --checkpoint {} IMAGE", numbers::quoted(out))];
    if config.is_some() {
        lines.push(format!("  in Python: {}", in_timm(&pretrained, out)));
    }
    output::line(&lines.join("\n"))
}

fn refuse_to_replace(args: &ExportArgs, path: &Path) -> anyhow::Result<()> {
    if path.exists() && !args.force {
        bail!("{} exists already; choose another --out, or replace it with --force", path.display());
    }
    Ok(())
}

/// The Python expression that loads the file in timm.
fn in_timm(pretrained: &Pretrained, out: &Path) -> String {
    let (name, classes) = (&pretrained.spec().name, pretrained.spec().classes);
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
