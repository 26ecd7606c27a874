//! Makes checksums fit, so that damage gets behind them.

use std::io::Write as _;

/// Writes the right checksum into every tar header that a reader would come to.
pub fn tar(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(unit) = bytes.get_mut(at..at + 512) {
        if unit.iter().any(|&byte| byte != 0) {
            unit[148..156].fill(b' ');
            let sum: u32 = unit.iter().map(|&byte| u32::from(byte)).sum();
            unit[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let digits = unit[124..136].iter().copied().skip_while(|&byte| byte == b' ');
        let octal = digits.take_while(|byte| (b'0'..=b'7').contains(byte));
        let size = octal.fold(0usize, |size, digit| size << 3 | usize::from(digit - b'0'));
        at += 512 + size.next_multiple_of(512);
    }
}

/// Writes the right first and last bytes and checksums into a packed file and those of its records that its
/// table tells of.
pub fn packed(bytes: &mut [u8]) {
    let sum = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    let Some(tail) = bytes.len().checked_sub(28).filter(|tail| *tail >= 8) else { return };
    bytes[..8].copy_from_slice(b"RESNPAK\x01");
    bytes[tail + 20..].copy_from_slice(b"RESNEND\x01");
    let table = number(&bytes[tail..tail + 8]).min(tail as u64) as usize;
    let mut at = table;
    while at + 20 <= tail {
        let [first, len, name] =
            [(at, 8), (at + 8, 4), (at + 16, 4)].map(|(from, len)| number(&bytes[from..from + len]));
        let end = first.saturating_add(len);
        if end <= table as u64 && len >= 4 {
            let (first, end) = (first as usize, end as usize);
            let right = sum(&bytes[first..end - 4]);
            bytes[end - 4..end].copy_from_slice(&right);
        }
        at += 20 + name as usize;
    }
    let right = sum(&bytes[table..tail + 16]);
    bytes[tail + 16..tail + 20].copy_from_slice(&right);
}

/// `bytes` as a gzip stream, not compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut stream = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    stream.write_all(bytes).and_then(|()| stream.finish()).expect("memory can be written to")
}

/// A zip container with these records, stored, as `torch.save` writes it.
pub fn zip(records: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut table) = (vec![], vec![]);
    for (name, data) in records {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let size = (data.len() as u32).to_le_bytes();
        let numbers = [&[0; 6][..], &crc.sum().to_le_bytes(), &size, &size].concat();
        let (len, place) = ((name.len() as u16).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
        let row = [&b"PK\x01\x02"[..], &[0; 6], &numbers, &len, &[0; 12], &place, name.as_bytes()];
        table.extend(row.concat());
        bytes.extend([&b"PK\x03\x04"[..], &[0; 4], &numbers, &len, &[0; 2], name.as_bytes(), data].concat());
    }
    let (rows, size) = ((records.len() as u16).to_le_bytes(), (table.len() as u32).to_le_bytes());
    let start = (bytes.len() as u32).to_le_bytes();
    bytes.extend(table);
    bytes.extend([&b"PK\x05\x06"[..], &[0; 4], &rows, &rows, &size, &start, &[0; 2]].concat());
    bytes
}

/// A file of `torch.save` as before PyTorch 1.6: this pickle, and these storages of floats by name.
pub fn legacy(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let keys: Vec<u8> = storages.iter().flat_map(|(key, _)| text(key)).collect();
    let mut bytes = [
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.",
        pickle,
        b"\x80\x02](",
        &keys,
        b"e.",
    ]
    .concat();
    for (_, data) in storages {
        bytes.extend([&(data.len() as u64 / 4).to_le_bytes(), *data].concat());
    }
    bytes
}

/// A safetensors file: the header is all up to the first zero byte, the tensors' bytes all behind it.
pub fn safetensors(bytes: &[u8]) -> Vec<u8> {
    let (header, data) = halves(bytes);
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

/// What lies before the first zero byte, and what behind it.
pub fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0);
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 1..]))
}
