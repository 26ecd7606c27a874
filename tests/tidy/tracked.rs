//! What is asked of the files that git tracks: that they build everywhere and stay small.

use std::path::Path;

use resnet_testing::Need;

use crate::File;

/// What git tracks; nothing in a source archive, where there is no git to ask.
pub(crate) fn tracked(root: &Path) -> Vec<String> {
    if !root.join(".git").exists() {
        resnet_testing::skip(Need::Git, format_args!("{} is no git checkout", root.display()));
        return Vec::new();
    }
    let listed = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let listed = listed.expect("git lists the tracked files");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8_lossy(&listed.stdout).split_terminator('\0').map(str::to_owned).collect()
}

pub(crate) fn machine_specific(files: &[File]) -> Vec<String> {
    // In two pieces, so that this file is not its own fault. Documents may speak of the flag in order to
    // forbid it.
    let flag = ["target-cpu", "=native"].concat();
    let faulty = files.iter().filter(|file| !file.path.starts_with("docs/") && file.text.contains(&flag));
    faulty.map(|file| file.path.clone()).collect()
}

pub(crate) fn heavy(tracked: &[String]) -> Vec<String> {
    const ENDS: &[&str] = &[
        "png",
        "jpg",
        "jpeg",
        "gif",
        "webp",
        "bmp",
        "tif",
        "tiff",
        "ico",
        "safetensors",
        "pth",
        "pt",
        "html",
    ];
    let end = |path: &str| path.rsplit_once('.').map(|(_, end)| end.to_lowercase()).unwrap_or_default();
    // Made by a script that stands beside them, for the tests of decoders; a few kB each.
    const FIXTURES: [&str; 2] = ["crates/vision/tests/pillow/", "crates/models/tests/checkpoint/pytorch/"];
    // What README.md shows.
    const PICTURES: [&str; 2] = ["docs/report.png", "docs/report-dark.png"];
    // A page elsewhere was left by a command that somebody ran here.
    const PAGES: [&str; 2] = ["crates/report/templates/", "docs/results/"];
    let is_kept = |path: &str| match end(path).as_str() {
        "html" => PAGES.iter().any(|folder| path.starts_with(folder)),
        _ => PICTURES.contains(&path) || FIXTURES.iter().any(|folder| path.starts_with(folder)),
    };
    let heavy = tracked.iter().filter(|path| ENDS.contains(&end(path).as_str()) && !is_kept(path));
    heavy.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn flags_for_one_machine() {
        let flag = format!("rustflags = [\"-C{}{}\"]", "target-cpu", "=native");
        let tree =
            files(&[(".cargo/config.toml", &flag), ("docs/kernels.md", &flag), ("README.md", "native")]);
        assert_eq!(machine_specific(&tree), [".cargo/config.toml"]);
    }

    #[test]
    fn images_and_weights() {
        let tracked = [
            "a.rs",
            "docs/x.PNG",
            "tests/goldens/a.json",
            "w.safetensors",
            "w.pth",
            "png",
            "crates/vision/tests/pillow/a.png",
            "analysis.html",
            "docs/results/small/table1.html",
        ]
        .map(str::to_owned);
        assert_eq!(heavy(&tracked), ["docs/x.PNG", "w.safetensors", "w.pth", "analysis.html"]);
    }
}
