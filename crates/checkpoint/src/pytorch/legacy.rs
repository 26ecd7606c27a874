//! Files of `torch.save` before PyTorch 1.6, a layout that newer versions can still write: pickles one after
//! the other, then the storages.
//!
//! | | |
//! |---|---|
//! | a pickle | the magic number |
//! | a pickle | 1001, the version of this layout |
//! | a pickle | the machine: its byte order and sizes |
//! | a pickle | the saved object |
//! | a pickle | the storages' names, in order |
//! | per storage | the number of elements, in 8 bytes; the elements |

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use resnet_pickle::{BigInt, Object, Pickle};

use super::tensor::Storage;
use super::{Fault, MOST_OPCODES};
use crate::text::clip;

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const VERSION: i64 = 1001;
/// The magic number takes no more in any protocol.
const MAGIC_BYTES: usize = 32;
/// How many bytes of a file are searched for its pickles, at first and at most.
const FIRST_LOOK: u64 = 4 << 20;
const LONGEST_LOOK: u64 = 1 << 30;

/// A file whose pickles were read.
pub(super) struct Legacy<R> {
    reader: R,
    /// The beginning of the file, with all of its pickles.
    head: Vec<u8>,
    /// The pickle of the saved object.
    saved: Range<usize>,
    /// Where each storage's elements lie, and how many bytes they have.
    places: HashMap<String, (u64, u64)>,
}

/// What the pickles say.
struct Head {
    saved: Range<usize>,
    /// The storages in the order of the file: name, elements, bytes.
    storages: Vec<(String, u64, u64)>,
    end: usize,
}

/// Whether a file that begins with `start` is of this layout.
pub(crate) fn is_legacy(start: &[u8]) -> bool {
    let start = &start[..start.len().min(MAGIC_BYTES)];
    Pickle::parse(start, 4).is_ok_and(
        |pickle| matches!(pickle.object(pickle.root()), Object::BigInt(number) if is_magic(*number)),
    )
}

fn is_magic(number: BigInt) -> bool {
    number.to_i128() == Some(MAGIC)
}

impl<R: Read + Seek> Legacy<R> {
    /// Reads the pickles of a file of `len` bytes, and finds its storages.
    pub(super) fn open(mut reader: R, len: u64) -> Result<Self, Fault> {
        let mut look = FIRST_LOOK;
        let (bytes, head) = loop {
            let mut bytes = vec![];
            reader.seek(SeekFrom::Start(0))?;
            reader.by_ref().take(look).read_to_end(&mut bytes)?;
            match pickles(&bytes) {
                Err(Fault::Cut) if look < len.min(LONGEST_LOOK) => look = (look * 8).min(LONGEST_LOOK),
                other => break (bytes, other?),
            }
        };
        let mut places = HashMap::new();
        let mut at = head.end as u64;
        for (key, elements, size) in head.storages {
            let cut = || Fault::Damaged(format!("it ends before its storage {}", clip(&key, 80)));
            let place = at + 8;
            at = place.checked_add(size).filter(|end| *end <= len).ok_or_else(cut)?;
            let mut count = [0; 8];
            reader.seek(SeekFrom::Start(place - 8))?;
            reader.read_exact(&mut count)?;
            if u64::from_le_bytes(count) != elements {
                let key = clip(&key, 80);
                return Err(Fault::Damaged(format!("its storage {key} is not where its pickles say")));
            }
            places.insert(key, (place, size));
        }
        Ok(Legacy { reader, head: bytes, saved: head.saved, places })
    }

    /// The pickle of the saved object, and a function from a storage's name to its bytes.
    pub(super) fn parts(&mut self) -> (&[u8], impl FnMut(&str) -> Result<Vec<u8>, Fault>) {
        let Legacy { reader, head, saved, places } = self;
        let storage = |key: &str| {
            let missing = || Fault::Damaged(format!("it has no storage {}", clip(key, 80)));
            // `open` has checked that the elements are inside the file.
            let (place, size) = *places.get(key).ok_or_else(missing)?;
            reader.seek(SeekFrom::Start(place))?;
            let mut bytes = vec![0; size as usize];
            reader.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        (&head[saved.clone()], storage)
    }
}

/// Reads the pickles at the beginning of a file.
fn pickles(bytes: &[u8]) -> Result<Head, Fault> {
    let mut at = 0;
    let mut next = || -> Result<(Pickle, usize), Fault> {
        let from = at;
        let pickle = Pickle::parse(&bytes[from..], MOST_OPCODES)?;
        at += pickle.consumed();
        Ok((pickle, from))
    };
    // The caller has seen the magic number.
    next()?;
    let (version, _) = next()?;
    if version.int(version.root()) != Some(VERSION) {
        return Err(Fault::Refused("its layout has another version than 1001".to_owned()));
    }
    let (machine, _) = next()?;
    let little = machine.get(machine.root(), "little_endian");
    if little.is_some_and(|little| *machine.object(little) == Object::Bool(false)) {
        return Err(Fault::Refused(super::BIG_ENDIAN.to_owned()));
    }
    let (saved, from) = next()?;
    let mut known: HashMap<String, Result<Storage, &str>> = HashMap::new();
    for id in saved.ids().filter(|id| matches!(saved.object(*id), Object::Persistent(_))) {
        match Storage::of(&saved, id) {
            Some(Ok(storage)) => drop(known.entry(storage.key.clone()).or_insert(Ok(storage))),
            Some(Err((key, what))) => drop(known.entry(key).or_insert(Err(what))),
            None => {}
        }
    }
    let (keys, end) = next()?;
    let end = end + keys.consumed();
    let form = || Fault::Damaged("its storages are named in another form than PyTorch's".to_owned());
    let mut storages = vec![];
    for key in keys.items(keys.root()).ok_or_else(form)? {
        let key = keys.str(*key).ok_or_else(form)?;
        match known.remove(key) {
            Some(Ok(storage)) => {
                let size = storage.bytes().ok_or_else(form)?;
                storages.push((storage.key, storage.len, size));
            }
            Some(Err(what)) => {
                return Err(Fault::Refused(format!("its storage {} is {what}", clip(key, 80))));
            }
            None => {
                let cause = format!("it has a storage {}, which nothing in it needs", clip(key, 80));
                return Err(Fault::Damaged(cause));
            }
        }
    }
    Ok(Head { saved: from..from + saved.consumed(), storages, end })
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
