//! Files of the old layout written by hand: what contradicts itself, and what would take all memory.

use std::io::Cursor;

use super::super::{Contents, Weights, legacy};
use super::*;

fn text(text: &str) -> Vec<u8> {
    [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// `{"a": a vector of all numbers of storage 0}`, which has `len` elements of this class.
fn saved(class: &str, len: u32) -> Vec<u8> {
    let len = [&b"J"[..], &len.to_le_bytes()].concat();
    [
        &b"\x80\x02}"[..],
        &text("a"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        format!("ctorch\n{class}\n").as_bytes(),
        &text("0"),
        &text("cpu"),
        &len,
        b"NtQK\0",
        &len,
        b"\x85K\x01\x85\x89NtRs.",
    ]
    .concat()
}

const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
const VERSION: &[u8] = b"\x80\x02M\xe9\x03.";
const MACHINE: &[u8] = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";

/// A file of these parts, and of the storages' names and bytes.
fn file(parts: &[&[u8]], keys: &[&str], storages: &[u8]) -> Vec<u8> {
    let keys: Vec<u8> = keys.iter().flat_map(|key| text(key)).collect();
    [&parts.concat()[..], b"\x80\x02](", &keys, b"e.", storages].concat()
}

fn read(bytes: &[u8]) -> Result<Contents, Fault> {
    legacy(Cursor::new(bytes), bytes.len() as u64, &Weights::Usual)
}

/// `count` as the number of elements, then `there` floats.
fn floats(count: u64, there: usize) -> Vec<u8> {
    let numbers = (0..there).flat_map(|number| (number as f32).to_le_bytes());
    count.to_le_bytes().into_iter().chain(numbers).collect()
}

#[test]
fn a_file_written_by_hand_is_read() {
    let saved = saved("FloatStorage", 3);
    let parts = [MAGIC, VERSION, MACHINE, &saved];
    let contents = read(&file(&parts, &["0"], &floats(3, 3))).unwrap();
    assert_eq!(contents.tensors["a"].values, [0.0, 1.0, 2.0]);
    assert!(is_legacy(MAGIC) && !is_legacy(VERSION) && !is_legacy(b""));
    // In protocol 0 the magic number is text.
    assert!(is_legacy(b"L119547037146038801333356L\n.I1001\n."));
}

#[test]
fn each_contradiction_is_named() {
    let (float, many) = (saved("FloatStorage", 3), saved("FloatStorage", i32::MAX as u32));
    let (strange, plain) = (saved("StrangeStorage", 3), b"\x80\x02}.");
    let big = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x89s.";
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (MAGIC.to_vec(), "its pickle ends too early"),
        (
            file(&[MAGIC, b"\x80\x02M\xe8\x03.", MACHINE, &float], &["0"], &floats(3, 3)),
            "another version than 1001",
        ),
        (file(&[MAGIC, VERSION, big, &float], &["0"], &floats(3, 3)), "a big-endian machine"),
        (
            file(&[MAGIC, VERSION, MACHINE, &strange], &["0"], &floats(3, 3)),
            "storage 0 is of a type that is not known",
        ),
        (
            file(&[MAGIC, VERSION, MACHINE, &float], &["0", "1"], &floats(3, 3)),
            "a storage 1, which nothing in it needs",
        ),
        (
            file(&[MAGIC, VERSION, MACHINE, &float], &["0", "0"], &floats(3, 3)),
            "a storage 0, which nothing in it needs",
        ),
        (file(&[MAGIC, VERSION, MACHINE, &float], &[], b""), "it has no storage 0"),
        (
            file(&[MAGIC, VERSION, MACHINE, &float], &["0"], &floats(4, 4)),
            "storage 0 is not where its pickles say",
        ),
        (file(&[MAGIC, VERSION, MACHINE, &float], &["0"], &floats(3, 2)), "it ends before its storage 0"),
        (file(&[MAGIC, VERSION, MACHINE, &float], &["0"], b"\x03"), "it ends before its storage 0"),
        (file(&[MAGIC, VERSION, MACHINE, &many], &["0"], &floats(3, 3)), "it ends before its storage 0"),
        (file(&[MAGIC, VERSION, MACHINE, plain], &[], b""), "no tensors under names"),
        ([MAGIC, VERSION, MACHINE, &float, b"N."].concat(), "named in another form"),
    ];
    resnet_testing::table::run(&rows, |(bytes, expected)| {
        let cause = match read(bytes) {
            Err(Fault::Damaged(cause) | Fault::Refused(cause)) => cause,
            Err(Fault::Cut) => "its pickle ends too early".to_owned(),
            other => format!("{other:?}"),
        };
        if cause.contains(expected) { Ok(()) } else { Err(cause) }
    });
}
