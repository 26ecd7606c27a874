//! The one place where the trainer, which knows no ResNet, meets the networks, which know no trainer.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use resnet_models::{Frozen, Model, ModelOptions, Spec, summary};
use resnet_ops::{LayerInfo, Learning, Mode, Recompute, StepOutput, is_running_statistic};
use resnet_record::{FrozenNorms, LayerRow, Recipe};
use resnet_train::{Classifier, Evaluator, Part, frozen_parts};

use crate::Error;

/// A network with its weights, as the trainer and the evaluation see it.
#[derive(Debug)]
pub struct ResNet(Model);

impl ResNet {
    /// A network with fresh weights, initialised and prepared for training as `recipe` says.
    ///
    /// # Errors
    /// If `spec` is not consistent, or has no such part as the recipe freezes.
    pub fn for_training(spec: &Spec, recipe: &Recipe) -> std::result::Result<Self, Error> {
        let options = ModelOptions {
            seed: recipe.train.seed,
            zero_init_residual: recipe.model.zero_init_residual,
            stochastic_depth: recipe.model.stochastic_depth,
        };
        let model = Model::with_options(spec, &options).map_err(Error::compute("building the network"))?;
        let mut network = ResNet(model);
        network.prepare(recipe)?;
        Ok(network)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0
    }

    /// The model alone.
    pub(crate) fn into_model(self) -> Model {
        self.0
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        self.0.spec()
    }

    /// Prepares training by `recipe`: which parts are frozen, and what is recomputed to save memory.
    ///
    /// # Errors
    /// If it has no such part as the recipe freezes.
    pub(crate) fn prepare(&mut self, recipe: &Recipe) -> std::result::Result<(), Error> {
        let parts = frozen_parts(recipe, &self.spec().parts())?;
        let learning = match recipe.stages.frozen_norms {
            FrozenNorms::Stay => Learning::Nothing,
            FrozenNorms::Move => Learning::Statistics,
        };
        let network = self.0.network_mut();
        network.set_frozen(Frozen { parts, learning });
        network.set_recompute(match recipe.train.recompute {
            resnet_record::Recompute::Auto => Recompute::Auto,
            resnet_record::Recompute::Never => Recompute::Never,
            resnet_record::Recompute::Sums => Recompute::Sums,
            resnet_record::Recompute::Units => Recompute::Units,
        });
        Ok(())
    }

    /// The network's [`Spec`], for images of this height and width.
    fn spec_for(&self, [height, width]: [usize; 2]) -> Spec {
        let spec = self.0.spec();
        Spec { input: [spec.input[0], height, width], ..spec.clone() }
    }

    /// Number of parameters, frozen ones included; running statistics are not counted.
    pub fn parameters(&self) -> usize {
        let trained = self.0.variables().iter().filter(|(name, _)| !is_running_statistic(name));
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

    fn fewest_images(&self, size: [usize; 2]) -> Result<usize> {
        summary::fewest_images(&self.spec_for(size))
    }

    fn layers(&self, size: [usize; 2]) -> Result<Vec<LayerRow>> {
        let row = |layer: LayerInfo| LayerRow {
            name: layer.name,
            kind: layer.kind,
            output: layer.output.iter().map(usize::to_string).collect::<Vec<_>>().join(" x "),
            parameters: layer.parameters as u64,
            multiply_adds: layer.multiply_adds,
        };
        Ok(summary::of(&self.spec_for(size))?.layers.into_iter().map(row).collect())
    }

    fn parts(&self) -> Vec<Part> {
        let part = |name| Part { name, variables: vec![] };
        let mut parts: Vec<Part> = self.spec().parts().into_iter().map(part).collect();
        for name in self.0.variables().keys() {
            parts[self.spec().part_of(name)].variables.push(name.clone());
        }
        parts
    }

    fn is_one_plan(&self) -> bool {
        true
    }

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}
