//! The search for what is wrong: one change at a time, and each one's share of the points.

use std::collections::BTreeMap;

use resnet::Pretrained;
use serde::Serialize;

use super::images::TestSample;
use super::preparation::{Axis, Change, Preparation};
use crate::Error;

/// The most changes that are kept.
const MOST: usize = 4;
/// How many standard deviations a gain has to be above what luck gives: McNemar's test on the images that
/// only one of both preparations gets right.
const DEVIATIONS: f64 = 3.0;

/// One change alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// What was changed.
    pub axis: Axis,
    /// To what.
    pub to: String,
    /// The accuracy with only this changed, in percent.
    pub accuracy: f64,
    /// Accuracy gained over the unchanged preparation, in percentage points.
    pub points: f64,
    /// Whether luck alone would hardly give as much: three standard deviations of McNemar's test.
    pub is_beyond_luck: bool,
}

/// A change that was kept, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attribution {
    /// What was changed.
    pub axis: Axis,
    /// The value before, in words.
    pub from: String,
    /// The value that helps, in words.
    pub to: String,
    /// Other values that are as good, as far as these images tell.
    pub or: Vec<String>,
    /// Its share of the points gained, in percentage points: the mean over all orders of the changes.
    pub points: f64,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// How many images were looked at.
    pub images: usize,
    /// The accuracy as the checkpoint would be evaluated, in percent.
    pub accuracy: f64,
    /// The accuracy with all changes that were kept, in percent.
    pub reached: f64,
    /// The accuracy that was expected, in percent.
    pub expected: Option<f64>,
    /// What was expected less what was reached, in percentage points.
    pub unexplained: Option<f64>,
    /// Two standard deviations of an accuracy measured on so many images, in points.
    pub uncertainty: f64,
    /// The changes that were kept, the most valuable first.
    pub attributions: Vec<Attribution>,
    /// Every change alone, the most valuable first.
    pub trials: Vec<Trial>,
}

/// A change that was kept, and what else would have done, as far as the images tell.
struct Kept {
    change: Change,
    or: Vec<String>,
}

/// Which images are classified correctly, by preparation; each preparation is scored once.
struct Scores<'a> {
    pretrained: &'a Pretrained,
    sample: &'a TestSample,
    known: BTreeMap<String, Vec<bool>>,
    done: u64,
    on_images: &'a mut dyn FnMut(u64),
}

impl Scores<'_> {
    /// Which images are classified correctly with `preparation`.
    fn of(&mut self, preparation: &Preparation) -> Result<Vec<bool>, Error> {
        // Floats have no order; their exact text does.
        let key = format!("{preparation:?}");
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let (before, on_images) = (self.done, &mut *self.on_images);
        let mut told = |done: usize| on_images(before + done as u64);
        let correct = self.sample.correct(self.pretrained, preparation, &mut told)?;
        self.done += self.sample.len() as u64;
        self.known.insert(key, correct.clone());
        Ok(correct)
    }
}

/// Looks for what is wrong with `baseline`, the way in which the images of `sample` are prepared for
/// `pretrained`. The search ends where the accuracy is `expected`, in percent, if that is known. `on_images`
/// is told how many images were classified.
///
/// # Errors
/// If an image cannot be decoded, or the network does not take it.
pub fn investigate(
    pretrained: &Pretrained,
    sample: &TestSample,
    baseline: Preparation,
    expected: Option<f64>,
    on_images: &mut dyn FnMut(u64),
) -> Result<Diagnosis, Error> {
    let mut scores = Scores { pretrained, sample, known: BTreeMap::new(), done: 0, on_images };
    let first = scores.of(&baseline)?;
    let is_reached = |correct: &[bool]| expected.is_some_and(|expected| percent(correct) >= expected);
    let (mut current, mut correct) = (baseline, first.clone());
    let mut kept: Vec<Kept> = vec![];
    let mut trials = vec![];
    // The first round is always made: it is what the reader is shown.
    while kept.len() < MOST && (kept.is_empty() || !is_reached(&correct)) {
        let is_first_round = kept.is_empty();
        let axes: Vec<Axis> = sample
            .axes()
            .iter()
            .copied()
            .filter(|axis| kept.iter().all(|kept| kept.change.axis != *axis))
            .collect();
        let mut tried: Vec<(Change, Vec<bool>)> = vec![];
        for change in current.changes(&axes) {
            let changed = scores.of(&change.preparation)?;
            tried.push((change, changed));
        }
        if is_first_round {
            trials = tried.iter().map(|(change, changed)| trial(change, changed, &first)).collect();
        }
        if is_first_round && is_reached(&first) {
            break;
        }
        // Of equally good ones the first: the more usual.
        let better = tried.iter().rev().filter(|(_, changed)| is_better(changed, &correct));
        let best = better.max_by(|(_, a), (_, b)| percent(a).total_cmp(&percent(b)));
        let Some((change, changed)) = best else { break };
        let others = tried.iter().filter(|(other, of_other)| {
            other.axis == change.axis && other.to != change.to && !is_better(changed, of_other)
        });
        let or = others.map(|(other, _)| other.to.clone()).collect();
        current = change.preparation;
        correct.clone_from(changed);
        kept.push(Kept { change: change.clone(), or });
    }
    let attributions = attributed(&mut scores, &baseline, &current, &kept)?;
    trials.sort_by(|a, b| b.points.total_cmp(&a.points));
    let (accuracy, reached) = (percent(&first), percent(&correct));
    let share = reached / 100.0;
    Ok(Diagnosis {
        images: sample.len(),
        accuracy,
        reached,
        expected,
        unexplained: expected.map(|expected| expected - reached),
        uncertainty: 200.0 * (share * (1.0 - share) / sample.len() as f64).sqrt(),
        attributions,
        trials,
    })
}

fn trial(change: &Change, changed: &[bool], first: &[bool]) -> Trial {
    Trial {
        axis: change.axis,
        to: change.to.clone(),
        accuracy: percent(changed),
        points: percent(changed) - percent(first),
        is_beyond_luck: is_better(changed, first),
    }
}

/// Each kept change's share of the points, by Shapley's value: 2^4 preparations at most, most of them known.
fn attributed(
    scores: &mut Scores<'_>,
    baseline: &Preparation,
    end: &Preparation,
    kept: &[Kept],
) -> Result<Vec<Attribution>, Error> {
    let mut worth = vec![];
    for set in 0..1usize << kept.len() {
        let chosen = kept.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1);
        let preparation =
            chosen.fold(*baseline, |preparation, (_, kept)| preparation.with(kept.change.axis, end));
        worth.push(percent(&scores.of(&preparation)?));
    }
    let mut attributions: Vec<Attribution> = shares(&worth, kept.len())
        .into_iter()
        .zip(kept)
        .map(|(points, Kept { change, or })| Attribution {
            axis: change.axis,
            from: baseline.described(change.axis),
            to: change.to.clone(),
            or: or.clone(),
            points,
        })
        .collect();
    attributions.sort_by(|a, b| b.points.total_cmp(&a.points));
    Ok(attributions)
}

/// Shapley's values of `players` from the worth of every set of them, by its bits.
fn shares(worth: &[f64], players: usize) -> Vec<f64> {
    let factorial = |n: usize| (1..=n).map(|factor| factor as f64).product::<f64>();
    let of = |player: usize| -> f64 {
        let without = (0..worth.len()).filter(|set| set >> player & 1 == 0);
        let gains = without.map(|set| {
            let before = set.count_ones() as usize;
            let orders = factorial(before) * factorial(players - 1 - before) / factorial(players);
            orders * (worth[set | 1 << player] - worth[set])
        });
        gains.sum()
    };
    (0..players).map(of).collect()
}

fn percent(correct: &[bool]) -> f64 {
    100.0 * correct.iter().filter(|correct| **correct).count() as f64 / correct.len().max(1) as f64
}

/// McNemar's test: whether `a` is better than `b` on the same images by more than luck.
fn is_better(a: &[bool], b: &[bool]) -> bool {
    let gained = a.iter().zip(b).filter(|(a, b)| **a && !**b).count() as f64;
    let lost = a.iter().zip(b).filter(|(a, b)| !**a && **b).count() as f64;
    gained > lost && (gained - lost) / (gained + lost).sqrt() >= DEVIATIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_the_mean_over_orders() {
        // Nothing, a, b, both: a first gives 10 then 20, b first 4 then 26.
        assert_eq!(shares(&[50.0, 60.0, 54.0, 80.0], 2), [18.0, 12.0]);
        assert_eq!(shares(&[50.0, 60.0], 1), [10.0]);
        assert!(shares(&[50.0], 0).is_empty());
    }

    #[test]
    fn a_few_images_more_are_luck() {
        let b = [true, false].repeat(50);
        let mut a = b.clone();
        a[1] = true;
        assert!(!is_better(&a, &b) && !is_better(&b, &a) && !is_better(&b, &b));
        assert!(is_better(&[true; 100], &b));
    }
}
