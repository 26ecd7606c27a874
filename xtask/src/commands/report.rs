//! `report`: the page of a run, or of several side by side.

use resnet_record::RunFolder;
use resnet_report::{write_curves, write_page};
use resnet_terminal::output;

use crate::args::ReportArgs;
use crate::failure::Ended;

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let folders = args.runs.iter().map(|dir| RunFolder::open(dir)).collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &args.curves {
        let [folder] = &folders[..] else {
            let message = format!("--curves draws one run, and {} are given; name one", folders.len());
            return Ended::usage(message);
        };
        write_curves(folder, file)?;
    }
    output::labelled("page", &write_page(&folders, args.out.as_deref())?.display().to_string())
}
