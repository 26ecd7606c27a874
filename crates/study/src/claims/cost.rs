//! Claim 11: what a training step costs by depth.

use resnet_bench::{Subject, Work, step_seconds};
use resnet_models::summary;
use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Series};

use super::{Measured, Verdict};
use crate::Error;
use crate::words::counted;

/// Networks that are timed, all of one kind.
const DEPTHS: [usize; 6] = [20, 38, 56, 74, 92, 110];
const BATCH: usize = 16;
/// How often each depth is timed at least, in turn with the others. The shortest time counts, since other
/// load on the machine only lengthens times.
const TURNS: usize = 3;
/// How often at most: depths whose two shortest times do not agree are timed again.
const MOST_TURNS: usize = 10;
/// Seconds that a depth is timed for in each turn.
const AT_LEAST: f64 = 0.2;
/// Limits of the largest relative distance of a time from the fitted line: up to `LINEAR` the times count as
/// linear in depth, above `BENT` as not linear.
const LINEAR: f64 = 0.10;
const BENT: f64 = 0.30;

/// What a training step costs at one depth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Layers.
    pub depth: usize,
    /// Seconds of a training step of 16 images: the shortest of the turns.
    pub seconds: f64,
    /// How far the second shortest time lies above the shortest, as a part of it: the uncertainty of the
    /// measurement.
    pub scatter: f64,
    /// Multiply-adds of an image's forward pass.
    pub multiply_adds: u64,
}

/// Times training steps of pre-activation networks for CIFAR (`resnetN-v2`) of these depths, alternating.
///
/// # Errors
/// If a depth does not exist, or a step fails.
pub fn cost(depths: &[usize]) -> Result<Vec<Cost>, Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::Other(format!("a training step cannot be timed: {error}"));
    let subject = |depth: &usize| {
        let batch = std::num::NonZeroUsize::new(BATCH);
        Subject::new(Work::Train, &format!("resnet{depth}-v2"), batch, resnet_ops::threads())
    };
    let subjects =
        depths.iter().map(subject).collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
    let mut turns = vec![vec![]; depths.len()];
    for turn in 0..MOST_TURNS {
        for (seconds, subject) in turns.iter_mut().zip(&subjects) {
            if turn < TURNS || scatter(seconds) > LINEAR {
                seconds.push(step_seconds(subject, AT_LEAST).map_err(|error| failed(&error))?);
                seconds.sort_by(f64::total_cmp);
            }
        }
    }
    let measured = depths.iter().zip(&subjects).zip(&turns);
    measured
        .map(|((depth, subject), seconds)| {
            let multiply_adds = summary::of(&subject.spec).map_err(|error| failed(&error))?.multiply_adds;
            Ok(Cost { depth: *depth, seconds: seconds[0], scatter: scatter(seconds), multiply_adds })
        })
        .collect()
}

/// How far the second of these times, ascending, lies above the first, as a part of it.
fn scatter(seconds: &[f64]) -> f64 {
    seconds[1] / seconds[0] - 1.0
}

/// Claim 11.
pub(super) fn linear() -> Result<Measured, Error> {
    let costs = cost(&DEPTHS)?;
    let line = Line::through(&costs);
    let farthest =
        costs.iter().map(|cost| (line.at(cost.depth) / cost.seconds - 1.0).abs()).fold(0.0, f64::max);
    let scatter = costs.iter().map(|cost| cost.scatter).fold(0.0, f64::max);
    let verdict = verdict(farthest, scatter, line.slope);
    let points = costs.iter().map(|cost| (cost.depth as f64, 1e3 * cost.seconds)).collect();
    let fitted = [0, 110].map(|depth| (depth as f64, 1e3 * line.at(depth).max(0.0))).to_vec();
    let most = costs.iter().map(|cost| 1e3 * cost.seconds).fold(0.0, f64::max);
    let title =
        format!("Each additional layer costs {:.2} ms per step, from 20 layers to 110", 1e3 * line.slope);
    let caption = format!("{title}: no time is farther from a straight line than {:.1} %.", 100.0 * farthest);
    let chart = Chart::new(
        title.clone(),
        Axis::from_zero("layers", 110.0),
        Axis::from_zero(&format!("ms for a step of {BATCH} images"), 1.05 * most),
    )
    .with(Series::new("fitted line", Colour::Ink, fitted).dashed())
    .with(Series::new("measured", Colour::Blue, points).marked());
    let counts: Vec<u64> =
        costs.windows(2).map(|pair| pair[1].multiply_adds - pair[0].multiply_adds).collect();
    let is_exact = counts.windows(2).all(|pair| pair[0] == pair[1]);
    let rule = format!(
        "Times within {:.0} % of a rising line count as linear in depth, and one farther than {:.0} % from it as not. \
         Neither counts on a busy machine, on which the two shortest times of a depth are more than {:.0} % apart.",
        100.0 * LINEAR,
        100.0 * BENT,
        100.0 * LINEAR
    );
    let busy = (scatter > LINEAR).then(|| "The machine was busy.".to_owned());
    let told = format!(
        "Training steps of pre-activation networks of {} layers: a straight line misses none by more than {:.1} %; each \
         additional layer costs {:.2} ms for {BATCH} images. The two shortest times of a depth were up to {:.1} % apart. Multiply-adds {}.",
        DEPTHS.map(|depth| depth.to_string()).join(", "),
        100.0 * farthest,
        1e3 * line.slope,
        100.0 * scatter,
        if is_exact { "grow by the same number from each depth to the next" } else { "do not grow evenly" }
    );
    Ok(Measured {
        verdict,
        sentences: [Some(told), busy, Some(rule)].into_iter().flatten().collect(),
        rests_on: format!(
            "{TURNS} to {MOST_TURNS} turns of steps on {}",
            counted(resnet_ops::threads(), "thread")
        ),
        figure: Some(Figure::new(&chart, caption)),
    })
}

/// Supported if all times lie near a rising line, contradicted if one lies far from it; undecided where the
/// times of a depth do not agree, since a busy machine can be the cause of either.
fn verdict(farthest: f64, scatter: f64, slope: f64) -> Verdict {
    match () {
        () if scatter > LINEAR => Verdict::Undecided,
        () if farthest <= LINEAR && slope > 0.0 => Verdict::Supported,
        () if farthest > BENT => Verdict::Contradicted,
        () => Verdict::Undecided,
    }
}

/// A straight line by least squares.
struct Line {
    slope: f64,
    start: f64,
}

impl Line {
    fn through(costs: &[Cost]) -> Line {
        let count = costs.len() as f64;
        let mean = |of: &dyn Fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / count;
        let (depth, seconds) = (mean(&|cost| cost.depth as f64), mean(&|cost| cost.seconds));
        let both = mean(&|cost| (cost.depth as f64 - depth) * (cost.seconds - seconds));
        let slope = both / mean(&|cost| (cost.depth as f64 - depth).powi(2));
        Line { slope, start: seconds - slope * depth }
    }

    fn at(&self, depth: usize) -> f64 {
        self.start + self.slope * depth as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_points_that_lie_on_one() {
        let seconds = |depth: usize| 0.5 + 0.25 * depth as f64;
        let cost = |depth| Cost { depth, seconds: seconds(depth), scatter: 0.0, multiply_adds: 0 };
        let line = Line::through(&[cost(2), cost(5), cost(11)]);
        assert!((line.slope - 0.25).abs() < 1e-12 && (line.at(0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_busy_machine_decides_nothing() {
        assert_eq!(verdict(0.05, 0.05, 1.0), Verdict::Supported);
        assert_eq!(verdict(0.05, 0.5, 1.0), Verdict::Undecided);
        assert_eq!(verdict(0.05, 0.0, -1.0), Verdict::Undecided);
        assert_eq!(verdict(0.2, 0.0, 1.0), Verdict::Undecided);
        assert_eq!(verdict(0.5, 0.02, 1.0), Verdict::Contradicted);
        assert_eq!(verdict(0.5, 0.3, 1.0), Verdict::Undecided);
    }
}
