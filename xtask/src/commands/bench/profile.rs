//! `bench train --profile` and `bench infer --profile`: what a step is made of.

use resnet_bench::{Profile, Subject, profile};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::progress::{Meter, Show, Unit};
use serde::Serialize;

use super::Ours;
use crate::args::BenchArgs;

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    threads: usize,
    work: &'a str,
    ours: Ours,
    /// Nobody is compared with.
    peer: Option<()>,
    ratio: Option<f64>,
    #[serde(flatten)]
    profile: Profile,
}

pub(super) fn run(args: &BenchArgs, subject: &Subject) -> anyhow::Result<()> {
    let steps = args.pairs.get();
    let mut meter = Meter::new(Unit::Steps, 0, steps as u64, Show::IfSlow);
    let profile = profile(subject, steps, |done| meter.update(done as u64, str::to_owned))?;
    drop(meter);
    let (model, threads, work) = (&*subject.spec.name, subject.threads, subject.work.name());
    let images_per_second = 1e3 * profile.batch as f64 / profile.ms;
    if args.format.get() == Format::Json {
        let ours =
            Ours { images_per_second: Some(images_per_second), peak_memory_bytes: profile.peak_memory_bytes };
        return output::json(&Json { model, threads, work, ours, peer: None, ratio: None, profile });
    }
    let speed = numbers::speed(images_per_second);
    let threads = numbers::counted(threads as u64, "thread");
    output::line(&format!("{work} {model}, batch {}, {threads}: {speed} images/s\n", profile.batch))?;
    output::print_table(&profile.table())?;
    output::sentences(
        "\nGB/s: each tensor through memory once. GFLOP/s: multiply-adds by the definition, which Winograd's algorithm \
         undercuts.",
    )
}
