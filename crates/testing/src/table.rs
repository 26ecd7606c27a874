//! Table tests that run every row and report every one that fails, not the first.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `check` on every row, then panics with the list of those that failed, by an `Err` or by a panic. A
/// table without rows fails too: it tests nothing.
#[track_caller]
pub fn run<T: Debug>(rows: &[T], check: impl Fn(&T) -> Result<(), String>) {
    if let Err(report) = report(rows, check) {
        panic!("{report}");
    }
}

fn report<T: Debug>(rows: &[T], check: impl Fn(&T) -> Result<(), String>) -> Result<(), String> {
    if rows.is_empty() {
        return Err("the table has no rows".into());
    }
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let outcome = catch_unwind(AssertUnwindSafe(|| check(row)));
            let fault = outcome.unwrap_or_else(|payload| Err(panic_message(payload.as_ref()))).err()?;
            Some(format!("  {row:?}\n    {fault}"))
        })
        .collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {} rows failed:\n{}", failures.len(), rows.len(), failures.join("\n")))
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_even(n: &i32) -> Result<(), String> {
        assert!(*n >= 0, "{n} is negative");
        if n % 2 == 0 { Ok(()) } else { Err(format!("{n} is odd")) }
    }

    #[test]
    fn rows_that_hold_pass() {
        run(&[0, 2, 4], is_even);
    }

    #[test]
    fn every_failing_row_is_reported_and_only_those() {
        let text = report(&[1, 2, -4, 5], is_even).unwrap_err();
        assert!(text.starts_with("3 of 4 rows failed"), "{text}");
        assert!(
            ["1 is odd", "panicked: -4 is negative", "5 is odd"].iter().all(|f| text.contains(f)),
            "{text}"
        );
        assert!(!text.contains("\n  2"), "{text}");
    }

    #[test]
    #[should_panic(expected = "1 of 1 rows failed")]
    fn the_table_panics() {
        run(&[1], is_even);
    }

    #[test]
    fn a_table_without_rows_fails() {
        assert!(report(&[], is_even).is_err());
    }
}
