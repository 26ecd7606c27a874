//! `data fetch` from a small hub on this machine, and what the other commands do with what it brought.

use std::io::Cursor;
use std::path::Path;

use crate::common::{Outcome, command, outcome_of, xtask_in};
use crate::image_files::small;
use resnet_testing::hub::{Files, Hub, TOKEN};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A shard with so many images of two classes.
fn shard(images: u8) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    for i in 0..images {
        let colour = if i % 2 == 0 { [200, i, 0] } else { [i, 0, 200] };
        let mut png = vec![];
        let image = image::RgbImage::from_pixel(90, 80, image::Rgb(colour));
        image.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).expect("an image");
        for (end, bytes) in [("png", &png[..]), ("cls", (i % 2).to_string().as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, format!("{i:04}.{end}"), bytes).expect("it is written");
        }
    }
    archive.into_inner().expect("a shard")
}

fn hub() -> Hub {
    let files = [
        ("README.md", vec![]),
        ("classes.json", br#"["red", "blue"]"#.to_vec()),
        ("mini-train-0000.tar", shard(10)),
        ("mini-train-0001.tar", shard(6)),
        ("mini-validation-0000.tar", shard(4)),
    ];
    Hub::start(COMMIT, files.into_iter().map(|(name, body)| (name.to_owned(), body)).collect::<Files>())
}

/// Runs `data fetch` in `home`, which also has the cache.
fn fetch(home: &Path, hub: &Hub, more: &[&str]) -> Outcome {
    let mut fetch = command(home, &[&["data", "fetch", "owner/mini"], more].concat());
    fetch.env("HF_HOME", home).env("HF_ENDPOINT", &hub.endpoint).env("HF_TOKEN", TOKEN);
    outcome_of(fetch.env_remove("HF_HUB_OFFLINE"))
}

#[test]
fn a_data_set_of_the_hub_is_fetched_inspected_and_trained_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, hub) = (folder.path(), hub());
    let outcome = fetch(home, &hub, &[]);
    let snapshot = home.join("hub/datasets--owner--mini/snapshots").join(COMMIT);
    let place = format!("--data {}", snapshot.display());
    assert!(outcome.succeeds().contains(&place) && outcome.stdout.contains("4 files"), "{}", outcome.stdout);
    let told = "owner/mini: train 2 files, ";
    assert!(
        outcome.stderr.contains(told) && outcome.stderr.contains("none of it is in the cache yet"),
        "{}",
        outcome.stderr
    );

    hub.requests();
    let again = fetch(home, &hub, &["--json", "--out", "linked"]);
    let found = again.object(&["dataset", "commit", "folder", "files", "bytes", "splits"]);
    assert_eq!((&found["folder"], &found["commit"]), (&"linked".into(), &COMMIT.into()));
    assert_eq!(found["splits"][1]["split"], "validation");
    assert!(again.stderr.contains("all of it is in the cache"), "{}", again.stderr);
    assert_eq!(hub.requests().len(), 1, "nothing is fetched twice");
    fetch(home, &hub, &["--out", "linked"]).ends_saying(1, &["linked exists already"]);

    for data in ["linked", snapshot.to_str().expect("UTF-8")] {
        let inspected = xtask_in(home, &["data", "inspect", data, "--json"]);
        let found: serde_json::Value = serde_json::from_str(inspected.succeeds()).expect("JSON");
        let images = [&found["splits"][0]["images"], &found["splits"][1]["images"]];
        assert_eq!(images, [&serde_json::Value::from(16), &4.into()]);
    }
    xtask_in(home, &small("linked", "run", &["--set", "train.duration=1 steps"])).succeeds();
    let eval = xtask_in(home, &["eval", "--checkpoint", "run", "--data", "linked", "--json"]);
    assert!(eval.succeeds().contains("\"images\":4"), "{}", eval.stdout);
    let mut offline = command(home, &["data", "fetch", "owner/mini", "--split", "train"]);
    // With the classes' names.
    assert!(outcome_of(offline.env("HF_HOME", home)).succeeds().contains("3 files"));
}

#[test]
fn what_cannot_be_fetched_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, hub) = (folder.path(), hub());
    fetch(home, &hub, &["--split", "test"])
        .ends_saying(1, &["it has no split test; it has train, validation"]);
    fetch(home, &hub, &["--split", "tset"]).ends_saying(2, &["tset", "validation"]);
    fetch(home, &hub, &["--revision", "v2"]).ends_saying(1, &["owner/mini@v2", "404", "check the name"]);
    hub.state().refuses = Some("403 Forbidden");
    let refused = fetch(home, &hub, &["--out", "linked"]);
    refused.ends_saying(1, &["403", "accept its terms on", "/datasets/owner/mini", "HF_TOKEN"]);
    assert!(!home.join("linked").exists());
    let offline = |args: &[&str]| {
        let mut fetch = command(home, args);
        outcome_of(fetch.env("HF_HOME", home))
    };
    offline(&["data", "fetch", "owner/mini"])
        .ends_saying(1, &["mini-train-0000.tar", "3 more of its 4", "HF_HUB_OFFLINE"]);
    offline(&["data", "fetch", "mini"]).ends_saying(1, &["OWNER/NAME", "timm/mini-imagenet"]);
    hub.state().listed = vec!["mini-train 0002.tar".to_owned()];
    fetch(home, &hub, &[]).ends_saying(1, &["cannot be fetched", "mini-train 0002.tar", "other characters"]);

    let brings = ["there is no folder owner/mini", "`cargo xtask data fetch owner/mini` brings it"];
    xtask_in(home, &small("owner/mini", "run", &[])).ends_saying(1, &brings);
    xtask_in(home, &["data", "inspect", "owner/mini"]).ends_saying(1, &brings);
    xtask_in(home, &["train", "--recipe", "cifar10-resnet20-v2", "--data", "owner/mini"])
        .ends_saying(1, &brings);
}
