//! Where a run's metrics go: `metrics.jsonl` always, TensorBoard's event files and other places on demand.

mod framing;
mod lines;
mod protobuf;
mod tensorboard;

use std::fmt;

pub use self::lines::Lines;
pub(crate) use self::lines::MetricsFile;
pub use self::tensorboard::TensorBoard;
use crate::{Error, Metric};

/// A place that metrics are written to, in the order in which they come.
///
/// ```
/// use resnet_record::{Error, Metric, Sink};
///
/// /// Counts lines.
/// #[derive(Debug)]
/// struct Counter(usize);
///
/// impl Sink for Counter {
///     fn name(&self) -> String {
///         "the counter".to_owned()
///     }
///
///     fn write(&mut self, _metric: &Metric) -> Result<(), Error> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
/// ```
pub trait Sink: fmt::Debug + Send {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// Writes a metric.
    ///
    /// # Errors
    /// If it cannot be written. What was written before stays.
    fn write(&mut self, metric: &Metric) -> Result<(), Error>;

    /// Forces what was written onto the disk, so that it survives a power cut; called before a checkpoint is
    /// written.
    ///
    /// # Errors
    /// If the system refuses.
    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Removes what was written after a checkpoint of `step` steps and `epochs` closed epochs: the run goes
    /// on from there. By default it does nothing, which suits a sink that nobody reads again, such as a
    /// terminal.
    ///
    /// # Errors
    /// If what was written cannot be read or replaced.
    fn rewind(&mut self, step: u64, epochs: u64) -> Result<(), Error> {
        let _ = (step, epochs);
        Ok(())
    }
}
