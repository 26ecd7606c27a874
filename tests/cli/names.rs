//! Files of any name: what is hidden is passed over, and a name that is not UTF-8, or has a line break or an
//! escape code in it, is shown escaped and makes nothing be lost.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::common::{command, image, trained, xtask_in};
use crate::image_files::{draw, small};

/// Names that are not to be shown as they are, and how they are shown.
const ODD: [(&[u8], &str); 4] = [
    (b"back\\slash.png", r"back\\slash.png"),
    (b"caf\xe9.png", r"caf\xe9.png"),
    (b"escape\x1b[31m.png", r"escape\x1b[31m.png"),
    (b"two\nlines.png", r"two\x0alines.png"),
];

/// The path of a file of these bytes.
fn named(folder: &Path, name: &[u8]) -> std::path::PathBuf {
    folder.join(OsString::from_vec(name.to_vec()))
}

#[test]
fn every_image_of_a_folder_has_its_line_whatever_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("images")).expect("a folder");
    image(&here.join("plain.png"));
    for (name, _) in ODD {
        fs::copy(here.join("plain.png"), named(&here.join("images"), name)).expect("a copy");
    }
    for hidden in ["._0.jpg", ".DS_Store", ".hidden.png"] {
        fs::write(here.join("images").join(hidden), "no image").expect("it is written");
    }
    let shown: Vec<String> = ODD.iter().map(|(_, shown)| format!("images/{shown}")).collect();

    let json = xtask_in(here, &["predict", "--checkpoint", trained(), "--json", "images"]);
    let files = json.succeeds().lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["file"].as_str().expect("a name").to_owned()
    });
    assert_eq!(files.collect::<Vec<_>>(), shown);

    let text = xtask_in(here, &["predict", "--checkpoint", trained(), "--top", "1", "images"]);
    let lines: Vec<&str> = text.succeeds().lines().collect();
    assert_eq!(lines.iter().step_by(2).copied().collect::<Vec<_>>(), shown, "{}", text.stdout);
    assert!(!text.stdout.contains(|c: char| c.is_control() && c != '\n'), "{:?}", text.stdout);
}

#[test]
fn an_image_that_cannot_be_read_is_named_escaped_and_the_others_have_their_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("images")).expect("a folder");
    for (name, _) in ODD {
        fs::write(named(&here.join("images"), name), "no image").expect("it is written");
    }
    image(&here.join("images/a.png"));
    let outcome = xtask_in(here, &["predict", "--checkpoint", trained(), "--json", "images"]);
    outcome.ends_saying(1, &ODD.map(|(_, shown)| shown));
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
    assert!(!outcome.stderr.contains(|c: char| c.is_control() && c != '\n'), "{:?}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count(), ODD.len());
}

#[test]
fn heat_maps_keep_the_names_of_their_images_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("images")).expect("a folder");
    image(&here.join("plain.png"));
    for name in [b"caf\xe9.png", b"caf\xe8.png"] {
        fs::copy(here.join("plain.png"), named(&here.join("images"), name)).expect("a copy");
    }
    let args = ["predict", "--checkpoint", trained(), "--json", "--heatmap", "maps", "images"];
    assert!(xtask_in(here, &args).succeeds().contains(r#""heatmap":"maps/caf\\xe8.png.heatmap.png""#));
    for name in [b"caf\xe9.png.heatmap.png", b"caf\xe8.png.heatmap.png"] {
        assert!(named(&here.join("maps"), name).is_file());
    }
}

#[test]
fn odd_names_go_from_verify_through_the_skip_list_to_training_and_prediction() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let colours = [[200, 0, 0], [0, 200, 0]];
    draw(&here.join("data/train"), &colours, 8);
    draw(&here.join("data/val"), &colours, 2);
    for split in ["data/train", "data/val"] {
        let class = named(&here.join(split), b"caf\xe9\n");
        fs::rename(here.join(split).join("class1"), class).expect("it is renamed");
    }
    for (name, _) in ODD {
        fs::write(named(&here.join("data/train/class0"), name), "no image").expect("it is written");
    }
    let (plain, odd) = (here.join("data/train/class0/0.png"), named(&here.join("data/train"), b"caf\xe9\n"));
    fs::copy(plain, named(&odd, b"whole\xff.png")).expect("a copy");

    let verified = xtask_in(here, &["data", "verify", "data", "--skip-list", "broken.txt"]);
    verified.ends_saying(1, &[]);
    let mut unread =
        command(here, &["data", "verify", "data"]).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(unread.stdout.take());
    assert_eq!(unread.wait().expect("it ends").code(), Some(1), "images are broken, whoever reads it");
    let expected: Vec<String> = ODD.iter().map(|(_, shown)| format!("train/class0/{shown}")).collect();
    let listed = fs::read_to_string(here.join("broken.txt")).expect("a list");
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);

    let more = ["--set", "train.duration=1 steps", "--skip-list", "broken.txt"];
    let trained = xtask_in(here, &small("data", "run", &more));
    trained.succeeds();
    assert!(trained.stderr.contains("17 images to train, 4 to test"), "{}", trained.stderr);

    let predict = ["predict", "--checkpoint", "run", "--top", "2", "data/val/class0"];
    let predicted = xtask_in(here, &predict);
    assert!(predicted.succeeds().contains(r"caf\xe9\x0a "), "{}", predicted.stdout);
    for text in [&verified.stdout, &verified.stderr, &trained.stderr, &predicted.stdout, &predicted.stderr] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}
