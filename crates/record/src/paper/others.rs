//! Tables 4 and 5: the paper's networks beside other methods'.

use super::{CifarRow, Reported};

/// The row of table 4 that tables 1 to 3 and the predecessor do not have: mini-batch 64.
pub const TABLE_4: [CifarRow; 1] = [CifarRow {
    table: 4,
    data: "cifar10",
    network: "ResNet-1001",
    unit: "pre-activation, mini-batch 64",
    reported: Reported::Error(4.62),
    model: "resnet1001-v2",
    recipe: "cifar10-resnet1001-v2-batch64",
}];

/// The mean that table 4 gives beside a median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The built-in recipe that trains the row.
    pub recipe: &'static str,
    /// Mean test error of the paper's five runs in percent.
    pub mean: f64,
    /// Their standard deviation, in points.
    pub deviation: f64,
}

/// The rows of table 4 that have a mean.
pub const MEANS: [Mean; 3] = [
    Mean { recipe: "cifar10-resnet1001-v2", mean: 4.89, deviation: 0.14 },
    Mean { recipe: "cifar10-resnet1001-v2-batch64", mean: 4.69, deviation: 0.20 },
    Mean { recipe: "cifar100-resnet1001-v2", mean: 22.68, deviation: 0.22 },
];

/// Another method's row of table 4, which nothing here trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherRow {
    /// `cifar10` or `cifar100`.
    pub data: &'static str,
    /// The method, in the paper's words.
    pub method: &'static str,
    /// Its published test error in percent.
    pub error: f64,
}

const fn other(data: &'static str, method: &'static str, error: f64) -> OtherRow {
    OtherRow { data, method, error }
}

/// Table 4: the other methods, in the paper's order; moderate augmentation where nothing else is said.
pub const OTHERS: [OtherRow; 14] = [
    other("cifar10", "NIN", 8.81),
    other("cifar10", "DSN", 8.22),
    other("cifar10", "FitNet", 8.39),
    other("cifar10", "Highway", 7.72),
    other("cifar10", "All-CNN", 7.25),
    other("cifar10", "ELU (no augmentation)", 6.55),
    other("cifar10", "FitResNet, LSUV", 5.84),
    other("cifar100", "NIN", 35.68),
    other("cifar100", "DSN", 34.57),
    other("cifar100", "FitNet", 35.04),
    other("cifar100", "Highway", 32.39),
    other("cifar100", "All-CNN", 33.71),
    other("cifar100", "ELU (no augmentation)", 24.28),
    other("cifar100", "FitNet, LSUV", 27.66),
];

/// One row of table 5: ImageNet's validation set, one 320x320 crop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageNetRow {
    /// The network, such as `ResNet-200`.
    pub network: &'static str,
    /// `original` or `pre-activation`.
    pub unit: &'static str,
    /// `scale` or `scale + aspect ratio`.
    pub augmentation: &'static str,
    /// Top-1 error in percent.
    pub top1_error: f64,
    /// Top-5 error in percent.
    pub top5_error: f64,
    /// The built-in recipe that trains it.
    pub recipe: &'static str,
}

/// Network, unit and augmentation; top-1 and top-5 error; the recipe.
const fn imagenet(
    words: (&'static str, &'static str, &'static str),
    errors: (f64, f64),
    recipe: &'static str,
) -> ImageNetRow {
    let ((network, unit, augmentation), (top1_error, top5_error)) = (words, errors);
    ImageNetRow { network, unit, augmentation, top1_error, top5_error, recipe }
}

/// Table 5, the rows at 320 pixels.
pub const TABLE_5: [ImageNetRow; 5] = [
    imagenet(("ResNet-152", "original", "scale"), (21.3, 5.5), "imagenet-resnet152-v1"),
    imagenet(("ResNet-152", "pre-activation", "scale"), (21.1, 5.5), "imagenet-resnet152-v2"),
    imagenet(("ResNet-200", "original", "scale"), (21.8, 6.0), "imagenet-resnet200-v1"),
    imagenet(("ResNet-200", "pre-activation", "scale"), (20.7, 5.3), "imagenet-resnet200-v2-scale"),
    imagenet(("ResNet-200", "pre-activation", "scale + aspect ratio"), (20.1, 4.8), "imagenet-resnet200-v2"),
];

/// A row of table 5 that nothing here trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageNetOther {
    /// The network and how it was scored.
    pub network: &'static str,
    /// Its augmentation.
    pub augmentation: &'static str,
    /// Top-1 error in percent.
    pub top1_error: f64,
    /// Top-5 error in percent.
    pub top5_error: f64,
}

/// Table 5: a network that is scored on another crop, and another method's.
pub const IMAGENET_OTHERS: [ImageNetOther; 2] = [
    ImageNetOther {
        network: "ResNet-152 original, 224 x 224 crop",
        augmentation: "scale",
        top1_error: 23.0,
        top5_error: 6.7,
    },
    ImageNetOther {
        network: "Inception v3, 299 x 299 crop",
        augmentation: "scale + aspect ratio",
        top1_error: 21.2,
        top5_error: 5.6,
    },
];
