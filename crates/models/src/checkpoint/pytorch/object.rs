//! What is in a pickle of tensors: objects that refer to each other by number.

use crate::checkpoint::numbers::Float;

/// An object's number.
pub(super) type Id = usize;

/// An object.
#[derive(Debug)]
pub(super) enum Object {
    /// Nothing of interest: `None`, a truth value, a number with a point.
    Plain,
    Int(i64),
    /// Where it lies in the pickle.
    Text(usize, usize),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
}

/// A class or function that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Kind),
}

/// What the numbers of a storage are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float(Float),
    /// No weights, by its name in safetensors.
    Other(&'static str),
}

/// A storage: numbers in a record of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) kind: Kind,
    /// The record's name below `data/`.
    pub(super) key: String,
    /// How many numbers.
    pub(super) len: u64,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    /// Of the first number.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// How far apart neighbours along each dimension are, in numbers.
    pub(super) strides: Vec<u64>,
}

static STORAGES: [(&str, Kind); 10] = [
    ("FloatStorage", Kind::Float(Float::F32)),
    ("HalfStorage", Kind::Float(Float::F16)),
    ("BFloat16Storage", Kind::Float(Float::Bf16)),
    ("DoubleStorage", Kind::Float(Float::F64)),
    ("LongStorage", Kind::Other("I64")),
    ("IntStorage", Kind::Other("I32")),
    ("ShortStorage", Kind::Other("I16")),
    ("CharStorage", Kind::Other("I8")),
    ("ByteStorage", Kind::Other("U8")),
    ("BoolStorage", Kind::Other("BOOL")),
];

impl Kind {
    /// The kind of a storage by its class in `torch`.
    pub(super) fn of_class(name: &str) -> Option<Self> {
        STORAGES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// Everything in a pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    bytes: &'a [u8],
    objects: Vec<Object>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// `root` and all that belongs to it, by number; `bytes` holds the texts.
    pub(super) fn new(bytes: &'a [u8], objects: Vec<Object>, root: Id) -> Self {
        Pickle { bytes, objects, root }
    }

    /// The object that the pickle is about.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// How many objects there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn object(&self, id: Id) -> &Object {
        // Numbers are given out by the machine alone, to objects that it has.
        &self.objects[id]
    }

    /// The text of an object that is one.
    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.object(id) {
            Object::Text(from, to) => str::from_utf8(&self.bytes[*from..*to]).ok(),
            _ => None,
        }
    }
}
