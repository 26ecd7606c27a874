//! `reproduce`: the paper's tables and figures, trained here, beside what was published.

use resnet::{Images, OpenOptions};
use resnet_train::Options;
use resnet_views::{Reproduced, Setup, Work};

use crate::args::{ReproduceArgs, TargetArg};
use crate::downloads::Downloads;
use crate::failure::Ended;
use crate::{data, hints, interrupt, threads};

pub(crate) fn run(args: &ReproduceArgs) -> anyhow::Result<()> {
    if args.targets.contains(&TargetArg::Drawn) {
        return Ended::usage(hints::DRAWN);
    }
    let threads = threads::start(&args.threads)?;
    let options = Options { workers: threads::loaders(), ..Options::default() };
    let setup = Setup {
        threads,
        watch: &|| interrupt::watch(&options.stop),
        options: options.clone(),
        format: args.format.get(),
        work: if args.plan { Work::Plan } else { Work::Train },
        keep: args.keep.as_deref(),
    };
    let folder = args.data.as_deref();
    let downloads = Downloads::default();
    let open = |recipe: &resnet_record::Recipe| {
        // Generated images need no folder, whatever else is trained with them.
        let folder = folder.filter(|_| recipe.data.generated.is_none());
        let options = OpenOptions { progress: &downloads, ..OpenOptions::default() };
        Images::of_recipe(recipe, folder, &options).map_err(|error| data::explain(folder, error))
    };
    match resnet_views::reproduce(&args.request(), &setup, open)? {
        Reproduced::Done => Ok(()),
        Reproduced::Interrupted => Err(Ended::Interrupted.into()),
    }
}
