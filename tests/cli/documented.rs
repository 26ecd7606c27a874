//! The commands of README.md and docs: each is one that the program knows, with networks, recipes and keys
//! that exist, and a shell leaves it as it is.

use std::fs;

use resnet_models::registry;
use resnet_record::Recipe;

use crate::common::{root, xtask};

/// Words that stand for what a reader has.
const PLACEHOLDERS: [&str; 5] = ["RUN", "OTHER-RUN", "DIR", "FILE", "NAME"];

/// Words that stand for a number or one of several words, and what the program takes in their place.
const EXAMPLES: [(&str, &str); 2] = [("N", "1"), ("TARGET", "table1")];

/// The commands of a page, in backquotes or in a block of them.
fn commands(page: &str) -> Vec<String> {
    let quoted = page.split('`').map(str::trim);
    let lines = page.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    let mut all: Vec<String> = quoted
        .chain(lines)
        .filter_map(|text| text.strip_prefix("cargo xtask "))
        .filter(|text| !text.contains('\n'))
        .map(|text| text.trim_matches('`').to_owned())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The words that the program gets: of alternatives the first, what may be left out as well.
fn words(command: &str) -> Vec<&str> {
    // Before a pipe or a file that the shell writes.
    let command =
        [" | ", " > "].iter().fold(command, |command, end| command.split(end).next().unwrap_or(command));
    // The launcher takes these itself.
    let (before, after) = command.split_once("--features mpi").unwrap_or((command, ""));
    let words = before.split_whitespace().chain(after.split_whitespace());
    words.filter(|word| *word != "...").map(example).collect()
}

fn example(word: &str) -> &str {
    let word = word.trim_matches(['[', ']', '\'']);
    let word = word.split('|').next().unwrap_or(word);
    EXAMPLES.iter().find(|(name, _)| *name == word).map_or(word, |(_, example)| *example)
}

/// What is at fault with a command.
fn fault(command: &str) -> Option<String> {
    if command.split_whitespace().any(|word| word.contains('{') && !word.starts_with('\'')) {
        return Some("a shell takes its braces apart; put the word into quotes".to_owned());
    }
    let words = words(command);
    let told = xtask(&[&words[..], &["--help"]].concat());
    if told.code != Some(0) {
        return Some(told.stderr);
    }
    let (mut recipe, mut set) = ("quick-start", vec![]);
    for pair in words.windows(2) {
        let name = pair[1];
        let is_known = match pair[0] {
            _ if PLACEHOLDERS.contains(&name) => true,
            "--model" => name.contains('/') || registry::find(name, 10).is_ok(),
            "--against" if words[0] == "analyze" => registry::find(name, 10).is_ok(),
            "draw" => xtask(&["draw", name, "--out", "drawn.svg"]).code == Some(0),
            "summary" => registry::find(name, 10).is_ok(),
            "--recipe" => {
                recipe = name;
                Recipe::built_in(name).is_some()
            }
            "schedule" | "recipes" | "--only" => Recipe::built_in(name).is_some(),
            "--set" => {
                set.push(name);
                true
            }
            _ => true,
        };
        if !is_known {
            return Some(format!("there is no {name}"));
        }
    }
    Recipe::built_in(recipe)?.set_all(&set).err().map(|error| error.to_string())
}

#[test]
fn the_commands_of_readme_and_docs_exist() {
    let docs = fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("a page").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut faults = vec![];
    let mut count = 0;
    for page in pages.chain([root().join("README.md")]) {
        let text = fs::read_to_string(&page).expect("a page");
        for command in commands(&text) {
            count += 1;
            let told = fault(&command);
            faults.extend(told.map(|told| format!("{}: cargo xtask {command}: {told}", page.display())));
        }
    }
    assert!(count > 100, "only {count} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_that_is_gone_is_found() {
    for gone in [
        "drew figure1",
        "draw figure1 --output a.svg",
        "draw figure3 --out a.svg",
        "summary resnet21-v2",
        "train --recipe nonsense",
        "train --set train.bach_size=3",
        "train --set data.generated={train=960,test=60}",
        "bench sleep",
    ] {
        assert!(fault(gone).is_some(), "{gone}");
    }
    for known in [
        "train --recipe cifar10-resnet164-v2 --data DIR --seed N",
        "train --set 'data.generated={train=960,test=60}'",
        "bench train|infer [--model resnet164-v2] > speed.txt",
        "report RUN RUN ...",
    ] {
        assert_eq!(fault(known), None, "{known}");
    }
    let page = "See `cargo xtask models`.\n\n    cargo xtask draw figure1 --out a.svg   # the first\n`cargo xtask train`, `x`\n";
    assert_eq!(commands(page), ["draw figure1 --out a.svg", "models", "train"]);
}
