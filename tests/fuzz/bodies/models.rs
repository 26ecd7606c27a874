//! Checkpoints, configs of repositories, names of networks and classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use resnet_checkpoint::{Contents, Metadata, Weights};
use resnet_data::sources::{class_difference, parse_class_map};
use resnet_models::checkpoint::{
    self, Checkpoint, Dialect, ReadOptions, RepositoryConfig, is_timm_network, timm_config,
};
use resnet_models::{Model, Spec, registry, summary};
use resnet_pickle::Pickle;

use super::{accept, folder, mend, told, write};

/// A safetensors file, as it is or, where the bytes begin as JSON, as the header up to the first zero byte
/// and the tensors' bytes behind it.
pub fn safetensors(bytes: &[u8]) {
    let mended = bytes.starts_with(b"{").then(|| mend::safetensors(bytes));
    checkpoint(mended.as_deref().unwrap_or(bytes), "net.safetensors");
}

/// A file of torch.save, as it is.
pub fn pytorch(bytes: &[u8]) {
    checkpoint(bytes, "net.pth");
}

/// A pickle by itself, and in files of torch.save of both layouts with storages `0` of 64 bytes and `1` of
/// none.
pub fn pickle(bytes: &[u8]) {
    if let Ok(pickle) = Pickle::parse(bytes, 1 << 20) {
        asked(&pickle, bytes.len());
    }
    let storage: Vec<u8> = (0..64).collect();
    let records = [("net/data.pkl", bytes), ("net/data/0", &storage), ("net/data/1", &[])];
    checkpoint(&mend::zip(&records), "net.pth");
    checkpoint(&mend::legacy(bytes, &[("0", &storage), ("1", &[])]), "net.pth");
}

/// Asks about each object of a pickle all that can be asked.
fn asked(pickle: &Pickle, bytes: usize) {
    assert!(pickle.consumed() <= bytes && pickle.objects().len() <= 4 * bytes);
    let (mut seen, mut ids) = (BTreeSet::new(), vec![pickle.root()]);
    while let Some(id) = ids.pop() {
        if !seen.insert(id) {
            continue;
        }
        let _ = (pickle.str(id), pickle.int(id), pickle.global(id), pickle.get(id, "state_dict"));
        assert!(pickle.bytes(id).is_none_or(|found| found.len() <= bytes));
        let entries = pickle.entries(id).into_iter().flat_map(|entries| entries.into_owned());
        ids.extend(entries.flat_map(|(key, value)| [key, value]));
        ids.extend(pickle.items(id).unwrap_or_default());
        if let Some(call) = pickle.call(id) {
            ids.extend([call.function, call.arguments].into_iter().chain(call.keywords).chain(call.state));
        }
    }
}

/// Does all that a command does with a checkpoint's file.
fn checkpoint(bytes: &[u8], name: &str) {
    let dir = folder();
    let file = dir.path().join(name);
    write(&file, bytes);
    let most = most_numbers(bytes);
    let key = Weights::Key("state_dict".to_owned());
    for weights in [Weights::Usual, Weights::Trained, Weights::Average, key] {
        match resnet_checkpoint::read(&file, &weights) {
            Ok(contents) => {
                accept();
                fit(&contents, most);
            }
            Err(error) => told(&error, name),
        }
    }
    if let Err(error) = resnet_checkpoint::read_training(&file) {
        told(&error, name);
    }
    match checkpoint::read(&file) {
        Ok(read) => understood(&read, name),
        Err(error) => told(&error, name),
    }
    let dialects = [Dialect::Torchvision, Dialect::Transformers, Dialect::Akamaster].map(Some);
    let prefixes = [None, Some("module".to_owned()), None];
    let weights = [Weights::Trained, Weights::Average, Weights::Key("state_dict".to_owned())];
    for ((dialect, prefix), weights) in dialects.into_iter().zip(prefixes).zip(weights) {
        let options = ReadOptions { dialect, prefix, weights };
        let _ = checkpoint::read_with(&file, &options).map_err(|error| told(&error, name));
    }
}

/// How many numbers a file may have: no more than bytes, unless some of these are compressed.
fn most_numbers(bytes: &[u8]) -> usize {
    let is_compressed = bytes.windows(12).any(|row| row.starts_with(b"PK\x01\x02") && row[10..] == [8, 0]);
    if is_compressed { (64 * bytes.len()).max(16 << 20) } else { bytes.len() }
}

/// Arrays have the numbers of their shapes, and no more of them than the file can hold.
fn fit(contents: &Contents, most: usize) {
    let numbers: usize = contents.tensors.values().map(|array| array.values.len()).sum();
    assert!(numbers <= most, "{numbers} numbers, and {most} are the most");
    for (tensor, array) in &contents.tensors {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len(), "{tensor}");
    }
}

/// What the file says of its network is understood or refused.
fn understood(read: &Checkpoint, name: &str) {
    let numbers: usize = read.tensors.values().map(|array| array.values.len()).sum();
    let _ = read.metadata().map(|metadata| comes_back(&metadata)).map_err(|error| told(&error, name));
    match read.infer_spec() {
        Ok(spec) => {
            // It is built next: what it takes must be earned by what the file has.
            let parameters = parameters(&spec);
            let most = (16 * numbers).max(1 << 22);
            assert!(parameters <= most, "{} of {parameters} numbers for a file of {numbers}", spec.name);
        }
        Err(error) => told(&error, name),
    }
    static MODEL: OnceLock<Model> = OnceLock::new();
    let model = MODEL.get_or_init(|| {
        let spec = registry::find("resnet8-v1", 2).expect("it is listed");
        Model::init(&spec, 0).expect("it is consistent")
    });
    let _ = read.compare(model).to_string();
    if let Err(error) = read.load_into(model, checkpoint::Policy::STRICT) {
        told(&error, name);
    }
}

fn parameters(spec: &Spec) -> usize {
    summary::of(spec).unwrap_or_else(|error| panic!("{} cannot be built: {error}", spec.name)).parameters
}

/// Metadata are the same again once they were written.
fn comes_back(metadata: &Metadata) {
    let strings = metadata.to_map();
    let again = Metadata::parse(&strings).expect("what was written is understood");
    assert_eq!(again.to_map(), strings);
    assert_eq!((&again.model, &again.classes), (&metadata.model, &metadata.classes));
    assert_eq!(again.preprocessing, metadata.preprocessing);
}

/// Every file that an index lists lies beside it.
fn index(bytes: &[u8]) {
    let (dir, name) = (folder(), "model.safetensors.index.json");
    let file = dir.path().join(name);
    write(&file, bytes);
    match resnet_checkpoint::parts(&file) {
        Ok(parts) => {
            accept();
            for part in parts {
                assert!(Path::new(&part).file_name().is_some_and(|alone| alone == part.as_str()), "{part:?}");
            }
        }
        Err(error) => told(&error, name),
    }
}

/// A `config.json`, and behind a zero byte perhaps a `preprocessor_config.json`; or a header's metadata; or
/// the index of weights in several files.
pub fn config(bytes: &[u8]) {
    index(bytes);
    let (config, preprocessor) = mend::halves(bytes);
    if let Ok(strings) = serde_json::from_slice::<BTreeMap<String, String>>(config) {
        match Metadata::parse(&strings) {
            Ok(metadata) => comes_back(&metadata),
            Err(fault) => told(&fault, "metadata"),
        }
    }
    let (Ok(config), Ok(preprocessor)) = (str::from_utf8(config), str::from_utf8(preprocessor)) else {
        return;
    };
    let preprocessor = (!preprocessor.is_empty()).then_some(preprocessor);
    let understood = match RepositoryConfig::parse(config, preprocessor) {
        Ok(understood) => understood,
        Err(error) => return told(&error, "config.json"),
    };
    accept();
    let RepositoryConfig { spec, classes, preprocessing } = &understood;
    assert!(classes.as_ref().is_none_or(|names| names.len() == spec.classes));
    if is_timm_network(spec) && preprocessing.is_some() {
        let metadata = Metadata {
            classes: classes.clone(),
            preprocessing: *preprocessing,
            model: Some(spec.name.clone()),
            ..Metadata::default()
        };
        let again = RepositoryConfig::parse(&timm_config(spec, &metadata), None).expect("just written");
        assert_eq!(again, understood);
    }
}

/// The name of a network, a dialect or a data set, a class map, and a list of classes.
pub fn names(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match registry::find(text, 7) {
        Ok(spec) => {
            accept();
            assert_eq!(spec.classes, 7);
            assert_eq!(registry::find(&spec.name, 7).as_ref(), Ok(&spec), "{text:?}");
            if spec.units().len() <= 60 {
                assert!(parameters(&spec) > 0);
            }
        }
        Err(error) if text.len() <= 80 => told(&error, "\""),
        Err(_) => {}
    }
    assert!(registry::usual_classes(text) > 0);
    if let Ok(dialect) = text.parse::<Dialect>() {
        assert_eq!(dialect.to_string(), text);
    }
    if let Ok(kind) = text.parse::<resnet_data::DataKind>() {
        assert_eq!(kind.to_string(), text);
    }
    let _ = resnet_vision::parse_rgb(text).map(|numbers| assert!(numbers.iter().all(|n| n.is_finite())));
    resnet_data::fuzzing::class_list(text);
    if let Ok(classes) = parse_class_map(text) {
        assert!(!classes.is_empty() && classes.iter().all(|name| !name.trim().is_empty()));
        assert_eq!(class_difference(&classes, &classes), None);
        let written = serde_json::Value::from(classes.clone()).to_string();
        assert_eq!(parse_class_map(&written).as_ref(), Ok(&classes));
    }
}
