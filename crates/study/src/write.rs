//! Pages, tables and pictures as files, and the records of runs kept small.

use std::fs;
use std::path::{Path, PathBuf};

use resnet_record::RunFolder;
use resnet_report::{Figure, write_figure};

use crate::claims::{Finding, claims_page, cuts_of};
use crate::curves::curves;
use crate::find::{FoundRun, find_runs};
use crate::markdown::is_ours;
use crate::page::picture;
use crate::results::Results;
use crate::study::folders_named;
use crate::training::turn;
use crate::{Error, Study, Target, markdown, page};

/// What of a finished run is worth keeping where checkpoints are too large.
const KEPT: [&str; 3] = [RunFolder::RECIPE, RunFolder::RECORD, RunFolder::METRICS];

/// The results of `study` as they stand now, and their pages as [`write_pages`] writes them. Of several
/// processes that share a study one at a time does so: no older page takes the place of a newer one.
///
/// # Errors
/// [`Error::Page`], [`Error::Io`].
pub fn draw_pages(study: &Study) -> Result<(Vec<Results>, Vec<PathBuf>), Error> {
    let folder = study.request.folder();
    // Nobody else draws into a folder that isn't there, and a plan alone makes none.
    let _turn = folder.is_dir().then(|| turn(&folder)).transpose()?;
    let results = Results::collect(study);
    let pages = write_pages(&results)?;
    Ok((results, pages))
}

/// Writes the page, the Markdown table and the pictures of each result that anything was measured for into
/// the request's folder; returns the paths of the pages. Claims have a page of their own: [`write_claims`].
///
/// # Errors
/// [`Error::Page`], [`Error::Io`].
pub fn write_pages(results: &[Results]) -> Result<Vec<PathBuf>, Error> {
    let mut pages = vec![];
    for result in results.iter().filter(|result| result.has_any() && result.grid.target != Target::Claims) {
        let folder = result.request.folder();
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let file = result.request.page_file(result.grid.target);
        resnet_report::write_article(&file, &page(result))?;
        pages.push(file);
        write_markdown(&folder, result)?;
        write_pictures(&folder, result)?;
    }
    Ok(pages)
}

/// Writes the Markdown table, `table2.md`; like a page, it replaces no file of somebody else's.
fn write_markdown(folder: &Path, result: &Results) -> Result<(), Error> {
    let file = folder.join(format!("{}.md", result.grid.target.name()));
    if file.exists() && !fs::read_to_string(&file).is_ok_and(|text| is_ours(&text)) {
        return Err(resnet_report::Error::NotOurs(file).into());
    }
    let text = markdown(result);
    resnet_files::write_whole(&file, |out| out.write_all(text.as_bytes())).map_err(Error::io("write", &file))
}

/// Writes the pictures of a page as SVG files: `table2.svg`, and for each panel of curves
/// `table2-1-errors.svg` and `table2-1-losses.svg`.
fn write_pictures(folder: &Path, result: &Results) -> Result<(), Error> {
    let name = result.grid.target.name();
    let write = |rest: &str, figure: &Figure| write_figure(&folder.join(format!("{name}{rest}.svg")), figure);
    write("", &picture(result))?;
    for panel in curves(result) {
        write(&format!("-{}-errors", panel.number), &panel.errors)?;
        write(&format!("-{}-losses", panel.number), &panel.losses)?;
    }
    Ok(())
}

/// Writes the page of the claims into the request's folder; returns it. `results` are the trainings of
/// [`Target::Claims`].
///
/// # Errors
/// [`Error::Page`], [`Error::Io`].
pub fn write_claims(findings: &[Finding], results: &Results) -> Result<PathBuf, Error> {
    let request = &results.request;
    let folder = request.folder();
    fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let file = request.page_file(Target::Claims);
    resnet_report::write_article(&file, &claims_page(findings, results))?;
    Ok(file)
}

/// Copies recipe, record and metrics of each run that is over to `to/SCALE/ROW-seed-N`, some kB: enough to be
/// taken for a result again, and not to go on with. What f = ReLU cuts, which only the checkpoint can tell,
/// is measured and kept as `relu-cuts.json`, in which claim 8 finds it. Where the run of another recipe has
/// that name, `-2` and so on follow it. Returns how many were copied now.
///
/// # Errors
/// [`Error::Io`].
pub fn keep(results: &[Results], to: &Path) -> Result<usize, Error> {
    let mut copied = 0;
    for result in results {
        let rows = result.rows.iter().flat_map(|row| row.runs.iter().map(move |run| (&row.row.name, run)));
        for (name, run) in rows {
            let scale = to.join(result.request.scale.name());
            let Some(folder) = place_of(run, &scale, &format!("{name}-seed-{}", run.record.seed)) else {
                continue;
            };
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
            for file in [RunFolder::DIVERGENCE, RunFolder::TEST_READS] {
                let (from, target) = (run.folder.dir().join(file), folder.join(file));
                if from.is_file() {
                    resnet_files::link_or_copy(&from, &target).map_err(Error::io("write", &target))?;
                }
            }
            match cuts_of(run) {
                Ok(Some(cuts)) => cuts.write(&folder)?,
                Ok(None) => {}
                // The record is worth keeping without them.
                Err(error) => tracing::warn!("what ReLU cuts is not kept: {error}"),
            }
            // The recipe last: with it the folder is a run.
            for file in KEPT.iter().rev() {
                let (from, target) = (run.folder.dir().join(file), folder.join(file));
                let bytes = fs::read(&from).map_err(Error::io("read", &from))?;
                let written = resnet_files::write_whole(&target, |out| out.write_all(&bytes));
                written.map_err(Error::io("write", &target))?;
            }
            copied += 1;
        }
    }
    Ok(copied)
}

/// The first of `NAME`, `NAME-2`, ... in `scale` where no run's record lies; `None` if one of them before it
/// has the record of this training.
fn place_of(run: &FoundRun, scale: &Path, name: &str) -> Option<PathBuf> {
    let has_it = |folder: &PathBuf| {
        find_runs(folder).0.iter().any(|kept| kept.record.seed == run.record.seed && kept.is_of(&run.recipe))
    };
    for folder in folders_named(scale, name) {
        if !folder.join(RunFolder::RECIPE).is_file() {
            return Some(folder);
        }
        if has_it(&folder) {
            return None;
        }
    }
    None
}
