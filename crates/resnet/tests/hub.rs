//! Models of the hub, from a cache made by hand and with the network off, or from a small hub on this
//! machine; and weights in several files, which mostly come from there.

#![cfg(feature = "hub")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use resnet::checkpoint::Weights;
use resnet::hub::{NetworkAccess, Settings};
use resnet::models::checkpoint::{self, Dialect, Metadata};
use resnet::models::{Model, registry};
use resnet::{Error, LoadOptions, Location, Pretrained, StartingWeights};
use resnet_testing::hub::{Files, Hub};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// A later one.
const LATER: &str = "89abcdef0123456789abcdef0123456789abcdef";

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

/// A config of a small network whose first class has this name.
fn config(first: &str) -> String {
    format!(
        r#"{{"architecture": "resnet8-v2", "num_classes": 2, "label_names": ["{first}", "dog"], "input_size": [3, 32, 32]}}"#
    )
}

/// Fresh weights of that network.
fn weights(file: &Path) {
    let model = Model::init(&registry::find("resnet8-v2", 2).unwrap(), 0).unwrap();
    checkpoint::export(file, &model, &Metadata::default(), Dialect::Timm).unwrap();
}

/// Writes the weights in two files, and their index, as transformers does. Returns their names and texts.
fn parts(folder: &Path) -> Files {
    let whole = folder.join("whole.safetensors");
    weights(&whole);
    let tensors = resnet::checkpoint::read(&whole, &Weights::Usual).unwrap().tensors;
    fs::remove_file(whole).unwrap();
    let half = tensors.keys().nth(tensors.len() / 2).unwrap();
    let part = |name: &str| match name < half.as_str() {
        true => "model-00001-of-00002.safetensors",
        false => "model-00002-of-00002.safetensors",
    };
    let map: Vec<String> = tensors.keys().map(|name| format!(r#""{name}": "{}""#, part(name))).collect();
    let index = format!(r#"{{"metadata": {{}}, "weight_map": {{{}}}}}"#, map.join(", "));
    fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    for file in [part(""), part(half)] {
        let own = tensors.iter().filter(|(name, _)| part(name) == file);
        let shapes = own.map(|(name, array)| (name.as_str(), &array.shape[..])).collect();
        let values = |name: &str| Ok::<_, resnet::checkpoint::Error>(tensors[name].values.clone());
        resnet::checkpoint::write(&folder.join(file), &shapes, &BTreeMap::new(), values).unwrap();
    }
    fs::write(folder.join("config.json"), config("cat")).unwrap();
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn config_and_weights_are_of_one_commit() {
    let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("model.safetensors");
    weights(&file);
    let files = |first: &str| {
        let config = ("config.json".to_owned(), config(first).into_bytes());
        Files::from([config, ("model.safetensors".to_owned(), fs::read(&file).unwrap())])
    };
    let hub = Hub::start(LATER, files("later"));
    hub.set("v1", COMMIT, files("early"));
    // Another program has cached the config alone, and the model was changed since.
    let online = Settings {
        endpoint: hub.endpoint.clone(),
        token: None,
        network: NetworkAccess::Allowed,
        ..settings(cache.path(), &config("early"))
    };
    let load =
        |settings: &Settings| LoadOptions::default().hub(settings.clone()).load("owner/small").unwrap();
    assert_eq!(load(&online).classes().names[0], "later");
    let branch = cache.path().join("models--owner--small/refs/main");
    assert_eq!(fs::read_to_string(&branch).unwrap(), LATER);
    // All of it is there now: nothing is asked for.
    hub.requests();
    let offline = Settings { network: NetworkAccess::Forbidden, ..online.clone() };
    assert_eq!(load(&offline).classes().names[0], "later");
    assert_eq!((load(&online).classes().names[0].as_str(), hub.requests().len()), ("later", 0));
    // Where the weights of an earlier commit are cached, their config is of that one too.
    let own = tempfile::tempdir().unwrap();
    let online = Settings { cache: own.path().to_owned(), ..online };
    settings(own.path(), "");
    fs::remove_file(snapshot_in(own.path()).join("config.json")).unwrap();
    fs::copy(&file, snapshot_in(own.path()).join("model.safetensors")).unwrap();
    let loaded = load(&online);
    assert_eq!(
        (loaded.classes().names[0].as_str(), loaded.file().starts_with(snapshot_in(own.path()))),
        ("early", true)
    );
}

#[test]
fn weights_in_several_files_are_read_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let files = parts(folder.path());
    let index = folder.path().join("model.safetensors.index.json");
    let loaded = Pretrained::load(folder.path()).unwrap();
    assert_eq!((loaded.file(), loaded.classes().names[0].as_str()), (&*index, "cat"));
    assert!(loaded.report().is_complete());
    assert!(Pretrained::load(&index).unwrap().report().is_complete());
    let part = folder.path().join("model-00001-of-00002.safetensors");
    let refused = LoadOptions::default().model("resnet8-v2").load(&part).unwrap_err().to_string();
    assert!(refused.contains("give") && refused.contains("model.safetensors.index.json"), "{refused}");

    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start(LATER, files));
    let online = Settings {
        cache: cache.path().to_owned(),
        endpoint: hub.endpoint.clone(),
        token: None,
        network: NetworkAccess::Allowed,
    };
    let loaded = LoadOptions::default().hub(online).load("owner/small").unwrap();
    assert!(loaded.report().is_complete() && loaded.file().ends_with("model.safetensors.index.json"));
    fs::remove_file(part).unwrap();
    let refused = Pretrained::load(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("model-00001-of-00002.safetensors"), "{refused}");
}

#[test]
fn a_training_starts_from_the_revision_that_was_named() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(cache.path(), &config("early"));
    let snapshots = snapshot_in(cache.path()).with_file_name(LATER);
    fs::create_dir(&snapshots).unwrap();
    fs::write(cache.path().join("models--owner--small/refs/v2"), LATER).unwrap();
    weights(&snapshot_in(cache.path()).join("model.safetensors"));
    weights(&snapshots.join("model.safetensors"));
    let named = Location::Hub { id: "owner/small".to_owned(), revision: Some("v2".to_owned()) };
    let options = LoadOptions::default().hub(settings);
    let from =
        |options: &LoadOptions<'_>| StartingWeights::read(named.clone(), options).unwrap().file().to_owned();
    assert!(from(&options).starts_with(&snapshots));
    assert!(from(&options.revision("main")).starts_with(snapshot_in(cache.path())));
}
