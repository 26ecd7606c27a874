//! What CPython itself writes, in each protocol (`python/generate.py`), and what Python 2 wrote.

use resnet_pickle::{Id, Object, Pickle};
use resnet_testing::table;

macro_rules! files {
    ($($name:literal),*) => { [$(($name, include_bytes!(concat!("python/", $name, ".pkl")).as_slice())),*] };
}

/// An object as `show` of generate.py writes it.
fn show(pickle: &Pickle, id: Id) -> String {
    let all = |items: &[Id]| items.iter().map(|id| show(pickle, *id)).collect::<Vec<_>>().join(",");
    match pickle.object(id) {
        Object::None => "None".to_owned(),
        Object::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Object::Int(value) => value.to_string(),
        Object::BigInt(value) => value.to_i128().expect("128 bits suffice").to_string(),
        Object::Float(value) => format!("f{:016x}", value.to_bits()),
        Object::Text(text) => format!("'{text}'"),
        Object::Tuple(items) => format!("({})", all(items)),
        Object::List(items) => format!("[{}]", all(items)),
        Object::Dict(entries) => {
            let entries = entries.iter().map(|(key, value)| show(pickle, *key) + ":" + &show(pickle, *value));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        other => panic!("not plain: {other:?}"),
    }
}

#[test]
fn every_protocol_has_the_same_plain_objects() {
    let files = files!["plain-0", "plain-1", "plain-2", "plain-3", "plain-4", "plain-5"];
    table::run(&files, |(_, bytes)| {
        let pickle = Pickle::parse(bytes, 20_000).map_err(|error| error.to_string())?;
        if pickle.consumed() != bytes.len() {
            return Err(format!("{} of {} bytes", pickle.consumed(), bytes.len()));
        }
        let shared =
            pickle.get(pickle.root(), "shared").and_then(|id| pickle.items(id)).expect("it is there");
        if shared[0] != shared[1] {
            return Err("one list became two".to_owned());
        }
        let (found, expected) = (show(&pickle, pickle.root()), include_str!("python/plain.txt"));
        if found == expected { Ok(()) } else { Err(found) }
    });
}

#[test]
fn bytes_are_read_in_the_forms_of_every_protocol() {
    let files = files!["called-0", "called-1", "called-2", "called-3", "called-4", "called-5"];
    let all: Vec<u8> = (0..=255).collect();
    table::run(&files, |(_, file)| {
        let pickle = Pickle::parse(file, 1000).map_err(|error| error.to_string())?;
        let bytes = |key: &str| pickle.bytes(pickle.get(pickle.root(), key)?);
        let expected =
            [("bytes", &all[..]), ("no bytes", b""), ("bytearray", b"\0\xffab"), ("no bytearray", b"")];
        let wrong: Vec<_> =
            expected.iter().filter(|(key, expected)| bytes(key).as_deref() != Some(expected)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}")) }
    });
}

#[test]
fn calls_of_every_protocol_are_kept_and_not_made() {
    let files = files!["called-0", "called-1", "called-2", "called-3", "called-4", "called-5"];
    table::run(&files, |(_, file)| {
        let pickle = Pickle::parse(file, 1000).map_err(|error| error.to_string())?;
        let found = |key: &str| pickle.get(pickle.root(), key).expect("it is there");
        let entries = |id: Id| pickle.entries(id).map_or(0, |entries| entries.len());
        let of = |key: &str| pickle.call(found(key)).ok_or_else(|| format!("{key} is no call"));

        assert_eq!(pickle.get(found("ordered"), "b").and_then(|id| pickle.int(id)), Some(2));
        assert_eq!(pickle.entries(found("no items")).as_deref(), Some(&[][..]));
        assert_eq!(pickle.global(of("default")?.function), Some(("collections", "defaultdict")));
        assert_eq!(entries(found("default")), 1);
        let counter = of("counter")?;
        assert_eq!(pickle.global(counter.function), Some(("collections", "Counter")));
        assert_eq!(entries(pickle.items(counter.arguments).unwrap()[0]), 2);
        let state = |key: &str, name: &str| pickle.get(of(key).ok()?.state?, name);
        assert_eq!(state("namespace", "arch").and_then(|id| pickle.str(id)), Some("resnet20"));
        assert_eq!(state("scheduler", "last_epoch").and_then(|id| pickle.int(id)), Some(3));
        assert_eq!(pickle.global(found("class")), Some(("__main__", "Scheduler")));
        assert_eq!(pickle.global(found("function")).map(|(_, name)| name), Some("len"));
        let complex = of("complex")?;
        assert_eq!(pickle.global(complex.function).map(|(_, name)| name), Some("complex"));
        let history = of("history")?;
        // Protocols 0 and 1 hand the items to the class instead of appending them.
        assert!(!history.items.is_empty() || pickle.items(history.arguments).unwrap().len() == 3);
        Ok(())
    });
}

#[test]
fn strings_of_python_2_are_bytes_and_text() {
    // {'data': '\x00\xff', 'label': [1L, True]} as Python 2 writes it in protocols 0 and 2.
    let files: [&[u8]; 2] = [
        b"(dp0\nS'data'\np1\nS'\\x00\\xff'\np2\nsS'label'\np3\n(lp4\nL1L\naI01\nas.",
        b"\x80\x02}q\x00(U\x04dataq\x01U\x02\x00\xffq\x02U\x05labelq\x03]q\x04(\x8a\x01\x01\x88eu.",
    ];
    for file in files {
        let pickle = Pickle::parse(file, 100).unwrap();
        let data = pickle.get(pickle.root(), "data").unwrap();
        assert_eq!(pickle.bytes(data).as_deref(), Some(&b"\x00\xff"[..]));
        assert_eq!(pickle.str(data), None, "no UTF-8");
        let labels = pickle.items(pickle.get(pickle.root(), "label").unwrap()).unwrap();
        assert_eq!((pickle.int(labels[0]), pickle.object(labels[1])), (Some(1), &Object::Bool(true)));
    }
}

#[test]
fn an_ordered_dictionary_of_python_2_has_its_entries_as_arguments() {
    // OrderedDict([['a', 1], ['b', 2]])
    let file = b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01e](U\x01bK\x02ee\x85R.";
    let pickle = Pickle::parse(file, 100).unwrap();
    assert_eq!(pickle.get(pickle.root(), "b").and_then(|id| pickle.int(id)), Some(2));
    assert_eq!(pickle.get(pickle.root(), "c"), None);
}

#[test]
fn several_pickles_follow_each_other() {
    let mut rest: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.N.";
    let mut found = vec![];
    while !rest.is_empty() {
        let pickle = Pickle::parse(rest, 10).unwrap();
        found.push(show(&pickle, pickle.root()));
        rest = &rest[pickle.consumed()..];
    }
    assert_eq!(found, ["119547037146038801333356", "1001", "None"]);
}
