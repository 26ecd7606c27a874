//! `Fingerprint`: a number that shows whether data have changed. It is not secure against an attacker.

/// A checksum that grows part by part.
///
/// ```
/// use resnet_data::Fingerprint;
///
/// let of = |parts: &[&str]| {
///     let mut fingerprint = Fingerprint::default();
///     parts.iter().for_each(|part| fingerprint.add(part.as_bytes()));
///     fingerprint.get()
/// };
/// assert_eq!(of(&["cat", "dog"]), of(&["cat", "dog"]));
/// // Where one part ends and the next begins counts.
/// assert_ne!(of(&["cat", "dog"]), of(&["catd", "og"]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Adds a part: its length, then eight bytes at a time through a bijection, so that no change of one word
    /// goes unnoticed.
    pub fn add(&mut self, part: &[u8]) {
        self.word(part.len() as u64);
        let (words, rest) = part.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Adds a number.
    pub fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 29);
    }

    /// The fingerprint of all that was added.
    pub fn get(self) -> u64 {
        self.0
    }
}
