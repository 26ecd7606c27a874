//! A network scored on images in memory and in files, by library calls alone.

use std::fs;
use std::path::Path;

use resnet::data::generated;
use resnet::models::checkpoint::{self, Dialect, Metadata};
use resnet::models::{Model, registry};
use resnet::vision::image::{Orientation, encode_png};
use resnet::vision::{Image, Normalisation};
use resnet::{Crops, Error, EvalOptions, Images, LoadOptions, OpenOptions, Pretrained, TestFeed, TestImages};

/// A network of ten classes with fresh weights.
fn network(folder: &Path) -> Pretrained {
    named(folder, None)
}

/// The same whose caller names its classes.
fn named(folder: &Path, classes: Option<Vec<String>>) -> Pretrained {
    let file = folder.join("net.safetensors");
    let fresh = Model::init(&registry::find("resnet8-v2", 10).unwrap(), 0).unwrap();
    checkpoint::export(&file, &fresh, &Metadata::default(), Dialect::Native).unwrap();
    let mut options = LoadOptions::default().normalisation(Normalisation::HALF);
    if let Some(classes) = classes {
        options = options.classes(classes);
    }
    options.load(&file).unwrap()
}

#[test]
fn images_in_memory_are_scored_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path());
    let images = Images::InMemory(generated::shapes(20, 15, 0));
    network.check_images(&images.described()).unwrap();
    let two = ["cat", "dog"].map(str::to_owned);
    let other = TestImages { name: "class folders", origin: "pets", classes: &two, size: None };
    let refused = network.check_images(&other).unwrap_err().to_string();
    assert!(refused.contains("has 10 classes, and the data in pets have 2"), "{refused}");
    network.count_test_reading(&images).unwrap();
    let options = EvalOptions { batch: 4, ..EvalOptions::default() };
    let TestFeed { feed, view } = network.test_feed(&images, &options).unwrap();
    assert!(view.is_none());
    let scores = network.evaluate(&*feed, |_| true).unwrap().unwrap();
    assert_eq!(scores.images, 15);

    // What `predict` says of the same images, one by one.
    let Images::InMemory(data) = &images else { panic!("they are in memory") };
    let test = data.test.read();
    let pixels = |i: usize| {
        let planes = test.image(i);
        let plane = planes.len() / 3;
        Image::new(32, 32, (0..3 * plane).map(|at| planes[at % 3 * plane + at / 3]).collect()).unwrap()
    };
    let predictions = network.predict(&(0..15).map(pixels).collect::<Vec<_>>()).unwrap();
    let (mut loss, mut correct) = (0.0, 0);
    for (prediction, &label) in predictions.iter().zip(test.labels()) {
        let logits = &prediction.logits;
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        loss += (sum.ln() - f64::from(logits[label as usize])) / 15.0;
        correct += u64::from(logits.iter().all(|logit| *logit <= logits[label as usize]));
    }
    assert!((scores.loss - loss).abs() < 1e-5, "{} instead of {loss}", scores.loss);
    assert_eq!(scores.top1_correct, correct);
}

#[test]
fn classes_in_another_order_are_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let images = Images::InMemory(generated::shapes(20, 15, 0));
    let mut classes = images.classes().to_vec();
    let feed = |classes: &[String]| {
        let network = named(folder.path(), Some(classes.to_vec()));
        network.test_feed(&images, &EvalOptions::default()).map_err(Box::new)
    };
    feed(&classes).unwrap();
    classes.reverse();
    let refused = feed(&classes).unwrap_err().to_string();
    assert!(refused.contains("in another order"), "{refused}");
}

#[test]
fn images_in_files_are_shown_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path());
    for class in 0..10u8 {
        let file = folder.path().join(format!("data/val/{class}/0.png"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let image = Image::new(40, 30, vec![20 * class; 40 * 30 * 3]).unwrap();
        fs::write(file, encode_png(&image).unwrap()).unwrap();
    }
    let data = folder.path().join("data");
    let images = Images::to_evaluate(&data, None, 10, &OpenOptions::default()).unwrap();
    let scores = |options: &EvalOptions| {
        let TestFeed { feed, view } = network.test_feed(&images, options).unwrap();
        let view = view.unwrap();
        let scores = network.evaluate(&*feed, |_| true).unwrap().unwrap();
        (scores.images, view.transform.crop, view.transform.resize, view.orientation)
    };
    let usual = EvalOptions::default();
    assert_eq!(scores(&usual), (10, 32, 32, Orientation::Ignore));
    let larger = EvalOptions { size: Some(36), orientation: Some(Orientation::Apply), ..usual };
    assert_eq!(scores(&larger), (10, 36, 36, Orientation::Apply));
    let ten = EvalOptions { resize: Some(40), crops: Crops::Ten, batch: 3, ..usual };
    assert_eq!(scores(&ten), (10, 32, 40, Orientation::Ignore));
    let refused = network.test_feed(&images, &EvalOptions { resize: Some(16), ..usual }).unwrap_err();
    assert!(matches!(refused, Error::CropTooLarge { crop: 32, resize: 16 }), "{refused}");
}
