//! Stochastic gradient descent with momentum and weight decay, in PyTorch's form and in place.
//!
//! For every weight w with gradient g, in this order and in f32:
//!
//! ```text
//! g = g + weight_decay w
//! v = momentum v + g              (v starts at 0, so the first step has v = g)
//! w = w - rate v                  (Classic)
//! w = w - rate (g + momentum v)   (Nesterov)
//! ```

use super::{Rule, Step};

/// The constants of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdConfig {
    /// mu, the share of the velocity that a step keeps; from 0 to below 1.
    pub momentum: f64,
    /// The form of the momentum.
    pub kind: Momentum,
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

impl Rule for SgdConfig {
    fn slots(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    fn update(&self, step: &Step, w: &mut [f32], g: &[f32], slots: &mut [Vec<f32>]) {
        let [v] = slots else { return };
        let (momentum, weight_decay, rate) =
            (self.momentum as f32, step.weight_decay as f32, step.rate as f32);
        let all = w.iter_mut().zip(g).zip(v);
        match self.kind {
            Momentum::Classic => all.for_each(|((w, &g), v)| {
                *v = momentum * *v + (g + weight_decay * *w);
                *w -= rate * *v;
            }),
            Momentum::Nesterov => all.for_each(|((w, &g), v)| {
                let g = g + weight_decay * *w;
                *v = momentum * *v + g;
                *w -= rate * (g + momentum * *v);
            }),
        }
    }
}
