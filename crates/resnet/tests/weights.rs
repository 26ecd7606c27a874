//! Whose weights a file holds: told by the file, by a config beside it, and by the run that trained them.

use std::fs;
use std::path::{Path, PathBuf};

use resnet::data::generated;
use resnet::models::checkpoint::{self, Dialect, Metadata, ReadOptions};
use resnet::models::{Model, registry};
use resnet::record::{Recipe, RunFolder};
use resnet::vision::Normalisation;
use resnet::{Error, Images, LoadOptions, NoProgress, Note, Pretrained, StartingWeights};

/// Fresh weights of the network `name`, in a file that says they are of `said`.
fn weights(file: &Path, name: &str, said: Option<&str>) -> PathBuf {
    let model = Model::init(&registry::find(name, 10).unwrap(), 0).unwrap();
    let metadata = Metadata { model: said.map(str::to_owned), ..Metadata::default() };
    checkpoint::export(file, &model, &metadata, Dialect::Native).unwrap();
    file.to_owned()
}

fn write_config(folder: &Path, architecture: &str) {
    let text = format!(r#"{{"architecture": "{architecture}", "num_classes": 10}}"#);
    fs::write(folder.join("config.json"), text).unwrap();
}

/// A few steps on drawn shapes.
fn recipe() -> Recipe {
    let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    recipe.set_all(&["data.generated={train=40,test=10}", "data.validation=0"]).unwrap();
    recipe.set_all(&["train.batch_size=20", "train.duration=1 steps"]).unwrap();
    recipe
}

/// Gives the weights that lie at `from` to a fresh network called `name`.
fn started(from: &Path, name: &str) -> Result<resnet::Started, Box<Error>> {
    let from = from.to_str().expect("a path in UTF-8");
    let weights =
        StartingWeights::read(from, None, &ReadOptions::default(), &NoProgress).map_err(Box::new)?;
    let model = Model::init(&registry::find(name, 10).unwrap(), 1).unwrap();
    weights.give_to(&model, &recipe(), &[]).map_err(Box::new)
}

#[test]
fn a_training_takes_no_weights_that_say_they_are_of_another_network() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = here.join("net.safetensors");
    // Names and shapes are the same in all of these.
    for (name, said, wanted) in [
        ("resnet8-v1", Some("resnet8-plain"), "resnet8-v1"),
        ("resnet11-v1", Some("resnet11-relu-before-addition"), "resnet11-v1"),
    ] {
        let refused = started(&weights(&file, name, said), wanted).unwrap_err();
        let told = said.unwrap();
        assert!(matches!(&*refused, Error::OtherNetwork { told: of, .. } if of == told), "{refused}");
        let words = format!("its metadata names {told}, and the network to be trained is {wanted}");
        assert!(refused.to_string().contains(&words), "{refused}");
    }
    for (name, said, wanted) in [
        ("resnet8-v1", None, "resnet8-plain"),
        ("resnet8-v1", Some("resnet8-v1-a"), "resnet8-v1"),
        ("resnet8-v1", Some("a network of tomorrow"), "resnet8-v1"),
        ("resnet8-exclusive-gating", Some("resnet8-exclusive-gating-bias-0"), "resnet8-exclusive-gating"),
    ] {
        started(&weights(&file, name, said), wanted).unwrap();
    }
}

#[test]
fn a_config_beside_weights_tells_a_training_of_their_network() {
    let folder = tempfile::tempdir().unwrap();
    weights(&folder.path().join("model.safetensors"), "resnet18", None);
    write_config(folder.path(), "resnet18");
    started(folder.path(), "resnet18").unwrap();
    write_config(folder.path(), "resnetv2_18");
    let refused = started(folder.path(), "resnet18").unwrap_err().to_string();
    assert!(refused.contains("its config.json tells of resnetv2_18"), "{refused}");
}

#[test]
fn what_a_file_says_of_its_network_comes_before_the_config_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    weights(&folder.path().join("model.safetensors"), "resnet8-v1", Some("resnet8-plain"));
    write_config(folder.path(), "resnet18");
    let loaded = Pretrained::load(folder.path().to_str().expect("a path in UTF-8")).unwrap();
    assert_eq!(loaded.spec().name, "resnet8-plain");
    // Nor is it believed what it says of images.
    assert_eq!(loaded.metadata().preprocessing, None);
    let [Note::Other(told)] = loaded.notes() else { panic!("{:?}", loaded.notes()) };
    assert!(told.starts_with("config.json tells of resnet18, and the metadata of "), "{told}");
}

#[test]
fn a_fine_tuned_network_belongs_to_the_run_that_trained_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = weights(&here.join("net.safetensors"), "resnet8-v2", None);
    let options = LoadOptions::default().normalisation(Normalisation::HALF);
    let pretrained = options.load(file.to_str().expect("a path in UTF-8")).unwrap();
    let shapes = generated::shapes(40, 10, 0);
    let mut network = pretrained.with_classes(shapes.train.classes(), 0).unwrap();
    for run in ["first", "second"] {
        network.fine_tune(&recipe(), &shapes, &here.join(run)).unwrap();
        assert_eq!(network.run().map(|(folder, _)| folder.dir()), Some(&*here.join(run)));
    }
    let reads = |run: &str| RunFolder::open(&here.join(run)).unwrap().record().unwrap().test_reads;
    let before = [reads("first"), reads("second")];
    network.count_test_reading(&Images::InMemory(generated::shapes(40, 10, 0))).unwrap();
    assert_eq!([reads("first"), reads("second")], [before[0], before[1] + 1]);

    let of_files = Recipe::built_in("fine-tune").expect("a built-in recipe");
    let refused = network.fine_tune(&of_files, &shapes, &here.join("third")).unwrap_err().to_string();
    assert!(refused.contains("'fine-tune' is for images in files"), "{refused}");
    assert!(!here.join("third").exists());
}

#[test]
fn an_export_is_not_replaced_by_its_own_description() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet18", None);
    let network = Pretrained::load(file.to_str().expect("a path in UTF-8")).unwrap();
    let config = folder.path().join("config.json");
    let refused = network.export(Dialect::Timm, &config).unwrap_err();
    assert!(matches!(refused, Error::PlaceOfConfig { .. }), "{refused}");
    assert!(!config.exists());
}
