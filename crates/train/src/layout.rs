//! Where each variable lies in one flat buffer of all of them, and how a variable's numbers are reached.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Result, Storage, Tensor, Var, bail};

/// One variable's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The variable's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where its numbers lie in the buffer, in row-major order.
    pub range: Range<usize>,
}

/// The places of a network's variables, in the order of their names and without gaps.
///
/// Running statistics have a place as well, though no gradient ever comes there: then the places are a
/// function of the network alone, the same in every process and after every resume.
///
/// ```
/// use std::collections::BTreeMap;
/// use candle_core::{DType, Device, Var};
/// use resnet_train::Layout;
///
/// let zeros = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu);
/// let (weight, bias) = (zeros(&[3, 2])?, zeros(&[2])?);
/// let variables = BTreeMap::from([("fc.weight".to_owned(), weight), ("fc.bias".to_owned(), bias)]);
/// let layout = Layout::of(&variables);
/// assert_eq!(layout.len(), 8);
/// assert_eq!((layout.places()[1].name.as_str(), &layout.places()[1].range), ("fc.weight", &(2..8)));
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    places: Vec<Place>,
    len: usize,
}

impl Layout {
    /// The layout of these variables.
    pub fn of(variables: &BTreeMap<String, Var>) -> Layout {
        let mut len = 0;
        let place = |(name, variable): (&String, &Var)| {
            let start = len;
            len += variable.elem_count();
            Place { name: name.clone(), shape: variable.dims().to_vec(), range: start..len }
        };
        let places = variables.iter().map(place).collect();
        Layout { places, len }
    }

    /// All places, by name.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Numbers in the buffer.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no variable.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Calls `read` with the tensor's numbers in row-major order, and returns its result.
///
/// # Errors
/// If it is not f32 on the CPU.
pub(crate) fn read<R>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(read(&values[start..end])),
        _ => bail!("a step needs f32 tensors on the CPU, not {:?}", tensor.dtype()),
    }
}

/// Calls `change` with the variable's numbers in row-major order, to change them in place.
///
/// # Errors
/// If it is not f32 on the CPU.
pub(crate) fn change(variable: &Var, change: impl FnMut(&mut [f32])) -> Result<()> {
    variable.inplace_op1(&Change(RefCell::new(change)))
}

struct Change<F>(RefCell<F>);

impl<F: FnMut(&mut [f32])> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &candle_core::Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) => {
                (self.0.borrow_mut())(&mut values[start..end]);
                Ok(())
            }
            _ => bail!("a step needs f32 variables on the CPU"),
        }
    }
}
