//! `verify`: whether two runs are the same training, by their certificates, and where they part.

use anyhow::anyhow;
use resnet::{Replay, Replayed, replay};
use resnet_record::{Difference, Parting, RunFolder, agreement};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::failure::Ended;
use crate::live::Live;
use crate::output::{self, Format};
use crate::{data, numbers, threads};

/// How many layers are named.
const SHOWN: usize = 5;

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
    let found = agreement(a, b)?;
    let differs = found.parting.map_or(vec![], |Parting { certificates: [a, b], .. }| a.differences(&b));
    let replayed = match &found.parting {
        Some(parting) if args.replay => Some(replayed([a, b], found.last_agreed, parting, args)?),
        _ => None,
    };
    if args.format.get() == Format::Json {
        output::json(&Json {
            agreed_steps: found.agreed,
            last_agreed_step: found.last_agreed,
            parting_step: found.parting.map(|parting| parting.step),
            differs: &differs,
            recipe: &found.recipe,
            replay: replayed.as_ref().map(in_json),
        })?;
    } else {
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
            output::labelled("part", &format!("at step {step}, in {}", differs.join(" and ")))?;
        }
        for Difference { key, before, after } in &found.recipe {
            let [a, b] = [before, after].map(|value| value.as_deref().unwrap_or("left out"));
            output::labelled("recipe", &format!("{key} is {a} in the first, {b} in the second"))?;
        }
        replayed.as_ref().map_or(Ok(()), tell)?;
    }
    match found.parting {
        Some(_) => Err(Ended::Reported.into()),
        None => Ok(()),
    }
}

fn replayed(
    folders: [&RunFolder; 2],
    agreed: u64,
    parting: &Parting,
    args: &VerifyArgs,
) -> anyhow::Result<Replayed> {
    let images = |run| data::of_run(run, args.data.as_deref(), &Default::default());
    let images = [images(folders[0])?, images(folders[1])?];
    let of = |index: usize| {
        Replay::of(folders[index], &images[index], agreed).map_err(|error| match error {
            resnet::Error::NothingToReplay { .. } => anyhow!("{error}; train with --keep N to have one"),
            other => other.into(),
        })
    };
    Ok(replay([&of(0)?, &of(1)?], parting, &mut Live::default())?)
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

fn tell(replayed: &Replayed) -> anyhow::Result<()> {
    let text = match replayed {
        Replayed::Same { reproduced: [true, true] } => {
            "this program makes both runs as they were; their records differ for another reason".to_owned()
        }
        Replayed::Same { reproduced } => {
            let whose = match reproduced {
                [true, false] => "the first run's weights and not the second's",
                [false, true] => "the second run's weights and not the first's",
                _ => "neither run's weights",
            };
            format!(
                "on this machine both are the same training, which makes {whose}: program or machine differed"
            )
        }
        Replayed::Parted { at, layers, of } => {
            let [a, b] = at.certificates;
            let shown: Vec<_> =
                layers.iter().take(SHOWN).map(|it| format!("{} by {:.1e}", it.layer, it.largest)).collect();
            let more = layers.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            format!(
                "they part in step {}, in {}; after it {} of {of} layers with weights differ: {}{more}",
                numbers::count(at.step),
                a.differences(&b).join(" and "),
                layers.len(),
                shown.join(", ")
            )
        }
    };
    output::labelled("replayed", &text)
}
