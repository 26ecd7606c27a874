//! Tidy as code: the habits of this tree that the compiler does not hold, checked on every file at once.
//!
//! Each check is a function from files to a list of faults, tried beside it on made-up trees that break it;
//! `the_tree_is_tidy` runs them all on the real one and reports every fault. docs/architecture.md says why.

use std::path::{Path, PathBuf};

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/manifests.rs"]
mod manifests;
#[path = "tidy/pages.rs"]
mod pages;
#[path = "tidy/paper.rs"]
mod paper;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/tracked.rs"]
mod tracked;

/// A file by its path from the root, `/` between folders.
struct File {
    path: String,
    text: String,
}

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned();
    let mut paths = Vec::new();
    for folder in ["crates", "xtask", "tests"] {
        walk(&root.join(folder), &mut paths);
    }
    let read =
        |paths: &[PathBuf]| -> Vec<File> { paths.iter().filter_map(|path| read(&root, path)).collect() };
    let of =
        |end: &str| paths.iter().filter(|p| p.to_string_lossy().ends_with(end)).cloned().collect::<Vec<_>>();
    let sources = read(&of(".rs"));
    let manifests = read(&of("Cargo.toml"));
    assert!(
        sources.len() > 20 && manifests.len() >= manifests::EDGES.len(),
        "the walk found too little to judge"
    );
    let tracked = tracked::tracked(&root);
    let tracked_files = read(&tracked.iter().map(|path| root.join(path)).collect::<Vec<_>>());
    let pages = read(
        &tracked.iter().filter(|path| path.ends_with(".md")).map(|path| root.join(path)).collect::<Vec<_>>(),
    );

    let checks = [
        ("a source opens with //! and says what it is for", sources::undocumented(&sources)),
        ("a source has at most 400 lines", sources::too_long(&sources)),
        ("a comment is at most 110 columns wide", sources::too_wide(&sources)),
        ("only crates/kernels has unsafe code", sources::unsafe_code(&sources)),
        ("tests compare floats by resnet_testing's functions", sources::comparisons(&sources)),
        ("crates know each other along the allowed edges", manifests::edges(&manifests)),
        ("every allowed edge is there", manifests::unused_edges(&manifests)),
        ("every package takes the workspace's lints", manifests::lints(&manifests)),
        ("the map of the paper leads to code, tests and commands", paper_map(&pages, &tracked_files)),
        ("a path on a page leads somewhere", pages::dead_paths(&pages, &tracked)),
        ("nothing is built for this machine alone", tracked::machine_specific(&tracked_files)),
        ("images and weights are not in the repository", tracked::heavy(&tracked)),
    ];
    let report: Vec<String> = checks
        .into_iter()
        .filter(|(_, faults)| !faults.is_empty())
        .map(|(rule, faults)| format!("{rule}; not so:\n  {}", faults.join("\n  ")))
        .collect();
    assert!(report.is_empty(), "\n{}\n", report.join("\n"));
}

/// Of a source archive, which lists no files, nothing is asked.
fn paper_map(pages: &[File], files: &[File]) -> Vec<String> {
    let map = pages.iter().find(|page| page.path == "docs/paper-map.md");
    map.map_or(vec![], |map| paper::faults(&map.text, files))
}

#[test]
fn the_files_of_a_crate_form_no_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned();
    let mut paths = Vec::new();
    for folder in ["crates", "xtask"] {
        walk(&root.join(folder), &mut paths);
    }
    let sources: Vec<File> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .filter_map(|path| read(&root, path))
        .collect();
    let found = circles::circles(&sources);
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
}

/// The file, or nothing where it is gone or no text.
fn read(root: &Path, path: &Path) -> Option<File> {
    let name = path.strip_prefix(root).expect("a path below the root").to_string_lossy().replace('\\', "/");
    Some(File { path: name, text: std::fs::read_to_string(path).ok()? })
}

/// A made-up tree.
fn files(rows: &[(&str, &str)]) -> Vec<File> {
    rows.iter().map(|&(path, text)| File { path: path.into(), text: text.into() }).collect()
}
