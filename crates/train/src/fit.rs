//! `fit`: trains a classifier by a recipe.

use resnet_record::Run;

use crate::session::Session;
use crate::{Classifier, Error, Observer, Options, Outcome, TrainingData};

/// candle's backward pass, and the dropping of its graph, recurse once per node: at 40,000 nodes they
/// overflow 8 MiB.
const STACK_BYTES: usize = 64 << 20;

/// Trains `model` by the run's recipe on `data`, and writes the run's record meanwhile.
///
/// A run that has a `last.safetensors` resumes from it, and reaches the same weights, bit for bit, as if it
/// had never stopped. The model must have the layers of that checkpoint; its weights are replaced. A finished
/// run is not trained again: the model gets the reported weights. The work is done in a thread with a large
/// stack, since deep networks need one.
///
/// [A program](crate) is on the crate's page.
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
            .map_err(|cause| Error::Io { action: "start a thread for", file: folder, cause })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
