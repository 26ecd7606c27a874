//! Files of the cache, written whole or not at all.

use std::path::Path;
use std::{fs, io};

/// Writes a file of the cache, whole or not at all, and creates its folder if necessary.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    resnet_files::write_whole(path, |out| out.write_all(bytes))
}
