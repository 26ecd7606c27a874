//! The records of one binary CIFAR file, from any reader whose length is known.

use std::io::{ErrorKind, Read};

use super::PIXELS;
use crate::Error;

/// The largest file that is read: 1 GiB. The largest of CIFAR has 154 MB; the limit bounds what a wrong file
/// can allocate.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Records of the largest file, CIFAR-100's for training.
const MOST_RECORDS: u64 = 50_000;

/// Labels and pixels of some records.
#[derive(Debug, Default)]
pub struct Records {
    /// One per image.
    pub labels: Vec<u32>,
    /// Shape [N, 3, 32, 32].
    pub pixels: Vec<u8>,
}

impl Records {
    /// Reads a binary file of `bytes` bytes from `reader`; `file` is its name for messages.
    ///
    /// Each record begins with `label_bytes` bytes, 1 in CIFAR-10 and 2 in CIFAR-100. The last of them is the
    /// label, which must be below `classes`. The length is checked before anything is allocated.
    ///
    /// # Errors
    /// If the file is empty or cut short, a label is out of range, or a record has zero bytes alone.
    pub fn read(
        mut reader: impl Read,
        bytes: u64,
        file: &str,
        label_bytes: usize,
        classes: usize,
    ) -> Result<Self, Error> {
        let record_bytes = (label_bytes + PIXELS) as u64;
        let (records, rest) = (bytes / record_bytes, bytes % record_bytes);
        let truncated = |records: u64, rest: u64| Error::Truncated {
            file: file.to_owned(),
            records,
            record_bytes,
            offset: records * record_bytes,
            rest,
        };
        if rest != 0 {
            return Err(truncated(records, rest));
        }
        if records == 0 {
            return Err(Error::bad_file(file, "it is empty", "fetch it again"));
        }
        // An archive's header may promise more bytes than follow, so room is reserved for no more records
        // than a file of CIFAR has.
        let expected = records.min(MOST_RECORDS) as usize;
        let (mut labels, mut pixels) = (Vec::with_capacity(expected), Vec::with_capacity(expected * PIXELS));
        for record in 0..records {
            let offset = record * record_bytes;
            pixels.resize(pixels.len() + PIXELS, 0);
            let start = pixels.len() - PIXELS;
            let image = &mut pixels[start..];
            let mut head = [0; 2];
            let head = &mut head[..label_bytes];
            let result = reader.read_exact(head).and_then(|()| reader.read_exact(image));
            result.map_err(|cause| match cause.kind() {
                // There are fewer than `bytes` bytes: the file has shrunk, or the archive ends early.
                ErrorKind::UnexpectedEof => truncated(record, 0),
                _ => Error::bad_file(file, format!("record {record} at byte offset {offset}: {cause}"), MEND),
            })?;
            // A download that broke off may have been given its full length with zero bytes.
            if head.iter().chain(&*image).all(|&byte| byte == 0) {
                let cause = format!("record {record} at byte offset {offset} has zero bytes alone");
                return Err(Error::bad_file(file, cause, MEND));
            }
            let label = head[label_bytes - 1];
            if usize::from(label) >= classes {
                return Err(Error::LabelOutOfRange {
                    file: file.to_owned(),
                    record,
                    offset: offset + label_bytes as u64 - 1,
                    label: label.into(),
                    classes,
                });
            }
            labels.push(label.into());
        }
        Ok(Self { labels, pixels })
    }

    /// All records of `parts` in order; each part is freed as soon as it is copied.
    pub fn join(parts: Vec<Self>) -> Self {
        let images = parts.iter().map(|part| part.labels.len()).sum();
        let mut all =
            Self { labels: Vec::with_capacity(images), pixels: Vec::with_capacity(images * PIXELS) };
        for part in parts {
            all.labels.extend(part.labels);
            all.pixels.extend(part.pixels);
        }
        all
    }
}

const MEND: &str = "fetch it again";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of a label in the two data sets.
    const CIFAR10: usize = 1;
    const CIFAR100: usize = 2;

    fn read(bytes: &[u8], label_bytes: usize, classes: usize) -> Result<Records, Error> {
        Records::read(bytes, bytes.len() as u64, "some.bin", label_bytes, classes)
    }

    #[test]
    fn labels_and_pixels_are_where_they_belong() {
        let mut file = vec![7; 2 * 3074];
        (file[0], file[1], file[3074], file[3075], file[3076]) = (200, 99, 201, 0, 42);
        let records = read(&file, CIFAR100, 100).unwrap();
        assert_eq!(records.labels, [99, 0]);
        assert_eq!((records.pixels.len(), records.pixels[3072], records.pixels[3073]), (6144, 42, 7));
    }

    #[test]
    fn a_label_out_of_range_is_placed() {
        let mut file = vec![3; 3 * 3073];
        file[2 * 3073] = 10;
        let message = read(&file, CIFAR10, 10).unwrap_err().to_string();
        assert!(message.starts_with("some.bin: record 2 has label 10 at byte offset 6146"), "{message}");
        let mut file = vec![3; 2 * 3074];
        file[3075] = 100;
        let message = read(&file, CIFAR100, 100).unwrap_err().to_string();
        assert!(message.contains("record 1 has label 100 at byte offset 3075"), "{message}");
    }

    #[test]
    fn a_record_of_zero_bytes_is_damage_and_a_black_image_is_none() {
        for (label_bytes, classes) in [(CIFAR10, 10), (CIFAR100, 100)] {
            let record = label_bytes + PIXELS;
            let mut file = vec![0; 3 * record];
            (file[0], file[record - 1]) = (1, 1);
            file[record + label_bytes - 1] = 5;
            let message = read(&file, label_bytes, classes).unwrap_err().to_string();
            let wanted = format!("record 2 at byte offset {} has zero bytes alone", 2 * record);
            assert!(message.starts_with("some.bin") && message.contains(&wanted), "{message}");
            assert_eq!(read(&file[..2 * record], label_bytes, classes).unwrap().labels.len(), 2);
        }
    }

    #[test]
    fn lengths_are_checked_first() {
        let message = read(&vec![0; 3073 + 5], CIFAR10, 10).unwrap_err().to_string();
        assert!(message.contains("after 1 whole records") && message.contains("offset 3073"), "{message}");
        assert!(read(&[], CIFAR10, 10).unwrap_err().to_string().contains("empty"));
        // A length that lies, as an archive's header can.
        let message = Records::read(&[1; 4000][..], 3073 * 2, "x", CIFAR10, 10).unwrap_err().to_string();
        assert!(message.contains("after 1 whole records"), "{message}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..7000), claimed in 0u64..9000) {
            for layout in [CIFAR10, CIFAR100] {
                let _ = read(&bytes, layout, 10);
                let _ = Records::read(&bytes[..], claimed, "x", layout, 10);
            }
        }
    }
}
