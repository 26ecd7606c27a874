//! One pass of correlation over strips: the output of a convolution, and each phase of its input gradient.

use super::micro::{self, ROWS, Taps};
use super::strip::{self, Window};
use super::{ConvShape, Epilogue, Prologue};
use crate::buffer::Buffer;
use crate::norm::Activation;
use crate::parallel::{self, Shared};
use crate::simd::{Isa, Kernel, Simd, dispatch};

/// A strip holds about this many floats: 48 KiB, which leaves room in a second-level cache for weights.
const STRIP: usize = 12 << 10;

/// `out[grid] = sum over taps of in[origin + step grid + tap] w[tap]`, `grid` being every `out_step`-th pixel
/// of the output from `out_first` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correlation {
    pub(super) images: usize,
    pub(super) in_h: usize,
    pub(super) in_w: usize,
    pub(super) in_c: usize,
    pub(super) taps_h: usize,
    pub(super) taps_w: usize,
    /// Input pixels from one grid point to the next.
    pub(super) step: usize,
    /// Input coordinates (row, column) of the first tap of the first grid point.
    pub(super) origin: (isize, isize),
    pub(super) grid_h: usize,
    pub(super) grid_w: usize,
    pub(super) out_h: usize,
    pub(super) out_w: usize,
    pub(super) out_c: usize,
    pub(super) out_step: usize,
    pub(super) out_first: (usize, usize),
}

impl Correlation {
    /// The pass that computes the output.
    pub(super) fn forward(shape: &ConvShape) -> Self {
        let mut pass = Correlation {
            images: shape.images,
            in_h: shape.in_h,
            in_w: shape.in_w,
            in_c: shape.in_c,
            taps_h: shape.kernel,
            taps_w: shape.kernel,
            step: shape.stride,
            origin: (-(shape.padding as isize), -(shape.padding as isize)),
            grid_h: shape.out_h(),
            grid_w: shape.out_w(),
            out_h: shape.out_h(),
            out_w: shape.out_w(),
            out_c: shape.out_c,
            out_step: 1,
            out_first: (0, 0),
        };
        pass.merge_images();
        pass
    }

    /// The pass over the input pixels `phase + stride i`, with the taps it needs in the order it meets them;
    /// `None` if no output looks at these pixels.
    pub(super) fn input_phase(
        shape: &ConvShape,
        phase_y: usize,
        phase_x: usize,
    ) -> Option<(Self, Vec<usize>, Vec<usize>)> {
        let (origin_y, taps_y) = phase_taps(shape, phase_y);
        let (origin_x, taps_x) = phase_taps(shape, phase_x);
        if taps_y.is_empty() || taps_x.is_empty() {
            return None;
        }
        let mut pass = Correlation {
            images: shape.images,
            in_h: shape.out_h(),
            in_w: shape.out_w(),
            in_c: shape.out_c,
            taps_h: taps_y.len(),
            taps_w: taps_x.len(),
            step: 1,
            origin: (origin_y, origin_x),
            grid_h: (shape.in_h - phase_y).div_ceil(shape.stride),
            grid_w: (shape.in_w - phase_x).div_ceil(shape.stride),
            out_h: shape.in_h,
            out_w: shape.in_w,
            out_c: shape.in_c,
            out_step: shape.stride,
            out_first: (phase_y, phase_x),
        };
        pass.merge_images();
        Some((pass, taps_y, taps_x))
    }

    /// A pointwise pass doesn't see where a picture ends: one tall picture makes longer strips.
    fn merge_images(&mut self) {
        let pointwise = self.taps_h == 1 && self.taps_w == 1 && self.origin == (0, 0);
        if pointwise
            && self.step == 1
            && self.out_step == 1
            && self.grid_h == self.in_h
            && self.out_h == self.in_h
        {
            for height in [&mut self.in_h, &mut self.grid_h, &mut self.out_h] {
                *height *= self.images;
            }
            self.images = 1;
        }
    }

    /// Whether taps never leave the picture, so that the input can be read in place.
    fn inside(&self) -> bool {
        let reach = |grid: usize, taps: usize| (grid - 1) * self.step + taps;
        self.origin == (0, 0)
            && reach(self.grid_h, self.taps_h) <= self.in_h
            && reach(self.grid_w, self.taps_w) <= self.in_w
    }

    /// Columns of a strip.
    pub(super) fn strip_w(&self) -> usize {
        (self.grid_w - 1) * self.step + self.taps_w
    }

    /// Rows of a strip for `rows` grid rows.
    pub(super) fn strip_h(&self, rows: usize) -> usize {
        (rows - 1) * self.step + self.taps_h
    }

    /// Grid rows worked on at a time, by the strip's size.
    pub(super) fn block_rows(&self) -> usize {
        let row = self.strip_w() * self.in_c;
        let rows = (STRIP / row).saturating_sub(self.taps_h) / self.step + 1;
        rows.min(self.grid_h)
    }

    /// For each of the first `rows` grid rows' pixels: its offset in a picture or strip `width` pixels wide, and
    /// its offset in the output, from the block's first row.
    pub(super) fn offsets(&self, rows: usize, width: usize) -> (Vec<usize>, Vec<usize>) {
        let grid = (0..rows).flat_map(|y| (0..self.grid_w).map(move |x| (y, x)));
        let source = grid.clone().map(|(y, x)| (y * width + x) * self.step * self.in_c);
        let target = grid.map(|(y, x)| (y * self.out_w + x) * self.out_step * self.out_c);
        (source.collect(), target.collect())
    }

    /// The window of input that `rows` grid rows from `first_row` on need.
    pub(super) fn window(&self, first_row: usize, rows: usize) -> Window {
        Window {
            top: (first_row * self.step) as isize + self.origin.0,
            left: self.origin.1,
            height: self.strip_h(rows),
            width: self.strip_w(),
        }
    }

    /// Runs the pass with weights from `pack`.
    pub(super) fn run(
        &self,
        isa: Isa,
        input: &[f32],
        prologue: Prologue,
        packed: &[f32],
        epilogue: Epilogue,
        out: &mut [f32],
    ) {
        if self.images * self.grid_h * self.grid_w == 0 || self.out_c == 0 {
            return;
        }
        let in_place = matches!(prologue, Prologue::None) && self.inside();
        let width = if in_place { self.in_w } else { self.strip_w() };
        let block_rows = self.block_rows();
        let (source_at, target_at) = self.offsets(block_rows, width);
        let blocks = self.grid_h.div_ceil(block_rows);
        let strip_len = if in_place { 0 } else { self.strip_h(block_rows) * width * self.in_c };
        let shared = Shared::new(out);
        let taps = Taps { rows: self.taps_h, row_stride: width * self.in_c, run: self.taps_w * self.in_c };
        parallel::for_each(
            self.images * blocks,
            || Buffer::unspecified(strip_len),
            |strip, task| {
                let (image, first_row) = (task / blocks, task % blocks * block_rows);
                let rows = block_rows.min(self.grid_h - first_row);
                let pixels = rows * self.grid_w;
                dispatch(
                    isa,
                    Block {
                        pass: self,
                        picture: &input[image * self.in_h * self.in_w * self.in_c..]
                            [..self.in_h * self.in_w * self.in_c],
                        window: (!in_place).then(|| self.window(first_row, rows)),
                        first_row,
                        prologue,
                        strip,
                        taps,
                        source_at: &source_at[..pixels],
                        target_at: &target_at[..pixels],
                        target: ((image * self.out_h + first_row * self.out_step + self.out_first.0)
                            * self.out_w
                            + self.out_first.1)
                            * self.out_c,
                        packed,
                        epilogue,
                        out: &shared,
                    },
                );
            },
        );
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

/// One block of grid rows of one picture.
struct Block<'a> {
    pass: &'a Correlation,
    picture: &'a [f32],
    /// The strip's window; `None` reads the picture in place.
    window: Option<Window>,
    first_row: usize,
    prologue: Prologue<'a>,
    strip: &'a mut [f32],
    taps: Taps,
    source_at: &'a [usize],
    target_at: &'a [usize],
    target: usize,
    packed: &'a [f32],
    epilogue: Epilogue<'a>,
    out: &'a Shared<'a>,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pass = self.pass;
        let source: &[f32] = match self.window {
            Some(window) => {
                strip::fill(
                    simd,
                    self.picture,
                    (pass.in_h, pass.in_w, pass.in_c),
                    window,
                    self.prologue,
                    self.strip,
                );
                self.strip
            }
            None => &self.picture[self.first_row * pass.step * pass.in_w * pass.in_c..],
        };
        let (Some(&last_source), Some(&last_target)) = (self.source_at.last(), self.target_at.last()) else {
            return;
        };
        // Offsets grow, so these two bound every access below.
        assert!(last_source + (self.taps.rows - 1) * self.taps.row_stride + self.taps.run <= source.len());
        assert!(self.target + last_target + pass.out_c <= self.out.len());
        let block = 2 * S::LANES;
        let panel = self.taps.rows * self.taps.run * block;
        assert!(self.packed.len() >= pass.out_c.div_ceil(block) * panel);
        for (index, panel) in self.packed.chunks_exact(panel).enumerate() {
            let column = index * block;
            let mut pixel = 0;
            while pixel < self.source_at.len() {
                let rows = ROWS.min(self.source_at.len() - pixel);
                // SAFETY: the assertions above; rows pixels from `pixel` on exist.
                unsafe {
                    match rows {
                        6 => self.tile::<S, 6>(simd, source, panel, pixel, column),
                        5 => self.tile::<S, 5>(simd, source, panel, pixel, column),
                        4 => self.tile::<S, 4>(simd, source, panel, pixel, column),
                        3 => self.tile::<S, 3>(simd, source, panel, pixel, column),
                        2 => self.tile::<S, 2>(simd, source, panel, pixel, column),
                        _ => self.tile::<S, 1>(simd, source, panel, pixel, column),
                    }
                }
                pixel += rows;
            }
        }
    }
}

impl Block<'_> {
    /// `R` pixels from `pixel` on, by the output channels from `column` on.
    ///
    /// # Safety
    /// The pixels exist, and the assertions of `run` hold.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize>(
        &self,
        simd: S,
        source: &[f32],
        panel: &[f32],
        pixel: usize,
        column: usize,
    ) {
        let columns = (2 * S::LANES).min(self.pass.out_c - column);
        // SAFETY: offsets are bounded by the last pixel's, which `run` checked; each task writes pixels of
        // its own block only.
        unsafe {
            let mut a = [source.as_ptr(); R];
            for (r, a) in a.iter_mut().enumerate() {
                *a = a.add(*self.source_at.get_unchecked(pixel + r));
            }
            let acc = micro::pixels_by_outputs(simd, a, self.taps, panel.as_ptr());
            let zero = simd.splat(0.0);
            let bias = match self.epilogue.bias {
                Some(bias) => micro::load_columns(simd, bias.as_ptr().add(column), columns),
                None => (simd.splat(0.0), simd.splat(0.0)),
            };
            for (r, mut row) in acc.into_iter().enumerate() {
                let at = self.target + self.target_at.get_unchecked(pixel + r) + column;
                row = [simd.add(row[0], bias.0), simd.add(row[1], bias.1)];
                if let Some(residual) = self.epilogue.residual {
                    let other = micro::load_columns(simd, residual.as_ptr().add(at), columns);
                    row = [simd.add(row[0], other.0), simd.add(row[1], other.1)];
                }
                if self.epilogue.activation == Activation::Relu {
                    row = [simd.max(row[0], zero), simd.max(row[1], zero)];
                }
                micro::store_columns(simd, self.out.as_mut_ptr().add(at), row, columns);
            }
        }
    }
}
