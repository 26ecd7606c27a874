//! A moving average of the weights (Polyak and Juditsky 1992), as timm's `ModelEmaV3` keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Result, Var};

use crate::layout::{Layout, change, read};

/// How fast the average follows the weights.
///
/// After update t, counted from 1, `average = d average + (1 - d) weights` with
///
/// ```text
/// d = 0                                                       t = 1: the average begins there
/// d = decay                                                   without warm-up
/// d = min(decay, 1 - (1 + (t - 1) / gamma)^-power)            with it
/// ```
///
/// ```
/// use resnet_train::{EmaConfig, EmaWarmup};
/// let config = EmaConfig { decay: 0.9999, warmup: Some(EmaWarmup { gamma: 1.0, power: 0.75 }) };
/// assert_eq!(config.decay_of(1), 0.0);
/// assert!((config.decay_of(16) - 0.875).abs() < 1e-12); // 1 - 16^-0.75
/// assert_eq!(config.decay_of(10_000_000), 0.9999);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmaConfig {
    /// The share of the average that an update keeps, once warmed up; from 0 to below 1.
    pub decay: f64,
    /// A rise of that share over the first updates.
    pub warmup: Option<EmaWarmup>,
}

/// The rise of the decay over the first updates: 1 - (1 + (t - 1) / gamma)^-power at update t, from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmaWarmup {
    /// timm's `warmup_gamma`, in updates.
    pub gamma: f64,
    /// timm's `warmup_power`.
    pub power: f64,
}

impl EmaConfig {
    /// d of the `update`-th update, counted from 1.
    pub fn decay_of(&self, update: u64) -> f64 {
        let before = update.saturating_sub(1);
        match (before, self.warmup) {
            (0, _) => 0.0,
            (_, None) => self.decay,
            (t, Some(EmaWarmup { gamma, power })) => {
                (1.0 - (1.0 + t as f64 / gamma).powf(-power)).min(self.decay)
            }
        }
    }
}

/// The average of all variables, running statistics included.
#[derive(Debug)]
pub(crate) struct Ema {
    config: EmaConfig,
    layout: Arc<Layout>,
    values: Vec<f32>,
}

impl Ema {
    /// Starts at the variables' values.
    pub(crate) fn new(
        config: EmaConfig,
        layout: Arc<Layout>,
        variables: &BTreeMap<String, Var>,
    ) -> Result<Ema> {
        let mut ema = Ema { config, values: vec![0.0; layout.len()], layout };
        ema.follow(variables, 0.0)?;
        Ok(ema)
    }

    /// Follows the variables after update number `update`, counted from 1.
    pub(crate) fn update(&mut self, variables: &BTreeMap<String, Var>, update: u64) -> Result<()> {
        self.follow(variables, self.config.decay_of(update))
    }

    fn follow(&mut self, variables: &BTreeMap<String, Var>, decay: f64) -> Result<()> {
        let (share, kept) = ((1.0 - decay) as f32, decay as f32);
        for (place, variable) in self.layout.places().iter().zip(variables.values()) {
            let averages = self.values[place.range.clone()].iter_mut();
            read(variable, |weights| match share {
                // PyTorch's lerp, which is exact at both ends.
                share if share < 0.5 => {
                    averages.zip(weights).for_each(|(average, &w)| *average += share * (w - *average));
                }
                _ => averages.zip(weights).for_each(|(average, &w)| *average = w - (w - *average) * kept),
            })?;
        }
        Ok(())
    }

    /// The average of each variable.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Goes on with the averages of a checkpoint.
    pub(crate) fn restore(&mut self, averages: &BTreeMap<String, Vec<f32>>) {
        for place in self.layout.places() {
            if let Some(values) = averages.get(&place.name) {
                self.values[place.range.clone()].copy_from_slice(values);
            }
        }
    }

    /// Gives the variables their averages.
    pub(crate) fn write_to(&self, variables: &BTreeMap<String, Var>) -> Result<()> {
        write_flat(&self.layout, &self.values, variables)
    }
}

/// Gives the variables the numbers of a flat buffer.
pub(crate) fn write_flat(layout: &Layout, values: &[f32], variables: &BTreeMap<String, Var>) -> Result<()> {
    for (place, variable) in layout.places().iter().zip(variables.values()) {
        change(variable, |w| w.copy_from_slice(&values[place.range.clone()]))?;
    }
    Ok(())
}
