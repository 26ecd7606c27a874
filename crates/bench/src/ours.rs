//! Our side of a benchmark: what our worker does in its process.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use candle_core::{Device, Tensor};
use resnet_models::{Inference, Model};
use resnet_ops::{BatchPart, Mode, softmax_cross_entropy};
use resnet_train::{
    Gradients, Layout, Momentum, Optimizer, OptimizerConfig, RuleConfig, SgdConfig, WeightDecayOn,
};

use serde::Serialize;

use crate::statistics::Spread;
use crate::subject::{Subject, Work};
use crate::worker::{Hello, Turn};

/// The optimizer of measured training steps; `pytorch_bench.py` of the peers has the same settings.
pub(crate) const SGD: OptimizerConfig = OptimizerConfig {
    rule: RuleConfig::Sgd(SgdConfig { momentum: 0.9, kind: Momentum::Classic }),
    weight_decay: 1e-4,
    weight_decay_on: WeightDecayOn::All,
};
pub(crate) const RATE: f64 = 1e-3;

/// Runs our worker: measures steps of `subject` for each line `go SECONDS` of `input`, until `input` ends.
/// `worker.rs` describes the lines of JSON that it writes to `output`; `version` is ours.
///
/// # Errors
/// If the network cannot be built or fails, or a line says something else.
pub fn serve(
    subject: &Subject,
    version: &str,
    input: impl BufRead,
    mut output: impl Write,
) -> anyhow::Result<()> {
    let mut step = Step::new(subject)?;
    let ready = Hello::Ready { name: "resnet".to_owned(), version: version.to_owned() };
    say(&mut output, &ready)?;
    for line in input.lines() {
        let line = line.context("cannot read from standard input")?;
        let Some(Ok(at_least)) = line.strip_prefix("go ").map(str::parse) else {
            bail!("'{line}' is not 'go SECONDS'");
        };
        say(&mut output, &turn(&mut step, at_least)?)?;
    }
    Ok(())
}

/// The median time of a step of `subject`, measured for `at_least` seconds after a first one.
///
/// # Errors
/// If the network cannot be built or fails.
pub fn step_seconds(subject: &Subject, at_least: f64) -> anyhow::Result<f64> {
    let mut step = Step::new(subject)?;
    step.run()?;
    Ok(Spread::of(turn(&mut step, at_least)?.seconds).median)
}

/// One line of JSON.
fn say(output: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    writeln!(output, "{}", serde_json::to_string(value)?)?;
    Ok(output.flush()?)
}

fn turn(step: &mut Step, at_least: f64) -> anyhow::Result<Turn> {
    let (mut seconds, mut sum) = (vec![], 0.0);
    while seconds.is_empty() || sum < at_least {
        let start = Instant::now();
        step.run()?;
        seconds.push(start.elapsed().as_secs_f64());
        sum += seconds[seconds.len() - 1];
    }
    Ok(Turn { seconds, peak_memory_bytes: peak_memory() })
}

/// A step, with all it needs.
enum Step {
    Train(Box<Training>),
    Infer { ready: Inference<'static>, images: Tensor },
}

struct Training {
    model: Model,
    images: Tensor,
    labels: Tensor,
    gradients: Gradients,
    optimizer: Optimizer,
}

impl Step {
    fn new(subject: &Subject) -> anyhow::Result<Step> {
        let model = subject.model()?;
        let (images, labels) = inputs(subject)?;
        Ok(match subject.work {
            Work::Infer => Step::Infer { ready: model.into_inference(), images },
            Work::Train => {
                let gradients = Gradients::new(Arc::new(Layout::of(model.variables())));
                let optimizer = Optimizer::new(SGD);
                Step::Train(Box::new(Training { model, images, labels, gradients, optimizer }))
            }
        })
    }

    fn run(&mut self) -> candle_core::Result<()> {
        match self {
            Step::Train(training) => training.step(),
            Step::Infer { ready, images } => ready.logits(images).map(drop),
        }
    }
}

impl Training {
    fn step(&mut self) -> candle_core::Result<()> {
        let logits = self.model.forward(&self.images, Mode::Train)?;
        let loss = softmax_cross_entropy(&logits, &self.labels)?;
        self.gradients.clear();
        self.gradients.add_backward(self.model.variables(), &loss, 1.0, BatchPart::default())?;
        self.optimizer.step(self.model.variables(), &self.gradients, RATE)?;
        Ok(())
    }
}

/// A batch of random images, and labels.
pub(crate) fn inputs(Subject { spec, batch, .. }: &Subject) -> candle_core::Result<(Tensor, Tensor)> {
    let [channels, height, width] = spec.input;
    let labels = (0..*batch).map(|image| (image % spec.classes) as u32);
    let images = Tensor::randn(0f32, 1.0, (*batch, channels, height, width), &Device::Cpu)?;
    Ok((images, Tensor::from_iter(labels, &Device::Cpu)?))
}

/// The peak of this process's resident memory in bytes; only Linux tells it without `unsafe`.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_a_step_at_least_and_takes_its_time() {
        for work in [Work::Train, Work::Infer] {
            let subject = Subject::new(work, "resnet8-v2", std::num::NonZeroUsize::new(2), 1).unwrap();
            let mut step = Step::new(&subject).unwrap();
            assert_eq!(turn(&mut step, 0.0).unwrap().seconds.len(), 1);
            let turn = turn(&mut step, 0.05).unwrap();
            assert!(turn.seconds.iter().sum::<f64>() >= 0.05);
            if cfg!(target_os = "linux") {
                assert!(turn.peak_memory_bytes.is_some_and(|bytes| bytes > 1_000_000));
            }
        }
    }

    #[test]
    fn a_conversation_is_a_line_of_json_for_each_turn() {
        let subject = Subject::new(Work::Infer, "resnet8-v2", std::num::NonZeroUsize::new(2), 1).unwrap();
        let mut said = vec![];
        serve(&subject, "1.2.3", &b"go 0\ngo 0\n"[..], &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        let [hello, first, second] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
        let ready = Hello::Ready { name: "resnet".to_owned(), version: "1.2.3".to_owned() };
        assert_eq!(serde_json::from_str::<Hello>(hello).unwrap(), ready);
        for line in [first, second] {
            let turn: Turn = serde_json::from_str(line).unwrap();
            assert!(turn.seconds.len() == 1 && turn.seconds[0] > 0.0, "{line}");
        }
        let refused = serve(&subject, "", &b"stop\n"[..], &mut vec![]).unwrap_err();
        assert_eq!(refused.to_string(), "'stop' is not 'go SECONDS'");
    }
}
