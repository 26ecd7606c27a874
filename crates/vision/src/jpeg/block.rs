//! A block: its coefficients, in the order that the inverse transform reads, and how they become samples.

use resnet_kernels::Isa;
use resnet_kernels::pixels::{inverse_dct, place};

use super::headers::ZIGZAG;
use super::reduced;

/// The coefficients of a block before they are multiplied by the quantisation steps, in the order of a
/// [`Layout`]. After the 64 there is room for places beyond the end of a block, so that no coefficient needs
/// a check of its place.
pub(super) struct Coefficients([i16; 256]);

impl Coefficients {
    /// Zeros.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([0; 256])
    }

    /// Sets the coefficient at `place` in the order of the file. Places from 64 to 255 are not in the block
    /// and have no effect.
    #[inline(always)]
    pub(super) fn put(&mut self, layout: &Layout, place: usize, number: i16) {
        self.0[usize::from(layout.order[place & 0xff])] = number;
    }

    /// The first coefficient.
    #[inline(always)]
    pub(super) fn first(&self) -> i16 {
        self.0[0]
    }

    /// The 64 coefficients.
    #[inline(always)]
    pub(super) fn all(&self) -> &[i16; 64] {
        self.0.first_chunk().expect("there are more than 64")
    }

    /// Sets all coefficients to zero.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.0[..64].fill(0);
    }
}

/// How the blocks of a component lie in memory, and how they are transformed.
pub(super) struct Layout {
    /// Where the coefficients of a block are, for each place in the order of the file.
    order: &'static [u8; 256],
    /// The quantisation steps that coefficients are multiplied by, in the order of a block.
    steps: [i16; 64],
    /// Rows and columns of samples that a block becomes: 8, 4, 2 or 1.
    side: usize,
}

/// By rows, for reduced scales.
static BY_ROWS: [u8; 256] = order(Order::Rows);
/// In the order that the kernel `inverse_dct` reads, for full scale.
static OF_THE_KERNEL: [u8; 256] = order(Order::Kernel);

#[derive(Clone, Copy)]
enum Order {
    Rows,
    Kernel,
}

const fn order(how: Order) -> [u8; 256] {
    let mut order = [64; 256];
    let mut i = 0;
    while i < 64 {
        let natural = ZIGZAG[i];
        order[i] = match how {
            Order::Rows => natural,
            Order::Kernel => place(natural as usize / 8, natural as usize % 8) as u8,
        };
        i += 1;
    }
    order
}

impl Layout {
    /// For blocks that become `side` x `side` samples; `quantisation` is in the order of the file.
    pub(super) fn new(quantisation: &[u16; 64], side: usize) -> Self {
        let order = if side == 8 { &OF_THE_KERNEL } else { &BY_ROWS };
        let mut steps = [0; 64];
        for (place, &step) in quantisation.iter().enumerate() {
            // Only the lower sixteen bits of a product count.
            steps[usize::from(order[place])] = step as i16;
        }
        Self { order, steps, side }
    }

    /// Writes the samples of a block to `out`, the rows `stride` apart.
    #[inline(always)]
    pub(super) fn inverse(&self, isa: Isa, block: &Coefficients, out: &mut [u8], stride: usize) {
        match self.side {
            8 => inverse_dct(isa, block.all(), &self.steps, out, stride),
            1 => self.flat(block.first(), out, stride),
            side => {
                let product = |i: usize| i32::from(block.0[i]) * i32::from(self.steps[i] as u16);
                reduced::inverse(&std::array::from_fn(product), out, stride, side);
            }
        }
    }

    /// [`inverse`](Self::inverse) of a block whose only coefficient that is not zero is its first.
    #[inline(always)]
    pub(super) fn flat(&self, first: i16, out: &mut [u8], stride: usize) {
        // As in the transform, the value is kept in 16 bits, two of them fractional.
        let kept = i32::from(first.wrapping_mul(self.steps[0]) << 2);
        let value = (((kept + 16) >> 5) + 128).clamp(0, 255) as u8;
        for line in out.chunks_mut(stride).take(self.side) {
            line[..self.side].fill(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_block_matches_the_general_transform() {
        for step in [1, 16] {
            let layout = Layout::new(&[step; 64], 8);
            for first in
                (-1100 / step as i16..1100 / step as i16).chain([2047, 2048, 9000, i16::MAX, i16::MIN])
            {
                let mut block = Coefficients::new();
                block.put(&layout, 0, first);
                let (mut all, mut short) = ([0; 64], [0; 64]);
                layout.inverse(Isa::best(), &block, &mut all, 8);
                layout.flat(first, &mut short, 8);
                assert_eq!(all, short);
            }
        }
    }

    #[test]
    fn what_lies_behind_a_block_is_not_in_it() {
        for side in [8, 4] {
            let layout = Layout::new(&[1; 64], side);
            let mut block = Coefficients::new();
            (64..256).for_each(|place| block.put(&layout, place, 7));
            assert_eq!(*block.all(), [0; 64]);
            (0..64).for_each(|place| block.put(&layout, place, place as i16 + 1));
            assert!(block.all().iter().all(|&number| number != 0));
            block.clear();
            assert_eq!(*block.all(), [0; 64]);
        }
    }

    #[test]
    fn a_block_of_one_sample_is_its_mean() {
        let layout = Layout::new(&[3; 64], 1);
        let mut block = Coefficients::new();
        (0..64).for_each(|place| block.put(&layout, place, 40));
        let mut out = [0; 5];
        layout.inverse(Isa::best(), &block, &mut out, 5);
        assert_eq!(out, [128 + 15, 0, 0, 0, 0]);
    }
}
