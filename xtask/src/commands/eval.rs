//! `eval`: accuracy and loss of a checkpoint on the test images of a data set.

use resnet::{Pretrained, TestImages};
use resnet_data::sources::Broken;
use resnet_data::{
    Contents, DataLoader, Error, Feed, FileLoader, FileTransform, LoaderConfig, Transform, contents,
};
use resnet_record::{Recipe, Run, Scores};
use resnet_vision::image::Orientation;
use resnet_vision::{Augmentation, EvalTransform};
use serde::Serialize;

use crate::args::{CropsArg, EvalArgs};
use crate::data::{Data, Used};
use crate::failure::Ended;
use crate::numbers;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::{data, threads, weights};

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
    transform: Option<Seen>,
    /// Faults that cost some of the images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation)?;
    let data = open(args, &pretrained)?;
    refuse_view(args, &data)?;
    check(&pretrained, &data)?;
    count_reading(&pretrained, &data);
    let (feed, shown) = feed(args, &pretrained, &data)?;
    let mut meter = Meter::new(Unit::Images, 0, feed.images() as u64, Show::IfSlow);
    let scores = pretrained.evaluate(&*feed, |done| {
        meter.update(done, str::to_owned);
        true
    })?;
    drop(meter);
    // It was not asked to stop, so there are scores.
    let Some(scores) = scores else { return Err(Ended::Interrupted.into()) };
    let left_out = feed.broken();
    let seen = shown.as_ref().map(|shown| (shown, feed.turned()));
    print(&pretrained, &data, (&scores, &left_out, seen), args.format.get())
}

/// The data of the command line, or else those that the network was trained on.
fn open(args: &EvalArgs, pretrained: &Pretrained) -> anyhow::Result<Data> {
    let record = pretrained.run().map(|(_, record)| record);
    // Whatever is scored has to be numbered as the training data were.
    let files = match (&args.data, record) {
        (None, Some(record)) => args.files.or_those_of(record),
        (_, record) => {
            let list = record.and_then(|record| record.class_list.as_deref());
            args.files.or_classes(list.filter(|list| data::still_at(list).is_some()))
        }
    };
    let files = (Used::Evaluation, &files);
    if let Some(folder) = &args.data {
        // A recipe that is not understood only says less about what lies in the folder.
        let recipe = pretrained.recipe().ok().flatten();
        let labels = files.1.labels.options(&files.1.classes).labels;
        return match contents(folder, labels.as_deref()) {
            Ok(Contents::Files(_)) => data::image_files(folder, files).map(Data::ImageFiles),
            Ok(Contents::Nothing { wanted }) => {
                Err(Error::Unrecognised { path: folder.clone(), wanted }.into())
            }
            Ok(Contents::Cifar(_) | Contents::Ambiguous { .. }) => {
                let data = data::test_of_folder(folder, recipe.as_ref(), pretrained.spec().classes)?;
                data::refuse(&args.files).map(|()| Data::InMemory(data))
            }
            Err(error) => data::found(folder, Err(error)),
        };
    }
    let Some(recipe) = pretrained.recipe()? else {
        let file = pretrained.file().display();
        return Err(
            Ended::Usage(format!("{file} does not say what it was trained on; give --data DIR")).into()
        );
    };
    let origin = record.and_then(|record| data::still_at(&record.data));
    data::of_recipe(&recipe, origin.as_deref(), files)
}

/// Refuses to crop and to turn images that are in memory as they are.
fn refuse_view(args: &EvalArgs, data: &Data) -> anyhow::Result<()> {
    match data {
        Data::InMemory(data) if args.view.is_given() => {
            let (height, width) = data.test.size();
            let message = format!(
                "--size, --resize, --crops and --orientation are for images in files; those of {} are scored whole, at \
                 {height} x {width}; leave them out",
                data.name
            );
            Err(Ended::Usage(message).into())
        }
        _ => Ok(()),
    }
}

/// Whether EXIF data turn images: as the command line says, or the recipe; else they don't, as in
/// torchvision's and timm's evaluation.
fn orientation(args: &EvalArgs, pretrained: &Pretrained) -> Orientation {
    let of_recipe = || resnet_train::recipe::orientation(&pretrained.recipe().ok().flatten()?);
    match args.view.orientation {
        Some(given) => given.into(),
        None => of_recipe().unwrap_or(Orientation::Ignore),
    }
}

/// How images in files are shown to the network.
#[derive(Clone, Copy)]
struct Shown {
    eval_transform: EvalTransform,
    crops: CropsArg,
    orientation: Orientation,
}

impl Shown {
    fn of(args: &EvalArgs, pretrained: &Pretrained) -> anyhow::Result<Self> {
        weights::normalisation(pretrained)?;
        let eval_transform = args.view.sized(pretrained.eval_transform()?)?;
        Ok(Shown { eval_transform, crops: args.view.crops(), orientation: orientation(args, pretrained) })
    }

    fn crop(&self) -> String {
        let EvalTransform { resize, crop, .. } = self.eval_transform;
        let which = match self.crops {
            CropsArg::One => "the centre",
            CropsArg::Ten => "ten crops",
        };
        format!("{which}, {crop} x {crop} of a shorter side of {resize}")
    }

    fn orientation(&self, turned: u64) -> String {
        match self.orientation {
            Orientation::Ignore => "EXIF ignored".to_owned(),
            Orientation::Apply => format!("EXIF applied, {} turned", numbers::counted(turned, "image")),
        }
    }

    fn json(&self, turned: u64) -> Seen {
        let EvalTransform { resize, crop, .. } = self.eval_transform;
        let orientation = match self.orientation {
            Orientation::Apply => "apply",
            Orientation::Ignore => "ignore",
        };
        Seen { resize, size: crop, crops: self.crops.get(), orientation, turned }
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

/// The test images as the network takes them, and how those in files are shown.
fn feed(
    args: &EvalArgs,
    pretrained: &Pretrained,
    data: &Data,
) -> anyhow::Result<(Box<dyn Feed>, Option<Shown>)> {
    let batch = args.batch.get();
    match data {
        Data::InMemory(data) => {
            let how = (Augmentation::None, weights::normalisation(pretrained)?);
            let config = LoaderConfig::evaluation(batch);
            Ok((Box::new(DataLoader::new(data.test.read_shared(), how, config)?), None))
        }
        Data::ImageFiles(images) => {
            let shown = Shown::of(args, pretrained)?;
            let Shown { eval_transform, crops, orientation } = shown;
            let set = images.set();
            // A folder of one split is what was asked for.
            let source = set.evaluation.as_ref().unwrap_or(&set.train).clone();
            let how = FileTransform {
                transform: match crops {
                    CropsArg::One => Transform::Eval(eval_transform),
                    CropsArg::Ten => Transform::TenCrops(eval_transform),
                },
                orientation,
                on_broken: args.files.on_broken(),
            };
            let config = LoaderConfig {
                workers: threads::loaders(),
                ..LoaderConfig::evaluation((batch / crops.get()).max(1))
            };
            Ok((Box::new(FileLoader::new(source, None, how, config)?), Some(shown)))
        }
    }
}

/// Refuses data that the network cannot be scored on, and warns of classes that it does not know.
fn check(pretrained: &Pretrained, data: &Data) -> anyhow::Result<()> {
    let (name, origin, classes, size) = (data.name(), data.origin(), data.classes(), data.size());
    if let Some(told) = pretrained.check_images(&TestImages { name, origin, classes, size })? {
        tracing::warn!("{told}");
    }
    Ok(())
}

/// A run's record says how often the labels of its test images were read, this time included.
fn count_reading(pretrained: &Pretrained, data: &Data) {
    let Some((folder, record)) = pretrained.run() else { return };
    let is_its_own = |recipe: &Recipe| match crate::data::name(recipe) {
        Some(name) => name == data.name(),
        None => record.data == crate::data::absolute(data.origin()),
    };
    if !folder.recipe().is_ok_and(|recipe| is_its_own(&recipe)) {
        return;
    }
    let counted = Run::open(folder.dir()).and_then(|mut run| run.update(|record| record.test_reads += 1));
    if let Err(error) = counted {
        tracing::warn!(
            "the record of {} does not count this reading of the test labels: {error}",
            record.run
        );
    }
}

fn print(
    pretrained: &Pretrained,
    data: &Data,
    (scores, left_out, seen): (&Scores, &[Broken], Option<(&Shown, u64)>),
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
            transform: seen.map(|(shown, turned)| shown.json(turned)),
            left_out: left_out.iter().map(ToString::to_string).collect(),
        });
    }
    let correct =
        |percent: f64, correct: u64| format!("{percent:.2} % ({} correct)", numbers::count(correct));
    let mut lines = vec![
        ("model", weights::describe(pretrained)),
        (
            "images",
            format!("{} test images of {} ({})", numbers::count(scores.images), data.name(), data.origin()),
        ),
        ("top-1", correct(scores.top1(), scores.top1_correct)),
    ];
    if let (Some(top5), Some(top5_correct)) = (scores.top5(), scores.top5_correct) {
        lines.push(("top-5", correct(top5, top5_correct)));
    }
    if let Some((shown, turned)) = seen {
        lines.push(("crop", shown.crop()));
        lines.push(("orientation", shown.orientation(turned)));
    }
    if !left_out.is_empty() {
        let records = left_out.iter().map(|broken| broken.records).sum();
        lines.push(("left out", numbers::counted(records, "broken record")));
    }
    lines.push(("loss", format!("{:.5}", scores.loss)));
    lines.push(("speed", format!("{} images/s", numbers::speed(scores.images_per_second))));
    lines.iter().try_for_each(|(label, text)| output::labelled(label, text))
}
