//! Broken records: whether one ends the epoch or is left out, counted and listed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sources::{Broken, Index};
use crate::{Error, NotLeftOut};

/// What happens at a broken record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnBroken {
    /// It ends the epoch with an error that names it. A fault that listing found is an error before the first
    /// epoch begins.
    Fail,
    /// It is left out, counted and listed, up to the fraction `most` of the split's records; one more ends
    /// the epoch. Its batch has one image less, and may be [empty](resnet_vision::Batch::is_empty). Each of
    /// several processes counts what it meets itself; a training counts for all of them at the end of an
    /// epoch, by [`Feed::most_broken`](crate::Feed::most_broken).
    Skip {
        /// From 0 to 1.
        most: f64,
    },
}

impl OnBroken {
    /// How many of `records` may be lost, rounded down.
    pub fn allowed(self, records: u64) -> u64 {
        match self {
            OnBroken::Fail => 0,
            OnBroken::Skip { most } => part_of(records, most),
        }
    }

    /// Checks the faults that listing a split has found.
    ///
    /// # Errors
    /// [`Error::Broken`] if there are faults and no record may be left out, or if they cost more records than
    /// may be lost.
    pub fn check(self, index: &Index) -> Result<(), Error> {
        match (self, index.faults()) {
            (_, []) => Ok(()),
            (OnBroken::Fail, [first, ..]) => Err(refused(first, NotLeftOut::NoneMayBe)),
            (OnBroken::Skip { .. }, [first, others @ ..]) => {
                let (lost, limit) = (lost(index), self.allowed(records(index)));
                if lost <= limit {
                    return Ok(());
                }
                Err(refused(first, NotLeftOut::Costs { others: others.len(), lost, limit }))
            }
        }
    }
}

fn refused(fault: &Broken, why: NotLeftOut) -> Error {
    Error::Broken { place: fault.place.clone(), cause: fault.cause.clone(), why }
}

/// How many records are known to be lost.
fn lost(index: &Index) -> u64 {
    index.faults().iter().map(|fault| fault.records).sum()
}

/// The usable and the lost records together.
fn records(index: &Index) -> u64 {
    (index.len() - index.skipped()) as u64 + lost(index)
}

/// A fraction of `records`, rounded down. The factor makes 0.29 of 100 give 29, although the product of the
/// floating-point numbers is a little less.
fn part_of(records: u64, fraction: f64) -> u64 {
    (fraction * records as f64 * (1.0 + 1e-12)) as u64
}

/// What was left out so far.
#[derive(Debug)]
pub(super) struct Quota {
    on_broken: OnBroken,
    /// Records that may be found broken beside those known from the start.
    allowed: u64,
    /// Records that are loaded: they cannot all be broken.
    records: usize,
    known: usize,
    /// What is known from the start, then what was found.
    list: Mutex<Vec<Broken>>,
}

impl Quota {
    /// Checks the split with [`OnBroken::check`] and prepares for a loader of `records` of its records.
    pub(super) fn new(on_broken: OnBroken, index: &Index, records: usize) -> Result<Self, Error> {
        on_broken.check(index)?;
        let allowed = match on_broken {
            OnBroken::Fail => 0,
            OnBroken::Skip { .. } => on_broken.allowed(self::records(index)) - lost(index),
        };
        let known = index.faults();
        Ok(Quota { on_broken, allowed, records, known: known.len(), list: Mutex::new(known.to_vec()) })
    }

    /// The most entries that the list may have.
    pub(super) fn most(&self) -> u64 {
        self.known as u64 + self.allowed
    }

    pub(super) fn list(&self) -> MutexGuard<'_, Vec<Broken>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a broken record, or says why the epoch ends with it.
    pub(super) fn leave_out(&self, fault: Broken) -> Result<(), Error> {
        if self.on_broken == OnBroken::Fail {
            return Err(refused(&fault, NotLeftOut::NoneMayBe));
        }
        let mut list = self.list();
        if list.iter().any(|known| known.place == fault.place) {
            return Ok(());
        }
        let found = list.len() - self.known + 1;
        if found as u64 > self.allowed {
            return Err(refused(&fault, NotLeftOut::LimitReached { before: list.len() }));
        }
        if found == self.records {
            return Err(refused(&fault, NotLeftOut::Last));
        }
        tracing::warn!("left out: {fault}");
        list.push(fault);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_all_of_its_records() {
        for percent in 0..=100u64 {
            assert_eq!(part_of(100, percent as f64 / 100.0), percent);
            assert_eq!(part_of(1_281_167, percent as f64 / 100.0), 1_281_167 * percent / 100);
        }
    }
}
