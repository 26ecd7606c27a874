//! The format of a file by its first bytes: one that is read here, or one that people confuse with it.

use crate::pytorch::{Layout, is_legacy};

/// How many bytes are examined. A tar archive has its signature after 257 of them.
pub(crate) const START: usize = 512;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Safetensors, or bytes that look like nothing else.
    Safetensors,
    /// Of `torch.save`.
    Pytorch(Layout),
    /// Something else.
    Other {
        kind: &'static str,
        /// What to do.
        mend: &'static str,
    },
}

const EXPORT: &str = "export it as safetensors from the framework that wrote it";
const UNPACK: &str = "unpack it first";
const DOWNLOAD: &str = "download the file itself, not the page about it";
const JSON: &str = "give the folder that holds it, or the file of the weights";
const WEIGHTS: &str = "name the file of the weights";

/// First bytes, what a file that begins so is, what to do.
static OTHERS: [(&[u8], &str, &str); 17] = [
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself with `git lfs pull`"),
    (b"\x89HDF", "an HDF5 file", EXPORT),
    (b"GGUF", "a GGUF file", EXPORT),
    (b"\x93NUMPY", "a NumPy array", EXPORT),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x89PNG", "a PNG image", WEIGHTS),
    (b"\xff\xd8\xff", "a JPEG image", WEIGHTS),
    (b"GIF8", "a GIF image", WEIGHTS),
    (b"%PDF", "a PDF document", WEIGHTS),
    (b"PAR1", "a parquet file", WEIGHTS),
    (b"\x7fELF", "a program", WEIGHTS),
    (b"\xef\xbb\xbf", "a text file", WEIGHTS),
];

/// The format of a file that begins with `start`, its first [`START`] bytes.
pub(crate) fn of(start: &[u8]) -> Format {
    // The length may look like the signature of another format, but JSON follows it.
    if start.get(8) == Some(&b'{') && start.get(7) == Some(&0) {
        return Format::Safetensors;
    }
    if start.starts_with(b"PK\x03\x04") {
        return Format::Pytorch(Layout::Zip);
    }
    if is_legacy(start) {
        return Format::Pytorch(Layout::Legacy);
    }
    let other = |kind, mend| Format::Other { kind, mend };
    let text = start.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.starts_with(b"<") && is_text(text) {
        return other("a web page or XML", DOWNLOAD);
    }
    if text.starts_with(b"{") && is_text(text) {
        return other("JSON, such as a server's message or a config", JSON);
    }
    if start.get(257..262) == Some(b"ustar") {
        let is_member = |name: &[u8]| start.starts_with(name) && start.get(name.len()) == Some(&0);
        return match [&b"sys_info"[..], b"pickle", b"tensors", b"storages"].into_iter().any(is_member) {
            true => {
                other("a tar archive of PyTorch's first versions", "load it in PyTorch, and save it again")
            }
            false => other("a tar archive", UNPACK),
        };
    }
    if let Some((_, kind, mend)) = OTHERS.iter().find(|(first, ..)| start.starts_with(first)) {
        return other(kind, mend);
    }
    if let [0x80, 2..=5, ..] = start {
        return other(
            "a pickle that torch.save did not write",
            "load it in Python, and save the weights with `torch.save(state_dict, FILE)`",
        );
    }
    if is_text(start) {
        return other("a text file", WEIGHTS);
    }
    Format::Safetensors
}

/// Whether bytes are text, as far as they go.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match str::from_utf8(bytes) {
        Ok(_) => bytes,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Err(_) => return false,
    };
    whole.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}
