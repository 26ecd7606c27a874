//! Weighted sums of neighbouring pixels of a row: how an image is resized across.
//!
//! ```text
//! out[i][c] = clamp((sum over j of w[i][j] row[first[i] + j][c] + 1/2) >> 22)
//! ```
//!
//! Weights have 22 bits after the point, as Pillow's: 32, less 8 for the byte, less 2 for sign and overshoot.
//! Sums are taken modulo 2^32, so their order does not matter.

#[cfg(target_arch = "x86_64")]
mod avx2;

use crate::Isa;

/// Bits after the point of a weight.
pub const FRACTION: u32 = 22;
/// One half, so that the shift rounds.
pub(super) const HALF: i32 = 1 << (FRACTION - 1);

/// Pixels that are weighted at once.
pub(super) const GROUP: usize = 4;
/// Sums that are made at once.
pub(super) const BLOCK: usize = 8;

/// The pixels of a row that each sum adds up, and their weights.
#[derive(Clone, Debug)]
pub struct RowTaps {
    /// Pixels of a row.
    width: usize,
    /// Of each sum: its first pixel and its weights.
    taps: Vec<(usize, Vec<i32>)>,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    split: Option<Split>,
}

/// [`RowTaps`] prepared for vectors: whole groups of pixels, each weight as two numbers of 16 bits,
/// `w = 2^15 high + low`.
#[derive(Clone, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(super) struct Split {
    /// Groups of pixels that each sum is of.
    pub(super) groups: usize,
    /// For each block of sums, the first pixel of each sum. From it on, `groups` whole groups lie in the row.
    pub(super) firsts: Vec<[usize; BLOCK]>,
    /// For each block, group and pair of sums four apart: what its pixels are multiplied with.
    pub(super) weights: Vec<[Weights; BLOCK / 2]>,
}

/// The weights of a group of pixels in two sums, four apart: at index 0 those of its first two pixels, at
/// index 1 those of its other two. Lanes 0 to 7 are the first sum's, 8 to 15 the second's; each repeats its
/// pair of weights once per channel.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
#[repr(C, align(32))]
pub(super) struct Weights {
    pub(super) high: [[i16; 16]; 2],
    pub(super) low: [[i16; 16]; 2],
}

impl RowTaps {
    /// Sums over rows of `width` pixels, one for each of `taps`: the place of its first pixel, and the
    /// weights of the pixels from there on, with [`FRACTION`] bits after the point.
    ///
    /// # Panics
    /// If pixels lie outside of the row.
    pub fn new(width: usize, taps: Vec<(usize, Vec<i32>)>) -> Self {
        let fits = |(first, weights): &(usize, Vec<i32>)| *first <= width && weights.len() <= width - first;
        assert!(taps.iter().all(fits), "a row of {width} pixels has too few");
        let split = Split::new(width, &taps);
        Self { width, taps, split }
    }

    /// How many sums there are.
    pub fn sums(&self) -> usize {
        self.taps.len()
    }
}

impl Split {
    /// None if a row is shorter than the groups of a sum, or a weight too large to be split.
    fn new(width: usize, taps: &[(usize, Vec<i32>)]) -> Option<Self> {
        if taps.iter().flat_map(|(_, weights)| weights).any(|w| i16::try_from(w >> 15).is_err()) {
            return None;
        }
        let most = taps.iter().map(|(_, weights)| weights.len()).max()?;
        let groups = most.div_ceil(GROUP).max(1);
        let last = width.checked_sub(groups * GROUP)?;
        // Moved to the left where the row would end before the groups do.
        let first = |i: usize| taps.get(i).map_or(0, |(first, _)| *first.min(&last));
        let weight = |i: usize, place: usize| {
            let Some((first, weights)) = taps.get(i) else { return 0 };
            let place = place.checked_sub(first - first.min(&last));
            place.and_then(|place| weights.get(place)).copied().unwrap_or(0)
        };
        let starts = (0..taps.len()).step_by(BLOCK);
        let pair = |start: usize, group: usize, j: usize| {
            let of = |part: fn(i32) -> i16, half: usize| {
                std::array::from_fn(|lane| {
                    let (sum, pixel) = (start + j + lane / 8 * (BLOCK / 2), 2 * half + lane % 2);
                    part(weight(sum, GROUP * group + pixel))
                })
            };
            let (high, low) = (|w: i32| (w >> 15) as i16, |w: i32| (w & 0x7fff) as i16);
            Weights { high: [of(high, 0), of(high, 1)], low: [of(low, 0), of(low, 1)] }
        };
        Some(Split {
            groups,
            firsts: starts.clone().map(|start| std::array::from_fn(|j| first(start + j))).collect(),
            weights: starts
                .flat_map(|start| {
                    (0..groups).map(move |group| std::array::from_fn(|j| pair(start, group, j)))
                })
                .collect(),
        })
    }
}

/// Writes the sums of `taps` over `row` to `out`, each of four channels by itself, rounded and clamped to
/// bytes.
///
/// # Panics
/// If `row` has another width than `taps`, or `out` another length than there are sums.
pub fn blend_row(isa: Isa, row: &[[u8; 4]], taps: &RowTaps, out: &mut [[u8; 4]]) {
    assert!(row.len() == taps.width && out.len() == taps.taps.len(), "a row of another width");
    #[cfg(target_arch = "x86_64")]
    if let (Some(avx2), Some(split)) = (isa.avx2(), &taps.split) {
        // SAFETY: the row has the width that `split` was made for.
        return unsafe { avx2::blend_row(avx2, row, split, out) };
    }
    let _ = isa;
    portable(row, taps, out);
}

/// The definition.
fn portable(row: &[[u8; 4]], taps: &RowTaps, out: &mut [[u8; 4]]) {
    for ((first, weights), out) in taps.taps.iter().zip(out) {
        let mut sums = [HALF; 4];
        for (pixel, &weight) in row[*first..].iter().zip(weights) {
            for c in 0..4 {
                sums[c] = sums[c].wrapping_add(i32::from(pixel[c]).wrapping_mul(weight));
            }
        }
        *out = sums.map(|sum| (sum >> FRACTION).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use resnet_testing::table;

    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut state = 5u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for (width, sums, most) in
            [(1, 3, 1), (4, 9, 4), (5, 8, 5), (7, 16, 3), (37, 23, 9), (300, 224, 4), (64, 1, 64), (9, 0, 1)]
        {
            let row: Vec<[u8; 4]> = (0..width).map(|_| std::array::from_fn(|_| next(256) as u8)).collect();
            let mut taps: Vec<(usize, Vec<i32>)> = (0..sums)
                .map(|_| {
                    let first = next(width as u32) as usize;
                    let count = (1 + next(most)).min((width - first) as u32);
                    // Bicubic weights are negative in part, and more than one.
                    (first, (0..count).map(|_| next(6 << 20) as i32 - (1 << 20)).collect())
                })
                .collect();
            if width == 37 {
                taps[3].1[0] = i32::MAX;
            }
            let taps = RowTaps::new(width, taps);
            let mut expected = vec![[9; 4]; sums];
            portable(&row, &taps, &mut expected);
            table::run(&Isa::available(), |&isa| {
                let mut out = vec![[7; 4]; sums];
                blend_row(isa, &row, &taps, &mut out);
                (out == expected).then_some(()).ok_or(format!("{width} {sums} {most}: {out:?} {expected:?}"))
            });
        }
    }
}
