//! Pages and tables as files, and the records of runs kept small.

use std::fs;
use std::path::{Path, PathBuf};

use crate::claims::{Finding, claims_page};
use crate::results::Results;
use crate::{Error, Request, Target, markdown, page};

/// What of a finished run is worth keeping where checkpoints are too large.
const KEPT: [&str; 3] = ["recipe.toml", "record.json", "metrics.jsonl"];

/// Writes the page and the Markdown table of each result that anything was measured for into the request's folder;
/// returns the pages.
///
/// # Errors
/// [`Error::Page`], [`Error::Io`].
pub fn write_pages(results: &[Results]) -> Result<Vec<PathBuf>, Error> {
    let mut pages = vec![];
    for result in results.iter().filter(|result| result.has_any() && result.grid.target != Target::Claims) {
        let folder = result.request.folder();
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        let file = folder.join(format!("{}.html", result.grid.target.name()));
        resnet_report::write_article(&file, &page(result))?;
        pages.push(file);
        let file = folder.join(format!("{}.md", result.grid.target.name()));
        let text = markdown(result);
        resnet_files::write_whole(&file, |out| out.write_all(text.as_bytes()))
            .map_err(failed("write", &file))?;
    }
    Ok(pages)
}

/// Writes the page of the claims into the request's folder; returns it.
///
/// # Errors
/// [`Error::Page`], [`Error::Io`].
pub fn write_claims(findings: &[Finding], request: &Request) -> Result<PathBuf, Error> {
    let folder = request.folder();
    fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
    let file = folder.join("claims.html");
    resnet_report::write_article(&file, &claims_page(findings, request))?;
    Ok(file)
}

/// Copies recipe, record and metrics of the finished runs to a folder for each in `to`, a few kB in all: enough to be
/// taken for results again, and not to go on with. Returns how many were copied now.
///
/// # Errors
/// [`Error::Io`].
pub fn keep(results: &[Results], to: &Path) -> Result<usize, Error> {
    let mut copied = 0;
    for run in results.iter().flat_map(Results::runs) {
        let Some(name) = run.folder.dir().file_name() else { continue };
        let (from, folder) = (run.folder.dir(), to.join(name));
        if folder.join(KEPT[0]).is_file() {
            continue;
        }
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        // The recipe last: with it the folder is a run.
        for file in KEPT.iter().rev() {
            let bytes = fs::read(from.join(file)).map_err(failed("read", &from.join(file)))?;
            let target = folder.join(file);
            resnet_files::write_whole(&target, |out| out.write_all(&bytes))
                .map_err(failed("write", &target))?;
        }
        copied += 1;
    }
    Ok(copied)
}

fn failed(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { action, file, source }
}
