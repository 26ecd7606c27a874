//! What the page of a single run says of how it was made and how it ended.

mod common;

use common::{recorded, run};
use resnet_record::{RunFolder, RunRecord};
use resnet_report::{run_page, write_page};

#[test]
fn a_page_tells_when_a_run_went_on_and_what_had_changed() {
    let scratch = tempfile::tempdir().unwrap();
    run(scratch.path(), "resnet20-v2", 0, 4, 8.0);
    let folder = recorded(scratch.path(), |record| {
        let (threads, processes) = (record.threads, record.processes);
        record.resume(1500, threads, processes);
        record.resume(2000, threads + 1, 2);
    });
    let page = run_page(&folder, &[]).unwrap();
    let threads = resnet_words::counted(folder.record().unwrap().threads as u64 + 1, "thread");
    let told = format!("<dt>resumed</dt><dd>at step 1,500; at step 2,000 ({threads}, 2 processes)</dd>");
    assert!(page.contains(&told), "{told}: {page}");
}

#[test]
fn a_run_that_diverged_is_not_called_unfinished() {
    let scratch = tempfile::tempdir().unwrap();
    run(scratch.path(), "resnet20-v2", 0, 4, 8.0);
    let folder = recorded(scratch.path(), |record| record.results = None);
    assert!(run_page(&folder, &[]).unwrap().contains("; not finished, 40 steps so far."));
    std::fs::write(folder.divergence(), "{}").unwrap();
    let page = run_page(&folder, &[]).unwrap();
    assert!(page.contains("; it diverged after 40 steps"), "{page}");
    assert!(!page.contains("not finished"), "{page}");
}

/// The command that began it, if it trains this run and no other; else the run's own recipe.
#[test]
fn a_page_names_a_command_that_trains_the_run_again() {
    let scratch = tempfile::tempdir().unwrap();
    let begun_by = |words: &[&str]| {
        let dir = scratch.path().join(words.join("-"));
        run(&dir, "resnet20-v2", 0, 4, 8.0);
        recorded(&dir, |record: &mut RunRecord| {
            record.command = words.iter().map(|word| (*word).to_owned()).collect();
        });
        write_page(&[RunFolder::open(&dir).unwrap()], None).unwrap();
        std::fs::read_to_string(dir.join("report.html")).unwrap()
    };
    let trained = begun_by(&["xtask", "train", "--recipe", "cifar10-fast"]);
    assert!(trained.contains("cargo xtask train --recipe cifar10-fast"), "{trained}");
    for words in [&["my-program"][..], &["xtask", "reproduce", "table2"]] {
        let page = begun_by(words);
        assert!(page.contains("cargo xtask train --recipe ") && page.contains("recipe.toml"), "{page}");
        assert!(!page.contains("cargo xtask reproduce") && !page.contains("cargo xtask <"), "{page}");
    }
}
