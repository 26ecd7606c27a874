//! [`read_at_most`]: files from outside, which may be larger than anything sensible, or never end.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The bytes of the file at `path`; `None` if it has more than `most`. No more than that is read, even of a
/// pipe or a device, which has no size.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("classes.txt");
/// std::fs::write(&file, "cat\ndog\n")?;
/// assert_eq!(resnet_files::read_at_most(&file, 8)?, Some(b"cat\ndog\n".to_vec()));
/// assert_eq!(resnet_files::read_at_most(&file, 7)?, None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What the system refuses.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    // What the size says is only a hint: the file may grow meanwhile.
    let expected = file.metadata().map_or(0, |there| there.len());
    if expected > most {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(expected as usize + 1);
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_read_no_further() {
        assert_eq!(read_at_most(Path::new("/dev/zero"), 1000).unwrap(), None);
        assert_eq!(read_at_most(Path::new("/dev/null"), 0).unwrap(), Some(vec![]));
    }
}
