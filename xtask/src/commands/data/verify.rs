//! `data verify`: which images are broken, as a list that training can skip.

use std::path::Path;

use anyhow::{Context as _, bail};
use resnet_data::sources::tell_oddities;
use resnet_terminal::output;
use resnet_terminal::progress::{Meter, Show, Unit};

use crate::args::VerifyDataArgs;
use crate::failure::Ended;

pub(super) fn run(args: &VerifyDataArgs) -> anyhow::Result<()> {
    // Told now, and not after all images are decoded.
    let folder = args.skip_list.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("there is no folder {} for the skip list; create it", folder.display());
    }
    // It may have been written by hand.
    let is_list = |file: &&Path| file.metadata().is_ok_and(|there| there.is_file() && there.len() > 0);
    if let Some(file) = args.skip_list.as_deref().filter(is_list).filter(|_| !args.force) {
        bail!("{} exists already; choose another --skip-list, or replace it with --force", file.display());
    }
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    tell_oddities(set.splits().map(|(_, source)| source.index()));
    let mut meter = Meter::new(Unit::Images, 0, set.samples(), Show::IfSlow);
    let verified = resnet_data::verify(&set, |done| meter.update(done, str::to_owned));
    drop(meter);
    output::unless_gone(resnet_views::show_verified(&verified, args.format.get()))?;
    // After the report, which is not lost if the list cannot be written.
    if let Some(file) = &args.skip_list {
        let list = verified.skip_list();
        resnet_files::write_whole(file, |out| out.write_all(list.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if verified.broken.is_empty() { Ok(()) } else { Err(Ended::Reported.into()) }
}
