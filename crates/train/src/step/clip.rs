//! Bounds on gradients (arXiv 1211.5063), as PyTorch's `clip_grad_norm_` and `clip_grad_value_` set them.

use super::gradients::Gradients;

/// How gradients are bounded before the optimizer sees them.
///
/// ```
/// use resnet_train::Clip;
/// assert_eq!(Clip::Norm(1.0).factor(0.5), 1.0);
/// assert!((Clip::Norm(1.0).factor(4.0) - 0.25).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Clip {
    /// Not at all.
    #[default]
    None,
    /// Where their Euclidean norm, over all variables as one vector, exceeds c, all of them are multiplied
    /// by `c / (norm + 1e-6)`.
    Norm(f64),
    /// Each number is moved into [-c, c].
    Value(f64),
}

impl Clip {
    /// What gradients of this norm are multiplied by.
    pub fn factor(self, norm: f64) -> f64 {
        match self {
            Clip::Norm(most) => (most / (norm + 1e-6)).min(1.0),
            Clip::None | Clip::Value(_) => 1.0,
        }
    }

    /// Bounds `gradients`.
    pub fn apply(self, gradients: &mut Gradients) {
        match self {
            Clip::None => {}
            Clip::Norm(_) => {
                let factor = self.factor(gradients.norm()) as f32;
                if factor != 1.0 {
                    gradients.scale(factor);
                }
            }
            Clip::Value(most) => {
                let most = most as f32;
                gradients.values_mut().iter_mut().for_each(|value| *value = value.clamp(-most, most));
            }
        }
    }
}
