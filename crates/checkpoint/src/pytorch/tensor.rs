//! Tensors in a pickle: the calls by which PyTorch would build them, interpreted but not executed.

use resnet_pickle::{Id, Object, Pickle};

use crate::floats::Float;

/// The most dimensions of a tensor; a network's have four.
const MOST_DIMENSIONS: usize = 8;
/// The most entries of a tensor's metadata, which name its kinds of views.
const MOST_METADATA: usize = 64;
/// The longest name of a storage. The name is kept beside each of its tensors, perhaps a million times.
const LONGEST_KEY: usize = 64;

/// What an object is, in a search for weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A tensor that can be weights.
    Tensor(Tensor),
    /// A tensor of a type that weights cannot have, by the type's name.
    Strange(&'static str),
    /// A tensor that is built as PyTorch never builds one.
    Malformed,
    /// Not a tensor.
    Other,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    pub(super) float: Float,
    /// How many numbers of the storage come before its first one.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// How far apart neighbours along each dimension are, counted in numbers.
    pub(super) strides: Vec<u64>,
}

/// A storage: bytes that the file has under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    /// The type of its elements.
    pub(super) element: &'static Element,
    /// How many elements it has.
    pub(super) len: u64,
    /// The first element that the tensor sees, and the one after the last. In files from before PyTorch 0.4,
    /// it may see only a part.
    pub(super) part: (u64, u64),
}

/// A type of elements.
#[derive(Debug, PartialEq)]
pub(super) struct Element {
    /// The name of its storages' class in `torch`.
    class: &'static str,
    /// Its name in `torch`.
    dtype: &'static str,
    /// Bytes per element.
    pub(super) size: u64,
    kind: Kind,
}

/// The type of the elements of a storage.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Float(Float),
    /// A type that weights cannot have, by its name in safetensors.
    Other(&'static str),
}

static ELEMENTS: [Element; 24] = [
    Element { class: "FloatStorage", dtype: "float32", size: 4, kind: Kind::Float(Float::F32) },
    Element { class: "HalfStorage", dtype: "float16", size: 2, kind: Kind::Float(Float::F16) },
    Element { class: "BFloat16Storage", dtype: "bfloat16", size: 2, kind: Kind::Float(Float::Bf16) },
    Element { class: "DoubleStorage", dtype: "float64", size: 8, kind: Kind::Float(Float::F64) },
    other("LongStorage", "int64", 8, "I64"),
    other("IntStorage", "int32", 4, "I32"),
    other("ShortStorage", "int16", 2, "I16"),
    other("CharStorage", "int8", 1, "I8"),
    other("ByteStorage", "uint8", 1, "U8"),
    other("BoolStorage", "bool", 1, "BOOL"),
    other("ComplexFloatStorage", "complex64", 8, "C64"),
    other("ComplexDoubleStorage", "complex128", 16, "C128"),
    other("QInt8Storage", "qint8", 1, "quantized I8"),
    other("QUInt8Storage", "quint8", 1, "quantized U8"),
    other("QInt32Storage", "qint32", 4, "quantized I32"),
    other("QUInt4x2Storage", "quint4x2", 1, "quantized U4"),
    other("QUInt2x4Storage", "quint2x4", 1, "quantized U2"),
    // These have no class of their own: their storages are of bytes.
    other("", "uint16", 2, "U16"),
    other("", "uint32", 4, "U32"),
    other("", "uint64", 8, "U64"),
    other("", "float8_e4m3fn", 1, "F8_E4M3"),
    other("", "float8_e5m2", 1, "F8_E5M2"),
    other("UntypedStorage", "", 1, "bytes"),
    other("_UntypedStorage", "", 1, "bytes"),
];

const fn other(class: &'static str, dtype: &'static str, size: u64, name: &'static str) -> Element {
    Element { class, dtype, size, kind: Kind::Other(name) }
}

/// What an object is.
pub(super) fn understand(pickle: &Pickle, id: Id) -> Value {
    let mut id = id;
    // A parameter wraps a tensor; PyTorch does not nest parameters, so a few rounds are enough.
    for _ in 0..4 {
        let Some(call) = pickle.call(id) else { return Value::Other };
        let Some(mut function) = pickle.global(call.function) else { return Value::Other };
        let mut arguments = pickle.items(call.arguments).unwrap_or_default();
        let state = call.state.and_then(|state| pickle.items(state));
        if function == ("torch._tensor", "_rebuild_from_type_v2") {
            // A tensor of a subclass, or with attributes: the arguments have the function that makes the
            // tensor, and that function's arguments.
            let [inner, _, inner_arguments, ..] = arguments else { return Value::Malformed };
            let Some(named) = pickle.global(*inner) else { return Value::Malformed };
            (function, arguments) = (named, pickle.items(*inner_arguments).unwrap_or_default());
        }
        match function {
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter" | "torch.nn", "Parameter" | "Buffer")
            | ("torch.autograd.variable" | "torch.autograd", "Variable") => {
                // Older files have the wrapped tensor in the parameter's state.
                let inner = arguments.first().or_else(|| state?.first());
                let Some(inner) = inner else { return Value::Malformed };
                id = *inner;
            }
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
                return rebuilt(pickle, function.1, arguments);
            }
            ("torch._utils", "_rebuild_sparse_tensor") => return Value::Strange("sparse"),
            ("torch._utils", "_rebuild_qtensor") => return Value::Strange("quantized"),
            ("torch._utils", "_rebuild_nested_tensor") => return Value::Strange("nested"),
            ("torch._utils", name) if name.starts_with("_rebuild_") => {
                return Value::Strange("of a kind without numbers of its own");
            }
            // As the first versions wrote them: `torch.FloatTensor` and its state.
            ("torch" | "torch.cuda", name) if name.ends_with("Tensor") && arguments.is_empty() => {
                let Some(parts @ [_, _, _, _]) = state else { return Value::Malformed };
                return rebuilt(pickle, "_rebuild_tensor", parts);
            }
            _ => return Value::Other,
        }
    }
    Value::Malformed
}

/// The tensor that a function of `torch._utils` makes of its arguments.
fn rebuilt(pickle: &Pickle, function: &str, arguments: &[Id]) -> Value {
    let (storage, offset, shape, strides, element, metadata) = match (function, arguments) {
        ("_rebuild_tensor", [storage, offset, shape, strides]) => {
            (storage, offset, shape, strides, None, None)
        }
        // Whether it needs a gradient and its hooks don't matter here.
        ("_rebuild_tensor_v2", [storage, offset, shape, strides, _, _]) => {
            (storage, offset, shape, strides, None, None)
        }
        ("_rebuild_tensor_v2", [storage, offset, shape, strides, _, _, metadata]) => {
            (storage, offset, shape, strides, None, Some(metadata))
        }
        ("_rebuild_tensor_v3", [storage, offset, shape, strides, _, _, dtype, rest @ ..]) => {
            let dtype = pickle.global(*dtype).map_or("", |(_, name)| name);
            let Some(element) = ELEMENTS.iter().find(|element| !dtype.is_empty() && element.dtype == dtype)
            else {
                return Value::Strange("of a type that is not known");
            };
            (storage, offset, shape, strides, Some(element), rest.first())
        }
        _ => return Value::Malformed,
    };
    let storage = match Storage::of(pickle, *storage) {
        Some(Ok(storage)) => storage,
        Some(Err((_, what))) => return Value::Strange(what),
        None => return Value::Malformed,
    };
    let float = match element.unwrap_or(storage.element).kind {
        Kind::Float(float) => float,
        Kind::Other(name) => return Value::Strange(name),
    };
    let is_negated = |metadata: &Id| {
        let flag = pickle.get(*metadata, "neg");
        flag.is_some_and(|flag| *pickle.object(flag) == Object::Bool(true))
    };
    // It is searched for each tensor, and a pickle can give the same to all of them.
    if metadata.is_some_and(|metadata| pickle.entry_count(*metadata) > MOST_METADATA) {
        return Value::Malformed;
    }
    if metadata.is_some_and(is_negated) {
        return Value::Strange("a negated view");
    }
    let tensor = || {
        let (shape, strides) = (numbers(pickle, *shape)?, numbers(pickle, *strides)?);
        let shape: Option<Vec<usize>> = shape.into_iter().map(|size| size.try_into().ok()).collect();
        let shape = shape.filter(|shape| shape.len() == strides.len())?;
        let offset = u64::try_from(pickle.int(*offset)?).ok()?;
        Some(Tensor { storage, float, offset, shape, strides })
    };
    tensor().map_or(Value::Malformed, Value::Tensor)
}

/// A shape or strides: a tuple, or one inside a `torch.Size`.
fn numbers(pickle: &Pickle, id: Id) -> Option<Vec<u64>> {
    let items = match pickle.call(id) {
        Some(call) if pickle.global(call.function) == Some(("torch", "Size")) => {
            match pickle.items(call.arguments)? {
                [inner] => pickle.items(*inner)?,
                _ => return None,
            }
        }
        _ => pickle.items(id)?,
    };
    let number = |id: &Id| u64::try_from(pickle.int(*id)?).ok();
    if items.len() > MOST_DIMENSIONS { None } else { items.iter().map(number).collect() }
}

impl Storage {
    /// The storage that an object stands for; `Err` with its name if its elements are of an unknown type, and
    /// `None` if it is not a storage, or not in PyTorch's form.
    pub(super) fn of(pickle: &Pickle, id: Id) -> Option<Result<Self, (String, &'static str)>> {
        let Object::Persistent(parts) = pickle.object(id) else { return None };
        let (tag, class, key, len, view) = match *pickle.items(*parts)? {
            [tag, class, key, _, len] => (tag, class, key, len, None),
            [tag, class, key, _, len, view] => (tag, class, key, len, Some(view)),
            _ => return None,
        };
        if pickle.str(tag)? != "storage" {
            return None;
        }
        let (module, class) = pickle.global(class)?;
        if !matches!(module, "torch" | "torch.cuda" | "torch.storage") {
            return None;
        }
        let element = ELEMENTS.iter().find(|element| element.class == class && !class.is_empty());
        let key = pickle.str(key).filter(|key| key.len() <= LONGEST_KEY)?.to_owned();
        let Some(element) = element else { return Some(Err((key, "of a type that is not known"))) };
        let len = u64::try_from(pickle.int(len)?).ok()?;
        let number = |id: Id| u64::try_from(pickle.int(id)?).ok();
        let part = match view {
            Some(view) if *pickle.object(view) != Object::None => match *pickle.items(view)? {
                [_, from, count] => (number(from)?, number(from)?.checked_add(number(count)?)?),
                _ => return None,
            },
            _ => (0, len),
        };
        (part.1 <= len).then_some(Ok(Storage { key, element, len, part }))
    }

    /// The length of the whole storage in bytes; `None` if it overflows.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.len.checked_mul(self.element.size)
    }
}
