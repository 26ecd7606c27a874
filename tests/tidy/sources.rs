//! What is asked of a source: that it says what it is for, is not long, is safe, and tests what it claims.

use crate::File;

const LINES: usize = 400;
/// Of a comment's line, as rustfmt's `max_width` is of code.
const COLUMNS: usize = 110;

pub(crate) fn undocumented(sources: &[File]) -> Vec<String> {
    let says = |file: &File| file.text.strip_prefix("//! ").is_some_and(|rest| !rest.trim_start().is_empty());
    sources.iter().filter(|file| !says(file)).map(|file| file.path.clone()).collect()
}

pub(crate) fn too_long(sources: &[File]) -> Vec<String> {
    let lines = sources.iter().map(|file| (file, file.text.lines().count()));
    lines.filter(|(_, n)| *n > LINES).map(|(file, n)| format!("{}: {n} lines", file.path)).collect()
}

/// Comments that rustfmt leaves as wide as they are. A table's row cannot be broken.
pub(crate) fn too_wide(sources: &[File]) -> Vec<String> {
    let is_wide = |line: &str| {
        let comment = line.trim_start();
        let text = comment.trim_start_matches(['/', '!']).trim_start();
        comment.starts_with("//") && !text.starts_with('|') && line.chars().count() > COLUMNS
    };
    let wide = |file: &File| -> Vec<String> {
        let lines = file.text.lines().enumerate().filter(|(_, line)| is_wide(line));
        lines.map(|(i, _)| format!("{}:{}", file.path, i + 1)).collect()
    };
    sources.iter().flat_map(wide).collect()
}

pub(crate) fn unsafe_code(sources: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in sources.iter().filter(|file| !file.path.starts_with("crates/kernels/")) {
        for (i, line) in code_only(&file.text).lines().enumerate() {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
                faults.push(format!("{}:{}", file.path, i + 1));
            }
        }
    }
    faults
}

/// Comparisons by hand that a NaN passes, in tests and examples: `if off > tolerance` is false for a NaN, and
/// `f64::max` prefers any number to it.
pub(crate) fn comparisons(sources: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in sources {
        let all = ["/tests/", "/examples/", "/tests.rs"].iter().any(|part| file.path.contains(part));
        let mut in_tests = all || file.path.starts_with("tests/");
        for (i, line) in code_only(&file.text).lines().enumerate() {
            in_tests |= line.trim() == "#[cfg(test)]";
            if in_tests && passes_nan(line) {
                faults.push(format!("{}:{}", file.path, i + 1));
            }
        }
    }
    faults
}

fn passes_nan(line: &str) -> bool {
    if ["f32::max", "f64::max", ".abs().max("].iter().any(|call| line.contains(call)) {
        return true;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let begins = |word: &str, with: &[&str]| {
        let word = word.trim_start_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        with.iter().any(|with| word.starts_with(with))
    };
    let ends = |word: &str, with: &[&str]| {
        let word = word.trim_end_matches(|c: char| !c.is_alphabetic());
        with.iter().any(|with| word.ends_with(with))
    };
    let too_far = words.windows(3).any(|three| {
        [">", ">="].contains(&three[1])
            && (begins(three[2], &["tol", "allowed"]) || ends(three[0], &["error", "off", "difference"]))
    });
    words.contains(&"if") && too_far
}

/// The source with comments and the insides of literals blanked, line by line where it was.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let starts = |i: usize, what: &str| what.chars().enumerate().all(|(k, c)| chars.get(i + k) == Some(&c));
    let mut code = String::with_capacity(source.len());
    let mut i = 0;
    while i < chars.len() {
        let end = if starts(i, "//") {
            (i..chars.len()).find(|&k| chars[k] == '\n').unwrap_or(chars.len())
        } else if starts(i, "/*") {
            end_of_comment(i, chars.len(), starts)
        } else if chars[i] == '"' {
            // `code` ends in r or r### where the literal is a raw string, which knows no escapes.
            let hashes = code.chars().rev().take_while(|&c| c == '#').count();
            let prefix = code.trim_end_matches('#');
            let raw = prefix.ends_with('r') && !prefix[..prefix.len() - 1].ends_with(is_word_but_b);
            end_of_string(&chars, i, raw.then_some(hashes))
        } else if chars[i] == '\'' && (chars.get(i + 1) == Some(&'\\') || chars.get(i + 2) == Some(&'\'')) {
            let first = if chars.get(i + 1) == Some(&'\\') { i + 3 } else { i + 2 };
            (first..chars.len()).find(|&k| chars[k] == '\'').map_or(chars.len(), |k| k + 1)
        } else {
            code.push(chars[i]);
            i += 1;
            continue;
        };
        code.extend(chars[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        i = end;
    }
    code
}

fn is_word_but_b(c: char) -> bool {
    (c.is_alphanumeric() || c == '_') && c != 'b'
}

fn end_of_comment(start: usize, len: usize, starts: impl Fn(usize, &str) -> bool) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < len {
        match (starts(i, "/*"), starts(i, "*/")) {
            (true, _) => (depth, i) = (depth + 1, i + 2),
            (_, true) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    len
}

/// One past the closing quote of the string that opens at `start`; `raw` is the number of hashes of a raw
/// one.
fn end_of_string(chars: &[char], start: usize, raw: Option<usize>) -> usize {
    let mut i = start + 1;
    while i < chars.len() {
        let closes = |hashes: usize| (1..=hashes).all(|k| chars.get(i + k) == Some(&'#'));
        match (chars[i], raw) {
            ('\\', None) => i += 2,
            ('"', None) => return i + 1,
            ('"', Some(hashes)) if closes(hashes) => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn a_source_without_its_purpose() {
        let tree =
            files(&[("a.rs", "//! Says it.\n"), ("b.rs", "fn main() {}"), ("c.rs", "//!\n"), ("d.rs", "")]);
        assert_eq!(undocumented(&tree), ["b.rs", "c.rs", "d.rs"]);
    }

    #[test]
    fn a_source_of_401_lines() {
        let (fits, long) = ("\n".repeat(LINES), "\n".repeat(LINES + 1));
        assert_eq!(too_long(&files(&[("a.rs", &fits), ("b.rs", &long)])), ["b.rs: 401 lines"]);
    }

    #[test]
    fn a_comment_wider_than_code_may_be() {
        let (fits, wide) = ("é".repeat(COLUMNS - 4), "é".repeat(COLUMNS - 3));
        let text = format!("/// {fits}\n//! | {wide} |\n    let a = 1; // {wide}\n    // {fits}\n/// {wide}");
        assert_eq!(too_wide(&files(&[("a.rs", &text)])), ["a.rs:4", "a.rs:5"]);
    }

    #[test]
    fn comparisons_that_a_nan_passes() {
        let faulty = [
            "if off > 1e-5 * size[c] {",
            "if error.is_nan() || error > tolerance {",
            "} else if (a - b).abs() >= TOLERANCE {",
            "let most = errors.fold(0.0, f64::max);",
            "let off = (a - b).abs().max((c - d).abs());",
        ];
        let sound = [
            "assert!(error > 0.1);",
            "if error <= TOLERANCE {",
            "let most = largest(errors);",
            "if fields.len() > 2 {",
            "// if off > tolerance {",
        ];
        let (faulty, sound) = (faulty.join("\n"), sound.join("\n"));
        let library = format!("{faulty}\n#[cfg(test)]\n{faulty}");
        let tree = files(&[
            ("crates/a/tests/a.rs", &faulty),
            ("tests/b.rs", &sound),
            ("crates/a/src/c.rs", &faulty),
            ("crates/a/src/d.rs", &library),
            ("crates/a/examples/e.rs", &sound),
        ]);
        let expected = |path: &str, lines: std::ops::RangeInclusive<usize>| {
            lines.map(|line| format!("{path}:{line}")).collect::<Vec<_>>()
        };
        let expected = [expected("crates/a/tests/a.rs", 1..=5), expected("crates/a/src/d.rs", 7..=11)];
        assert_eq!(comparisons(&tree), expected.concat());
    }

    #[test]
    fn unsafe_outside_of_the_kernels() {
        let (block, hidden) =
            ("fn f() {}\nunsafe { f() }", "// unsafe\n/* /* */ unsafe */ let s = \"\\\" unsafe\";");
        let raw = "let s = r#\"a \" unsafe \"#; let c = ['\"', '\\'', '\\\\']; #[allow(unsafe_code)] struct S<'a>(&'a u8);";
        let after = "let a = r\"\\\"; let b = '\"'; pub unsafe fn f() {} // \"";
        let tree = files(&[
            ("crates/kernels/src/a.rs", block),
            ("crates/ops/src/b.rs", block),
            ("crates/ops/src/c.rs", hidden),
            ("crates/ops/src/d.rs", raw),
            ("xtask/src/e.rs", after),
        ]);
        assert_eq!(unsafe_code(&tree), ["crates/ops/src/b.rs:2", "xtask/src/e.rs:1"]);
    }
}
