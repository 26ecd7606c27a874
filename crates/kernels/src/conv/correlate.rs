//! The geometry of a pass of correlation: the output of a convolution is one, its input gradient another.
//!
//! ```text
//! out[grid] = sum over taps of in[origin + step grid + tap] w[tap]
//! ```
//!
//! At stride `s` the input's gradient has `s * s` *phases*, sets of pixels that see different taps of the
//! filter. They share one strip of the output's gradient, so that it is read once and the input's gradient
//! written in whole rows.

use super::ConvShape;
use super::strip::InputRegion;

/// One pass over the images of a batch.
#[derive(Debug, Clone)]
pub(super) struct Correlation {
    pub(super) images: usize,
    pub(super) in_h: usize,
    pub(super) in_w: usize,
    pub(super) in_channels: usize,
    pub(super) out_h: usize,
    pub(super) out_w: usize,
    pub(super) out_channels: usize,
    /// Input pixels from one grid point to the next.
    pub(super) step: usize,
    /// Output pixels from one grid point to the next.
    pub(super) out_step: usize,
    /// What all phases together see of the input at a grid row.
    rows: Reach,
    /// The same of columns.
    columns: Reach,
    pub(super) phases: Vec<Phase>,
}

/// Output pixels `first + out_step grid`: they see the same taps.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    /// Row and column of the output pixel at the first grid point.
    pub(super) first: (usize, usize),
    pub(super) grid_h: usize,
    pub(super) grid_w: usize,
    /// Rows and columns from where the strip begins to the first tap.
    pub(super) offset: (usize, usize),
    /// The filter's rows in the order in which the input's meet them.
    pub(super) taps_y: Vec<usize>,
    /// The same of columns.
    pub(super) taps_x: Vec<usize>,
}

/// Input pixels along one axis that a grid point sees.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// The first, from grid point 0.
    first: isize,
    len: usize,
}

impl Correlation {
    /// The pass that computes the output.
    pub(super) fn output(shape: &ConvShape) -> Self {
        let taps: Vec<usize> = (0..shape.kernel).collect();
        let reach = Reach { first: -(shape.padding as isize), len: shape.kernel };
        let (out_h, out_w) = (shape.out_h(), shape.out_w());
        Correlation {
            images: shape.images,
            in_h: shape.in_h,
            in_w: shape.in_w,
            in_channels: shape.in_channels,
            out_h,
            out_w,
            out_channels: shape.out_channels,
            step: shape.stride,
            out_step: 1,
            rows: reach,
            columns: reach,
            phases: vec![Phase {
                first: (0, 0),
                grid_h: out_h,
                grid_w: out_w,
                offset: (0, 0),
                taps_y: taps.clone(),
                taps_x: taps,
            }],
        }
    }

    /// The pass that computes the input's gradient from the output's.
    pub(super) fn input_gradient(shape: &ConvShape) -> Self {
        let axis = |size: usize| (0..shape.stride.min(size)).map(|phase| phase_taps(shape, phase)).collect();
        let (all_y, all_x): (Vec<_>, Vec<_>) = (axis(shape.in_h), axis(shape.in_w));
        let (rows, columns) = (union(&all_y), union(&all_x));
        let mut phases = vec![];
        for (y, (first_y, taps_y)) in all_y.iter().enumerate() {
            for (x, (first_x, taps_x)) in all_x.iter().enumerate() {
                // Pixels that no output looks at have no taps, and zero for a gradient.
                let seen = !taps_y.is_empty() && !taps_x.is_empty();
                phases.push(Phase {
                    first: (y, x),
                    grid_h: (shape.in_h - y).div_ceil(shape.stride),
                    grid_w: (shape.in_w - x).div_ceil(shape.stride),
                    offset: if seen {
                        ((first_y - rows.first) as usize, (first_x - columns.first) as usize)
                    } else {
                        (0, 0)
                    },
                    taps_y: if seen { taps_y.clone() } else { vec![] },
                    taps_x: if seen { taps_x.clone() } else { vec![] },
                });
            }
        }
        Correlation {
            images: shape.images,
            in_h: shape.out_h(),
            in_w: shape.out_w(),
            in_channels: shape.out_channels,
            out_h: shape.in_h,
            out_w: shape.in_w,
            out_channels: shape.in_channels,
            step: 1,
            out_step: shape.stride,
            rows,
            columns,
            phases,
        }
    }

    /// Grid rows of the phase that has most.
    pub(super) fn grid_h(&self) -> usize {
        self.phases.iter().map(|phase| phase.grid_h).max().unwrap_or(0)
    }

    /// Grid columns of the phase that has most.
    pub(super) fn grid_w(&self) -> usize {
        self.phases.iter().map(|phase| phase.grid_w).max().unwrap_or(0)
    }

    /// Columns that a grid point of any phase sees.
    pub(super) fn columns_seen(&self) -> usize {
        self.columns.len
    }

    /// Whether taps never leave the image, so that the input can be read in place.
    pub(super) fn stays_inside(&self) -> bool {
        (self.rows.first, self.columns.first) == (0, 0)
            && self.strip_h(self.grid_h()) <= self.in_h
            && self.strip_w() <= self.in_w
    }

    /// Columns of a strip.
    pub(super) fn strip_w(&self) -> usize {
        (self.grid_w() - 1) * self.step + self.columns.len
    }

    /// Rows of a strip for `rows` grid rows.
    pub(super) fn strip_h(&self, rows: usize) -> usize {
        (rows - 1) * self.step + self.rows.len
    }

    /// Grid rows, at least one, whose strip takes at most `floats` at `channels` a pixel.
    pub(super) fn rows_within(&self, floats: usize, channels: usize) -> usize {
        let rows = floats / (self.strip_w() * channels).max(1);
        (rows.saturating_sub(self.rows.len) / self.step + 1).min(self.grid_h())
    }

    /// The input's rows, of those there are, that `rows` grid rows from `first_row` on need.
    pub(super) fn input_rows(&self, first_row: usize, rows: usize) -> std::ops::Range<usize> {
        let window = self.window(first_row, rows);
        let clamp = |y: isize| y.clamp(0, self.in_h as isize) as usize;
        clamp(window.top)..clamp(window.top + window.height as isize)
    }

    /// The window of input that `rows` grid rows from `first_row` on need.
    pub(super) fn window(&self, first_row: usize, rows: usize) -> InputRegion {
        InputRegion {
            top: (first_row * self.step) as isize + self.rows.first,
            left: self.columns.first,
            height: self.strip_h(rows),
            width: self.strip_w(),
        }
    }
}

/// Along one axis: where the taps of phase `phase` start in the output, and which they are, in order.
///
/// Input pixel `i` and output pixel `o` meet at tap `i + p - o s`; with `i = phase + s j` these are the taps
/// congruent to `phase + p` modulo `s`, at `o = j + (phase + p - tap) / s`.
fn phase_taps(shape: &ConvShape, phase: usize) -> (isize, Vec<usize>) {
    let at = phase + shape.padding;
    let first = at % shape.stride;
    let taps: Vec<usize> = (first..shape.kernel).step_by(shape.stride).rev().collect();
    let origin = (at / shape.stride) as isize - taps.len() as isize + 1;
    (origin, taps)
}

/// The reach of all phases that have taps, together.
fn union(phases: &[(isize, Vec<usize>)]) -> Reach {
    let seen = || phases.iter().filter(|(_, taps)| !taps.is_empty());
    let first = seen().map(|(first, _)| *first).min().unwrap_or(0);
    let end = seen().map(|(first, taps)| first + taps.len() as isize).max().unwrap_or(0);
    Reach { first, len: (end - first) as usize }
}
