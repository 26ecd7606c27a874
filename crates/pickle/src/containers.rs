//! The opcodes that make and fill containers, and those that set an object's state.

use crate::Error;
use crate::machine::Machine;
use crate::object::{Id, Object};

impl Machine<'_> {
    /// The marked items become a tuple, list, dictionary or frozen set.
    pub(crate) fn container(&mut self, opcode: u8) -> Result<(), Error> {
        let items = self.pop_marked()?;
        let container = match opcode {
            b't' => Object::Tuple(items),
            b'l' => Object::List(items),
            b'd' => Object::Dict(self.pairs(&items)?),
            _ => Object::FrozenSet(items),
        };
        self.push(container);
        Ok(())
    }

    /// The last `len` objects become a tuple.
    pub(crate) fn tuple(&mut self, len: usize) -> Result<(), Error> {
        let mut items = vec![Id(0); len];
        for item in items.iter_mut().rev() {
            *item = self.pop()?;
        }
        self.push(Object::Tuple(items));
        Ok(())
    }

    /// One object or the marked ones go into the container below them.
    pub(crate) fn fill(&mut self, opcode: u8) -> Result<(), Error> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
            _ => self.pop_marked()?,
        };
        let container = self.last()?.0 as usize;
        if matches!(opcode, b's' | b'u') {
            let pairs = self.pairs(&items)?;
            match &mut self.objects[container] {
                Object::Dict(entries) => entries.extend(pairs),
                Object::Call(call) => call.entries.extend(pairs),
                object if is_opaque(object) => {}
                _ => return Err(self.damaged("sets items of what is no dictionary")),
            }
            return Ok(());
        }
        match (&mut self.objects[container], opcode) {
            (Object::List(list), b'a' | b'e') | (Object::Set(list), 0x90) => list.extend(items),
            (Object::Call(call), _) => call.items.extend(items),
            (object, _) if is_opaque(object) => {}
            (_, 0x90) => return Err(self.damaged("adds to what is no set")),
            _ => return Err(self.damaged("appends to what is no list")),
        }
        Ok(())
    }

    /// The last object is the state of the one below it.
    pub(crate) fn set_state(&mut self) -> Result<(), Error> {
        let state = self.pop()?;
        let id = self.last()?.0 as usize;
        match &mut self.objects[id] {
            Object::Call(call) => call.state = Some(state),
            object if is_opaque(object) => {}
            _ => return Err(self.damaged("sets the attributes of what has none")),
        }
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, Error> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.damaged("has a key without a value"));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }
}

/// Whether only the program that wrote the pickle knows what an object is.
fn is_opaque(object: &Object) -> bool {
    matches!(object, Object::Persistent(_) | Object::Extension(_) | Object::Global { .. })
}
