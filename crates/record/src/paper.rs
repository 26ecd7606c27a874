//! The numbers that the paper published, as data: He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual
//! Networks", arXiv 1603.05027, tables 1 to 5, and for comparison the CIFAR-10 table of its predecessor,
//! arXiv 1512.03385.
//!
//! CIFAR entries are classification errors on the test set in percent, median of five runs in tables 1 to 3.

/// What a row of a CIFAR table reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Test error in percent.
    Error(f64),
    /// "fail": the training did not converge, or stayed above 20 % error.
    Fails,
}

/// One number of a CIFAR table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CifarRow {
    /// The table of arXiv 1603.05027; 0 is table 6 of arXiv 1512.03385.
    pub table: u8,
    /// `cifar10` or `cifar100`.
    pub data: &'static str,
    /// The network, such as `ResNet-110`.
    pub network: &'static str,
    /// The residual unit, in the paper's words.
    pub unit: &'static str,
    /// What came out.
    pub outcome: Outcome,
}

const fn row(
    table: u8,
    data: &'static str,
    network: &'static str,
    unit: &'static str,
    error: f64,
) -> CifarRow {
    CifarRow { table, data, network, unit, outcome: Outcome::Error(error) }
}

const fn fails(table: u8, network: &'static str, unit: &'static str) -> CifarRow {
    CifarRow { table, data: "cifar10", network, unit, outcome: Outcome::Fails }
}

/// Table 1: shortcuts (figure 2), all with ReLU after the addition.
pub const TABLE_1: [CifarRow; 10] = [
    row(1, "cifar10", "ResNet-110", "(a) original", 6.61),
    fails(1, "ResNet-110", "(b) constant scaling 0.5, branch 1"),
    row(1, "cifar10", "ResNet-110", "(b) constant scaling 0.5, branch 0.5", 12.35),
    fails(1, "ResNet-110", "(c) exclusive gating, initial bias 0 to -5"),
    row(1, "cifar10", "ResNet-110", "(c) exclusive gating, initial bias -6", 8.70),
    row(1, "cifar10", "ResNet-110", "(c) exclusive gating, initial bias -7", 9.81),
    row(1, "cifar10", "ResNet-110", "(d) shortcut-only gating, initial bias 0", 12.86),
    row(1, "cifar10", "ResNet-110", "(d) shortcut-only gating, initial bias -6", 6.91),
    row(1, "cifar10", "ResNet-110", "(e) 1x1 convolution shortcut", 12.22),
    fails(1, "ResNet-110", "(f) dropout shortcut, ratio 0.5"),
];

/// Table 2: the place of the activation (figure 4), all with identity shortcuts.
pub const TABLE_2: [CifarRow; 10] = [
    row(2, "cifar10", "ResNet-110", "(a) original", 6.61),
    row(2, "cifar10", "ResNet-110", "(b) BN after addition", 8.17),
    row(2, "cifar10", "ResNet-110", "(c) ReLU before addition", 7.84),
    row(2, "cifar10", "ResNet-110", "(d) ReLU-only pre-activation", 6.71),
    row(2, "cifar10", "ResNet-110", "(e) full pre-activation", 6.37),
    row(2, "cifar10", "ResNet-164", "(a) original", 5.93),
    row(2, "cifar10", "ResNet-164", "(b) BN after addition", 6.50),
    row(2, "cifar10", "ResNet-164", "(c) ReLU before addition", 6.14),
    row(2, "cifar10", "ResNet-164", "(d) ReLU-only pre-activation", 5.91),
    row(2, "cifar10", "ResNet-164", "(e) full pre-activation", 5.46),
];

/// Table 3: the original unit beside the pre-activation unit.
pub const TABLE_3: [CifarRow; 12] = [
    row(3, "cifar10", "ResNet-110, 1-layer units", "original", 9.90),
    row(3, "cifar10", "ResNet-110, 1-layer units", "pre-activation", 8.91),
    row(3, "cifar10", "ResNet-110", "original", 6.61),
    row(3, "cifar10", "ResNet-110", "pre-activation", 6.37),
    row(3, "cifar10", "ResNet-164", "original", 5.93),
    row(3, "cifar10", "ResNet-164", "pre-activation", 5.46),
    row(3, "cifar10", "ResNet-1001", "original", 7.61),
    row(3, "cifar10", "ResNet-1001", "pre-activation", 4.92),
    row(3, "cifar100", "ResNet-164", "original", 25.16),
    row(3, "cifar100", "ResNet-164", "pre-activation", 24.33),
    row(3, "cifar100", "ResNet-1001", "original", 27.82),
    row(3, "cifar100", "ResNet-1001", "pre-activation", 22.71),
];

/// Table 4, the rows that table 3 does not have: mini-batch 64; the figure is the median, 4.69 +- 0.20 the
/// mean.
pub const TABLE_4: [CifarRow; 1] = [row(4, "cifar10", "ResNet-1001", "pre-activation, mini-batch 64", 4.62)];

/// Table 6 of arXiv 1512.03385: the original unit, shortcut option A.
pub const ORIGINAL: [CifarRow; 6] = [
    row(0, "cifar10", "ResNet-20", "original", 8.75),
    row(0, "cifar10", "ResNet-32", "original", 7.51),
    row(0, "cifar10", "ResNet-44", "original", 7.17),
    row(0, "cifar10", "ResNet-56", "original", 6.97),
    row(0, "cifar10", "ResNet-110", "original", 6.43),
    row(0, "cifar10", "ResNet-1202", "original", 7.93),
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
}

const fn imagenet(
    network: &'static str,
    unit: &'static str,
    augmentation: &'static str,
    top1_error: f64,
    top5_error: f64,
) -> ImageNetRow {
    ImageNetRow { network, unit, augmentation, top1_error, top5_error }
}

/// Table 5, the rows at 320 pixels.
pub const TABLE_5: [ImageNetRow; 5] = [
    imagenet("ResNet-152", "original", "scale", 21.3, 5.5),
    imagenet("ResNet-152", "pre-activation", "scale", 21.1, 5.5),
    imagenet("ResNet-200", "original", "scale", 21.8, 6.0),
    imagenet("ResNet-200", "pre-activation", "scale", 20.7, 5.3),
    imagenet("ResNet-200", "pre-activation", "scale + aspect ratio", 20.1, 4.8),
];

/// All CIFAR rows, table by table.
///
/// ```
/// use resnet_record::paper::{self, Outcome};
/// let mut deepest = paper::cifar().filter(|row| row.table == 3 && row.network == "ResNet-1001");
/// let best = deepest.find(|row| row.unit == "pre-activation");
/// assert_eq!(best.unwrap().outcome, Outcome::Error(4.92));
/// ```
pub fn cifar() -> impl Iterator<Item = &'static CifarRow> {
    [&TABLE_1[..], &TABLE_2, &TABLE_3, &TABLE_4, &ORIGINAL].into_iter().flatten()
}
