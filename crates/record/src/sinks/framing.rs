//! TFRecord, the framing of TensorBoard's event files: length, its checksum, bytes, their checksum.
//!
//! All numbers are little-endian; both checksums are CRC-32C (Castagnoli) rotated and offset, so that the
//! checksum of data which holds checksums is no accident. Format: TensorFlow's `core/lib/io/record_writer.h`.

/// Bytes before the data: a length of eight and its checksum of four.
const HEAD: usize = 12;

/// Appends `data` as a record to `out`.
pub(super) fn frame(data: &[u8], out: &mut Vec<u8>) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked(data).to_le_bytes());
}

/// The record at the beginning of `bytes`, and how many bytes it takes; `None` where it is torn or damaged.
pub(super) fn unframe(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != masked(length) {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let (sum, _) = rest.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == masked(data)).then_some((data, HEAD + length + 4))
}

/// The checksum as the format stores it.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C of each byte, by the polynomial's reversed bits.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ if value & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum: u32, byte| (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 3720, appendix B.4.
    #[test]
    fn the_checksums_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    proptest! {
        #[test]
        fn records_come_back_in_their_order(
            records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8),
        ) {
            let mut bytes = vec![];
            records.iter().for_each(|record| frame(record, &mut bytes));
            let mut rest = &bytes[..];
            for record in &records {
                let (data, taken) = unframe(rest).unwrap();
                prop_assert_eq!(data, &record[..]);
                rest = &rest[taken..];
            }
            prop_assert!(rest.is_empty() && unframe(rest).is_none());
        }

        #[test]
        fn a_record_that_is_cut_or_has_a_changed_bit_is_none(
            record in proptest::collection::vec(any::<u8>(), 0..100),
            place in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let mut bytes = vec![];
            frame(&record, &mut bytes);
            let place = place.index(bytes.len());
            prop_assert!(unframe(&bytes[..place]).is_none());
            bytes[place] ^= 1u8 << bit;
            prop_assert!(unframe(&bytes).is_none());
        }

        #[test]
        fn bytes_of_any_kind_are_taken_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = unframe(&bytes);
        }
    }
}
