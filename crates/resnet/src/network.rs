//! The one place where the trainer, which knows no ResNet, meets the networks, which know no trainer.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use resnet_models::{Model, ModelOptions, Spec, summary};
use resnet_ops::{Mode, StepOutput};
use resnet_record::Recipe;
use resnet_train::{Classifier, Evaluator};

/// A network with its weights, as the trainer and the evaluation see it.
#[derive(Debug)]
pub struct ResNet(Model);

impl ResNet {
    /// Fresh weights, as `recipe` has them start.
    ///
    /// # Errors
    /// If `spec` is not consistent.
    pub fn for_training(spec: &Spec, recipe: &Recipe) -> Result<Self> {
        let options = ModelOptions {
            seed: recipe.train.seed,
            zero_init_residual: recipe.model.zero_init_residual,
            stochastic_depth: recipe.model.stochastic_depth,
        };
        Ok(ResNet(Model::with_options(spec, &options)?))
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        self.0.spec()
    }

    /// How many numbers are trained, running statistics not counted.
    pub fn parameters(&self) -> usize {
        let trained = self.0.variables().iter().filter(|(name, _)| !name.contains("running_"));
        trained.map(|(_, variable)| variable.elem_count()).sum()
    }
}

impl From<Model> for ResNet {
    fn from(model: Model) -> Self {
        ResNet(model)
    }
}

impl Classifier for ResNet {
    fn logits(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.0.forward(images, mode)
    }

    fn evaluator(&self) -> Evaluator<'_> {
        let ready = self.0.network().for_inference();
        Box::new(move |images| ready.logits(images))
    }

    fn begin_step(&self, step: u64) {
        self.0.network().set_drawn_steps(step);
    }

    fn inspect(&self, images: &Tensor, mode: Mode) -> Result<Vec<StepOutput>> {
        self.0.network().inspect(images, mode)
    }

    fn fewest_images(&self, [height, width]: [usize; 2]) -> Result<usize> {
        let mut spec = self.0.spec().clone();
        spec.input = [spec.input[0], height, width];
        summary::fewest_images(&spec)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}
