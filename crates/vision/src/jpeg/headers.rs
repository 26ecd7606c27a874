//! The segments of a JPEG file before and between its scans (T.81, annex B).

use super::Damaged;
use super::huffman::{Class, Table};

/// For each coefficient in the order of the file, its place in the block, counted row by row (T.81, figure
/// A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The meaning of a pixel's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    /// CMYK whose first three channels were converted to YCbCr.
    Ycck,
}

/// How coefficients are spread over scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// One scan with everything: pixels come out while it is read.
    OneScan,
    /// Several, by component or, in progressive files, by precision: all coefficients are gathered first.
    SeveralScans,
}

/// One channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks in a unit of the interleaved scan.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantisation: usize,
}

/// The image's header.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    pub(super) progressive: bool,
    /// The most blocks in a unit that a component has.
    pub(super) across: usize,
    pub(super) down: usize,
}

impl Frame {
    /// Units of the interleaved scan in a row and in a column.
    pub(super) fn units(&self) -> (usize, usize) {
        (self.width.div_ceil(8 * self.across), self.height.div_ceil(8 * self.down))
    }

    /// Width and height of a component in samples of its own.
    pub(super) fn samples(&self, component: &Component) -> (usize, usize) {
        let samples = |size: usize, own: usize, most: usize| (size * own).div_ceil(most);
        (samples(self.width, component.across, self.across), samples(self.height, component.down, self.down))
    }
}

/// A scan's header.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// Component, table of its first coefficients, table of the others.
    pub(super) parts: Vec<(usize, usize, usize)>,
    /// First and last coefficient in the order of the file.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Bits that the coefficients lack before and after this scan.
    pub(super) before: u32,
    pub(super) after: u32,
}

/// The tables in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// In the order of the file.
    pub(super) quantisation: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// Units between restarts; 0 for none.
    pub(super) restart: usize,
}

/// A file read up to the entropy-coded data of its first scan.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    pub(super) frame: Frame,
    pub(super) colour: Colour,
    pub(super) tables: Tables,
    pub(super) scan: Scan,
    /// From the first scan's data on.
    pub(super) data: &'a [u8],
}

/// What ends a run of segments.
pub(super) enum Stop<'a> {
    /// A scan: its header, its data and everything after them.
    Scan(Scan, &'a [u8]),
    /// The end of the image.
    End,
}

impl<'a> Headers<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (mut tables, mut markers, mut frame) = (Tables::default(), Markers::default(), None);
        // Stray bytes are passed over, but not before the first segment.
        let rest =
            bytes.strip_prefix(&[0xff, 0xd8]).filter(|rest| rest.starts_with(&[0xff])).ok_or(Damaged)?;
        match segments(rest, &mut tables, &mut frame, &mut markers)? {
            Stop::Scan(scan, data) => {
                let frame: Frame = frame.ok_or(Damaged)?;
                // As in libjpeg, all segments before the first scan count, in any order.
                let colour = markers.colour(&frame.components)?;
                Ok(Self { frame, colour, tables, scan, data })
            }
            Stop::End => Err(Damaged),
        }
    }

    pub(super) fn coding(&self) -> Coding {
        if !self.frame.progressive && self.scan.parts.len() == self.frame.components.len() {
            Coding::OneScan
        } else {
            Coding::SeveralScans
        }
    }
}

/// What the application segments say about the colours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Markers {
    /// Whether there is a JFIF segment.
    jfif: bool,
    /// The transform in the Adobe segment.
    adobe: Option<u8>,
}

impl Markers {
    /// What `components` mean, by libjpeg's rules.
    fn colour(self, components: &[Component]) -> Result<Colour, Damaged> {
        let ids: Vec<u8> = components.iter().map(|c| c.id).collect();
        Ok(match (components.len(), self.adobe) {
            (1, _) => Colour::Grey,
            (3, _) if self.jfif => Colour::YCbCr,
            (3, Some(0)) => Colour::Rgb,
            (3, None) if ids == *b"RGB" => Colour::Rgb,
            (3, _) => Colour::YCbCr,
            (4, None | Some(0)) => Colour::Cmyk,
            (4, Some(_)) => Colour::Ycck,
            _ => return Err(Damaged),
        })
    }
}

/// Whether a JPEG file is cut off: there is no end marker after its scans.
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&[0xff, 0xd8]) else { return false };
    if bytes.ends_with(&[0xff, 0xd9]) {
        // Nearly every file ends so. Within a scan these two bytes would be the end marker as well.
        return false;
    }
    // A segment gives its length. A scan's segment is followed by its data, which has no marker but restarts.
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
    loop {
        let Some(place) = rest.windows(2).position(is_marker) else { return true };
        rest = &rest[place..];
        let length = match rest[1] {
            0xd9 => return false,
            0x01 | 0xd8 => 2,
            _ => 2 + usize::from(word(rest, 2).unwrap_or(u16::MAX)),
        };
        let Some(more) = rest.get(length..) else { return true };
        rest = more;
    }
}

/// The first segment of `bytes`: its marker, its body, what follows.
///
/// As libjpeg does, it passes over bytes that belong to no segment.
pub(super) fn segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Damaged> {
    let mut rest = bytes;
    let (marker, rest) = loop {
        let start = rest.iter().position(|&byte| byte == 0xff).ok_or(Damaged)?;
        let fill = rest[start..].iter().position(|&byte| byte != 0xff).ok_or(Damaged)?;
        let (&marker, after) = rest[start + fill..].split_first().ok_or(Damaged)?;
        rest = after;
        // A zero marks a byte of data that happens to be 0xff.
        if marker != 0 {
            break (marker, after);
        }
    };
    if matches!(marker, 0x01 | 0xd0..=0xd9) {
        return Ok((marker, &[], rest));
    }
    let length = usize::from(word(rest, 0)?);
    let body = rest.get(2..length).ok_or(Damaged)?;
    Ok((marker, body, &rest[length..]))
}

/// Reads segments up to a scan or the end. A second frame header is damage, and so is what libjpeg or Pillow
/// refuses.
pub(super) fn segments<'a>(
    mut bytes: &'a [u8],
    tables: &mut Tables,
    frame: &mut Option<Frame>,
    markers: &mut Markers,
) -> Result<Stop<'a>, Damaged> {
    loop {
        let (marker, body, rest) = segment(bytes)?;
        bytes = rest;
        match marker {
            0xc0..=0xc2 if frame.is_none() => *frame = Some(parse_frame(body, marker == 0xc2)?),
            0xc4 => huffman_tables(body, tables)?,
            0xd9 => return Ok(Stop::End),
            0xda => {
                let frame = frame.as_ref().ok_or(Damaged)?;
                return Ok(Stop::Scan(parse_scan(body, frame)?, rest));
            }
            0xdb => quantisation_tables(body, tables)?,
            0xdd if body.len() == 2 => tables.restart = usize::from(word(body, 0)?),
            // A segment counts only if it is long enough.
            0xe0 => markers.jfif |= body.starts_with(b"JFIF\0") && body.len() >= 14,
            0xee if body.starts_with(b"Adobe") => markers.adobe = body.get(11).copied().or(markers.adobe),
            0xd0..=0xd7 | 0xdc | 0xe1..=0xef | 0xfe => {}
            _ => return Err(Damaged),
        }
    }
}

fn word(bytes: &[u8], place: usize) -> Result<u16, Damaged> {
    let pair = bytes.get(place..).and_then(|rest| rest.first_chunk()).ok_or(Damaged)?;
    Ok(u16::from_be_bytes(*pair))
}

fn parse_frame(body: &[u8], progressive: bool) -> Result<Frame, Damaged> {
    let (height, width) = (usize::from(word(body, 1)?), usize::from(word(body, 3)?));
    let count = usize::from(*body.get(5).ok_or(Damaged)?);
    let (rows, rest) = body.get(6..).ok_or(Damaged)?.as_chunks::<3>();
    if body[0] != 8 || height == 0 || width == 0 || rows.len() != count || !rest.is_empty() {
        return Err(Damaged);
    }
    let mut components: Vec<Component> = rows
        .iter()
        .map(|row| Component {
            id: row[0],
            across: usize::from(row[1] >> 4),
            down: usize::from(row[1] & 15),
            quantisation: usize::from(row[2]),
        })
        .collect();
    if let [only] = &mut components[..] {
        // A scan of one component has one block in a unit, whatever the header says.
        (only.across, only.down) = (1, 1);
    }
    let across = components.iter().map(|c| c.across).max().unwrap_or(0);
    let down = components.iter().map(|c| c.down).max().unwrap_or(0);
    let whole = |c: &Component| {
        // Only whole ratios are upsampled: a ratio such as 3 to 2 is not, neither here nor in libjpeg.
        (1..=4).contains(&c.across)
            && (1..=4).contains(&c.down)
            && across.is_multiple_of(c.across)
            && down.is_multiple_of(c.down)
            && c.quantisation < 4
    };
    let blocks: usize = components.iter().map(|c| c.across * c.down).sum();
    if !components.iter().all(whole) || blocks > 10 {
        return Err(Damaged);
    }
    Ok(Frame { width, height, components, progressive, across, down })
}

fn parse_scan(body: &[u8], frame: &Frame) -> Result<Scan, Damaged> {
    let count = usize::from(*body.first().ok_or(Damaged)?);
    let rest = body.get(1 + 2 * count..).ok_or(Damaged)?;
    let &[first, last, precision] = rest else { return Err(Damaged) };
    let mut parts: Vec<(usize, usize, usize)> = Vec::new();
    for row in body[1..1 + 2 * count].chunks_exact(2) {
        // Two components may have the same identifier. As in libjpeg, part n of the scan then means the first
        // of them from component n of the frame on.
        let known = frame.components.iter().skip(parts.len()).position(|c| c.id == row[0]);
        let component = parts.len() + known.ok_or(Damaged)?;
        let (dc, ac) = (usize::from(row[1] >> 4), usize::from(row[1] & 15));
        if parts.iter().any(|part| part.0 == component) || dc > 3 || ac > 3 {
            return Err(Damaged);
        }
        parts.push((component, dc, ac));
    }
    let (mut first, mut last) = (usize::from(first), usize::from(last));
    let (mut before, mut after) = (u32::from(precision >> 4), u32::from(precision & 15));
    if !frame.progressive {
        (first, last, before, after) = (0, 63, 0, 0);
    }
    // A progressive scan has either first coefficients (DC) or others (AC), and others of one component only.
    let split = (first == 0) == (last == 0) && (first == 0 || parts.len() == 1);
    let fits = last < 64 && first <= last && after < 14 && (before == 0 || before == after + 1);
    if parts.is_empty() || (frame.progressive && !split) || !fits {
        return Err(Damaged);
    }
    Ok(Scan { parts, first, last, before, after })
}

fn quantisation_tables(mut body: &[u8], tables: &mut Tables) -> Result<(), Damaged> {
    while let Some((&head, rest)) = body.split_first() {
        let wide = usize::from(head >> 4).min(1);
        let values = rest.get(..64 << wide).ok_or(Damaged)?;
        let slot = tables.quantisation.get_mut(usize::from(head & 15)).ok_or(Damaged)?;
        *slot = Some(std::array::from_fn(|k| match wide {
            0 => u16::from(values[k]),
            _ => u16::from_be_bytes([values[2 * k], values[2 * k + 1]]),
        }));
        body = &rest[64 << wide..];
    }
    Ok(())
}

fn huffman_tables(mut body: &[u8], tables: &mut Tables) -> Result<(), Damaged> {
    while let Some((&head, rest)) = body.split_first() {
        let counts: &[u8; 16] = rest.first_chunk().ok_or(Damaged)?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let symbols = rest[16..].get(..total).ok_or(Damaged)?;
        let (class, slots) = match head >> 4 {
            0 => (Class::Dc, &mut tables.dc),
            1 => (Class::Ac, &mut tables.ac),
            _ => return Err(Damaged),
        };
        let slot = slots.get_mut(usize::from(head & 15)).ok_or(Damaged)?;
        *slot = Some(Table::new(counts, symbols, class)?);
        body = &rest[16 + total..];
    }
    Ok(())
}
