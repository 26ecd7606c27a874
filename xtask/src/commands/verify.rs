//! `verify`: whether two runs are the same training, by their certificates, and where they first differ.

use anyhow::{anyhow, bail};
use resnet::{Replay, Replayed, replay};
use resnet_record::{Agreement, Difference, Parting, RunFolder, agreement};
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::failure::Ended;
use crate::{data, threads};

#[derive(Serialize)]
struct Json<'a> {
    agreed_steps: usize,
    last_agreed_step: u64,
    parting_step: Option<u64>,
    differs: &'a [&'static str],
    recipe: &'a [Difference],
    replay: Option<ReplayJson<'a>>,
}

#[derive(Serialize)]
struct ReplayJson<'a> {
    parting_step: Option<u64>,
    layers: Vec<(&'a str, f32)>,
    reproduced: Option<[bool; 2]>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    threads::start(&args.threads)?;
    let folders = args.runs.iter().map(|dir| RunFolder::open(dir)).collect::<Result<Vec<_>, _>>()?;
    let [a, b] = &folders[..] else { unreachable!("the command line has two") };
    let [of_a, of_b] = [a.record()?.processes, b.record()?.processes];
    if of_a != of_b {
        let [a, b] = [a, b].map(|run| run.dir().display());
        bail!(
            "the number of processes differs, {of_a} in {a} and {of_b} in {b}, and certificates depend on it; compare runs \
             of as many processes"
        );
    }
    let found = agreement(a, b)?;
    let replayed = match &found.parting {
        Some(parting) if args.replay => Some(replayed([a, b], found.last_agreed, parting, args)?),
        _ => None,
    };
    // Whether they differ is the outcome, whoever reads about it.
    output::unless_gone(print(&found, replayed.as_ref(), args.format.get()))?;
    match found.parting {
        Some(_) => Err(Ended::Reported.into()),
        None => Ok(()),
    }
}

fn print(found: &Agreement, replayed: Option<&Replayed>, format: Format) -> anyhow::Result<()> {
    let differs = found.parting.map_or(vec![], |Parting { certificates: [a, b], .. }| a.differences(&b));
    if format == Format::Json {
        return output::json(&Json {
            agreed_steps: found.agreed,
            last_agreed_step: found.last_agreed,
            parting_step: found.parting.map(|parting| parting.step),
            differs: &differs,
            recipe: &found.recipe,
            replay: replayed.map(in_json),
        });
    }
    let agreed = numbers::counted(found.agreed as u64, "certified step");
    output::labelled(
        "agree",
        &match found.agreed {
            0 => "in no certified step".to_owned(),
            _ => format!("in {agreed}, up to step {}", numbers::count(found.last_agreed)),
        },
    )?;
    if let Some(parting) = found.parting {
        let step = numbers::count(parting.step);
        output::labelled("differ", &format!("at step {step}, in {}", differs.join(" and ")))?;
    }
    for difference in &found.recipe {
        let [a, b] = difference.values();
        let told = format!("{} is {a} in the first, {b} in the second", difference.key);
        output::labelled("recipe", &resnet::data::names::printable(&told))?;
    }
    replayed.map_or(Ok(()), |replayed| output::labelled("replayed", &replayed.to_string()))
}

fn replayed(
    folders: [&RunFolder; 2],
    agreed: u64,
    parting: &Parting,
    args: &VerifyArgs,
) -> anyhow::Result<Replayed> {
    let images = |run: &RunFolder| {
        data::of_run((&run.recipe()?, &run.record()?), args.data.as_deref(), &Default::default())
    };
    let images = [images(folders[0])?, images(folders[1])?];
    let of = |index: usize| {
        Replay::of(folders[index], &images[index], agreed).map_err(|error| match error {
            resnet::Error::NothingToReplay { .. } => anyhow!("{error}; train with --keep N to have one"),
            resnet::Error::SeveralProcesses { .. } => anyhow!("{error}; compare these runs without --replay"),
            other => other.into(),
        })
    };
    Ok(replay([&of(0)?, &of(1)?], parting, &mut resnet_views::Live::new(Format::Text, None))?)
}

fn in_json(replayed: &Replayed) -> ReplayJson<'_> {
    match replayed {
        Replayed::Same { reproduced } => {
            ReplayJson { parting_step: None, layers: vec![], reproduced: Some(*reproduced) }
        }
        Replayed::Parted { at, layers, .. } => ReplayJson {
            parting_step: Some(at.step),
            layers: layers.iter().map(|layer| (layer.layer.as_str(), layer.largest)).collect(),
            reproduced: None,
        },
    }
}
