//! Readings of the test labels by others than the training, which alone writes the record while it goes on.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::folder::write_record;
use crate::{Error, Run, RunFolder, RunRecord, time};

impl RunFolder {
    /// The file of the readings that the record does not count yet, a line for each.
    pub const TEST_READS: &str = "test-reads.jsonl";

    /// Counts a reading of the run's test labels; [`RunFolder::record`] then has it. While another process
    /// writes to the run, it is noted beside the record, and whoever opens the run next takes it over.
    ///
    /// # Errors
    /// Those of [`Run::open`] but for [`Error::InUse`], or [`Error::Io`] if it cannot be written.
    pub fn count_test_reading(&self) -> Result<(), Error> {
        match Run::open(self.dir()) {
            Ok(mut run) => run.update(|record| record.test_reads += 1),
            Err(Error::InUse { .. }) => {
                let path = self.test_reading_notes();
                let line = format!("{{\"at\": \"{}\"}}\n", time::rfc3339(SystemTime::now()));
                let file = OpenOptions::new().create(true).append(true).open(&path);
                // In one call, so that two processes don't mix their lines.
                file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(Error::io("write", path))
            }
            Err(error) => Err(error),
        }
    }

    fn test_reading_notes(&self) -> PathBuf {
        self.dir().join(Self::TEST_READS)
    }

    /// How many readings are noted beside the record.
    pub(crate) fn noted_test_readings(&self) -> Result<u64, Error> {
        let path = self.test_reading_notes();
        match fs::read(&path) {
            Ok(notes) => Ok(notes.iter().filter(|byte| **byte == b'\n').count() as u64),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(Error::io("read", path)(cause)),
        }
    }

    /// Writes `record`, which counts the readings that are noted beside it, and removes the notes. The caller
    /// holds the folder's lock.
    pub(crate) fn take_over_test_readings(&self, record: &RunRecord) -> Result<(), Error> {
        let path = self.test_reading_notes();
        if !path.exists() {
            return Ok(());
        }
        // In this order a crash counts a reading twice, and hides none.
        write_record(self.dir(), record)?;
        fs::remove_file(&path).map_err(Error::io("write", path))
    }
}
