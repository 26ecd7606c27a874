//! What a network scores on a data set, and how its images were shown.

use resnet::vision::EvalTransform;
use resnet::vision::image::Orientation;
use resnet::{Crops, Images, Pretrained, TestFeed, View};
use resnet_record::Scores;
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use serde::Serialize;

use crate::data_sets::Broken;

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    images: u64,
    top1_correct: u64,
    top5_correct: Option<u64>,
    top1: f64,
    top5: Option<f64>,
    loss: f64,
    images_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<Seen>,
    /// Samples that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<Broken>,
}

/// How images in files were shown, for scripts.
#[derive(Serialize)]
struct Seen {
    /// Pixels of the shorter side, and of the square's sides.
    resize: usize,
    size: usize,
    crops: usize,
    orientation: &'static str,
    /// How many images EXIF data turned.
    turned: u64,
}

impl Seen {
    fn of(view: &View, turned: u64) -> Self {
        let EvalTransform { resize, crop: size, .. } = view.transform;
        let orientation = match view.orientation {
            Orientation::Apply => "apply",
            Orientation::Ignore => "ignore",
        };
        Seen { resize, size, crops: view.crops.count(), orientation, turned }
    }
}

/// The same in words: which part of an image, and which way up.
fn described(view: &View, turned: u64) -> [(&'static str, String); 2] {
    let EvalTransform { resize, crop, .. } = view.transform;
    let which = match view.crops {
        Crops::Centre => "the centre",
        Crops::Ten => "ten crops",
    };
    let orientation = match view.orientation {
        Orientation::Ignore => "EXIF ignored".to_owned(),
        Orientation::Apply => format!("EXIF applied, {} turned", numbers::counted(turned, "image")),
    };
    let crop = format!("{which}, {crop} x {crop} of a shorter side of {resize}");
    [("crop", crop), ("orientation", orientation)]
}

/// Prints the scores of a network on `images`, which `test` has shown to it.
///
/// # Errors
/// If standard output cannot be written to.
pub fn show_scores(
    pretrained: &Pretrained,
    images: &Images,
    test: &TestFeed,
    scores: &Scores,
    format: Format,
) -> anyhow::Result<()> {
    let (model, turned) = (&pretrained.spec().name, test.feed.turned());
    if format == Format::Json {
        return output::json(&Json {
            model,
            images: scores.images,
            top1_correct: scores.top1_correct,
            top5_correct: scores.top5_correct,
            top1: scores.top1(),
            top5: scores.top5(),
            loss: scores.loss,
            images_per_second: scores.images_per_second,
            view: test.view.as_ref().map(|view| Seen::of(view, turned)),
            broken: Broken::all(images.broken_samples(&*test.feed)),
        });
    }
    let correct =
        |percent: f64, correct: u64| format!("{percent:.2} % ({} correct)", numbers::count(correct));
    let parameters = numbers::short(pretrained.network().parameters() as u64);
    let (count, name, origin) = (numbers::count(scores.images), images.name(), images.origin());
    let mut lines = vec![
        ("model", format!("{model} from {} ({parameters} parameters)", pretrained.file().display())),
        ("images", format!("{count} test images of {name} ({origin})")),
        ("top-1", correct(scores.top1(), scores.top1_correct)),
    ];
    if let (Some(top5), Some(top5_correct)) = (scores.top5(), scores.top5_correct) {
        lines.push(("top-5", correct(top5, top5_correct)));
    }
    lines.extend(test.view.iter().flat_map(|view| described(view, turned)));
    let broken = test.feed.broken();
    if !broken.is_empty() {
        let records = broken.iter().map(|part| part.records).sum();
        lines.push(("left out", numbers::counted(records, "broken record")));
    }
    lines.push(("loss", format!("{:.5}", scores.loss)));
    lines.push(("speed", format!("{} images/s", numbers::speed(scores.images_per_second))));
    lines.iter().try_for_each(|(label, text)| output::labelled(label, text))
}
