//! What is asked of docs/paper-map.md: each row leads to code, to a test and to a command, and what it names
//! is there.

use crate::File;

/// A row of the map.
struct Row<'a> {
    what: &'a str,
    code: &'a str,
    test: &'a str,
    command: &'a str,
}

fn rows(page: &str) -> Vec<Result<Row<'_>, String>> {
    let lines = page.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            match cells[..] {
                [what, code, test, command] => Ok(Row { what, code, test, command }),
                _ => Err(format!("a row of {} cells: {line}", cells.len())),
            }
        })
        .collect()
}

/// The words in backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn is_file(word: &str) -> bool {
    let ends = [".rs", ".toml", ".json", ".md", "/"];
    ends.iter().any(|end| word.ends_with(end))
}

/// The files that `word` names: a path from the root, the end of one, or all in a folder; `*` stands for
/// anything in a name.
fn named<'a>(word: &str, files: &'a [File]) -> Vec<&'a File> {
    let fits = |path: &str| match word.split_once('*') {
        Some((before, behind)) => path.starts_with(before) && path.ends_with(behind),
        None if word.ends_with('/') => path.starts_with(word),
        None => path == word || path.ends_with(&format!("/{word}")),
    };
    files.iter().filter(|file| fits(&file.path)).collect()
}

/// Whether `name` stands in `text` as a word of its own.
fn has_word(text: &str, name: &str) -> bool {
    let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        !is_inside(text[..at].chars().next_back()) && !is_inside(text[at + name.len()..].chars().next())
    })
}

/// What is at fault with the map, checked against the tree's files.
pub(crate) fn faults(map: &str, files: &[File]) -> Vec<String> {
    let mut faults = vec![];
    let sources: Vec<&File> = files.iter().filter(|file| file.path.ends_with(".rs")).collect();
    for row in rows(map) {
        let Row { what, code, test, command } = match row {
            Ok(row) => row,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let mut fault = |told: String| faults.push(format!("{what}: {told}"));
        let (paths, names): (Vec<&str>, Vec<&str>) = quoted(code).partition(|word| is_file(word));
        let there: Vec<&File> = paths.iter().flat_map(|path| named(path, files)).collect();
        paths
            .iter()
            .filter(|path| named(path, files).is_empty())
            .for_each(|path| fault(format!("no file {path}")));
        // A name in a row with files stands in one of them; another somewhere in the crates. Networks' names
        // are the registry's to know.
        for name in names.iter().filter(|name| !name.starts_with("resnet")) {
            let last = name.rsplit("::").next().unwrap_or(name);
            let in_files = there.iter().any(|file| has_word(&file.text, last));
            let anywhere =
                || sources.iter().any(|file| file.path.contains("/src/") && has_word(&file.text, last));
            if !in_files && !anywhere() {
                fault(format!("nothing is called {name}"));
            }
        }
        if quoted(code).next().is_none() {
            fault("no code is named".to_owned());
        }
        for word in quoted(test) {
            let is_there = match is_file(word) {
                true => !named(word, files).is_empty(),
                false => sources.iter().any(|file| file.text.contains(&format!("fn {word}("))),
            };
            if !is_there {
                fault(format!("no test {word}"));
            }
        }
        let tests_itself = || there.iter().any(|file| file.text.contains("#[test]"));
        if test.starts_with("its tests") && !tests_itself() {
            fault("its files have no tests".to_owned());
        }
        if quoted(test).next().is_none() && !test.starts_with("its tests") && !test.starts_with("as above") {
            fault("no test is named".to_owned());
        }
        if !quoted(command).any(|command| command.starts_with("cargo xtask ")) {
            fault("no command is named".to_owned());
        }
    }
    faults
}

#[test]
fn a_row_that_leads_nowhere_is_found() {
    let files = crate::files(&[
        ("crates/a/src/b.rs", "pub fn scale() {}\n#[test]\nfn halves_halve() {}"),
        ("crates/a/tests/c.rs", "fn it_works() {}"),
        ("crates/a/recipes/d.toml", ""),
    ]);
    let map =
        |row: &str| format!("# Map\n\n| in the paper | code | test | command |\n|---|---|---|---|\n{row}\n");
    let good = [
        "| one | `Graph::scale` in `crates/a/src/b.rs` | `crates/a/tests/c.rs`, `it_works` | `cargo xtask draw` |",
        "| two | `b.rs` | its tests | `cargo xtask draw` |",
        "| three | `crates/a/recipes/*.toml`, `resnet20-v1` | as above | `cargo xtask draw` |",
    ];
    assert_eq!(faults(&map(&good.join("\n")), &files), Vec::<String>::new());
    let bad = [
        ("| x | `crates/a/src/gone.rs` | `c.rs` | `cargo xtask draw` |", "x: no file crates/a/src/gone.rs"),
        (
            "| x | `Graph::rescale` in `b.rs` | `c.rs` | `cargo xtask draw` |",
            "x: nothing is called Graph::rescale",
        ),
        ("| x | `b.rs` | `it_worked` | `cargo xtask draw` |", "x: no test it_worked"),
        ("| x | `crates/a/recipes/` | its tests | `cargo xtask draw` |", "x: its files have no tests"),
        ("| x | `b.rs` | none yet | `cargo xtask draw` |", "x: no test is named"),
        ("| x | `b.rs` | its tests | none |", "x: no command is named"),
        (
            "| x | nothing | its tests | `cargo xtask draw` |",
            "x: no code is named; x: its files have no tests",
        ),
        ("| x | `b.rs` | its tests |", "a row of 3 cells: | x | `b.rs` | its tests |"),
    ];
    resnet_testing::table::run(&bad, |(row, expected)| {
        let found = faults(&map(row), &files).join("; ");
        if found == *expected { Ok(()) } else { Err(found) }
    });
}
