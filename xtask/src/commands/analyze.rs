//! `analyze`: signals and gradients of a network unit by unit; what is wrong with the preparation of images.

use resnet_analysis::preprocessing::{Preparation, TestSample, investigate};
use resnet_analysis::{Course, Options, Source, Subject, write_page, write_pictures};
use resnet_terminal::output::{self, Format};
use resnet_terminal::progress::{Meter, Show, Unit};

use crate::args::{AnalyzeArgs, AnalyzeCommand, DescribedArgs, PreprocessingArgs};
use crate::failure::Ended;
use crate::{data, threads, weights};

pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<()> {
    match &args.what {
        Some(AnalyzeCommand::Preprocessing(args)) => preprocessing(args),
        None => units(args),
    }
}

fn units(args: &AnalyzeArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let first = match (&args.checkpoint, &args.model) {
        (Some(path), model) => Subject::at(path, model.as_deref())?,
        (None, model) => Subject::Fresh(model.clone().unwrap_or_default()),
    };
    let subjects: Vec<Subject> =
        [first].into_iter().chain(args.against.iter().map(|text| Subject::named(text))).collect();
    let source = subjects[0].source(args.data.as_deref())?;
    let options = Options { images: args.images.map(|images| images as usize), seed: args.seed };
    let courses =
        subjects.iter().map(|subject| course(subject, &source, options)).collect::<Result<Vec<_>, _>>()?;
    if let Some(folder) = &args.pictures {
        write_pictures(folder, &courses)?;
    }
    write_page(&args.out, &courses, source.name())?;
    resnet_views::show_analysis(&courses, source.name(), args.format.get())?;
    match args.format.get() {
        Format::Json => Ok(()),
        Format::Text => output::labelled("page", &args.out.display().to_string()),
    }
}

fn course(subject: &Subject, source: &Source, options: Options) -> anyhow::Result<Course> {
    let mut meter: Option<Meter> = None;
    Ok(subject.course(source, options, &mut |progress| {
        let meter = meter.get_or_insert_with(|| Meter::new(Unit::Passes, 0, progress.of, Show::IfSlow));
        meter.update(progress.done, str::to_owned);
    })?)
}

fn preprocessing(args: &PreprocessingArgs) -> anyhow::Result<()> {
    args.view.refuse_crops("analyze preprocessing")?;
    threads::start(&args.threads)?;
    let described = DescribedArgs::default();
    let pretrained = weights::load(&args.source, args.names.given(), &args.normalisation, &described)?;
    let recipe = pretrained.recipe().ok().flatten();
    let files = args.files.options();
    let images = data::to_evaluate(&args.data, (recipe.as_ref(), pretrained.spec().classes), &files)?;
    data::refuse_for_memory(&images, &files, &args.view)?;
    if args.interpolation.is_some() && images.size().is_some() {
        let message =
            format!("--interpolation is for images in files, not for {}; leave it out", images.name());
        return Ended::usage(message);
    }
    if let Some(told) = pretrained.check_images(&images.described())? {
        tracing::warn!("{told}");
    }
    weights::warn_of_normalisation(&pretrained)?;
    let view = pretrained.view(&args.view.options(1))?;
    let mut baseline = Preparation::of(view.transform, view.orientation);
    baseline.interpolation = args.interpolation.map_or(baseline.interpolation, Into::into);
    let sample = TestSample::of(&images, args.images.get())?;
    weights::count_test_reading(&pretrained, &images);
    let of = sample.first_round(&baseline);
    let mut meter = Meter::new(Unit::Images, 0, of, Show::IfSlow);
    let found = investigate(&pretrained, &sample, baseline, args.expected, &mut |done| {
        meter.update(done.min(of), str::to_owned);
    })?;
    drop(meter);
    resnet_views::show_diagnosis(&found, args.format.get())
}
