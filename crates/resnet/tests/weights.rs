//! Whose weights a file holds: told by the file, by a config beside it, and by the run that trained them.

use std::fs;
use std::path::{Path, PathBuf};

use resnet::data::generated;
use resnet::models::checkpoint::{self, Dialect, Metadata, Resampling};
use resnet::models::{Model, registry};
use resnet::record::{Recipe, RunFolder};
use resnet::vision::{Interpolation, Normalisation};
use resnet::{
    ClassNames, Error, Images, LoadOptions, Note, OpenOptions, Origin, Pretrained, StartingWeights,
};

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

/// A few steps on generated shapes.
fn recipe() -> Recipe {
    let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    recipe.set_all(&["data.generated={train=40,test=10}", "data.validation=0"]).unwrap();
    recipe.set_all(&["train.batch_size=20", "train.duration=1 steps"]).unwrap();
    recipe
}

/// Gives the weights that lie at `from` to a fresh network called `name`.
fn started(from: &Path, name: &str) -> Result<resnet::Started, Box<Error>> {
    let weights = StartingWeights::read(from, &LoadOptions::default()).map_err(Box::new)?;
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
    let loaded = Pretrained::load(folder.path()).unwrap();
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
    let pretrained = options.load(&file).unwrap();
    let shapes = generated::shapes(40, 10, 0);
    let mut network = pretrained.with_new_head(shapes.train.classes(), 0).unwrap();
    for run in ["first", "second"] {
        network.fine_tune(&recipe(), &shapes, here.join(run)).unwrap();
        assert_eq!(network.run().map(|(folder, _)| folder.dir()), Some(&*here.join(run)));
    }
    let reads = |run: &str| RunFolder::open(&here.join(run)).unwrap().record().unwrap().test_reads;
    let before = [reads("first"), reads("second")];
    network.count_test_reading(&Images::InMemory(generated::shapes(40, 10, 0))).unwrap();
    assert_eq!([reads("first"), reads("second")], [before[0], before[1] + 1]);

    let of_files = Recipe::built_in("fine-tune").expect("a built-in recipe");
    let refused = network.fine_tune(&of_files, &shapes, here.join("third")).unwrap_err().to_string();
    assert!(refused.contains("'fine-tune' is for images in files"), "{refused}");
    assert!(!here.join("third").exists());
}

#[test]
fn a_fine_tuned_run_resumes_with_the_network_that_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet8-v1", None);
    let options = LoadOptions::default().normalisation(Normalisation::HALF);
    let shapes = generated::shapes(40, 10, 0);
    let mut network = options.load(&file).unwrap().with_new_head(shapes.train.classes(), 0).unwrap();
    let mut dropping = recipe();
    dropping.set_all(&["model.stochastic_depth=0.5", "model.zero_init_residual=true"]).unwrap();
    let run = folder.path().join("run");
    network.fine_tune(&dropping, &shapes, &run).unwrap();
    // That network drops no branch, so that the recipe of the run must not say that it does.
    let model = RunFolder::open(&run).unwrap().recipe().unwrap().model;
    assert_eq!((model.stochastic_depth, model.zero_init_residual), (0.0, false));
}

#[test]
fn options_can_be_printed() {
    let load = format!("{:?}", LoadOptions::default().model("resnet50"));
    assert!(load.contains("resnet50"), "{load}");
    let open = format!("{:?}", OpenOptions::default());
    assert!(open.contains("Fail"), "{open}");
}

#[test]
fn ten_classes_of_ones_own_are_not_cifars() {
    let folder = tempfile::tempdir().unwrap();
    for (name, normalisation) in [("resnet18", Normalisation::IMAGENET), ("resnetv2_18", Normalisation::HALF)]
    {
        let loaded = Pretrained::load(weights(&folder.path().join("net.safetensors"), name, None)).unwrap();
        let (assumed, origin) = loaded.normalisation().unwrap();
        assert_eq!(assumed, normalisation, "{name}");
        assert!(matches!(origin, Origin::Assumed(_)), "{name}: {origin:?}");
        let ClassNames { names, origin } = loaded.classes();
        assert_eq!((names[9].as_str(), origin), ("class 9", Origin::Nobody), "{name}");
    }
}

#[test]
fn what_a_network_starts_from_is_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet8-v2", None);
    let names: Vec<String> = (0..10).map(|class| format!("kind {class}")).collect();
    let options = LoadOptions::default().normalisation(Normalisation::UNIT).classes(names.clone());
    let model = Model::init(&registry::find("resnet8-v2", 10).unwrap(), 1).unwrap();
    let give = |classes: &[String], recipe: &Recipe| {
        let weights = StartingWeights::read(&file, &options).unwrap();
        weights.give_to(&model, recipe, classes).unwrap().to_string()
    };
    let mut backwards = names.clone();
    backwards.reverse();
    let told = give(&backwards, &recipe());
    for words in
        ["tensors fit resnet8-v2", "other classes than the data's", "trained with mean 0,0,0 and std 1,1,1"]
    {
        assert!(told.contains(words), "{words} in {told}");
    }
    let mut same = recipe();
    same.set_all(&["data.mean=[0,0,0]", "data.std=[1,1,1]"]).unwrap();
    let told = give(&names, &same);
    assert!(!told.contains("other classes") && !told.contains("trained with"), "{told}");
}

#[test]
fn a_training_that_fails_leaves_the_network_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet8-v2", None);
    let options = LoadOptions::default().normalisation(Normalisation::HALF);
    let shapes = generated::shapes(40, 10, 0);
    let mut network = options.load(&file).unwrap().with_new_head(shapes.train.classes(), 0).unwrap();
    let variables = |network: &Pretrained| -> Vec<Vec<f32>> {
        let variables = network.network().model().variables().values();
        variables.map(|variable| variable.flatten_all().unwrap().to_vec1().unwrap()).collect()
    };
    let before = variables(&network);
    let mut wild = recipe();
    wild.set_all(&["schedule={kind=\"constant\",lr=1e30}", "train.duration=5 steps"]).unwrap();
    let diverged = network.fine_tune(&wild, &shapes, folder.path().join("wild")).unwrap_err();
    assert!(matches!(diverged, Error::Train(_)), "{diverged}");
    assert_eq!(variables(&network), before);
    assert!(network.run().is_none() && network.file() == file);
    network.fine_tune(&recipe(), &shapes, folder.path().join("tame")).unwrap();
    assert_ne!(variables(&network), before);
}

#[test]
fn what_a_file_does_not_say_is_told_by_its_caller_or_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet18", None);
    let path = file.to_str().expect("a path in UTF-8");
    let names: Vec<String> = (0..10).map(|class| format!("kind {class}")).collect();
    let options = LoadOptions::default().normalisation(Normalisation::HALF).classes(names.clone());
    let assumed = options.load(path).unwrap();
    assert!(assumed.is_resizing_assumed());
    assert_eq!(assumed.classes(), ClassNames { names: names.clone(), origin: Origin::Caller });
    let told = options.clone().resize(232).interpolation(Interpolation::Bicubic).load(path).unwrap();
    assert!(!told.is_resizing_assumed());
    let how = told.preprocessing().unwrap();
    assert_eq!((how.resize, how.crop, how.interpolation), (232, 224, Resampling::Bicubic));
    let small = options.clone().resize(100).load(path).unwrap().preprocessing().unwrap_err();
    assert!(matches!(small, Error::CropTooLarge { crop: 224, resize: 100 }), "{small}");
    // An export says what its file did not.
    let copy = folder.path().join("copy.safetensors");
    told.export(Dialect::Native, &copy).unwrap();
    let again = Pretrained::load(&copy).unwrap();
    assert_eq!((again.preprocessing().unwrap(), again.classes().origin), (how, Origin::File));
    assert_eq!((again.classes().names, again.is_resizing_assumed()), (names, false));
    let refused = options.classes(["one".to_owned()]).load(path).unwrap_err();
    assert!(matches!(refused, Error::GivenClasses { given: 1, has: 10, .. }), "{refused}");
}

#[test]
fn a_config_beside_weights_that_are_named_themselves_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("model.safetensors"), "resnet18", None);
    let refused = Pretrained::load(folder.path()).unwrap_err();
    let told = "has model.safetensors but no config.json; give the file itself";
    assert!(refused.to_string().ends_with(told), "{refused}");
    write_config(folder.path(), "resnet18");
    let path = file.to_str().expect("a path in UTF-8");
    let loaded = Pretrained::load(path).unwrap();
    let [Note::Other(told)] = loaded.notes() else { panic!("{:?}", loaded.notes()) };
    assert!(told.ends_with("is not read; give their folder to use it"), "{told}");
    let told = std::sync::Mutex::new(vec![]);
    let on_note = |note: &Note| told.lock().unwrap().push(note.clone());
    let starting = StartingWeights::read(path, &LoadOptions::default().on_note(&on_note)).unwrap();
    assert_eq!((starting.notes(), &told.lock().unwrap()[..]), (loaded.notes(), loaded.notes()));
}

#[test]
fn a_path_is_no_model_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Pretrained::load(folder.path().join("timm/resnet50")).unwrap_err();
    assert!(matches!(refused, Error::Checkpoint(_)), "{refused}");
    let refused = Pretrained::load(Path::new("timm/nothere")).unwrap_err();
    assert!(matches!(refused, Error::Checkpoint(_)), "{refused}");
}

#[test]
fn a_name_of_nothing_is_said_to_be_no_file() {
    for name in ["nothere", "runs/2026/nothere"] {
        let refused = Pretrained::load(name).unwrap_err();
        assert!(matches!(&refused, Error::NotThere { text, .. } if text == name), "{refused}");
    }
    let bare = Pretrained::load("resnet50").unwrap_err();
    assert!(matches!(bare, Error::NoWeights(_)), "{bare}");
}

#[test]
fn an_export_replaces_neither_its_own_file_nor_a_runs_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = weights(&here.join("net.safetensors"), "resnet8-v2", None);
    let options = LoadOptions::default().normalisation(Normalisation::HALF);
    let loaded = options.load(&file).unwrap();
    let before = fs::read(&file).unwrap();
    fs::create_dir(here.join("folder")).unwrap();
    let export = |out: &str| loaded.export(Dialect::Native, here.join(out)).map(|_| ()).map_err(Box::new);
    for same in ["net.safetensors", "folder/../net.safetensors"] {
        let refused = export(same).unwrap_err();
        assert!(matches!(*refused, Error::ReplacesItself { .. }), "{refused}");
    }
    for other in ["net.pth", "net.PT", "net.bin", "net.png", "net.onnx"] {
        let refused = export(other).unwrap_err();
        assert!(matches!(*refused, Error::OtherEnding { .. }), "{refused}");
    }
    let shapes = generated::shapes(40, 10, 0);
    let mut network = loaded.with_new_head(shapes.train.classes(), 0).unwrap();
    network.fine_tune(&recipe(), &shapes, here.join("run")).unwrap();
    for among in ["run/checkpoints/last.safetensors", "run/checkpoints/new.safetensors"] {
        let refused = export(among).unwrap_err();
        assert!(matches!(*refused, Error::AmongCheckpoints { .. }), "{refused}");
    }
    assert!(fs::read(&file).unwrap() == before && !here.join("run/checkpoints/new.safetensors").exists());
    export("run/net.safetensors").unwrap();
}

#[test]
fn an_export_for_transformers_has_its_config_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet18-v1-imagenet", None);
    let options = LoadOptions::default().model("resnet18-v1-imagenet");
    let loaded = options.load(&file).unwrap();
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let exported = loaded.export(Dialect::Transformers, mine.join("model.safetensors")).unwrap();
    assert_eq!(exported.config, Some(mine.join("config.json")));
    // Its config tells of resnet18, which is another name of the same network.
    let again = Pretrained::load(&mine).unwrap();
    assert_eq!((again.spec().name.as_str(), again.notes()), ("resnet18-v1-imagenet", &[][..]));
    assert_eq!(again.metadata().classes, None);
}

#[test]
fn an_export_replaces_no_config_of_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet18", None);
    let network = Pretrained::load(&file).unwrap();
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let (out, config) = (mine.join("model.safetensors"), mine.join("config.json"));
    let foreign = r#"{"port": 80}"#;
    fs::write(&config, foreign).unwrap();
    let refused = network.export(Dialect::Timm, &out).unwrap_err();
    assert!(matches!(&refused, Error::OtherConfig { config: there } if *there == config), "{refused}");
    assert!(!out.exists() && fs::read_to_string(&config).unwrap() == foreign);
    network.export(Dialect::Torchvision, &out).unwrap();
    network.export_with_config(Dialect::Timm, &out).unwrap();
    let written = fs::read_to_string(&config).unwrap();
    assert!(written.contains("resnet18"), "{written}");
    // Its own description is no other's.
    network.export(Dialect::Timm, &out).unwrap();
    // If the weights cannot be written, the description does not change either.
    let other = Pretrained::load(weights(&file, "resnet34", None)).unwrap();
    fs::remove_file(&out).unwrap();
    fs::create_dir(&out).unwrap();
    other.export_with_config(Dialect::Timm, &out).unwrap_err();
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
}

#[test]
fn an_export_is_not_replaced_by_its_own_description() {
    let folder = tempfile::tempdir().unwrap();
    let file = weights(&folder.path().join("net.safetensors"), "resnet18", None);
    let network = Pretrained::load(&file).unwrap();
    let config = folder.path().join("config.json");
    let refused = network.export(Dialect::Timm, &config).unwrap_err();
    assert!(matches!(refused, Error::PlaceOfConfig { .. }), "{refused}");
    assert!(!config.exists());
}
