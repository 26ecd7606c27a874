//! Files of several scans, progressive ones among them (T.81, annex G): all coefficients are gathered, then
//! transformed.

use resnet_kernels::Isa;

use super::Damaged;
use super::block::{Coefficients, Layout};
use super::grid::Grid;
use super::headers::{Frame, Headers, Markers, Scan, Stop, Tables, segments};
use super::huffman::{Bits, Table};
use super::planes::Plane;
use super::scan::Entropy;
use crate::pixels::Window;

/// The most scans that are read: more than any image needs. Each costs a pass over the whole image.
const MOST_SCANS: usize = 200;
/// So many first coefficients must have all their bits. libjpeg smooths blocks while one of these is not
/// exact, so such a file counts as damaged.
const EXACT: usize = 10;

/// The coefficients of one component.
struct Gathered {
    /// A block's 64 in the order of the file, then the next block's.
    values: Vec<i16>,
    /// Blocks in a row, those that only pad units included.
    stride: usize,
    /// Blocks that hold part of the image.
    across: usize,
    down: usize,
    /// For each coefficient, the number of low bits still missing; `None` before its first scan.
    lacking: [Option<u32>; 64],
    /// The table in force at the component's first scan.
    quantisation: Option<[u16; 64]>,
}

/// The planes of every component, as far as `window` needs them.
pub(super) fn planes(headers: &Headers<'_>, grid: &Grid, window: &Window) -> Result<Vec<Plane>, Damaged> {
    let gathered = gather(headers)?;
    let isa = Isa::best();
    let units = grid.needed(window);
    let mut planes = Vec::with_capacity(gathered.len());
    for (samples, gathered) in grid.components.iter().zip(gathered) {
        let quantisation = gathered.quantisation.ok_or(Damaged)?;
        if gathered.lacking[..EXACT].iter().any(|&lacks| lacks != Some(0)) {
            return Err(Damaged);
        }
        let mut plane = Plane::new(*samples, &units);
        let layout = Layout::new(&quantisation, samples.side);
        let mut block = Coefficients::new();
        for row in units.1.start * samples.down..units.1.end * samples.down {
            for column in units.0.start * samples.across..units.0.end * samples.across {
                let values = &gathered.values[64 * (row * gathered.stride + column)..][..64];
                for (place, &value) in values.iter().enumerate() {
                    block.put(&layout, place, value);
                }
                let stride = plane.stride;
                layout.inverse(isa, &block, plane.block(column, row), stride);
            }
        }
        planes.push(plane);
    }
    Ok(planes)
}

/// Reads every scan.
fn gather(headers: &Headers<'_>) -> Result<Vec<Gathered>, Damaged> {
    let frame = &headers.frame;
    let (across, down) = frame.units();
    let mut tables = headers.tables.clone();
    let mut found = Some(frame.clone());
    let (mut scan, mut data) = (headers.scan.clone(), headers.data);
    // A header alone must not take memory: a scan of DC coefficients has at least one bit per unit.
    if 8 * data.len() < across * down {
        return Err(Damaged);
    }
    let mut gathered: Vec<Gathered> = frame
        .components
        .iter()
        .map(|component| {
            let (width, height) = frame.samples(component);
            let stride = across * component.across;
            Gathered {
                values: vec![0; 64 * stride * down * component.down],
                stride,
                across: width.div_ceil(8),
                down: height.div_ceil(8),
                lacking: [None; 64],
                quantisation: None,
            }
        })
        .collect();
    for _ in 0..MOST_SCANS {
        let entropy = Entropy::new(data);
        read_scan(frame, &tables, &scan, &entropy, &mut gathered)?;
        // The colours were settled at the first scan.
        match segments(entropy.rest, &mut tables, &mut found, &mut Markers::default())? {
            Stop::End => return Ok(gathered),
            Stop::Scan(next, rest) => (scan, data) = (next, rest),
        }
    }
    Err(Damaged)
}

fn read_scan(
    frame: &Frame,
    tables: &Tables,
    scan: &Scan,
    entropy: &Entropy<'_>,
    gathered: &mut [Gathered],
) -> Result<(), Damaged> {
    for &(component, ..) in &scan.parts {
        let gathered = &mut gathered[component];
        let table = tables.quantisation[frame.components[component].quantisation];
        gathered.quantisation = gathered.quantisation.or(table);
        for lacking in &mut gathered.lacking[scan.first..=scan.last] {
            if lacking.is_some() != (scan.before > 0) || lacking.is_some_and(|bits| bits != scan.before) {
                return Err(Damaged);
            }
            *lacking = Some(scan.after);
        }
    }
    // A scan of one component has its blocks one by one, without those that pad units.
    let alone = scan.parts.len() == 1;
    let (across, down) = match scan.parts[..] {
        [(component, ..)] => (gathered[component].across, gathered[component].down),
        _ => frame.units(),
    };
    let mut state = State { scan, bits: entropy.stretch(0)?, previous: [0; 4], blocks_without: 0 };
    for unit in 0..across * down {
        if tables.restart > 0 && unit > 0 && unit.is_multiple_of(tables.restart) {
            if state.bits.overrun() {
                return Err(Damaged);
            }
            state.bits = entropy.stretch(unit / tables.restart)?;
            (state.previous, state.blocks_without) = ([0; 4], 0);
        }
        let (column, row) = (unit % across, unit / across);
        for &(component, dc, ac) in &scan.parts {
            let own = &frame.components[component];
            let (blocks_x, blocks_y) = if alone { (1, 1) } else { (own.across, own.down) };
            let gathered = &mut gathered[component];
            for y in 0..blocks_y {
                for x in 0..blocks_x {
                    let place = (row * blocks_y + y) * gathered.stride + column * blocks_x + x;
                    let block = gathered.values[64 * place..].first_chunk_mut().ok_or(Damaged)?;
                    state.block(block, component, tables.dc[dc].as_ref(), tables.ac[ac].as_ref())?;
                }
            }
        }
        if column + 1 == across && state.bits.overrun() {
            return Err(Damaged);
        }
    }
    Ok(())
}

/// The state that a scan carries from block to block.
struct State<'a> {
    scan: &'a Scan,
    bits: Bits<'a>,
    /// The previous DC coefficient of each component.
    previous: [i32; 4],
    /// How many blocks from here on have nothing new in this scan.
    blocks_without: u32,
}

impl State<'_> {
    fn block(
        &mut self,
        block: &mut [i16; 64],
        component: usize,
        dc: Option<&Table>,
        ac: Option<&Table>,
    ) -> Result<(), Damaged> {
        let refine = self.scan.before > 0;
        if self.scan.first == 0 {
            if refine {
                self.bits.refill();
                block[0] |= (self.bits.take(1) << self.scan.after) as i16;
            } else {
                let (_, difference) = dc.ok_or(Damaged)?.next(&mut self.bits)?;
                self.previous[component] = self.previous[component].wrapping_add(difference);
                block[0] = (self.previous[component] << self.scan.after) as i16;
            }
        }
        match (self.scan.last, refine) {
            (0, _) => Ok(()),
            (_, false) => self.first_bits(block, ac.ok_or(Damaged)?),
            (_, true) => self.next_bit(block, ac.ok_or(Damaged)?),
        }
    }

    /// The number of blocks that an end-of-band symbol (EOBn) ends, this one included.
    fn run_of_blocks(&mut self, size: usize) -> u32 {
        self.bits.refill();
        let low = if size == 0 { 0 } else { self.bits.take(size as u32) };
        (1 << size) + low
    }

    fn first_bits(&mut self, block: &mut [i16; 64], ac: &Table) -> Result<(), Damaged> {
        if self.blocks_without > 0 {
            self.blocks_without -= 1;
            return Ok(());
        }
        let mut place = self.scan.first.max(1);
        while place <= self.scan.last {
            let (run, number) = ac.next(&mut self.bits)?;
            if number == 0 && run < 15 {
                self.blocks_without = self.run_of_blocks(run) - 1;
                break;
            }
            place += run;
            if number != 0 {
                *block.get_mut(place).ok_or(Damaged)? = (number << self.scan.after) as i16;
            }
            place += 1;
        }
        Ok(())
    }

    /// Reads one more bit of each coefficient that is not zero, and finds those of the others that become 1
    /// or -1 in this bit.
    fn next_bit(&mut self, block: &mut [i16; 64], ac: &Table) -> Result<(), Damaged> {
        let mut place = self.scan.first;
        if self.blocks_without == 0 {
            while place <= self.scan.last {
                let (run, number) = ac.next(&mut self.bits)?;
                if number == 0 && run < 15 {
                    self.blocks_without = self.run_of_blocks(run);
                    break;
                }
                place = self.refine(block, place, run);
                if number != 0 && place <= self.scan.last {
                    block[place] = (number.signum() << self.scan.after) as i16;
                }
                place += 1;
            }
        }
        if self.blocks_without > 0 {
            self.refine(block, place, 64);
            self.blocks_without -= 1;
        }
        Ok(())
    }

    /// Refines coefficients from `place` on until `zeros` zeros were passed and another one is met; gives its
    /// place.
    fn refine(&mut self, block: &mut [i16; 64], mut place: usize, mut zeros: usize) -> usize {
        let bit = 1 << self.scan.after;
        while place <= self.scan.last {
            let value = block[place];
            if value == 0 {
                if zeros == 0 {
                    break;
                }
                zeros -= 1;
            } else {
                self.bits.refill();
                if self.bits.take(1) == 1 && value & bit == 0 {
                    block[place] = value.wrapping_add(value.signum() * bit);
                }
            }
            place += 1;
        }
        place
    }
}
