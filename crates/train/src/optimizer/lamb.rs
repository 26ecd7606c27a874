//! LAMB (arXiv 1904.00962), as timm's `Lamb` by its defaults: with bias correction, averaged gradients and a
//! bound on the norm of all gradients, and with no bound on the trust ratio.
//!
//! At update t, counted from 1, for every variable w with gradient g:
//!
//! ```text
//! g = g / max(1, |all gradients| / max_grad_norm)
//! m = beta1 m + (1 - beta1) g
//! s = beta2 s + (1 - beta2) g^2
//! u = m / (1 - beta1^t) / (sqrt(s) / sqrt(1 - beta2^t) + eps) + weight_decay w
//! w = w - rate |w| / |u| u
//! ```
//!
//! The trust ratio |w| / |u| is 1 where either norm is 0 and, as in timm, for variables without weight decay.

use super::{Rule, Step, moments};
use crate::step::gradients::Gradients;

/// The constants of LAMB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LambConfig {
    /// Decay rates of the running averages of the gradient and of its square; timm's are 0.9 and 0.999.
    pub betas: [f64; 2],
    /// What keeps the divisor from 0; timm's is 1e-6.
    pub eps: f64,
    /// The largest norm of all gradients as one vector, timm's is 1; `None` leaves them as they are.
    pub max_grad_norm: Option<f64>,
}

impl Rule for LambConfig {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn divisor(&self, gradients: &Gradients) -> f32 {
        self.max_grad_norm.map_or(1.0, |most| (gradients.norm() / most).max(1.0) as f32)
    }

    fn update(&self, step: &Step, w: &mut [f32], g: &[f32], slots: &mut [Vec<f32>]) {
        let Some((m, s)) = moments(slots) else { return };
        let [beta1, beta2] = self.betas;
        // Far beyond i32's reach the corrections have long been 1.
        let t = step.number.min(i32::MAX as u64) as i32;
        let correction = (1.0 - beta1.powi(t)) as f32;
        let root = (1.0 - beta2.powi(t)).sqrt() as f32;
        let (beta1, new1, beta2, new2) =
            (beta1 as f32, (1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
        let (eps, weight_decay) = (self.eps as f32, step.weight_decay as f32);
        let direction = |w: f32, m: f32, s: f32| m / correction / (s.sqrt() / root + eps) + weight_decay * w;
        let (mut weights, mut directions) = (0.0f64, 0.0f64);
        for (((w, &g), m), s) in w.iter().zip(g).zip(m.iter_mut()).zip(s.iter_mut()) {
            let g = g / step.divisor;
            *m = beta1 * *m + new1 * g;
            *s = beta2 * *s + new2 * g * g;
            weights += f64::from(*w).powi(2);
            directions += f64::from(direction(*w, *m, *s)).powi(2);
        }
        let trust = match step.weight_decay > 0.0 && weights > 0.0 && directions > 0.0 {
            true => (weights / directions).sqrt(),
            false => 1.0,
        };
        let size = (step.rate * trust) as f32;
        for ((w, m), s) in w.iter_mut().zip(m).zip(s) {
            *w -= size * direction(*w, *m, *s);
        }
    }
}
