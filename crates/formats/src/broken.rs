//! `Broken`: a part of the data that cannot be used.

use std::fmt;

/// Something in the data that cannot be used: where it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file, and where in it: "train/n01440764/a.jpg", "train-0003.tar: 0017.jpg at byte 51200".
    pub place: String,
    /// What is wrong: "it does not decode (...)".
    pub cause: String,
    /// How many records are lost with it; an estimate where a shard is cut off. At least 1.
    pub records: u64,
}

impl Broken {
    /// One record at `place`.
    pub fn new(place: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { place: place.into(), cause: cause.into(), records: 1 }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.cause)
    }
}

/// About how many records a file has lost that is damaged from byte `cut` on. It takes the `lost` bytes after
/// `cut` to hold as many records per byte as the bytes before it, which hold `known` records. The result is
/// at least 1.
pub fn estimate_lost(lost: u64, known: u64, cut: u64) -> u64 {
    let records = u128::from(lost) * u128::from(known) / u128::from(cut.max(1));
    u64::try_from(records).unwrap_or(u64::MAX).max(1)
}
