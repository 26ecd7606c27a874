//! `report`: the page of a run, or of several side by side.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use resnet_record::RunFolder;

use crate::args::ReportArgs;
use crate::{numbers, output};

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let folders = args.runs.iter().map(|dir| RunFolder::open(dir)).collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &args.curves {
        let [folder] = &folders[..] else { bail!("--curves draws one run; {} are given", folders.len()) };
        write(file, &resnet_report::curves_svg(folder)?, "<svg class=\"chart\"")?;
    }
    let (page, file) = match (&folders[..], &args.out) {
        ([folder], out) => {
            let file = out.clone().unwrap_or_else(|| folder.dir().join("report.html"));
            (resnet_report::run_page(folder, &repeated(folder)?)?, file)
        }
        (several, out) => {
            let file = out.clone().unwrap_or_else(|| PathBuf::from("comparison.html"));
            let runs: Vec<String> = args.runs.iter().map(|run| numbers::quoted(run)).collect();
            (
                resnet_report::comparison_page(several, &[format!("cargo xtask report {}", runs.join(" "))])?,
                file,
            )
        }
    };
    write(&file, &page, "content=\"resnet-report\"")?;
    output::line(&file.display().to_string())
}

/// The commands that train this run again, score it and draw it.
fn repeated(run: &RunFolder) -> anyhow::Result<Vec<String>> {
    let mut words = run.record()?.command;
    if let Some(program) = words.first_mut() {
        *program = "cargo xtask".to_owned();
    }
    let dir = numbers::quoted(run.dir());
    Ok(vec![
        words.join(" "),
        format!("cargo xtask eval --checkpoint {dir}"),
        format!("cargo xtask report {dir}"),
    ])
}

/// Writes `text`; an earlier page, which has `mark` in it, is replaced, and no other file is.
pub(super) fn write(file: &Path, text: &str, mark: &str) -> anyhow::Result<()> {
    let is_ours = || fs::read_to_string(file).is_ok_and(|old| old.contains(mark));
    if file.exists() && !is_ours() {
        bail!("{} exists already and is no page of ours; choose another file", file.display());
    }
    resnet_files::write_whole(file, |out| std::io::Write::write_all(out, text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))
}
