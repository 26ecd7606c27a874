//! Files of one scan: each block is read, transformed if the window needs it, and forgotten.

use resnet_kernels::Isa;
use resnet_kernels::simd::{Kernel, Simd, dispatch};

use super::grid::Grid;
use super::headers::{Headers, ZIGZAG};
use super::huffman::{Bits, Table};
use super::planes::Plane;
use super::{Damaged, Window, idct};

/// The entropy-coded data of a scan without its stuffing.
pub(super) struct Entropy<'a> {
    bytes: Vec<u8>,
    /// Where the stretches between restarts end in `bytes`.
    ends: Vec<usize>,
    /// How many restarts, from the first on, have numbers after which libjpeg simply goes on.
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
                    // One or two too many or too few make libjpeg look for the right place; those further off
                    // it takes for the right one.
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

/// A component's part in the scan.
struct Part<'a> {
    across: usize,
    down: usize,
    dc: &'a Table,
    ac: &'a Table,
    /// In the order of the file.
    quantisation: [i32; 64],
    /// The last block's first coefficient.
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
    let part = |&(component, dc, ac): &(usize, usize, usize)| -> Result<Part<'_>, Damaged> {
        let own = &frame.components[component];
        Ok(Part {
            across: own.across,
            down: own.down,
            dc: tables.dc[dc].as_ref().ok_or(Damaged)?,
            ac: tables.ac[ac].as_ref().ok_or(Damaged)?,
            quantisation: tables.quantisation[own.quantisation].ok_or(Damaged)?.map(i32::from),
            previous: 0,
            plane: Plane::new(grid.components[component], &units),
        })
    };
    let mut parts = headers.scan.parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let mut bits = entropy.stretch(0)?;
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
            dispatch(
                Isa::best(),
                Units { parts: &mut parts, bits: &mut bits, row, columns: column..until, wanted },
            )?;
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
    parts: &'u mut [Part<'p>],
    bits: &'u mut Bits<'b>,
    row: usize,
    columns: std::ops::Range<usize>,
    /// The columns whose pixels are wanted.
    wanted: std::ops::Range<usize>,
}

impl Kernel for Units<'_, '_, '_> {
    type Output = Result<(), Damaged>;

    // Compiled for the best instruction set, so that the compiler can vectorise the transform.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Result<(), Damaged> {
        let mut block = [0; 64];
        for column in self.columns {
            for part in self.parts.iter_mut() {
                for down in 0..part.down {
                    for across in 0..part.across {
                        if !self.wanted.contains(&column) {
                            skip(part, self.bits)?;
                            continue;
                        }
                        let last = read(part, self.bits, &mut block)?;
                        let (x, y) = (column * part.across + across, self.row * part.down + down);
                        let (stride, side) = (part.plane.stride, part.plane.grid.side);
                        let out = part.plane.block(x, y);
                        if last == 0 {
                            idct::flat(block[0], out, stride, side);
                            block[0] = 0;
                        } else {
                            idct::inverse(&block, out, stride, side);
                            block = [0; 64];
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Reads a block into zeros, dequantised, in natural order; gives the place of its last coefficient in the
/// file's.
#[inline(never)]
fn read(part: &mut Part<'_>, source: &mut Bits<'_>, block: &mut [i32; 64]) -> Result<usize, Damaged> {
    // A copy stays in registers.
    let bits = &mut source.clone();
    let (_, difference) = part.dc.next(bits)?;
    part.previous = part.previous.wrapping_add(difference);
    block[0] = i32::from(part.previous as i16) * part.quantisation[0];
    let (mut place, mut last) = (1, 0);
    while place < 64 {
        let (run, number) = part.ac.next(bits)?;
        if number == 0 {
            if run < 15 {
                break;
            }
            place += 16;
            continue;
        }
        place += run;
        if place > 63 {
            return Err(Damaged);
        }
        block[usize::from(ZIGZAG[place])] = number.wrapping_mul(part.quantisation[place]);
        last = place;
        place += 1;
    }
    *source = bits.clone();
    Ok(last)
}

/// [`read`] without a block.
#[inline(never)]
fn skip(part: &mut Part<'_>, source: &mut Bits<'_>) -> Result<(), Damaged> {
    let bits = &mut source.clone();
    let (_, difference) = part.dc.next(bits)?;
    part.previous = part.previous.wrapping_add(difference);
    let mut place = 1;
    while place < 64 {
        let (run, number) = part.ac.next(bits)?;
        if number == 0 && run < 15 {
            break;
        }
        place += run + 1;
    }
    *source = bits.clone();
    Ok(())
}

#[cfg(test)]
mod tests {
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
