//! Tar shards in WebDataset's convention: `train-00000.tar` and so on.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use resnet_vision::image::extension;

use super::writer::{Sample, Writer};
use crate::Error;
use crate::sources::file_list::FileList;

/// Writes shards of images and their labels.
pub(super) struct Shards {
    out: PathBuf,
    max_bytes: u64,
    split: String,
    number: usize,
    shard: Option<Shard>,
    written: FileList,
}

/// A shard that is being written.
struct Shard {
    path: PathBuf,
    tar: tar::Builder<File>,
    bytes: u64,
    samples: u64,
}

impl Shards {
    pub(super) fn new(out: &Path, max_bytes: u64) -> Self {
        let (split, written) = (String::new(), FileList::default());
        Shards { out: out.to_owned(), max_bytes, split, number: 0, shard: None, written }
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(Shard { path, tar, samples, .. }) = self.shard.take() else { return Ok(()) };
        self.written.add(&self.split, &path, samples);
        let close = || -> io::Result<()> {
            let mut file = tar.into_inner()?;
            file.flush()?;
            file.sync_all()
        };
        close().map_err(|cause| Error::write("write the end of", &path, cause))
    }

    /// The shard with room for an image of so many bytes.
    fn shard(&mut self, bytes: u64) -> Result<&mut Shard, Error> {
        if self.shard.as_ref().is_some_and(|shard| shard.bytes + bytes > self.max_bytes) {
            self.close()?;
        }
        match &mut self.shard {
            Some(shard) => Ok(shard),
            none => {
                let path = self.out.join(format!("{}-{:05}.tar", self.split, self.number));
                self.number += 1;
                let file = File::create(&path).map_err(|cause| Error::write("write", &path, cause))?;
                Ok(none.insert(Shard { path, tar: tar::Builder::new(file), bytes: 0, samples: 0 }))
            }
        }
    }
}

impl Writer for Shards {
    fn begin(&mut self, split: &str) -> Result<(), Error> {
        self.close()?;
        (self.split, self.number) = (split.to_owned(), 0);
        Ok(())
    }

    fn sample(&mut self, Sample { number, label, bytes, .. }: Sample) -> Result<(), Error> {
        let shard = self.shard(bytes.len() as u64)?;
        for (end, bytes) in [(extension(&bytes), &bytes[..]), ("cls", label.to_string().as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            let appended = shard.tar.append_data(&mut header, format!("{number:09}.{end}"), bytes);
            appended.map_err(|cause| Error::write("write", &shard.path, cause))?;
        }
        shard.bytes += bytes.len() as u64;
        shard.samples += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<FileList, Error> {
        self.close()?;
        Ok(std::mem::take(&mut self.written))
    }
}
