//! `Prefetch`: items in order, no further ahead than allowed; threads that end; panics that are passed on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use resnet_data::Prefetch;

#[test]
fn items_come_in_order_and_no_further_ahead_than_allowed() {
    for workers in [0, 1, 2, 7] {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let mut items = Prefetch::new(5..105, workers, 3, move |i| {
            counter.fetch_add(1, Ordering::SeqCst);
            if i % 7 == 0 {
                std::thread::sleep(Duration::from_micros(300));
            }
            i
        });
        for taken in 0..100 {
            assert_eq!(items.remaining(), 100 - taken);
            assert!(made.load(Ordering::SeqCst) <= taken + 3);
            assert_eq!(items.next(), Some(5 + taken));
        }
        assert_eq!((items.next(), items.next()), (None, None));
        assert!(items.waited() > Duration::ZERO);
    }
}

#[test]
fn dropping_early_ends_every_thread() {
    let alive = Arc::new(());
    for taken in [0, 1, 5] {
        let guard = Arc::clone(&alive);
        let mut items = Prefetch::new(0..1_000_000, 3, 4, move |i| {
            let _ = &guard;
            i
        });
        assert_eq!(items.by_ref().take(taken).count(), taken);
        drop(items);
        // The closure, and with it the last thread that held it, is gone.
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn a_panic_reaches_the_reader_after_the_items_before_it() {
    for workers in [0, 1, 4] {
        let mut items = Prefetch::new(0..100, workers, 2, |i| {
            assert!(i != 10, "item ten is broken");
            i
        });
        let caught = catch_unwind(AssertUnwindSafe(|| items.by_ref().count())).unwrap_err();
        assert!(caught.downcast_ref::<&str>().is_some_and(|text| text.contains("ten")), "{workers}");
    }
}

#[test]
fn an_empty_range_is_empty() {
    assert_eq!(Prefetch::new(3..3, 2, 2, |i| i).count(), 0);
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = Prefetch::new(5..3, 2, 2, |i| i);
    assert_eq!(backwards.count(), 0);
}
