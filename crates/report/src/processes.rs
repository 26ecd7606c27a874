//! Where the time of a step went in each of several processes that trained together.

use resnet_record::{ProcessesMetrics, StepTime};

use crate::chart::stacks::{Part, Stack, stacks};
use crate::chart::{Axis, Chart, Colour, Series, medians};
use crate::figure::Figure;
use crate::numbers::{count, significant};
use crate::run::RunData;

/// The most processes whose lines are drawn apart, each with its name.
const FEW: usize = 6;
/// How far the longest and the shortest wait must be apart, in percent of the time, for the caption to name
/// the process that the others wait for.
const WORTH_NAMING: f64 = 2.0;

/// A bar for each process, and the course of the waiting over epochs; nothing of a run of one process.
pub(crate) fn figures(run: &RunData) -> Vec<Figure> {
    let means = means(&run.processes);
    if means.is_empty() {
        return vec![];
    }
    let mut figures = vec![step(run, &means)];
    figures.extend(course(run, means.len()));
    figures
}

/// The mean of each process over all steps of the epochs that had as many processes as the last one.
fn means(epochs: &[ProcessesMetrics]) -> Vec<StepTime> {
    let Some(last) = epochs.last() else { return vec![] };
    let mut sums = vec![StepTime::default(); last.processes.len()];
    let mut steps = 0;
    for epoch in of_last_start(epochs) {
        steps += epoch.steps;
        for (sum, time) in sums.iter_mut().zip(&epoch.processes) {
            *sum = each_of(*sum, *time, |sum, mean| sum + mean * epoch.steps as f64);
        }
    }
    let mean = |sum: &StepTime| each_of(*sum, *sum, |sum, _| sum / steps.max(1) as f64);
    sums.iter().map(mean).collect()
}

fn each_of(a: StepTime, b: StepTime, join: impl Fn(f64, f64) -> f64) -> StepTime {
    StepTime {
        compute: join(a.compute, b.compute),
        data: join(a.data, b.data),
        exchange: join(a.exchange, b.exchange),
        waiting: join(a.waiting, b.waiting),
    }
}

fn of_last_start(epochs: &[ProcessesMetrics]) -> impl Iterator<Item = &ProcessesMetrics> {
    let count = epochs.last().map_or(0, |epoch| epoch.processes.len());
    epochs.iter().filter(move |epoch| epoch.processes.len() == count)
}

/// `part` in percent of the whole step.
fn share(part: f64, time: &StepTime) -> f64 {
    (100.0 * part / time.whole().max(1e-9)).max(0.0)
}

/// A bar for each process: a step from its beginning to its end.
fn step(run: &RunData, means: &[StepTime]) -> Figure {
    let mut parts = vec![Part { name: "computing", class: "blue" }];
    // Most trainings wait for no data.
    let waits_for_data = means.iter().any(|time| share(time.data, time) >= 0.1);
    if waits_for_data {
        parts.push(Part { name: "waiting for data", class: "orange" });
    }
    parts.push(Part { name: "exchanging", class: "green" });
    parts.push(Part { name: "waiting for others", class: "quiet" });
    let row = |(index, time): (usize, &StepTime)| {
        let StepTime { compute, data, exchange, waiting } = *time;
        let sizes = match waits_for_data {
            true => vec![compute, data, exchange, waiting],
            false => vec![compute + data, exchange, waiting],
        };
        Stack {
            name: format!("process {index}"),
            sizes: sizes.into_iter().map(|seconds| 1e3 * seconds).collect(),
            text: format!("waits {:.1}\u{a0}%", share(waiting, time)),
        }
    };
    let rows: Vec<Stack> = means.iter().enumerate().map(row).collect();
    let whole = significant(means.iter().map(|time| 1e3 * time.whole()).fold(0.0, f64::max));
    let title = format!("Where the {whole} ms of a step go in each of {} processes", means.len());
    Figure::drawn(stacks(&title, "a step, ms", &parts, &rows), caption(run, means, &whole))
}

fn caption(run: &RunData, means: &[StepTime], whole: &str) -> String {
    let waits = |time: &StepTime| share(time.waiting, time);
    let by_waits = |a: &(usize, &StepTime), b: &(usize, &StepTime)| waits(a.1).total_cmp(&waits(b.1));
    let numbered = || means.iter().enumerate();
    let (Some((last, least)), Some((first, most))) =
        (numbered().min_by(by_waits), numbered().max_by(by_waits))
    else {
        return String::new();
    };
    let seen = if waits(most) - waits(least) < WORTH_NAMING {
        format!(
            "All processes are equally fast: each waits for others {:.1}\u{a0}% of the time at most.",
            waits(most)
        )
    } else {
        format!(
            "The others wait for process {last}, which itself waits {:.1}\u{a0}% of the time; process {first} waits most, \
             {:.1}\u{a0}%.",
            waits(least),
            waits(most)
        )
    };
    let steps: u64 = of_last_start(&run.processes).map(|epoch| epoch.steps).sum();
    format!(
        "{seen} Exchanging numbers, as far as no computing hides it, takes {:.1}\u{a0}% of the {whole}\u{a0}ms of a step. Means over {} \
         steps.",
        share(least.exchange, least),
        count(steps)
    )
}

/// How much each process waits, epoch by epoch.
fn course(run: &RunData, processes: usize) -> Option<Figure> {
    let epochs: Vec<_> = of_last_start(&run.processes).collect();
    if epochs.len() < 2 {
        return None;
    }
    let points = |index: usize| -> Vec<(f64, f64)> {
        let waits = |epoch: &&ProcessesMetrics| {
            let time = &epoch.processes[index];
            (epoch.step as f64, share(time.waiting, time))
        };
        epochs.iter().map(waits).collect()
    };
    let lines: Vec<_> = (0..processes).map(points).collect();
    let most = lines.iter().flatten().map(|point| point.1).fold(0.0, f64::max);
    let title = format!("Waiting for other processes takes {} % of an epoch at most", significant(most));
    let x = Axis::from_zero("steps", run.last_step() as f64);
    let y = Axis::from_zero("waiting for others, % of the time", most.max(1.0));
    let mut chart = Chart::new(title, x, y).epochs(run.steps_per_epoch());
    if processes > FEW {
        chart = chart.with(Series::new("median", Colour::Blue, medians(&lines)));
    }
    for ((index, points), colour) in lines.into_iter().enumerate().zip(Colour::ALL.into_iter().cycle()) {
        chart = chart.with(match processes <= FEW {
            true => Series::new(format!("process {index}"), colour, points),
            false => Series::new("", Colour::Blue, points).faint(),
        });
    }
    let caption = format!(
        "Waiting takes {}\u{a0}% of an epoch's time at most; {}.",
        significant(most),
        if processes <= FEW {
            "a line for each process"
        } else {
            "a thin line for each process, and their median"
        }
    );
    Some(Figure::new(&chart, caption))
}
