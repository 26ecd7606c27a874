//! The lines of `metrics.jsonl`: one JSON object for every event of a training.

use serde::{Deserialize, Serialize};

use crate::Certificate;

/// One line of `metrics.jsonl`; the key `event` says which.
///
/// ```
/// use resnet_record::{Metric, parse_metrics};
/// let line = r#"{"event":"step","step":50,"epoch":1,"images":6400,"loss":1.9,"rate":0.05,
///     "images_per_second":512.0}"#.replace('\n', "");
/// let (metrics, torn) = parse_metrics(&format!("{line}\n{{\"event\":\"st"))?;
/// assert!(matches!(&metrics[..], [Metric::Step(step)] if step.step == 50));
/// assert!(torn, "a line without its end is what an interrupted run leaves");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Metric {
    /// A step that was logged.
    Step(StepMetrics),
    /// An epoch that ended.
    Epoch(EpochMetrics),
    /// Where the time of an epoch's steps went, process by process; only where several train together.
    Processes(ProcessesMetrics),
    /// The end of the training.
    Final(FinalMetrics),
}

/// What is logged of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepMetrics {
    /// Steps done, this one included.
    pub step: u64,
    /// The epoch it belongs to, from 1.
    pub epoch: u64,
    /// Training images seen, this step's included.
    pub images: u64,
    /// Mean of the recipe's loss over the step's images, before its update; in nats if it is a cross-entropy.
    pub loss: f64,
    /// The learning rate of this step.
    pub rate: f64,
    /// Training speed since the last logged step, evaluation and checkpoints left out.
    pub images_per_second: f64,
    /// What the step proves of the training; absent in runs that are older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// What is logged of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// The epoch that ended, from 1; the last may be a part of one.
    pub epoch: u64,
    /// Steps done since the start of the training.
    pub step: u64,
    /// Training images seen since the start of the training.
    pub images: u64,
    /// Mean of the recipe's loss over the epoch's images, each with the weights before its step.
    pub train_loss: f64,
    /// Top-1 accuracy on the same images with the same weights, in percent.
    pub train_top1: f64,
    /// The learning rate of the last step.
    pub rate: f64,
    /// Training speed over the epoch, evaluation and checkpoints left out.
    pub images_per_second: f64,
    /// The part of the steps' time in which the network waited for data, in percent.
    #[serde(default)]
    pub data_wait: f64,
    /// The part of the steps' time in which this process exchanged numbers with others, or waited for them,
    /// in percent; only where several train together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication: Option<f64>,
    /// What the threads that load data did meanwhile, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_threads: Option<DataSeconds>,
    /// Scores on the images held out of the training set, if there are any and this epoch is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Scores>,
    /// Scores of the moving average of the weights on the same images, where one is kept; these then decide
    /// which epoch is the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema_validation: Option<Scores>,
    /// Scores on the test images, if the recipe asks for them at each epoch: of the average of the weights
    /// where one is kept. No weights are selected by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
    /// How often the test labels have been read so far.
    pub test_reads: u64,
}

impl EpochMetrics {
    /// The validation scores by which the epoch's weights are judged and reported: those of their moving
    /// average where one is kept.
    pub fn judged_validation(&self) -> Option<Scores> {
        self.ema_validation.or(self.validation)
    }
}

/// Where the time of an epoch's steps went in each of several processes that train together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessesMetrics {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done since the start of the training.
    pub step: u64,
    /// Steps that were measured: fewer than the epoch's where the training was resumed within it.
    pub steps: u64,
    /// The times of each process, in the order of their numbers.
    pub processes: Vec<StepTime>,
}

/// Where a step's time goes in one process: the mean over some steps, in seconds.
///
/// The processes go from step to step together, so the four times of each process have the same sum, but for
/// what passes between two steps. An exchange begins when the last process comes to it, and that process does
/// not wait. So the exchanges of a step cost the least time that any process spends in them, and the rest is
/// waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTime {
    /// Computing; exchanges that go on meanwhile cost nothing.
    pub compute: f64,
    /// Waiting for data.
    pub data: f64,
    /// Exchanging numbers with the others, with nothing to compute.
    pub exchange: f64,
    /// Waiting for others.
    pub waiting: f64,
}

impl StepTime {
    /// All of it, in seconds.
    pub fn whole(&self) -> f64 {
        self.compute + self.data + self.exchange + self.waiting
    }
}

/// Seconds over an epoch, summed over the threads that load data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSeconds {
    /// Reading files.
    pub read: f64,
    /// Turning their bytes into pixels.
    pub decode: f64,
    /// Resizing, augmenting, normalising.
    pub transform: f64,
}

/// What is logged once the training is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalMetrics {
    /// Steps of the training.
    pub step: u64,
    /// The epoch whose weights were scored, from 1.
    pub epoch: u64,
    /// On the test images, unless the recipe never scores them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
    /// How often the test labels have been read.
    pub test_reads: u64,
}

/// How a classifier does on a set of labelled images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Images scored.
    pub images: u64,
    /// Images whose label has the highest logit.
    pub top1_correct: u64,
    /// Images whose label is among the five highest; only with more than five classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5_correct: Option<u64>,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Speed, reading and normalising the images included.
    pub images_per_second: f64,
}

impl Scores {
    /// Which count cannot be, if one cannot.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let Scores { images, top1_correct, top5_correct, .. } = *self;
        let counts = [("top1_correct", Some(top1_correct)), ("top5_correct", top5_correct)];
        let wrong = counts.into_iter().find(|(_, correct)| correct.is_some_and(|correct| correct > images));
        match (images, wrong) {
            (0, _) => Some("images is 0".to_owned()),
            (_, Some((key, correct))) => {
                Some(format!("{key} is {}, of {images} images", correct.unwrap_or_default()))
            }
            (_, None) => None,
        }
    }

    /// Top-1 accuracy in percent.
    pub fn top1(&self) -> f64 {
        percent(self.top1_correct, self.images)
    }

    /// Top-1 error in percent.
    pub fn error(&self) -> f64 {
        100.0 - self.top1()
    }

    /// Top-5 accuracy in percent; only with more than five classes.
    pub fn top5(&self) -> Option<f64> {
        self.top5_correct.map(|correct| percent(correct, self.images))
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

impl Metric {
    /// What is logged of a step, if this is a step's line.
    pub fn step(&self) -> Option<&StepMetrics> {
        match self {
            Metric::Step(step) => Some(step),
            Metric::Epoch(_) | Metric::Processes(_) | Metric::Final(_) => None,
        }
    }

    /// Whether a run that goes on from a checkpoint keeps this line: the checkpoint holds `step` steps, and
    /// `epochs` epochs have been closed (scored and written down).
    pub(crate) fn is_before(&self, step: u64, epochs: u64) -> bool {
        match self {
            Metric::Step(metrics) => metrics.step <= step,
            // Not by step: a run stopped while it scored an epoch has its steps but not its end.
            Metric::Epoch(metrics) => metrics.epoch <= epochs,
            Metric::Processes(metrics) => metrics.epoch <= epochs,
            Metric::Final(_) => false,
        }
    }
}

/// The lines of a `metrics.jsonl`, and whether its end is damaged: a crash may tear the last line, and after
/// a power cut the last lines may be no JSON. What is damaged at the end is left out.
///
/// # Errors
/// A sentence that names the first line that is not a metric and stands before one, or that is JSON: another
/// version wrote it.
pub fn parse_metrics(text: &str) -> Result<(Vec<Metric>, bool), String> {
    let (whole, torn) = match text.rfind('\n') {
        Some(end) => text.split_at(end + 1),
        None => ("", text),
    };
    let (mut metrics, mut damage) = (Vec::new(), None);
    for (index, line) in whole.lines().enumerate() {
        let error = match serde_json::from_str::<Metric>(line) {
            Ok(metric) if damage.is_none() => {
                metrics.push(metric);
                continue;
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let goes_on = error.as_ref().is_none_or(serde_json::Error::is_data);
        let told = error.map_or(String::new(), |error| format!("line {}: {error}", index + 1));
        let first = damage.take().unwrap_or(told);
        if goes_on {
            return Err(first);
        }
        damage = Some(first);
    }
    Ok((metrics, damage.is_some() || !torn.is_empty()))
}
