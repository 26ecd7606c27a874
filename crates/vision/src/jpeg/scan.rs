//! Files of one scan: each block is read, transformed if the window needs it, and forgotten.

use resnet_kernels::Isa;
use resnet_kernels::simd::{Kernel, Simd, dispatch};

use super::Damaged;
use super::block::{Coefficients, Layout};
use super::grid::Grid;
use super::headers::Headers;
use super::huffman::{Bits, Table};
use super::pairs::{END, Pairs};
use super::planes::Plane;
use crate::pixels::Window;

/// The entropy-coded data of a scan without its stuffing.
pub(super) struct Entropy<'a> {
    bytes: Vec<u8>,
    /// Where the stretches between restarts end in `bytes`.
    ends: Vec<usize>,
    /// How many restarts, from the first on, have a number that libjpeg accepts without a search.
    in_order: usize,
    /// What follows in the file.
    pub(super) rest: &'a [u8],
}

impl<'a> Entropy<'a> {
    /// Reads up to a marker that is no restart, or the end of the file.
    pub(super) fn new(data: &'a [u8]) -> Self {
        let mut bytes = Vec::with_capacity(data.len());
        let mut ends = Vec::new();
        let mut in_order = 0;
        let mut from = 0;
        let rest = loop {
            let plain = until_ff(&data[from..]);
            bytes.extend_from_slice(&data[from..from + plain]);
            from += plain;
            match data.get(from + 1) {
                Some(0) => {
                    bytes.push(0xff);
                    from += 2;
                }
                Some(0xff) => from += 1,
                Some(&number @ 0xd0..=0xd7) => {
                    // If a number is off by one or two, libjpeg searches for the right place. One that is
                    // further off it accepts.
                    let off = usize::from(number - 0xd0).wrapping_sub(ends.len()) % 8;
                    if in_order == ends.len() && matches!(off, 0 | 3..=5) {
                        in_order += 1;
                    }
                    ends.push(bytes.len());
                    from += 2;
                }
                _ => break &data[from..],
            }
        };
        ends.push(bytes.len());
        Self { bytes, ends, in_order, rest }
    }

    /// The stretch after `restart` restarts.
    pub(super) fn stretch(&self, restart: usize) -> Result<Bits<'_>, Damaged> {
        if restart > self.in_order {
            return Err(Damaged);
        }
        let end = *self.ends.get(restart).ok_or(Damaged)?;
        let start = if restart == 0 { 0 } else { self.ends[restart - 1] };
        Ok(Bits::new(&self.bytes[start..end]))
    }

    /// Whether the data can hold `blocks` blocks, each of at least one bit.
    pub(super) fn can_hold(&self, blocks: usize) -> bool {
        8 * self.bytes.len() >= blocks
    }
}

/// How many bytes come before the first 0xff.
fn until_ff(data: &[u8]) -> usize {
    let (eights, _) = data.as_chunks::<8>();
    let has_ff = |eight: &[u8; 8]| {
        let inverse = !u64::from_le_bytes(*eight);
        inverse.wrapping_sub(0x0101_0101_0101_0101) & !inverse & 0x8080_8080_8080_8080 != 0
    };
    let start = 8 * eights.iter().position(has_ff).unwrap_or(eights.len());
    let within = data[start..].iter().position(|&byte| byte == 0xff);
    within.map_or(data.len(), |place| start + place)
}

/// A scan with fewer bytes is read faster than its tables of pairs are made.
const WORTH_PAIRS: usize = 4096;

/// A component's part in the scan.
struct Part<'a> {
    across: usize,
    down: usize,
    dc: &'a Table,
    ac: &'a Table,
    pairs: Option<&'a Pairs>,
    layout: Layout,
    /// The first coefficient (DC) of the last block.
    previous: i32,
    plane: Plane,
}

/// The planes of every component, as far as `window` needs them.
pub(super) fn planes(headers: &Headers<'_>, grid: &Grid, window: &Window) -> Result<Vec<Plane>, Damaged> {
    let (frame, tables) = (&headers.frame, &headers.tables);
    let entropy = Entropy::new(headers.data);
    let units = grid.needed(window);
    let (across, down) = frame.units();
    if !entropy.can_hold(across * down) {
        return Err(Damaged);
    }
    let slots: [_; 4] = std::array::from_fn(|slot| {
        let used = headers.scan.parts.iter().any(|&(.., ac)| ac == slot);
        let table = tables.ac[slot].as_ref().filter(|_| used && entropy.bytes.len() >= WORTH_PAIRS);
        table.map(Pairs::new)
    });
    let part = |&(component, dc, ac): &(usize, usize, usize)| -> Result<Part<'_>, Damaged> {
        let own = &frame.components[component];
        Ok(Part {
            across: own.across,
            down: own.down,
            dc: tables.dc[dc].as_ref().ok_or(Damaged)?,
            ac: tables.ac[ac].as_ref().ok_or(Damaged)?,
            pairs: slots[ac].as_ref(),
            layout: Layout::new(
                &tables.quantisation[own.quantisation].ok_or(Damaged)?,
                grid.components[component].side,
            ),
            previous: 0,
            plane: Plane::new(grid.components[component], &units),
        })
    };
    let mut parts = headers.scan.parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let mut bits = entropy.stretch(0)?;
    let isa = Isa::best();
    for row in 0..units.1.end {
        // In the last row, nothing after the window matters.
        let end = if row + 1 == units.1.end { units.0.end } else { across };
        let mut column = 0;
        while column < end {
            let unit = row * across + column;
            let until = match tables.restart {
                0 => end,
                interval => {
                    if unit > 0 && unit.is_multiple_of(interval) {
                        bits = entropy.stretch(unit / interval)?;
                        parts.iter_mut().for_each(|part| part.previous = 0);
                    }
                    end.min(column + interval - unit % interval)
                }
            };
            let wanted = if units.1.contains(&row) { units.0.clone() } else { 0..0 };
            let units =
                Units { isa, parts: &mut parts, bits: &mut bits, row, columns: column..until, wanted };
            dispatch(isa, units)?;
            if bits.overrun() {
                return Err(Damaged);
            }
            column = until;
        }
    }
    // The scan may name components in any order.
    let mut order: Vec<(usize, Plane)> = headers
        .scan
        .parts
        .iter()
        .zip(parts)
        .map(|(&(component, ..), part)| (component, part.plane))
        .collect();
    order.sort_by_key(|(component, _)| *component);
    Ok(order.into_iter().map(|(_, plane)| plane).collect())
}

/// Some units of a row without a restart between them.
struct Units<'u, 'p, 'b> {
    isa: Isa,
    parts: &'u mut [Part<'p>],
    bits: &'u mut Bits<'b>,
    row: usize,
    columns: std::ops::Range<usize>,
    /// The columns whose pixels are wanted.
    wanted: std::ops::Range<usize>,
}

impl Kernel for Units<'_, '_, '_> {
    type Output = Result<(), Damaged>;

    // Compiled for the best instruction set: its shifts by a variable number of bits are what reading needs.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Result<(), Damaged> {
        let mut block = Coefficients::new();
        // A copy stays in registers, as long as its address is not taken.
        let mut bits = self.bits.clone();
        for column in self.columns {
            let is_wanted = self.wanted.contains(&column);
            for part in self.parts.iter_mut() {
                for down in 0..part.down {
                    for across in 0..part.across {
                        if !is_wanted {
                            read(part, &mut bits, |_, _, _| ())?;
                            continue;
                        }
                        let put = |layout: &Layout, place, number| block.put(layout, place, number);
                        let extent = read(part, &mut bits, put)?;
                        let (x, y) = (column * part.across + across, self.row * part.down + down);
                        let stride = part.plane.stride;
                        let out = part.plane.block(x, y);
                        match extent {
                            Extent::Flat => part.layout.flat(block.first(), out, stride),
                            Extent::Whole => {
                                part.layout.inverse(self.isa, &block, out, stride);
                                block.clear();
                            }
                        }
                    }
                }
            }
        }
        *self.bits = bits;
        Ok(())
    }
}

/// Which coefficients a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Only the first (DC).
    Flat,
    Whole,
}

/// Reads a block: gives each of its coefficients that is not zero to `put`, with its place in the order of
/// the file. Zeros may be given as well, and any numbers for places from 64 to 255, which are not in the
/// block.
#[inline(always)]
fn read(
    part: &mut Part<'_>,
    bits: &mut Bits<'_>,
    mut put: impl FnMut(&Layout, usize, i16),
) -> Result<Extent, Damaged> {
    let (_, difference) = part.dc.next(bits)?;
    part.previous = part.previous.wrapping_add(difference);
    put(&part.layout, 0, part.previous as i16);
    let mut place = 1;
    while place < 64 {
        if let Some(pairs) = part.pairs {
            bits.refill();
            let mut pair = pairs.look(bits);
            pair.put(bits, |ahead, number| put(&part.layout, place + ahead, number));
            if place + pair.advance() < 64 {
                // One refill brings enough bits for two lookups.
                bits.consume(pair.all());
                place += pair.advance();
                pair = pairs.look(bits);
                pair.put(bits, |ahead, number| put(&part.layout, place + ahead, number));
            }
            let next = place + pair.advance();
            if next <= 64 || (1 + END..64 + END).contains(&next) {
                bits.consume(pair.all());
                place = next;
                continue;
            }
            // The first of the two was the block's last, or its code is long, or something is wrong.
        }
        let (run, number) = part.ac.next(bits)?;
        if number == 0 && run < 15 {
            place += END;
            break;
        }
        place += run;
        if number != 0 {
            if place > 63 {
                return Err(Damaged);
            }
            put(&part.layout, place, number as i16);
        }
        place += 1;
    }
    Ok(if place == 1 + END { Extent::Flat } else { Extent::Whole })
}

#[cfg(test)]
mod tests {
    use super::super::grid::Samples;
    use super::super::huffman::Class;
    use super::*;

    #[test]
    fn stuffing_and_restarts_are_taken_out() {
        let mut data = b"abcdefghijk\xff\0lmnopqrstuvwxyz\xff\xd0123\xff\xff\xd1".to_vec();
        data.extend(b"\xff\0\xff\0\xff\xd9rest");
        let entropy = Entropy::new(&data);
        assert_eq!(entropy.bytes, b"abcdefghijk\xfflmnopqrstuvwxyz123\xff\xff");
        assert_eq!(entropy.ends, [27, 30, 32]);
        assert_eq!(entropy.rest, b"\xff\xd9rest");
        assert!(entropy.stretch(3).is_err());
        for length in 0..data.len() {
            let cut = Entropy::new(&data[..length]);
            assert!(cut.rest.len() <= 1 || cut.rest.starts_with(b"\xff\xd9"), "{length}");
        }
    }

    /// A code with random lengths for the symbols from 0 to 255 in random order.
    fn random_table(next: &mut impl FnMut(u32) -> u32) -> Table {
        let mut symbols: Vec<u8> = (0..=255).collect();
        for i in (1..256).rev() {
            symbols.swap(i, next(i as u32 + 1) as usize);
        }
        let (mut counts, mut free, mut left) = ([0; 16], 1, 256);
        for (length, count) in counts.iter_mut().enumerate() {
            free = (2 * free).min(1 << 12);
            // Short codes for few, or there would be none for the others.
            let most = if length < 15 { (free / 2).min(left / 4) } else { (free - 1).min(left) };
            let taken = next(most + 1);
            *count = taken as u8;
            (free, left) = (free - taken, left - taken);
        }
        Table::new(&counts, &symbols, Class::Ac).unwrap()
    }

    #[test]
    fn two_symbols_a_lookup_are_the_same_as_one() {
        let mut state = 3u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let dc =
            Table::new(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0, 3, 9], Class::Dc).unwrap();
        let grid = Samples { side: 8, across: 1, down: 1, by: (1, 1), width: 8, height: 8, filtered: true };
        let (mut blocks, mut whole) = (0, 0);
        for _ in 0..2000 {
            let ac = random_table(&mut next);
            let pairs = Pairs::new(&ac);
            let part = |pairs| Part {
                across: 1,
                down: 1,
                dc: &dc,
                ac: &ac,
                pairs,
                layout: Layout::new(&[1; 64], 8),
                previous: 0,
                plane: Plane::new(grid, &(0..1, 0..1)),
            };
            let (mut singly, mut paired) = (part(None), part(Some(&pairs)));
            let data: Vec<u8> = (0..200).map(|_| next(256) as u8).collect();
            let (mut bits, mut pair_bits) = (Bits::new(&data), Bits::new(&data));
            for _ in 0..40 {
                let (mut block, mut other) = (Coefficients::new(), Coefficients::new());
                let put = |layout: &Layout, place, number| block.put(layout, place, number);
                let expected = read(&mut singly, &mut bits, put);
                let put = |layout: &Layout, place, number| other.put(layout, place, number);
                assert_eq!(read(&mut paired, &mut pair_bits, put), expected);
                if expected.is_err() {
                    break;
                }
                assert_eq!(other.all(), block.all());
                assert_eq!(pair_bits.taken(), bits.taken());
                (blocks, whole) = (blocks + 1, whole + usize::from(expected == Ok(Extent::Whole)));
            }
        }
        assert!(blocks > 500 && whole > 300, "{blocks} {whole}");
    }

    #[test]
    fn the_first_ff_is_found_wherever_it_is() {
        for length in 0..40 {
            for place in 0..length {
                let mut data = vec![0xfe; length];
                assert_eq!(until_ff(&data), length);
                data[place] = 0xff;
                data[length - 1] = 0xff;
                assert_eq!(until_ff(&data), place);
            }
        }
    }
}
