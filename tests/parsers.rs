//! Every parser of files from outside over seeds, damaged seeds and all inputs that ever broke one of them.
//!
//! The long search is libFuzzer's, in `tests/fuzz` (docs/reproducing.md); this keeps the bodies working and
//! what it found mended.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use resnet_tests::fuzzing::{TARGETS, Target, accepted, watch_panics};

/// For each target's damaged seeds; a slow machine tries fewer of them.
const TIME: Duration = Duration::from_millis(400);

/// Panics in this project's code, those that are caught included.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Runs a target's body, and says so where it panics.
fn check(target: &Target, bytes: &[u8], what: &str) {
    let outcome = std::panic::catch_unwind(|| (target.body)(bytes));
    let ours = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(outcome.is_ok() && ours.is_empty(), "{}: {what}: {}", target.name, ours.join("; "));
}

/// One test, because panics are watched in the whole process.
#[test]
fn no_bytes_break_a_parser() {
    watch_panics(|told| {
        eprintln!("{told}");
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    });
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    for entry in fs::read_dir(&regressions).expect("inputs that broke something") {
        let name = entry.expect("a readable folder").file_name();
        assert!(TARGETS.iter().any(|target| name == target.name), "{name:?} is no target");
    }
    for target in &TARGETS {
        let folder = regressions.join(target.name);
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            check(target, &fs::read(&path).expect("a readable file"), &path.display().to_string());
        }
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        let _ = accepted();
        for (number, seed) in seeds.iter().enumerate() {
            check(target, seed, &format!("seed {number}"));
        }
        assert!(accepted() > 0, "{} refuses all of its seeds", target.name);
        check(target, &[], "no bytes");
        let begun = Instant::now();
        // The same places on every machine, each seed in turn.
        for round in 0..1000 {
            for (number, seed) in seeds.iter().enumerate().filter(|(_, seed)| !seed.is_empty()) {
                if begun.elapsed() > TIME {
                    break;
                }
                check(target, &damaged(seed, round), &format!("seed {number}, damage {round}"));
            }
        }
    }
}

/// Damage number `round`: the end cut off, a bit turned over, a byte at its bounds, or bytes left out or
/// doubled.
fn damaged(seed: &[u8], round: usize) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    // Odd steps through the whole seed, whatever its length.
    let place = (round / 5 + 1) * 0x9E37_79B1 % seed.len();
    match round % 5 {
        0 => bytes.truncate(place),
        1 => bytes[place] ^= 1 << (round / 5 % 8),
        2 => bytes[place] = [0, 0xff, 0x7f, 0x80][round / 5 % 4],
        3 => drop(bytes.drain(place..bytes.len().min(place + 1 + round % 7))),
        _ => {
            let end = seed.len().min(place + 1 + round % 64);
            bytes.splice(place..place, seed[place..end].iter().copied());
        }
    }
    bytes
}

/// Writes the seeds of each target to a folder of its own below `RESNET_FUZZ_CORPUS`, for libFuzzer to start
/// from.
#[test]
#[ignore = "writes files; see docs/reproducing.md"]
fn write_seeds() {
    let root = std::env::var_os("RESNET_FUZZ_CORPUS").expect("RESNET_FUZZ_CORPUS names a folder");
    for target in &TARGETS {
        let folder = Path::new(&root).join(target.name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed can be written");
        }
    }
}
