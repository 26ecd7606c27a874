//! What callers ask of a pickle: its objects as the Python values that they stand for.

use std::borrow::Cow;

use crate::Pickle;
use crate::object::{Call, Id, Object};

impl<'a> Pickle<'a> {
    /// The object that Python's `pickle.loads` would return.
    #[must_use]
    pub fn root(&self) -> Id {
        self.root
    }

    /// How many bytes the pickle takes; other bytes may follow it in the input.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// All objects, those of nested containers among them.
    #[must_use]
    pub fn objects(&self) -> &[Object<'a>] {
        &self.objects
    }

    /// The numbers of all objects.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        // The parser limits opcodes, so the number of objects fits into 32 bits.
        (0..self.objects.len() as u32).map(Id)
    }

    /// An object of this pickle.
    ///
    /// # Panics
    /// May panic if the number is of another pickle.
    #[must_use]
    pub fn object(&self, id: Id) -> &Object<'a> {
        &self.objects[id.0 as usize]
    }

    /// A string of Python 2 or 3: text, or bytes that are UTF-8, as which Python 2 writes its `str`. `None`
    /// for any other object.
    #[must_use]
    pub fn str(&self, id: Id) -> Option<&str> {
        match self.object(id) {
            Object::Text(text) => Some(text),
            Object::Bytes(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The value of an integer; `None` if it needs more than 64 bits or is no integer.
    #[must_use]
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.object(id) {
            Object::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Bytes in any of the forms that they are written in: as such, as Python 2's `str`, as a `bytearray`,
    /// and as the calls by which Python 3 writes them in protocols that have no bytes.
    #[must_use]
    pub fn bytes(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        let mut id = id;
        // A bytearray is called with bytes, which may be a call themselves.
        for _ in 0..3 {
            match self.object(id) {
                Object::Bytes(bytes) => return Some(Cow::from(&**bytes)),
                Object::ByteArray(bytes) => return Some(Cow::from(*bytes)),
                Object::Call(call) => {
                    let function = self.global(call.function)?;
                    match (function, self.items(call.arguments)?) {
                        (("_codecs", "encode"), [text, encoding]) => return self.encoded(*text, *encoding),
                        (("__builtin__" | "builtins", "bytes" | "bytearray"), arguments) => match arguments {
                            [] => return Some(Cow::default()),
                            [inner] => id = *inner,
                            [text, encoding] => return self.encoded(*text, *encoding),
                            _ => return None,
                        },
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// The bytes of a text in Latin-1, the only encoding that pickles use for them.
    fn encoded(&self, text: Id, encoding: Id) -> Option<Cow<'_, [u8]>> {
        let Object::Text(text) = self.object(text) else { return None };
        if !matches!(self.str(encoding)?, "latin1" | "latin-1") {
            return None;
        }
        let bytes: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char).ok()).collect();
        bytes.map(Cow::from)
    }

    /// The items of a tuple, list or set.
    #[must_use]
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.object(id) {
            Object::Tuple(items) | Object::List(items) | Object::Set(items) | Object::FrozenSet(items) => {
                Some(items)
            }
            _ => None,
        }
    }

    /// Keys and values of a dictionary, or of any object that the pickle fills like one, or of Python 2's
    /// `OrderedDict`, which is a call with a list of pairs. A key may occur several times; the last one
    /// counts. `None` for any other object.
    #[must_use]
    pub fn entries(&self, id: Id) -> Option<Cow<'_, [(Id, Id)]>> {
        match self.object(id) {
            Object::Dict(entries) => Some(Cow::from(entries)),
            Object::Call(call) if !call.entries.is_empty() => Some(Cow::from(&call.entries)),
            Object::Call(call) if self.is_ordered_dict(call) => {
                let Some(list) = self.items(call.arguments)?.first() else { return Some(Cow::default()) };
                let pair = |id: &Id| match self.items(*id)? {
                    [key, value] => Some((*key, *value)),
                    _ => None,
                };
                self.items(*list)?.iter().map(pair).collect::<Option<Vec<_>>>().map(Cow::from)
            }
            _ => None,
        }
    }

    /// Whether an object has [`Pickle::entries`], by its form: an `OrderedDict`'s pairs are not looked at.
    #[must_use]
    pub fn is_dictionary(&self, id: Id) -> bool {
        match self.object(id) {
            Object::Dict(_) => true,
            Object::Call(call) => !call.entries.is_empty() || self.is_ordered_dict(call),
            _ => false,
        }
    }

    /// How many entries [`Pickle::entries`] gives or looks at, known without doing so; 0 for an object that
    /// has none.
    #[must_use]
    pub fn entry_count(&self, id: Id) -> usize {
        match self.object(id) {
            Object::Dict(entries) => entries.len(),
            Object::Call(call) if !call.entries.is_empty() => call.entries.len(),
            Object::Call(call) if self.is_ordered_dict(call) => {
                let list = self.items(call.arguments).and_then(<[Id]>::first);
                list.and_then(|list| self.items(*list)).map_or(0, <[Id]>::len)
            }
            _ => 0,
        }
    }

    fn is_ordered_dict(&self, call: &Call) -> bool {
        self.global(call.function) == Some(("collections", "OrderedDict"))
    }

    /// The value under a key of text, as Python's `dict.get`.
    #[must_use]
    pub fn get(&self, id: Id, key: &str) -> Option<Id> {
        let entries = self.entries(id)?;
        entries.iter().rev().find(|(name, _)| self.str(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// The names of a class or function: its module's and its own.
    #[must_use]
    pub fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.object(id) {
            Object::Global { module, name } => Some((self.str(*module)?, self.str(*name)?)),
            _ => None,
        }
    }

    /// The call that an object is the result of; `None` if it is no [`Object::Call`].
    #[must_use]
    pub fn call(&self, id: Id) -> Option<&Call> {
        match self.object(id) {
            Object::Call(call) => Some(call),
            _ => None,
        }
    }
}
