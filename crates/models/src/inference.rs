//! A network for inference: batch norm folded, filters packed, one plan per input shape.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor};
use resnet_ops::{FoldedPlan, Shape, release_free_memory};

use crate::init;
use crate::model::Model;
use crate::network::Network;

/// Computes logits only, as fast as possible; no gradient goes through them. Made by
/// [`Network::for_inference`] or [`Model::into_inference`].
///
/// Freed activations stay in the process, kept by size for the next images. After images of many sizes, or a
/// large batch, [`resnet_ops::release_free_memory`] gives them back to the system.
#[derive(Debug)]
pub struct Inference<'a>(Mutex<Prepared<'a>>);

#[derive(Debug)]
struct Prepared<'a> {
    network: Source<'a>,
    /// The plan that was made first; it has the weights, which the others share.
    first: Option<Arc<FoldedPlan>>,
    plans: HashMap<Vec<usize>, Arc<FoldedPlan>>,
}

/// Where layers and weights come from.
#[derive(Debug)]
enum Source<'a> {
    /// A network that stays as it is.
    Lent(&'a Network),
    /// A network whose weights are freed after the first plan; then only the shapes of its layers are left.
    Own(Box<Network>),
}

impl Source<'_> {
    fn network(&self) -> &Network {
        match self {
            Source::Lent(network) => network,
            Source::Own(network) => network,
        }
    }
}

impl Network {
    /// The network prepared for inference. The weights are copied when the first images arrive, so
    /// prepare it again after further training. Later images of another number or size share that copy, and
    /// with it the algorithms that were best for the first images.
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
        Inference::of(Source::Lent(self))
    }
}

impl Model {
    /// The network prepared for inference alone: as [`Network::for_inference`], but when the first images
    /// arrive, the weights as they were are freed unless a clone of the model has them, and only those that
    /// inference reads stay in memory.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use resnet_models::{Model, registry};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ready = Model::init(&registry::find("resnet20-v2", 10)?, 0)?.into_inference();
    /// for (images, size) in [(8, 32), (3, 32), (1, 40)] {
    ///     let images = Tensor::zeros((images, 3, size, size), DType::F32, &Device::Cpu)?;
    ///     assert_eq!(ready.logits(&images)?.dims()[1], 10);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_inference(self) -> Inference<'static> {
        Inference::of(Source::Own(Box::new(self.into_network())))
    }
}

impl<'a> Inference<'a> {
    fn of(network: Source<'a>) -> Self {
        Inference(Mutex::new(Prepared { network, first: None, plans: HashMap::new() }))
    }

    /// Logits of `images: [N, 3, H, W]`: those of the network's `forward` in `Mode::Eval`, except for
    /// the rounding of folded weights.
    ///
    /// # Errors
    /// If `images` are not f32 on the CPU or have other channels.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let plan = self.0.lock().unwrap_or_else(PoisonError::into_inner).plan(images)?;
        plan.run(images)
    }
}

impl Prepared<'_> {
    fn plan(&mut self, images: &Tensor) -> Result<Arc<FoldedPlan>> {
        if let Some(plan) = self.plans.get(images.dims()) {
            return Ok(plan.clone());
        }
        let unfolded = self.network.network().plan_for(Shape::of(images)?)?;
        let plan = Arc::new(match &self.first {
            Some(first) => unfolded.for_inference_like(first)?,
            None => unfolded.for_inference()?,
        });
        if let (None, Source::Own(network)) = (&self.first, &mut self.network) {
            **network = Network::new(network.spec(), init::outline())?;
            drop(unfolded);
            release_free_memory();
        }
        self.first.get_or_insert_with(|| plan.clone());
        self.plans.insert(images.dims().to_vec(), plan.clone());
        Ok(plan)
    }
}
