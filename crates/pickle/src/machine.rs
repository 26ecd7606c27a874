//! The stack machine that carries out a pickle's opcodes, which make objects.
//!
//! An opcode makes at most four objects, and what it adds to the stack, the memo and the containers is
//! bounded as well, except for sequences, whose items each had an opcode of their own.

use std::collections::HashMap;

use crate::lines;
use crate::object::{BigInt, Call, Id, Object};
use crate::{Error, Pickle};

/// The most opcodes whose objects can be numbered with 32 bits.
const MOST_OPCODES: usize = u32::MAX as usize / 4;

/// What opcodes work on.
pub(crate) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the opcode at hand lies, for messages.
    opcode_at: usize,
    pub(crate) objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a sequence begins.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`, if it has no more than `most_opcodes` opcodes;
    /// [`Pickle::consumed`] tells where it ends.
    ///
    /// # Errors
    /// If the bytes are no pickle, or a damaged one, or if it has more opcodes.
    pub fn parse(bytes: &'a [u8], most_opcodes: usize) -> Result<Self, Error> {
        let mut machine = Machine {
            bytes,
            at: 0,
            opcode_at: 0,
            objects: vec![],
            stack: vec![],
            marks: vec![],
            memo: HashMap::new(),
        };
        for _ in 0..most_opcodes.min(MOST_OPCODES) {
            if let Some(root) = machine.step()? {
                return Ok(Pickle { objects: machine.objects, root, consumed: machine.at });
            }
        }
        Err(Error::TooLong(most_opcodes))
    }
}

impl<'a> Machine<'a> {
    /// Carries out the next opcode; the last one, `STOP`, gives the root.
    fn step(&mut self) -> Result<Option<Id>, Error> {
        self.opcode_at = self.at;
        let opcode = self.byte()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => match self.byte()? {
                0..=5 => {}
                other => return Err(Error::Protocol(other)),
            },
            // The length of a frame, which only a reader of a stream needs.
            0x95 => drop(self.take::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.discard()?,
            b'1' => drop(self.pop_marked()?),
            b'2' => {
                let last = self.last()?;
                self.stack.push(last);
            }
            b't' | b'l' | b'd' | 0x91 => self.container(opcode)?,
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b'a' | b'e' | 0x90 | b's' | b'u' => self.fill(opcode)?,
            b'p' | b'q' | b'r' | 0x94 => {
                let (slot, last) = (self.slot(opcode)?, self.last()?);
                self.memo.insert(slot, last);
            }
            b'g' | b'h' | b'j' => {
                let slot = self.slot(opcode)?;
                let id = self.memo.get(&slot).copied();
                let id = id.ok_or_else(|| self.damaged("recalls what it never kept"))?;
                self.stack.push(id);
            }
            b'c' => {
                let global = self.named_global()?;
                self.stack.push(global);
            }
            b'R' | 0x81 | 0x92 | b'i' | b'o' => self.call(opcode)?,
            b'b' => self.set_state()?,
            _ => {
                let object = self.object(opcode)?;
                self.push(object);
            }
        }
        Ok(None)
    }

    /// The object that `opcode` pushes, made from the bytes after it or from what it pops.
    fn object(&mut self, opcode: u8) -> Result<Object<'a>, Error> {
        Ok(match opcode {
            b'N' => Object::None,
            0x88 | 0x89 => Object::Bool(opcode == 0x88),
            b'I' | b'L' => lines::integer(self.line()?, opcode == b'I')
                .ok_or_else(|| self.damaged("has an integer of another form"))?,
            b'J' => Object::Int(i32::from_le_bytes(self.take()?).into()),
            b'K' => Object::Int(self.byte()?.into()),
            b'M' => Object::Int(u16::from_le_bytes(self.take()?).into()),
            0x8a | 0x8b => long(self.sized(opcode)?),
            b'F' => {
                let value = lines::float(self.line()?);
                Object::Float(value.ok_or_else(|| self.damaged("has a float of another form"))?)
            }
            b'G' => Object::Float(f64::from_be_bytes(self.take()?)),
            b'S' => {
                let bytes = lines::string(self.line()?);
                Object::Bytes(bytes.ok_or_else(|| self.damaged("has a string of another form"))?)
            }
            b'V' => {
                let text = lines::unicode(self.line()?);
                Object::Text(text.ok_or_else(|| self.damaged("has text of another form"))?)
            }
            b'T' | b'U' | b'B' | b'C' | 0x8e => Object::Bytes(self.sized(opcode)?.into()),
            b'X' | 0x8c | 0x8d => Object::Text(String::from_utf8_lossy(self.sized(opcode)?)),
            0x96 => Object::ByteArray(self.sized(opcode)?),
            0x97 | 0x98 => return Err(Error::OutOfBand),
            b'}' => Object::Dict(vec![]),
            b']' => Object::List(vec![]),
            b')' => Object::Tuple(vec![]),
            0x8f => Object::Set(vec![]),
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let is_text = |id: Id| matches!(self.objects[id.0 as usize], Object::Text(_));
                if !is_text(module) || !is_text(name) {
                    return Err(self.damaged("has a global whose name is no text"));
                }
                Object::Global { module, name }
            }
            b'P' => {
                let text = String::from_utf8_lossy(self.line()?);
                Object::Persistent(self.add(Object::Text(text)))
            }
            b'Q' => Object::Persistent(self.pop()?),
            0x82 => Object::Extension(self.byte()?.into()),
            0x83 => Object::Extension(u16::from_le_bytes(self.take()?).into()),
            0x84 => Object::Extension(u32::from_le_bytes(self.take()?)),
            opcode => return Err(Error::Opcode { at: self.opcode_at, opcode }),
        })
    }

    /// The bytes of an opcode that follow their length; the opcode decides how the length is written.
    fn sized(&mut self, opcode: u8) -> Result<&'a [u8], Error> {
        let len = match opcode {
            b'U' | b'C' | 0x8c | 0x8a => self.byte()?.into(),
            b'X' | b'B' => u32::from_le_bytes(self.take()?).into(),
            // The length of these is signed.
            b'T' | 0x8b => u64::try_from(i32::from_le_bytes(self.take()?))
                .map_err(|_| self.damaged("has a negative length"))?,
            _ => u64::from_le_bytes(self.take()?),
        };
        self.slice(usize::try_from(len).map_err(|_| Error::Cut)?)
    }

    /// The place in the memo that an opcode names.
    fn slot(&mut self, opcode: u8) -> Result<u64, Error> {
        Ok(match opcode {
            b'p' | b'g' => {
                let slot =
                    str::from_utf8(self.line()?).ok().and_then(|digits| digits.trim_ascii().parse().ok());
                slot.ok_or_else(|| self.damaged("names a place in its memo by no number"))?
            }
            b'q' | b'h' => self.byte()?.into(),
            b'r' | b'j' => u32::from_le_bytes(self.take()?).into(),
            _ => self.memo.len() as u64,
        })
    }

    /// A class or function whose names stand in two lines.
    fn named_global(&mut self) -> Result<Id, Error> {
        let (module, name) = (self.line()?, self.line()?);
        let [module, name] = [module, name].map(|line| self.add(Object::Text(String::from_utf8_lossy(line))));
        Ok(self.add(Object::Global { module, name }))
    }

    /// A function or class and its arguments become a call.
    fn call(&mut self, opcode: u8) -> Result<(), Error> {
        let mut keywords = None;
        let (function, arguments) = match opcode {
            b'i' => {
                let function = self.named_global()?;
                let arguments = self.pop_marked()?;
                (function, self.add(Object::Tuple(arguments)))
            }
            b'o' => {
                let mut arguments = self.pop_marked()?;
                if arguments.is_empty() {
                    return Err(self.damaged("makes an object without its class"));
                }
                (arguments.remove(0), self.add(Object::Tuple(arguments)))
            }
            _ => {
                if opcode == 0x92 {
                    keywords = Some(self.pop()?);
                }
                let (arguments, function) = (self.pop()?, self.pop()?);
                (function, arguments)
            }
        };
        if !matches!(self.objects[arguments.0 as usize], Object::Tuple(_)) {
            return Err(self.damaged("calls something with what are no arguments"));
        }
        let (state, items, entries) = (None, vec![], vec![]);
        self.push(Object::Call(Box::new(Call { function, arguments, keywords, state, items, entries })));
        Ok(())
    }

    pub(crate) fn add(&mut self, object: Object<'a>) -> Id {
        // MOST_OPCODES keeps the number in 32 bits.
        let id = Id(self.objects.len() as u32);
        self.objects.push(object);
        id
    }

    pub(crate) fn push(&mut self, object: Object<'a>) {
        let id = self.add(object);
        self.stack.push(id);
    }

    /// The stack's height at the last mark: what lies below is not part of the current sequence.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(crate) fn last(&self) -> Result<Id, Error> {
        // A mark is a height that the stack had, and nothing is popped below it.
        self.stack[self.floor()..]
            .last()
            .copied()
            .ok_or_else(|| self.damaged("needs more than is on its stack"))
    }

    pub(crate) fn pop(&mut self) -> Result<Id, Error> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    /// Drops the last object, or the last mark if no object lies above it.
    fn discard(&mut self) -> Result<(), Error> {
        if self.stack.len() == self.floor() && self.marks.pop().is_some() {
            return Ok(());
        }
        self.pop().map(drop)
    }

    pub(crate) fn pop_marked(&mut self) -> Result<Vec<Id>, Error> {
        let floor = self.marks.pop().ok_or_else(|| self.damaged("ends a sequence that never began"))?;
        Ok(self.stack.drain(floor..).collect())
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.slice(N)?.try_into().map_err(|_| Error::Cut)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (slice, _) = self.bytes[self.at..].split_at_checked(len).ok_or(Error::Cut)?;
        self.at += len;
        Ok(slice)
    }

    /// The bytes up to the next line feed.
    fn line(&mut self) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == b'\n').ok_or(Error::Cut)?;
        self.at += len + 1;
        Ok(&rest[..len])
    }

    pub(crate) fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { at: self.opcode_at, what }
    }
}

/// An integer in two's complement.
fn long(bytes: &[u8]) -> Object<'_> {
    let mut all = [if bytes.last().is_some_and(|last| *last >= 128) { 0xff } else { 0 }; 8];
    match all.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(all))
        }
        None => Object::BigInt(BigInt::LittleEndian(bytes)),
    }
}
