//! A pickle of tensors, read without running anything.
//!
//! Only what `torch.save` writes of a state dict is known: protocol 2, containers, numbers, text,
//! `OrderedDict`, and the functions that put a tensor together, whose arguments are kept as data. Any other
//! class or function is refused by its name. Objects lie in one list and refer to each other by number: so
//! what refers to itself, or lies a million deep, takes no more memory than its opcodes, and nothing here is
//! recursive.

use std::collections::HashMap;

use super::Fault;
use super::object::{Global, Id, Kind, Object, Pickle, Storage, Tensor};
use crate::checkpoint::error::clip;

/// The longest pickle that is read; reading it may take forty times the length. ResNet-1001's with the
/// momentum of its optimizer has two megabytes.
pub(super) const LONGEST: u64 = 8 << 20;
/// Dimensions of a tensor; a network's have four.
const MOST_DIMENSIONS: usize = 8;

/// Reads a whole pickle.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickle<'_>, Fault> {
    Machine { bytes, at: 0, objects: vec![], stack: vec![], marks: vec![], memo: HashMap::new() }.run()
}

/// What a pickle's opcodes work on.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack at which a sequence begins.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn run(mut self) -> Result<Pickle<'a>, Fault> {
        loop {
            let at = self.at;
            let [opcode] = self.take()?;
            match opcode {
                0x80 => match self.take()? {
                    [2] => {}
                    [other] => return Err(Fault::Refused(format!("its pickle has protocol {other}, not 2"))),
                },
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle::new(self.bytes, self.objects, root));
                }
                b'N' | 0x88 | 0x89 => self.push(Object::Plain),
                b'G' => {
                    let _: [u8; 8] = self.take()?;
                    self.push(Object::Plain);
                }
                b'K' => {
                    let [value] = self.take()?;
                    self.push(Object::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.take()?);
                    self.push(Object::Int(value.into()));
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.take()?);
                    self.push(Object::Int(value.into()));
                }
                0x8a => self.long()?,
                b'X' => {
                    let len = u32::from_le_bytes(self.take()?) as usize;
                    let from = self.at;
                    str::from_utf8(self.slice(len)?).map_err(|_| damaged("holds text that is no UTF-8"))?;
                    self.push(Object::Text(from, from + len));
                }
                b'}' => self.push(Object::Dict(vec![])),
                b']' => self.push(Object::List(vec![])),
                b')' => self.push(Object::Tuple(vec![])),
                b'(' => self.marks.push(self.stack.len()),
                b't' => {
                    let items = self.pop_marked()?;
                    self.push(Object::Tuple(items));
                }
                0x85..=0x87 => {
                    let mut items = vec![0; usize::from(opcode - 0x84)];
                    for item in items.iter_mut().rev() {
                        *item = self.pop()?;
                    }
                    self.push(Object::Tuple(items));
                }
                b'q' => {
                    let [slot] = self.take()?;
                    self.remember(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.take()?);
                    self.remember(slot)?;
                }
                b'h' => {
                    let [slot] = self.take()?;
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.take()?);
                    self.recall(slot)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_marked()?;
                    self.extend_list(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.extend_dict(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_marked()?;
                    self.extend_dict(&items)?;
                }
                b'c' => self.global()?,
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                b'b' => self.set_state()?,
                other => {
                    return Err(Fault::Refused(format!(
                        "its pickle has the opcode {other:#04x} at byte {at}, which no state dict needs"
                    )));
                }
            }
        }
    }

    /// A number of up to eight bytes with a sign.
    fn long(&mut self) -> Result<(), Fault> {
        let [len] = self.take()?;
        let bytes = self.slice(len.into())?;
        let mut all = [if bytes.last().is_some_and(|last| *last >= 128) { 0xff } else { 0 }; 8];
        let fits =
            all.get_mut(..bytes.len()).ok_or_else(|| damaged("holds a number of more than 64 bits"))?;
        fits.copy_from_slice(bytes);
        self.push(Object::Int(i64::from_le_bytes(all)));
        Ok(())
    }

    /// A class or function by its name, which is looked up here and nowhere else.
    fn global(&mut self) -> Result<(), Fault> {
        let (module, name) = (self.line()?, self.line()?);
        let global = match (module, name) {
            ("collections", "OrderedDict") => Some(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
            ("torch", _) => Kind::of_class(name).map(Global::Storage),
            _ => None,
        };
        let Some(global) = global else {
            let (module, name) = (clip(module, 80), clip(name, 80));
            return Err(Fault::Refused(format!(
                "its pickle asks for {module}.{name}, and only what tensors are made of is put together here"
            )));
        };
        self.push(Object::Global(global));
        Ok(())
    }

    /// `("storage", kind, key, device, length)` on the stack becomes that storage.
    fn storage(&mut self) -> Result<(), Fault> {
        let form = || damaged("names a storage in another form than PyTorch");
        let id = self.pop()?;
        let Object::Tuple(parts) = &self.objects[id] else { return Err(form()) };
        let [tag, kind, key, _, len] = parts[..] else { return Err(form()) };
        let (Object::Global(Global::Storage(kind)), Object::Text(from, to), Object::Int(len)) =
            (&self.objects[kind], &self.objects[key], &self.objects[len])
        else {
            return Err(form());
        };
        if !matches!(self.objects[tag], Object::Text(from, to) if &self.bytes[from..to] == b"storage") {
            return Err(form());
        }
        let key = String::from_utf8_lossy(&self.bytes[*from..*to]);
        // Beside each tensor its storage's name is kept: a long one would be kept a million times.
        let key = (key.len() <= 64).then(|| key.into_owned()).ok_or_else(form)?;
        let storage = Storage { kind: *kind, key, len: u64::try_from(*len).map_err(|_| form())? };
        self.push(Object::Storage(Box::new(storage)));
        Ok(())
    }

    /// A known function and its arguments on the stack become what it would make of them.
    fn call(&mut self) -> Result<(), Fault> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Object::Tuple(arguments), Object::Global(function)) =
            (&self.objects[arguments], &self.objects[function])
        else {
            return Err(damaged("calls what is no function"));
        };
        match (function, &arguments[..]) {
            (Global::OrderedDict, []) => self.push(Object::Dict(vec![])),
            // Whether it needs a gradient, hooks and what else follows don't matter here.
            (
                Global::RebuildTensor,
                [storage, offset, shape, strides, _, _] | [storage, offset, shape, strides, _, _, _],
            ) => {
                let tensor = self.tensor(*storage, *offset, *shape, *strides);
                let tensor =
                    tensor.ok_or_else(|| damaged("puts a tensor together in another form than PyTorch"))?;
                self.push(Object::Tensor(Box::new(tensor)));
            }
            (Global::RebuildParameter, [tensor, _, _]) => {
                let tensor = *tensor;
                self.stack.push(tensor);
            }
            _ => return Err(damaged("calls a function with other arguments than PyTorch")),
        }
        Ok(())
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Option<Tensor> {
        let (Object::Storage(storage), Object::Int(offset)) = (&self.objects[storage], &self.objects[offset])
        else {
            return None;
        };
        let numbers = |id: Id| -> Option<Vec<u64>> {
            let Object::Tuple(items) = &self.objects[id] else { return None };
            let number = |id: &Id| match self.objects[*id] {
                Object::Int(number) => u64::try_from(number).ok(),
                _ => None,
            };
            if items.len() > MOST_DIMENSIONS { None } else { items.iter().map(number).collect() }
        };
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        let shape: Option<Vec<usize>> = shape.into_iter().map(|size| size.try_into().ok()).collect();
        let shape = shape.filter(|shape| shape.len() == strides.len())?;
        Some(Tensor { storage: (**storage).clone(), offset: u64::try_from(*offset).ok()?, shape, strides })
    }

    /// An `OrderedDict`'s attributes, which say nothing about its items, are dropped.
    fn set_state(&mut self) -> Result<(), Fault> {
        self.pop()?;
        match self.objects[self.last()?] {
            Object::Dict(_) => Ok(()),
            _ => Err(damaged("sets the attributes of what has none")),
        }
    }

    fn extend_list(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        let last = self.last()?;
        match &mut self.objects[last] {
            Object::List(list) => list.extend(items),
            _ => return Err(damaged("appends to what is no list")),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Id]) -> Result<(), Fault> {
        let last = self.last()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.objects[last] {
            Object::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)))
            }
            _ => return Err(damaged("sets items of what is no dictionary")),
        }
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), Fault> {
        let last = self.last()?;
        self.memo.insert(slot, last);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), Fault> {
        let id = self.memo.get(&slot).ok_or_else(|| damaged("recalls what it never kept"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    /// The stack's height below which the sequence at hand doesn't reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn last(&self) -> Result<Id, Fault> {
        let above = self.stack.get(self.floor()..).and_then(<[Id]>::last);
        above.copied().ok_or_else(|| damaged("needs more than is on its stack"))
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    fn pop_marked(&mut self) -> Result<Vec<Id>, Fault> {
        let floor = self.marks.pop().ok_or_else(|| damaged("ends a sequence that never began"))?;
        // A mark is a height that the stack had, and nothing is popped below it.
        Ok(self.stack.split_off(floor))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.slice(N)?;
        bytes.try_into().map_err(|_| cut())
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or_else(cut)?;
        self.at += len;
        Ok(bytes)
    }

    /// The text up to the next line feed.
    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
        self.at += len + 1;
        str::from_utf8(&rest[..len]).map_err(|_| damaged("has a name that is no UTF-8"))
    }
}

fn cut() -> Fault {
    damaged("ends too early")
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged(format!("its pickle {what}"))
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
