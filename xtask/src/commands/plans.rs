//! `recipes`, `schedule`, `runs`: what can be trained, at which rates, and what was.

use resnet_views::recipes::{self, Measure};

use super::train;
use crate::args::{RecipesArgs, RunsArgs, ScheduleArgs};
use crate::threads;

pub(crate) fn recipes(args: &RecipesArgs) -> anyhow::Result<()> {
    if let Some(name) = &args.name {
        return recipes::print(name, args.format.get());
    }
    let measure = if args.measure { Measure::Anew } else { Measure::Once };
    recipes::show(threads::start(&args.threads)?, measure, args.format.get())
}

pub(crate) fn schedule(args: &ScheduleArgs) -> anyhow::Result<()> {
    train::set_once(&args.set, args.epochs.map(|_| ("--epochs", "train.duration")))?;
    let recipe = recipes::changed(&args.recipe, &args.set, args.epochs)?;
    let rates = resnet_views::learning_rates(&recipe, args.images.get())?;
    if let Some(file) = &args.svg {
        let svg = resnet_report::schedule_svg(&rates.recipe, rates.kind, &rates.rates, rates.steps_per_epoch);
        resnet_report::write_chart(file, &svg)?;
    }
    resnet_views::show_schedule(&recipe, &rates, args.format.get())
}

pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<()> {
    match &args.follow {
        Some(run) => resnet_views::follow(run, args.format.get()),
        None => resnet_views::list_runs(&args.dir, args.format.get()),
    }
}
