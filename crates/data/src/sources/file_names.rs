//! Names of files as text: which are passed over, and how any bytes become one line that turns back into them.
//!
//! Indexes, messages and lists of records hold names as text. What is no text there (bytes that are not
//! UTF-8, line breaks, escape codes for terminals) is written as `\xHH`, and a backslash as `\\`; so no two
//! names become one, and none breaks a line.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

/// What systems and file managers leave in folders and archives, besides hidden files.
const OF_SYSTEMS: [&str; 11] = [
    "__MACOSX",
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "Icon\r",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
];

/// Whether a file or folder of this name is nobody's data: it is hidden, as macOS's `._x.jpg` and `.DS_Store`
/// are, or a system's own.
pub(crate) fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || is_of_a_system(name)
}

/// Whether a file or folder of this name is a system's own.
pub(crate) fn is_of_a_system(name: &str) -> bool {
    OF_SYSTEMS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The bytes of a name as text.
pub(crate) fn escaped(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(name)
        && !text.contains(|c: char| c == '\\' || c.is_control())
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(name.len() + 8);
    let digits = |bytes: &[u8], out: &mut String| {
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    };
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => digits(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
                c => out.push(c),
            }
        }
        digits(chunk.invalid(), &mut out);
    }
    Cow::Owned(out)
}

/// The bytes that [`escaped`] made this text of.
#[cfg_attr(not(unix), allow(dead_code, reason = "names are not escaped there"))]
fn unescaped(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('\\') {
        return Cow::Borrowed(text.as_bytes());
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match (first, behind) {
            (b'\\', [b'\\', behind @ ..]) => (b'\\', behind),
            (b'\\', [b'x', high, low, behind @ ..]) => match hexadecimal([*high, *low]) {
                Some(byte) => (byte, behind),
                None => (*first, &rest[1..]),
            },
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Cow::Owned(bytes)
}

/// The byte of two digits.
#[cfg_attr(not(unix), allow(dead_code, reason = "names are not escaped there"))]
fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
}

/// The name or path of a file as text.
#[cfg(unix)]
pub(crate) fn text_of(name: &OsStr) -> Cow<'_, str> {
    escaped(std::os::unix::ffi::OsStrExt::as_bytes(name))
}

/// The name or path that [`text_of`] made this text of.
#[cfg(unix)]
pub(crate) fn name_of(text: &str) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(unescaped(text).into_owned())
}

/// Elsewhere names are Unicode and have no control characters, and a backslash parts folders.
#[cfg(not(unix))]
pub(crate) fn text_of(name: &OsStr) -> Cow<'_, str> {
    name.to_string_lossy()
}

#[cfg(not(unix))]
pub(crate) fn name_of(text: &str) -> OsString {
    text.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_one_line_and_readable() {
        for (name, text) in [
            (&b"cat 1.jpg"[..], "cat 1.jpg"),
            ("dög.png".as_bytes(), "dög.png"),
            (b"caf\xe9.jpg", r"caf\xe9.jpg"),
            (b"a\nb\x1b[31m.jpg", r"a\x0ab\x1b[31m.jpg"),
            (b"a\\x41.jpg", r"a\\x41.jpg"),
            ("\u{85}".as_bytes(), r"\xc2\x85"),
        ] {
            assert_eq!(escaped(name), text);
        }
    }

    #[test]
    fn what_is_nobodys_data_is_passed_over() {
        for name in [".DS_Store", "._0.jpg", "Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX", "@eaDir"] {
            assert!(is_passed_over(name), "{name}");
        }
        for name in ["0.jpg", "README.md", "_", "__x", "thumbs"] {
            assert!(!is_passed_over(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_comes_back_as_it_was(name in prop::collection::vec(any::<u8>(), 0..20)) {
            let text = escaped(&name);
            prop_assert!(!text.contains(char::is_control));
            prop_assert_eq!(&*unescaped(&text), &name[..]);
        }

        #[test]
        fn any_text_is_a_name(text in r"[\\x0-9a-fé]{0,12}") {
            let _ = unescaped(&text);
        }
    }
}
