//! Containers written by hand: what a well-formed zip can still get wrong, and what would take all memory.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// A record: name, bytes, method.
type Record<'a> = (&'a str, Vec<u8>, u16);

/// A container, and where its table begins.
fn container(records: &[Record]) -> (Vec<u8>, usize) {
    let whole = |(name, data, method): &Record| {
        (name.to_string(), data.clone(), *method, data.len() as u32, crc32fast::hash(data))
    };
    packed(&records.iter().map(whole).collect::<Vec<_>>())
}

/// The same of records whose sizes and checksums are said to be these.
fn packed(records: &[(String, Vec<u8>, u16, u32, u32)]) -> (Vec<u8>, usize) {
    let (mut bytes, mut table) = (vec![], vec![]);
    for (name, data, method, size, checksum) in records {
        let sizes = [(data.len() as u32).to_le_bytes(), size.to_le_bytes()].concat();
        let numbers = [&method.to_le_bytes()[..], &[0; 4], &checksum.to_le_bytes(), &sizes].concat();
        let len = (name.len() as u16).to_le_bytes();
        let place = (bytes.len() as u32).to_le_bytes();
        let row = [&b"PK\x01\x02"[..], &[0; 6], &numbers, &len, &[0; 12], &place, name.as_bytes()];
        table.extend(row.concat());
        bytes.extend([&b"PK\x03\x04"[..], &[0; 4], &numbers, &len, &[0; 2], name.as_bytes(), data].concat());
    }
    let start = bytes.len();
    let (rows, size) = ((records.len() as u16).to_le_bytes(), (table.len() as u32).to_le_bytes());
    bytes.extend(table);
    let end = [&b"PK\x05\x06"[..], &[0; 4], &rows, &rows, &size, &(start as u32).to_le_bytes(), &[0; 2]];
    bytes.extend(end.concat());
    (bytes, start)
}

/// The pickle of `{"a0": a view, "a1": ...}` of a storage of `len` f32 numbers from its start.
fn pickle(len: u32, shape: &[u32], strides: &[u32], names: usize) -> Vec<u8> {
    pickle_from(0, len, shape, strides, names)
}

/// The same from the number at `offset`.
fn pickle_from(offset: u8, len: u32, shape: &[u32], strides: &[u32], names: usize) -> Vec<u8> {
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let number = |number: &u32| [&[b'\x8a', 5][..], &number.to_le_bytes(), &[0]].concat();
    let tuple =
        |numbers: &[u32]| [b"(".to_vec(), numbers.iter().flat_map(number).collect(), b"t".to_vec()].concat();
    let mut bytes = b"\x80\x02}(".to_vec();
    for name in 0..names {
        bytes.extend(text(&format!("a{name}")));
        bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        bytes.extend([text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text("0"), text("cpu")].concat());
        bytes.extend([number(&len), [b"tQK", &[offset][..]].concat(), tuple(shape), tuple(strides)].concat());
        bytes.extend(b"\x89NtR");
    }
    bytes.extend(b"u.");
    bytes
}

fn read(bytes: &[u8]) -> Result<Contents, Fault> {
    zip(Cursor::new(bytes), bytes.len() as u64, &Weights::Usual)
}

#[track_caller]
fn fault(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(Fault::Damaged(cause) | Fault::Refused(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

/// A file of one storage of four numbers and a pickle about it.
fn of(pickle: Vec<u8>) -> Vec<u8> {
    container(&[("net/data.pkl", pickle, 0), ("net/data/0", vec![0; 16], 0)]).0
}

#[test]
fn a_container_written_by_hand_is_read() {
    let contents = read(&of(pickle(4, &[2, 2], &[2, 1], 1))).unwrap();
    assert_eq!(contents.tensors["a0"], Array { shape: vec![2, 2], values: vec![0.0; 4] });
    assert_eq!(read(&of(pickle(4, &[2, 0], &[0, 1], 1))).unwrap().tensors["a0"].shape, [2, 0]);
}

#[test]
fn views_beyond_their_storage_or_their_file_are_refused() {
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (pickle(4, &[5], &[1], 1), "tensor a0 reaches beyond its storage"),
        (pickle(4, &[2], &[4], 1), "reaches beyond its storage"),
        (pickle(4, &[2, 2], &[u32::MAX, u32::MAX], 1), "reaches beyond its storage"),
        (pickle(5, &[4], &[1], 1), "a storage of another length than the file"),
        (pickle(4, &[u32::MAX; 3], &[0, 0, 0], 1), "more numbers than any memory"),
        (pickle(4, &[u32::MAX], &[0], 1), "more than the file has bytes"),
        (pickle(4, &[1 << 14], &[0], 1), "more than the file has bytes"),
    ];
    resnet_testing::table::run(&rows, |(pickle, expected)| {
        let cause = fault(&of(pickle.clone()));
        if cause.contains(expected) { Ok(()) } else { Err(cause) }
    });
    // A small storage under many names is that many numbers, which a small file cannot ask for.
    let many = container(&[
        ("net/data.pkl", pickle(4096, &[4096], &[1], 100), 0),
        ("net/data/0", vec![0; 16384], 0),
    ]);
    assert!(fault(&many.0).contains("more than the file has bytes"));
}

#[test]
fn containers_of_something_else_are_refused() {
    let pickle = || pickle(4, &[4], &[1], 1);
    let number = || vec![0u8; 16];
    let rows: Vec<(Vec<Record>, &str)> = vec![
        (vec![("word/document.xml", vec![], 0)], "without a data.pkl"),
        (vec![("a/b/data.pkl", pickle(), 0)], "without a data.pkl"),
        (
            vec![("n/data.pkl", pickle(), 12), ("n/data/0", number(), 0)],
            "data.pkl is compressed by zip's method 12",
        ),
        (
            vec![("n/data.pkl", pickle(), 0), ("n/data/0", number(), 8)],
            "data/0 cannot be unpacked to its size",
        ),
        (vec![("n/data.pkl", pickle(), 0)], "the record n/data/0 is not there"),
        (vec![("n/data.pkl", pickle(), 0), ("n/constants.pkl", vec![], 0)], "a TorchScript program"),
        (vec![("n/data.pkl", pickle(), 0), ("n/byteorder", b"big".to_vec(), 0)], "a big-endian machine"),
        (vec![("n/data.pkl", pickle(), 0), ("n/data.pkl", pickle(), 0)], "two records n/data.pkl"),
        (vec![("n/data.pkl", b"\x80\x02].".to_vec(), 0)], "no tensors under names"),
        (vec![("n/data.pkl", b"\x80\x02}.".to_vec(), 0)], "no tensors under names"),
        (vec![("n/data.pkl", vec![b'N'; (4 << 20) + 1], 0)], "its pickle has more than 4194304 opcodes"),
    ];
    resnet_testing::table::run(&rows, |(records, expected)| {
        let cause = fault(&container(records).0);
        if cause.contains(expected) { Ok(()) } else { Err(cause) }
    });
}

/// The bytes, as deflate packs them.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![];
    flate2::read::DeflateEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

#[test]
fn compressed_records_are_unpacked_to_their_size_and_no_further() {
    let (pickle, numbers) = (pickle(4, &[4], &[1], 1), [0; 16]);
    let file = |size: u32| {
        let pickle =
            ("n/data.pkl".to_owned(), deflated(&pickle), 8, pickle.len() as u32, crc32fast::hash(&pickle));
        let record = ("n/data/0".to_owned(), deflated(&numbers), 8, size, crc32fast::hash(&numbers));
        packed(&[pickle, record]).0
    };
    assert_eq!(read(&file(16)).unwrap().tensors["a0"].values, [0.0; 4]);
    for size in [0, 15, 17, 1 << 20] {
        assert!(fault(&file(size)).contains("data/0 cannot be unpacked to its size"), "{size}");
    }
    assert!(fault(&file(u32::MAX - 1)).contains("beyond that of any network here"));
}

#[test]
fn a_small_file_that_unpacks_to_a_large_one_is_refused() {
    let zeros = vec![0; 32 << 20];
    let pickle = pickle(8 << 20, &[8 << 20], &[1], 1);
    let record = ("n/data/0".to_owned(), deflated(&zeros), 8, zeros.len() as u32, crc32fast::hash(&zeros));
    let pickle = ("n/data.pkl".to_owned(), pickle.clone(), 0, pickle.len() as u32, crc32fast::hash(&pickle));
    let bytes = packed(&[pickle, record]).0;
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    assert!(fault(&bytes).contains("beyond that of any network here"), "{}", fault(&bytes));
}

#[test]
fn tensors_in_another_form_than_pytorchs_are_refused() {
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let storage = |tag: &str, key: &str| {
        [&b"("[..], &text(tag), b"ctorch\nFloatStorage\n", &text(key), &text("cpu"), b"K\x04tQ"].concat()
    };
    let plain = || storage("storage", "0");
    let of = |storage: Vec<u8>, rest: &[u8]| {
        let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
        of([&b"\x80\x02}"[..], &text("a0"), rebuild, &storage, rest, b"tRs."].concat())
    };
    assert!(read(&of(plain(), b"K\x00K\x04\x85K\x01\x85\x89N")).is_ok());
    let nine = [&b"K\x00("[..], &b"K\x01".repeat(9), b"t(", &b"K\x01".repeat(9), b"t\x89N"].concat();
    let rows: Vec<(Vec<u8>, &[u8])> = vec![
        (plain(), &nine),
        (plain(), b"K\x00J\xff\xff\xff\xff\x85K\x01\x85\x89N"),
        (plain(), b"J\xff\xff\xff\xffK\x04\x85K\x01\x85\x89N"),
        (plain(), b"K\x00K\x04\x85)\x89N"),
        (plain(), b"K\x00K\x04\x85K\x01\x85\x89"),
        (plain(), b"NNNNN"),
        (storage("module", "0"), b"K\x00K\x04\x85K\x01\x85\x89N"),
        (storage("storage", &"0".repeat(65)), b"K\x00K\x04\x85K\x01\x85\x89N"),
        (b"N".to_vec(), b"K\x00K\x04\x85K\x01\x85\x89N"),
    ];
    resnet_testing::table::run(&rows, |(storage, rest)| {
        let cause = fault(&of(storage.clone(), rest));
        if cause.contains("it puts tensor a0 together in another form") { Ok(()) } else { Err(cause) }
    });
}

#[test]
fn modules_in_themselves_end() {
    // A module whose only module is itself.
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let state =
        [text("_parameters"), b"}".to_vec(), text("_modules"), b"}".to_vec(), text("a"), b"h\0s".to_vec()];
    let bytes = [&b"\x80\x02cnet\nNet\n)\x81q\0}("[..], &state.concat(), b"ub."].concat();
    assert!(fault(&of(bytes)).contains("its modules are more or lie deeper than in any network"));
}

/// `times` names for one object, as the items of a dictionary: the object, which lies at `slot` of the memo,
/// is only referred to.
fn repeated(times: u16, slot: u8) -> Vec<u8> {
    let item = |number| [&[b'X', 5, 0, 0, 0][..], format!("{number:05}").as_bytes(), &[b'h', slot]].concat();
    [b"(".to_vec(), (0..times).flat_map(item).collect(), b"u".to_vec()].concat()
}

#[test]
fn a_module_under_a_thousand_names_is_not_a_million_tensors() {
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let module = |slot: u8, parameters: &[u8], modules: &[u8]| {
        let class = [&b"cnet\nNet\n)\x81q"[..], &[slot], b"}("].concat();
        let parts = [text("_parameters"), parameters.to_vec(), text("_modules"), modules.to_vec()];
        [class, parts.concat(), b"ub".to_vec()].concat()
    };
    let inner = |times| module(1, &[b"}".to_vec(), repeated(times, 0)].concat(), b"}");
    let outer = |inner: &[u8], times| {
        let inner = [&b"}("[..], &text("first"), inner, b"u", &repeated(times, 1)].concat();
        of([&b"\x80\x02]q\0"[..], &module(2, b"}", &inner), b"."].concat())
    };
    // The module alone, with as many names for what it holds, is no fault; there is only no tensor in it.
    assert!(read(&outer(&inner(1000), 0)).is_ok());
    let told = fault(&outer(&inner(1000), 1000));
    assert!(told.contains("its modules are more or lie deeper than in any network"), "{told}");
}

#[test]
fn dictionaries_under_many_keys_are_listed_once() {
    // The weights are three dictionaries deep, the second under three hundred keys of the first.
    let text = |text: &str| [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let weights = pickle(4, &[4], &[1], 1);
    let weights = &weights[2..weights.len() - 1];
    let in_it = [&b"}("[..], &text("a"), weights, b"uq\x01"].concat();
    let second = [&b"}q\x02("[..], &text("b"), &in_it, b"u", &repeated(300, 1)].concat();
    let bytes = [&b"\x80\x02}("[..], &text("c"), &second, b"u", &repeated(300, 2), b"."].concat();
    let bytes = of(bytes);
    match zip(Cursor::new(&bytes), bytes.len() as u64, &Weights::Average) {
        Err(Fault::NotThere(_, names)) => assert_eq!((names.len(), &*names[1]), (602, "c.b")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_of_a_trainings_state_are_names_as_any_other() {
    let mut pickle = pickle(4, &[4], &[1], 1);
    let name = pickle.windows(2).position(|two| two == b"a0").unwrap();
    pickle.splice(name - 4..name + 2, [&[6, 0, 0, 0][..], b"ema.a0"].concat());
    let contents = read(&of(pickle)).unwrap();
    assert_eq!((contents.tensors["ema.a0"].values.len(), contents.ignored.optimizer), (4, 0));
}

#[test]
fn dictionaries_in_themselves_end() {
    // {"model": itself}
    let bytes = b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.".to_vec();
    assert!(fault(&of(bytes)).contains("no tensors under names"));
}

#[test]
fn tables_that_lie_are_refused() {
    let (whole, table) =
        container(&[("n/data.pkl", pickle(4, &[4], &[1], 1), 0), ("n/data/0", vec![0; 16], 0)]);
    let end = whole.len() - 22;
    let row = table + 46 + "n/data.pkl".len();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let full = &[0xff; 4][..];
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (with(end + 10, &[3, 0]), "ends too early"),
        (with(end + 10, &[0xff, 0xff]), "ends too early"),
        (with(end + 12, full), "a place outside itself"),
        (with(end + 16, full), "a place outside itself"),
        (with(end + 20, &[1]), "the table of its records is not at its end"),
        (with(table, b"X"), "has another form"),
        (with(row + 8, &[1]), "n/data/0 is encrypted"),
        (with(row + 28, &[0xff, 0xff]), "ends too early"),
        (with(row + 42, &[0xff, 0xff, 0xff, 0x7f]), "a place outside itself"),
        (with(row + 42, &[1, 0, 0, 0]), "not where the table says"),
        (with(row + 24, &[200, 0, 0, 0]), "a place outside itself"),
        (with(row + 24, full), "ends too early"),
        (with(row + 24, &[4, 0, 0, 0]), "the checksum of its record n/data/0"),
        (with(row + 16, &[0, 0, 0, 0]), "the checksum of its record n/data/0"),
    ];
    resnet_testing::table::run(&rows, |(bytes, expected)| {
        let cause = fault(bytes);
        if cause.contains(expected) { Ok(()) } else { Err(cause) }
    });
}

#[test]
fn records_over_each_other_are_read_no_further_than_the_file_is_long() {
    let (mut bytes, _) = container(&[("a", vec![0; 4000], 0), ("b", vec![], 0)]);
    let len = bytes.len() as u64;
    let mut archive = Archive::open(Cursor::new(&mut bytes), len).unwrap();
    assert!(archive.read("a", len).is_ok());
    assert!(
        matches!(archive.read("a", len), Err(Fault::Damaged(cause)) if cause.contains("over each other"))
    );
}

#[test]
fn sizes_of_64_bits_are_read_from_the_extra_field() {
    let (whole, table) =
        container(&[("n/data.pkl", pickle(4, &[4], &[1], 1), 0), ("n/data/0", vec![0; 16], 0)]);
    let row = table + 46 + "n/data.pkl".len();
    let behind = row + 46 + "n/data/0".len();
    let mut wide = whole.clone();
    wide[row + 24..row + 28].fill(0xff);
    wide[row + 30] = 4 + 12;
    // Another field before it, and then the size alone, because only that is full.
    let extra = [&[0x55, 0x54, 0, 0][..], &[1, 0, 8, 0], &16u64.to_le_bytes()].concat();
    wide.splice(behind..behind, extra);
    let size = (wide.len() - 22 - table) as u32;
    let end = wide.len() - 22;
    wide[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    assert_eq!(read(&wide).unwrap().tensors["a0"].values, [0.0; 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_view_is_what_its_strides_say_or_refused(
        dimensions in proptest::collection::vec((0u32..5, 0u32..7), 0..4), offset in 0u8..9, len in 0u32..60
    ) {
        let (shape, strides): (Vec<u32>, Vec<u32>) = dimensions.into_iter().unzip();
        let numbers: Vec<u8> = (0..len).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let pickle = pickle_from(offset, len, &shape, &strides, 1);
        // Larger than any view of it, so that the limit on repeated numbers doesn't matter here.
        let bytes = container(&[("n/data.pkl", pickle, 0), ("n/data/0", numbers, 0), ("n/rest", vec![0; 100], 0)]).0;
        let count: u32 = shape.iter().product();
        let mut expected = vec![];
        for number in 0..count {
            let (mut rest, mut at) = (number, u32::from(offset));
            for (size, stride) in shape.iter().zip(&strides).rev() {
                at += rest % size * stride;
                rest /= size;
            }
            expected.push(at);
        }
        match read(&bytes) {
            Ok(contents) => {
                let expected: Vec<f32> = expected.into_iter().map(|at| at as f32).collect();
                prop_assert_eq!(&contents.tensors["a0"].values, &expected);
                prop_assert!(expected.iter().all(|at| *at < len as f32));
            }
            Err(Fault::Damaged(cause)) => {
                prop_assert!(cause.contains("beyond its storage"), "{}", cause);
                prop_assert!(expected.iter().any(|at| *at >= len));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn changed_pickles_never_panic(changes in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..5)) {
        let mut pickle = pickle(4, &[2, 2], &[2, 1], 2);
        for (place, with) in changes {
            let at = (pickle.len() as f64 * place) as usize;
            pickle[at] = with;
        }
        if let Ok(contents) = read(&of(pickle)) {
            let numbers: usize = contents.tensors.values().map(|array| array.values.len()).sum();
            prop_assert!(numbers < 1000);
        }
    }
}
