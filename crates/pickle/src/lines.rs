//! Numbers and strings of the text protocols, which stand in lines.

use std::borrow::Cow;

use crate::object::{BigInt, Object};

/// A line of `INT` or `LONG`: decimal digits, behind which Python 2 has an `L`; for `INT` alone, `00` and
/// `01` are truth values.
pub(crate) fn integer(line: &[u8], truth_values: bool) -> Option<Object<'_>> {
    let digits = str::from_utf8(line).ok()?.trim_ascii();
    match digits {
        "00" if truth_values => return Some(Object::Bool(false)),
        "01" if truth_values => return Some(Object::Bool(true)),
        _ => {}
    }
    let digits = digits.strip_suffix('L').unwrap_or(digits);
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().map_or(Object::BigInt(BigInt::Decimal(digits)), Object::Int))
}

/// A line of `FLOAT`.
pub(crate) fn float(line: &[u8]) -> Option<f64> {
    str::from_utf8(line).ok()?.trim_ascii().parse().ok()
}

/// A line of `STRING`: bytes between quotes, with Python's escapes.
pub(crate) fn string(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    let line = line.trim_ascii_end();
    let (quote, rest) = line.split_first()?;
    let (end, inner) = rest.split_last()?;
    if !matches!(quote, b'\'' | b'"') || quote != end {
        return None;
    }
    if !inner.contains(&b'\\') {
        return Some(inner.into());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let escaped = match rest.next()? {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'x' => 16 * digit(rest.next()?, 16)? + digit(rest.next()?, 16)?,
            octal @ b'0'..=b'7' => {
                let mut value = u32::from(octal - b'0');
                for _ in 0..2 {
                    let Some(next) = rest.next_if(|byte| matches!(byte, b'0'..=b'7')) else { break };
                    value = 8 * value + u32::from(next - b'0');
                }
                // Python takes the low byte of \400 and above.
                value as u8
            }
            same @ (b'\\' | b'\'' | b'"') => same,
            other => {
                // Not an escape: the backslash stands for itself.
                bytes.push(b'\\');
                other
            }
        };
        bytes.push(escaped);
    }
    Some(bytes.into())
}

/// A line of `UNICODE`: Latin-1 with escapes for all beyond it.
pub(crate) fn unicode(line: &[u8]) -> Option<Cow<'_, str>> {
    if line.is_ascii() && !line.contains(&b'\\') {
        return str::from_utf8(line).ok().map(Cow::from);
    }
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let len = match (byte, rest.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(*byte));
                continue;
            }
        };
        let digits = rest.get(1..=len)?;
        let code = digits
            .iter()
            .try_fold(0u32, |code, byte| Some(code.checked_mul(16)? + u32::from(digit(*byte, 16)?)))?;
        rest = &rest[1 + len..];
        if code > u32::from(char::MAX) {
            return None;
        }
        // Python accepts a lone surrogate as a character; UTF-8 cannot express it.
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Some(text.into())
}

fn digit(byte: u8, radix: u32) -> Option<u8> {
    // Below the radix, so a byte.
    char::from(byte).to_digit(radix).map(|digit| digit as u8)
}
