//! `eval`: accuracy and loss of a checkpoint on the test images of a data set.

use resnet::{EvalOptions, Images, Needed, Pretrained};
use resnet_record::FileOptions;
use resnet_terminal::progress::{Meter, Show, Unit};

use crate::args::{DescribedArgs, EvalArgs};
use crate::failure::Ended;
use crate::{data, threads, weights};

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let described = DescribedArgs::default();
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation, &described)?;
    let files = files(args, &pretrained);
    let images = open(args, &pretrained, &files)?;
    data::refuse_for_memory(&images, &args.files.options(), &args.view)?;
    if let Some(told) = pretrained.check_images(&images.described())? {
        tracing::warn!("{told}");
    }
    weights::warn_of_normalisation(&pretrained)?;
    let (on_broken, workers) = (resnet::on_broken(&files), threads::loaders());
    let options = EvalOptions { on_broken, workers, ..args.view.options(args.batch.get()) };
    // What is refused here reads no label, so it is not counted.
    let test = pretrained.test_feed(&images, &options).map_err(explain)?;
    if let Some(view) = &test.view {
        weights::warn_of_resizing(&pretrained, view.transform)?;
    }
    weights::count_test_reading(&pretrained, &images);
    let mut meter = Meter::new(Unit::Images, 0, test.feed.images() as u64, Show::IfSlow);
    let scores = pretrained.evaluate(&*test.feed, |done| {
        meter.update(done, str::to_owned);
        true
    })?;
    drop(meter);
    // It was not asked to stop, so there are scores.
    let Some(scores) = scores else { return Err(Ended::Interrupted.into()) };
    resnet_views::show_scores(&pretrained, &images, &test, &scores, args.format.get())
}

/// How samples in files are read: as the command line says, or else as in the network's training.
fn files(args: &EvalArgs, pretrained: &Pretrained) -> FileOptions {
    let given = args.files.options();
    let Some((_, record)) = pretrained.run() else { return given };
    match &args.data {
        None => given.or(&record.files),
        Some(_) => given.or(&record.files.classes_alone()),
    }
}

/// The data of the command line, or else those that the network was trained on.
fn open(args: &EvalArgs, pretrained: &Pretrained, files: &FileOptions) -> anyhow::Result<Images> {
    if let Some(folder) = &args.data {
        // A recipe that cannot be read is no error: the number of classes alone then chooses among data sets.
        let recipe = pretrained.recipe().ok().flatten();
        return data::to_evaluate(folder, (recipe.as_ref(), pretrained.spec().classes), files);
    }
    let Some(recipe) = pretrained.recipe()? else {
        let file = pretrained.file().display();
        let message = format!("{file} does not say what it was trained on; give --data DIR");
        return Ended::usage(message);
    };
    let origin = pretrained.run().map(|(_, record)| data::of_record(record)).transpose()?.flatten();
    data::of_recipe(&recipe, origin.as_deref(), (Needed::Evaluation, files))
}

fn explain(error: resnet::Error) -> anyhow::Error {
    match error {
        resnet::Error::CropTooLarge { .. } => Ended::Usage(format!("{error}; give a larger --resize")).into(),
        other => other.into(),
    }
}
