//! Pages as files: written whole or not at all, never over a file of somebody else's, and kept fresh while a
//! run trains.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use resnet_record::RunFolder;

use crate::again::{began_with, train_again};
use crate::numbers::quoted;
use crate::{Article, Error, Figure, article_page, comparison_page, run_page};

/// A text before the title of every page of this crate. A file that has it there may be replaced.
const PAGE: &str = "<meta name=\"generator\" content=\"resnet-report\">";
/// How SVG files of ours begin: charts, and diagrams of units and networks. They may be replaced.
const PICTURES: [&str; 2] = [
    "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ",
    "<svg class=\"diagram\" xmlns=\"http://www.w3.org/2000/svg\" width=\"",
];
/// As much of a file as is read to see whether it is ours; pages and pictures say so before.
const BEGINNING: u64 = 4096;
/// The page of a running training takes at most 1/`SHARE` of the time.
const SHARE: u32 = 50;

/// Writes the page of one run to `out`, by default `report.html` in its folder, or the page of several, by
/// default `comparison.html`; returns where it is.
///
/// # Errors
/// As [`run_page`] and [`comparison_page`]; [`Error::NotOurs`] if another file is there; [`Error::Io`].
pub fn write_page(folders: &[RunFolder], out: Option<&Path>) -> Result<PathBuf, Error> {
    let (page, file) = match folders {
        [folder] => (run_page(folder, &repeated(folder)?)?, folder.dir().join("report.html")),
        several => {
            let runs: Vec<String> = several.iter().map(|run| shell(run.dir())).collect();
            let command = format!("cargo xtask report {}", runs.join(" "));
            (comparison_page(several, &[command])?, PathBuf::from("comparison.html"))
        }
    };
    let file = out.map_or(file, Path::to_owned);
    write(&file, &page, is_page)?;
    Ok(file)
}

/// Writes a page that was composed elsewhere.
///
/// # Errors
/// As [`article_page`]; [`Error::NotOurs`] if another file is there; [`Error::Io`].
pub fn write_article(file: &Path, article: &Article) -> Result<(), Error> {
    write(file, &article_page(article)?, is_page)
}

/// Writes the curves of a run as an SVG file.
///
/// # Errors
/// As [`crate::curves_svg`]; [`Error::NotOurs`] if another file is there; [`Error::Io`].
pub fn write_curves(folder: &RunFolder, file: &Path) -> Result<(), Error> {
    write_chart(file, &crate::curves_svg(folder)?)
}

/// Writes a chart or a diagram as an SVG file; an earlier one is replaced.
///
/// # Errors
/// [`Error::NotOurs`] if another file is there; [`Error::Io`].
pub fn write_chart(file: &Path, svg: &str) -> Result<(), Error> {
    write(file, svg, is_picture)
}

/// Writes the picture of a figure as an SVG file; an earlier one is replaced.
///
/// # Errors
/// As [`write_chart`].
pub fn write_figure(file: &Path, figure: &Figure) -> Result<(), Error> {
    write_chart(file, &figure.file())
}

/// The page of a run that trains.
#[derive(Debug)]
pub struct LivePage {
    folder: RunFolder,
    /// When it was written last, and how long that took.
    written: Option<(Instant, Duration)>,
}

impl LivePage {
    /// The page of the run in `folder`; nothing is written yet.
    pub fn new(folder: RunFolder) -> Self {
        LivePage { folder, written: None }
    }

    /// Writes the page anew, unless that would take more than a fiftieth of the training's time.
    ///
    /// # Errors
    /// As [`write_page`].
    pub fn refresh(&mut self) -> Result<(), Error> {
        match self.written {
            Some((then, took)) if then.elapsed() < took * SHARE => Ok(()),
            _ => self.write(),
        }
    }

    /// Writes it anew.
    ///
    /// # Errors
    /// As [`write_page`].
    pub fn write(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        let done = write_page(std::slice::from_ref(&self.folder), None);
        self.written = Some((Instant::now(), start.elapsed()));
        done.map(|_| ())
    }
}

/// The commands that train a run again, score it and draw it. The command that began it serves if it trained
/// this run alone and nothing was changed since; otherwise the run's own recipe does.
fn repeated(run: &RunFolder) -> Result<Vec<String>, Error> {
    let record = run.record()?;
    let words: Vec<String> = record.command.iter().skip(1).map(|word| quoted(word)).collect();
    let dir = shell(run.dir());
    let is_whole = record.changes.is_empty() && words.first().is_some_and(|word| word == "train");
    Ok(vec![
        match is_whole {
            true => format!("cargo xtask {}", words.join(" ")),
            false => {
                train_again(run.dir(), &run.recipe()?, &record, &began_with(&record).unwrap_or_default())
            }
        },
        format!("cargo xtask eval --checkpoint {dir}"),
        format!("cargo xtask report {dir}"),
    ])
}

fn shell(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn is_page(text: &str) -> bool {
    text.split("<title>").next().is_some_and(|head| head.contains(PAGE))
}

fn is_picture(text: &str) -> bool {
    PICTURES.iter().any(|begin| text.starts_with(begin))
}

/// The first 4 kB of a file.
fn beginning(file: &Path) -> io::Result<String> {
    let mut bytes = vec![];
    File::open(file)?.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes `text`; an earlier file of ours is replaced, and no other is. A device or a pipe is written to: it
/// has nothing that could be lost, and reading it might never end.
fn write(file: &Path, text: &str, is_ours: fn(&str) -> bool) -> Result<(), Error> {
    let has_content = fs::metadata(file).is_ok_and(|there| there.is_file() || there.is_dir());
    if has_content && !beginning(file).is_ok_and(|old| is_ours(&old)) {
        return Err(Error::NotOurs(file.to_owned()));
    }
    resnet_files::write_whole(file, |out| out.write_all(text.as_bytes()))
        .map_err(|source| Error::Io { file: file.to_owned(), source })
}
