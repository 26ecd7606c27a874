//! What is measured: a fresh network, a file of weights, or a run along its kept checkpoints.

use std::path::{Path, PathBuf};

use resnet::{LoadOptions, Pretrained, ResNet, origin_path};
use resnet_models::{Model, Spec, registry, summary};
use resnet_ops::LayerRole;
use resnet_record::{DataSet, FileOptions, RunFolder};
use resnet_train::steps_done;
use resnet_vision::Normalisation;
use serde::Serialize;

use crate::measure::{Measures, measure};
use crate::sample::{Source, usual_count};
use crate::{Error, sample};

/// A network to be measured.
#[derive(Debug)]
pub enum Subject {
    /// Fresh weights of a network of the registry.
    Fresh(String),
    /// A file of weights, and the network's name where the file does not say it.
    File(PathBuf, Option<String>),
    /// A run: its first weights, its kept checkpoints, its last.
    Run(RunFolder),
}

/// Which images networks are measured on.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many images; as many as memory allows, and 64 at most, if `None`.
    pub images: Option<usize>,
    /// Decides fresh weights and which images are taken.
    pub seed: u64,
}

/// A network at one moment of its training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Optimizer steps done, where that is known.
    pub step: Option<u64>,
    /// `initialisation`, `after 1000 steps`, or the file.
    pub label: String,
    /// What was measured.
    pub measures: Measures,
}

/// A network along its training, or at one moment of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// The network.
    pub model: String,
    /// `fresh weights, seed 0`, a file or a run.
    pub origin: String,
    /// Whether its units are pre-activated: figure 4(d) and (e).
    pub is_pre_activation: bool,
    /// How many images it was measured on.
    pub images: usize,
    /// Moments in the order of the training.
    pub points: Vec<Point>,
}

/// How far a measurement has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The network.
    pub model: &'a str,
    /// Passes over units done, over all moments: each unit has a forward and a backward pass.
    pub done: u64,
    /// Passes in all.
    pub of: u64,
}

impl Subject {
    /// What `text` names: a run's folder, a file of weights, or else a network of the registry.
    pub fn named(text: &str) -> Self {
        let path = Path::new(text);
        if path.exists() { Subject::found(path, None) } else { Subject::Fresh(text.to_owned()) }
    }

    /// The run or the file of weights at `path`; `model` is the network's name where a file does not say it.
    ///
    /// # Errors
    /// If `path` is a run of another network than `model`, or its recipe cannot be read.
    pub fn at(path: &Path, model: Option<&str>) -> Result<Self, Error> {
        let subject = Subject::found(path, model);
        if let (Subject::Run(run), Some(name)) = (&subject, model) {
            let recipe = run.recipe()?;
            let classes = recipe.classes().unwrap_or(10);
            let named = registry::find(name, classes).map_err(resnet::Error::from)?.name;
            let own = registry::find(&recipe.model.name, classes).map_err(resnet::Error::from)?.name;
            if named != own {
                return Err(Error::OtherNetwork { run: path.to_owned(), own, named });
            }
        }
        Ok(subject)
    }

    fn found(path: &Path, model: Option<&str>) -> Self {
        match RunFolder::open(path) {
            Ok(run) if path.is_dir() => Subject::Run(run),
            _ => Subject::File(path.to_owned(), model.map(str::to_owned)),
        }
    }

    /// How many classes it tells apart, where that is settled before there are data.
    fn classes(&self) -> Result<Option<usize>, Error> {
        Ok(match self {
            Subject::Fresh(_) => None,
            Subject::File(file, model) => Some(load(file, model.as_deref())?.spec().classes),
            Subject::Run(run) => run.recipe()?.classes(),
        })
    }

    /// The data that it is measured on: those in `folder`, with labels numbered as in its training; without a
    /// folder a run's own, or else the generated shapes.
    ///
    /// # Errors
    /// If weights, recipe or images cannot be read, or a run's data are no longer where it found them.
    pub fn source(&self, folder: Option<&Path>) -> Result<Source, Error> {
        let record = match self {
            Subject::Run(run) => Some(run.record()?),
            Subject::Fresh(_) | Subject::File(..) => None,
        };
        let open =
            |folder: &Path, files: &FileOptions| Source::open(folder, self.classes()?.unwrap_or(10), files);
        if let Some(folder) = folder {
            let files = record.map(|record| record.files.classes_alone()).unwrap_or_default();
            return open(folder, &files);
        }
        let (Subject::Run(run), Some(record)) = (self, record) else { return Ok(Source::drawn()) };
        match origin_path(&record.data) {
            _ if run.recipe()?.data.set == DataSet::Generated => Ok(Source::drawn()),
            Some(path) => open(&path, &record.files),
            None => Err(Error::DataGone { run: run.dir().to_owned(), origin: record.data }),
        }
    }

    /// Measures it at each of its moments on images of `source`; `on_progress` is told how far it has come.
    ///
    /// # Errors
    /// If the weights cannot be read, the images do not fit, or a value is not finite.
    pub fn course(
        &self,
        source: &Source,
        options: Options,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Course, Error> {
        let moments = self.moments(source.classes(), options.seed)?;
        let Some(first) = moments.first() else { return Err(Error::NoCheckpoint(self.path())) };
        let spec = first.network().spec().clone();
        if spec.classes != source.classes() {
            let (data, found) = (source.name().to_owned(), source.classes());
            return Err(Error::OtherClasses { model: spec.name, wanted: spec.classes, data, found });
        }
        let images = match options.images {
            Some(images) => images,
            None => usual_count(floats(&spec).map_err(Error::compute(&spec.name))?),
        };
        let side = spec.input[1];
        let sample = source.sample((&spec.name, side), first.normalisation, (images, options.seed))?;
        // Labels in another order than in training would give wrong losses and gradients.
        for moment in &moments {
            let Weights::Loaded(pretrained) = &moment.weights else { continue };
            if let Some(told) = pretrained.check_images(&source.images().described())? {
                tracing::warn!("{told}");
                break;
            }
        }
        let of = moments.len() as u64 * 2 * spec.units().len() as u64;
        let mut points = vec![];
        for (index, moment) in moments.into_iter().enumerate() {
            let before = index as u64 * 2 * spec.units().len() as u64;
            let on_unit = |done| on_progress(Progress { model: &spec.name, done: before + done, of });
            let sample::Sample { images, labels } = &sample;
            let measures = measure(moment.network().model(), images, labels, on_unit)
                .map_err(Error::compute(format!("{} ({})", spec.name, moment.label)))?;
            points.push(Point { step: moment.step, label: moment.label, measures });
        }
        let is_pre_activation = spec.placement.is_pre_activation();
        Ok(Course { model: spec.name, origin: self.origin(options), is_pre_activation, images, points })
    }

    fn path(&self) -> PathBuf {
        match self {
            Subject::Fresh(name) => PathBuf::from(name),
            Subject::File(file, _) => file.clone(),
            Subject::Run(run) => run.dir().to_owned(),
        }
    }

    fn origin(&self, options: Options) -> String {
        match self {
            Subject::Fresh(_) => format!("fresh weights, seed {}", options.seed),
            Subject::File(..) | Subject::Run(_) => self.path().display().to_string(),
        }
    }

    fn moments(&self, classes: usize, seed: u64) -> Result<Vec<Moment>, Error> {
        match self {
            Subject::Fresh(name) => {
                let spec = registry::find(name, classes).map_err(resnet::Error::from)?;
                let model = Model::init(&spec, seed).map_err(Error::compute(name))?;
                Ok(vec![Moment::first(model.into(), None)])
            }
            Subject::File(file, model) => {
                let pretrained = load(file, model.as_deref())?;
                Ok(vec![Moment::of(pretrained, None, file.display().to_string())?])
            }
            Subject::Run(run) => of_run(run, classes),
        }
    }
}

/// A network at one moment, before it is measured.
struct Moment {
    weights: Weights,
    normalisation: Option<Normalisation>,
    step: Option<u64>,
    label: String,
}

/// Where a network's weights are from.
enum Weights {
    Fresh(Box<ResNet>),
    Loaded(Box<Pretrained>),
}

impl Moment {
    fn network(&self) -> &ResNet {
        match &self.weights {
            Weights::Fresh(network) => network,
            Weights::Loaded(pretrained) => pretrained.network(),
        }
    }

    fn first(network: ResNet, normalisation: Option<Normalisation>) -> Self {
        let weights = Weights::Fresh(Box::new(network));
        Moment { weights, normalisation, step: Some(0), label: "initialisation".to_owned() }
    }

    fn of(pretrained: Pretrained, step: Option<u64>, label: String) -> Result<Self, Error> {
        let (normalisation, _) = pretrained.normalisation()?;
        let weights = Weights::Loaded(Box::new(pretrained));
        Ok(Moment { weights, normalisation: Some(normalisation), step, label })
    }
}

fn load(file: &Path, model: Option<&str>) -> Result<Pretrained, Error> {
    let options = LoadOptions::default();
    let options = match model {
        Some(name) => options.model(name),
        None => options,
    };
    Ok(options.load_from(&resnet::Location::Local(file.to_owned()))?)
}

/// The moments of a run: its initial weights, unless it began with weights from elsewhere, its kept
/// checkpoints, and its last checkpoint.
fn of_run(run: &RunFolder, classes: usize) -> Result<Vec<Moment>, Error> {
    let recipe = run.recipe()?;
    let label = |step: u64| format!("after {}", resnet_words::counted(step, "step"));
    let mut files: Vec<(u64, PathBuf)> =
        run.kept_steps().into_iter().map(|step| (step, run.kept_checkpoint(step))).collect();
    // The last checkpoint may be newer than the last epoch, and is there before the first step.
    let last = run.last_checkpoint();
    let step = if last.exists() { steps_done(&last).map_err(resnet::Error::from)? } else { 0 };
    if step > 0 {
        files.retain(|(kept, _)| *kept < step);
        files.push((step, last));
    }
    let mut moments = vec![];
    for (step, file) in files {
        moments.push(Moment::of(load(&file, None)?, Some(step), label(step))?);
    }
    if let Some(normalisation) = moments.first().map(|moment| moment.normalisation)
        && run.record()?.from.is_none()
    {
        let spec = registry::find(&recipe.model.name, recipe.classes().unwrap_or(classes))
            .map_err(resnet::Error::from)?;
        let fresh = ResNet::for_training(&spec, &recipe)?;
        moments.insert(0, Moment::first(fresh, normalisation));
    }
    Ok(moments)
}

/// How many values the outputs of all additions of `spec` have together, per image.
fn floats(spec: &Spec) -> candle_core::Result<usize> {
    let layers = summary::of(spec)?.layers;
    let sums = layers.iter().filter(|layer| layer.role == LayerRole::Addition);
    Ok(sums.map(|layer| layer.output.iter().product::<usize>()).sum())
}
