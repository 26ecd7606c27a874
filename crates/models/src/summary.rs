//! What a network is made of: layers with shapes, parameters and multiply-adds.

use std::sync::Arc;

use candle_core::Result;
use resnet_blocks::{ResidualUnit, UnitOutline};
use resnet_ops::{ConvShape, LayerInfo, Plan, Shape};

use crate::init;
use crate::network::Network;
use crate::spec::Spec;

/// A network's layers and sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The registry's name.
    pub model: String,
    /// Input images: channels, height, width.
    pub input: [usize; 3],
    /// Layers in order.
    pub layers: Vec<LayerInfo>,
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-adds per image, of convolutions and linear layers.
    pub multiply_adds: u64,
}

/// The summary of `spec`.
///
/// ```
/// use resnet_models::{registry, summary};
/// let summary = summary::of(&registry::find("resnet20-v1", 10)?)?;
/// assert_eq!(summary.parameters, 269_722); // the published 0.27 M
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `spec` is not consistent.
pub fn of(spec: &Spec) -> Result<Summary> {
    let plan = plan(spec, 1)?;
    let layers = plan.layers();
    Ok(Summary {
        model: spec.name.clone(),
        input: spec.input,
        parameters: plan.parameters(),
        multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
        layers,
    })
}

/// What each unit of `spec` consists of, in order.
///
/// # Errors
/// If `spec` is not consistent.
pub fn unit_outlines(spec: &Spec) -> Result<Vec<UnitOutline>> {
    let network = Network::new(spec, init::outline())?;
    Ok(network.units().map(ResidualUnit::outline).collect())
}

/// The fewest images of the height and width in `spec.input` that a training step can have: two where a batch
/// norm sees one pixel of each, since one value has no variance.
///
/// ```
/// use resnet_models::{registry, summary};
/// let mut spec = registry::find("resnet18-v2-imagenet", 10)?;
/// assert_eq!(summary::fewest_images(&spec)?, 1);
/// spec.input = [3, 32, 32];
/// assert_eq!(summary::fewest_images(&spec)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `spec` is not consistent.
pub fn fewest_images(spec: &Spec) -> Result<usize> {
    Ok(if plan(spec, 1)?.normalises_single_pixels() { 2 } else { 1 })
}

/// The convolutions on a batch of `images`, in order.
///
/// # Errors
/// If `spec` is not consistent.
pub fn convolutions(spec: &Spec, images: usize) -> Result<Vec<ConvShape>> {
    Ok(plan(spec, images)?.convolutions())
}

fn plan(spec: &Spec, images: usize) -> Result<Arc<Plan>> {
    let [channels, height, width] = spec.input;
    Network::new(spec, init::outline())?.plan_for(Shape::Map { images, channels, height, width })
}
