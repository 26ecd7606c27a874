//! `report`: pages of runs, and files of others that it leaves alone.

use std::fs;

use crate::common::{trained, xtask_in};

#[test]
fn a_run_has_a_page_and_curves_and_nothing_else_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let run = trained();
    let args = ["report", run, "--out", "page.html", "--curves", "curves.svg"];
    let made = xtask_in(here, &args);
    assert_eq!(made.succeeds().split_whitespace().collect::<Vec<_>>(), ["page", "page.html"]);
    let page = fs::read_to_string(here.join("page.html")).expect("a page");
    assert!(page.contains("test error") && page.contains("<svg") && !page.contains("http://localhost"));
    assert!(fs::read_to_string(here.join("curves.svg")).expect("a chart").starts_with("<svg"));
    // Its own pages are made again; another file is not touched.
    xtask_in(here, &args).succeeds();
    fs::write(here.join("mine.html"), "mine").expect("a file");
    xtask_in(here, &["report", run, "--out", "mine.html"]).ends_saying(1, &["mine.html exists already"]);
    assert_eq!(fs::read_to_string(here.join("mine.html")).expect("a file"), "mine");

    xtask_in(here, &["report", run, run, "--curves", "two.svg"]).ends_saying(2, &["--curves draws one run"]);
    assert!(xtask_in(here, &["report", run, run]).succeeds().contains("comparison.html"));
    xtask_in(here, &["report", "nowhere"]).ends_saying(1, &["nowhere"]);
}
