//! Tests of the walk through archives: whole, put together, cut off, damaged.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// All members, and why it ended early, if it did.
fn walk(bytes: &[u8]) -> (Vec<Member>, Option<Cut>) {
    let (found, end) = walk_to_end(bytes);
    (found, end.err())
}

/// All members, and how it ended.
fn walk_to_end(bytes: &[u8]) -> (Vec<Member>, Result<Option<OddEnd>, Cut>) {
    let mut members = Members::new(Cursor::new(bytes), bytes.len() as u64);
    let mut found = Vec::new();
    loop {
        match members.next_file() {
            Ok(Some(member)) => found.push(member),
            Ok(None) => return (found, Ok(members.odd_end())),
            Err(cut) => return (found, Err(cut)),
        }
    }
}

#[test]
fn members_are_where_the_writer_put_them() {
    let long = "folder/".repeat(40) + "image.jpg";
    let bytes = archive(&[("a.jpg", b"one"), (&long, &[7; 600]), ("a.cls", b"")]);
    let (found, cut) = walk(&bytes);
    assert!(cut.is_none(), "{cut:?}");
    let names: Vec<&str> = found.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["a.jpg", &long, "a.cls"]);
    for (member, contents) in found.iter().zip([&b"one"[..], &[7; 600], b""]) {
        assert_eq!(&bytes[(member.header + UNIT) as usize..][..member.bytes as usize], contents);
    }
}

#[test]
fn pax_names_and_sizes_are_used() {
    let mut archive = tar::Builder::new(Vec::new());
    let size = 5.to_string();
    archive.append_pax_extensions([("path", &b"long/name.png"[..]), ("size", size.as_bytes())]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    archive.append_data(&mut header, "short", &b"12345"[..]).unwrap();
    let (found, cut) = walk(&archive.into_inner().unwrap());
    assert!(cut.is_none());
    assert_eq!((found[0].name.as_str(), found[0].bytes), ("long/name.png", 5));
}

#[test]
fn numbers_are_octal_or_binary() {
    for (field, value) in [
        (&b"0000755\0"[..], Some(0o755)),
        (b"   17 \0 ", Some(0o17)),
        (b"00000089", None),
        (b"        ", Some(0)),
        (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], Some(258)),
        (&[0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], None),
        (&[0xff; 12], None),
    ] {
        assert_eq!(number(field), value, "{field:?}");
    }
}

#[test]
fn a_cut_archive_is_told_wherever_it_is_cut() {
    let whole = archive(&[("a.jpg", &[1; 700]), ("a.cls", b"3")]);
    for length in 0..whole.len() - 2 * UNIT as usize + 1 {
        let (found, end) = walk_to_end(&whole[..length]);
        match end {
            Ok(odd) => {
                assert!(odd == Some(OddEnd::NoMark) && !found.is_empty(), "{length} bytes seem whole")
            }
            Err(cut) => {
                assert!(cut.offset <= length.next_multiple_of(512) as u64 && !cut.cause.is_empty())
            }
        }
        assert!(found.len() <= 2);
    }
    let (found, cut) = walk(&whole);
    assert!(cut.is_none() && found.len() == 2);
}

#[test]
fn archives_that_were_put_together_are_read_to_their_end() {
    let (one, two) = (archive(&[("a.jpg", &[1; 700])]), archive(&[("b.jpg", b"2"), ("c.jpg", b"3")]));
    let (found, end) = walk_to_end(&[&one[..], &[0; 9 * 512], &two, &one].concat());
    let names: Vec<&str> = found.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["a.jpg", "b.jpg", "c.jpg", "a.jpg"]);
    assert_eq!(end.unwrap(), None);
    let (found, end) = walk_to_end(&[&one[..], b"no tar"].concat());
    assert!(found.len() == 1 && end.unwrap_err().offset == one.len() as u64);
    let (found, end) = walk_to_end(&[&one[..], &vec![0; 3 << 20]].concat());
    assert!(found.len() == 1 && end.unwrap() == Some(OddEnd::Zeros((3 << 20) + 1024)));
}

#[test]
fn names_are_shown_escaped() {
    let name = "a\u{1b}[2J\n".to_owned() + ".jpg";
    let mut bytes = archive(&[(&name, b"x")]);
    assert_eq!(walk(&bytes).0[0].name, r"a\x1b[2J\x0a.jpg");
    bytes[0] = 0xe9;
    let sum: u64 = bytes[..512]
        .iter()
        .enumerate()
        .map(|(i, &byte)| if (148..156).contains(&i) { 32 } else { u64::from(byte) })
        .sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(walk(&bytes).0[0].name, r"\xe9\x1b[2J\x0a.jpg");
    let told = walk(&bytes[..512]).1.unwrap().cause;
    assert!(told.contains(r"\x1b[2J") && !told.contains('\u{1b}'), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_archives_end(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16)) {
        let name = "n/".repeat(80) + "p.jpg";
        let mut bytes = archive(&[("a.jpg", &[1; 700]), (&name, b"x"), ("a.cls", b"3")]);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let (found, _) = walk(&bytes);
        for member in found {
            prop_assert!(member.header + UNIT + member.bytes <= bytes.len() as u64);
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_archive(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let (found, cut) = walk(&bytes);
        prop_assert!(found.is_empty() && (cut.is_some() || bytes.iter().take(512).all(|&byte| byte == 0)));
    }
}
