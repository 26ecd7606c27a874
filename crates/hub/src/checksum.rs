//! Whether a downloaded file is the hub's: the hub's ETags are checksums.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::names::is_hex;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// Compares the contents of the file at `path` with `etag`: half a sentence if they differ, else `None`.
///
/// For files in its storage of large files the hub gives the SHA-256. For files in the repository it gives
/// Git's name: the SHA-1 of `blob LENGTH`, a zero byte and the contents. An ETag of another form comes from
/// another server, and is not checked.
pub(crate) fn difference(path: &Path, etag: &str) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let (name, algorithm, start) = if is_hex(etag, 64) {
        ("SHA-256", &SHA256, String::new())
    } else if is_hex(etag, 40) {
        ("Git name", &SHA1_FOR_LEGACY_USE_ONLY, format!("blob {}\0", file.metadata()?.len()))
    } else {
        return Ok(None);
    };
    let mut context = Context::new(algorithm);
    context.update(start.as_bytes());
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => context.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let found: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((found != etag).then(|| format!("its {name} is {found}, and that of the hub's file {etag}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_compared_with_either_kind_of_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello");
        std::fs::write(&path, "hello\n").unwrap();
        let told = |etag: &str| difference(&path, etag).unwrap();
        // As `sha256sum` and `git hash-object` have them.
        let (sha, git) = (
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
            "ce013625030ba8dba906f756967f9e9ca394464a",
        );
        for etag in [sha, git, "x", "", &sha.to_uppercase()] {
            assert_eq!(told(etag), None, "{etag}");
        }
        std::fs::write(&path, "hallo\n").unwrap();
        assert!(told(sha).unwrap().starts_with("its SHA-256 is "), "{:?}", told(sha));
        assert!(told(git).unwrap().ends_with(git), "{:?}", told(git));
    }
}
