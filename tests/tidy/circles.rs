//! Circles: files of one crate that need each other, so that none can be read or tested without the others.
//!
//! A file and the files below it may know each other; everything else forms a graph that must not come back
//! to where it began. A name that a parent passes on (`pub use child::Name`) counts as its child's.

use std::collections::{BTreeMap, BTreeSet};

use crate::File;
use crate::sources::code_only;

/// Every circle, as "a.rs -> b.rs -> a.rs".
pub(crate) fn circles(sources: &[File]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in sources {
        if let Some((root, _)) = file.path.split_once("/src/") {
            crates.entry(root).or_default().push(file);
        }
    }
    crates.into_iter().flat_map(|(root, files)| Crate::read(root, &files).circles()).collect()
}

/// A path of names, such as `crate::a::B`, as tokens without `::`.
type Names = Vec<String>;

/// What one file is made of.
#[derive(Default)]
struct Module {
    path: String,
    /// Paths used anywhere, and the module they were written in: that of the file.
    used: Vec<Names>,
    /// Names that it passes on, and where they come from.
    passed_on: BTreeMap<String, Names>,
}

struct Crate {
    modules: BTreeMap<Names, Module>,
}

impl Crate {
    fn read(root: &str, files: &[&File]) -> Crate {
        let mut modules = BTreeMap::new();
        for file in files {
            let inner = &file.path[root.len() + "/src/".len()..file.path.len() - ".rs".len()];
            let names: Names = inner
                .split('/')
                .filter(|name| !["lib", "main", "mod"].contains(name))
                .map(str::to_owned)
                .collect();
            // A file of tests alone may know whom it likes.
            if names.last().is_some_and(|name| name == "tests" || name.ends_with("_tests")) {
                continue;
            }
            let mut module = Module { path: file.path.clone(), ..Module::default() };
            scan(&tokens(&without_tests(&code_only(&file.text))), &mut module);
            modules.insert(names, module);
        }
        Crate { modules }
    }

    /// The module that `path`, written in `here`, leads to; `None` if it leads out of the crate.
    fn resolve(&self, here: &Names, path: &[String], depth: usize) -> Option<Names> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => vec![],
            "self" => here.clone(),
            "super" => here[..here.len().checked_sub(1)?].to_vec(),
            child => {
                let mut below = here.clone();
                below.push(child.to_owned());
                if !self.modules.contains_key(&below) {
                    return None;
                }
                below
            }
        };
        while let Some((name, after)) = rest.split_first() {
            rest = after;
            let mut below = at.clone();
            below.push(name.clone());
            if name == "super" {
                at.pop();
            } else if self.modules.contains_key(&below) {
                at = below;
            } else {
                let passed_on = self.modules.get(&at).and_then(|module| module.passed_on.get(name));
                return match passed_on {
                    Some(path) if depth < 8 => self.resolve(&at, path, depth + 1).or(Some(at)),
                    _ => Some(at),
                };
            }
        }
        Some(at)
    }

    /// The modules that each one needs, other than those above and below it.
    fn edges(&self) -> BTreeMap<&Names, BTreeSet<&Names>> {
        let needs = |(here, module): (&Names, &Module)| -> BTreeSet<&Names> {
            let found = module.used.iter().filter_map(|path| self.resolve(here, path, 0));
            let found = found.filter(|there| !there.starts_with(here) && !here.starts_with(there));
            found.filter_map(|there| self.modules.get_key_value(&there).map(|(names, _)| names)).collect()
        };
        self.modules.iter().map(|entry| (entry.0, needs(entry))).collect()
    }

    fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let mut told = vec![];
        let mut done: BTreeSet<&Names> = BTreeSet::new();
        for start in self.modules.keys() {
            if done.contains(start) {
                continue;
            }
            if let Some(circle) = shortest(&edges, start) {
                let files: Vec<&str> =
                    circle.iter().map(|names| self.modules[*names].path.as_str()).collect();
                done.extend(circle.iter().copied());
                told.push(files.join(" -> "));
            }
        }
        told
    }
}

/// The shortest way from `start` back to it, if there is one.
fn shortest<'a>(
    edges: &BTreeMap<&'a Names, BTreeSet<&'a Names>>,
    start: &'a Names,
) -> Option<Vec<&'a Names>> {
    let mut ways: Vec<Vec<&Names>> = vec![vec![start]];
    let mut seen: BTreeSet<&Names> = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = vec![];
        for way in ways {
            for next in edges.get(way.last()?)?.iter().copied() {
                let further: Vec<&Names> = way.iter().copied().chain([next]).collect();
                if next == start {
                    return Some(further);
                }
                if seen.insert(next) {
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}

/// The code up to its tests; items behind `#[cfg(test)]` are at the end of a file here.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            // One line, such as `mod tests;` or `use ...;`, or a block to the end of the file.
            let next = lines.next().unwrap_or_default();
            if !next.trim_end().ends_with(';') {
                break;
            }
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// Words, `::`, and single other characters.
fn tokens(code: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = c.to_string();
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(c);
            }
            found.push(word);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            found.push("::".to_owned());
        } else if !c.is_whitespace() {
            found.push(c.to_string());
        }
    }
    found
}

fn scan(tokens: &[String], module: &mut Module) {
    let mut i = 0;
    while i < tokens.len() {
        let token = tokens[i].as_str();
        let leads = ["crate", "super", "self"].contains(&token);
        if token == "use" {
            let mut paths = vec![];
            i = tree(tokens, i + 1, &[], &mut paths);
            for (path, name) in paths {
                module.passed_on.insert(name, path.clone());
                module.used.push(path);
            }
        } else if leads && tokens.get(i + 1).is_some_and(|next| next == "::") {
            let mut path = vec![token.to_owned()];
            while tokens.get(i + 1).is_some_and(|next| next == "::") {
                let Some(name) = tokens.get(i + 2).filter(|name| is_word(name)) else { break };
                path.push(name.clone());
                i += 2;
            }
            module.used.push(path);
            i += 1;
        } else {
            i += 1;
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The paths of a tree of `use`, each with the name that it brings; returns where the tree ends.
fn tree(tokens: &[String], mut i: usize, before: &[String], paths: &mut Vec<(Names, String)>) -> usize {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(i).map(String::as_str) {
        match token {
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|token| token != "}") {
                    i = tree(tokens, i, &path, paths);
                    i += usize::from(tokens.get(i).is_some_and(|token| token == ","));
                }
                return i + 1;
            }
            "::" => i += 1,
            "*" => {
                paths.push((path.clone(), "*".to_owned()));
                return i + 1;
            }
            "as" => {
                let name = tokens.get(i + 1).cloned().unwrap_or_default();
                paths.push((path, name));
                return i + 2;
            }
            word if is_word(word) => {
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                i += 1;
            }
            _ => break,
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    paths.push((path, name));
    i
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn found(rows: &[(&str, &str)]) -> Vec<String> {
        circles(&files(rows))
    }

    #[test]
    fn two_files_that_use_each_other() {
        let rows = [
            ("crates/x/src/lib.rs", "mod a; mod b;"),
            ("crates/x/src/a.rs", "use crate::b::B; pub struct A;"),
            ("crates/x/src/b.rs", "use super::a::{self, A}; pub struct B;"),
        ];
        assert_eq!(found(&rows), ["crates/x/src/a.rs -> crates/x/src/b.rs -> crates/x/src/a.rs"]);
    }

    #[test]
    fn a_circle_through_what_a_parent_passes_on() {
        let rows = [
            ("crates/x/src/lib.rs", "mod a; mod b; mod c; pub use a::A; pub use b::{B as Other, C};"),
            ("crates/x/src/a.rs", "fn f() { crate::Other::new() }"),
            ("crates/x/src/b.rs", "use crate::c::D;"),
            ("crates/x/src/c.rs", "use std::fmt; use crate::{A, x::y};"),
        ];
        assert_eq!(found(&rows).len(), 1, "{:?}", found(&rows));
    }

    #[test]
    fn parents_children_tests_and_other_crates_are_no_circle() {
        let rows = [
            ("crates/x/src/lib.rs", "mod a; mod b; pub use a::A; fn f() { a::inner::g() } pub struct Root;"),
            ("crates/x/src/a/mod.rs", "mod inner; use crate::{Root, b::B}; use inner::I;"),
            ("crates/x/src/a/inner.rs", "use super::A; use super::super::Root;"),
            (
                "crates/x/src/b.rs",
                "use crate::Root; // use crate::A\n#[cfg(test)]\nmod tests { use crate::A; }",
            ),
            ("crates/x/src/b/tests.rs", "use crate::A;"),
            ("crates/y/src/lib.rs", "use a::B;"),
        ];
        assert_eq!(found(&rows), Vec::<String>::new());
    }
}
