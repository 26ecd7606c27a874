//! What can end a training early, in sentences for the person who has to fix it.

use std::path::{Path, PathBuf};

use resnet_record::Checkpoint;

/// The end of every sentence about numbers that became NaN or infinite in a training.
const DIVERGED: &str = "the training has diverged; checkpoints are left as they were; lower the learning rate or \
                        lengthen its warm-up";

/// A training that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From the data set or its loader.
    #[error(transparent)]
    Data(#[from] resnet_data::Error),
    /// From the transforms of images.
    #[error(transparent)]
    Vision(#[from] resnet_vision::Error),
    /// From the recipe or the run's folder.
    #[error(transparent)]
    Record(#[from] resnet_record::Error),
    /// Recipe, data and network do not fit each other.
    #[error("{0}")]
    Setup(String),
    /// A recipe's `[stages]` names a part that the network doesn't have.
    #[error("{}", no_part(model, part, purpose, names))]
    UnknownPart {
        /// The network.
        model: String,
        /// The part's name in the recipe.
        part: String,
        /// What the recipe names it for, in words that follow its name.
        purpose: &'static str,
        /// The names of the parts that would do.
        names: Vec<String>,
    },
    /// Batches with fewer images than the network can be trained on.
    #[error("{}", too_small(*images, *batch, *train_images, *fewest, *size))]
    BatchTooSmall {
        /// Images in the smallest batch of an epoch.
        images: usize,
        /// Images in the others.
        batch: usize,
        /// Images in an epoch.
        train_images: usize,
        /// Images that the network needs.
        fewest: usize,
        /// Height and width of the images.
        size: [usize; 2],
    },
    /// A run that has begun to train, but whose checkpoint is gone.
    #[error(
        "{} is gone, and the run cannot be resumed without it; {}", file.display(),
        match left {
            Some(which) => format!(
                "of its checkpoints only {} is there, which has weights but no training state",
                which.file_name()
            ),
            None => "there is no other checkpoint of it".to_owned(),
        }
    )]
    CheckpointGone {
        /// The checkpoint that is missing.
        file: PathBuf,
        /// The other checkpoint that has its weights, if there is one.
        left: Option<Checkpoint>,
    },
    /// A run cannot go on by a recipe under which its steps so far would have had other learning rates.
    #[error(
        "{done} steps are done, and step {step} was made at a learning rate of {before}, where the new recipe has \
         {after}: {}",
        spread(kind)
    )]
    OtherRates {
        /// Steps done.
        done: u64,
        /// The first of them with another rate.
        step: u64,
        /// The schedule's kind.
        kind: &'static str,
        /// Its rate.
        before: f64,
        /// Its rate by the new recipe.
        after: f64,
    },
    /// A tensor operation failed.
    #[error("{doing} failed: {cause}")]
    Compute {
        /// What was being computed.
        doing: String,
        /// candle's message.
        cause: Box<candle_core::Error>,
    },
    /// The training diverged.
    #[error("the loss is {loss} at step {step}, with learning rate {rate}: {DIVERGED}")]
    NonFiniteLoss {
        /// Steps done before this one.
        step: u64,
        /// The rate this step would have used.
        rate: f64,
        /// NaN or an infinity.
        loss: f32,
    },
    /// The training diverged within the network; found only where anomalies are looked for.
    #[error(
        "{layer} ({kind}) puts out numbers that are not finite at step {step}, with learning rate {rate}: {DIVERGED}"
    )]
    NonFiniteLayer {
        /// The first layer that does, in the order of the forward pass.
        layer: String,
        /// What it computes.
        kind: String,
        /// Steps done before this one.
        step: u64,
        /// The rate this step would have used.
        rate: f64,
    },
    /// The training diverged in the very step before a checkpoint.
    #[error("{name} holds a number that is not finite after step {step}: {DIVERGED}")]
    NonFiniteWeight {
        /// The variable.
        name: String,
        /// Steps done.
        step: u64,
    },
    /// The training diverged in the very step before an evaluation.
    #[error("the network's logits for image {image} hold NaN or infinity after step {step}: {DIVERGED}")]
    NonFiniteLogits {
        /// Its place in the evaluated set, from 0.
        image: u64,
        /// Steps done.
        step: u64,
    },
    /// A network whose logits are NaN or infinite.
    #[error(
        "the network's logits for image {image} hold NaN or infinity; its weights are damaged, or the mean and std do not fit them"
    )]
    NotANumber {
        /// Its place in the set, from 0.
        image: u64,
    },
    /// Every image that was to be scored is broken and was left out.
    #[error(
        "every image that was to be scored is broken and was left out; repair them, or choose another split"
    )]
    NothingScored,
    /// A checkpoint that cannot be used.
    #[error("cannot use the checkpoint {}: {cause}", file.display())]
    Checkpoint {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        cause: String,
    },
    /// The processes that train together cannot begin or go on.
    #[error("{0}")]
    Apart(String),
    /// A batch that has too few images for so many processes.
    #[error(
        "{processes} processes share batches of down to {images} images, and each needs at least {fewest}; start fewer \
         processes, raise train.batch_size, or set train.last_batch=drop if it is the last batch that is too small"
    )]
    PartTooSmall {
        /// How many processes there are.
        processes: usize,
        /// Images of the smallest batch.
        images: usize,
        /// Images that a process needs of it.
        fewest: usize,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}; see that there is space and that you may write there", file.display())]
    Io {
        /// "read", "write", "remove" or "start a thread for".
        action: &'static str,
        /// The file, or the run's folder.
        file: PathBuf,
        /// The system's message.
        cause: std::io::Error,
    },
}

/// Why rates of the past change with the length of a training.
fn spread(kind: &str) -> String {
    match kind {
        "cosine" | "onecycle" | "polynomial" => {
            format!("a {kind} schedule spreads over the whole training, so it cannot be lengthened")
        }
        _ => "a run can be resumed only by a schedule that leaves the steps done as they were".to_owned(),
    }
}

/// The sentence of [`Error::BatchTooSmall`].
fn too_small(images: usize, batch: usize, train_images: usize, fewest: usize, size: [usize; 2]) -> String {
    let [height, width] = size;
    let which = match images == batch {
        true => format!("batches of {batch} are too small"),
        false => format!(
            "{train_images} images in batches of {batch} leave {images} for the last batch of an epoch"
        ),
    };
    format!("{which}: at {height} x {width} pixels the network's batch norm needs at least {fewest} images")
}

fn no_part(model: &str, part: &str, purpose: &str, names: &[String]) -> String {
    let there = match names {
        [] => "its parts have no names".to_owned(),
        [one] => format!("there is {one}"),
        [first @ .., last] => format!("there are {} and {last}", first.join(", ")),
    };
    format!("{model} has no part '{part}' {purpose}; {there}")
}

impl Error {
    /// A closure for `map_err` that says what was being computed.
    pub(crate) fn compute(doing: impl Into<String>) -> impl FnOnce(candle_core::Error) -> Error {
        let doing = doing.into();
        move |cause| Error::Compute { doing, cause: Box::new(cause) }
    }

    /// A checkpoint that cannot be used, because of `cause`.
    pub(crate) fn checkpoint(file: &Path, cause: impl Into<String>) -> Error {
        Error::Checkpoint { file: file.to_owned(), cause: cause.into() }
    }

    /// Whether the training ended because numbers became NaN or infinite, which says something of recipe and
    /// network, and not of files, data or the machine.
    pub fn is_divergence(&self) -> bool {
        matches!(
            self,
            Error::NonFiniteLoss { .. }
                | Error::NonFiniteLayer { .. }
                | Error::NonFiniteWeight { .. }
                | Error::NonFiniteLogits { .. }
        )
    }

    /// An evaluation's error as it is reported after `step` steps of training: NaN is then a divergence, not
    /// a damaged file.
    pub(crate) fn in_training(self, step: u64) -> Self {
        match self {
            Error::NotANumber { image } => Error::NonFiniteLogits { image, step },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = Error::compute("a step")(candle_core::Error::Msg("cannot halve a map".to_owned()));
        assert_eq!(error.to_string(), "a step failed: cannot halve a map");
        assert!(error.source().is_none(), "who prints the chain of sources would tell it twice");
    }
}
