//! `Dataset`: a training set and test data that knows how often it was looked at.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, ImageSet};

/// The data sets known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataKind {
    /// CIFAR-10: 50,000 + 10,000 images of 32 x 32 in 10 classes.
    Cifar10,
    /// CIFAR-100 with its fine labels: 50,000 + 10,000 images of 32 x 32 in 100 classes.
    Cifar100,
    /// The built-in generated shapes, [`generated::shapes`](crate::generated::shapes).
    Generated,
}

impl DataKind {
    /// Every kind.
    pub const ALL: [DataKind; 3] = [DataKind::Cifar10, DataKind::Cifar100, DataKind::Generated];

    /// The name that recipes use: "cifar10", "cifar100", "generated".
    pub fn name(self) -> &'static str {
        match self {
            DataKind::Cifar10 => "cifar10",
            DataKind::Cifar100 => "cifar100",
            DataKind::Generated => "generated",
        }
    }
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        DataKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = DataKind::ALL.map(DataKind::name).join(", ");
            Error::Invalid(format!("there is no data set {text:?}; known are {names}"))
        })
    }
}

/// Test data that counts how often its labels were handed out.
///
/// The count belongs in a run's record: a result chosen by looking at test labels more than once is
/// not a test result. Whatever does not show a label (size, classes) is not counted.
///
/// ```
/// let data = resnet_data::generated::shapes(20, 10, 0);
/// assert_eq!((data.test.len(), data.test.reads()), (10, 0));
/// assert_eq!(data.test.read().labels().len(), 10);
/// assert_eq!(data.test.reads(), 1);
/// ```
#[derive(Debug)]
pub struct HeldOut {
    set: Arc<ImageSet>,
    reads: AtomicU64,
}

impl HeldOut {
    /// Holds `set` back; nothing has read it yet.
    pub fn new(set: ImageSet) -> Self {
        Self { set: Arc::new(set), reads: AtomicU64::new(0) }
    }

    /// Hands out images and labels, and counts it.
    pub fn read(&self) -> &ImageSet {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.set
    }

    /// Hands out images and labels in the form that [`DataLoader`](crate::DataLoader) takes, and counts it.
    pub fn read_shared(&self) -> Arc<ImageSet> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.set)
    }

    /// How often [`read`](Self::read) and [`read_shared`](Self::read_shared) were called.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The classes' names.
    pub fn classes(&self) -> &[String] {
        self.set.classes()
    }

    /// Height and width of every image, in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.set.height(), self.set.width()]
    }
}

/// A data set as it was opened, downloaded or drawn.
#[derive(Debug)]
pub struct Dataset {
    /// "cifar10", "cifar100" or "generated".
    pub name: String,
    /// What may be trained on and split for validation.
    pub train: ImageSet,
    /// What must not be selected on.
    pub test: HeldOut,
    /// Where it came from (a path, a hub repository, a seed), for the run's record.
    pub origin: String,
}
