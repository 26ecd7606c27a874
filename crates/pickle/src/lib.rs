//! Python pickles, protocols 0 to 5, read as data: no class or function is looked up, and nothing is run.
//!
//! [`Pickle::parse`] gives a list of [`Object`]s that refer to each other by number. A class or function is
//! its name ([`Object::Global`]); what Python would call stays a [`Call`], with its arguments and whatever
//! the pickle would have set on its result. Whoever reads a pickle understands the calls it needs and passes
//! over the others.
//!
//! ```
//! use resnet_pickle::{Object, Pickle};
//!
//! // pickle.dumps({"labels": [3, 8]}, protocol=2)
//! let bytes = b"\x80\x02}q\x00X\x06\x00\x00\x00labelsq\x01]q\x02(K\x03K\x08es.";
//! let pickle = Pickle::parse(bytes, 1000)?;
//! let labels = pickle.get(pickle.root(), "labels").and_then(|id| pickle.items(id)).unwrap_or_default();
//! assert!(matches!(labels.iter().map(|id| pickle.object(*id)).collect::<Vec<_>>()[..], [
//!     Object::Int(3),
//!     Object::Int(8)
//! ]));
//! # Ok::<(), resnet_pickle::Error>(())
//! ```
//!
//! Pickles from outside may be hostile. Texts and bytes are borrowed from the input, so they take no memory,
//! unless they have escapes or bad UTF-8. The rest takes at most about 300 bytes per opcode, and the caller
//! limits the number of opcodes. Nothing here is recursive, so objects that are nested a million deep or that
//! refer to themselves are read like any others. This crate knows no tensor, no array and no other crate of
//! ours.
//!
//! | file | |
//! |---|---|
//! | `object.rs` | what a pickle can hold |
//! | `machine.rs` | the opcodes |
//! | `containers.rs` | the opcodes that fill containers and set states |
//! | `lines.rs` | numbers and strings of the text protocols |
//! | `access.rs` | what callers ask of a [`Pickle`] |

mod access;
mod containers;
mod error;
mod lines;
mod machine;
mod object;

pub use error::Error;
pub use object::{BigInt, Call, Id, Object};

/// The objects of a pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
    consumed: usize,
}
