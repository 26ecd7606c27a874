//! The one-dimensional transforms: `B^T d`, `A^T m` and `A y`, on vectors of channels.

use crate::simd::Simd;

/// `B^T d`: six inputs to six positions.
#[inline(always)]
pub(super) fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (two, four, five) = (s.splat(2.0), s.splat(4.0), s.splat(-5.0));
    let minus_four = s.splat(-4.0);
    let even = s.mul_add(minus_four, d2, d4);
    let odd = s.mul_add(minus_four, d1, d3);
    let even_half = s.sub(d4, d2);
    let odd_double = s.mul(two, s.sub(d3, d1));
    [
        s.mul_add(four, d0, s.mul_add(five, d2, d4)),
        s.add(even, odd),
        s.sub(even, odd),
        s.add(even_half, odd_double),
        s.sub(even_half, odd_double),
        s.mul_add(four, d1, s.mul_add(five, d3, d5)),
    ]
}

/// `A^T m`: six positions to four outputs.
#[inline(always)]
pub(super) fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (sum, difference) = (s.add(m1, m2), s.sub(m1, m2));
    let (far_sum, far_difference) = (s.add(m3, m4), s.sub(m3, m4));
    [
        s.add(s.add(m0, sum), far_sum),
        s.mul_add(s.splat(2.0), far_difference, difference),
        s.mul_add(s.splat(4.0), far_sum, sum),
        s.add(s.mul_add(s.splat(8.0), far_difference, difference), m5),
    ]
}

/// `A y`: four output gradients to six positions.
#[inline(always)]
pub(super) fn gradient<S: Simd>(s: S, y: [S::V; 4]) -> [S::V; 6] {
    let [y0, y1, y2, y3] = y;
    let (even, odd) = (s.add(y0, y2), s.add(y1, y3));
    let far_even = s.mul_add(s.splat(4.0), y2, y0);
    let far_odd = s.mul_add(s.splat(8.0), y3, s.mul(s.splat(2.0), y1));
    [y0, s.add(even, odd), s.sub(even, odd), s.add(far_even, far_odd), s.sub(far_even, far_odd), y3]
}
