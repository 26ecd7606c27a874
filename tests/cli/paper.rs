//! The commands of docs/paper.md and docs/paper-map.md: each is one that the program knows, with networks and
//! recipes that exist.

use std::fs;

use resnet_models::registry;
use resnet_record::Recipe;

use crate::common::{root, xtask};

/// Words that stand for what a reader has.
const PLACEHOLDERS: [&str; 5] = ["RUN", "OTHER-RUN", "DIR", "FILE", "NAME"];

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

/// What is at fault with a command.
fn fault(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let told = xtask(&[&words[..], &["--help"]].concat());
    if told.code != Some(0) {
        return Some(told.stderr);
    }
    for pair in words.windows(2) {
        let name = pair[1];
        let is_known = match pair[0] {
            _ if PLACEHOLDERS.contains(&name) => true,
            "--model" | "--against" => registry::find(name, 10).is_ok(),
            "--recipe" | "schedule" | "recipes" => Recipe::built_in(name).is_some(),
            "summary" => registry::find(name, 10).is_ok(),
            _ => true,
        };
        if !is_known {
            return Some(format!("there is no {name}"));
        }
    }
    None
}

#[test]
fn the_commands_of_the_papers_pages_exist() {
    let mut faults = vec![];
    let mut count = 0;
    for page in ["docs/paper.md", "docs/paper-map.md"] {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        for command in commands(&text) {
            count += 1;
            faults.extend(fault(&command).map(|told| format!("{page}: cargo xtask {command}: {told}")));
        }
    }
    assert!(count > 20, "only {count} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_that_is_gone_is_found() {
    for gone in [
        "drew figure1",
        "draw figure1 --output a.svg",
        "summary resnet21-v2",
        "train --recipe nonsense",
        "bench sleep",
    ] {
        assert!(fault(gone).is_some(), "{gone}");
    }
    assert_eq!(fault("train --recipe cifar10-resnet164-v2 --data DIR"), None);
    let page = "See `cargo xtask models`.\n\n    cargo xtask draw figure1 --out a.svg   # the first\n`cargo xtask train`, `x`\n";
    assert_eq!(commands(page), ["draw figure1 --out a.svg", "models", "train"]);
}
