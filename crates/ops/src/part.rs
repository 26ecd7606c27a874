//! Parts of a batch: where several processes compute one batch together, each has some of its images.
//!
//! Most steps need nothing of the other processes' images. Two kinds do: dropout and stochastic depth draw by
//! an image's place in the whole batch, and batch norm can take its statistics over the whole batch. Both ask
//! this module, so the plan does not depend on which process has which images. Finished gradients are also
//! shown here, so that they can be sent while the backward pass computes the others.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use candle_core::{Result, TensorId};

/// Replaces numbers by their sums over all processes. All processes make the same calls in the same order,
/// each with equally many numbers.
pub type SumOver = dyn Fn(&mut [f64]) -> Result<()> + Send + Sync;

/// A function that is called with a variable's gradient as soon as the backward pass of a plan has all of it;
/// the pass goes on when it returns. It is called for variables that the plan reads as they are. Where
/// something is computed from a variable first, such as standardised filters, its gradient is in candle's
/// `GradStore` alone.
///
/// It must not set a variable of the plan: they are locked for reading until the pass ends, so that it would
/// wait forever.
pub type OnGradient = dyn Fn(TensorId, &[f32]) -> Result<GradientTaken> + Send + Sync;

/// Whether an [`OnGradient`] has taken the gradient that it was called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientTaken {
    /// Taken: candle's `GradStore` does not get it, which saves adding it to zeros.
    Yes,
    /// Not taken: candle's `GradStore` gets it.
    No,
}

/// The images of a batch that this process computes. Outside of [`BatchPart::during`] it computes all of
/// them.
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
    /// The place of this process's first image in the whole batch.
    pub first_image: usize,
    /// Sums over the processes that share the batch. With it, batch norm in
    /// [`Mode::Train`](crate::Mode::Train) normalises by the statistics of the whole batch, forward and
    /// backward; without it, by those of this process's images.
    pub sum: Option<Arc<SumOver>>,
    /// Is called with each gradient that a backward pass has finished, see [`OnGradient`]. For a variable
    /// that several plans use, or a plan and other ops, it is called with each plan's own gradient, not with
    /// the sum.
    pub on_gradient: Option<Arc<OnGradient>>,
}

thread_local! {
    static CURRENT: RefCell<Option<BatchPart>> = const { RefCell::new(None) };
}

impl BatchPart {
    /// Calls `run`. What it computes in this thread, forward and backward, counts as this part of the batch.
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
