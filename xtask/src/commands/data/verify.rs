//! `data verify`: which images are broken, as a list that training can skip.

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
    #[serde(rename = "pictures")] // its name in --json
    images: u64,
    broken: Vec<Broken<'a>>,
}

#[derive(Serialize)]
struct Broken<'a> {
    name: &'a str,
    cause: &'a str,
}

pub(super) fn run(args: &VerifyDataArgs) -> anyhow::Result<()> {
    let set = super::open(&args.dir, &args.classes, &args.labels)?;
    tell_oddities(set.splits().map(|(_, source)| source.index()));
    let mut meter = Meter::new(Unit::Images, 0, set.samples(), Show::IfSlow);
    let verified = resnet_data::verify(&set, |done| meter.update(done, str::to_owned));
    drop(meter);
    if let Some(file) = &args.skip_list {
        super::write(file, verified.skip_list().as_bytes())?;
    }
    let (images, broken) = (verified.images, &verified.broken);
    if args.format.get() == Format::Json {
        let broken = broken.iter().map(|BrokenSample { name, cause }| Broken { name, cause }).collect();
        output::unless_gone(output::json(&Json { images, broken }))?;
    } else {
        let line =
            |BrokenSample { name, cause }: &BrokenSample| printable(&format!("{name}: {cause}")).into_owned();
        let mut lines: Vec<String> = broken.iter().map(line).collect();
        let number = numbers::count(broken.len() as u64);
        lines.push(format!("{number} of {} images are broken", numbers::count(images)));
        output::unless_gone(output::line(&text::wrap(&lines.join("\n"), text::out(), 2)))?;
    }
    if broken.is_empty() { Ok(()) } else { Err(Ended::Reported.into()) }
}
