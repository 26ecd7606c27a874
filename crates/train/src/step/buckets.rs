//! Gradients on their way to the other processes while the backward pass computes the rest of them.
//!
//! The pass begins with a network's last layers. What it finishes fills a bucket; a full bucket is summed
//! over the processes while the pass goes on. All processes compute the same plan, so their buckets are the
//! same.

use crate::layout::Layout;
use crate::processes::Begun;
use crate::{AllReduce, Error};

/// How many buckets a network's numbers fill: so few that what an exchange costs besides its bytes is paid a
/// few times only, and so many that little is left to send when the pass ends.
const BUCKETS: usize = 8;

/// Gradients of a step, each multiplied by its process's weight.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    filling: Bucket,
    sent: Vec<(Vec<usize>, Begun<f32>)>,
}

/// Gradients one after another.
#[derive(Debug, Default)]
struct Bucket {
    /// The indices of their places in the layout.
    places: Vec<usize>,
    values: Vec<f32>,
}

impl Buckets {
    /// Puts in the gradient of the variable at a place. If that fills the bucket, its sum begins.
    pub(crate) fn put(
        &mut self,
        (place, layout): (usize, &Layout),
        gradient: impl Iterator<Item = f32>,
        processes: &dyn AllReduce,
    ) -> Result<(), Error> {
        self.filling.places.push(place);
        self.filling.values.extend(gradient);
        if self.filling.values.len() * BUCKETS >= layout.len() { self.send(processes) } else { Ok(()) }
    }

    fn send(&mut self, processes: &dyn AllReduce) -> Result<(), Error> {
        let Bucket { places, values } = std::mem::take(&mut self.filling);
        if !values.is_empty() {
            self.sent.push((places, processes.begin_sum(values)?));
        }
        Ok(())
    }

    /// Puts in the variables that are missing, out of `all` values of the layout, and begins to sum what is
    /// left.
    pub(crate) fn put_rest(
        &mut self,
        layout: &Layout,
        all: &[f32],
        processes: &dyn AllReduce,
    ) -> Result<(), Error> {
        let mut is_in = vec![false; layout.places().len()];
        let sent = self.sent.iter().map(|(places, _)| places);
        sent.chain([&self.filling.places]).flatten().for_each(|place| is_in[*place] = true);
        for (index, place) in layout.places().iter().enumerate().filter(|(index, _)| !is_in[*index]) {
            self.put((index, layout), all[place.range.clone()].iter().copied(), processes)?;
        }
        self.send(processes)
    }

    /// Waits for all sums, and writes each over its place's values.
    pub(crate) fn wait(self, layout: &Layout, values: &mut [f32]) -> Result<(), Error> {
        for (places, sums) in self.sent {
            let (sums, mut from) = (sums.wait()?, 0);
            for place in places.into_iter().map(|index| &layout.places()[index]) {
                let to = &mut values[place.range.clone()];
                to.copy_from_slice(&sums[from..][..to.len()]);
                from += to.len();
            }
        }
        Ok(())
    }
}
