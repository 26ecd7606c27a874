//! A training as it runs: a bar that moves, and a line an epoch that stays.

use resnet_record::{DataSeconds, EpochMetrics, Scores};
use resnet_train::{Observer, Plan, Split, StepReport};

use crate::output;
use crate::progress::{self, Meter, Show, Unit};

/// Shows a training to whoever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    epochs: u64,
    steps: Option<Meter>,
    scoring: Option<Meter>,
}

impl Observer for Live {
    fn on_start(&mut self, plan: &Plan) {
        self.epochs = plan.epochs;
        if plan.done > 0 {
            progress::line(&format!(
                "continuing after step {} of {}",
                output::count(plan.done),
                output::count(plan.steps)
            ));
        }
        self.steps = Some(Meter::new(Unit::Steps, plan.done, plan.steps, Show::Always));
    }

    fn on_step(&mut self, report: &StepReport) {
        let epochs = self.epochs;
        if let Some(meter) = &mut self.steps {
            meter.update(report.step.step, |left| {
                format!(
                    "epoch {}/{epochs} · loss {:.3} · acc {:.1} % · {} images/s · {left}",
                    report.step.epoch,
                    report.epoch_loss,
                    report.epoch_top1,
                    output::speed(report.step.images_per_second)
                )
            });
        }
    }

    fn on_evaluation(&mut self, split: Split, done: u64, images: u64) {
        let name = match split {
            Split::Validation => "validation",
            Split::Test => "test",
        };
        if done == images {
            self.scoring = None;
            return;
        }
        let meter = self.scoring.get_or_insert_with(|| Meter::new(Unit::Images, 0, images, Show::IfSlow));
        meter.update(done, |left| format!("scoring {name} · {left}"));
    }

    fn on_epoch(&mut self, epoch: &EpochMetrics, is_best: bool) {
        let scores = |name: &str, scores: Option<Scores>| match scores {
            Some(scores) => format!("   {name} {:.2} %, loss {:.3}", scores.top1(), scores.loss),
            None => String::new(),
        };
        progress::line(&format!(
            "epoch {}/{}   train {:.2} %, loss {:.3}{}{}{}   {} images/s{}",
            epoch.epoch,
            self.epochs,
            epoch.train_top1,
            epoch.train_loss,
            scores("validation", epoch.validation),
            if is_best { " (best)" } else { "" },
            scores("test", epoch.test),
            output::speed(epoch.images_per_second),
            // Less is within the noise of a step.
            if epoch.data_wait >= 1.0 { waiting(epoch) } else { String::new() }
        ));
    }
}

/// Who waits for whom, and what takes the loader's time.
fn waiting(epoch: &EpochMetrics) -> String {
    let waits = format!(", {:.0} % of the time waiting for data", epoch.data_wait);
    let Some(DataSeconds { read, decode, transform }) = epoch.data_threads else { return waits };
    let percent = 100.0 / (read + decode + transform).max(1e-9);
    format!(
        "{waits} (its threads: {:.0} % reading, {:.0} % decoding, {:.0} % transforming)",
        read * percent,
        decode * percent,
        transform * percent
    )
}
