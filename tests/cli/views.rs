//! How `eval` and `predict` look at images in files: crops, sizes, EXIF orientation.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{small_cifar, trained, xtask_in};
use crate::image_files::small;

/// A JPEG image, dark above and of `colour` below, whose EXIF data say that it lies on its side.
fn lying(path: &Path, colour: [u8; 3]) {
    let dark = |y: u32| if y < 40 { image::Rgb([9, 9, 9]) } else { image::Rgb(colour) };
    image::RgbImage::from_fn(100, 80, |_, y| dark(y)).save(path).expect("an image");
    let mut jpeg = fs::read(path).expect("an image");
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    jpeg.splice(2..2, *exif);
    fs::write(path, jpeg).expect("it is written");
}

/// Two classes, in which some of the images for evaluation lie on their sides.
fn draw(dir: &Path) {
    for (class, colour) in [("a", [220, 30, 30]), ("b", [30, 30, 220])] {
        for split in ["train", "val"] {
            let folder = dir.join(split).join(class);
            fs::create_dir_all(&folder).expect("a folder");
            for i in 0..4 {
                lying(&folder.join(format!("{i}.jpg")), colour);
            }
        }
        let upright = image::RgbImage::from_pixel(90, 90, image::Rgb(colour));
        upright.save(dir.join("val").join(class).join("0.jpg")).expect("an image");
    }
}

fn view(scores: &str) -> Value {
    let scores: Value = serde_json::from_str(scores).expect("JSON");
    scores["view"].clone()
}

#[test]
fn eval_crops_and_turns_images_as_it_is_told_and_says_how() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data"));
    let one = ["--set", "train.duration=1 steps"];
    let trained = xtask_in(here, &small("data", "run", &one));
    trained.succeeds();
    // ImageNet's recipes ignore EXIF data, which the run records.
    let recipe = fs::read_to_string(here.join("run/recipe.toml")).expect("the resolved recipe");
    assert!(recipe.contains("orientation = \"ignore\""), "{recipe}");
    let ignored = "6 images have an EXIF orientation, which is ignored";
    assert!(trained.stderr.contains(ignored), "{}", trained.stderr);

    let eval = |more: &[&str]| {
        let args = ["eval", "--checkpoint", "run", "--data", "data", "--json"];
        xtask_in(here, &[&args[..], more].concat())
    };
    let usual = eval(&[]);
    let expected = json!({"resize": 72, "size": 64, "crops": 1, "orientation": "ignore", "turned": 0});
    assert_eq!(view(usual.succeeds()), expected);
    assert_eq!(usual.stderr.matches(ignored).count(), 1, "{}", usual.stderr);
    let same = eval(&["--resize", "72", "--size", "64", "--crops", "1", "--orientation", "ignore"]);
    let score = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["loss"].clone();
    assert_eq!(score(same.succeeds()), score(usual.succeeds()));

    // One crop of the paper's table 5, ten crops of AlexNet.
    let larger = eval(&["--size", "320", "--batch", "3"]);
    let expected = json!({"resize": 320, "size": 320, "crops": 1, "orientation": "ignore", "turned": 0});
    assert_eq!(view(larger.succeeds()), expected);
    let ten = eval(&["--crops", "10", "--orientation", "apply"]);
    let expected = json!({"resize": 72, "size": 64, "crops": 10, "orientation": "apply", "turned": 6});
    assert_eq!(view(ten.succeeds()), expected);
    let told = "6 images were turned by their EXIF orientation";
    assert_eq!(ten.stderr.matches(told).count(), 1, "{}", ten.stderr);
    // However many there are at a time.
    let scores = [eval(&["--crops", "10", "--batch", "1"]), eval(&["--crops", "10", "--batch", "40"])];
    let losses = scores.map(|outcome| score(outcome.succeeds()).as_f64().expect("a number"));
    assert!((losses[0] - losses[1]).abs() <= 1e-6 * losses[0], "{losses:?}");

    eval(&["--size", "96", "--resize", "80"]).ends_saying(2, &["96 pixels does not fit", "--resize"]);
    eval(&["--crops", "5"]).ends_saying(2, &["1, 10"]);
}

#[test]
fn images_of_ones_own_are_turned_where_the_recipe_says_so_and_in_predict() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    draw(&here.join("data"));
    let apply = ["--set", "train.duration=1 steps", "--set", "images.orientation=apply"];
    let trained = xtask_in(here, &small("data", "run", &apply));
    trained.succeeds();
    let eval = xtask_in(here, &["eval", "--checkpoint", "run", "--data", "data"]);
    let shown = eval.succeeds();
    assert!(shown.contains("the centre, 64 x 64 of a shorter side of 72"), "{shown}");
    assert!(shown.contains("EXIF applied, 6 images turned"), "{shown}");

    let predict = xtask_in(here, &["predict", "--checkpoint", "run", "--json", "data/val/a"]);
    assert_eq!(predict.succeeds().lines().count(), 4);
    let told = "3 images were turned by their EXIF orientation";
    assert_eq!(predict.stderr.matches(told).count(), 1, "{}", predict.stderr);

    // Decoded once for all, they lie as is asked then.
    let convert = |out: &str, more: &[&str]| {
        let args = ["data", "convert", "data", "--to", "packed", "--side", "64", "--out", out];
        xtask_in(here, &[&args[..], more].concat())
    };
    let packed = convert("upright", &[]);
    packed.succeeds();
    assert!(packed.stderr.contains("val: 6 images were turned"), "{}", packed.stderr);
    convert("stored", &["--orientation", "ignore"]).succeeds();
    let heights = |data: &str| -> Value {
        let inspected = xtask_in(here, &["data", "inspect", data, "--json"]);
        let found: Value = serde_json::from_str(inspected.succeeds()).expect("JSON");
        found["splits"][0]["height"].clone()
    };
    assert_eq!((heights("upright"), heights("stored")), (json!([80, 80, 80]), json!([64, 64, 64])));
    convert("none", &["--orientation", "sideways"]).ends_saying(2, &["apply, ignore"]);
}

#[test]
fn images_in_memory_are_scored_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    for more in [["--crops", "10"], ["--size", "40"], ["--resize", "40"], ["--orientation", "apply"]] {
        let args = [&["eval", "--checkpoint", trained()][..], &more].concat();
        xtask_in(folder.path(), &args).ends_saying(2, &["images in files", "32 x 32", "leave them out"]);
    }
    small_cifar(folder.path());
    let find = |more: &[&str]| {
        let args = ["analyze", "preprocessing", "--checkpoint", trained(), "--data", "."];
        xtask_in(folder.path(), &[&args[..], more].concat())
    };
    find(&["--interpolation", "bicubic"]).ends_saying(2, &["--interpolation is for images in files"]);
    for more in [["--size", "40"], ["--resize", "40"], ["--orientation", "apply"]] {
        find(&more).ends_saying(2, &["images in files", "32 x 32", "leave them out"]);
    }
    fs::write(folder.path().join("names.txt"), "a\n").expect("it is written");
    for option in ["--classes", "--labels", "--skip-list"] {
        find(&[option, "names.txt"]).ends_saying(2, &[option, "is for samples in files"]);
    }
    find(&["--skip-broken", "5"]).ends_saying(2, &["--skip-broken is for samples in files"]);
}
