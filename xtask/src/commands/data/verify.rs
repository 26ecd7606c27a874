//! `data verify`: which images are broken, as a list that training can skip.

use std::path::Path;

use anyhow::{Context as _, bail};
use resnet_data::BrokenSample;
use resnet_data::names::printable;
use resnet_data::sources::tell_oddities;
use serde::Serialize;

use crate::args::VerifyDataArgs;
use crate::failure::Ended;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::{numbers, text};

#[derive(Serialize)]
struct Json<'a> {
    images: u64,
    broken: Vec<Broken<'a>>,
}

#[derive(Serialize)]
struct Broken<'a> {
    name: &'a str,
    cause: &'a str,
}

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
    let (images, broken) = (verified.images, &verified.broken);
    if args.format.get() == Format::Json {
        let broken = broken.iter().map(|BrokenSample { name, cause }| Broken { name, cause }).collect();
        output::unless_gone(output::json(&Json { images, broken }))?;
    } else {
        let line =
            |BrokenSample { name, cause }: &BrokenSample| printable(&format!("{name}: {cause}")).into_owned();
        let mut lines: Vec<String> = broken.iter().map(line).collect();
        let number = numbers::count(broken.len() as u64);
        let are = if broken.len() == 1 { "is" } else { "are" };
        lines.push(format!("{number} of {} images {are} broken", numbers::count(images)));
        output::unless_gone(output::line(&text::wrap(&lines.join("\n"), text::out(), 2)))?;
    }
    // After the report, which is not lost if the list cannot be written.
    if let Some(file) = &args.skip_list {
        let list = verified.skip_list();
        resnet_files::write_whole(file, |out| out.write_all(list.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if broken.is_empty() { Ok(()) } else { Err(Ended::Reported.into()) }
}
