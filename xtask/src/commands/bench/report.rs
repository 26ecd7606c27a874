//! What was measured, as a table or as JSON.

use resnet_bench::{Comparison, Disturbed, Side, Spread, Subject, Trial};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use serde::Serialize;

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    batch: usize,
    threads: usize,
    work: &'a str,
    ours: SideJson<'a>,
    peer: Option<PeerJson<'a>>,
    /// The median of the pairs' ratios.
    ratio: Option<f64>,
    ratios: Option<Spread>,
}

#[derive(Serialize)]
struct SideJson<'a> {
    name: &'a str,
    version: &'a str,
    /// Of the median turn, as is `ms_per_image`.
    images_per_second: f64,
    ms_per_image: f64,
    slowest: f64,
    fastest: f64,
    peak_memory_bytes: Option<u64>,
    fma_gflops: Spread,
    /// In order, so that the pairs can be formed again.
    turns: &'a [f64],
    turns_fma_gflops: &'a [f64],
}

#[derive(Serialize)]
struct PeerJson<'a> {
    #[serde(flatten)]
    side: SideJson<'a>,
    setting: &'a str,
    settings: Vec<SettingJson<'a>>,
}

#[derive(Serialize)]
struct SettingJson<'a> {
    setting: &'a str,
    images_per_second: f64,
    peak_memory_bytes: Option<u64>,
}

pub(super) fn print(subject: &Subject, measured: &Comparison, format: Format) -> anyhow::Result<()> {
    warn_if_disturbed(measured);
    match format {
        Format::Json => output::json(&Json::of(subject, measured)),
        Format::Text => text(subject, measured),
    }
}

impl<'a> Json<'a> {
    fn of(subject: &'a Subject, measured: &'a Comparison) -> Json<'a> {
        let ratios = measured.rival.as_ref().map(|_| Spread::of(measured.ratios()));
        Json {
            model: &subject.spec.name,
            batch: subject.batch,
            threads: subject.threads,
            work: subject.work.name(),
            ours: SideJson::of(&measured.ours),
            peer: measured.rival.as_ref().map(|rival| PeerJson {
                side: SideJson::of(&rival.side),
                setting: &rival.setting,
                settings: rival.trials.iter().map(SettingJson::of).collect(),
            }),
            ratio: ratios.map(|ratios| ratios.median),
            ratios,
        }
    }
}

impl<'a> SideJson<'a> {
    fn of(side: &'a Side) -> SideJson<'a> {
        let Spread { median, lowest, highest } = Spread::of(side.images_per_second.iter().copied());
        SideJson {
            name: &side.name,
            version: &side.version,
            images_per_second: median,
            ms_per_image: 1e3 / median,
            slowest: lowest,
            fastest: highest,
            peak_memory_bytes: side.peak_memory_bytes,
            fma_gflops: Spread::of(side.fma_gflops.iter().copied()),
            turns: &side.images_per_second,
            turns_fma_gflops: &side.fma_gflops,
        }
    }
}

impl<'a> SettingJson<'a> {
    fn of(trial: &'a Trial) -> SettingJson<'a> {
        let Trial { setting, images_per_second, peak_memory_bytes, .. } = trial;
        SettingJson { setting, images_per_second: *images_per_second, peak_memory_bytes: *peak_memory_bytes }
    }
}

fn text(subject: &Subject, measured: &Comparison) -> anyhow::Result<()> {
    let turns = measured.ours.images_per_second.len() as u64;
    output::line(&format!(
        "{} {}, batch {}, {}, {}\n",
        subject.work.name(),
        subject.spec.name,
        numbers::count(subject.batch as u64),
        numbers::counted(subject.threads as u64, "thread"),
        numbers::counted(turns, if measured.rival.is_some() { "pair" } else { "turn" })
    ))?;
    output::print_table(&measured.table())?;
    if let Some(rival) = &measured.rival {
        let Spread { median, lowest, highest } = Spread::of(measured.ratios());
        output::sentences(&format!(
            "\nratio {median:.2} ({lowest:.2} to {highest:.2}): ours over {}, {}",
            rival.title, rival.setting
        ))?;
        if !rival.trials.is_empty() {
            output::line("")?;
            output::print_table(&rival.table())?;
        }
    }
    output::sentences(
        "\nFMA: speed of multiply-adds in registers on the same threads just before each turn; if it is low, the host gave \
         this machine less than its cores.",
    )
}

fn warn_if_disturbed(measured: &Comparison) {
    if let Some(Disturbed { turns, of, best_gflops, percent }) = measured.disturbed() {
        tracing::warn!(
            "before {turns} of {of} turns multiply-adds ran at less than {percent:.0} % of the best on as many threads (ours: \
             {best_gflops:.0} GFLOP/s per thread): the host had put threads on one core, or others computed; discard this run \
             and repeat it"
        );
    }
}
