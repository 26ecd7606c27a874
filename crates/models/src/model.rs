//! A network together with its named variables: what training changes and checkpoints hold.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use candle_core::{Result, Tensor, Var, bail};
use resnet_ops::{Graph, Layer, Mode, Value, module_t};

use crate::init::Fresh;
use crate::network::{Network, StochasticDepth};
use crate::spec::Spec;

/// How a model starts, and what its training adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelOptions {
    /// What fresh weights depend on, besides their names.
    pub seed: u64,
    /// Whether the last layer of each residual branch starts with zeros, so that units start as their
    /// shortcuts (arXiv 1706.02677, section 5.1): v1's last norm scales by 0, v2's last convolution is 0.
    /// Otherwise all layers start as in the papers: He's rule for convolutions, 1 for the scale of norms.
    pub zero_init_residual: bool,
    /// Probability in `[0, 1)` that training drops the last unit's residual branch; see [`StochasticDepth`].
    pub stochastic_depth: f64,
}

impl Default for ModelOptions {
    fn default() -> Self {
        ModelOptions { seed: 0, zero_init_residual: false, stochastic_depth: 0.0 }
    }
}

/// A network and its variables, which clones share; see [`Network`].
#[derive(Debug, Clone)]
pub struct Model {
    network: Network,
    variables: BTreeMap<String, Var>,
}

impl Model {
    /// A network with fresh weights: He's rule for convolutions, uniform for the last layer. The same seed
    /// gives the same bits.
    ///
    /// # Errors
    /// If `spec` is not consistent.
    pub fn init(spec: &Spec, seed: u64) -> Result<Self> {
        Self::with_options(spec, &ModelOptions { seed, ..ModelOptions::default() })
    }

    /// A network with fresh weights as `options` say.
    ///
    /// ```
    /// use resnet_models::{Model, ModelOptions, registry};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = ModelOptions { zero_init_residual: true, ..ModelOptions::default() };
    /// let model = Model::with_options(&registry::find("resnet20-v1", 10)?, &options)?;
    /// assert_eq!(model.variables()["layer1.0.bn2.weight"].sum_all()?.to_scalar::<f32>()?, 0.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If `spec` is not consistent, or the rate of stochastic depth is not in `[0, 1)`; or if residual
    /// branches that end in ReLU are to begin at zero, where no gradient passes them.
    pub fn with_options(spec: &Spec, options: &ModelOptions) -> Result<Self> {
        let ModelOptions { seed, zero_init_residual, stochastic_depth } = *options;
        let (vb, variables) = Fresh::builder(seed);
        let network =
            Network::with_stochastic_depth(spec, vb, StochasticDepth { rate: stochastic_depth, seed })?;
        let variables = std::mem::take(&mut *variables.lock().unwrap_or_else(PoisonError::into_inner));
        if zero_init_residual {
            if spec.placement.ends_in_relu() {
                bail!(
                    "the residual branches end in ReLU, which passes no gradient where they are zero; leave \
                     zero_init_residual out"
                );
            }
            for name in spec.branch_ends() {
                let Some(variable) = variables.get(&name) else { bail!("{name} ends no residual branch") };
                variable.set(&variable.zeros_like()?)?;
            }
        }
        Ok(Model { network, variables })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to change how it is trained: [`Network::set_frozen`], [`Network::set_recompute`].
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The network alone.
    pub(crate) fn into_network(self) -> Network {
        self.network
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

impl Layer for Model {
    /// As [`Network`]'s.
    fn trace(&self, graph: &mut Graph, images: Value) -> Result<Value> {
        self.network.trace(graph, images)
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.network.forward(images, mode)
    }
}

module_t!(Model);
