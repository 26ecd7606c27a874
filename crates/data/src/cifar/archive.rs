//! CIFAR straight from its `.tar.gz`, without unpacking it to disk.
//!
//! An archive is not trusted: only files with the layout's names are read, each up to a limit; the whole
//! unpacked stream has a limit, and so has the number of entries. Extension entries (long names), which a
//! reader would have to hold in memory, are passed over: the official archives have none that matter.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::Archive;

use super::folder::MAX_NAMES_BYTES;
use super::{LAYOUTS, Layout, Needed};
use crate::{DataKind, Dataset, Error};
use resnet_formats::cifar::Records;

/// Six times what the official archives unpack to.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;
/// The official archives have fewer than ten.
const MAX_ENTRIES: usize = 1_000;

/// Reads the archive at `path`, which must hold the `needed` files of one layout, of the data set `kind` if
/// one is given.
pub(crate) fn read(path: &Path, kind: Option<DataKind>, needed: Needed) -> Result<Dataset, Error> {
    let unpacked = unpack(path)?;
    let layouts: Vec<&'static Layout> =
        LAYOUTS.into_iter().filter(|layout| kind.is_none_or(|kind| kind == layout.kind)).collect();
    let mut contents = Contents::default();
    contents.read(path, unpacked, &layouts, needed)?;
    contents.into_dataset(path, &layouts, needed)
}

/// Which data set the archive at `path` holds, by the first of its files that is known.
pub(crate) fn kind(path: &Path) -> Result<DataKind, Error> {
    let broken = |cause: io::Error| unpack_failed(path, cause);
    let mut archive = Archive::new(unpack(path)?);
    for entry in archive.entries().map_err(broken)?.raw(true).take(MAX_ENTRIES) {
        let entry = entry.map_err(broken)?;
        let name = entry.path_bytes();
        let base = name.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let layout = LAYOUTS.into_iter().find(|layout| layout.files().any(|file| file.as_bytes() == base));
        if let Some(layout) = layout {
            return Ok(layout.kind);
        }
    }
    Err(none_of(path, &LAYOUTS))
}

fn unpack(path: &Path) -> Result<impl Read + use<>, Error> {
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    Ok(GzDecoder::new(BufReader::with_capacity(1 << 16, file)).take(MAX_UNPACKED_BYTES))
}

fn unpack_failed(path: &Path, cause: io::Error) -> Error {
    let cause = format!("it does not unpack as .tar.gz ({cause})");
    let mend = "it is cut short or something else; fetch it again";
    Error::bad_file(path.display().to_string(), cause, mend)
}

fn none_of(path: &Path, layouts: &[&Layout]) -> Error {
    let titles: Vec<&str> = layouts.iter().map(|layout| layout.title).collect();
    let cause = format!("none of its files is one of {}", titles.join(" or "));
    Error::bad_file(path.display().to_string(), cause, MEND)
}

/// What was found in an archive so far.
#[derive(Default)]
struct Contents {
    records: HashMap<&'static str, Records>,
    /// Files of names, by file name.
    names: HashMap<&'static str, Vec<u8>>,
}

impl Contents {
    fn read(
        &mut self,
        path: &Path,
        stream: impl Read,
        layouts: &[&'static Layout],
        needed: Needed,
    ) -> Result<(), Error> {
        let shown = path.display().to_string();
        let broken = |cause: io::Error| unpack_failed(path, cause);
        let mut archive = Archive::new(stream);
        for (number, entry) in archive.entries().map_err(broken)?.raw(true).enumerate() {
            if number >= MAX_ENTRIES {
                let cause = format!("it has more than {MAX_ENTRIES} entries");
                return Err(Error::bad_file(shown, cause, "give the official archive"));
            }
            let mut entry = entry.map_err(broken)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let entry_path = entry.path_bytes().into_owned();
            let base = entry_path.rsplit(|&b| b == b'/').next().unwrap_or_default();
            let bytes = entry.size();
            for layout in layouts {
                if let Some(name) = layout.needed(needed).find(|name| name.as_bytes() == base) {
                    let file = format!("{shown}: {name}");
                    let classes = (layout.default_names)().len();
                    let records = layout.read(&mut entry, bytes, &file, classes)?;
                    if self.records.insert(name, records).is_some() {
                        return Err(Error::bad_file(shown, format!("it holds {name} twice"), MEND));
                    }
                } else if layout.names.as_bytes() == base && bytes <= MAX_NAMES_BYTES {
                    let mut names = Vec::new();
                    entry.by_ref().take(bytes).read_to_end(&mut names).map_err(broken)?;
                    self.names.insert(layout.names, names);
                }
            }
        }
        // To the end of the stream, where gzip's checksum is: a flipped bit is an error, not a strange image.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
        Ok(())
    }

    fn into_dataset(
        mut self,
        path: &Path,
        layouts: &[&'static Layout],
        needed: Needed,
    ) -> Result<Dataset, Error> {
        let shown = path.display().to_string();
        let found: Vec<&'static Layout> = layouts
            .iter()
            .copied()
            .filter(|layout| layout.files().any(|name| self.records.contains_key(name)))
            .collect();
        let layout = match found[..] {
            [layout] => layout,
            [] => return Err(none_of(path, layouts)),
            _ => {
                let titles: Vec<&str> = found.iter().map(|layout| layout.title).collect();
                return Err(Error::bad_file(shown, format!("it holds both {}", titles.join(" and ")), MEND));
            }
        };
        let mut parts = Vec::new();
        for name in layout.needed(needed) {
            parts.push(self.records.remove(name).ok_or_else(|| layout.missing(path, name))?);
        }
        let names = match self.names.get(layout.names) {
            Some(names) => layout.parse_names(&format!("{shown}: {}", layout.names), names)?,
            None => (layout.default_names)(),
        };
        layout.assemble(parts, names, shown)
    }
}

const MEND: &str =
    "give one of the official archives, such as cifar-10-binary.tar.gz or cifar-10-python.tar.gz";
