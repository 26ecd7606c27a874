//! `Sampler`: which samples an epoch draws, and the order of several showings of one sample.

use resnet_vision::random::RandomStream;

use crate::passes::draw;
use crate::{Balanced, Draw, purposes};

/// How often an epoch draws each sample. An epoch always has as many draws as there are samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Once.
    Each,
    /// As often as makes the classes equally frequent; see [`Balanced`].
    Balanced,
    /// About `1 / times` of the samples `times` times each, the others in later epochs: repeated augmentation
    /// (Hoffer et al. 2020, arXiv 1901.09335; Berman et al. 2019, arXiv 1902.05509). All showings of a sample
    /// are in the same optimizer step, that is, among the same `within` draws, except if the step's end comes
    /// between them.
    Repeated {
        /// How often a sample is drawn; at least 1.
        times: usize,
        /// The draws of an optimizer step.
        within: usize,
    },
}

/// The draws of each epoch.
///
/// ```
/// use resnet_sampling::{Sampler, Sampling};
///
/// // Twelve samples of class 0; each epoch shows four of them three times, all three in one step.
/// let labelled = (0..12).map(|sample| (0, sample));
/// let sampler = Sampler::new(Sampling::Repeated { times: 3, within: 6 }, 7, labelled);
/// let order = sampler.arranged(resnet_sampling::mixed(sampler.draws(0), 7, 0), 0);
/// assert_eq!(order.len(), 12);
/// let first = order[0].sample;
/// assert_eq!(order[..6].iter().filter(|draw| draw.sample == first).count(), 3);
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    seed: u64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Each(Vec<u32>),
    Balanced(Balanced),
    Repeated { samples: Vec<u32>, times: usize, within: usize },
}

impl Sampler {
    /// Takes a pair (label, sample) for each sample, ascending by sample. `seed` decides the random choices.
    ///
    /// # Panics
    /// If `times` of [`Sampling::Repeated`] is 0.
    pub fn new(sampling: Sampling, seed: u64, labelled: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let labelled = labelled.into_iter();
        let kind = match sampling {
            Sampling::Each => Kind::Each(labelled.map(|(_, sample)| sample).collect()),
            Sampling::Balanced => Kind::Balanced(Balanced::new(seed, labelled)),
            Sampling::Repeated { times, within } => {
                assert!(times > 0, "a sample must be drawn at least once");
                Kind::Repeated { samples: labelled.map(|(_, sample)| sample).collect(), times, within }
            }
        };
        Sampler { seed, kind }
    }

    /// How many draws an epoch has when they are [arranged](Self::arranged): as many as there are samples.
    pub fn len(&self) -> usize {
        match &self.kind {
            Kind::Each(samples) | Kind::Repeated { samples, .. } => samples.len(),
            Kind::Balanced(balanced) => balanced.len(),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an epoch draws, ascending by sample. A sample that is to be shown several times in a step stands
    /// here once: put the draws into order, then call [`arranged`](Self::arranged).
    pub fn draws(&self, epoch: u64) -> Vec<Draw> {
        match &self.kind {
            Kind::Each(samples) => samples.iter().map(|&sample| Draw { sample, pass: epoch }).collect(),
            Kind::Balanced(balanced) => balanced.epoch(epoch),
            Kind::Repeated { samples, times, .. } => {
                let distinct = samples.len().div_ceil(*times) as u64;
                let numbers = epoch * distinct..(epoch + 1) * distinct;
                let stream = |pass| RandomStream::new(self.seed, purposes::REPEATED, pass, 0);
                let mut draws = Vec::with_capacity(distinct as usize);
                draw(numbers, samples, stream, &mut draws);
                draws.sort_unstable();
                draws
            }
        }
    }

    /// The epoch's draws in the order in which they are shown, made from `order`, an order of
    /// [`draws`](Self::draws). With [`Sampling::Repeated`] each sample is repeated, and its showings are
    /// mixed with the others of their step; otherwise `order` stays as it is.
    pub fn arranged(&self, order: Vec<Draw>, epoch: u64) -> Vec<Draw> {
        let Kind::Repeated { samples, times, within } = &self.kind else { return order };
        let mut stream = RandomStream::new(self.seed, purposes::SHOWINGS, epoch, 0);
        let showings = |draw: &Draw| {
            let Draw { sample, pass } = *draw;
            (0..*times as u64).map(move |showing| Draw { sample, pass: pass * *times as u64 + showing })
        };
        let mut all: Vec<Draw> = order.iter().flat_map(showings).take(samples.len()).collect();
        all.chunks_mut((*within).max(1)).for_each(|step| stream.shuffle(step));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::mixed;

    const TIMES: usize = 3;

    /// 100 samples, 5, 7, ... 203.
    fn sampler(within: usize) -> Sampler {
        let labelled = (0..100).map(|i| (i % 4, 5 + 2 * i));
        Sampler::new(Sampling::Repeated { times: TIMES, within }, 3, labelled)
    }

    fn order(sampler: &Sampler, epoch: u64) -> Vec<Draw> {
        sampler.arranged(mixed(sampler.draws(epoch), 3, epoch), epoch)
    }

    #[test]
    fn a_step_shows_its_samples_three_times_and_no_showing_comes_twice() {
        let sampler = sampler(24);
        let mut seen = HashSet::new();
        let mut times = HashMap::new();
        for epoch in 0..30 {
            let order = order(&sampler, epoch);
            assert_eq!(order.len(), 100);
            for step in order.chunks(24).take(4) {
                let mut times = HashMap::new();
                step.iter().for_each(|draw| *times.entry(draw.sample).or_insert(0) += 1);
                // Where one pass over the samples ends and the next begins, a sample may come in both.
                assert!(times.values().all(|n| n % TIMES == 0) && times.len() <= 8, "{epoch}: {times:?}");
            }
            for draw in order {
                assert!(seen.insert(draw), "{draw:?}");
                *times.entry(draw.sample).or_insert(0) += 1;
            }
        }
        // 30 epochs of 34 samples are ten passes over the 100 and a fifth; the end of an epoch cuts two off.
        assert!(times.len() == 100 && times.values().all(|n| (24..=33).contains(n)), "{times:?}");
    }

    #[test]
    fn a_step_that_three_does_not_divide_cuts_one_sample_at_most() {
        let order = order(&sampler(16), 0);
        let steps: Vec<HashSet<u32>> =
            order.chunks(16).map(|step| step.iter().map(|draw| draw.sample).collect()).collect();
        for pair in steps.windows(2) {
            assert!(pair[0].intersection(&pair[1]).count() <= 1);
        }
    }

    #[test]
    fn showings_of_a_sample_lie_in_different_parts_of_a_step() {
        // Neighbours of the same sample would all go to one batch of a step of several.
        let order = order(&sampler(99), 0);
        let together = order[..99].windows(2).filter(|pair| pair[0].sample == pair[1].sample).count();
        assert!(together < 12, "{together} neighbours; two would be expected");
    }

    #[test]
    fn the_other_samplings_are_left_as_they_are() {
        let labelled = || (0..9).map(|i| (i / 6, i));
        for sampling in [Sampling::Each, Sampling::Balanced] {
            let sampler = Sampler::new(sampling, 1, labelled());
            let draws = sampler.draws(2);
            assert_eq!((sampler.len(), draws.len()), (9, 9));
            assert_eq!(sampler.arranged(draws.clone(), 2), draws);
        }
        assert!(Sampler::new(Sampling::Each, 1, []).is_empty());
    }
}
