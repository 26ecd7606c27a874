//! The few messages of TensorBoard's protocol that scalars need, in protobuf's wire format.
//!
//! ```text
//! Event    1 wall_time: double   2 step: int64   3 file_version: string   5 summary   7 session_log
//! Summary  1 value, repeated     Value  1 tag: string   2 simple_value: float
//! SessionLog  1 status: 1 is START
//! ```
//!
//! Numbers of fields: TensorFlow's `core/util/event.proto` and `core/framework/summary.proto`.

/// An event of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Seconds since 1970.
    pub(super) wall_time: f64,
    pub(super) step: u64,
    pub(super) what: What,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// The first of a file.
    FileVersion(String),
    /// Values by their tags.
    Scalars(Vec<(String, f32)>),
    /// A session has begun: TensorBoard drops events of this step and of later ones that it has read before.
    Start,
}

/// Kinds of values on the wire.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl Event {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![];
        key(1, EIGHT_BYTES, &mut out);
        out.extend(self.wall_time.to_le_bytes());
        key(2, VARINT, &mut out);
        varint(self.step, &mut out);
        match &self.what {
            What::FileVersion(version) => bytes(3, version.as_bytes(), &mut out),
            What::Scalars(scalars) => {
                let mut summary = vec![];
                for (tag, value) in scalars {
                    let mut inner = vec![];
                    bytes(1, tag.as_bytes(), &mut inner);
                    key(2, FOUR_BYTES, &mut inner);
                    inner.extend(value.to_le_bytes());
                    bytes(1, &inner, &mut summary);
                }
                bytes(5, &summary, &mut out);
            }
            What::Start => {
                let mut session = vec![];
                key(1, VARINT, &mut session);
                varint(1, &mut session);
                bytes(7, &session, &mut out);
            }
        }
        out
    }

    /// The event that [`encode`](Self::encode) wrote; `None` if it is damaged. Fields that `encode` does not
    /// write are passed over.
    pub(super) fn decode(data: &[u8]) -> Option<Event> {
        let mut event = Event { wall_time: 0.0, step: 0, what: What::Scalars(vec![]) };
        for field in Fields(data) {
            match field? {
                (1, Value::Eight(value)) => event.wall_time = f64::from_le_bytes(value),
                (2, Value::Number(step)) => event.step = step,
                (3, Value::Bytes(text)) => {
                    event.what = What::FileVersion(String::from_utf8(text.into()).ok()?)
                }
                (5, Value::Bytes(summary)) => event.what = What::Scalars(scalars(summary)?),
                (7, Value::Bytes(_)) => event.what = What::Start,
                _ => {}
            }
        }
        Some(event)
    }
}

fn scalars(summary: &[u8]) -> Option<Vec<(String, f32)>> {
    let mut scalars = vec![];
    for field in Fields(summary) {
        let (1, Value::Bytes(value)) = field? else { continue };
        let (mut tag, mut number) = (String::new(), 0.0);
        for field in Fields(value) {
            match field? {
                (1, Value::Bytes(text)) => tag = String::from_utf8(text.into()).ok()?,
                (2, Value::Four(value)) => number = f32::from_le_bytes(value),
                _ => {}
            }
        }
        scalars.push((tag, number));
    }
    Some(scalars)
}

fn key(field: u64, kind: u64, out: &mut Vec<u8>) {
    varint(field << 3 | kind, out);
}

fn bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    key(field, LENGTH, out);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

/// Seven bits a byte, the lowest first; all but the last have their highest bit set.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field's value as it stands on the wire.
enum Value<'a> {
    Number(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers; ends with `None` where it is damaged.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            VARINT => Value::Number(self.number()?),
            EIGHT_BYTES => Value::Eight(self.take(8)?.try_into().ok()?),
            LENGTH => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            FOUR_BYTES => Value::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes of protobuf's own encoder (Python, protobuf 6).
    #[test]
    fn a_message_by_hand() {
        let event = Event { wall_time: 1.5, step: 300, what: What::Scalars(vec![("loss".to_owned(), 0.25)]) };
        let expected = [
            [0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f].as_slice(),
            &[0x10, 0xac, 0x02],
            &[0x2a, 13, 0x0a, 11, 0x0a, 4, b'l', b'o', b's', b's', 0x15, 0, 0, 0x80, 0x3e],
        ];
        assert_eq!(event.encode(), expected.concat());
    }

    proptest! {
        #[test]
        fn events_come_back(
            wall_time in 0.0..1e10f64,
            step in any::<u64>(),
            scalars in proptest::collection::vec(("[a-z/_]{0,20}", -1e9..1e9f32), 0..5),
        ) {
            let whats = [What::Scalars(scalars), What::Start, What::FileVersion("brain.Event:2".to_owned())];
            for what in whats {
                let event = Event { wall_time, step, what };
                prop_assert_eq!(Event::decode(&event.encode()), Some(event));
            }
        }

        #[test]
        fn bytes_of_any_kind_are_taken_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = Event::decode(&bytes);
        }
    }
}
