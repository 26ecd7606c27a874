//! The shape of a batch of images, and the conversion between NCHW and NHWC.
//!
//! `NCHW[n][c][y][x] = NHWC[n][y][x][c]`

/// The shape of a batch of images, `[N, H, W, C]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Images in the batch.
    pub n: usize,
    /// Height in pixels.
    pub h: usize,
    /// Width in pixels.
    pub w: usize,
    /// Channels.
    pub c: usize,
}

impl Image {
    /// The number of elements, `n h w c`.
    pub fn len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of channel `c` of pixel `(y, x)` of image `n` in an `[N, H, W, C]` slice.
    pub fn at(&self, n: usize, y: usize, x: usize, c: usize) -> usize {
        ((n * self.h + y) * self.w + x) * self.c + c
    }

    /// The same place in an `[N, C, H, W]` slice.
    fn at_nchw(&self, n: usize, y: usize, x: usize, c: usize) -> usize {
        ((n * self.c + c) * self.h + y) * self.w + x
    }

    /// Calls `f` with every `(n, y, x, c)` in channels-last order.
    pub(crate) fn for_each(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        for n in 0..self.n {
            for y in 0..self.h {
                for x in 0..self.w {
                    for c in 0..self.c {
                        f(n, y, x, c);
                    }
                }
            }
        }
    }
}

/// `[N, C, H, W]` to `[N, H, W, C]`; works for any element.
pub fn nchw_to_nhwc<T: Copy + Default>(values: &[T], shape: &Image) -> Vec<T> {
    assert_eq!(values.len(), shape.len(), "nchw_to_nhwc: the slice is not of shape {shape:?}");
    let mut out = vec![T::default(); values.len()];
    shape.for_each(|n, y, x, c| out[shape.at(n, y, x, c)] = values[shape.at_nchw(n, y, x, c)]);
    out
}

/// `[N, H, W, C]` to `[N, C, H, W]`; works for any element.
pub fn nhwc_to_nchw<T: Copy + Default>(values: &[T], shape: &Image) -> Vec<T> {
    assert_eq!(values.len(), shape.len(), "nhwc_to_nchw: the slice is not of shape {shape:?}");
    let mut out = vec![T::default(); values.len()];
    shape.for_each(|n, y, x, c| out[shape.at_nchw(n, y, x, c)] = values[shape.at(n, y, x, c)]);
    out
}

/// Widens every element; exact.
pub fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_move_to_the_end_and_back() {
        let shape = Image { n: 1, h: 1, w: 3, c: 2 };
        let nchw = [1, 2, 3, 10, 20, 30];
        let nhwc = nchw_to_nhwc(&nchw, &shape);
        assert_eq!(nhwc, [1, 10, 2, 20, 3, 30]);
        assert_eq!(nhwc_to_nchw(&nhwc, &shape), nchw);
    }

    #[test]
    fn there_and_back_is_the_identity_on_an_odd_shape() {
        let shape = Image { n: 2, h: 3, w: 5, c: 7 };
        let values: Vec<usize> = (0..shape.len()).collect();
        assert_eq!(nhwc_to_nchw(&nchw_to_nhwc(&values, &shape), &shape), values);
    }
}
