//! GIF files: the part of the screen that the first frame does not cover, filled as Pillow fills it.

/// What comes before the first frame's pixels.
struct Frame<'a> {
    /// Width and height of the screen.
    screen: (usize, usize),
    /// Left, top, right and bottom of the frame on it.
    bounds: [usize; 4],
    /// The palettes of the file and of the frame: red, green and blue of each colour, one byte each.
    global: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    /// The index of the transparent colour.
    transparent: Option<u8>,
}

impl<'a> Frame<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let word =
            |bytes: &[u8], at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
        let screen = (word(bytes, 6)?, word(bytes, 8)?);
        let (global, mut rest) = colours(*bytes.get(10)?, bytes.get(13..)?)?;
        let mut transparent = None;
        loop {
            let (&kind, after) = rest.split_first()?;
            rest = after;
            match kind {
                b'!' => {
                    let (&label, mut blocks) = rest.split_first()?;
                    if let (0xf9, &[4..=255, flags, _, _, index, ..]) = (label, blocks)
                        && flags & 1 != 0
                    {
                        transparent = Some(index);
                    }
                    loop {
                        let (&length, after) = blocks.split_first()?;
                        blocks = after.get(usize::from(length)..)?;
                        if length == 0 {
                            break;
                        }
                    }
                    rest = blocks;
                }
                b',' => {
                    let (left, top) = (word(rest, 0)?, word(rest, 2)?);
                    let bounds = [left, top, left + word(rest, 4)?, top + word(rest, 6)?];
                    let (local, _) = colours(*rest.get(8)?, rest.get(9..)?)?;
                    return Some(Self { screen, bounds, global, local, transparent });
                }
                b';' => return None,
                _ => {}
            }
        }
    }

    /// Whether the frame reaches beyond the screen.
    fn is_outside(&self) -> bool {
        self.bounds[2] > self.screen.0 || self.bounds[3] > self.screen.1
    }
}

/// The palette at the beginning of `bytes`, if `flags` say that there is one, and what follows.
fn colours(flags: u8, bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    if flags & 0x80 == 0 {
        return Some((None, bytes));
    }
    let (colours, rest) = bytes.split_at_checked(3 << ((flags & 7) + 1))?;
    Some((Some(colours), rest))
}

/// Why the pixels of a file may differ from Pillow's.
pub(super) fn doubt(bytes: &[u8]) -> Option<&'static str> {
    let is_outside = Frame::first(bytes).is_some_and(|frame| frame.is_outside());
    is_outside.then_some("its first frame reaches beyond its screen, and only what lies within is shown")
}

/// Gives the pixels of the screen around the first frame the colour that Pillow gives them: the transparent
/// one, or else the first of the palette.
///
/// Also does what Pillow does with a frame whose own palette has each grey at the index of its value: it
/// shows the frame in the colours of the file's palette.
pub(super) fn fill_background(bytes: &[u8], width: usize, pixels: &mut [u8]) {
    let Some(frame) = Frame::first(bytes) else { return };
    let recoloured = frame.local.is_some_and(is_grey) && frame.global.is_some_and(|global| !is_grey(global));
    let palette = if recoloured { frame.global } else { frame.local.or(frame.global) };
    let colour_of = |index: u8| -> [u8; 3] {
        let place = 3 * usize::from(index);
        let colour = palette.and_then(|palette| palette.get(place..)?.first_chunk());
        // Without a palette, and beyond its end, an index is a shade of grey.
        *colour.unwrap_or(&[index; 3])
    };
    let outside = colour_of(frame.transparent.unwrap_or(0));
    let [left, top, right, bottom] = frame.bounds;
    for (place, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (place % width, place / width);
        if !((left..right).contains(&x) && (top..bottom).contains(&y)) {
            *pixel = outside;
        } else if recoloured {
            *pixel = colour_of(pixel[0]);
        }
    }
}

/// Whether each colour is the grey of its index.
fn is_grey(palette: &[u8]) -> bool {
    palette.as_chunks::<3>().0.iter().enumerate().all(|(place, colour)| *colour == [place as u8; 3])
}
