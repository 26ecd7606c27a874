//! `fit`: the trainer's face, what it is given and how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use resnet_record::{Results, Run};

use crate::session::Session;
use crate::{Classifier, Error, Observer, TrainingData};

/// A backward pass and the dropping of its graph recurse once a node; candle's own layers overflow 8 MiB at
/// 40,000 nodes.
const STACK_BYTES: usize = 64 << 20;

/// What a training needs to know besides its recipe; nothing here changes its result.
#[derive(Debug, Clone)]
pub struct Options {
    /// Set to true, by a signal handler for instance, it stops the training between two steps, or within an
    /// evaluation; `last.safetensors` is written then.
    pub stop: Arc<AtomicBool>,
    /// Goes into every checkpoint's metadata, such as the model's name and its classes.
    pub metadata: BTreeMap<String, String>,
    /// Threads that prepare batches.
    pub workers: usize,
    /// Batches that they may be ahead.
    pub prefetch: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { stop: Arc::default(), metadata: BTreeMap::new(), workers: 2, prefetch: 4 }
    }
}

/// How a training ended without an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// All steps are done and the results are in the record; the model holds the reported weights.
    Finished(Results),
    /// It was stopped; `last.safetensors` lets it go on.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

/// Trains `model` by the run's recipe on `data`, and writes the run's record on the way.
///
/// A run that has a `last.safetensors` is gone on with from there, to the same weights, bit for bit, as if it
/// had never stopped; the model must be the same, its values do not matter. A run that is finished is not
/// trained again. The work is done in a thread with a stack of its own, so that a network's depth is no
/// concern of the caller's.
///
/// ```no_run
/// # fn f(model: &dyn resnet_train::Classifier) -> Result<(), Box<dyn std::error::Error>> {
/// use resnet_record::{Recipe, Run, RunRecord};
/// use resnet_train::{Options, Outcome, Quiet, fit};
///
/// let recipe = Recipe::load("crates/record/recipes/quick-start.toml".as_ref())?;
/// let data = resnet_data::generated::shapes(4500, 1000, 0);
/// let mut run = Run::create("runs/first".as_ref(), &recipe, RunRecord::begin("first", &recipe))?;
/// match fit(model, &data, &mut run, &Options::default(), &mut Quiet)? {
///     Outcome::Finished(results) => println!("{:?}", results.test.map(|scores| scores.top1())),
///     Outcome::Interrupted { step } => println!("stopped after {step} steps; Run::open and fit go on"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If recipe, data, model and checkpoint do not fit each other, if the training diverges, or if something
/// cannot be written. Checkpoints already written stay.
pub fn fit(
    model: &dyn Classifier,
    data: &dyn TrainingData,
    run: &mut Run,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    std::thread::scope(|scope| {
        let folder = run.folder().dir().to_owned();
        let thread = std::thread::Builder::new()
            .name("training".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || Session::open(model, data, run, options, observer)?.train())
            .map_err(|source| Error::Io { action: "start a thread for", file: folder, source })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
