//! A part of two runs trained again, to find the step and the layer in which they first differ.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resnet_models::{registry, summary};
use resnet_ops::layer_of;
use resnet_record::{Certificate, Parting, Run, RunFolder, RunRecord};
use resnet_train::{Observer, Options, Purpose, StepReport, TrainingPlan, fit};

use crate::{Error, Images, ResNet};

/// The most layers that a message names.
const SHOWN: usize = 5;

/// A run to be trained again on its data.
#[derive(Debug)]
pub struct Replay<'a> {
    run: &'a RunFolder,
    images: &'a Images,
    /// Steps done before the first that is trained again.
    pub start: u64,
}

/// What training two runs again has shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// Trained again here, the two runs do not differ. A certificate that did not come out again shows that
    /// its run was made by another program or machine.
    Same {
        /// Whether the certificate came out again: of the first run, of the second.
        reproduced: [bool; 2],
    },
    /// Trained again here, the two runs differ as well.
    Parted {
        /// The first step that differs, with what each made of it.
        at: Parting,
        /// Layers whose weights differ after it, in the order of the forward pass.
        layers: Vec<LayerDifference>,
        /// Number of all layers with weights.
        of: usize,
    },
}

/// A sentence without its full stop.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, layers, of) = match self {
            Replayed::Same { reproduced: [true, true] } => {
                return f.write_str(
                    "this program makes both runs as they were; their records differ for another reason",
                );
            }
            Replayed::Same { reproduced } => {
                let whose = match reproduced {
                    [true, false] => "the first run's weights and not the second's",
                    [false, true] => "the second run's weights and not the first's",
                    _ => "neither run's weights",
                };
                return write!(
                    f,
                    "on this machine both are the same training, which makes {whose}: program or machine differed"
                );
            }
            Replayed::Parted { at, layers, of } => (at, layers, of),
        };
        let ([a, b], differ) = (at.certificates, layers.len());
        let what = a.differences(&b).join(" and ");
        write!(
            f,
            "they first differ in step {}, in {what}; after it {differ} of {of} layers with weights differ",
            at.step
        )?;
        for (place, LayerDifference { layer, largest }) in layers.iter().take(SHOWN).enumerate() {
            write!(f, "{} {layer} by {largest:.1e}", if place == 0 { ":" } else { "," })?;
        }
        match differ.saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// A layer whose weights differ.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerDifference {
    /// Its name.
    pub layer: String,
    /// The largest absolute difference of a weight between the two runs.
    pub largest: f32,
}

impl<'a> Replay<'a> {
    /// Begins at the last checkpoint that `run` keeps of the first `agreed` steps, or with fresh weights.
    ///
    /// # Errors
    /// [`Error::NothingToReplay`] if the run began with weights from elsewhere and keeps no checkpoint so
    /// early, [`Error::SeveralProcesses`] if it is a run of several processes.
    pub fn of(run: &'a RunFolder, images: &'a Images, agreed: u64) -> Result<Self, Error> {
        let start = run.kept_steps().into_iter().rfind(|step| *step <= agreed);
        let RunRecord { from, processes, .. } = run.record()?;
        if processes > 1 {
            return Err(Error::SeveralProcesses { run: run.dir().to_owned(), processes });
        }
        match (start, from) {
            (None, Some(from)) => Err(Error::NothingToReplay { run: run.dir().to_owned(), from, agreed }),
            (start, _) => Ok(Replay { run, images, start: start.unwrap_or(0) }),
        }
    }

    /// Trains up to step `to`, or until `on_step` wants no more; returns the network as it is then.
    fn train(
        &self,
        to: u64,
        observer: &mut dyn Observer,
        on_step: &mut (dyn FnMut(u64, Certificate) -> bool + Send),
    ) -> Result<ResNet, Error> {
        let scratch = tempfile::tempdir().map_err(|cause| Error::NoScratch { cause })?;
        let recipe = self.run.recipe()?;
        let classes = recipe.classes().unwrap_or(self.images.training().classes());
        let spec = registry::find(&recipe.model.name, classes)?;
        let network = ResNet::for_training(&spec, &recipe)?;
        let mut run = Run::create(&scratch.path().join("run"), &recipe, RunRecord::begin("replay", &recipe))?;
        if self.start > 0 {
            let (kept, last) = (self.run.kept_checkpoint(self.start), run.folder().last_checkpoint());
            resnet_files::link_or_copy(&kept, &last).map_err(|cause| Error::NoScratch { cause })?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options { stop: stop.clone(), purpose: Purpose::Replay, ..Options::default() };
        let mut follower = Follower { observer, on_step, stop, to };
        fit(&network, self.images.training(), &mut run, &options, &mut follower)?;
        Ok(network)
    }
}

/// Stops a training at a step, and passes on its steps.
struct Follower<'a> {
    observer: &'a mut dyn Observer,
    on_step: &'a mut (dyn FnMut(u64, Certificate) -> bool + Send),
    stop: Arc<AtomicBool>,
    to: u64,
}

impl Observer for Follower<'_> {
    fn on_start(&mut self, plan: &TrainingPlan) {
        self.observer.on_start(&TrainingPlan { steps: self.to, ..plan.clone() });
    }

    fn on_step(&mut self, report: &StepReport) {
        self.observer.on_step(report);
        let goes_on =
            report.step.certificate.is_none_or(|certificate| (self.on_step)(report.step.step, certificate));
        if !goes_on || report.step.step >= self.to {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Trains two runs again up to the step in which their certificates part, and says what that shows. Neither
/// run's folder is changed, and no test label is read.
///
/// # Errors
/// As [`fit`].
pub fn replay(
    [a, b]: [&Replay<'_>; 2],
    parting: &Parting,
    observer: &mut dyn Observer,
) -> Result<Replayed, Error> {
    let mut of_a = BTreeMap::new();
    a.train(parting.step, observer, &mut |step, certificate| {
        of_a.insert(step, certificate);
        true
    })?;
    let (mut parted, mut last) = (None, None);
    let network_b = b.train(parting.step, observer, &mut |step, of_b| {
        last = Some(of_b);
        let differs = of_a.get(&step).filter(|of_a| **of_a != of_b);
        parted = differs.map(|of_a| Parting { step, certificates: [*of_a, of_b] });
        parted.is_none()
    })?;
    let Some(at) = parted else {
        let [wanted_a, wanted_b] = parting.certificates;
        let reproduced = [of_a.get(&parting.step) == Some(&wanted_a), last == Some(wanted_b)];
        return Ok(Replayed::Same { reproduced });
    };
    let network_a = a.train(at.step, observer, &mut |_, _| true)?;
    let (layers, of) =
        differences(&network_a, &network_b).map_err(Error::compute("comparing the networks"))?;
    Ok(Replayed::Parted { at, layers, of })
}

/// The layers whose weights differ, in the order of the forward pass, and the number of those with weights.
fn differences(a: &ResNet, b: &ResNet) -> candle_core::Result<(Vec<LayerDifference>, usize)> {
    let (of_a, of_b) = (a.model().variables(), b.model().variables());
    let mut found: BTreeMap<&str, Option<f32>> = BTreeMap::new();
    for (name, variable) in of_a {
        let entry = found.entry(layer_of(name)).or_default();
        let Some(other) = of_b.get(name) else { continue };
        let values = |variable: &candle_core::Var| variable.flatten_all()?.to_vec1::<f32>();
        for (a, b) in values(variable)?.into_iter().zip(values(other)?) {
            if a.to_bits() != b.to_bits() {
                let difference = (a - b).abs();
                *entry = Some(entry.unwrap_or(0.0).max(difference));
            }
        }
    }
    let of = found.len();
    let order = summary::of(a.spec())?.layers;
    let differ = order.iter().filter_map(|layer| {
        let largest = found.remove(layer.name.as_str())??;
        Some(LayerDifference { layer: layer.name.clone(), largest })
    });
    Ok((differ.collect(), of))
}
