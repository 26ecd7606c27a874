//! Pretrained networks trained further, for other classes.

use std::path::Path;

use candle_core::Tensor;
use resnet_data::Dataset;
use resnet_models::Model;
use resnet_record::{Recipe, Results, Run, RunRecord};
use resnet_train::{Options, Outcome, Quiet, TrainingPlan, fit};

use crate::pretrained::Given;
use crate::training::training_metadata;
use crate::{Error, Pretrained, ResNet, absolute_origin};

impl Pretrained {
    /// The same network with a new head for these classes. All other weights are kept; the head's weights are
    /// drawn with `seed` from U(-1/sqrt(in), 1/sqrt(in)), and its bias is zero.
    ///
    /// # Errors
    /// If there is no class.
    pub fn with_new_head(&self, classes: &[String], seed: u64) -> Result<Self, Error> {
        if classes.is_empty() {
            return Err(Error::OtherData("a network needs at least one class".to_owned()));
        }
        let mut spec = self.spec().clone();
        spec.classes = classes.len();
        let head = format!("{}.", spec.family().head());
        let build = || -> candle_core::Result<Model> {
            let model = Model::init(&spec, seed)?;
            let kept = self.network.model().variables().iter().filter(|(name, _)| !name.starts_with(&head));
            for (name, trained) in kept {
                model.variables()[name].set(trained.as_tensor())?;
            }
            Ok(model)
        };
        let network = ResNet::from(build().map_err(Error::compute("giving the network a new head"))?);
        let mut metadata = self.metadata.clone();
        metadata.classes = Some(classes.to_vec());
        // What was measured and how it was trained is not true of this one.
        (metadata.recipe, metadata.metrics) = (None, None);
        Ok(Pretrained {
            network,
            file: self.file.clone(),
            metadata,
            run: None,
            report: self.report.clone(),
            given: Given { classes: None, ..self.given.clone() },
            notes: vec![],
        })
    }

    /// Trains the network by `recipe` on images in memory, in a new run's folder, to the recipe's end. The
    /// recipe's `model` is ignored: the network is this one, without stochastic depth.
    ///
    /// Images are normalised as `recipe` says, also in later predictions. For timm's or torchvision's weights
    /// set `data.mean` and `data.std` to those of [`Pretrained::normalisation`].
    ///
    /// The images must have the size of the network's input. Afterwards the network has the weights that the
    /// run reports, and [`Pretrained::run`] is that run.
    ///
    /// # Errors
    /// If the data have other classes than the network, the recipe is for images in files, the folder is not
    /// empty, or the training fails or diverges. The network then has the weights that it had before; those
    /// of the training are in its run's folder, as far as it came.
    pub fn fine_tune(
        &mut self,
        recipe: &Recipe,
        data: &Dataset,
        folder: impl AsRef<Path>,
    ) -> Result<Results, Error> {
        let folder = folder.as_ref();
        let classes = data.train.classes();
        if classes.len() != self.spec().classes {
            let (has, here) = (classes.len(), self.spec().classes);
            let told = format!("{} has {has} classes, and the network {here}", data.name);
            return Err(Error::OtherData(told));
        }
        if recipe.images.is_some() {
            let (recipe, data) = (&recipe.name, &data.name);
            return Err(Error::OtherData(format!(
                "recipe '{recipe}' is for images in files, which its [images] resizes and crops, and those of {data} are in \
                 memory; choose a recipe without [images]"
            )));
        }
        let mut recipe = recipe.clone();
        recipe.model.name.clone_from(&self.spec().name);
        recipe.model.classes = Some(classes.len());
        // A resumed run builds the network that its recipe says, and loading built this one without either.
        recipe.model.stochastic_depth = 0.0;
        recipe.model.zero_init_residual = false;
        self.network.prepare(&recipe)?;
        TrainingPlan::new(&recipe, data)?.check(&self.network)?;

        let size = Some([data.train.height(), data.train.width()]);
        let metadata = training_metadata(self.network.model(), &recipe, classes, size);
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
        let mut record = RunRecord::begin(&name, &recipe);
        record.parameters = self.network.parameters() as u64;
        record.threads = resnet_ops::threads();
        record.data = absolute_origin(&data.origin);
        record.from = Some(self.file.display().to_string());
        let mut run = Run::create(folder, &recipe, record)?;
        let options = Options { metadata: metadata.to_map(), ..Options::default() };
        let before = self.copied_weights().map_err(Error::compute("copying the weights"))?;
        let trained = match fit(&self.network, data, &mut run, &options, &mut Quiet) {
            Ok(Outcome::Finished(results)) => Ok(results),
            // This cannot happen: nobody else has the switch that stops a training.
            Ok(Outcome::Interrupted { step }) => {
                Err(Error::OtherData(format!("the training was stopped after step {step}")))
            }
            Err(error) => Err(error.into()),
        };
        let results = match trained {
            Ok(results) => results,
            Err(error) => {
                // It trained in place: half of a training, or NaN, would go by the name of the old file.
                for (variable, weights) in self.network.model().variables().values().zip(&before) {
                    variable.set(weights).map_err(Error::compute("putting the weights back"))?;
                }
                return Err(error);
            }
        };
        drop(before);
        let normalisation = Some(resnet_train::recipe::normalisation(&recipe));
        self.given = Given { normalisation, ..Given::default() };
        self.metadata = metadata;
        self.metadata.recipe = run.recipe().to_toml().ok();
        self.file = run.folder().checkpoint(results.checkpoint);
        self.run = Some((run.folder().clone(), run.record().clone()));
        Ok(results)
    }

    /// Its weights and running statistics, in the order of their names.
    fn copied_weights(&self) -> candle_core::Result<Vec<Tensor>> {
        self.network.model().variables().values().map(|variable| variable.as_tensor().copy()).collect()
    }
}
