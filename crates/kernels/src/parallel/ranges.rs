//! Ways to cut `0..len`. Which one a kernel uses decides the order of its partial sums, and so its bits.
//!
//! | | parts | |
//! |---|---|---|
//! | [`pieces`], [`piece`] | of one given length | the last may be shorter |
//! | [`share`] | a given number | bounds are rounded down, so the longer parts are spread evenly |
//! | [`Shares`] | a given number | the longer ones come first |

use std::ops::Range;

/// Cuts `0..len` into pieces of `piece` (the last may be shorter): their number.
pub(crate) fn pieces(len: usize, piece: usize) -> usize {
    len.div_ceil(piece.max(1))
}

/// The `index`-th piece of `0..len` cut by [`pieces`].
pub(crate) fn piece(len: usize, piece: usize, index: usize) -> Range<usize> {
    let start = index * piece;
    start..(start + piece).min(len)
}

/// The `index`-th of `shares` almost equal parts of `0..len`.
pub(crate) fn share(len: usize, shares: usize, index: usize) -> Range<usize> {
    index * len / shares..(index + 1) * len / shares
}

/// Almost equal parts of `0..len`, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    even: usize,
    longer: usize,
    shares: usize,
    index: usize,
    start: usize,
}

impl Shares {
    /// Cuts `0..len` into `shares` parts; none if `shares` is 0.
    #[inline(always)]
    pub(crate) fn of(len: usize, shares: usize) -> Self {
        let divisor = shares.max(1);
        Shares { even: len / divisor, longer: len % divisor, shares, index: 0, start: 0 }
    }

    /// Cuts `0..len` into the fewest parts of at most `most`: 16 by 6 are 6, 5 and 5, not 6, 6 and 4.
    #[inline(always)]
    pub(crate) fn of_at_most(len: usize, most: usize) -> Self {
        Shares::of(len, len.div_ceil(most))
    }
}

impl ExactSizeIterator for Shares {
    #[inline(always)]
    fn len(&self) -> usize {
        self.shares - self.index
    }
}

impl Iterator for Shares {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        if self.index == self.shares {
            return None;
        }
        let end = self.start + self.even + usize::from(self.index < self.longer);
        let share = self.start..end;
        (self.index, self.start) = (self.index + 1, end);
        Some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_range_once() {
        for (len, size) in [(0, 4), (1, 4), (8, 4), (9, 4), (3, 100)] {
            let all: Vec<usize> = (0..pieces(len, size)).flat_map(|index| piece(len, size, index)).collect();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shares_cover_the_range_once_and_differ_by_one_at_most() {
        for (len, shares) in [(16, 3), (5, 5), (2, 3), (0, 1)] {
            let spread: Vec<_> = (0..shares).map(|index| share(len, shares, index)).collect();
            let longer_first: Vec<_> = Shares::of(len, shares).collect();
            for cut in [&spread, &longer_first] {
                assert_eq!(cut.iter().cloned().flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
                assert!(cut.iter().all(|share| (len / shares..=len.div_ceil(shares)).contains(&share.len())));
            }
            assert!(longer_first.is_sorted_by_key(|share| std::cmp::Reverse(share.len())));
        }
        assert_eq!(Shares::of_at_most(16, 6).map(|share| share.len()).collect::<Vec<_>>(), [6, 5, 5]);
        assert_eq!(Shares::of_at_most(0, 6).len(), 0);
    }
}
