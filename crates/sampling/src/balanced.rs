//! Epochs in which all classes are equally frequent.
//!
//! The samples of a class are shown pass after pass, each pass in a new order, and an epoch takes the next
//! few of every class. So no sample is shown again before all others of its class have been shown, however
//! many epochs that takes. How many draws come before an epoch follows from its number, so an epoch is
//! computed without the earlier ones, and a training that resumes sees what it would have seen.

use std::collections::BTreeMap;

use resnet_vision::random::RandomStream;

use crate::passes::draw;
use crate::{Draw, purposes};

/// Samples by class, of which each epoch shows equally many.
///
/// ```
/// use resnet_sampling::Balanced;
///
/// // Nine samples of class 0 and three of class 1.
/// let labels = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1];
/// let balanced = Balanced::new(7, labels.into_iter().zip(0..));
/// let epoch = balanced.epoch(0);
/// assert_eq!(epoch.len(), 12);
/// assert_eq!(epoch.iter().filter(|draw| draw.sample >= 9).count(), 6); // each of them twice
/// ```
#[derive(Debug, Clone)]
pub struct Balanced {
    seed: u64,
    classes: Vec<(u32, Vec<u32>)>,
    /// The number of samples of all classes.
    samples: u64,
}

impl Balanced {
    /// Takes a pair (label, sample) for each sample. A class without samples does not count.
    pub fn new(seed: u64, labelled: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut classes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (label, sample) in labelled {
            classes.entry(label).or_default().push(sample);
        }
        let samples = classes.values().map(|samples| samples.len() as u64).sum();
        Balanced { seed, classes: classes.into_iter().collect(), samples }
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.samples as usize
    }

    /// What an epoch shows, ascending by sample. There are as many draws as samples, and the numbers of two
    /// classes differ by one at most. The draws left over go to the classes in turn, so that over a whole
    /// training, too, no class has more than one draw more than another.
    pub fn epoch(&self, epoch: u64) -> Vec<Draw> {
        let mut draws = Vec::with_capacity(self.samples as usize);
        for (place, (label, samples)) in (0u64..).zip(&self.classes) {
            let these = self.before(epoch, place)..self.before(epoch + 1, place);
            draw(
                these,
                samples,
                |pass| RandomStream::new(self.seed, purposes::CLASS, pass, (*label).into()),
                &mut draws,
            );
        }
        draws.sort_unstable();
        draws
    }

    /// Draws of the class at `place` in all epochs before this one.
    fn before(&self, epoch: u64, place: u64) -> u64 {
        let classes = self.classes.len() as u64;
        let (each, left) = (self.samples / classes, self.samples % classes);
        epoch * each + (epoch * left + classes - 1 - place) / classes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Samples 0 to 99 of class 3, then 7 of class 5, 1 of class 6 and 30 of class 9.
    fn balanced() -> (Balanced, Vec<u32>) {
        let labels: Vec<u32> = [(3, 100), (5, 7), (6, 1), (9, 30)]
            .iter()
            .flat_map(|&(label, count)| vec![label; count])
            .collect();
        (Balanced::new(1, labels.iter().copied().zip(0..)), labels)
    }

    fn frequencies(draws: &[Draw], labels: &[u32]) -> HashMap<u32, usize> {
        let mut counts = HashMap::new();
        draws.iter().for_each(|draw| *counts.entry(labels[draw.sample as usize]).or_default() += 1);
        counts
    }

    #[test]
    fn classes_are_equally_frequent_in_each_epoch_and_in_all() {
        let (balanced, labels) = balanced();
        let mut all = vec![];
        for epoch in 0..50 {
            let draws = balanced.epoch(epoch);
            assert_eq!(draws.len(), 138);
            all.extend_from_slice(&draws);
            for draws in [&draws, &all] {
                let counts = frequencies(draws, &labels);
                let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
                assert!(counts.len() == 4 && most - least <= 1, "epoch {epoch}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_sample_comes_once_in_each_pass_of_its_class() {
        let (balanced, labels) = balanced();
        let mut all: Vec<Draw> = (0..50).flat_map(|epoch| balanced.epoch(epoch)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a sample and a pass name one draw");
        for label in [3, 5, 6, 9] {
            let passes = |sample: usize| all.iter().filter(|draw| draw.sample as usize == sample).count();
            let times: Vec<usize> = (0..labels.len()).filter(|&s| labels[s] == label).map(passes).collect();
            let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            assert!(most - least <= 1, "class {label}: {times:?}");
        }
    }

    #[test]
    fn epochs_differ_and_depend_on_the_seed() {
        let (balanced, labels) = balanced();
        assert_eq!(balanced.epoch(3), balanced.epoch(3));
        assert_ne!(balanced.epoch(3), balanced.epoch(4));
        assert_ne!(balanced.epoch(3), Balanced::new(2, labels.iter().copied().zip(0..)).epoch(3));
    }
}
