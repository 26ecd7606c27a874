//! Two symbols per lookup: how the coefficients of large scans are read.
//!
//! Each lookup has to wait for the one before it, which tells where the next code begins. So fewer lookups
//! are faster: one table entry has the next two symbols, if both their codes lie within eleven bits. The rest
//! is computed from the entry without branches, which would be mispredicted. Rare cases have an entry that
//! says so, and are left to [`Table`].

use super::huffman::{Bits, Table, number};

/// Bits that one lookup covers. With eleven, the tables of brightness and of colour fit into a first-level
/// cache of 48 KB.
const LOOK: u32 = 11;

/// What the end of a block adds to [`Pair::advance`].
pub(super) const END: usize = 128;
/// [`Pair::advance`] if no code of up to eleven bits was found.
const UNKNOWN: usize = 192;

/// The lookup table of a code, whose entries have up to two symbols.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    looks: Box<[Pair; 1 << LOOK]>,
}

/// What eleven bits begin with: one symbol or two. In bytes from the lowest on:
///
/// - the bits of all their codes and numbers together, at most 26,
/// - the bits before the first number, and 63 less its own,
/// - the bits before the second number, and 63 less its own,
/// - by how many coefficients the first symbol advances,
/// - by how many both do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair(u64);

impl Pairs {
    /// The code of `table`, which is of class AC.
    pub(super) fn new(table: &Table) -> Self {
        let unknown = Pair::new(0, [(0, 63); 2], [UNKNOWN; 2]);
        let mut alone = [unknown; 1 << LOOK];
        let mut codes: Vec<(usize, u32, Pair)> = Vec::with_capacity(256);
        for (first, length, symbol) in table.codes(LOOK) {
            let pair = Pair::alone(symbol, length);
            alone[first..first + (1 << (LOOK - length))].fill(pair);
            codes.push((first, length, pair));
        }
        let mut looks = Box::new(alone);
        for (first, length, pair) in codes {
            let left = LOOK.saturating_sub(pair.all());
            if left == 0 || pair.advance() >= END {
                continue;
            }
            // The bits of the number do not matter to what may follow it.
            let same = &mut looks[first..first + (1 << (LOOK - length))];
            let (row, others) = same.split_at_mut(1 << left);
            for (bits, look) in row.iter_mut().enumerate() {
                *look = pair.and(alone[bits << pair.all()]);
            }
            others.chunks_exact_mut(1 << left).for_each(|other| other.copy_from_slice(row));
        }
        Self { looks }
    }

    /// The entry for the next eleven bits, which must be available.
    #[inline(always)]
    pub(super) fn look(&self, bits: &Bits<'_>) -> Pair {
        self.looks[(bits.window() >> (64 - LOOK)) as usize]
    }
}

impl Pair {
    fn new(all: u32, numbers: [(u32, u32); 2], advances: [usize; 2]) -> Self {
        let [first, second] = numbers.map(|(skip, free)| [skip as u8, free as u8]);
        let [advance, both] = advances.map(|advance| advance as u8);
        Pair(u64::from_le_bytes([all as u8, first[0], first[1], second[0], second[1], advance, both, 0]))
    }

    /// `symbol` after a code of `length` bits.
    fn alone(symbol: u8, length: u32) -> Self {
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        let advance = if size == 0 && run < 15 { END } else { run + 1 };
        let number = (length, 63 - size);
        // As if the number were there twice, at one place.
        Self::new(length + size, [number; 2], [advance; 2])
    }

    /// Both symbols, if `next` is one whose code lies within the eleven bits; else this one.
    fn and(self, next: Pair) -> Self {
        let (skip, free) = next.first();
        let skip = self.all() + skip;
        if next.advance() >= UNKNOWN || skip > LOOK {
            return self;
        }
        let advances = [self.advance(), self.advance() + next.advance()];
        Self::new(self.all() + next.all(), [self.first(), (skip, free)], advances)
    }

    /// The bits before the first number, and 63 less its own.
    fn first(self) -> (u32, u32) {
        ((self.0 >> 8) as u32 & 0xff, (self.0 >> 16) as u32 & 0xff)
    }

    /// The bits of all codes and numbers together.
    #[inline(always)]
    pub(super) fn all(self) -> u32 {
        self.0 as u32 & 0xff
    }

    /// By how many coefficients both symbols advance: up to 32, from 128 on at the end of a block, 192 if no
    /// code was found.
    #[inline(always)]
    pub(super) fn advance(self) -> usize {
        (self.0 >> 48) as usize
    }

    /// Gives both numbers to `put`, with the places of their coefficients, counted from the next one. A
    /// single number is given twice.
    #[inline(always)]
    pub(super) fn put(self, bits: &Bits<'_>, mut put: impl FnMut(usize, i16)) {
        let number = |skip: u64, free: u64| number(bits.window(), skip as u32, free as u32) as i16;
        // In this order: where there is no second symbol, both have one place.
        put(self.advance() - 1, number(self.0 >> 24, self.0 >> 32));
        put(((self.0 >> 40) as usize & 0xff) - 1, number(self.0 >> 8, self.0 >> 16));
    }
}
