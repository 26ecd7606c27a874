//! What the tests of several kernels share.

use resnet_kernels::parallel::with_threads;
#[allow(unused_imports)] // some of the tests compare otherwise
pub(crate) use resnet_testing::near;

/// Panics unless `run` gives the same bits on one, two and seven threads.
#[track_caller]
pub(crate) fn assert_threads_change_nothing(run: impl Fn() -> Vec<Vec<f32>> + Sync) {
    let bits = |threads| {
        with_threads(threads, &run)
            .into_iter()
            .map(|values| values.into_iter().map(f32::to_bits).collect())
            .collect::<Vec<Vec<u32>>>()
    };
    let one = bits(1);
    assert!(one.iter().all(|values| !values.is_empty()), "nothing was computed");
    for threads in if cfg!(miri) { &[2][..] } else { &[2, 7] } {
        assert!(one == bits(*threads), "{threads} threads give other bits than one");
    }
}
