//! An image as pixels that need no decoding, with its label and name: what packed files consist of.
//!
//! Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RESNRGB` and the version, 1 |
//! | 4 | width in pixels, w |
//! | 4 | height, h |
//! | 4 | label |
//! | 4 | length of the name, n |
//! | n | name, in UTF-8 |
//! | 3 w h | the rows from the top, red, green and blue of each pixel |
//! | 4 | CRC-32 of all that comes before it, the one that zip and PNG use |

use resnet_vision::Image;

const NAME: &[u8; 7] = b"RESNRGB";
const VERSION: u8 = 1;
/// Bytes before the name.
const HEAD: usize = 24;
/// Bytes of the checksum.
const SUM: usize = 4;

/// What to do about a damaged record of a packed file.
pub const MEND: &str = "fetch the packed file again, or convert the images again";

/// The fewest bytes that a record can have.
pub(super) const LEAST: usize = HEAD + 3 + SUM;
/// The longest name, in bytes.
pub const MAX_NAME: usize = 1 << 16;

/// A record whose lengths fit together. Its bytes may still be damaged, which [`verify`](Record::verify)
/// finds out.
#[derive(Debug)]
pub struct Record<'a> {
    /// Width and height in pixels.
    pub size: (usize, usize),
    /// What it is called.
    pub name: &'a str,
    /// Shape `[height, width, 3]`.
    pub pixels: &'a [u8],
    /// The whole record, checksum included.
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Whether `bytes` begin as a record of some version does.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(NAME)
    }

    /// The record that `bytes` are.
    ///
    /// # Errors
    /// What is wrong with them, as half a sentence.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.len() < LEAST || !Self::is_one(bytes) {
            return Err("it is no record of pixels".to_owned());
        }
        if bytes[NAME.len()] != VERSION {
            let version = bytes[NAME.len()];
            return Err(format!("its record is of version {version}, where {VERSION} is known here"));
        }
        let words = bytes[8..HEAD].as_chunks::<4>().0;
        let [width, height, name] = [0, 1, 3].map(|i: usize| u32::from_le_bytes(words[i]));
        // These may be any numbers, so they are added in 128 bits, where nothing overflows.
        let pixels = 3 * u128::from(width) * u128::from(height);
        if u128::from(name) + pixels + (HEAD + SUM) as u128 != bytes.len() as u128 {
            let found = bytes.len();
            return Err(format!(
                "{width} x {height} pixels and a name of {name} bytes make no record of {found} bytes"
            ));
        }
        let (name, rest) = bytes[HEAD..].split_at(name as usize);
        let name = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8".to_owned())?;
        let size = (width as usize, height as usize);
        Ok(Self { size, name, pixels: &rest[..rest.len() - SUM], bytes })
    }

    /// Checks all bytes against the checksum.
    ///
    /// # Errors
    /// What is wrong, as half a sentence, if they are not those that were written.
    pub fn verify(&self) -> Result<(), String> {
        let (content, sum) = self.bytes.split_at(self.bytes.len() - SUM);
        match sum == crc32fast::hash(content).to_le_bytes() {
            true => Ok(()),
            false => Err("its checksum does not fit, so some of its bytes have changed".to_owned()),
        }
    }
}

/// The record of `image`, whose fields must not contradict each other. `most` is the largest size of a
/// record, in bytes.
///
/// # Errors
/// What is too large, as half a sentence.
pub fn to_bytes(image: &Image, label: u32, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let bytes = HEAD + name.len() + image.pixels.len() + SUM;
    let side = |side: usize| u32::try_from(side).ok().filter(|_| bytes as u64 <= most);
    let (Some(width), Some(height)) = (side(image.width), side(image.height)) else {
        return Err(format!("its {} x {} pixels are too many for a record", image.width, image.height));
    };
    if name.len() > MAX_NAME {
        return Err(format!("its name of {} bytes is too long for a record", name.len()));
    }
    let mut out = Vec::with_capacity(bytes);
    out.extend(NAME);
    out.push(VERSION);
    for number in [width, height, label, name.len() as u32] {
        out.extend(number.to_le_bytes());
    }
    out.extend(name.as_bytes());
    out.extend(&image.pixels);
    out.extend(crc32fast::hash(&out).to_le_bytes());
    Ok(out)
}
