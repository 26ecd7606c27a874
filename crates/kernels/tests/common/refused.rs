//! Calls that are refused with a message of their own, and not by what happens to go wrong first.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What Rust itself says where something went wrong unforeseen.
const UNFORESEEN: [&str; 7] = [
    "index out of",
    "range ",
    "overflow",
    "divide by zero",
    "must be non-zero",
    "assertion failed: ",
    "`None`",
];

/// `Err` unless `call` panics with a message that contains `says`.
pub(crate) fn refused(call: impl FnOnce(), says: &str) -> Result<(), String> {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { return Err("it ran".to_owned()) };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    match text.contains(says) && !UNFORESEEN.iter().any(|words| text.contains(words)) {
        true => Ok(()),
        false => Err(format!("refused with {text:?}, not {says:?}")),
    }
}
