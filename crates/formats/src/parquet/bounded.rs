//! A file for the parquet decoder that keeps it from reading past the end for ever.
//!
//! A damaged page header may promise billions of values of which none is there. The decoder skips them one by
//! one and takes the end of the file for a value without bytes. Here the end becomes an error once it has
//! been met too often.

use std::fs::File;
use std::io::{self, BufReader, Read};

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// How often a reader may meet the end of the file. A sound file needs it once or twice.
const PATIENCE: u32 = 64;

/// A file whose readers fail once they have met its end too often.
pub(crate) struct Bounded(pub(crate) File);

impl Length for Bounded {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Bounded {
    type T = Impatient;

    fn get_read(&self, start: u64) -> Result<Impatient> {
        Ok(Impatient { reader: self.0.get_read(start)?, ends: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // Otherwise `length` bytes would be allocated before anything is read.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.0.get_bytes(start, length)
    }
}

/// Reads until the end has been met too often.
pub(crate) struct Impatient {
    reader: BufReader<File>,
    ends: u32,
}

impl Read for Impatient {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(to)?;
        if read == 0 && !to.is_empty() {
            self.ends += 1;
            if self.ends > PATIENCE {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it promises more values than it has",
                ));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_becomes_an_error_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"some bytes").unwrap();
        let file = Bounded(File::open(path).unwrap());
        assert_eq!(&file.get_bytes(5, 5).unwrap()[..], b"bytes");
        assert!(file.get_bytes(5, 6).is_err() && file.get_bytes(u64::MAX, 2).is_err());
        let (mut reader, mut all) = (file.get_read(5).unwrap(), Vec::new());
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"bytes");
        let mut one = [0];
        assert!((0..PATIENCE + 1).any(|_| reader.read(&mut one).is_err()));
    }
}
