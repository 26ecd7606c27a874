//! BMP files: the length of their pixel data, and Pillow's rounding of 16-bit pixels.

/// The fields of the header that are needed: width and height in pixels, bits per pixel, compression.
struct Header {
    width: u64,
    height: u64,
    bits: u16,
    compression: u32,
}

const RAW: u32 = 0;
const BIT_FIELDS: u32 = 3;
/// Where the masks of the channels are, in the header or after it.
const MASKS: usize = 54;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        if long(bytes, 14)? == 12 {
            let (width, height) = (word(bytes, 18)?.into(), word(bytes, 20)?.into());
            return Some(Self { width, height, bits: word(bytes, 24)?, compression: RAW });
        }
        let side = |at| Some(u64::from((long(bytes, at)? as i32).unsigned_abs()));
        let (width, height) = (side(18)?, side(22)?);
        Some(Self { width, height, bits: word(bytes, 28)?, compression: long(bytes, 30)? })
    }
}

/// How many bytes the pixels take, if they are not compressed; otherwise 0.
pub(super) fn bytes_of_pixels(bytes: &[u8]) -> u64 {
    let Some(Header { width, height, bits, compression: RAW | BIT_FIELDS }) = Header::read(bytes) else {
        return 0;
    };
    let row = width.saturating_mul(bits.into()).div_ceil(32).saturating_mul(4);
    row.saturating_mul(height)
}

/// Why the pixels of a file may differ from Pillow's, which knows only some layouts of the channels.
pub(super) fn doubt(bytes: &[u8]) -> Option<&'static str> {
    let Header { bits, compression: BIT_FIELDS, .. } = Header::read(bytes)? else { return None };
    let mask = |channel: usize| long(bytes, MASKS + 4 * channel).unwrap_or(0);
    let known = match bits {
        16 => matches!([mask(0), mask(1), mask(2)], [0xf800, 0x7e0, 0x1f] | [0x7c00, 0x3e0, 0x1f]),
        24 => [mask(0), mask(1), mask(2)] == [0xff_0000, 0xff00, 0xff],
        _ => matches!(
            [mask(0), mask(1), mask(2)],
            [0xff_0000, 0xff00, 0xff]
                | [0xff00_0000, 0xff_0000, 0xff00]
                | [0xff00_0000, 0xff00, 0xff]
                | [0xff, 0xff00, 0xff_0000]
        ),
    };
    (!known).then_some("its channels lie in an order that Pillow does not read")
}

/// Rounds 16-bit pixels as Pillow does: it converts channels of five and six bits to bytes by a division that
/// rounds down, and the image crate rounds to the nearest.
pub(super) fn round_as_pillow(bytes: &[u8], pixels: &mut [u8]) {
    let green = match Header::read(bytes) {
        Some(Header { bits: 16, compression: RAW, .. }) => 31,
        Some(Header { bits: 16, compression: BIT_FIELDS, .. }) => match long(bytes, MASKS + 4) {
            Some(0x3e0) => 31,
            Some(0x7e0) => 63,
            _ => return,
        },
        _ => return,
    };
    let table = |most: u32| -> [u8; 256] {
        std::array::from_fn(|byte| ((byte as u32 * most + 127) / 255 * 255 / most) as u8)
    };
    let tables = [table(31), table(green), table(31)];
    for pixel in pixels.as_chunks_mut::<3>().0 {
        for (byte, table) in pixel.iter_mut().zip(&tables) {
            *byte = table[usize::from(*byte)];
        }
    }
}
