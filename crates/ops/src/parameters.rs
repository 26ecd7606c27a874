//! A plan's parameters on their way into a run, and their gradients on the way back.
//!
//! candle's ops take at most three tensors, a plan has hundreds of parameters. So a run takes a *handle*, one
//! number at the root of a tree of ops whose leaves are the parameters: candle sees what depends on what, and
//! nothing is copied. The values are read from the tensors where they are; the backward pass leaves the
//! gradients where the leaves find them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage, Tensor,
    TensorId, bail,
};

/// Operands that an op of candle takes at most.
const OPERANDS: usize = 3;

/// The parameters of one run.
pub(crate) struct Parameters {
    tensors: Vec<Tensor>,
    gradients: Gradients,
}

/// Gradients from the backward pass, until candle asks for them; by the parameter's number.
#[derive(Clone)]
struct Gradients(Arc<Mutex<Vec<Option<Tensor>>>>);

impl Gradients {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Tensor>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parameters {
    /// # Errors
    /// If a tensor can't be made contiguous.
    pub(crate) fn new(tensors: Vec<Tensor>) -> Result<Self> {
        let tensors = tensors.iter().map(Tensor::contiguous).collect::<Result<Vec<_>>>()?;
        let gradients = Gradients(Arc::new(Mutex::new(vec![None; tensors.len()])));
        Ok(Parameters { tensors, gradients })
    }

    /// Which of them candle wants a gradient for.
    pub(crate) fn tracked(&self) -> Vec<bool> {
        self.tensors.iter().map(Tensor::track_op).collect()
    }

    /// The id of the variable that a parameter is; `None` for a constant or a tensor computed from a
    /// variable.
    pub(crate) fn variable(&self, param: usize) -> Option<TensorId> {
        let tensor = &self.tensors[param];
        tensor.is_variable().then(|| tensor.id())
    }

    /// One number that depends on all of them.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn handle(&self) -> Result<Tensor> {
        let parameter = |(index, tensor): (usize, &Tensor)| (Operand::Parameter(index), tensor.clone());
        let mut level: Vec<_> = self.tensors.iter().enumerate().map(parameter).collect();
        loop {
            level = match &level[..] {
                [] => return Tensor::zeros((), DType::F32, &Device::Cpu),
                [(Operand::Handle, handle)] => return Ok(handle.clone()),
                _ => level.chunks(OPERANDS).map(|operands| self.join(operands)).collect::<Result<_>>()?,
            };
        }
    }

    fn join(&self, operands: &[(Operand, Tensor)]) -> Result<(Operand, Tensor)> {
        let kinds = operands.iter().map(|(operand, _)| *operand).collect();
        let join = Join { operands: kinds, gradients: self.gradients.clone() };
        let handle = match operands {
            [(_, a), (_, b), (_, c)] => a.apply_op3(b, c, join),
            [(_, a), (_, b)] => a.apply_op2(b, join),
            [(_, a)] => a.apply_op1(join),
            _ => bail!("an op takes one to three tensors"),
        };
        Ok((Operand::Handle, handle?))
    }

    /// Lends the values of all of them.
    ///
    /// # Errors
    /// If one is not f32 on the CPU, or `read` fails.
    pub(crate) fn with_values<T>(&self, read: impl FnOnce(&[&[f32]]) -> Result<T>) -> Result<T> {
        let guards: Vec<_> = self.tensors.iter().map(Tensor::storage_and_layout).collect();
        let values = guards.iter().map(|(storage, layout)| values(storage, layout));
        read(&values.collect::<Result<Vec<_>>>()?)
    }

    /// Leaves gradients for candle to find, and returns a gradient for the handle. candle insists on one
    /// wherever there is a variable, even if all of its gradients were taken before, and on one for each
    /// tensor that is computed from a variable, even if no layer with a gradient uses it.
    ///
    /// # Errors
    /// If a gradient has another length than its parameter.
    pub(crate) fn leave_gradients(&self, gradients: Vec<Option<Vec<f32>>>) -> Result<Option<Tensor>> {
        if !self.tensors.iter().any(Tensor::track_op) {
            return Ok(None);
        }
        let mut left = self.gradients.lock();
        for ((left, gradient), parameter) in left.iter_mut().zip(gradients).zip(&self.tensors) {
            let is_computed = parameter.track_op() && !parameter.is_variable();
            *left = match gradient {
                Some(values) => Some(Tensor::from_vec(values, parameter.shape(), &Device::Cpu)?),
                None if is_computed => Some(parameter.zeros_like()?),
                None => None,
            };
        }
        Tensor::zeros((), DType::F32, &Device::Cpu).map(Some)
    }
}

/// Lends the values of a contiguous tensor on the CPU.
pub(crate) fn with_values<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    read(values(&storage, layout)?)
}

fn values<'a>(storage: &'a Storage, at: &Layout) -> Result<&'a [f32]> {
    let Storage::Cpu(storage) = storage else { bail!("resnet-ops runs on the CPU") };
    contiguous(storage, at)
}

/// The values of a contiguous tensor.
pub(crate) fn contiguous<'a>(storage: &'a CpuStorage, at: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match at.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("resnet-ops expected a contiguous tensor"),
    }
}

/// What a [`Join`] joins.
#[derive(Clone, Copy)]
enum Operand {
    /// A parameter, by its number.
    Parameter(usize),
    /// What another join made.
    Handle,
}

/// A node of the tree.
struct Join {
    operands: Vec<Operand>,
    gradients: Gradients,
}

impl Join {
    /// The gradient of an operand; `of_handle` is that of any handle.
    fn gradient(&self, index: usize, of_handle: &Tensor) -> Option<Tensor> {
        match self.operands[index] {
            Operand::Parameter(number) => self.gradients.lock()[number].take(),
            Operand::Handle => Some(of_handle.clone()),
        }
    }

    fn forward() -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }
}

const NAME: &str = "resnet-parameters";

impl CustomOp1 for Join {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Join::forward()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.gradient(0, gradient))
    }
}

impl CustomOp2 for Join {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Join::forward()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((self.gradient(0, gradient), self.gradient(1, gradient)))
    }
}

impl CustomOp3 for Join {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Join::forward()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((self.gradient(0, gradient), self.gradient(1, gradient), self.gradient(2, gradient)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn each_parameter_finds_its_own_gradient() {
        // One, a full op, and more than a level of ops.
        for count in [1, 2, 3, 4, 11, 28] {
            let vars: Vec<Var> =
                (0..count).map(|i| Var::new(&[i as f32; 2], &Device::Cpu).unwrap()).collect();
            let parameters =
                Parameters::new(vars.iter().map(|var| var.as_tensor().clone()).collect()).unwrap();
            assert!(parameters.tracked().iter().all(|tracked| *tracked));
            let sum = parameters.with_values(|values| Ok(values.iter().map(|v| v[0]).sum::<f32>())).unwrap();
            assert_eq!(sum, (0..count).map(|i| i as f32).sum::<f32>());
            let handle = parameters.handle().unwrap();
            // The last has none.
            let gradients = (0..count).map(|i| (i + 1 < count).then(|| vec![i as f32, 0.5])).collect();
            parameters.leave_gradients(gradients).unwrap();
            let found = handle.backward().unwrap();
            for (i, var) in vars.iter().enumerate() {
                let gradient = found.get(var).map(|gradient| gradient.to_vec1::<f32>().unwrap());
                assert_eq!(gradient, (i + 1 < count).then(|| vec![i as f32, 0.5]), "{i} of {count}");
            }
        }
    }
}
