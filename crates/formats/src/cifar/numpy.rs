//! NumPy arrays in a pickle, as any version of NumPy writes them in any protocol.

use std::borrow::Cow;

use resnet_pickle::{Id, Pickle};

/// An array of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array<'a> {
    pub(super) shape: Vec<usize>,
    /// In row-major order: the last index varies fastest.
    pub(super) bytes: Cow<'a, [u8]>,
}

/// The array of unsigned bytes that is object `id`; why it is none, as half a sentence.
pub(super) fn bytes_array<'a>(pickle: &'a Pickle<'_>, id: Id) -> Result<Array<'a>, String> {
    let parts = rebuilt(pickle, id).or_else(|| from_buffer(pickle, id));
    let Parts { shape, dtype, fortran, bytes } = parts.ok_or("is no array of numpy")?;
    match type_name(pickle, dtype) {
        Some("u1" | "|u1" | "B" | "uint8") => {}
        other => {
            return Err(format!("has elements of the type {} instead of u1", other.unwrap_or("unknown")));
        }
    }
    let size = shape.iter().try_fold(1usize, |size, &length| size.checked_mul(length));
    if size != Some(bytes.len()) {
        return Err(format!("has {} bytes for the shape {shape:?}", bytes.len()));
    }
    match (fortran, &shape[..]) {
        (false, _) | (true, [_]) => Ok(Array { shape, bytes }),
        (true, &[rows, columns]) => {
            let bytes = (0..bytes.len()).map(|i| bytes[i % columns * rows + i / columns]).collect();
            Ok(Array { shape, bytes })
        }
        (true, _) => Err("is stored in Fortran's order".to_owned()),
    }
}

struct Parts<'a> {
    shape: Vec<usize>,
    dtype: Id,
    fortran: bool,
    bytes: Cow<'a, [u8]>,
}

/// The form of protocols up to 4: `_reconstruct` makes an empty array, whose state is then set.
fn rebuilt<'a>(pickle: &'a Pickle<'_>, id: Id) -> Option<Parts<'a>> {
    let call = pickle.call(id)?;
    let ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") =
        pickle.global(call.function)?
    else {
        return None;
    };
    let [_version, shape, dtype, fortran, bytes] = *pickle.items(call.state?)? else { return None };
    let fortran = match pickle.object(fortran) {
        resnet_pickle::Object::Bool(fortran) => *fortran,
        resnet_pickle::Object::Int(fortran) => *fortran != 0,
        _ => return None,
    };
    Some(Parts { shape: lengths(pickle, shape)?, dtype, fortran, bytes: pickle.bytes(bytes)? })
}

/// The form of protocol 5: `_frombuffer` makes a view of a buffer that is in the pickle.
fn from_buffer<'a>(pickle: &'a Pickle<'_>, id: Id) -> Option<Parts<'a>> {
    let call = pickle.call(id)?;
    let ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") = pickle.global(call.function)? else {
        return None;
    };
    let [bytes, dtype, shape, order] = *pickle.items(call.arguments)? else { return None };
    let fortran = pickle.str(order)? == "F";
    Some(Parts { shape: lengths(pickle, shape)?, dtype, fortran, bytes: pickle.bytes(bytes)? })
}

fn lengths(pickle: &Pickle<'_>, id: Id) -> Option<Vec<usize>> {
    let length = |id: &Id| pickle.int(*id).and_then(|length| usize::try_from(length).ok());
    pickle.items(id)?.iter().map(length).collect()
}

/// The name of a dtype, such as `u1`.
fn type_name<'a>(pickle: &'a Pickle<'_>, dtype: Id) -> Option<&'a str> {
    let call = pickle.call(dtype)?;
    let ("numpy", "dtype") = pickle.global(call.function)? else { return None };
    pickle.str(*pickle.items(call.arguments)?.first()?)
}
