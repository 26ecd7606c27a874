//! What cannot work says why, and leaves every file as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{StopAt, Tiny, When, create, data, recipe, train_on};
use candle_core::{DType, Device, Result, Tensor, Var};
use resnet_data::{Dataset, ImageSet, generated};
use resnet_ops::Mode;
use resnet_record::{Run, RunFolder};
use resnet_train::{
    Classifier, Error, Options, Outcome, Quiet, TrainingData as _, TrainingPlan, fit, steps_done,
};

/// A run that was stopped after step 5, and its checkpoint's bytes.
fn stopped_run(dir: &Path) -> Vec<u8> {
    let options = Options::default();
    let mut observer = StopAt::new(When::Step(5), &options);
    fit(&Tiny::new(1, 10), &data(), &mut create(dir, &[]), &options, &mut observer).unwrap();
    fs::read(dir.join("checkpoints/last.safetensors")).unwrap()
}

fn resume(dir: &Path, model: &dyn Classifier) -> std::result::Result<Outcome, Error> {
    fit(model, &data(), &mut Run::open(dir).unwrap(), &Options::default(), &mut Quiet)
}

#[test]
fn a_training_that_diverges_overwrites_no_checkpoint() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let changes = [r#"schedule={kind="steps",rate=0.1,divide_by=1e-38,at=["6 steps"]}"#];
    let error = train_on(&data(), &dir, &changes, &mut Quiet).unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(
            error,
            Error::NonFiniteLoss { step: 7 | 8, .. }
                | Error::NonFiniteWeight { .. }
                | Error::NonFiniteLogits { step: 8, .. }
        ),
        "{message}"
    );
    assert!(message.contains("diverged") && message.contains("learning rate"), "{message}");
    // The checkpoint is that of the first epoch's end.
    let options = Options::default();
    let mut observer = StopAt::new(When::Step(5), &options);
    let mut run = Run::open(&dir).unwrap();
    let outcome = fit(&Tiny::new(1, 10), &data(), &mut run, &options, &mut observer).unwrap();
    assert_eq!(outcome, Outcome::Interrupted { step: 5 });
    for values in crate::common::tensors(&run.folder().last_checkpoint()).values() {
        assert!(values.chunks_exact(4).all(|b| f32::from_le_bytes(b.try_into().unwrap()).is_finite()));
    }
}

/// What a label means has changed, so that the labels of before would be wrong.
#[test]
fn a_training_does_not_go_on_with_other_classes() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    stopped_run(&dir);
    let classes_reversed = |data: Dataset| {
        let set = &data.train;
        let pixels = (0..set.len()).flat_map(|i| set.image(i).to_vec()).collect();
        let classes = set.classes().iter().rev().cloned().collect();
        let (labels, height, width) = (set.labels().to_vec(), set.height(), set.width());
        Dataset { train: ImageSet::new(pixels, labels, height, width, classes).unwrap(), ..data }
    };
    let resume = |data: &Dataset| {
        fit(&Tiny::new(1, 10), data, &mut Run::open(&dir).unwrap(), &Options::default(), &mut Quiet)
    };
    let message = resume(&classes_reversed(data())).unwrap_err().to_string();
    assert!(
        message.contains("last.safetensors") && message.contains("classes in another order"),
        "{message}"
    );
    // Other images cause a warning, and the training goes on: a broken one may have been repaired.
    assert_eq!(data().identity().classes, generated::shapes(140, 60, 1).identity().classes);
    assert_ne!(data().identity().images, generated::shapes(140, 60, 1).identity().images);
    assert!(matches!(resume(&generated::shapes(140, 60, 1)).unwrap(), Outcome::Finished(_)));
}

#[test]
fn damaged_checkpoints_are_named_and_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let whole = stopped_run(&dir);
    let file = dir.join("checkpoints/last.safetensors");
    let metrics = fs::read(dir.join("metrics.jsonl")).unwrap();
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        [&whole[..at], to.as_bytes(), &whole[at + from.len()..]].concat()
    };
    for (damaged, words) in [
        (Vec::new(), "damaged"),
        (whole[..7].to_vec(), "damaged"),
        (whole[..whole.len() / 2].to_vec(), "damaged"),
        (whole[..whole.len() - 1].to_vec(), "damaged"),
        ([&[0xff; 8], &whole[8..]].concat(), "damaged"),
        (replaced("fc.weight", "fc.weighs"), "fc.weigh"),
        (replaced("training_state", "training_stage"), "no training state"),
        (replaced("quick-start", "slow--start"), "another recipe"),
        (replaced(r#"\"step\":5"#, r#"\"step\":6"#), "does not fit"),
        (replaced(r#"\"velocities\":2"#, r#"\"velocities\":3"#), "does not fit"),
        (replaced(r#"\"format\":1"#, r#"\"format\":2"#), "format 2"),
    ] {
        fs::write(&file, &damaged).unwrap();
        let message = resume(&dir, &Tiny::new(1, 10)).unwrap_err().to_string();
        assert!(
            message.contains("last.safetensors") && message.contains(words),
            "'{words}' is missing in: {message}"
        );
        if words == "damaged" {
            assert_eq!(steps_done(&file).unwrap_err().to_string(), message, "one sentence for one damage");
        }
        assert_eq!(fs::read(&file).unwrap(), damaged);
        assert_eq!(fs::read(dir.join("metrics.jsonl")).unwrap(), metrics);
    }
    fs::write(&file, replaced("training_state", "training_stage")).unwrap();
    let message = steps_done(&file).unwrap_err().to_string();
    assert!(message.contains("no training state, as an export has"), "{message}");
}

#[test]
fn another_network_cannot_go_on_with_a_run() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let whole = stopped_run(&dir);
    let message = resume(&dir, &Tiny::new(1, 7)).unwrap_err().to_string();
    assert!(message.contains("fc.bias is F32 [10] and should be F32 [7]"), "{message}");
    assert_eq!(fs::read(dir.join("checkpoints/last.safetensors")).unwrap(), whole);
}

#[test]
fn another_recipe_or_data_set_cannot_go_on_with_a_run() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    stopped_run(&dir);
    let other = generated::shapes(400, 10, 0);
    let mut run = Run::open(&dir).unwrap();
    // 370 images in batches of 32: after 5 steps no epoch is closed, but the state says that one is.
    let message =
        fit(&Tiny::new(1, 10), &other, &mut run, &Options::default(), &mut Quiet).unwrap_err().to_string();
    assert!(message.contains("does not fit"), "{message}");
    drop(run);
    fs::write(dir.join("recipe.toml"), recipe(&["train.seed=9"]).to_toml().unwrap()).unwrap();
    let message = resume(&dir, &Tiny::new(1, 10)).unwrap_err().to_string();
    assert!(message.contains("another recipe"), "{message}");
}

#[test]
fn recipe_and_data_must_fit() {
    let classes: std::sync::Arc<[String]> = ["cat", "dog"].map(String::from).into();
    let set = |n: usize| {
        let labels = (0..n as u32).map(|i| i % 2).collect();
        resnet_data::ImageSet::new(vec![0; n * 3 * 64], labels, 8, 8, classes.clone()).unwrap()
    };
    let two = resnet_data::Dataset {
        name: "pets".into(),
        train: set(20),
        test: resnet_data::HeldOut::new(set(4)),
        origin: "a drawer".into(),
    };
    let message = TrainingPlan::new(&recipe(&[]), &two).unwrap_err().to_string();
    assert!(message.contains("10 classes") && message.contains("a drawer has 2"), "{message}");
    let message = TrainingPlan::new(&recipe(&["data.validation=200"]), &data()).unwrap_err().to_string();
    assert!(message.contains("200"), "{message}");
    let message = TrainingPlan::new(&recipe(&["train.batch_size=500", "train.last_batch=drop"]), &data())
        .unwrap_err()
        .to_string();
    assert!(message.contains("500"), "{message}");
}

#[test]
fn one_class_is_refused_before_the_first_step() {
    let set = |n: usize| {
        resnet_data::ImageSet::new(vec![0; n * 3 * 64], vec![0; n], 8, 8, ["cat".to_owned()].into()).unwrap()
    };
    let one = Dataset {
        name: "cats".into(),
        train: set(20),
        test: resnet_data::HeldOut::new(set(4)),
        origin: "a drawer".into(),
    };
    // Of a recipe that takes what classes there are.
    let text = include_str!("../../../record/recipes/imagenet-resnet50-v2.toml");
    let recipe = resnet_record::Recipe::parse(text, "imagenet-resnet50-v2.toml").unwrap();
    let message = TrainingPlan::new(&recipe, &one).unwrap_err().to_string();
    assert!(message.contains("a drawer has only one class") && message.contains("at least two"), "{message}");
}

/// A network that wants several images.
struct Wants(Tiny, usize);

impl Classifier for Wants {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        if mode == Mode::Train && images.dim(0)? < self.1 {
            candle_core::bail!("it was given {}", images.dim(0)?);
        }
        self.0.logits(images, mode)
    }

    fn fewest_images(&self, size: [usize; 2]) -> Result<usize> {
        assert_eq!(size, [32, 32]);
        Ok(self.1)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}

#[test]
fn a_batch_that_is_too_small_for_the_network_is_refused_before_the_first_step() {
    let scratch = tempfile::tempdir().unwrap();
    let model = Wants(Tiny::new(1, 10), 2);
    let fit = |name: &str, changes: &[&str]| {
        let mut run = create(&scratch.path().join(name), &[&["data.validation=0"], changes].concat());
        let done = fit(&model, &data(), &mut run, &Options::default(), &mut Quiet);
        (done, run.folder().metrics().unwrap().len())
    };
    // 140 images.
    let (error, logged) = fit("last", &["train.batch_size=139"]);
    let message = error.unwrap_err().to_string();
    assert_eq!(logged, 0, "{message}");
    assert!(message.contains("140 images in batches of 139 leave 1 for the last batch"), "{message}");
    assert!(message.contains("at 32 x 32 pixels") && message.contains("at least 2 images"), "{message}");
    let (error, _) = fit("each", &["train.batch_size=1"]);
    let message = error.unwrap_err().to_string();
    assert!(message.contains("batches of 1 are too small"), "{message}");
    // What is left out, or never comes, is no trouble.
    for (name, changes) in [
        ("dropped", ["train.batch_size=139", "train.last_batch=drop", "train.duration=2 epochs"]),
        ("never", ["train.batch_size=139", "train.last_batch=keep", "train.duration=1 step"]),
        ("even", ["train.batch_size=70", "train.last_batch=keep", "train.duration=1 epoch"]),
    ] {
        assert!(matches!(fit(name, &changes).0.unwrap(), Outcome::Finished(_)), "{name}");
    }
}

/// Everything in a run's folder, as bytes.
fn all_files(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [dir.to_owned(), dir.join("checkpoints")] {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_file() {
                found.insert(entry.clone(), fs::read(&entry).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_run_whose_last_checkpoint_is_gone_is_not_begun_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    stopped_run(&dir);
    let (last, best) = ("checkpoints/last.safetensors", "checkpoints/best.safetensors");
    fs::remove_file(dir.join(last)).unwrap();
    for (is_there, words) in [(true, "only best.safetensors is there"), (false, "no other checkpoint")] {
        if !is_there {
            fs::remove_file(dir.join(best)).unwrap();
        }
        let before = all_files(&dir);
        let error = resume(&dir, &Tiny::new(1, 10)).unwrap_err();
        assert!(matches!(error, Error::CheckpointGone { left, .. } if left.is_some() == is_there), "{error}");
        let message = error.to_string();
        assert!(message.contains(last) && message.contains(words), "{message}");
        assert_eq!(all_files(&dir), before);
    }

    // A finished run needs the weights that it reports.
    for (name, changes) in [("best", &[][..]), ("last", &["data.validation=0"])] {
        let dir = scratch.path().join(name);
        crate::common::train(&dir, changes);
        fs::remove_file(dir.join(last)).unwrap();
        let again = resume(&dir, &Tiny::new(1, 10));
        match name {
            "best" => assert!(matches!(again.unwrap(), Outcome::Finished(_))),
            _ => assert!(matches!(again.unwrap_err(), Error::CheckpointGone { .. })),
        }
    }
    // One that never began to train begins.
    let dir = scratch.path().join("fresh");
    drop(create(&dir, &[]));
    assert!(matches!(resume(&dir, &Tiny::new(1, 10)).unwrap(), Outcome::Finished(_)));
}

#[test]
fn a_run_that_cannot_be_written_stops_before_the_first_step() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut run = create(&dir, &[]);
    fs::remove_dir(dir.join("checkpoints")).unwrap();
    fs::write(dir.join("checkpoints"), "in the way").unwrap();
    let error = fit(&Tiny::new(1, 10), &data(), &mut run, &Options::default(), &mut Quiet).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("cannot write") && message.contains("last.safetensors"), "{message}");
    assert!(RunFolder::open(&dir).unwrap().metrics().unwrap().is_empty());
}

/// Logits through a long chain of nodes, from variables or from nowhere.
struct Chain {
    variables: BTreeMap<String, Var>,
    length: usize,
    classes: usize,
}

impl Chain {
    fn new(length: usize, classes: usize) -> Chain {
        let weight = Var::zeros((3, classes), DType::F32, &Device::Cpu).unwrap();
        Chain { variables: [("weight".to_owned(), weight)].into(), length, classes }
    }
}

impl Classifier for Chain {
    fn logits(&self, images: &Tensor, _mode: Mode) -> Result<Tensor> {
        let features = images.mean((2, 3))?;
        if self.length == 0 {
            return Tensor::zeros((images.dim(0)?, self.classes), DType::F32, images.device());
        }
        let mut x = features.matmul(&self.variables["weight"])?;
        for _ in 0..self.length {
            x = (x * 1.0)?;
        }
        Ok(x)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }
}

fn one_step(model: &dyn Classifier) -> std::result::Result<Outcome, Error> {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = create(&scratch.path().join("run"), &["train.duration=1 steps", "train.batch_size=4"]);
    fit(model, &data(), &mut run, &Options::default(), &mut Quiet)
}

#[test]
fn a_network_that_does_not_fit_is_described() {
    let message = one_step(&Chain::new(1, 7)).unwrap_err().to_string();
    assert!(message.contains("4 x 7 logits") && message.contains("as many classes"), "{message}");
    let message = one_step(&Chain::new(0, 10)).unwrap_err().to_string();
    assert!(message.contains("no variable of the network got a gradient"), "{message}");
}

#[test]
fn a_deep_graph_does_not_overflow_the_stack() {
    // This test's own thread has 2 MiB, which 10,000 nodes overflow.
    let outcome = one_step(&Chain::new(20_000, 10)).unwrap();
    assert!(matches!(outcome, Outcome::Finished(_)), "{outcome:?}");
}
