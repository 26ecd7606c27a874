//! Huffman codes of JPEG (ITU-T T.81, annexes C and F): tables that decode one symbol per lookup, and the bit
//! reader.

use super::Damaged;

/// Bits that one lookup covers. With ten, both tables of AC coefficients fit into the first-level cache.
const LOOK: u32 = 10;

/// What a table's symbols stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The number of bits of a difference.
    Dc,
    /// A run of zeros (high four bits) and the number of bits of the coefficient after it (low four).
    Ac,
}

/// The table entry for the next ten bits. Its bytes are, from the lowest on: the length of the code that
/// these bits begin with plus that of its number, or 0 if the code is longer than ten bits; the length of the
/// code; 63 less the length of the number; the symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Entry(u32);

impl Entry {
    fn new(symbol: u8, length: u32) -> Self {
        let size = u32::from(symbol & 15);
        Entry((length + size) | length << 8 | (63 - size) << 16 | u32::from(symbol) << 24)
    }

    #[inline(always)]
    fn all(self) -> u32 {
        self.0 & 0xff
    }

    #[inline(always)]
    fn symbol(self) -> u8 {
        (self.0 >> 24) as u8
    }

    #[inline(always)]
    fn number(self, bits: &Bits<'_>) -> i32 {
        number(bits.window, self.0 >> 8, self.0 >> 16)
    }
}

/// The number after the next `skip` bits of `window`. It has `63 - free` bits; only the lowest six bits of
/// `skip` and `free` count. A number that begins with 0 is negative (T.81, F.12), and one without bits is 0.
#[inline(always)]
pub(super) fn number(window: u64, skip: u32, free: u32) -> i32 {
    let bits = window << (skip & 63);
    let negative = (!bits as i64 >> 63) as u64;
    let size = ((bits ^ negative) >> 1) >> (free & 63);
    (size ^ negative).wrapping_sub(negative) as i32
}

/// A Huffman code.
#[derive(Clone, Debug)]
pub(super) struct Table {
    looks: Box<[Entry; 1 << LOOK]>,
    /// For each length, the end of its codes in 16 bits: what is less begins with a code of this length or a
    /// shorter one.
    ends: [u32; 17],
    /// For each length, what is added to a code to give its symbol's place.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// The code with `counts[i]` codes of `i + 1` bits, for `symbols` in that order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8], class: Class) -> Result<Self, Damaged> {
        let mut table = Self {
            looks: Box::new([Entry::default(); 1 << LOOK]),
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            table.offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                let symbol = *symbols.get(place).ok_or(Damaged)?;
                if code >= 1 << length || (class == Class::Dc && symbol > 15) {
                    return Err(Damaged);
                }
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    table.looks[first..first + (1 << (LOOK - length))].fill(Entry::new(symbol, length));
                }
                code += 1;
                place += 1;
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// The next run of zeros and the number after it, which is 0 where the symbol has no bits for one.
    ///
    /// In a table of class DC the run is 0.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<(usize, i32), Damaged> {
        bits.refill();
        let mut entry = self.look(bits);
        if entry.all() == 0 {
            entry = self.long(bits.peek(16))?;
        }
        let number = entry.number(bits);
        bits.consume(entry.all());
        Ok((usize::from(entry.symbol() >> 4), number))
    }

    /// The table entry for the next ten bits.
    #[inline(always)]
    fn look(&self, bits: &Bits<'_>) -> Entry {
        self.looks[bits.peek(LOOK) as usize & ((1 << LOOK) - 1)]
    }

    #[cold]
    fn long(&self, next: u32) -> Result<Entry, Damaged> {
        let length = (1..=16).find(|&length| next < self.ends[length]).ok_or(Damaged)?;
        let place = (next >> (16 - length)) as i32 + self.offsets[length];
        let symbol = usize::try_from(place).ok().and_then(|place| self.symbols.get(place));
        symbol.map(|&symbol| Entry::new(symbol, length as u32)).ok_or(Damaged)
    }

    /// For each code of up to `longest` bits: its first place in a table over all values of `longest` bits,
    /// its length, its symbol.
    pub(super) fn codes(&self, longest: u32) -> impl Iterator<Item = (usize, u32, u8)> + '_ {
        (1..=longest).flat_map(move |length| {
            let first = self.ends[length as usize - 1] >> (16 - length);
            let end = self.ends[length as usize] >> (16 - length);
            (first..end).map(move |code| {
                let place = code as i32 + self.offsets[length as usize];
                ((code << (longest - length)) as usize, length, self.symbols[place as usize])
            })
        })
    }
}

/// The bits of one stretch of entropy-coded data without stuffing. Beyond the end they are zeros.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The byte after the last one that is wholly in `window`.
    place: usize,
    /// The next bits, the first at the top.
    window: u64,
    /// How many bits of the window count.
    left: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, place: 0, window: 0, left: 0 }
    }

    /// Makes sure that at least 56 bits are available.
    ///
    /// It does so without a test whether that is necessary, since the branch would be mispredicted too often.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let next = match self.data.get(self.place..).and_then(|rest| rest.first_chunk()) {
            Some(eight) => u64::from_be_bytes(*eight),
            None => tail(self.data, self.place),
        };
        // Bits beyond `left` are those that the next refill brings again: to `or` them twice changes nothing.
        self.window |= next >> (self.left & 63);
        self.place += ((63 - self.left) / 8) as usize;
        // As many whole bytes were added as there is room for, which leaves 56 to 63 bits.
        self.left |= 56;
    }

    /// The next `count` bits, 1 to 32.
    #[inline(always)]
    fn peek(&self, count: u32) -> u32 {
        (self.window >> (64 - count)) as u32
    }

    /// The next bits, the first at the top.
    #[inline(always)]
    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Skips the next `count` bits: at most 56, all of them available.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.window <<= count & 63;
        self.left -= count;
    }

    /// Takes the next `count` bits, 1 to 16; at least 16 must be available.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek(count);
        self.consume(count);
        bits
    }

    /// How many bits were taken.
    pub(super) fn taken(&self) -> usize {
        8 * self.place - self.left as usize
    }

    /// Whether more bits were taken than there were.
    pub(super) fn overrun(&self) -> bool {
        self.taken() > 8 * self.data.len()
    }
}

/// Eight bytes from `place` on, zeros where there are none.
#[cold]
fn tail(data: &[u8], place: usize) -> u64 {
    let rest = data.get(place..).unwrap_or(&[]);
    let mut eight = [0; 8];
    eight[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_end_in_zeros() {
        let data: Vec<u8> = (0..23).map(|i| (i * 91 + 7) as u8).collect();
        let mut bits = Bits::new(&data);
        let mut taken = Vec::new();
        while taken.len() < 23 * 8 {
            bits.refill();
            let count = 1 + taken.len() as u32 % 16;
            let value = bits.take(count);
            taken.extend((0..count).rev().map(|i| value >> i & 1));
        }
        let expected = data.iter().flat_map(|byte| (0..8).rev().map(move |i| u32::from(byte >> i & 1)));
        assert!(taken.iter().copied().zip(expected.chain([0; 16])).all(|(a, b)| a == b));
        assert_eq!(bits.overrun(), taken.len() > 23 * 8);
        for _ in 0..20 {
            bits.refill();
            assert_eq!(bits.take(16), 0);
        }
        assert!(bits.overrun());
    }

    #[test]
    fn numbers_extend_as_in_the_standard() {
        let of = |bits: u64, size: u32| number(bits << (60 - size) | 0xf << 60, 4, 63 - size);
        assert_eq!([0, 1].map(|bits| of(bits, 1)), [-1, 1]);
        assert_eq!([0, 3, 4, 7].map(|bits| of(bits, 3)), [-7, -4, 4, 7]);
        assert_eq!([of(0, 15), of(0x7fff, 15), of(0, 0)], [-32_767, 32_767, 0]);
    }

    #[test]
    fn codes_short_and_long_are_read() {
        // Lengths 2, 2, 3 and one of 12 bits; canonical: 00, 01, 100, then 101000000000.
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[11]) = (2, 1, 1);
        let table = Table::new(&counts, &[0x01, 0x02, 0x00, 0xf3], Class::Ac).unwrap();
        // 01 + "10" (2), 101000000000 + "101" (5), 100, 00 + "0" (-1).
        let data = [0b0110_1010, 0b0000_0000, 0b1011_0000, 0b0000_0000];
        let mut bits = Bits::new(&data);
        let mut read = || table.next(&mut bits).unwrap();
        assert_eq!([read(), read(), read(), read()], [(0, 2), (15, 5), (0, 0), (0, -1)]);
    }

    #[test]
    fn impossible_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[0, 1, 2], Class::Ac).is_err());
        counts[0] = 1;
        assert!(Table::new(&counts, &[], Class::Ac).is_err());
        assert!(Table::new(&counts, &[16], Class::Dc).is_err());
        let table = Table::new(&counts, &[5], Class::Dc).unwrap();
        assert!(table.next(&mut Bits::new(&[0xff, 0xff])).is_err());
    }
}
