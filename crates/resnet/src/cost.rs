//! What a training takes: memory, and threads that load its images.

use resnet_record::Recipe;
use resnet_train::{TrainingPlan, state_len};

use crate::{Error, ResNet};

/// What the program itself takes, in bytes; measured.
const PROGRAM: u64 = 34_000_000;

/// The memory that a training takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingMemory {
    /// One step: weights, activations, gradients, what the optimizer remembers, the average of the weights.
    pub step: u64,
    /// Batches that are made ahead of a step.
    pub ahead: u64,
    /// Images of the data set that are in memory.
    pub images: u64,
    /// The program itself.
    pub program: u64,
}

impl TrainingMemory {
    /// The memory of one of `processes` processes that train `network` by `recipe` and its `plan`. Up to
    /// `prefetch` batches are made ahead of a step; `images` bytes of the data set are in memory.
    ///
    /// # Errors
    /// If the network doesn't fit the recipe or its images.
    pub fn of(
        network: &ResNet,
        (recipe, plan): (&Recipe, &TrainingPlan),
        processes: usize,
        prefetch: usize,
        images: u64,
    ) -> Result<Self, Error> {
        let part = plan.batch.div_ceil(processes.max(1));
        let step = network.model().network().training_bytes(part, plan.size);
        let step = step.map_err(Error::compute("counting bytes"))? as u64;
        let state = state_len(recipe, network)? * size_of::<f32>() as u64;
        Ok(TrainingMemory {
            step: step + state,
            ahead: ahead(plan, part, prefetch),
            images,
            program: PROGRAM,
        })
    }

    /// The sum of all parts, in bytes.
    pub fn total(&self) -> u64 {
        self.step + self.ahead + self.images + self.program
    }
}

/// Bytes of the batches that are made ahead, each of `part` images of three channels in f32. An epoch may
/// have fewer batches than `prefetch`.
fn ahead(plan: &TrainingPlan, part: usize, prefetch: usize) -> u64 {
    let [height, width] = plan.size;
    let batches = (prefetch as u64).min(plan.batches_per_epoch);
    batches * (part * 3 * height * width * size_of::<f32>()) as u64
}

/// The number of threads that should prepare batches beside `compute` threads that train: a quarter as many,
/// from two to eight; one beside a single thread. A thread prepares a few hundred images of ImageNet's size
/// per second, more than four threads train a network on. More than eight would only hold more images in
/// memory.
pub fn loader_threads(compute: usize) -> usize {
    match compute {
        0 | 1 => 1,
        threads => (threads / 4).clamp(2, 8),
    }
}

#[cfg(test)]
mod tests {
    use resnet_record::{EpochSize, Selection};
    use resnet_train::Schedule;

    use super::*;

    #[test]
    fn memory_counts_the_batches_that_are_made_ahead() {
        let recipe = Recipe::built_in("imagenet-resnet50-v2").unwrap();
        let epoch = EpochSize { images: 1_281_167, steps: 5_005 };
        let plan = TrainingPlan {
            steps: 450_450,
            steps_per_epoch: 5_005,
            grad_accum_steps: 1,
            batches_per_epoch: 5_005,
            epochs: 90,
            batch: 256,
            smallest_batch: 143,
            processes: 1,
            shares_statistics: false,
            size: [224, 224],
            train_images: 1_281_167,
            validation_images: 0,
            test_images: 50_000,
            selection: Selection::of(&recipe),
            schedule: Schedule::new(&recipe.schedule, 450_450, epoch),
            done: 0,
        };
        // 4 x 256 x 3 x 224 x 224 numbers of four bytes.
        assert_eq!(ahead(&plan, 256, 4), 616_562_688);
        // A step of several batches has as many ahead.
        assert_eq!(
            ahead(&TrainingPlan { steps_per_epoch: 2, grad_accum_steps: 2_503, ..plan.clone() }, 64, 4),
            154_140_672
        );
        // An epoch of one batch has no more ahead.
        assert_eq!(ahead(&TrainingPlan { batches_per_epoch: 1, ..plan }, 256, 4), 154_140_672);
        let parts = TrainingMemory { step: 1, ahead: 20, images: 300, program: 4000 };
        assert_eq!(parts.total(), 4321);
    }

    #[test]
    fn a_quarter_of_the_threads_load() {
        assert_eq!([1, 2, 4, 12, 64].map(loader_threads), [1, 2, 2, 3, 8]);
    }
}
