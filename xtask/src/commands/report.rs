//! `report`: the page of a run, or of several side by side.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use resnet_record::RunFolder;

use crate::args::ReportArgs;
use crate::output;

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let folders = args.runs.iter().map(|dir| RunFolder::open(dir)).collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &args.curves {
        let [folder] = &folders[..] else { bail!("--curves draws one run; {} are given", folders.len()) };
        write(file, &resnet_report::curves_svg(folder)?, "<svg class=\"chart\"")?;
    }
    let (page, file) = match (&folders[..], &args.out) {
        ([folder], out) => {
            let file = out.clone().unwrap_or_else(|| folder.dir().join("report.html"));
            (resnet_report::run_page(folder)?, file)
        }
        (several, out) => {
            let file = out.clone().unwrap_or_else(|| PathBuf::from("comparison.html"));
            (resnet_report::comparison_page(several)?, file)
        }
    };
    write(&file, &page, "content=\"resnet-report\"")?;
    output::line(&file.display().to_string())
}

/// Writes `text`; an earlier page, which has `mark` in it, is replaced, and no other file is.
fn write(file: &Path, text: &str, mark: &str) -> anyhow::Result<()> {
    let is_ours = || fs::read_to_string(file).is_ok_and(|old| old.contains(mark));
    if file.exists() && !is_ours() {
        bail!("{} exists already and is no page of ours; choose another file", file.display());
    }
    resnet_files::write_whole(file, |out| std::io::Write::write_all(out, text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))
}
