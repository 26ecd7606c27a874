//! Metrics as JSON lines: `metrics.jsonl`, which a run always has, and any other writer.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Sink;
use crate::{Error, Metric};

/// `metrics.jsonl`.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Ok(MetricsFile { path: path.to_owned(), file: appending(path)? })
    }
}

impl Sink for MetricsFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn write(&mut self, metric: &Metric) -> Result<(), Error> {
        let line = line(metric, &self.path)?;
        self.file.write_all(line.as_bytes()).map_err(Error::io("write", &self.path))
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }

    /// In one atomic step. A torn last line goes as well, and so does each line that is no JSON, as a power
    /// cut may leave it: the training can do without it.
    fn rewind(&mut self, step: u64, epochs: u64) -> Result<(), Error> {
        let path = &self.path;
        let log = fs::read(path).map_err(Error::io("read", path))?;
        // The lines themselves, not their numbers written anew: what was recorded stays as it was, to the
        // digit.
        let mut kept: Vec<u8> = vec![];
        // The numbers of unread lines: all since the last kept one, and those before it.
        let (mut unread, mut lost) = (vec![], vec![]);
        let whole = log.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        for (number, line) in (1..).zip(whole) {
            match serde_json::from_slice::<Metric>(line) {
                Ok(metric) if metric.is_before(step, epochs) => {
                    kept.extend_from_slice(line);
                    lost.append(&mut unread);
                }
                Ok(_) => {}
                // What another version wrote is not to be thrown away.
                Err(error) if error.is_data() => {
                    let cause = format!("line {number}: {error}");
                    return Err(Error::Damaged { path: path.clone(), cause });
                }
                Err(_) => unread.push(number.to_string()),
            }
        }
        if !lost.is_empty() {
            let (log, lines) = (path.display(), lost.join(", "));
            tracing::warn!("{log} is damaged, and what it had in these lines is lost: {lines}");
        }
        resnet_files::write_whole(path, |out| out.write_all(&kept)).map_err(Error::io("write", path))?;
        // The handle still points to the file that was replaced.
        self.file = appending(path)?;
        Ok(())
    }
}

fn appending(path: &Path) -> Result<File, Error> {
    OpenOptions::new().append(true).create(true).open(path).map_err(Error::io("write", path))
}

fn line(metric: &Metric, place: &Path) -> Result<String, Error> {
    let mut line = serde_json::to_string(metric)
        .map_err(|error| Error::Damaged { path: place.to_owned(), cause: error.to_string() })?;
    line.push('\n');
    Ok(line)
}

/// The lines of `metrics.jsonl` on any writer, such as standard output, as they come.
pub struct Lines<W> {
    name: PathBuf,
    out: W,
}

impl<W: Write + Send> Lines<W> {
    /// Lines on `out`, which messages call `name`.
    pub fn new(name: &str, out: W) -> Self {
        Lines { name: name.into(), out }
    }
}

impl<W> fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&self.name).finish()
    }
}

impl<W: Write + Send> Sink for Lines<W> {
    fn name(&self) -> String {
        self.name.display().to_string()
    }

    fn write(&mut self, metric: &Metric) -> Result<(), Error> {
        let line = line(metric, &self.name)?;
        let out = &mut self.out;
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(Error::io("write", &self.name))
    }
}
