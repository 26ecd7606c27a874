//! Where the time of an epoch's steps goes, in this process and in those that train with it.

use resnet_record::StepTime;
use serde::{Deserialize, Serialize};

use super::together;
use crate::processes::Processes;
use crate::{AllReduce as _, Error};

/// The time of this process's steps since the last [`Pace::take`], in seconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    whole: f64,
    data: f64,
    /// For each step, its time in exchanges, waiting for others included.
    exchanged: Vec<f64>,
    /// The same, of the step that is open.
    open: f64,
}

impl Pace {
    /// Counts a batch: how long it took, and how much of it went into waiting for data and for others.
    pub(super) fn count(&mut self, whole: f64, data: f64, exchanged: f64) {
        self.whole += whole;
        self.data += data;
        self.open += exchanged;
    }

    /// Counts a step that has had all of its batches.
    pub(super) fn close_step(&mut self) {
        self.exchanged.push(std::mem::take(&mut self.open));
    }

    /// The number of steps, and what each process has counted, in the order of the processes. The count
    /// begins anew. `None` if there is one process, or no step.
    pub(super) fn take(&mut self, processes: &Processes) -> Result<Option<(u64, Vec<StepTime>)>, Error> {
        let own = std::mem::take(self);
        if !processes.are_several() {
            return Ok(None);
        }
        Ok(times(&together::exchange(processes, &own)?))
    }
}

/// The means over steps. The last process to come to an exchange does not wait, so the least time that any
/// process spends in a step's exchanges is what they cost. The rest is waiting.
fn times(all: &[Pace]) -> Option<(u64, Vec<StepTime>)> {
    let steps = all.iter().map(|pace| pace.exchanged.len()).min().filter(|steps| *steps > 0)?;
    let least = |step: usize| all.iter().map(|pace| pace.exchanged[step]).fold(f64::INFINITY, f64::min);
    let exchange: f64 = (0..steps).map(least).sum();
    let mean = |pace: &Pace| {
        let exchanged: f64 = pace.exchanged.iter().sum();
        let of_step = |seconds: f64| seconds.max(0.0) / steps as f64;
        StepTime {
            compute: of_step(pace.whole - pace.data - exchanged),
            data: of_step(pace.data),
            exchange: of_step(exchange),
            waiting: of_step(exchanged - exchange),
        }
    };
    Some((steps as u64, all.iter().map(mean).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_last_waits_for_nobody() {
        let pace = |exchanged: &[f64], data: f64| {
            let mut pace = Pace::default();
            for exchanged in exchanged {
                // Two batches a step.
                pace.count(0.25, data, exchanged / 2.0);
                pace.count(0.75, data, exchanged / 2.0);
                pace.close_step();
            }
            pace
        };
        // Each is last once.
        let (steps, times) = times(&[pace(&[0.1, 0.4], 0.0), pace(&[0.3, 0.2], 0.05)]).unwrap();
        assert_eq!(steps, 2);
        for (time, [compute, data, waiting]) in times.iter().zip([[0.75, 0.0, 0.1], [0.65, 0.1, 0.1]]) {
            let is = |measured: f64, expected: f64| assert!((measured - expected).abs() < 1e-9, "{times:?}");
            is(time.compute, compute);
            is(time.data, data);
            is(time.exchange, 0.15);
            is(time.waiting, waiting);
            is(time.whole(), 1.0);
        }
        assert!(super::times(&[Pace::default(), Pace::default()]).is_none());
    }
}
