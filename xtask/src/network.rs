//! The one place where the trainer, which knows no ResNet, meets the networks, which know no trainer.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use resnet_models::{Model, ModelOptions, summary};
use resnet_ops::Mode;
use resnet_record::Recipe;
use resnet_train::{Classifier, Evaluator};

/// How a recipe has its network start.
pub(crate) fn options(recipe: &Recipe) -> ModelOptions {
    ModelOptions {
        seed: recipe.train.seed,
        zero_init_residual: recipe.model.zero_init_residual,
        stochastic_depth: recipe.model.stochastic_depth,
    }
}

/// A model as the trainer and the evaluation see it.
pub(crate) struct Net(pub(crate) Model);

impl Classifier for Net {
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

    fn fewest_images(&self, [height, width]: [usize; 2]) -> Result<usize> {
        let mut spec = self.0.spec().clone();
        spec.input = [spec.input[0], height, width];
        summary::fewest_images(&spec)
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}
