//! The weight gradient of a convolution: a product over all pixels, in a fixed order of partial sums.
//!
//! ```text
//! dw[ky, kx c, o] = sum over n, oy, ox of x[n, oy s - p + ky, (ox s - p + kx) c] dy[n, oy, ox, o]
//! ```
//!
//! Blocks of rows are dealt to a number of groups that depends on the shape alone; each group adds its blocks
//! in order, and the groups' sums are added in order, so threads don't change the bits. Accumulators start at
//! zero in each block, which keeps the rounding error of long sums down.

use super::correlate::Correlation;
use super::{ConvShape, Prologue, micro, strip};
use crate::buffer::Buffer;
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// At most this many partial sums: enough for as many threads to share the work.
const GROUPS: usize = 32;
/// Floats that all partial sums together may take: 64 MiB.
const PARTIALS: usize = 16 << 20;

pub(super) fn run(isa: Isa, shape: &ConvShape, x: &[f32], prologue: Prologue, dy: &[f32], dw: &mut [f32]) {
    let pass = Correlation::forward(shape);
    if pass.images * pass.grid_h * pass.grid_w == 0 {
        return dw.fill(0.0);
    }
    let block = 2 * isa.lanes();
    let padded_c = shape.out_c.next_multiple_of(block);
    let run = pass.taps_w * pass.in_c;
    let partial = pass.taps_h * run * padded_c;
    let block_rows = pass.block_rows();
    let blocks = pass.grid_h.div_ceil(block_rows);
    let work = pass.images * blocks;
    let groups = work.min(GROUPS).min((PARTIALS / partial).max(2));
    let (source_at, target_at) = pass.offsets(block_rows, pass.strip_w());
    let mut partials = Buffer::unspecified(groups * partial);
    let shared = Shared::new(&mut partials);
    let strip_len = pass.strip_h(block_rows) * pass.strip_w() * pass.in_c;
    parallel::for_each(
        groups,
        || Buffer::unspecified(strip_len),
        |strip, group| {
            // SAFETY: each task has its own partial sum.
            let sums = unsafe { shared.slice(group * partial, partial) };
            sums.fill(0.0);
            for task in group * work / groups..(group + 1) * work / groups {
                let (image, first_row) = (task / blocks, task % blocks * block_rows);
                let rows = block_rows.min(pass.grid_h - first_row);
                let pixels = rows * pass.grid_w;
                let picture = pass.in_h * pass.in_w * pass.in_c;
                dispatch(
                    isa,
                    Block {
                        pass: &pass,
                        picture: &x[image * picture..][..picture],
                        window: pass.window(first_row, rows),
                        prologue,
                        strip,
                        source_at: &source_at[..pixels],
                        dy: &dy[(image * pass.out_h + first_row) * pass.out_w * pass.out_c..]
                            [..pixels * pass.out_c],
                        target_at: &target_at[..pixels],
                        padded_c,
                        sums,
                    },
                );
            }
        },
    );
    reduce(shape, &partials, groups, padded_c, dw);
}

/// Adds the groups' sums in order and brings them from `[ky][kx][c][o]` to OIHW.
fn reduce(shape: &ConvShape, partials: &[f32], groups: usize, padded_c: usize, dw: &mut [f32]) {
    let area = shape.kernel * shape.kernel;
    let partial = area * shape.in_c * padded_c;
    let filter = shape.in_c * area;
    let out = Shared::new(dw);
    const FILTERS: usize = 16;
    parallel::for_each(
        parallel::pieces(shape.out_c, FILTERS),
        || (),
        |_, index| {
            let filters = parallel::piece(shape.out_c, FILTERS, index);
            // SAFETY: each task has its own filters.
            let to = unsafe { out.slice(filters.start * filter, filters.len() * filter) };
            for tap in 0..area {
                for c in 0..shape.in_c {
                    let from = (tap * shape.in_c + c) * padded_c + filters.start;
                    let mut sums = [0.0f32; FILTERS];
                    for group in 0..groups {
                        let part = &partials[group * partial + from..][..filters.len()];
                        for (sum, x) in sums.iter_mut().zip(part) {
                            *sum += x;
                        }
                    }
                    for (o, sum) in sums[..filters.len()].iter().enumerate() {
                        to[o * filter + c * area + tap] = *sum;
                    }
                }
            }
        },
    );
}

/// One block of rows of one picture.
struct Block<'a> {
    pass: &'a Correlation,
    picture: &'a [f32],
    window: strip::Window,
    prologue: Prologue<'a>,
    strip: &'a mut [f32],
    source_at: &'a [usize],
    dy: &'a [f32],
    target_at: &'a [usize],
    padded_c: usize,
    sums: &'a mut [f32],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let pass = self.pass;
        strip::fill(
            simd,
            self.picture,
            (pass.in_h, pass.in_w, pass.in_c),
            self.window,
            self.prologue,
            self.strip,
        );
        let run = pass.taps_w * pass.in_c;
        let row_stride = pass.strip_w() * pass.in_c;
        let (Some(&last_source), Some(&last_target)) = (self.source_at.last(), self.target_at.last()) else {
            return;
        };
        // Offsets grow, so these bound every access below.
        assert!(last_source + (pass.taps_h - 1) * row_stride + run <= self.strip.len());
        assert!(last_target + pass.out_c <= self.dy.len());
        assert!(pass.taps_h * run * self.padded_c <= self.sums.len());
        for column in (0..pass.out_c).step_by(2 * S::LANES) {
            for tap_row in 0..pass.taps_h {
                let mut k = 0;
                while k < run {
                    let rows = micro::ROWS.min(run - k);
                    let (source, sums) =
                        (tap_row * row_stride + k, (tap_row * run + k) * self.padded_c + column);
                    // SAFETY: the assertions above; rows inputs from k on exist.
                    unsafe {
                        match rows {
                            6 => self.tile::<S, 6>(simd, source, sums, column),
                            5 => self.tile::<S, 5>(simd, source, sums, column),
                            4 => self.tile::<S, 4>(simd, source, sums, column),
                            3 => self.tile::<S, 3>(simd, source, sums, column),
                            2 => self.tile::<S, 2>(simd, source, sums, column),
                            _ => self.tile::<S, 1>(simd, source, sums, column),
                        }
                    }
                    k += rows;
                }
            }
        }
    }
}

impl Block<'_> {
    /// Adds this block's part of `R` rows of sums from `sums` on.
    ///
    /// # Safety
    /// The assertions of `run` hold, `source` and `sums` leave room for `R` rows.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(&mut self, simd: S, source: usize, sums: usize, column: usize) {
        let columns = (2 * S::LANES).min(self.pass.out_c - column);
        // SAFETY: bounded by the last pixel's offsets, which `run` checked; a row of sums is padded to whole
        // vectors.
        unsafe {
            let acc: [[S::V; 2]; R] = micro::inputs_by_outputs(
                simd,
                self.strip.as_ptr().add(source),
                self.dy.as_ptr().add(column),
                self.source_at.iter().copied().zip(self.target_at.iter().copied()),
                columns,
            );
            for (r, row) in acc.into_iter().enumerate() {
                let to = self.sums.as_mut_ptr().add(sums + r * self.padded_c);
                simd.store(to, simd.add(simd.load(to), row[0]));
                let to = to.add(S::LANES);
                simd.store(to, simd.add(simd.load(to), row[1]));
            }
        }
    }
}
