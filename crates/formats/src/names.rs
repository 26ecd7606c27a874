//! Names of files as text: which of them are ignored, and how any bytes become one line of text and back.
//!
//! Indexes, messages and lists of records hold names as text. What is no text there (bytes that are not
//! UTF-8, line breaks, escape codes for terminals, marks that turn the direction of writing) is written as
//! `\xHH`, and a backslash as `\\`; so no two names become one, and none breaks a line.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;

use resnet_words::is_unprintable;

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

/// Whether a file or folder of this name is ignored: it is hidden, as macOS's `._x.jpg` and `.DS_Store` are,
/// or a system's own.
pub fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || is_of_a_system(name)
}

/// Whether a file or folder of this name is a system's own.
pub fn is_of_a_system(name: &str) -> bool {
    OF_SYSTEMS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A path as text for people, scripts and lists: as it is, but for what the [module](self) escapes.
///
/// ```
/// use resnet_formats::names::shown;
///
/// assert_eq!(shown("images/cat 1.jpg".as_ref()), "images/cat 1.jpg");
/// assert_eq!(shown("images/two\nlines.jpg".as_ref()), r"images/two\x0alines.jpg");
/// ```
pub fn shown(path: &Path) -> String {
    text_of(path.as_os_str()).into_owned()
}

/// Text in which nothing breaks a line or steers a terminal; unlike [`shown`], it leaves backslashes alone,
/// so that text with escaped names in it stays what it is.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unprintable(c) {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_digits(byte, &mut out));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The name in a line of a list of records. The list may have been written by hand or by another program, so
/// bytes that are not UTF-8 and single backslashes are accepted.
pub fn of_line(line: &[u8]) -> String {
    let text: String = line.utf8_chunks().fold(String::with_capacity(line.len()), |mut text, chunk| {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|&byte| push_digits(byte, &mut text));
        text
    });
    if cfg!(unix) { escaped(&unescaped(&text)).into_owned() } else { text }
}

fn push_digits(byte: u8, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// The bytes of a name as text.
pub fn escaped(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(name)
        && !text.contains(|c: char| c == '\\' || is_unprintable(c))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(name.len() + 8);
    let digits = |bytes: &[u8], out: &mut String| bytes.iter().for_each(|&byte| push_digits(byte, out));
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if is_unprintable(c) => digits(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
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
pub fn text_of(name: &OsStr) -> Cow<'_, str> {
    escaped(std::os::unix::ffi::OsStrExt::as_bytes(name))
}

/// The name or path that [`shown`] made this text of.
#[cfg(unix)]
pub fn name_of(text: &str) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(unescaped(text).into_owned())
}

/// Elsewhere names are Unicode and have no control characters, and a backslash parts folders.
#[cfg(not(unix))]
pub fn text_of(name: &OsStr) -> Cow<'_, str> {
    name.to_string_lossy()
}

/// The name or path that [`shown`] made this text of.
#[cfg(not(unix))]
pub fn name_of(text: &str) -> OsString {
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
            ("a\u{202e}gpj.exe".as_bytes(), r"a\xe2\x80\xaegpj.exe"),
            ("a\u{2028}b".as_bytes(), r"a\xe2\x80\xa8b"),
        ] {
            assert_eq!(escaped(name), text);
        }
    }

    #[test]
    fn text_is_printable_and_keeps_its_backslashes() {
        assert_eq!(printable(r"C:\x and dög"), r"C:\x and dög");
        assert_eq!(printable("a\nb\x1b[2J\u{9b}31m"), r"a\x0ab\x1b[2J\xc2\x9b31m");
        assert_eq!(printable(&printable("a\nb")), r"a\x0ab");
    }

    #[cfg(unix)]
    #[test]
    fn lines_of_lists_are_names_whoever_wrote_them() {
        for (line, name) in [
            (&b"train/cat 1.jpg"[..], "train/cat 1.jpg"),
            (br"caf\xe9.jpg", r"caf\xe9.jpg"),
            (b"caf\xe9.jpg", r"caf\xe9.jpg"),
            (br"a\b.jpg", r"a\\b.jpg"),
            (br"a\\b.jpg", r"a\\b.jpg"),
            (b"a\x1bb.jpg", r"a\x1bb.jpg"),
        ] {
            assert_eq!(of_line(line), name);
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
            prop_assert!(!text.contains(is_unprintable));
            prop_assert_eq!(&*unescaped(&text), &name[..]);
            prop_assert_eq!(printable(&text), &*text);
            #[cfg(unix)]
            prop_assert_eq!(of_line(text.as_bytes()), &*text);
        }

        #[test]
        fn any_text_is_a_name(text in r"[\\x0-9a-fé]{0,12}") {
            let _ = unescaped(&text);
        }
    }
}
