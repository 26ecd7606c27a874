//! `Input`: little-endian numbers, texts and lists out of bytes that may be damaged.

/// What is left to be parsed.
#[derive(Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `bytes` bytes; `None` if there are fewer.
    pub fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    /// The next number.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// The length of a list whose elements take at least `element` bytes each; `None` if more elements are
    /// claimed than the bytes that are left can hold.
    pub fn len(&mut self, element: usize) -> Option<usize> {
        let len = usize::try_from(self.u64()?).ok()?;
        (len.checked_mul(element)? <= self.0.len()).then_some(len)
    }

    /// The next text, after its length.
    pub fn text(&mut self) -> Option<String> {
        let len = self.len(1)?;
        Some(std::str::from_utf8(self.take(len)?).ok()?.to_owned())
    }

    /// The next `count` numbers.
    pub fn u32s(&mut self, count: usize) -> Option<Vec<u32>> {
        let bytes = self.take(count.checked_mul(4)?)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect())
    }

    /// The next `count` numbers.
    pub fn u64s(&mut self, count: usize) -> Option<Vec<u64>> {
        let bytes = self.take(count.checked_mul(8)?)?;
        Some(bytes.as_chunks::<8>().0.iter().map(|&word| u64::from_le_bytes(word)).collect())
    }
}
