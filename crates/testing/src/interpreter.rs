//! What tests leave out where every access to memory is watched: Miri interprets them, a thousand times
//! slower than a CPU runs them, and valgrind some fifty times slower. See `.ci/soundness`.

/// Multiply-adds, or elements, of a row that Miri can afford.
const UNDER_MIRI: usize = 3_000;
/// The same of valgrind, and the variable that says that tests run under it.
const UNDER_VALGRIND: usize = 60_000;
const VALGRIND: &str = "RESNET_UNDER_VALGRIND";

/// All of `rows`; under Miri and valgrind those that cost little.
///
/// # Panics
/// If no row is left: nothing would be tested.
pub fn affordable<T>(rows: impl IntoIterator<Item = T>, cost: impl Fn(&T) -> usize) -> Vec<T> {
    let most = match std::env::var_os(VALGRIND) {
        _ if cfg!(miri) => UNDER_MIRI,
        Some(_) => UNDER_VALGRIND,
        None => usize::MAX,
    };
    within(most, rows, cost)
}

fn within<T>(most: usize, rows: impl IntoIterator<Item = T>, cost: impl Fn(&T) -> usize) -> Vec<T> {
    let rows: Vec<T> = rows.into_iter().filter(|row| cost(row) <= most).collect();
    assert!(!rows.is_empty(), "no row costs {most} at most");
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cost_too_much_are_left_out() {
        assert_eq!(within(10, [1, 10, 11], |cost| *cost), [1, 10]);
        assert_eq!(within(usize::MAX, [1, 10, 11], |cost| *cost), [1, 10, 11]);
    }

    #[test]
    #[should_panic(expected = "no row costs 10 at most")]
    fn no_rows_are_no_test() {
        within(10, [11], |cost: &usize| *cost);
    }
}
