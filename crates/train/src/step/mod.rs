//! The parts of a training step, in the order in which they act, a file each.
//!
//! | part | what it does |
//! |---|---|
//! | `loss` | logits and targets become one number, and backward makes gradients of it |
//! | `gradients` | the gradients of all variables, in one flat buffer, where the batches of a step add up |
//! | `buckets` | sums gradients over processes while the backward pass goes on |
//! | `clip` | bounds them, by their norm or by value |
//! | `optimizer` (beside this folder) | moves the weights |
//! | `ema` | keeps a moving average of the weights |
//!
//! `crate::candle_engine` calls them one after the other.

pub(crate) mod buckets;
pub(crate) mod clip;
pub(crate) mod ema;
pub(crate) mod gradients;
pub(crate) mod loss;
