//! ImageNet's tar files as they are downloaded, which are archives of images and not shards.
//!
//! Such a file is a tar of tars, one per class and called by it, or a tar of images alone. A tar is not
//! compressed, so a file in one of the inner tars has a place in the outer file, and nothing is unpacked.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::names::is_of_a_system;
use crate::tar_headers::{Cut, Member, Members, OddEnd, UNIT, refuse_compressed};
use crate::{Error, LeftOut, is_image_end, is_image_name};

/// Members of a tar that are looked at to tell what it is.
const LOOKED_AT: usize = 64;

/// What a tar file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Samples of images and labels, in WebDataset's convention; also any tar whose form is not clear.
    Samples,
    /// One tar per class.
    Tars,
    /// Images alone.
    Images,
}

/// What the tar file at `path` is, by its first 64 members.
///
/// # Errors
/// If it cannot be opened or is compressed.
pub fn look(path: &Path) -> Result<Form, Error> {
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let length = file.metadata().map_err(|cause| Error::io("open", path, cause))?.len();
    let mut reader = BufReader::with_capacity(1 << 13, file);
    let mut start = [0; 4];
    if reader.read_exact(&mut start).is_ok() && is_compressed(&start) {
        return Err(refuse_compressed(path));
    }
    let mut members = Members::new(reader, length);
    let mut images = false;
    for _ in 0..LOOKED_AT {
        let Ok(Some(member)) = members.next_file() else { break };
        let Some(base) = visible(&member.name) else { continue };
        match base.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
            Some("tar") => return Ok(Form::Tars),
            Some("cls" | "json" | "txt") => return Ok(Form::Samples),
            Some(end) => images |= is_image_end(end),
            None => {}
        }
    }
    Ok(if images { Form::Images } else { Form::Samples })
}

/// Whether a file begins as gzip, bzip2, xz or zstd do.
fn is_compressed(start: &[u8; 4]) -> bool {
    matches!(
        start,
        [0x1f, 0x8b, ..] | [b'B', b'Z', b'h', _] | [0xfd, b'7', b'z', b'X'] | [0x28, 0xb5, 0x2f, 0xfd]
    )
}

/// The last part of a member's name; `None` for hidden files and those of operating systems, such as macOS's
/// `._x`.
fn visible(name: &str) -> Option<&str> {
    let base = name.rsplit('/').next().unwrap_or(name);
    (!name.split('/').any(is_of_a_system) && !base.starts_with('.')).then_some(base)
}

/// A tar, which may lie inside another.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The number of the file that it lies in.
    pub file: u32,
    /// Where it begins in that file.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
    /// The class of all of its images; `None` if a list gives them their labels.
    pub class: Option<String>,
}

/// What is in a piece.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The images, with their places in the file.
    pub images: Vec<Member>,
    /// Members that are no images.
    pub left_out: LeftOut,
    /// Where it is damaged or cut off.
    pub cut: Option<Cut>,
    /// How it ends, if that is odd.
    pub odd_end: Option<OddEnd>,
}

/// The tars in a tar, which is number `file` and has `length` bytes, and what else is in it.
///
/// # Errors
/// If it cannot be opened, or an inner tar is compressed.
pub fn inner(path: &Path, file: u32, length: u64) -> Result<(Vec<Piece>, Scanned), Error> {
    let opened = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    let mut members = Members::new(BufReader::with_capacity(1 << 13, opened), length);
    let (mut pieces, mut outer) = (Vec::new(), Scanned::default());
    loop {
        match members.next_file() {
            Ok(Some(member)) => {
                let Some(base) = visible(&member.name) else { continue };
                let lower = base.to_ascii_lowercase();
                if lower.ends_with(".tar.gz") || lower.ends_with(".tgz") {
                    return Err(refuse_compressed(&path.join(base)));
                }
                match base.strip_suffix(".tar") {
                    Some(class) if !class.is_empty() => pieces.push(Piece {
                        file,
                        start: member.header + UNIT,
                        length: member.bytes,
                        class: Some(class.to_owned()),
                    }),
                    _ => outer.left_out.add_file(base),
                }
            }
            Ok(None) => {
                outer.odd_end = members.odd_end();
                return Ok((pieces, outer));
            }
            Err(cut) => {
                outer.cut = Some(cut);
                return Ok((pieces, outer));
            }
        }
    }
}

/// The images in a piece, with their places in the file.
///
/// # Errors
/// If the file cannot be opened.
pub fn scan(path: &Path, piece: &Piece) -> Result<Scanned, Error> {
    let io = |cause| Error::io("open", path, cause);
    let file = File::open(path).map_err(io)?;
    let section = Section::new(file, piece.start, piece.length).map_err(io)?;
    let mut members = Members::new(BufReader::with_capacity(1 << 13, section), piece.length);
    let mut scanned = Scanned::default();
    loop {
        match members.next_file() {
            Ok(Some(mut member)) => {
                let Some(base) = visible(&member.name) else { continue };
                if is_image_name(base) {
                    member.header += piece.start;
                    scanned.images.push(member);
                } else {
                    scanned.left_out.add_file(base);
                }
            }
            Ok(None) => {
                scanned.odd_end = members.odd_end();
                return Ok(scanned);
            }
            Err(Cut { offset, cause }) => {
                scanned.cut = Some(Cut { offset: piece.start + offset, cause });
                return Ok(scanned);
            }
        }
    }
}

/// A range of a file's bytes, read as if it were a file of its own.
#[derive(Debug)]
struct Section {
    file: File,
    start: u64,
    length: u64,
    at: u64,
}

impl Section {
    fn new(mut file: File, start: u64, length: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file, start, length, at: 0 })
    }
}

impl Read for Section {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = to.len().min(left);
        let read = self.file.read(&mut to[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        let place = target.and_then(|at| Some((at, self.start.checked_add(at)?)));
        let (at, place) = place.ok_or(io::ErrorKind::InvalidInput)?;
        self.file.seek(SeekFrom::Start(place))?;
        self.at = at;
        Ok(at)
    }
}
