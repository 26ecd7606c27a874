//! `data inspect`: classes, counts and sizes, and a contact sheet.

use resnet_terminal::output::{self, Format};

use crate::args::InspectArgs;

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    let splits = resnet_data::inspect(&set);
    if let Some(file) = &args.sheet {
        resnet_data::write_contact_sheet(&*set.train, args.seed, file)?;
    }
    resnet_views::show_inspection(&set, &splits, args.format.get())?;
    match &args.sheet {
        Some(file) if args.format.get() == Format::Text => {
            output::labelled("sheet", &format!("{}: crops of training images", file.display()))
        }
        _ => Ok(()),
    }
}
