//! One file of the hub into the cache as the Python library has it: `blobs/ETAG`, and
//! `snapshots/COMMIT/NAME`, a link to it.
//!
//! hf-hub's client makes the requests; the bytes are received here. hf-hub's own download may append a file
//! to half of itself after a lost connection, trusts a server that does not begin where it was asked to,
//! never finishes a file that is complete but not renamed, and fetches again what another revision has
//! brought.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use hf_hub::Repo;
use hf_hub::api::sync::Api;

use super::checksum;
use super::missing::Missing;
use super::names::is_word;
use super::request::{FOLLOWED, Patience, Retries, Trouble, ask, metadata, with_retries};
use crate::Progress;

/// Bytes read from a connection at once.
const BUFFER: usize = 1 << 18;

/// Where files come from and where they go.
pub(crate) struct Download<'a> {
    pub(crate) api: &'a Api,
    pub(crate) repo: &'a Repo,
    /// The cache's folder of the repository.
    pub(crate) folder: &'a Path,
    pub(crate) progress: &'a dyn Progress,
    /// How long the server is waited for.
    pub(crate) patience: &'a Patience,
}

impl Download<'_> {
    /// Downloads `file`, which must have `expected` bytes if that is known; returns its commit.
    pub(crate) fn fetch(&self, file: &str, expected: Option<u64>) -> Result<String, Missing> {
        let failed = |cause: String| Missing::Failed(format!("{file}: {cause}"));
        let url = self.api.repo(self.repo.clone()).url(file);
        let told = with_retries(self.patience, file, || metadata(self.api, self.repo, &url, self.patience))?;
        let (etag, commit, bytes) = (&*told.etag, &*told.commit, told.bytes);
        // Both become names in the cache.
        if !is_word(etag) || !is_word(commit) {
            return Err(failed(format!("the server names it {etag:.100?} of commit {commit:.100?}")));
        }
        if let Some(expected) = expected.filter(|&expected| expected != bytes) {
            return Err(failed(format!("it should have {expected} bytes, and the server has {bytes}")));
        }
        let blob = self.folder.join("blobs").join(etag);
        self.blob(file, &url, bytes, &blob)?;
        let pointer = self.folder.join("snapshots").join(commit).join(file);
        link(file, &blob, &pointer)
            .map_err(|cause| failed(format!("cannot make the link {}: {cause}", pointer.display())))?;
        Ok(commit.to_owned())
    }

    /// Makes sure that `blob` is there and complete.
    fn blob(&self, file: &str, url: &str, bytes: u64, blob: &Path) -> Result<(), Missing> {
        let failed = |cause: String| Missing::Failed(format!("{file}: {cause}"));
        let io = |cause: io::Error| failed(format!("cannot write {}: {cause}", blob.display()));
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
            self.body((file, url), bytes, &mut out, &mut reported)?;
            out.sync_all().map_err(io)?;
            // The whole file is read again: most of it may be from an earlier start, before a crash.
            let etag = blob.file_name().unwrap_or_default().to_string_lossy();
            let unread = |cause: io::Error| failed(format!("cannot read {}: {cause}", part.display()));
            if let Some(how) = checksum::difference(&part, &etag).map_err(unread)? {
                fs::remove_file(&part).map_err(io)?;
                return Err(failed(format!("{how}; the downloaded part is deleted")));
            }
            fs::rename(&part, blob).map_err(io)?;
        }
        self.progress.finish();
        Ok(())
    }

    /// Appends what `out` lacks, over several connections if necessary.
    fn body(
        &self,
        (file, url): (&str, &str),
        bytes: u64,
        out: &mut File,
        reported: &mut Reported<'_>,
    ) -> Result<(), Missing> {
        let mut retries = Retries::new(self.patience, file);
        loop {
            let before = reported.bytes;
            let Err(trouble) = self.connection(url, bytes, out, reported) else { return Ok(()) };
            if reported.bytes > before {
                retries.forget();
            }
            retries.wait(trouble).map_err(|missing| match missing {
                Missing::Failed(cause) => Missing::Failed(format!(
                    "{cause}; the downloaded part is kept, and the next start resumes from there"
                )),
                other => other,
            })?;
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
        let failed = |cause: String| Trouble::Final(Missing::Failed(cause));
        let unwritten = |cause: io::Error| failed(format!("cannot write what arrives: {cause}"));
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
        let mut response = ask!(request, FOLLOWED, self.patience)?;
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
                return Err(failed(format!("asked for {range}, the server answers {status}")));
            }
        }
        let lost = |cause: String| Trouble::Passing(cause, None);
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) if have == bytes => return Ok(()),
                Ok(0) => return Err(lost(format!("it ended after {have} of {bytes} bytes"))),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(lost(format!("lost after {have} of {bytes} bytes: {error}")));
                }
            };
            have += read as u64;
            if have > bytes {
                return Err(failed(format!("more than its {bytes} bytes arrive")));
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
