//! Adam with decoupled weight decay (arXiv 1711.05101), as PyTorch's `AdamW`.
//!
//! For every weight w with gradient g, at update t, counted from 1:
//!
//! ```text
//! w = w - rate weight_decay w
//! m = beta1 m + (1 - beta1) g
//! s = beta2 s + (1 - beta2) g^2
//! w = w - rate / (1 - beta1^t) m / (sqrt(s) / sqrt(1 - beta2^t) + eps)
//! ```

use super::{Rule, Step, moments};

/// The constants of AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay rates of the running averages of the gradient and of its square; PyTorch's are 0.9 and 0.999.
    pub betas: [f64; 2],
    /// What keeps the divisor from 0; PyTorch's is 1e-8.
    pub eps: f64,
}

impl Rule for AdamWConfig {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn update(&self, step: &Step, w: &mut [f32], g: &[f32], slots: &mut [Vec<f32>]) {
        let Some((m, s)) = moments(slots) else { return };
        let [beta1, beta2] = self.betas;
        // Far beyond i32's reach the corrections have long been 1.
        let t = step.number.min(i32::MAX as u64) as i32;
        let size = (step.rate / (1.0 - beta1.powi(t))) as f32;
        let root = (1.0 - beta2.powi(t)).sqrt() as f32;
        let kept = (1.0 - step.rate * step.weight_decay) as f32;
        let (new1, beta2, new2) = ((1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
        let eps = self.eps as f32;
        for (((w, &g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
            *m += new1 * (g - *m);
            *s = beta2 * *s + new2 * g * g;
            *w = kept * *w - size * (*m / (s.sqrt() / root + eps));
        }
    }
}
