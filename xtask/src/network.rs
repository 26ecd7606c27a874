//! The one place where the trainer, which knows no ResNet, meets the networks, which know no trainer.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use resnet_models::Model;
use resnet_ops::Mode;
use resnet_train::{Classifier, Evaluator};

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

    fn variables(&self) -> &BTreeMap<String, Var> {
        self.0.variables()
    }
}
