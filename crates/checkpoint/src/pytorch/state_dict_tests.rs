//! Pickles written by hand: objects that share what they hold, and averages in a file of nothing else.

use super::super::MOST_OPCODES;
use super::*;

fn text(text: &str) -> Vec<u8> {
    [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// A tensor of one number.
fn tensor() -> Vec<u8> {
    let class = [text("storage"), b"ctorch\nFloatStorage\n".to_vec()].concat();
    let storage = [class, text("0"), text("cpu"), b"K\x01tQ".to_vec()].concat();
    [&b"ctorch._utils\n_rebuild_tensor_v2\n(("[..], &storage, b"K\0K\x01\x85K\x01\x85\x89NtR"].concat()
}

/// A dictionary.
fn dictionary(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, Vec<u8>)| [text(key), value.clone()].concat();
    let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
    [&b"}("[..], &entries, b"u"].concat()
}

/// A module with these buffers and no more.
fn module(buffers: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let empty = || dictionary(&[]);
    let state =
        dictionary(&[("_parameters", empty()), ("_modules", empty()), ("_buffers", dictionary(buffers))]);
    [&b"cnet\nNet\n)\x81"[..], &state, b"b"].concat()
}

fn pickled(object: &[u8]) -> Vec<u8> {
    [b"\x80\x02", object, b"."].concat()
}

fn asked(object: &[u8], weights: &Weights) -> Result<Taken, Fault> {
    let bytes = pickled(object);
    let pickle = Pickle::parse(&bytes, MOST_OPCODES)?;
    find(&pickle, weights).map(|found| found.taken)
}

#[track_caller]
fn refusal(object: &[u8], weights: &Weights) -> String {
    match asked(object, weights) {
        Err(Fault::Damaged(cause) | Fault::Refused(cause)) => cause,
        Err(fault) => format!("{fault:?}"),
        Ok(taken) => panic!("{taken:?}"),
    }
}

/// Objects that all have the state, or the argument, that lies in slot 1 of the memo.
fn sharing(shared: &[u8], object: &[u8], count: usize) -> Vec<u8> {
    let objects = (0..count).flat_map(|number| [text(&format!("{number:05}")), object.to_vec()].concat());
    [&b"}("[..], &text("shared"), shared, b"q\x01", &objects.collect::<Vec<u8>>(), b"u"].concat()
}

#[test]
fn objects_that_share_a_long_state_are_refused() {
    let keys = |count: usize| (0..count).map(|number| text(&format!("{number:05}")));
    let state = |count| {
        let entries: Vec<u8> = keys(count).flat_map(|key| [key, b"N".to_vec()].concat()).collect();
        [&b"}("[..], &entries, b"u"].concat()
    };
    let pairs = |count| {
        let entries: Vec<u8> = keys(count).flat_map(|key| [key, b"N\x86".to_vec()].concat()).collect();
        [&b"]("[..], &entries, b"e\x85"].concat()
    };
    let (built, called) = (b"cnet\nNet\n)\x81h\x01b", b"ccollections\nOrderedDict\nh\x01R");
    for (count, expected) in [(40, "no tensors under names"), (4000, "share more entries than in any file")] {
        for object in [sharing(&state(count), built, count), sharing(&pairs(count), called, count)] {
            let told = refusal(&object, &Weights::Usual);
            assert!(told.contains(expected), "{count}: {told}");
        }
    }
}

#[test]
fn weights_that_are_not_averaged_are_missed_by_name() {
    let averaged = dictionary(&[("state_dict_ema", dictionary(&[("a", tensor())]))]);
    match asked(&averaged, &Weights::Trained) {
        Err(Fault::NotThere(Weights::Trained, keys)) => assert_eq!(keys, ["state_dict_ema"]),
        other => panic!("{other:?}"),
    }
    assert!(asked(&averaged, &Weights::Average).is_ok());
}

#[test]
fn an_averaged_model_that_was_saved_whole_is_an_average() {
    assert!(asked(&module(&[("n_averaged", tensor())]), &Weights::Average).is_ok());
    let told = refusal(&module(&[("a", tensor())]), &Weights::Average);
    assert!(told.contains("NotThere"), "{told}");
}
