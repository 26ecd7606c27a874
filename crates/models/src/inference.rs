//! A network for inference: batch norm folded, filters packed, one plan per input shape.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor};
use resnet_ops::{FoldedPlan, Graph, Layer, Shape};

use crate::network::Network;

/// Computes logits only, as fast as possible. Made by [`Network::for_inference`].
#[derive(Debug)]
pub struct Inference<'a> {
    network: &'a Network,
    plans: Mutex<HashMap<Vec<usize>, Arc<FoldedPlan>>>,
}

impl Network {
    /// The network prepared for inference. The weights are copied when the first images of a shape arrive, so
    /// prepare it again after further training.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use resnet_models::{Model, registry};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Model::init(&registry::find("resnet20-v2", 10)?, 0)?;
    /// let ready = model.network().for_inference();
    /// let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
    /// assert_eq!(ready.logits(&images)?.dims(), [2, 10]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_inference(&self) -> Inference<'_> {
        Inference { network: self, plans: Mutex::default() }
    }
}

impl Inference<'_> {
    /// Logits of `images: [N, 3, H, W]`: those of the network's `forward` in `Mode::Eval`, except for
    /// the rounding of folded weights.
    ///
    /// # Errors
    /// If `images` are not f32 on the CPU or have other channels.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.plan(images)?.run(images)
    }

    fn plan(&self, images: &Tensor) -> Result<Arc<FoldedPlan>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(images.dims()) {
            return Ok(plan.clone());
        }
        let mut graph = Graph::new();
        let input = graph.input(Shape::of(images)?);
        let logits = self.network.trace(&mut graph, input)?;
        let plan = Arc::new(graph.finish(logits)?.for_inference()?);
        plans.insert(images.dims().to_vec(), plan.clone());
        Ok(plan)
    }
}
