//! Tests of the scan of shards: what is a sample, what is a fault, and that damage is never more than that.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::tar_headers::UNIT;

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn scan_bytes(bytes: &[u8]) -> Scanned {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.tar"), bytes).unwrap();
    scan(folder.path(), "a.tar", &Known { limit: 10, list: None }).unwrap()
}

#[test]
fn samples_are_told_by_their_names() {
    let bytes = archive(&[
        ("README", b"hello"),
        ("x/0.jpg", b"a"),
        ("x/0.cls", b"3\n"),
        ("x/1.cls", b"4"),
        ("x/1.seg.png", b"no image"),
        ("x/1.json", br#"{"label": 4, "width": 9}"#),
        ("x/1.PNG", b"bb"),
        ("x/2.webp", b"c"),
        ("x/2.json", br#"{"cls": " cat", "label": null}"#),
        ("x/3.png", b"d"),
        ("x/3.cls", b"5"),
        ("x/3.json", br#"{"label": null}"#),
    ]);
    let scanned = scan_bytes(&bytes);
    let found: Vec<(&str, &Label)> =
        scanned.samples.iter().map(|sample| (sample.member.name.as_str(), &sample.label)).collect();
    let [three, four, five] = [3, 4, 5].map(Label::Number);
    let cat = Label::Name("cat".into());
    assert_eq!(found, [("x/0.jpg", &three), ("x/1.PNG", &four), ("x/2.webp", &cat), ("x/3.png", &five)]);
    assert_eq!(scanned.faults, []);
    assert_eq!(scanned.left_out.to_string(), "1 file .json, 1 file .seg.png, 1 file without an ending");
}

#[test]
fn samples_that_are_none_are_named_with_their_place() {
    for (members, wanted) in [
        (&[("a.jpg", &b"x"[..])][..], "no label"),
        (&[("a.cls", b"1")], "no image"),
        (&[("a.jpg", b"x"), ("a.cls", b"1 2")], "\"1 2\", which is no label"),
        (&[("a.jpg", b"x"), ("a.cls", b"")], "\"\", which is no label"),
        (&[("a.jpg", b"x"), ("a.cls", b"10")], "label is 10, but labels are below 10"),
        (&[("a.jpg", b"x"), ("a.cls", b"-1")], "no label"),
        (
            &[("a.jpg", b"x"), ("a.cls", b"1"), ("a.json", b"{\"label\": 2}")],
            ".cls says 1, but its .json says 2",
        ),
        (&[("a.jpg", b"x"), ("a.json", b"{\"label\": [1]}")], "[1] for a label"),
        (
            &[("a.jpg", b"x"), ("a.cls", b"cat"), ("a.json", b"{\"label\": \"dog\"}")],
            ".cls says \"cat\", but its .json says \"dog\"",
        ),
        (&[("a.jpg", b"x"), ("a.json", b"{\"label\": ")], "damaged"),
        (&[("a.jpg", b"x"), ("a.json", b"{\"width\": 3}")], "no label"),
        (&[("a.jpg", b""), ("a.cls", b"1")], "empty"),
        (&[("a.jpg", b"x"), ("a.png", b"x"), ("a.cls", b"1")], "2 images"),
    ] {
        let mut all = members.to_vec();
        all.extend([("b.jpg", &b"y"[..]), ("b.cls", b"1")]);
        let scanned = scan_bytes(&archive(&all));
        assert_eq!(scanned.samples.len(), 1, "{wanted}");
        let told = scanned.faults[0].to_string();
        assert!(scanned.faults.len() == 1 && told.contains(wanted) && told.contains("a.tar: a"), "{told}");
    }
}

#[test]
fn a_cut_shard_loses_its_rest_and_says_how_much() {
    let members: Vec<(String, Vec<u8>)> = (0..10)
        .flat_map(|i| [(format!("{i}.jpg"), vec![1; 3000]), (format!("{i}.cls"), vec![b'0' + i as u8])])
        .collect();
    let members: Vec<(&str, &[u8])> =
        members.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let whole = archive(&members);
    // A record takes 512 + 3072 + 512 + 512 bytes; this cuts the fifth in its image.
    let scanned = scan_bytes(&whole[..4 * 4608 + 1000]);
    assert_eq!((scanned.samples.len(), scanned.faults.len()), (4, 1));
    let told = scanned.faults[0].to_string();
    assert!(told.contains("at byte 18432") && told.contains("4.jpg should have 3000 bytes"), "{told}");
    // A damaged header in the middle: the other six are gone, and that is what is told.
    let mut damaged = whole.clone();
    damaged[4 * 4608 + 3] ^= 1;
    let scanned = scan_bytes(&damaged);
    assert_eq!((scanned.samples.len(), scanned.faults[0].records), (4, 6));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_shard_gives_no_label_that_was_not_there(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        part in 0.0f64..1.0,
    ) {
        let mut bytes = archive(&[("a.jpg", &[7; 600]), ("a.cls", b"3"), ("b.png", &[8; 10]), ("b.json", b"{\"label\":5}")]);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * (0.5 + part)) as usize);
        for sample in scan_bytes(&bytes).samples {
            prop_assert!(!matches!(sample.label, Label::Number(10..)));
            prop_assert!(sample.member.header + UNIT + sample.member.bytes <= bytes.len() as u64);
        }
    }
}
