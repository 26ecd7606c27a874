//! Floating-point numbers as files hold them, little-endian, and as f32.

use crate::contents::Precision;

/// The type of a tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F32,
    F16,
    Bf16,
    F64,
}

impl Float {
    /// Bytes per number.
    pub(crate) fn size(self) -> usize {
        match self {
            Float::F16 | Float::Bf16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }

    /// How a conversion to f32 is reported; `None` if none is needed.
    pub(crate) fn precision(self) -> Option<Precision> {
        match self {
            Float::F32 => None,
            Float::F16 => Some(Precision::F16),
            Float::Bf16 => Some(Precision::Bf16),
            Float::F64 => Some(Precision::F64),
        }
    }

    /// The numbers in `raw`; bytes at the end that are too few for a number are ignored.
    pub(crate) fn values(self, raw: &[u8]) -> Vec<f32> {
        match self {
            Float::F32 => elements(raw, f32::from_le_bytes),
            Float::F16 => elements(raw, |bytes| half(u16::from_le_bytes(bytes))),
            Float::Bf16 => elements(raw, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)),
            Float::F64 => elements(raw, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }
}

fn elements<const N: usize>(raw: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    raw.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}

/// An IEEE half: a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // Multiples of 2^-24, which f32 holds exactly.
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(0xff << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_that_of_the_half_crate() {
        let raw: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let theirs = (0..=u16::MAX).map(|bits| half::f16::from_bits(bits).to_f32());
        for (ours, theirs) in Float::F16.values(&raw).into_iter().zip(theirs) {
            assert!(
                ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                "{ours} {theirs}"
            );
        }
    }

    #[test]
    fn numbers_are_read_in_their_size() {
        assert_eq!(Float::Bf16.values(&[0x80, 0x3f, 0x20, 0xc0, 1]), [1.0, -2.5]);
        assert_eq!(Float::F64.values(&0.1f64.to_le_bytes()), [0.1]);
        for float in [Float::F32, Float::F16, Float::Bf16, Float::F64] {
            assert_eq!(float.values(&[0; 48]).len() * float.size(), 48);
        }
    }
}
