//! Pickles written by hand: every opcode that CPython does not write today, each fault, and those that would
//! take all memory or the stack.

use proptest::prelude::*;
use resnet_pickle::{BigInt, Error, Object, Pickle};
use resnet_testing::table;

fn parse(bytes: &[u8]) -> Result<Pickle<'_>, Error> {
    Pickle::parse(bytes, 10_000_000)
}

#[test]
fn single_opcodes_make_their_objects() {
    let text = |text: &'static str| Object::Text(text.into());
    let bytes = |bytes: &'static [u8]| Object::Bytes(bytes.into());
    let rows: Vec<(&[u8], Object)> = vec![
        (b"I00\n.", Object::Bool(false)),
        (b"I01\n.", Object::Bool(true)),
        (b"I1\r\n.", Object::Int(1)),
        (b"I-9223372036854775808\n.", Object::Int(i64::MIN)),
        (b"I9223372036854775808\n.", Object::BigInt(BigInt::Decimal("9223372036854775808"))),
        (b"L01\n.", Object::Int(1)),
        (b"L-12L\n.", Object::Int(-12)),
        (b"\x8a\x00.", Object::Int(0)),
        (b"\x8a\x01\xff.", Object::Int(-1)),
        (b"\x8b\x02\x00\x00\x00\x00\x80.", Object::Int(-32768)),
        (b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", Object::BigInt(BigInt::LittleEndian(b"\0\0\0\0\0\0\0\0\x01"))),
        (b"F-1e-3\n.", Object::Float(-0.001)),
        (b"G\x3f\xf8\0\0\0\0\0\0.", Object::Float(1.5)),
        (b"S'a\"b'\n.", bytes(b"a\"b")),
        (
            b"S\"\\\\\\'\\\"\\n\\r\\t\\a\\b\\f\\v\\x7F\\101\\0\\18\\q\"\n.",
            bytes(b"\\'\"\n\r\t\x07\x08\x0c\x0b\x7fA\0\x018\\q"),
        ),
        (b"T\x02\0\0\0ab.", bytes(b"ab")),
        (b"U\x01\xff.", bytes(b"\xff")),
        (b"B\x01\0\0\0a.", bytes(b"a")),
        (b"C\x00.", bytes(b"")),
        (b"\x8e\x01\0\0\0\0\0\0\0a.", bytes(b"a")),
        (b"\x96\x01\0\0\0\0\0\0\0a.", Object::ByteArray(b"a")),
        (b"X\x02\0\0\0\xc3\xa9.", text("é")),
        (b"\x8c\x01a.", text("a")),
        (b"\x8d\x01\0\0\0\0\0\0\0a.", text("a")),
        // A lone surrogate, as Python writes it.
        (b"\x8c\x04a\xed\xa0\x80.", text("a\u{fffd}\u{fffd}\u{fffd}")),
        (b"Va\\u00e9\xe9\\U0001D11E\\n\n.", text("aéé𝄞\\n")),
        (b"V\\ud800\n.", text("\u{fffd}")),
        (b"N0I7\n.", Object::Int(7)),
        (b"I7\n(N1.", Object::Int(7)),
        (b"I7\n(0.", Object::Int(7)),
        (b"\x82\x07.", Object::Extension(7)),
        (b"\x83\x07\x01.", Object::Extension(263)),
        (b"\x84\x07\0\0\x01.", Object::Extension(16_777_223)),
        (b"\x95\x02\0\0\0\0\0\0\0N.", Object::None),
        (b"I7\np12\n0g12\n.", Object::Int(7)),
        (b"I7\nr\0\x01\0\x000j\0\x01\0\0.", Object::Int(7)),
        (b"I7\n\x940h\0.", Object::Int(7)),
    ];
    table::run(&rows, |(bytes, expected)| {
        let pickle = parse(bytes).map_err(|error| error.to_string())?;
        let found = pickle.object(pickle.root());
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn containers_hold_what_was_put_into_them() {
    let rows: Vec<(&[u8], &str)> = vec![
        (b"(NNl.", "List(2)"),
        (b"N2\x86.", "Tuple(2)"),
        (b"(K\x01N2K\x02d.", "Dict(2)"),
        (b"(K\x01NK\x02Nd.", "Dict(2)"),
        (b"\x8f(K\x01K\x02\x90.", "Set(2)"),
        (b"(K\x01\x91.", "FrozenSet(1)"),
        (b"(cm\nC\nK\x01K\x02o.", "m.C(2)"),
        (b"(K\x01im\nC\n.", "m.C(1)"),
        (b"\x8c\x01m\x8c\x01C\x93)\x81.", "m.C(0)"),
        (b"cm\nC\n)}\x92(NNu(NNe}b.", "m.C(0) with keywords, 2 items, 1 entries, a state"),
        (b"cm\nC\n)R(N\x90Na.", "m.C(0), 2 items"),
        (b"Pname\n.", "Persistent"),
        (b"K\x01Q}b(NNuNa.", "Persistent"),
        (b"\x82\x01}b.", "Extension"),
    ];
    table::run(&rows, |(bytes, expected)| {
        let found = match parse(bytes) {
            Ok(pickle) => shape(&pickle),
            Err(_) => "damaged".to_owned(),
        };
        if found == *expected { Ok(()) } else { Err(found) }
    });
}

/// The root's kind and how much it holds.
fn shape(pickle: &Pickle) -> String {
    match pickle.object(pickle.root()) {
        Object::Tuple(items) => format!("Tuple({})", items.len()),
        Object::List(items) => format!("List({})", items.len()),
        Object::Set(items) => format!("Set({})", items.len()),
        Object::FrozenSet(items) => format!("FrozenSet({})", items.len()),
        Object::Dict(entries) => format!("Dict({})", entries.len()),
        Object::Persistent(_) => "Persistent".to_owned(),
        Object::Extension(_) => "Extension".to_owned(),
        Object::Call(call) => {
            let (module, name) = pickle.global(call.function).expect("it has names");
            let arguments = pickle.items(call.arguments).expect("a tuple").len();
            let mut text = format!("{module}.{name}({arguments})");
            if call.keywords.is_some() {
                text += " with keywords";
            }
            if !call.items.is_empty() {
                text += &format!(", {} items", call.items.len());
            }
            if !call.entries.is_empty() {
                text += &format!(", {} entries", call.entries.len());
            }
            if call.state.is_some() {
                text += ", a state";
            }
            text
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn each_fault_is_named() {
    let rows: Vec<(&[u8], &str)> = vec![
        (b"", "ends too early"),
        (b"\x80", "ends too early"),
        (b"\x80\x06", "has protocol 6"),
        (b"K", "ends too early"),
        (b"I1", "ends too early"),
        (b"X\xff\xff\xff\xffa", "ends too early"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffa", "ends too early"),
        (b"T\xff\xff\xff\xffa", "has a negative length at byte 0"),
        (b"NIx\n", "has an integer of another form at byte 1"),
        (b"L\n", "has an integer of another form"),
        (b"F1,5\n", "has a float of another form"),
        (b"Sabc\n", "has a string of another form"),
        (b"S'\n", "has a string of another form"),
        (b"S'a\\'\n", "has a string of another form"),
        (b"S'\\x1'\n", "has a string of another form"),
        (b"V\\u12\n", "has text of another form"),
        (b"V\\U00110000\n", "has text of another form"),
        (b".", "needs more than is on its stack at byte 0"),
        (b"0", "needs more than is on its stack"),
        (b"2", "needs more than is on its stack"),
        (b"K\x01(.", "needs more than is on its stack at byte 3"),
        (b"K\x01(\x85", "needs more than is on its stack"),
        (b"K\x01(q\0", "needs more than is on its stack"),
        (b"t", "ends a sequence that never began"),
        (b"h\x00", "recalls what it never kept"),
        (b"gx\n", "names a place in its memo by no number"),
        (b"Np-1\n", "names a place in its memo by no number"),
        (b"]]s", "needs more than is on its stack"),
        (b"]NNs", "sets items of what is no dictionary"),
        (b"}(Nu", "has a key without a value"),
        (b"(Nd", "has a key without a value"),
        (b"}Na", "appends to what is no list"),
        (b"](N\x90", "adds to what is no set"),
        (b"\x8fNa", "appends to what is no list"),
        (b"]}b", "sets the attributes of what has none"),
        (b"NNR", "calls something with what are no arguments"),
        (b"(o", "makes an object without its class"),
        (b"cm\n", "ends too early"),
        (b"NN\x93", "has a global whose name is no text"),
        (b"\x97", "keeps some of its data outside itself"),
        (b"\x98", "keeps some of its data outside itself"),
        (b"N\xff", "has the opcode 0xff at byte 1"),
    ];
    table::run(&rows, |(bytes, expected)| match parse(bytes) {
        Err(error) if error.to_string().contains(expected) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn more_opcodes_than_allowed_are_refused() {
    let bytes = [&b"N".repeat(9)[..], b"."].concat();
    assert!(Pickle::parse(&bytes, 10).is_ok());
    assert_eq!(Pickle::parse(&bytes, 9).unwrap_err(), Error::TooLong(9));
}

#[test]
fn what_repeats_itself_takes_no_more_than_its_opcodes() {
    // A tuple of two of the last tuple, again and again: written out it would have 2^100,000 items.
    let doubling = [&b"N"[..], &b"q\x00h\x00\x86".repeat(100_000), b"."].concat();
    assert_eq!(parse(&doubling).unwrap().objects().len(), 100_001);
    // A million tuples in each other, and a list in itself.
    let deep = [&b"N"[..], &b"\x85".repeat(1_000_000), b"."].concat();
    assert_eq!(parse(&deep).unwrap().objects().len(), 1_000_001);
    let itself = parse(b"]q\x00h\x00a.").unwrap();
    assert_eq!(itself.items(itself.root()), Some(&[itself.root()][..]));
    // Calls in each other are not followed to their end.
    let calls = [&b"cbuiltins\nbytes\np0\nN"[..], &b"\x85p1\n0g0\ng1\nR".repeat(1000), b"."].concat();
    let calls = parse(&calls).unwrap();
    assert_eq!(calls.bytes(calls.root()), None);
}

#[test]
fn entries_are_counted_without_being_made() {
    let rows: [(&[u8], Option<usize>); 5] = [
        (b"}K\x01Ns.", Some(1)),
        (b"ccollections\nOrderedDict\n(](K\x01N\x86K\x02N\x86etR.", Some(2)),
        (b"ccollections\nOrderedDict\n)R.", Some(0)),
        (b"cnet\nNet\n)\x81K\x01Ns.", Some(1)),
        (b"](K\x01Ne.", None),
    ];
    table::run(&rows, |(bytes, expected)| {
        let pickle = parse(bytes).map_err(|error| error.to_string())?;
        let root = pickle.root();
        assert_eq!(pickle.entries(root).map(|entries| entries.len()), *expected);
        assert_eq!(pickle.is_dictionary(root), expected.is_some());
        let count = pickle.entry_count(root);
        if count == expected.unwrap_or(0) { Ok(()) } else { Err(format!("{count}")) }
    });
}

#[test]
fn texts_and_bytes_are_borrowed_from_the_input() {
    let bytes =
        [&b"X\0\0\x10\0"[..], &vec![b'a'; 1 << 20], b"B\0\0\x10\0", &vec![0xff; 1 << 20], b"\x86."].concat();
    let pickle = parse(&bytes).unwrap();
    let range = bytes.as_ptr_range();
    for object in pickle.objects() {
        let start = match object {
            Object::Text(text) => text.as_ptr(),
            Object::Bytes(bytes) => bytes.as_ptr(),
            _ => continue,
        };
        assert!(range.contains(&start), "copied");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        asked(&bytes);
    }

    #[test]
    fn no_opcodes_panic(opcodes in proptest::collection::vec(proptest::sample::select(
        &b"\x80\x02NK0G12IL(]})\x8f\x90\x91\x92\x93\x94\x85\x86\x87\x8a\x8c\x81q\0h\0aseubQRoidltcollections\nOrderedDict\n."[..]
    ), 0..80)) {
        asked(&opcodes);
    }

    #[test]
    fn integers_are_what_was_written(value in any::<i128>(), shift in 0u32..128) {
        let value = value >> shift;
        let line = format!("L{value}L\n.");
        // As short as its sign allows.
        let len = 16 - (value.abs_diff(0).leading_zeros().saturating_sub(1) / 8) as usize;
        let bytes = &value.to_le_bytes()[..len];
        let binary = [&[0x8a, bytes.len() as u8][..], bytes, b"."].concat();
        for bytes in [line.as_bytes(), &binary] {
            let pickle = parse(bytes).unwrap();
            let found = match pickle.object(pickle.root()) {
                Object::Int(value) => Some(i128::from(*value)),
                Object::BigInt(value) => value.to_i128(),
                _ => None,
            };
            prop_assert_eq!(found, Some(value));
        }
    }

    #[test]
    fn any_bytes_come_back_from_their_escapes(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
        let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let line = format!("S'{escaped}'\n.");
        let pickle = parse(line.as_bytes()).unwrap();
        prop_assert_eq!(pickle.bytes(pickle.root()).unwrap().into_owned(), bytes);
    }
}

/// Asks every object of a pickle everything.
fn asked(bytes: &[u8]) {
    let Ok(pickle) = parse(bytes) else { return };
    assert!(pickle.consumed() <= bytes.len() && pickle.objects().len() <= 4 * bytes.len());
    let mut ids = vec![pickle.root()];
    let mut seen = 0;
    while let Some(id) = ids.get(seen).copied() {
        seen += 1;
        let _ = (pickle.str(id), pickle.bytes(id), pickle.global(id), pickle.get(id, "key"));
        let inner = pickle.items(id).into_iter().flatten().copied();
        let entries: Vec<_> =
            pickle.entries(id).into_iter().flat_map(|entries| entries.into_owned()).collect();
        assert!(entries.len() <= pickle.entry_count(id));
        assert!(entries.is_empty() || pickle.is_dictionary(id));
        for id in inner.chain(entries.into_iter().flat_map(|(key, value)| [key, value])) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
}
