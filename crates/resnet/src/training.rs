//! A training by a recipe: its network, its plan, and the run that it fills.

use resnet_models::checkpoint::{Metadata, Preprocessing, Resampling};
use resnet_models::{Model, registry};
use resnet_record::{EvalInterpolation, Recipe, Run, RunRecord};
use resnet_train::recipe::normalisation;
use resnet_train::{Observer, Options, Outcome, TrainingPlan, fit};

use crate::{Error, Images, ResNet, transform};

/// A network with fresh weights, about to be trained by a recipe.
#[derive(Debug)]
pub struct Training {
    recipe: Recipe,
    network: ResNet,
    plan: TrainingPlan,
}

impl Training {
    /// The training that `recipe` describes on `images`, checked before anything is written.
    ///
    /// ```
    /// use resnet::record::{Recipe, Run};
    /// use resnet::train::{Options, Quiet};
    /// use resnet::{Images, OpenOptions, Training};
    ///
    /// let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    /// recipe.set_all(&["data.generated={train=40,test=10}", "data.validation=0"])?;
    /// recipe.set("train.duration=1 steps")?;
    /// let images = Images::of_recipe(&recipe, None, &OpenOptions::default())?;
    /// let training = Training::new(&recipe, &images)?;
    /// let folder = tempfile::tempdir().expect("a folder");
    /// let mut run = Run::create(&folder.path().join("run"), training.recipe(), training.record("run"))?;
    /// training.fit(&images, &mut run, &Options::default(), &mut Quiet)?;
    /// assert!(run.record().results.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If recipe, network and images do not fit each other.
    pub fn new(recipe: &Recipe, images: &Images) -> Result<Self, Error> {
        let mut recipe = recipe.clone();
        let plan = TrainingPlan::new(&recipe, images.training())?;
        // Images in files settle the number of classes, and the run's recipe says so.
        let classes = *recipe.model.classes.get_or_insert(images.training().classes());
        let spec = registry::find(&recipe.model.name, classes)?;
        let network = ResNet::for_training(&spec, &recipe)?;
        plan.check(&network)?;
        Ok(Training { recipe, network, plan })
    }

    /// The recipe with its number of classes, as the run has it.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// Its steps and images.
    pub fn plan(&self) -> &TrainingPlan {
        &self.plan
    }

    /// The record of a run called `name` that begins now; the caller sets `data`, the origin of the images.
    pub fn record(&self, name: &str) -> RunRecord {
        let mut record = RunRecord::begin(name, &self.recipe);
        record.parameters = self.network.parameters() as u64;
        record.threads = resnet_ops::threads();
        record
    }

    /// Trains to the end, or resumes `run`. Checkpoints get the network's name, its classes and its
    /// preprocessing as metadata; `options.metadata` is not used.
    ///
    /// # Errors
    /// As [`fit`].
    pub fn fit(
        &self,
        images: &Images,
        run: &mut Run,
        options: &Options,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error> {
        let model = self.network.model();
        let metadata = training_metadata(model, &self.recipe, images.classes(), images.size()).to_map();
        let options = Options { metadata, ..options.clone() };
        Ok(fit(&self.network, images.training(), run, &options, observer)?)
    }
}

/// What every checkpoint of a training says about itself, besides recipe and metrics, which the trainer adds.
/// `size` is the height and width of images that are in memory, in pixels.
pub(crate) fn training_metadata(
    model: &Model,
    recipe: &Recipe,
    classes: &[String],
    size: Option<[usize; 2]>,
) -> Metadata {
    let (spec, normalisation) = (model.spec(), normalisation(recipe));
    let preprocessing = match (&recipe.images, size) {
        (Some(images), _) => Preprocessing {
            input: [spec.input[0], images.evaluate.crop, images.evaluate.crop],
            resize: images.evaluate.resize,
            interpolation: match images.evaluate.interpolation {
                EvalInterpolation::Bilinear => Resampling::Bilinear,
                EvalInterpolation::Bicubic => Resampling::Bicubic,
            },
            crop: images.evaluate.crop,
            mean: normalisation.mean,
            std: normalisation.std,
        },
        (None, Some([height, width])) => transform::whole([spec.input[0], height, width], normalisation),
        (None, None) => transform::whole(spec.input, normalisation),
    };
    Metadata {
        model: Some(spec.name.clone()),
        classes: Some(classes.to_vec()),
        preprocessing: Some(preprocessing),
        ..Metadata::default()
    }
}
