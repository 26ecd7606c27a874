//! `eval`: accuracy and loss of a checkpoint on the test images of a data set.

use anyhow::bail;
use resnet_data::{Dataset, Loader, LoaderConfig};
use resnet_record::{Recipe, Run, Scores};
use resnet_train::evaluate;
use serde::Serialize;

use crate::args::EvalArgs;
use crate::failure::Ended;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::weights::{self, Trained};
use crate::{data, threads};

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
}

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let trained = weights::load(&args.source, args.names.dialect)?;
    let data = open(args, &trained)?;
    check(&trained, &data)?;
    let config = LoaderConfig::evaluation(args.batch.get(), trained.normalisation(&args.normalisation)?);
    count_reading(&trained, &data);
    let images = data.test.len() as u64;
    let mut meter = Meter::new(Unit::Images, 0, images, Show::IfSlow);
    let feed = Loader::new(data.test.read_shared(), config)?;
    let scores = evaluate(&trained.net, &feed, |done| {
        meter.update(done, str::to_owned);
        true
    })?;
    drop(meter);
    // It was not asked to stop, so there are scores.
    let Some(scores) = scores else { return Err(Ended::Interrupted.into()) };
    print(&trained, &data, &scores, args.format.get())
}

/// The data of the command line, or else those that the network was trained on.
fn open(args: &EvalArgs, trained: &Trained) -> anyhow::Result<Dataset> {
    if let Some(folder) = &args.data {
        // A recipe that is not understood only says less about what lies in the folder.
        let recipe = trained.recipe().ok().flatten();
        return data::of_folder(folder, recipe.as_ref(), trained.spec().classes);
    }
    let Some(recipe) = trained.recipe()? else {
        let file = trained.file.display();
        return Err(
            Ended::Usage(format!("{file} does not say what it was trained on; give --data DIR")).into()
        );
    };
    let origin = trained.run.as_ref().and_then(|(_, record)| data::still_at(&record.data));
    data::of_recipe(&recipe, origin.as_deref())
}

/// Refuses data that the network cannot be scored on, and warns of data that it does not know.
fn check(trained: &Trained, data: &Dataset) -> anyhow::Result<()> {
    let (spec, (height, width)) = (trained.spec(), data.test.size());
    let (file, origin) = (trained.file.display(), &data.origin);
    if data.test.classes().len() != spec.classes {
        let classes = data.test.classes().len();
        bail!(
            "{file} tells {} classes apart, but {} in {origin} has {classes}; choose the data it was made for",
            spec.classes,
            data.name
        );
    }
    if trained.input() != [height, width] {
        let [h, w] = trained.input();
        bail!("{file} takes images of {h} x {w}, but those of {origin} are {height} x {width}");
    }
    if let Some(names) = trained.metadata.classes.as_ref().filter(|names| *names != data.test.classes()) {
        let first = |names: &[String]| names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        tracing::warn!(
            "{file} was trained on other classes ({}, ...) than {origin} has ({}, ...)",
            first(names),
            first(data.test.classes())
        );
    }
    Ok(())
}

/// A run's record says how often the labels of its test images were read, this time included.
fn count_reading(trained: &Trained, data: &Dataset) {
    let Some((folder, record)) = &trained.run else { return };
    let is_its_own = |recipe: &Recipe| crate::data::name(recipe) == data.name;
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

fn print(trained: &Trained, data: &Dataset, scores: &Scores, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&Json {
            model: &trained.spec().name,
            images: scores.images,
            top1_correct: scores.top1_correct,
            top5_correct: scores.top5_correct,
            top1: scores.top1(),
            top5: scores.top5(),
            loss: scores.loss,
            images_per_second: scores.images_per_second,
        });
    }
    let correct = |percent: f64, correct: u64| format!("{percent:.2} % ({} correct)", output::count(correct));
    let mut lines = vec![
        ("model", weights::describe(trained)),
        (
            "images",
            format!("{} test images of {} ({})", output::count(scores.images), data.name, data.origin),
        ),
        ("top-1", correct(scores.top1(), scores.top1_correct)),
    ];
    if let (Some(top5), Some(top5_correct)) = (scores.top5(), scores.top5_correct) {
        lines.push(("top-5", correct(top5, top5_correct)));
    }
    lines.push(("loss", format!("{:.5}", scores.loss)));
    lines.push(("speed", format!("{} images/s", output::speed(scores.images_per_second))));
    let lines: Vec<String> = lines.iter().map(|(label, text)| format!("{label:<16}{text}")).collect();
    output::line(&lines.join("\n"))
}
