//! One file of the hub into the cache as the Python library has it: `blobs/ETAG`, and
//! `snapshots/COMMIT/NAME`, a link to it.
//!
//! hf-hub finds out what there is to download and makes the request; the bytes are received here. hf-hub's
//! own download may append a file to half of itself after a lost connection, trusts a server that does not
//! begin where it was asked to, never finishes a file that is complete but not renamed, and fetches again
//! what another revision has brought.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::Repo;
use hf_hub::api::sync::Api;

use super::checksum;
use super::missing::{Missing, is_status};
use super::names::is_word;
use super::request::{metadata, patient};
use crate::Progress;

/// How often a connection is opened again after one that brought nothing.
const RETRIES: u32 = 3;
/// The wait before the first retry; it doubles each time.
const WAIT: Duration = Duration::from_millis(300);
/// Bytes read from a connection at once.
const BUFFER: usize = 1 << 18;

/// Where files come from and where they go.
pub(crate) struct Download<'a> {
    pub(crate) api: &'a Api,
    pub(crate) repo: &'a Repo,
    /// The cache's folder of the repository.
    pub(crate) folder: &'a Path,
    pub(crate) progress: &'a dyn Progress,
    /// How long the server may be silent.
    pub(crate) patience: Duration,
}

/// Why a connection ended early.
enum Trouble {
    /// The connection was lost; another one may go on where it stopped.
    Lost(String),
    /// Trying again is useless.
    Final(String),
}

impl Download<'_> {
    /// Downloads `file`, which must have `expected` bytes if that is known; returns its commit.
    pub(crate) fn fetch(&self, file: &str, expected: Option<u64>) -> Result<String, Missing> {
        let failed = |cause: String| Missing::Failed(format!("{file}: {cause}"));
        let url = self.api.repo(self.repo.clone()).url(file);
        let metadata = metadata(self.api, file, &url, self.patience)?;
        let (etag, commit) = (metadata.etag().trim_start_matches("W/"), metadata.commit_hash());
        // Both become names in the cache.
        if !is_word(etag) || !is_word(commit) {
            return Err(failed(format!("the server names it {etag:.100?} of commit {commit:.100?}")));
        }
        let bytes = metadata.size() as u64;
        if let Some(expected) = expected.filter(|&expected| expected != bytes) {
            return Err(failed(format!("it should have {expected} bytes, and the server has {bytes}")));
        }
        let blob = self.folder.join("blobs").join(etag);
        self.blob(file, &url, bytes, &blob).map_err(failed)?;
        let pointer = self.folder.join("snapshots").join(commit).join(file);
        link(file, &blob, &pointer)
            .map_err(|cause| failed(format!("cannot make the link {}: {cause}", pointer.display())))?;
        Ok(commit.to_owned())
    }

    /// Makes sure that `blob` is there and complete.
    fn blob(&self, file: &str, url: &str, bytes: u64, blob: &Path) -> Result<(), String> {
        let io = |cause: io::Error| format!("cannot write {}: {cause}", blob.display());
        fs::create_dir_all(blob.parent().unwrap_or(self.folder)).map_err(io)?;
        // The names that hf-hub uses, so that either program can resume the other's download.
        let named = |end: &str| {
            let mut name = blob.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let _lock = lock(&named(".lock")).map_err(io)?;
        let mut reported = Reported { progress: self.progress, bytes: 0 };
        self.progress.start(file, bytes);
        if fs::metadata(blob).is_ok_and(|found| found.is_file() && found.len() == bytes) {
            reported.at(bytes);
        } else {
            let part = named(".part");
            let mut out = File::options().create(true).append(true).open(&part).map_err(io)?;
            self.body(url, bytes, &mut out, &mut reported)?;
            out.sync_all().map_err(io)?;
            // The whole file is read again: most of it may be from an earlier start, before a crash.
            let etag = blob.file_name().unwrap_or_default().to_string_lossy();
            let unread = |cause: io::Error| format!("cannot read {}: {cause}", part.display());
            if let Some(how) = checksum::difference(&part, &etag).map_err(unread)? {
                fs::remove_file(&part).map_err(io)?;
                return Err(format!("{how}; the downloaded part is deleted"));
            }
            fs::rename(&part, blob).map_err(io)?;
        }
        self.progress.finish();
        Ok(())
    }

    /// Appends what `out` lacks, over several connections if necessary.
    fn body(&self, url: &str, bytes: u64, out: &mut File, reported: &mut Reported<'_>) -> Result<(), String> {
        let mut failures = 0;
        loop {
            let before = reported.bytes;
            match self.connection(url, bytes, out, reported) {
                Ok(()) => return Ok(()),
                Err(Trouble::Final(cause)) => return Err(cause),
                Err(Trouble::Lost(_)) if reported.bytes > before => failures = 0,
                Err(Trouble::Lost(cause)) if failures == RETRIES => {
                    return Err(format!(
                        "{cause}; the downloaded part is kept, and the next start resumes from there"
                    ));
                }
                Err(Trouble::Lost(_)) => {}
            }
            std::thread::sleep(WAIT * 2u32.pow(failures));
            failures += 1;
        }
    }

    /// Receives what one connection brings.
    fn connection(
        &self,
        url: &str,
        bytes: u64,
        out: &mut File,
        reported: &mut Reported<'_>,
    ) -> Result<(), Trouble> {
        let unwritten = |cause: io::Error| Trouble::Final(format!("cannot write what arrives: {cause}"));
        let mut have = out.metadata().map_err(unwritten)?.len();
        if have > bytes {
            // The part is longer than the file, so it belongs to another one.
            out.set_len(0).map_err(unwritten)?;
            have = 0;
        }
        reported.at(have);
        if have == bytes {
            return Ok(());
        }
        let range = format!("bytes={have}-");
        let request = self.api.repo(self.repo.clone()).info_request().uri(url).header("Range", &range);
        let mut response = patient!(request, self.patience).call().map_err(|error| {
            let cause = error.to_string();
            if is_status(&cause, '4') { Trouble::Final(cause) } else { Trouble::Lost(cause) }
        })?;
        let begins = response.headers().get("Content-Range").and_then(|range| range.to_str().ok());
        let begins = begins.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
        match response.status().as_u16() {
            206 if begins == Some(have) => {}
            // A server that knows no ranges sends all of it.
            200 => {
                out.set_len(0).map_err(unwritten)?;
                have = 0;
            }
            status => {
                return Err(Trouble::Final(format!("asked for {range}, the server answers {status}")));
            }
        }
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) if have == bytes => return Ok(()),
                Ok(0) => return Err(Trouble::Lost(format!("it ended after {have} of {bytes} bytes"))),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Trouble::Lost(format!("lost after {have} of {bytes} bytes: {error}")));
                }
            };
            have += read as u64;
            if have > bytes {
                return Err(Trouble::Final(format!("more than its {bytes} bytes arrive")));
            }
            out.write_all(&buffer[..read]).map_err(unwritten)?;
            reported.at(have);
        }
    }
}

/// Reports the progress of a file, each byte once, even if the download begins again.
struct Reported<'a> {
    progress: &'a dyn Progress,
    bytes: u64,
}

impl Reported<'_> {
    fn at(&mut self, position: u64) {
        if position > self.bytes {
            self.progress.advance(position - self.bytes);
            self.bytes = position;
        }
    }
}

/// Locks a file's download; waits while another process downloads the same file.
fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).write(true).truncate(false).open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            tracing::info!("another process is downloading this file; waiting for it");
            file.lock()?;
        }
        // Some network file systems have no locks, and each says so in its own way.
        Err(TryLockError::Error(error)) => tracing::warn!(
            "{} cannot be locked ({error}): see that no other process downloads this file",
            path.display()
        ),
        Ok(()) => {}
    }
    Ok(file)
}

/// Makes `pointer` a link to `blob`, relative so that the cache can be moved.
fn link(file: &str, blob: &Path, pointer: &Path) -> io::Result<()> {
    if pointer.exists() {
        return Ok(());
    }
    if let Some(parent) = pointer.parent() {
        fs::create_dir_all(parent)?;
    }
    if pointer.is_symlink() {
        // The blob that it points to was removed.
        fs::remove_file(pointer)?;
    }
    // Out of the folders in `file`, the commit's and `snapshots`.
    let up = "../".repeat(file.matches('/').count() + 2);
    let name = blob.file_name().unwrap_or_default();
    let made = symlink(&Path::new(&up).join("blobs").join(name), pointer)
        .or_else(|_| fs::hard_link(blob, pointer))
        .or_else(|_| fs::copy(blob, pointer).map(drop));
    // Another process may have been faster.
    if pointer.exists() { Ok(()) } else { made }
}

#[cfg(unix)]
fn symlink(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(windows)]
fn symlink(to: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(to, at)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_to: &Path, _at: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
