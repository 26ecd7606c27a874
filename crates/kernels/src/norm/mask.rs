//! Batch norm's backward on vectors of channels in registers: ReLU's mask, and the gradient of the norm's
//! input.

use crate::simd::Simd;

/// ReLU's mask, recomputed from the input of the norm before it: `x scale + shift > 0`.
#[derive(Clone, Copy)]
pub(crate) struct ReluMask<V, const N: usize> {
    pub(crate) scale: [V; N],
    pub(crate) shift: [V; N],
}

impl<V: Copy, const N: usize> ReluMask<V, N> {
    /// `dy` where ReLU let `x` through, else zero.
    #[inline(always)]
    pub(crate) fn pass<S: Simd<V = V>>(&self, simd: S, x: [V; N], dy: [V; N]) -> [V; N] {
        let mut passed = dy;
        for v in 0..N {
            passed[v] = simd.where_positive(simd.mul_add(x[v], self.scale[v], self.shift[v]), dy[v]);
        }
        passed
    }
}

/// `dx = g a + x b + c`, as [`BackwardMap`](super::BackwardMap) has it.
#[derive(Clone, Copy)]
pub(crate) struct NormGradient<V, const N: usize> {
    pub(crate) of_gradient: [V; N],
    pub(crate) of_input: [V; N],
    pub(crate) constant: [V; N],
}

impl<V: Copy, const N: usize> NormGradient<V, N> {
    /// `dx`, plus `before` if there is one.
    #[inline(always)]
    pub(crate) fn dx<S: Simd<V = V>>(&self, simd: S, x: [V; N], g: [V; N], before: Option<[V; N]>) -> [V; N] {
        let mut dx = x;
        for v in 0..N {
            dx[v] = simd.mul_add(x[v], self.of_input[v], self.constant[v]);
            if let Some(before) = before {
                dx[v] = simd.add(dx[v], before[v]);
            }
            dx[v] = simd.mul_add(g[v], self.of_gradient[v], dx[v]);
        }
        dx
    }
}
