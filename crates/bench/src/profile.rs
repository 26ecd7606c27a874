//! Where the time of a training step or of inference goes: rows whose sum is the step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use resnet_ops::{BatchPart, Mode, Pass, Shape, StepCost, Stopwatch, softmax_cross_entropy};
use resnet_train::{Gradients, Layout, Optimizer};
use serde::Serialize;

use crate::ours::{self, peak_memory};
use crate::subject::{Subject, Work};

/// The time of one step, divided among its parts.
#[derive(Debug, Clone, Serialize)]
pub struct Profile {
    /// Milliseconds of the fastest step.
    pub ms: f64,
    /// Images per step.
    pub batch: usize,
    /// What it is made of; their milliseconds add up to the step's.
    pub rows: Vec<Row>,
    /// The peak of this process's resident memory.
    pub peak_memory_bytes: Option<u64>,
}

/// Steps of a plan that do the same to feature maps of one size, or what is done outside of plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Kind and size: "conv 3x3 at 56x56"; outside of plans what it is: "optimizer".
    pub what: String,
    /// "forward", "backward"; empty outside of plans.
    pub pass: &'static str,
    /// How many steps of the plan the row sums up; 0 outside of plans.
    pub number: usize,
    /// Milliseconds that they take together in one training or inference step.
    pub ms: f64,
    /// Bytes, if each tensor goes through memory once.
    pub bytes: u64,
    /// Multiply-adds by the definition.
    pub multiply_adds: u64,
}

impl Row {
    fn outside(what: &str, time: Duration) -> Row {
        let ms = 1e3 * time.as_secs_f64();
        Row { what: what.to_owned(), pass: "", number: 0, ms, bytes: 0, multiply_adds: 0 }
    }

    /// GB/s of [`Row::bytes`].
    pub fn gbytes_per_second(&self) -> f64 {
        1e-6 * self.bytes as f64 / self.ms
    }

    /// GFLOP/s of [`Row::multiply_adds`].
    pub fn gflops(&self) -> f64 {
        2e-6 * self.multiply_adds as f64 / self.ms
    }
}

/// Divides the time of the fastest of `steps` steps of `subject` among its parts; a shared machine can only
/// slow steps down. A first step is not counted. `progress` is called after each step with how many are done.
///
/// # Errors
/// If the network cannot be built or fails, or `steps` is 0.
pub fn profile(subject: &Subject, steps: usize, mut progress: impl FnMut(usize)) -> anyhow::Result<Profile> {
    let model = subject.model()?;
    let (images, labels) = ours::inputs(subject)?;
    let plan = model.network().plan_for(Shape::of(&images)?)?;
    let mut fastest: Option<Vec<Row>> = None;
    let mut keep = |done: usize, rows: Vec<Row>| {
        if done > 0 && fastest.as_ref().is_none_or(|fastest| sum(&rows) < sum(fastest)) {
            fastest = Some(rows);
        }
        progress(done);
    };
    match subject.work {
        Work::Infer => {
            let ready = plan.for_inference()?;
            for done in 0..=steps {
                let (stopwatch, mut outside) = (Arc::new(Stopwatch::default()), Outside::default());
                timed(&mut outside.passes, || ready.run_timed(&images, &stopwatch))?;
                keep(done, outside.rows(subject.work, ready.costs(&stopwatch)));
            }
        }
        Work::Train => {
            let mut gradients = Gradients::new(Arc::new(Layout::of(model.variables())));
            let mut optimizer = Optimizer::new(ours::SGD);
            for done in 0..=steps {
                let (stopwatch, mut outside) = (Arc::new(Stopwatch::default()), Outside::default());
                let run = || plan.run_timed(&[&images], Mode::Train, &stopwatch);
                let logits = timed(&mut outside.passes, run)?;
                let loss = timed(&mut outside.loss, || softmax_cross_entropy(&logits, &labels))?;
                gradients.clear();
                let backward = || gradients.add_backward(model.variables(), &loss, 1.0, BatchPart::default());
                timed(&mut outside.passes, backward)?;
                let update = || optimizer.step(model.variables(), &gradients, ours::RATE);
                timed(&mut outside.optimizer, update)?;
                timed(&mut outside.passes, || drop((logits, loss)));
                keep(done, outside.rows(subject.work, plan.costs(&stopwatch)));
            }
        }
    };
    let rows = fastest.context("a profile takes a step at least")?;
    Ok(Profile { ms: sum(&rows), batch: subject.batch, rows, peak_memory_bytes: peak_memory() })
}

fn sum(rows: &[Row]) -> f64 {
    rows.iter().map(|row| row.ms).sum()
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    *sum += start.elapsed();
    done
}

/// The times of a step as measured from outside of its plan.
#[derive(Default)]
struct Outside {
    /// Forward and backward, the plan's own steps included.
    passes: Duration,
    loss: Duration,
    optimizer: Duration,
}

impl Outside {
    /// All rows of a step whose plan cost `costs`.
    fn rows(&self, work: Work, costs: Vec<StepCost>) -> Vec<Row> {
        let in_plan = costs.iter().map(|cost| cost.time).sum();
        let around = self.passes.saturating_sub(in_plan);
        let mut rows = gathered(costs);
        rows.push(Row::outside("around the steps: layouts, gradients gathered", around));
        if work == Work::Train {
            rows.push(Row::outside("loss", self.loss));
            rows.push(Row::outside("optimizer", self.optimizer));
        }
        rows
    }
}

/// Steps of one kind, size and direction together, in the order of the first of each.
fn gathered(costs: Vec<StepCost>) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    for cost in costs {
        let size: Vec<_> = cost.layer.output[1..].iter().map(usize::to_string).collect();
        let size = if size.is_empty() { String::new() } else { format!(" at {}", size.join("x")) };
        let what = format!("{}{size}", cost.layer.kind);
        let pass = match cost.pass {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        };
        let ms = 1e3 * cost.time.as_secs_f64();
        match rows.iter_mut().find(|row| row.what == what && row.pass == pass) {
            Some(row) => {
                row.number += 1;
                row.ms += ms;
                row.bytes += cost.bytes;
                row.multiply_adds += cost.multiply_adds;
            }
            None => {
                let StepCost { bytes, multiply_adds, .. } = cost;
                rows.push(Row { what, pass, number: 1, ms, bytes, multiply_adds });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use resnet_models::summary;

    use super::*;

    #[test]
    fn rows_add_up_and_count_every_multiply_add() {
        for work in [Work::Infer, Work::Train] {
            let subject = Subject::new(work, "resnet8-v2", NonZeroUsize::new(2), 1).unwrap();
            let mut seen = vec![];
            let profile = profile(&subject, 2, |done| seen.push(done)).unwrap();
            assert_eq!(seen, [0, 1, 2]);
            let multiply_adds: u64 = profile.rows.iter().map(|row| row.multiply_adds).sum();
            let by_definition = summary::of(&subject.spec).unwrap().multiply_adds;
            let stem = summary::convolutions(&subject.spec, 1).unwrap()[0].multiply_adds_per_image();
            let passes = match work {
                Work::Infer => by_definition,
                // Images have no gradient.
                Work::Train => 3 * by_definition - stem,
            };
            assert_eq!(multiply_adds, 2 * passes, "{work:?}");
            let convs: Vec<_> =
                profile.rows.iter().filter(|row| row.what.starts_with("conv 3x3 at 32x32")).collect();
            assert!(convs.iter().all(|row| row.ms > 0.0 && row.bytes > 0), "{convs:?}");
            let sum: f64 = profile.rows.iter().map(|row| row.ms).sum();
            assert!((sum - profile.ms).abs() < 1e-9 * sum);
        }
    }
}
