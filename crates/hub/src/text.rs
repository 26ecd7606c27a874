//! Text from outside as messages show it.

use std::borrow::Cow;

use resnet_words::is_unprintable;

/// `text` with an escape such as `\u{1b}` for every [unprintable](is_unprintable) character: names and
/// messages from a server may hold any.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unprintable(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn names_from_outside_are_printed_escaped() {
        assert_eq!(printable("data/ä b.tar"), "data/ä b.tar");
        assert_eq!(printable("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\u{a}\\u{202e}b");
        let error = Error::Unavailable {
            wanted: "a\u{1b}.tar".to_owned(),
            cache: "cache\r".into(),
            cause: "the server says\nno".to_owned(),
            mend: "check it".to_owned(),
        };
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
}
