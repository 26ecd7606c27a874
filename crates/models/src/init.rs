//! Initial weights, which depend only on the seed and the tensor's name.
//!
//! candle draws from a generator that can't be seeded on the CPU; here each tensor has a stream of its own,
//! so that the order of construction doesn't matter either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use resnet_ops::path_key;

/// Every tensor asked for so far, by name.
pub(crate) type Variables = BTreeMap<String, Var>;

/// A source of fresh variables for a [`VarBuilder`].
pub(crate) struct Fresh {
    seed: u64,
    variables: Arc<Mutex<Variables>>,
}

impl Fresh {
    /// A builder, and the place where it leaves the variables.
    pub(crate) fn builder(seed: u64) -> (VarBuilder<'static>, Arc<Mutex<Variables>>) {
        let variables = Arc::new(Mutex::new(Variables::new()));
        let fresh = Fresh { seed, variables: variables.clone() };
        (VarBuilder::from_backend(Box::new(fresh), DType::F32, Device::Cpu), variables)
    }
}

impl SimpleBackend for Fresh {
    fn get(&self, shape: Shape, name: &str, init: Init, _dtype: DType, device: &Device) -> Result<Tensor> {
        let mut variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = variables.get(name) {
            if present.shape() != &shape {
                bail!("{name} was built with shape {:?} and is asked for with {shape:?}", present.shape());
            }
            return Ok(present.as_tensor().clone());
        }
        let values = draw(self.seed, name, &shape, init);
        let variable = Var::from_vec(values, shape, device)?;
        variables.insert(name.to_owned(), variable.clone());
        Ok(variable.into_inner())
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        match self.variables.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(present) => Ok(present.as_tensor().clone()),
            None => bail!("{name} has no shape yet"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// A source of tensors that have shapes and next to no memory: for counting.
struct Outline;

/// A builder for networks that are traced or counted and never run.
pub(crate) fn outline() -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Outline), DType::F32, Device::Cpu)
}

impl SimpleBackend for Outline {
    fn get(&self, shape: Shape, _: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        bail!("{name} has no shape yet")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// A stream's key that depends on a seed and a name.
pub(crate) fn stream(seed: u64, name: &str) -> u64 {
    path_key(name) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn draw(seed: u64, name: &str, shape: &Shape, init: Init) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Selects one of the seed's streams by the name.
    random.set_stream(path_key(name));
    let len = shape.elem_count();
    let mut normal = |mean: f64, deviation: f64| -> Vec<f32> {
        (0..len).map(|_| (mean + deviation * random.sample::<f64, _>(StandardNormal)) as f32).collect()
    };
    match init {
        Init::Const(value) => vec![value as f32; len],
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Kaiming { dist: NormalOrUniform::Normal, fan, non_linearity } => {
            normal(0.0, non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt())
        }
        Init::Uniform { lo, up } => (0..len).map(|_| random.random_range(lo..up) as f32).collect(),
        Init::Kaiming { dist: NormalOrUniform::Uniform, fan, non_linearity } => {
            let bound = non_linearity.gain() * 3f64.sqrt() / (fan.for_shape(shape) as f64).sqrt();
            (0..len).map(|_| random.random_range(-bound..bound) as f32).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_nn::init::{FanInOut, NonLinearity};

    use super::*;

    #[test]
    fn weights_depend_on_seed_and_name_alone_and_have_hes_variance() {
        let he = Init::Kaiming {
            dist: NormalOrUniform::Normal,
            fan: FanInOut::FanOut,
            non_linearity: NonLinearity::ReLU,
        };
        let shape = Shape::from((64, 32, 3, 3));
        let first = draw(1, "a", &shape, he);
        assert_eq!(first, draw(1, "a", &shape, he));
        assert_ne!(first, draw(2, "a", &shape, he));
        assert_ne!(first, draw(1, "b", &shape, he));
        let variance = first.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / first.len() as f64;
        let expected = 2.0 / (64.0 * 9.0);
        assert!((variance / expected - 1.0).abs() < 0.05, "{variance} instead of {expected}");
    }
}
