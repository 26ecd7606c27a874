//! What is asked of README.md and docs: the files they lead to are there.

use crate::File;

/// Endings of the names that a page means as files of this repository.
const ENDINGS: [&str; 8] = ["rs", "toml", "md", "py", "json", "svg", "txt", "sh"];

/// Paths in backquotes that lead nowhere. A path may begin at the root, at `crates/` or at a crate; `*`
/// stands for anything in a name, words in capitals are placeholders.
pub(crate) fn dead_paths(pages: &[File], tracked: &[String]) -> Vec<String> {
    let mut faults = vec![];
    for page in pages {
        // Commands and code are no paths.
        let prose = page.text.split("```").step_by(2);
        for path in prose.flat_map(|text| text.split('`').skip(1).step_by(2)) {
            if is_path(path) && !tracked.iter().any(|file| leads_to(path, file)) {
                faults.push(format!("{}: `{path}`", page.path));
            }
        }
    }
    faults
}

fn is_path(text: &str) -> bool {
    let is_named = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let ending = text.trim_end_matches('/').rsplit('.').next().unwrap_or_default();
    text.contains('/')
        && text.chars().all(plain)
        && (text.ends_with('/') || ENDINGS.contains(&ending))
        && text.split('/').next().is_some_and(|first| !first.is_empty())
        && !text.split(['/', '.', '-']).any(is_named)
}

/// Whether `file` is what `path` names, or lies in the folder that it names.
fn leads_to(path: &str, file: &str) -> bool {
    let begins = |rest: &str| match path.strip_suffix('/') {
        Some(folder) => matches(folder, rest, true),
        None => matches(path, rest, false),
    };
    begins(file) || file.match_indices('/').any(|(at, _)| begins(&file[at + 1..]))
}

/// Part by part; where `is_folder`, what comes behind it does not count.
fn matches(path: &str, file: &str, is_folder: bool) -> bool {
    let (wanted, found): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), file.split('/').collect());
    let fits = if is_folder { found.len() > wanted.len() } else { found.len() == wanted.len() };
    fits && wanted.iter().zip(&found).all(|(wanted, found)| match wanted.split_once('*') {
        Some((before, behind)) => {
            found.len() >= before.len() + behind.len() && found.starts_with(before) && found.ends_with(behind)
        }
        None => wanted == found,
    })
}

#[test]
fn a_path_that_leads_nowhere_is_found() {
    let tracked = [
        "README.md",
        "crates/ops/src/plan/step.rs",
        "crates/ops/tests/plan.rs",
        "crates/record/recipes/a.toml",
    ]
    .map(str::to_owned);
    let faults = |text: &str| dead_paths(&crate::files(&[("docs/a.md", text)]), &tracked);
    let good = "`crates/ops/src/plan/step.rs`, `ops/src/plan/`, `plan/step.rs`, `tests/plan.rs`, \
                `crates/record/recipes/*.toml`, `crates/record/recipes/NAME.toml`, `timm/resnet50.a1_in1k`, \
                `images/s`\n```sh\ncat `gone/a.rs`\n```\n";
    assert_eq!(faults(good), Vec::<String>::new());
    assert_eq!(
        faults("`ops/src/step.rs` and `gone/`"),
        ["docs/a.md: `ops/src/step.rs`", "docs/a.md: `gone/`"]
    );
    assert_eq!(faults("`crates/record/recipes/b*.toml`").len(), 1);
}
