//! Parts of a batch: where several processes compute one batch together, each has some of its images.
//!
//! Most steps need nothing of the others' images. Two kinds do: what is drawn for an image is keyed by its
//! place in the whole batch, and batch norm can take its statistics over all of it. Both ask here, so that
//! the plan is the same whoever has which images. And gradients are shown here as they are finished, for
//! those who send them on while the backward pass computes the others.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use candle_core::{Result, TensorId};

/// Replaces numbers by their sums over all processes. Each of them calls it with as many numbers and in the
/// same order.
pub type SumOver = dyn Fn(&mut [f64]) -> Result<()> + Send + Sync;

/// Is shown the gradient of a variable as soon as the backward pass of a plan has all of it; the pass goes on
/// when it returns.
pub type OnGradient = dyn Fn(TensorId, &[f32]) -> Result<Taken> + Send + Sync;

/// Whether somebody who was shown a gradient has kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is not given to candle, whose store would add it to zeros.
    Yes,
    /// candle's store is to have it.
    No,
}

/// The images of a batch that this process has; without one, it has all of them.
///
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use resnet_ops::{BatchNorm, Mode, BatchPart, batch_norm};
///
/// # fn main() -> candle_core::Result<()> {
/// let (f32, cpu) = (DType::F32, Device::Cpu);
/// let (scale, shift) = (Tensor::ones(1, f32, &cpu)?, Tensor::zeros(1, f32, &cpu)?);
/// let norm = BatchNorm::from_tensors(scale, shift, Var::zeros(1, f32, &cpu)?, Var::ones(1, f32, &cpu)?);
/// let x = Tensor::from_vec(vec![1f32, 3.0], (2, 1, 1, 1), &cpu)?;
/// // As if another process had a copy of these images.
/// let twice = |sums: &mut [f64]| Ok(sums.iter_mut().for_each(|sum| *sum *= 2.0));
/// let part = BatchPart { first_image: 2, sum: Some(std::sync::Arc::new(twice)), ..BatchPart::default() };
/// let y = part.during(|| batch_norm(&x, &norm, Mode::Train))?;
/// // Mean and variance are the same; only the unbiased variance is of four values: (1 + 1 + 1 + 1) / 3.
/// assert!((y.flatten_all()?.to_vec1::<f32>()?[0] + 1.0).abs() < 1e-4);
/// let running = norm.running_statistics().1.to_vec1::<f32>()?[0];
/// assert!((running - (0.9 + 0.1 * 4.0 / 3.0)).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct BatchPart {
    /// The place of the first of them in the whole batch.
    pub first_image: usize,
    /// Sums over the processes that have the others. With it, batch norm in
    /// [`Mode::Train`](crate::Mode::Train) normalises by the statistics of the whole batch, forward and
    /// backward.
    pub sum: Option<Arc<SumOver>>,
    /// Is shown what a backward pass has finished. A variable that more than one plan uses, or a plan and
    /// other ops, is shown what each plan has for it, not their sum.
    pub on_gradient: Option<Arc<OnGradient>>,
}

thread_local! {
    static CURRENT: RefCell<Option<BatchPart>> = const { RefCell::new(None) };
}

impl BatchPart {
    /// What `run` computes in this thread, forward and backward, is this part.
    pub fn during<T>(self, run: impl FnOnce() -> T) -> T {
        /// Puts back what was there before, after a panic as well.
        struct Before(Option<BatchPart>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _before = Before(CURRENT.replace(Some(self)));
        run()
    }
}

impl fmt::Debug for BatchPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchPart")
            .field("first_image", &self.first_image)
            .field("shares_statistics", &self.sum.is_some())
            .field("shows_gradients", &self.on_gradient.is_some())
            .finish()
    }
}

/// The place of the first image at hand in the whole batch.
pub(crate) fn first_image() -> usize {
    CURRENT.with_borrow(|part| part.as_ref().map_or(0, |part| part.first_image))
}

/// What sums over the processes that have the rest of the batch, if statistics are taken over all of it.
pub(crate) fn sum() -> Option<Arc<SumOver>> {
    CURRENT.with_borrow(|part| part.as_ref()?.sum.clone())
}

/// Who is shown gradients as they are finished, if anybody is.
pub(crate) fn on_gradient() -> Option<Arc<OnGradient>> {
    CURRENT.with_borrow(|part| part.as_ref()?.on_gradient.clone())
}
