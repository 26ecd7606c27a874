//! Gates of figure 2(c) and (d), element by element: `g = sigmoid(z)` lets one path through and `1 - g` the
//! other.
//!
//! ```text
//! y = g x  or  y = (1 - g) x,   g = 1 / (1 + exp(-z))
//! ```
//!
//! Reference: `resnet_reference::gate`. Plain loops, which the compiler vectorises for each instruction set:
//! the exponential is a polynomial of additions and multiplications. Nothing is fused, so all sets give the
//! same bits.

use crate::elementwise::{CHUNK, chunked};
use crate::norm::Accumulate;
use crate::parallel::{Shared, for_each, piece, pieces};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// Which share of its operand a gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// `g`: on the residual branch.
    Transform,
    /// `1 - g`: on the shortcut.
    Carry,
}

impl Gate {
    /// The share at `z`, and one minus it, both computed without cancellation.
    #[inline(always)]
    fn shares(self, z: f32) -> (f32, f32) {
        let z = match self {
            Gate::Transform => z,
            Gate::Carry => -z,
        };
        let e = exp(-z);
        let share = 1.0 / (1.0 + e);
        (share, e * share)
    }
}

/// `out = g x` or `(1 - g) x` with `g = sigmoid(z)`.
///
/// # Panics
/// If lengths differ, as in all functions here.
pub fn gate(isa: Isa, gate: Gate, z: &[f32], x: &[f32], out: &mut [f32]) {
    assert!(z.len() == out.len() && x.len() == out.len(), "gate: shapes differ");
    chunked(out, |range, out| {
        dispatch(isa, Forward { gate, z: &z[range.clone()], x: &x[range], out });
    });
}

/// A chunk of [`gate`].
struct Forward<'a> {
    gate: Gate,
    z: &'a [f32],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for ((out, &z), &x) in self.out.iter_mut().zip(self.z).zip(self.x) {
            *out = self.gate.shares(z).0 * x;
        }
    }
}

/// What the gradients of [`gate`] are computed from.
#[derive(Debug, Clone, Copy)]
pub struct GateBackward<'a> {
    /// The gate's logits.
    pub z: &'a [f32],
    /// What the gate let through in part.
    pub x: &'a [f32],
    /// The gradient of the output.
    pub dy: &'a [f32],
}

/// The gradients of [`gate`] in one pass, as far as they are wanted: `dz = g (1 - g) x dy`, negative for the
/// carry gate, and `dx = g dy`, or `(1 - g) dy`.
///
/// # Panics
/// If lengths differ.
pub fn gate_backward(
    isa: Isa,
    gate: Gate,
    from: GateBackward,
    dz: Option<(Accumulate, &mut [f32])>,
    dx: Option<(Accumulate, &mut [f32])>,
) {
    let len = from.z.len();
    assert!(from.x.len() == len && from.dy.len() == len, "gate: shapes differ");
    assert!([&dz, &dx].into_iter().flatten().all(|(_, to)| to.len() == len), "gate: shapes differ");
    let [dz, dx] = [dz, dx].map(|to| to.map(|(accumulate, to)| (accumulate, Shared::new(to))));
    for_each(
        pieces(len, CHUNK),
        || (),
        |(), task| {
            let range = piece(len, CHUNK, task);
            let [dz, dx] = [&dz, &dx].map(|to| {
                // SAFETY: the pieces don't overlap, each is one task's, and `dz` and `dx` are distinct.
                to.as_ref().map(|(way, to)| (*way, unsafe { to.slice(range.start, range.len()) }))
            });
            let [z, x, dy] = [from.z, from.x, from.dy].map(|values| &values[range.clone()]);
            dispatch(isa, Backward { gate, z, x, dy, dz, dx });
        },
    );
}

/// A chunk of [`gate_backward`].
struct Backward<'a> {
    gate: Gate,
    z: &'a [f32],
    x: &'a [f32],
    dy: &'a [f32],
    dz: Option<(Accumulate, &'a mut [f32])>,
    dx: Option<(Accumulate, &'a mut [f32])>,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) {
        /// Floats that are computed before they are set or added: a kilobyte of each gradient.
        const BLOCK: usize = 256;
        let sign = match self.gate {
            Gate::Transform => 1.0,
            Gate::Carry => -1.0,
        };
        let (mut dz, mut dx) = ([0.0; BLOCK], [0.0; BLOCK]);
        for start in (0..self.z.len()).step_by(BLOCK) {
            let range = start..self.z.len().min(start + BLOCK);
            let factors = self.x[range.clone()].iter().zip(&self.dy[range.clone()]);
            let results = dz.iter_mut().zip(&mut dx);
            for (((dz, dx), &z), (&x, &dy)) in results.zip(&self.z[range.clone()]).zip(factors) {
                let (share, rest) = self.gate.shares(z);
                *dz = sign * share * rest * x * dy;
                *dx = share * dy;
            }
            for (to, block) in [(&mut self.dz, &dz), (&mut self.dx, &dx)] {
                match to {
                    Some((Accumulate::Set, to)) => to[range.clone()].copy_from_slice(&block[..range.len()]),
                    Some((Accumulate::Add, to)) => {
                        to[range.clone()].iter_mut().zip(block).for_each(|(to, term)| *to += term);
                    }
                    None => {}
                }
            }
        }
    }
}

/// `e^x`, with `x` clamped to `[-87, 87]`: `2^n e^r` with `|r| <= ln 2 / 2`, `e^r` by its Taylor series to
/// the seventh power, whose remainder is below 6e-9. NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// `1.5 * 2^23`: the sum of it and a small number has that number, rounded to an integer, in its last
    /// bits.
    const ROUND: f32 = 12_582_912.0;
    /// The first bits of ln 2: times an integer of up to nine bits it is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut series = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + factor;
    }
    // 2^n: n, in the last bits of the shifted number, becomes the exponent.
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_three_roundings() {
        for step in (-87_000..=87_000).step_by(if cfg!(miri) { 1_000 } else { 1 }) {
            let x = step as f32 / 1000.0;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (found / expected - 1.0).abs() <= 3.0 / (1 << 24) as f64,
                "e^{x}: {found}, not {expected}"
            );
        }
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(f32::INFINITY), exp(87.0));
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
    }
}
