//! Stochastic gradient descent with momentum and weight decay, in PyTorch's form and in place.
//!
//! For every variable w with gradient g, in this order and in f32:
//!
//! ```text
//! g = g + weight_decay w
//! v = momentum v + g              (v starts at 0, so the first step has v = g)
//! w = w - rate v                  (Classic)
//! w = w - rate (g + momentum v)   (Nesterov)
//! ```

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var, bail};
use resnet_record::OptimizerRecipe;

/// The constants of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdConfig {
    /// mu.
    pub momentum: f64,
    /// The form of the momentum.
    pub kind: Momentum,
    /// L2 penalty: `weight_decay * w` is added to every gradient.
    pub weight_decay: f64,
}

/// How the velocity v moves the weights w; g is the gradient with the weight decay in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Momentum {
    /// w = w - lr v.
    #[default]
    Classic,
    /// w = w - lr (g + mu v).
    Nesterov,
}

impl From<OptimizerRecipe> for SgdConfig {
    fn from(recipe: OptimizerRecipe) -> SgdConfig {
        let kind = if recipe.nesterov { Momentum::Nesterov } else { Momentum::Classic };
        SgdConfig { momentum: recipe.momentum, kind, weight_decay: recipe.weight_decay }
    }
}

/// The optimizer: its constants, and one velocity for each variable that has had a gradient.
///
/// ```
/// use std::collections::BTreeMap;
/// use candle_core::{Device, Var};
/// use resnet_train::{Momentum, Sgd, SgdConfig};
///
/// let w = Var::new(&[1.0f32], &Device::Cpu)?;
/// let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
/// let mut sgd = Sgd::new(SgdConfig { momentum: 0.9, kind: Momentum::Classic, weight_decay: 0.0 });
/// for _ in 0..2 {
///     let loss = (w.as_tensor() * 2.0)?.sum_all()?; // gradient 2
///     sgd.step(&variables, &loss.backward()?, 0.1)?;
/// }
/// // v = 2, then 0.9 * 2 + 2 = 3.8; w = 1 - 0.1 * 2 - 0.1 * 3.8
/// assert!((w.to_vec1::<f32>()?[0] - 0.42).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    velocity: BTreeMap<String, Tensor>,
}

impl Sgd {
    /// An optimizer that has seen nothing.
    pub fn new(config: SgdConfig) -> Sgd {
        Sgd { config, velocity: BTreeMap::new() }
    }

    /// An optimizer that goes on with the velocities of a checkpoint.
    pub(crate) fn with_velocity(config: SgdConfig, velocity: BTreeMap<String, Tensor>) -> Sgd {
        Sgd { config, velocity }
    }

    /// v of each variable that has had a gradient, under the variable's name.
    pub fn velocity(&self) -> &BTreeMap<String, Tensor> {
        &self.velocity
    }

    /// Moves every variable that `gradients` has a gradient for, and returns how many those were.
    ///
    /// # Errors
    /// If a variable is not f32 or not on the CPU, or a gradient's shape is not its variable's.
    pub fn step(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradients: &GradStore,
        rate: f64,
    ) -> Result<usize> {
        let momentum = self.config.momentum as f32;
        let weight_decay = self.config.weight_decay as f32;
        let rate = rate as f32;
        let mut moved = 0;
        for (name, w) in variables {
            let Some(g) = gradients.get(w) else { continue };
            if w.dtype() != DType::F32 || g.shape() != w.shape() {
                bail!(
                    "{name}: the variable is {:?} {:?}, its gradient {:?}",
                    w.dtype(),
                    w.shape(),
                    g.shape()
                );
            }
            let g = g.contiguous()?;
            let v = match self.velocity.get(name) {
                Some(v) => v,
                None => self.velocity.entry(name.clone()).or_insert(w.zeros_like()?),
            };
            v.inplace_op3(w, &g, &UpdateVelocity { momentum, weight_decay })?;
            match self.config.kind {
                Momentum::Classic => w.inplace_op2(v, &Descend { rate })?,
                Momentum::Nesterov => w.inplace_op3(v, &g, &DescendAhead { rate, momentum, weight_decay })?,
            }
            moved += 1;
        }
        Ok(moved)
    }
}

/// v = momentum v + (g + weight_decay w), with operands v, w, g.
struct UpdateVelocity {
    momentum: f32,
    weight_decay: f32,
}

impl InplaceOp3 for UpdateVelocity {
    fn name(&self) -> &'static str {
        "sgd-velocity"
    }

    fn cpu_fwd(
        &self,
        v: &mut CpuStorage,
        v_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> Result<()> {
        let (w, g) = (values(w, w_layout)?, values(g, g_layout)?);
        for ((v, &w), &g) in values_mut(v, v_layout)?.iter_mut().zip(w).zip(g) {
            *v = self.momentum * *v + (g + self.weight_decay * w);
        }
        Ok(())
    }
}

/// w = w - rate v, with operands w, v.
struct Descend {
    rate: f32,
}

impl InplaceOp2 for Descend {
    fn name(&self) -> &'static str {
        "sgd-descend"
    }

    fn cpu_fwd(
        &self,
        w: &mut CpuStorage,
        w_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<()> {
        let v = values(v, v_layout)?;
        for (w, &v) in values_mut(w, w_layout)?.iter_mut().zip(v) {
            *w -= self.rate * v;
        }
        Ok(())
    }
}

/// w = w - rate ((g + weight_decay w) + momentum v), with operands w, v, g.
struct DescendAhead {
    rate: f32,
    momentum: f32,
    weight_decay: f32,
}

impl InplaceOp3 for DescendAhead {
    fn name(&self) -> &'static str {
        "sgd-descend-ahead"
    }

    fn cpu_fwd(
        &self,
        w: &mut CpuStorage,
        w_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> Result<()> {
        let (v, g) = (values(v, v_layout)?, values(g, g_layout)?);
        for ((w, &v), &g) in values_mut(w, w_layout)?.iter_mut().zip(v).zip(g) {
            *w -= self.rate * ((g + self.weight_decay * *w) + self.momentum * v);
        }
        Ok(())
    }
}

/// The tensor's numbers, which lie without gaps: variables and velocities by construction, gradients by
/// `contiguous`.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (layout.contiguous_offsets(), storage) {
        (Some((start, end)), CpuStorage::F32(values)) => Ok(&values[start..end]),
        _ => bail!("sgd needs contiguous f32 tensors"),
    }
}

fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (layout.contiguous_offsets(), storage) {
        (Some((start, end)), CpuStorage::F32(values)) => Ok(&mut values[start..end]),
        _ => bail!("sgd needs contiguous f32 tensors"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Three steps of minimising 0.5 w^2 k, whose gradient is k w, at two rates; returns w after each step.
    fn three_steps(kind: Momentum, momentum: f64, weight_decay: f64) -> Vec<Vec<f32>> {
        let start = [1.5f32, -2.0, 0.5];
        let w = Var::new(&start, &Device::Cpu).unwrap();
        let k = Tensor::new(&[1.0f32, 0.5, -1.0], &Device::Cpu).unwrap();
        let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
        let mut sgd = Sgd::new(SgdConfig { momentum, kind, weight_decay });
        let mut after = Vec::new();
        for rate in [0.1, 0.1, 0.05] {
            let loss = ((w.as_tensor() * w.as_tensor()).unwrap() * &k).unwrap().sum_all().unwrap();
            let loss = (loss * 0.5).unwrap();
            assert_eq!(sgd.step(&variables, &loss.backward().unwrap(), rate).unwrap(), 1);
            after.push(w.to_vec1().unwrap());
        }
        after
    }

    #[track_caller]
    fn close(actual: &[Vec<f32>], expected: [[f64; 3]; 3]) {
        for (step, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            for (&a, e) in actual.iter().zip(expected) {
                assert!(
                    (f64::from(a) - e).abs() <= 1e-6 * e.abs(),
                    "step {step}: {actual:?}, not {expected:?}"
                );
            }
        }
    }

    #[test]
    fn momentum_and_weight_decay_by_hand() {
        // The first: g = 1.5 + 0.15, v = 1.65, w = 1.335; g = 1.4685, v = 2.9535, w = 1.03965;
        // g = 1.143615, v = 3.801765, w = 1.03965 - 0.05 * 3.801765.
        let hand = [[1.335, -1.88, 0.545], [1.03965, -1.6592, 0.63455], [0.84956175, -1.510064, 0.70340225]];
        close(&three_steps(Momentum::Classic, 0.9, 0.1), hand);
    }

    #[test]
    fn nesterov_by_hand() {
        // The first: g = v = 1.65, w = 1.5 - 0.1 (1.65 + 0.9 * 1.65); g = 1.30515, v = 2.79015,
        // w = 1.1865 - 0.1 (1.30515 + 0.9 * 2.79015); then at a rate of 0.05.
        let hand = [
            [1.1865, -1.772, 0.5855],
            [0.8048715, -1.472792, 0.7220705],
            [0.60776135325, -1.302043256, 0.8215515027],
        ];
        close(&three_steps(Momentum::Nesterov, 0.9, 0.1), hand);
    }

    #[test]
    fn plain_descent_by_hand() {
        let hand = [[1.35, -1.9, 0.55], [1.215, -1.805, 0.605], [1.15425, -1.759875, 0.63525]];
        close(&three_steps(Momentum::Classic, 0.0, 0.0), hand);
    }

    #[test]
    fn what_has_no_gradient_stays() {
        let (w, statistic) =
            (Var::new(&[1f32], &Device::Cpu).unwrap(), Var::new(&[5f32], &Device::Cpu).unwrap());
        let variables =
            BTreeMap::from([("w".to_owned(), w.clone()), ("running_mean".to_owned(), statistic.clone())]);
        let mut sgd = Sgd::new(SgdConfig { momentum: 0.9, kind: Momentum::Classic, weight_decay: 0.5 });
        let gradients = w.as_tensor().sum_all().unwrap().backward().unwrap();
        assert_eq!(sgd.step(&variables, &gradients, 0.1).unwrap(), 1);
        assert_eq!(statistic.to_vec1::<f32>().unwrap(), [5.0]);
        assert_eq!(sgd.velocity().keys().collect::<Vec<_>>(), ["w"]);
    }

    #[test]
    fn a_gradient_that_is_a_view_is_read_in_the_right_order() {
        let w = Var::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu).unwrap();
        let k = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
        let loss = (w.as_tensor().t().unwrap() * &k).unwrap().sum_all().unwrap();
        let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
        let mut sgd = Sgd::new(SgdConfig { momentum: 0.0, kind: Momentum::Classic, weight_decay: 0.0 });
        sgd.step(&variables, &loss.backward().unwrap(), 1.0).unwrap();
        assert_eq!(w.to_vec2::<f32>().unwrap(), [[0.0, -1.0, -2.0], [2.0, 1.0, 0.0]]);
    }

    #[test]
    fn a_variable_of_another_type_is_refused() {
        let w = Var::new(&[1f64], &Device::Cpu).unwrap();
        let variables = BTreeMap::from([("w".to_owned(), w.clone())]);
        let mut sgd = Sgd::new(SgdConfig { momentum: 0.0, kind: Momentum::Classic, weight_decay: 0.0 });
        let gradients = w.as_tensor().sum_all().unwrap().backward().unwrap();
        let message = sgd.step(&variables, &gradients, 1.0).unwrap_err().to_string();
        assert!(message.contains("w: the variable is F64"), "{message}");
    }
}
