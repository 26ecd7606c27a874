//! What a pickle can hold: objects that refer to each other by number.

use std::borrow::Cow;

/// An object's number in its pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) u32);

/// An object.
#[derive(Debug, PartialEq)]
pub enum Object<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer of more than 64 bits.
    BigInt(BigInt<'a>),
    /// A float.
    Float(f64),
    /// Text. What UTF-8 cannot express (Python's lone surrogates) is replaced.
    Text(Cow<'a, str>),
    /// Bytes: Python 3's `bytes` from protocol 3 on, and what Python 2 calls `str`.
    Bytes(Cow<'a, [u8]>),
    /// A `bytearray`, from protocol 5 on.
    ByteArray(&'a [u8]),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary's items in the order in which they were set; of equal keys the last one counts.
    Dict(Vec<(Id, Id)>),
    /// A set, from protocol 4 on.
    Set(Vec<Id>),
    /// A `frozenset`, from protocol 4 on.
    FrozenSet(Vec<Id>),
    /// A class or function by the names of its module and its own, both [`Object::Text`].
    Global {
        /// The module's name.
        module: Id,
        /// Its own.
        name: Id,
    },
    /// The result of a call that Python would make; nothing is called here.
    Call(Box<Call>),
    /// An object that is not in the pickle, by its persistent ID, which only the program that reads the
    /// pickle understands.
    Persistent(Id),
    /// A number that stands for a class in Python's registry of extensions.
    Extension(u32),
}

/// A call of a function, or of a class for a new object, and what the pickle sets on the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is called, most often an [`Object::Global`].
    pub function: Id,
    /// A tuple of positional arguments.
    pub arguments: Id,
    /// A dictionary of arguments by name.
    pub keywords: Option<Id>,
    /// The state that the result is given, of several the last one.
    pub state: Option<Id>,
    /// What is appended or added to the result, as to a list or set.
    pub items: Vec<Id>,
    /// What is set in the result, as in a dictionary.
    pub entries: Vec<(Id, Id)>,
}

/// An integer of more than 64 bits, as the pickle has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BigInt<'a> {
    /// In two's complement, the lowest byte first.
    LittleEndian(&'a [u8]),
    /// Decimal digits, behind a minus sign if it is negative.
    Decimal(&'a str),
}

impl BigInt<'_> {
    /// Its value, where 128 bits have room for it.
    #[must_use]
    pub fn to_i128(self) -> Option<i128> {
        match self {
            BigInt::LittleEndian(bytes) => {
                let mut all = [if bytes.last()? & 0x80 == 0 { 0 } else { 0xff }; 16];
                all.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Some(i128::from_le_bytes(all))
            }
            BigInt::Decimal(digits) => digits.parse().ok(),
        }
    }
}
