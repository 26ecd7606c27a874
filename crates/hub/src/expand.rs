//! `~` and `$VARIABLES` in paths, as Python's `os.path.expanduser` and `os.path.expandvars` replace them.
//!
//! The Python library does this to the paths that its environment variables name: a shell leaves the `~` of
//! `HF_HOME='~/hf'` alone, and so does whatever sets variables without a shell, such as a container's or a
//! service's description.

use std::ffi::OsString;

/// The path with a leading `~` or `~user` and then all `$NAME` and `${NAME}` replaced. What is not known
/// stays as it is, and so does a path that is not UTF-8.
pub(crate) fn expanded(path: OsString, variable: impl Fn(&str) -> Option<OsString>) -> OsString {
    match path.into_string() {
        Ok(text) => {
            let (home, rest) = split_home(&text, &variable);
            let mut path = home.unwrap_or_default();
            push_variables(&mut path, rest, &variable);
            path
        }
        Err(raw) => raw,
    }
}

/// The home folder that a path begins with, and what follows it.
fn split_home<'a>(
    text: &'a str,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> (Option<OsString>, &'a str) {
    let Some(behind) = text.strip_prefix('~') else { return (None, text) };
    let (user, rest) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let home = if user.is_empty() { home(variable) } else { home_of(user) };
    match home.map(OsString::into_string) {
        Some(Ok(home)) => {
            let home = home.trim_end_matches('/');
            (Some(if home.is_empty() && rest.is_empty() { "/" } else { home }.into()), rest)
        }
        Some(Err(raw)) => (Some(raw), rest),
        None => (None, text),
    }
}

/// The user's home folder.
pub(crate) fn home(variable: &impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let named = if cfg!(windows) { variable("USERPROFILE") } else { variable("HOME") };
    named.or_else(|| variable(if cfg!(windows) { "HOME" } else { "USERPROFILE" }))
}

/// The home folder of somebody else, from the system's list of users.
fn home_of(user: &str) -> Option<OsString> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields[0] == user).then(|| fields.get(5).map(OsString::from)).flatten()
    })
}

/// Appends `text` with its variables replaced. A `$` in a variable's value is left alone.
fn push_variables(path: &mut OsString, text: &str, variable: &impl Fn(&str) -> Option<OsString>) {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let behind = &rest[at + 1..];
        let (name, end) = match behind.strip_prefix('{') {
            Some(inner) => match inner.find('}') {
                Some(end) => (&inner[..end], end + 2),
                None => ("", 0),
            },
            None => {
                let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                let end = behind.find(is_end).unwrap_or(behind.len());
                (&behind[..end], end)
            }
        };
        match Some(name).filter(|name| !name.is_empty()).and_then(variable) {
            Some(value) => {
                path.push(&rest[..at]);
                path.push(value);
            }
            None => path.push(&rest[..at + 1 + end]),
        }
        rest = &behind[end..];
    }
    path.push(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<OsString> {
        let known = [("HOME", "/h/"), ("A", "/a"), ("B2", "b"), ("NESTED", "$A"), ("EMPTY", "")];
        known.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    /// From Python 3.11, `os.path.expandvars(os.path.expanduser(path))` with the variables above.
    #[test]
    fn paths_become_what_python_makes_of_them() {
        for (path, expected) in [
            ("~", "/h"),
            ("~/hf", "/h/hf"),
            ("~//hf", "/h//hf"),
            ("x/~/y", "x/~/y"),
            ("~nobody-here/hf", "~nobody-here/hf"),
            ("$A/hf", "/a/hf"),
            ("${A}/hf", "/a/hf"),
            ("/x/$B2", "/x/b"),
            ("/x/${B2}y", "/x/by"),
            ("/x/$B2y", "/x/$B2y"),
            ("$", "$"),
            ("a$", "a$"),
            ("$$A", "$/a"),
            ("${A", "${A"),
            ("${}", "${}"),
            ("$NESTED/x", "$A/x"),
            ("/x$EMPTY/y", "/x/y"),
            ("$A$B2", "/ab"),
            ("~/$B2", "/h/b"),
            ("${A}${B2}", "/ab"),
            ("/\u{e4}$A\u{e4}", "/\u{e4}/a\u{e4}"),
            ("$1", "$1"),
            ("$A-$B2", "/a-b"),
            ("a~", "a~"),
            ("\\$A", "\\/a"),
            ("${NO}/$NO", "${NO}/$NO"),
            ("", ""),
        ] {
            assert_eq!(expanded(path.into(), variable), expected, "{path}");
        }
        assert_eq!(expanded("~/hf".into(), |_| None), "~/hf");
        assert_eq!(expanded("~".into(), |_| Some("/".into())), "/");
    }

    #[cfg(unix)]
    #[test]
    fn other_users_have_homes_too() {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = users.lines().find(|line| line.starts_with("root:")).expect("there is root");
        let home = line.split(':').nth(5).unwrap();
        assert_eq!(expanded("~root".into(), variable), home);
        assert_eq!(expanded("~root/hf".into(), variable), *format!("{home}/hf"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_utf_8_is_kept() {
        use std::os::unix::ffi::OsStringExt as _;
        let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        assert_eq!(expanded(raw(b"/caf\xe9"), variable), raw(b"/caf\xe9"));
        let value = |_: &str| Some(raw(b"/caf\xe9"));
        assert_eq!(expanded("$X/hf".into(), value), raw(b"/caf\xe9/hf"));
        assert_eq!(expanded("~/hf".into(), value), raw(b"/caf\xe9/hf"));
    }
}
