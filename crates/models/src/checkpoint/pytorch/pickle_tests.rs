//! Pickles written by hand: each fault, and those that would take all memory or the stack.

use proptest::prelude::*;

use super::*;
use crate::checkpoint::numbers::Float;

/// Text as protocol 2 writes it.
fn text(text: &str) -> Vec<u8> {
    [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn fault(bytes: &[u8]) -> String {
    match parse(bytes) {
        Err(Fault::Damaged(cause) | Fault::Refused(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn containers_and_numbers_are_read() {
    let bytes = [
        &b"\x80\x02}q\x00("[..],
        &text("a"),
        b"K\x07",
        &text("b"),
        b"(M\xff\xffJ\xfe\xff\xff\xff\x8a\x00\x8a\x01\xfft",
        &text("c"),
        b"]q\x01(N\x88\x89e",
        b"uX\x00\x00\x00\x00h\x01s.",
    ]
    .concat();
    let pickle = parse(&bytes).unwrap();
    let Object::Dict(items) = pickle.object(pickle.root()) else { panic!("{pickle:?}") };
    let names: Vec<_> = items.iter().map(|(name, _)| pickle.text(*name).unwrap()).collect();
    assert_eq!(names, ["a", "b", "c", ""]);
    assert!(matches!(pickle.object(items[0].1), Object::Int(7)));
    let Object::Tuple(numbers) = pickle.object(items[1].1) else { panic!("{pickle:?}") };
    let numbers: Vec<i64> = numbers
        .iter()
        .map(|id| match pickle.object(*id) {
            Object::Int(number) => *number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [65535, -2, 0, -1]);
    assert_eq!(items[2].1, items[3].1, "one list");
}

#[test]
fn each_fault_is_named() {
    let long = [&b"\x8a\x09"[..], &[1; 9]].concat();
    let rows: Vec<(&[u8], &str)> = vec![
        (b"", "ends too early"),
        (b"\x80", "ends too early"),
        (b"\x80\x04", "protocol 4"),
        (b"K", "ends too early"),
        (b"X\xff\xff\xff\xffa", "ends too early"),
        (b"X\x01\x00\x00\x00\xff", "no UTF-8"),
        (b".", "needs more than is on its stack"),
        (b"K\x01(.", "needs more than is on its stack"),
        (b"K\x01(\x85", "needs more than is on its stack"),
        (b"t", "ends a sequence that never began"),
        (b"h\x00", "recalls what it never kept"),
        (b"]]s", "needs more than is on its stack"),
        (b"]NNs", "sets items of what is no dictionary"),
        (b"}(Nu", "sets items of what is no dictionary"),
        (b"}Na", "appends to what is no list"),
        (b"]}b", "sets the attributes of what has none"),
        (b"NNR", "calls what is no function"),
        (b"ccollections\nOrderedDict\nN\x85R", "calls a function with other arguments"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR", "puts a tensor together in another form"),
        (b"NQ", "names a storage in another form"),
        (b"ctorch\n", "ends too early"),
        (b"ctorch\nFloat8_e4m3fnStorage\n", "asks for torch.Float8_e4m3fnStorage"),
        (b"cbuiltins\neval\n", "asks for builtins.eval"),
        (b"cos\nsys\x1b[31mtem\n", "asks for os.sys\\u{1b}[31mtem"),
        (b"ccollections\nOrderedDict\n)\x81", "opcode 0x81 at byte 26"),
        (b"\x93", "opcode 0x93 at byte 0"),
        (&long, "more than 64 bits"),
    ];
    resnet_testing::table::run(&rows, |(bytes, expected)| {
        let cause = fault(bytes);
        if cause.contains(expected) && cause.len() < 250 { Ok(()) } else { Err(cause) }
    });
}

#[test]
fn what_repeats_itself_takes_no_more_than_its_opcodes() {
    // A tuple of two of the last tuple, again and again: written out it would have 2^100,000 items.
    let mut doubling = b"N".to_vec();
    for _ in 0..100_000 {
        doubling.extend(b"q\x00h\x00\x86");
    }
    doubling.push(b'.');
    assert_eq!(parse(&doubling).unwrap().len(), 100_001);
    // A million tuples in each other, and a list in itself.
    let deep = [&b"N"[..], &b"\x85".repeat(1_000_000), b"."].concat();
    assert_eq!(parse(&deep).unwrap().len(), 1_000_001);
    let itself = parse(b"]q\x00h\x00a.").unwrap();
    assert!(matches!(itself.object(itself.root()), Object::List(items) if *items == [itself.root()]));
}

#[test]
fn a_tensor_of_many_dimensions_is_refused() {
    let shape = [&b"("[..], &b"K\x01".repeat(9), b"t"].concat();
    let storage =
        [&b"("[..], &text("storage"), b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x01tQ"]
            .concat();
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let of = |shape: &[u8]| [rebuild, &storage[..], b"K\x00", shape, shape, b"\x89NtR."].concat();
    assert!(fault(&of(&shape)).contains("another form"));
    let bytes = of(b"K\x01\x85");
    let pickle = parse(&bytes).unwrap();
    let Object::Tensor(tensor) = pickle.object(pickle.root()) else { panic!("{pickle:?}") };
    let storage = Storage { kind: Kind::Float(Float::F32), key: "0".into(), len: 1 };
    assert_eq!(**tensor, Tensor { storage, offset: 0, shape: vec![1], strides: vec![1] });
    assert!(fault(&of(b"J\xff\xff\xff\xff\x85")).contains("another form"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_opcodes_panic(opcodes in proptest::collection::vec(proptest::sample::select(&b"\x80\x02NK0Gt(]})\x85\x86\x87q\0h\0aseubQRcollections\nOrderedDict\n."[..]), 0..80)) {
        let _ = parse(&opcodes);
    }
}
