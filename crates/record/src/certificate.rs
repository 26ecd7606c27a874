//! What a logged step proves of a training: short digests of what it saw and what it left.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first eight bytes of a SHA-256, written as sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 8]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        let number = number.ok_or_else(|| format!("'{text}' is no digest of sixteen hexadecimal digits"))?;
        Ok(Digest(number.to_be_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The digests of one step. Two trainings that agree in all three are the same to the bit, up to and
/// including this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The digest of the batch as the network sees it: which images, how augmented and mixed, towards which
    /// targets.
    pub batch: Digest,
    /// The digest of the loss, computed before the weights change.
    pub loss: Digest,
    /// The digest of all weights and running statistics after the step.
    pub weights: Digest,
}

impl Certificate {
    /// What differs between two steps: `batch`, `loss`, `weights`.
    pub fn differences(&self, other: &Certificate) -> Vec<&'static str> {
        let parts = [
            ("batch", self.batch != other.batch),
            ("loss", self.loss != other.loss),
            ("weights", self.weights != other.weights),
        ];
        parts.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_it_is_read() {
        let digest = Digest([0, 1, 2, 0xab, 0xcd, 0xef, 0x10, 0xff]);
        assert_eq!(digest.to_string(), "000102abcdef10ff");
        assert_eq!("000102abcdef10ff".parse(), Ok(digest));
        for bad in ["", "000102abcdef10f", "000102abcdef10ff0", "+00102abcdef10ff", "000102abcdef10fg"] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
