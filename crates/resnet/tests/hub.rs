//! Models of the hub, from a cache made by hand and with the network off.

#![cfg(feature = "hub")]

use std::fs;
use std::path::{Path, PathBuf};

use resnet::hub::{NetworkAccess, Settings};
use resnet::models::checkpoint::{self, Dialect, Metadata};
use resnet::models::{Model, registry};
use resnet::{Error, LoadOptions};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn snapshot_in(cache: &Path) -> PathBuf {
    cache.join("models--owner--small/snapshots").join(COMMIT)
}

/// The settings of a cache that has the model `owner/small` with this config.
fn settings(cache: &Path, config: &str) -> Settings {
    let (snapshot, refs) = (snapshot_in(cache), cache.join("models--owner--small/refs"));
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(&refs).unwrap();
    fs::write(refs.join("main"), COMMIT).unwrap();
    fs::write(snapshot.join("config.json"), config).unwrap();
    Settings {
        cache: cache.to_owned(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        token: Some("hf_secret".to_owned()),
        network: NetworkAccess::Forbidden,
    }
}

#[test]
fn the_hub_is_reached_as_the_caller_says() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(cache.path(), r#"{"architecture": "resnet18", "num_classes": 10}"#);
    let model = Model::init(&registry::find("resnet18", 10).unwrap(), 0).unwrap();
    let file = snapshot_in(cache.path()).join("model.safetensors");
    checkpoint::export(&file, &model, &Metadata::default(), Dialect::Native).unwrap();
    let options = LoadOptions::default().hub(settings);
    let loaded = options.load("owner/small").unwrap();
    assert_eq!(loaded.file(), file);
    let refused = options.load("owner/other").unwrap_err();
    assert!(matches!(refused, Error::NotThere { .. }), "{refused}");
    assert!(refused.to_string().contains("models--owner--other"), "{refused}");
    let printed = format!("{options:?}");
    assert!(printed.contains("127.0.0.1") && !printed.contains("hf_secret"), "{printed}");
}

#[test]
fn a_config_that_is_not_understood_is_not_taken_for_a_name_of_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let options =
        LoadOptions::default().hub(settings(cache.path(), r#"{"architecture": "a network of tomorrow"}"#));
    let refused = options.load("owner/small").unwrap_err();
    assert!(matches!(refused, Error::Checkpoint(_)), "{refused}");
    assert!(refused.to_string().contains("config.json"), "{refused}");
}
