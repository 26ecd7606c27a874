//! `eval`: accuracy and loss of a checkpoint on the test images of a data set.

use resnet::{Crops, EvalOptions, Images, Needed, Pretrained, TestFeed, View, origin_path};
use resnet_data::sources::Broken;
use resnet_record::Scores;
use resnet_vision::EvalTransform;
use resnet_vision::image::Orientation;
use serde::Serialize;

use crate::args::EvalArgs;
use crate::failure::Ended;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::{data, numbers, threads, weights};

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
    /// Faults because of which images were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation)?;
    let images = open(args, &pretrained)?;
    data::refuse_for_memory(&images, &args.files, &args.view)?;
    if let Some(told) = pretrained.check_images(&images.described())? {
        tracing::warn!("{told}");
    }
    weights::normalisation(&pretrained)?;
    // What is refused here reads no label, so it is not counted.
    let TestFeed { feed, view } = pretrained.test_feed(&images, &options(args)).map_err(explain)?;
    weights::count_test_reading(&pretrained, &images);
    let mut meter = Meter::new(Unit::Images, 0, feed.images() as u64, Show::IfSlow);
    let scores = pretrained.evaluate(&*feed, |done| {
        meter.update(done, str::to_owned);
        true
    })?;
    drop(meter);
    // It was not asked to stop, so there are scores.
    let Some(scores) = scores else { return Err(Ended::Interrupted.into()) };
    let seen = view.map(|view| (view, feed.turned()));
    print(&pretrained, &images, (&scores, &feed.broken(), seen), args.format.get())
}

/// The data of the command line, or else those that the network was trained on.
fn open(args: &EvalArgs, pretrained: &Pretrained) -> anyhow::Result<Images> {
    let record = pretrained.run().map(|(_, record)| record);
    // Classes have to be numbered as they were in training.
    let files = match (&args.data, record) {
        (None, Some(record)) => args.files.or_those_of(record),
        (_, record) => {
            let list = record.and_then(|record| record.class_list.as_deref());
            args.files.or_classes(list.filter(|list| origin_path(list).is_some()))
        }
    };
    if let Some(folder) = &args.data {
        // A recipe that cannot be read is no error: the number of classes alone then chooses among data sets.
        let recipe = pretrained.recipe().ok().flatten();
        return data::to_evaluate(folder, (recipe.as_ref(), pretrained.spec().classes), &files);
    }
    let Some(recipe) = pretrained.recipe()? else {
        let file = pretrained.file().display();
        let message = format!("{file} does not say what it was trained on; give --data DIR");
        return Err(Ended::Usage(message).into());
    };
    let origin = record.and_then(|record| origin_path(&record.data));
    data::of_recipe(&recipe, origin.as_deref(), (Needed::Evaluation, &files))
}

fn options(args: &EvalArgs) -> EvalOptions {
    EvalOptions {
        on_broken: args.files.on_broken(),
        workers: threads::loaders(),
        ..args.view.options(args.batch.get())
    }
}

fn explain(error: resnet::Error) -> anyhow::Error {
    match error {
        resnet::Error::CropTooLarge { .. } => Ended::Usage(format!("{error}; give a larger --resize")).into(),
        other => other.into(),
    }
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
fn describe(view: &View, turned: u64) -> [(&'static str, String); 2] {
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

fn print(
    pretrained: &Pretrained,
    images: &Images,
    (scores, left_out, seen): (&Scores, &[Broken], Option<(View, u64)>),
    format: Format,
) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&Json {
            model: &pretrained.spec().name,
            images: scores.images,
            top1_correct: scores.top1_correct,
            top5_correct: scores.top5_correct,
            top1: scores.top1(),
            top5: scores.top5(),
            loss: scores.loss,
            images_per_second: scores.images_per_second,
            view: seen.map(|(view, turned)| Seen::of(&view, turned)),
            left_out: left_out.iter().map(ToString::to_string).collect(),
        });
    }
    let correct =
        |percent: f64, correct: u64| format!("{percent:.2} % ({} correct)", numbers::count(correct));
    let mut lines = vec![
        ("model", weights::describe(pretrained)),
        (
            "images",
            format!(
                "{} test images of {} ({})",
                numbers::count(scores.images),
                images.name(),
                images.origin()
            ),
        ),
        ("top-1", correct(scores.top1(), scores.top1_correct)),
    ];
    if let (Some(top5), Some(top5_correct)) = (scores.top5(), scores.top5_correct) {
        lines.push(("top-5", correct(top5, top5_correct)));
    }
    if let Some((view, turned)) = seen {
        lines.extend(describe(&view, turned));
    }
    if !left_out.is_empty() {
        let records = left_out.iter().map(|broken| broken.records).sum();
        lines.push(("left out", numbers::counted(records, "broken record")));
    }
    lines.push(("loss", format!("{:.5}", scores.loss)));
    lines.push(("speed", format!("{} images/s", numbers::speed(scores.images_per_second))));
    lines.iter().try_for_each(|(label, text)| output::labelled(label, text))
}
