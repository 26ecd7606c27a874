//! Table tests that run every row and report every one that fails, not the first.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Runs `check` on every row, then panics with the list of those that failed, by an `Err` or by a panic. A
/// table without rows fails too: it tests nothing.
#[track_caller]
pub fn run<T: Debug>(rows: &[T], check: impl Fn(&T) -> Result<(), String>) {
    if let Err(report) = report(rows.len(), rows.iter().filter_map(|row| fault(row, &check))) {
        panic!("{report}");
    }
}

/// As [`run`], with as many rows at a time as there are cores: for rows that take long, each on one core.
#[track_caller]
pub fn run_in_parallel<T: Debug + Sync>(rows: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) {
    if let Err(report) = report(rows.len(), faults_in_parallel(rows, check).into_iter()) {
        panic!("{report}");
    }
}

/// The faults in the order of rows.
fn faults_in_parallel<T: Debug + Sync>(
    rows: &[T],
    check: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let work = || {
        while let Some((index, row)) = rows.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(fault) = fault(row, &check) {
                faults.lock().expect("no panic leaves a row").push((index, fault));
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let mut faults = faults.into_inner().expect("no panic leaves a row");
    faults.sort();
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// What is wrong with a row, and which row that is.
fn fault<T: Debug>(row: &T, check: impl Fn(&T) -> Result<(), String>) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| check(row)));
    let fault = outcome.unwrap_or_else(|payload| Err(panic_message(payload.as_ref()))).err()?;
    Some(format!("  {row:?}\n    {fault}"))
}

fn report(rows: usize, faults: impl Iterator<Item = String>) -> Result<(), String> {
    let faults: Vec<String> = faults.collect();
    match (rows, faults.is_empty()) {
        (0, _) => Err("the table has no rows".into()),
        (_, true) => Ok(()),
        _ => Err(format!("{} of {rows} rows failed:\n{}", faults.len(), faults.join("\n"))),
    }
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
        run_in_parallel(&[0, 2, 4], is_even);
    }

    #[test]
    fn every_failing_row_is_reported_and_only_those() {
        let rows = [1, 2, -4, 5];
        let faults: Vec<String> = rows.iter().filter_map(|row| fault(row, is_even)).collect();
        assert_eq!(faults_in_parallel(&rows, is_even), faults);
        let text = report(rows.len(), faults.into_iter()).unwrap_err();
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
    #[should_panic(expected = "2 of 3 rows failed")]
    fn the_table_panics_in_parallel() {
        run_in_parallel(&[1, 2, 3], is_even);
    }

    #[test]
    fn a_table_without_rows_fails() {
        assert!(report(0, std::iter::empty()).is_err());
    }
}
