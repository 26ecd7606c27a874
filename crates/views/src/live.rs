//! Shows a running training: a bar, and a line per epoch, or JSON lines; and keeps its page fresh.

use std::path::Path;

use resnet::data::names::shown;
use resnet_record::{DataSeconds, Divergence, EpochMetrics, Scores};
use resnet_report::LivePage;
use resnet_terminal::output::Format;
use resnet_terminal::progress::{self, Meter, Show, Unit};
use resnet_terminal::{numbers, output, text};
use resnet_train::{EpochStanding, Observer, Split, StepReport, TrainingPlan};
use serde_json::{Value, json};

/// Columns of the shortest bar, and of the separators between bar, steps and message.
const BAR: usize = 8 + 5;

/// Shows a training on standard error, or its events on standard output; metrics are a sink of the run.
#[derive(Debug)]
pub struct Live {
    format: Format,
    page: Option<LivePage>,
    epochs: u64,
    /// Steps of the whole training.
    total: u64,
    steps: Option<Meter>,
    scoring: Option<Meter>,
}

impl Live {
    /// Text is a bar and a line per epoch on standard error; JSON is one event per line on standard output.
    /// `page` is kept fresh meanwhile.
    pub fn new(format: Format, page: Option<LivePage>) -> Live {
        Live { format, page, epochs: 0, total: 0, steps: None, scoring: None }
    }

    /// Removes the bars and writes the page; to be called when the training has ended, finished or not.
    pub fn end(mut self) {
        let page = self.page.take();
        drop(self);
        if let Some(mut page) = page {
            tell(page.write());
        }
    }

    /// Prints an event. A reader that has gone, as in `train --log-format json | head`, doesn't end the
    /// training.
    fn event(&self, event: &Value) {
        let _ = output::try_json(event);
    }
}

/// The event of a checkpoint. A path that is not UTF-8 is no JSON, and is escaped.
fn checkpoint(file: &Path) -> Value {
    json!({"event": "checkpoint", "file": shown(file)})
}

/// A page that cannot be written is no reason to stop.
fn tell(written: Result<(), resnet_report::Error>) {
    match written {
        Ok(()) | Err(resnet_report::Error::NoMetrics(_)) => {}
        Err(error) => tracing::warn!("{error}; the training goes on without its page"),
    }
}

impl Observer for Live {
    fn on_start(&mut self, plan: &TrainingPlan) {
        (self.epochs, self.total) = (plan.epochs, plan.steps);
        if self.format == Format::Json {
            let TrainingPlan { steps, epochs, done, .. } = plan;
            return self.event(&json!({"event": "start", "steps": steps, "epochs": epochs, "done": done}));
        }
        if plan.done > 0 {
            progress::line(&format!(
                "continuing after step {} of {}",
                numbers::count(plan.done),
                numbers::count(plan.steps)
            ));
        }
        self.steps = Some(Meter::new(Unit::Steps, plan.done, plan.steps, Show::Always));
    }

    fn on_step(&mut self, report: &StepReport) {
        let (epochs, steps) = (self.epochs, numbers::count(self.total).len());
        if let Some(meter) = &mut self.steps {
            // The line also holds a short bar and the two numbers of steps.
            let room = text::err().map(|width| width.saturating_sub(BAR + 2 * steps));
            meter.update(report.step.step, |left| message(report, epochs, left, room));
        }
    }

    fn on_divergence(&mut self, divergence: &Divergence, file: &Path) {
        let layer = divergence.first_layer.as_deref().map_or(String::new(), |layer| {
            format!("the first layer whose output is not finite is {layer}; ")
        });
        progress::sentence(
            &format!("{layer}the step's images, layers and gradients are in {}", file.display()),
            0,
        );
    }

    fn on_evaluation(&mut self, split: Split, done: u64, images: u64) {
        if self.format == Format::Json {
            return;
        }
        let name = split.name();
        let meter = self.scoring.get_or_insert_with(|| Meter::new(Unit::Images, 0, images, Show::IfSlow));
        meter.update(done, |left| format!("scoring {name} · {left}"));
    }

    fn on_evaluation_end(&mut self, _split: Split) {
        self.scoring = None;
    }

    fn on_epoch(&mut self, epoch: &EpochMetrics, standing: EpochStanding) {
        if self.format == Format::Text {
            progress::line(&text::parts(&parts(epoch, Some(self.epochs), standing), text::err()));
        }
        if let Some(page) = &mut self.page {
            tell(page.refresh());
        }
    }

    fn on_checkpoint(&mut self, file: &Path) {
        if self.format == Format::Json {
            self.event(&checkpoint(file));
        }
    }
}

/// The message beside the bar, shortened to the room that there is.
fn message(report: &StepReport, epochs: u64, left: &str, room: Option<usize>) -> String {
    // 0 is always shown; of the others the highest rank is left out first.
    let mut parts = vec![
        (0, format!("epoch {}/{epochs}", report.step.epoch)),
        (1, format!("loss {:.3}", report.epoch_loss)),
        (3, format!("acc {:.1} %", report.epoch_top1)),
        (2, format!("{} images/s", numbers::speed(report.step.images_per_second))),
        (if report.data_wait >= 10.0 { 1 } else { 4 }, data_wait(report.data_wait)),
        (0, left.to_owned()),
    ];
    loop {
        let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
        let message = texts.join(" · ");
        let least = parts.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
        if least == 0 || room.is_none_or(|room| message.chars().count() <= room) {
            return message;
        }
        parts.retain(|(rank, _)| *rank != least);
    }
}

/// How long steps wait for data, if that is more than the noise of a few steps.
fn data_wait(percent: f64) -> String {
    match percent {
        some if some >= 5.0 => format!("waits {some:.0} % for data"),
        _ => "data ready".to_owned(),
    }
}

/// The results of an epoch, the most important first.
fn parts(epoch: &EpochMetrics, epochs: Option<u64>, standing: EpochStanding) -> Vec<String> {
    let scores = |name: &str, scores: Option<Scores>, mark: &str| {
        scores.map_or(String::new(), |scores| format!("{name} {:.2} %{mark}", scores.top1()))
    };
    // Where an average of the weights is kept, its scores say which epoch is the best, and are reported.
    let validation = if epoch.ema_validation.is_some() { "val of the average" } else { "val" };
    let mark = if standing == EpochStanding::Best { " (best)" } else { "" };
    let of = epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
    vec![
        format!("epoch {}{of}", epoch.epoch),
        format!("loss {:.3}", epoch.train_loss),
        format!("train {:.2} %", epoch.train_top1),
        scores(validation, epoch.judged_validation(), mark),
        scores("test", epoch.test, ""),
        format!("{} images/s", numbers::speed(epoch.images_per_second)),
        // Less is within the noise of a step.
        if epoch.data_wait >= 1.0 { waiting(epoch) } else { String::new() },
        epoch.communication.map_or(String::new(), |share| format!("exchanges {share:.0} % of the time")),
    ]
}

/// The line of an epoch that another process trained, of so many if that is known.
pub(crate) fn epoch_line(epoch: &EpochMetrics, epochs: Option<u64>) -> String {
    // A line of the log does not say how the epoch stands.
    text::parts(&parts(epoch, epochs, EpochStanding::NotBest), text::out())
}

/// How long steps wait for data, and what the loader's time is spent on.
fn waiting(epoch: &EpochMetrics) -> String {
    let waits = format!("waits for data {:.0} % of the time", epoch.data_wait);
    let Some(DataSeconds { read, decode, transform }) = epoch.data_threads else { return waits };
    let percent = 100.0 / (read + decode + transform).max(1e-9);
    format!(
        "{waits} (reading {:.0} %, decoding {:.0} %, transforming {:.0} %)",
        read * percent,
        decode * percent,
        transform * percent
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch() -> EpochMetrics {
        let scores = Scores {
            images: 10_000,
            top1_correct: 9_326,
            top5_correct: None,
            loss: 0.291,
            images_per_second: 1e3,
        };
        EpochMetrics {
            epoch: 164,
            step: 64_000,
            images: 8_200_000,
            train_loss: 0.0123,
            train_top1: 99.61,
            rate: 0.001,
            images_per_second: 1234.0,
            data_wait: 0.4,
            communication: None,
            data_threads: None,
            validation: Some(scores),
            ema_validation: None,
            test: None,
            test_reads: 0,
        }
    }

    fn told(epoch: &EpochMetrics, width: Option<usize>) -> String {
        text::parts(&parts(epoch, Some(164), EpochStanding::Best), width)
    }

    #[test]
    fn epochs_whose_number_is_not_known_are_counted_alone() {
        let line = epoch_line(&epoch(), None);
        assert!(line.starts_with("epoch 164  loss 0.012"), "{line}");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf_8_is_escaped() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let file = Path::new(OsStr::from_bytes(b"caf\xe9/last.safetensors"));
        assert_eq!(checkpoint(file)["file"], r"caf\xe9/last.safetensors");
    }

    #[test]
    fn an_epoch_is_a_line_of_eighty_columns() {
        let line = "epoch 164/164  loss 0.012  train 99.61 %  val 93.26 % (best)  1,234 images/s";
        assert!(line.len() <= 80);
        assert_eq!([Some(80), Some(200), None].map(|width| told(&epoch(), width)), [line; 3]);
        let narrow = "epoch 164/164  loss 0.012  train 99.61 %\n  val 93.26 % (best)  1,234 images/s";
        assert_eq!(told(&epoch(), Some(40)), narrow);
    }

    #[test]
    fn the_average_is_shown_where_it_is_what_the_run_reports() {
        let average = Scores { top1_correct: 9_412, ..epoch().validation.unwrap() };
        let line =
            "epoch 164/164  loss 0.012  train 99.61 %  val of the average 94.12 % (best)  1,234 images/s";
        assert_eq!(told(&EpochMetrics { ema_validation: Some(average), ..epoch() }, None), line);
    }

    #[test]
    fn what_else_there_is_goes_on_a_second_line() {
        let threads = DataSeconds { read: 1.0, decode: 6.0, transform: 3.0 };
        let epoch = EpochMetrics { data_wait: 12.0, data_threads: Some(threads), ..epoch() };
        let lines = "epoch 164/164  loss 0.012  train 99.61 %  val 93.26 % (best)  1,234 images/s\n  \
                     waits for data 12 % of the time (reading 10 %, decoding 60 %, transforming 30 %)";
        let at_eighty = told(&epoch, Some(80));
        assert_eq!(
            at_eighty.split_whitespace().collect::<Vec<_>>(),
            lines.split_whitespace().collect::<Vec<_>>()
        );
        assert!(at_eighty.lines().all(|line| line.len() <= 80), "{at_eighty}");
        assert_eq!(told(&epoch, None), lines.replace("\n  ", "  "));
    }

    #[test]
    fn the_message_beside_the_bar_leaves_out_what_has_no_room() {
        let step = resnet_record::StepMetrics {
            step: 12_345,
            epoch: 32,
            images: 1_580_160,
            loss: 0.1,
            rate: 0.1,
            images_per_second: 1234.0,
            certificate: None,
        };
        let report = StepReport {
            step,
            step_in_epoch: 1,
            steps_in_epoch: 391,
            epoch_loss: 0.0456,
            epoch_top1: 98.7,
            data_wait: 0.3,
        };
        let of = |room| message(&report, 164, "1:02:03 left", room);
        let whole = "epoch 32/164 · loss 0.046 · acc 98.7 % · 1,234 images/s · data ready · 1:02:03 left";
        assert_eq!([of(None), of(Some(120))], [whole; 2]);
        assert_eq!(of(Some(75)), whole.replace(" · data ready", ""));
        // A network that starves is worth more than its accuracy.
        let starving = message(&StepReport { data_wait: 42.0, ..report }, 164, "1:02:03 left", Some(75));
        assert_eq!(starving, "epoch 32/164 · loss 0.046 · waits 42 % for data · 1:02:03 left");
        assert_eq!(of(Some(60)), "epoch 32/164 · loss 0.046 · 1,234 images/s · 1:02:03 left");
        assert_eq!(of(Some(40)), "epoch 32/164 · loss 0.046 · 1:02:03 left");
        assert_eq!(of(Some(5)), "epoch 32/164 · 1:02:03 left");
    }

    #[test]
    fn the_bar_of_an_evaluation_goes_with_its_end_whatever_was_left_out() {
        let mut live = Live::new(Format::Text, None);
        live.on_evaluation(Split::Test, 0, 10);
        live.on_evaluation(Split::Test, 9, 10);
        assert!(live.scoring.is_some());
        live.on_evaluation_end(Split::Test);
        assert!(live.scoring.is_none());
    }
}
