//! Huffman codes of JPEG (ITU-T T.81, annexes C and F): tables that decode a code and its number in one
//! lookup, and the bit reader.

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

/// The table entry for ten bits.
///
/// If the ten bits hold a code and its whole number, bits 16 to 31 are the number, which is never 0, bits 8
/// to 15 the run before it, and bits 0 to 7 the length of code and number together. Otherwise bits 16 to 31
/// are 0, bits 8 to 15 are the symbol, and bits 0 to 7 the length of its code, or 0 if that is longer than
/// ten.
#[derive(Clone, Copy, Debug, Default)]
struct Entry(u32);

impl Entry {
    #[inline(always)]
    fn number(self) -> i32 {
        self.0 as i32 >> 16
    }

    #[inline(always)]
    fn run_or_symbol(self) -> u32 {
        (self.0 >> 8) & 0xff
    }

    #[inline(always)]
    fn length(self) -> u32 {
        self.0 & 0xff
    }
}

/// A code.
#[derive(Clone, Debug)]
pub(super) struct Table {
    looks: Box<[Entry; 1 << LOOK]>,
    /// For each length, the first code that is longer, in the upper bits of 16.
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
                    for low in 0..1usize << (LOOK - length) {
                        table.looks[first + low] = entry(symbol, length, (first + low) as u32);
                    }
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
        let entry = self.look(bits);
        if entry.number() != 0 {
            bits.consume(entry.length());
            return Ok((entry.run_or_symbol() as usize, entry.number()));
        }
        let symbol = if entry.length() > 0 {
            bits.consume(entry.length());
            entry.run_or_symbol()
        } else {
            self.long(bits)?
        };
        let size = symbol & 15;
        let number = if size == 0 { 0 } else { extend(bits.take(size), size) };
        Ok(((symbol >> 4) as usize, number))
    }

    /// The table entry for the next ten bits.
    #[inline(always)]
    fn look(&self, bits: &Bits<'_>) -> Entry {
        self.looks[bits.peek(LOOK) as usize & ((1 << LOOK) - 1)]
    }

    #[cold]
    fn long(&self, bits: &mut Bits<'_>) -> Result<u32, Damaged> {
        let next = bits.peek(16);
        let length = (1..=16).find(|&length| next < self.ends[length]).ok_or(Damaged)?;
        let place = (next >> (16 - length)) as i32 + self.offsets[length];
        bits.consume(length as u32);
        let symbol = usize::try_from(place).ok().and_then(|place| self.symbols.get(place));
        symbol.map(|&symbol| u32::from(symbol)).ok_or(Damaged)
    }
}

/// The table entry for `bits`, which begin with the code of `symbol`, `length` bits long.
fn entry(symbol: u8, length: u32, bits: u32) -> Entry {
    let size = u32::from(symbol & 15);
    let all = length + size;
    if size == 0 || all > LOOK {
        return Entry(u32::from(symbol) << 8 | length);
    }
    let number = extend((bits >> (LOOK - all)) & ((1 << size) - 1), size);
    Entry((number as u32) << 16 | u32::from(symbol >> 4) << 8 | all)
}

/// The number that `size > 0` bits stand for: below half their range they are negative (T.81, F.12).
#[inline(always)]
fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
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

    /// Makes sure that at least 32 bits are available.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.left < 32 {
            let next = match self.data.get(self.place..).and_then(|rest| rest.first_chunk()) {
                Some(eight) => u64::from_be_bytes(*eight),
                None => self.tail(),
            };
            // Bits beyond `left` are those that the next refill brings again: to `or` them twice changes
            // nothing.
            self.window |= next >> self.left;
            let bytes = (63 - self.left) / 8;
            self.place += bytes as usize;
            self.left += 8 * bytes;
        }
    }

    #[cold]
    fn tail(&self) -> u64 {
        let rest = self.data.get(self.place..).unwrap_or(&[]);
        let mut eight = [0; 8];
        eight[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(eight)
    }

    /// The next `count` bits, 1 to 32.
    #[inline(always)]
    fn peek(&self, count: u32) -> u32 {
        (self.window >> (64 - count)) as u32
    }

    #[inline(always)]
    fn consume(&mut self, count: u32) {
        self.window <<= count;
        self.left -= count;
    }

    /// The next `count` bits, 1 to 16, of the 16 that must be there.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek(count);
        self.consume(count);
        bits
    }

    /// Whether more bits were taken than there were.
    pub(super) fn overrun(&self) -> bool {
        8 * self.place - self.left as usize > 8 * self.data.len()
    }
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
        assert_eq!([0, 1].map(|bits| extend(bits, 1)), [-1, 1]);
        assert_eq!([0, 3, 4, 7].map(|bits| extend(bits, 3)), [-7, -4, 4, 7]);
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
