//! A network together with its named variables: what training changes and checkpoints hold.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use candle_core::{Result, Tensor, Var};
use resnet_ops::Mode;

use crate::init::Fresh;
use crate::network::Network;
use crate::spec::Spec;

/// A network and its variables.
#[derive(Debug)]
pub struct Model {
    network: Network,
    variables: BTreeMap<String, Var>,
}

impl Model {
    /// Fresh weights by He's rule; the same seed gives the same bits.
    ///
    /// # Errors
    /// If `spec` is not consistent.
    pub fn init(spec: &Spec, seed: u64) -> Result<Self> {
        let (vb, variables) = Fresh::builder(seed);
        let network = Network::new(spec, vb)?;
        let variables = std::mem::take(&mut *variables.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Model { network, variables })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        self.network.spec()
    }

    /// Weights and running statistics by name.
    pub fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }

    /// Logits of `images: [N, 3, H, W]`.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.network.forward(images, mode)
    }
}
