//! Tables 1 to 3, and table 6 of the predecessor: a row for each network.

use super::{CifarRow, Reported};

/// Table, data set, network and unit of a row.
type Words = (u8, &'static str, &'static str, &'static str);

const fn row(words: Words, error: f64, model: &'static str, recipe: &'static str) -> CifarRow {
    let (table, data, network, unit) = words;
    CifarRow { table, data, network, unit, reported: Reported::Error(error), model, recipe }
}

/// A row of table 1.
const fn shortcut(unit: &'static str, error: f64, model: &'static str, recipe: &'static str) -> CifarRow {
    row((1, "cifar10", "ResNet-110", unit), error, model, recipe)
}

/// A row of table 1 that the paper could not train.
const fn fails(unit: &'static str, model: &'static str, recipe: &'static str) -> CifarRow {
    CifarRow { reported: Reported::Fails, ..shortcut(unit, 0.0, model, recipe) }
}

/// A row of the predecessor.
const fn original(network: &'static str, error: f64, model: &'static str, recipe: &'static str) -> CifarRow {
    row((0, "cifar10", network, "original"), error, model, recipe)
}

/// Table 1: shortcuts (figure 2), all with ReLU after the addition.
pub const TABLE_1: [CifarRow; 11] = [
    shortcut("(a) original", 6.61, "resnet110-v1", "cifar10-resnet110-v1"),
    fails("(b) constant scaling 0, branch 1: plain", "resnet110-plain", "cifar10-resnet110-plain"),
    fails(
        "(b) constant scaling 0.5, branch 1",
        "resnet110-constant-scaling-by-0.5-1",
        "cifar10-resnet110-constant-scaling-shortcut",
    ),
    shortcut(
        "(b) constant scaling 0.5, branch 0.5",
        12.35,
        "resnet110-constant-scaling",
        "cifar10-resnet110-constant-scaling",
    ),
    fails(
        "(c) exclusive gating, initial bias 0 to -5",
        "resnet110-exclusive-gating-bias-0",
        "cifar10-resnet110-exclusive-gating-bias-0",
    ),
    shortcut(
        "(c) exclusive gating, initial bias -6",
        8.70,
        "resnet110-exclusive-gating-bias-6",
        "cifar10-resnet110-exclusive-gating-bias-6",
    ),
    shortcut(
        "(c) exclusive gating, initial bias -7",
        9.81,
        "resnet110-exclusive-gating-bias-7",
        "cifar10-resnet110-exclusive-gating-bias-7",
    ),
    shortcut(
        "(d) shortcut-only gating, initial bias 0",
        12.86,
        "resnet110-shortcut-only-gating-bias-0",
        "cifar10-resnet110-shortcut-only-gating-bias-0",
    ),
    shortcut(
        "(d) shortcut-only gating, initial bias -6",
        6.91,
        "resnet110-shortcut-only-gating-bias-6",
        "cifar10-resnet110-shortcut-only-gating-bias-6",
    ),
    shortcut(
        "(e) 1x1 convolution shortcut",
        12.22,
        "resnet110-conv-shortcut",
        "cifar10-resnet110-conv-shortcut",
    ),
    fails(
        "(f) dropout shortcut, ratio 0.5",
        "resnet110-dropout-shortcut",
        "cifar10-resnet110-dropout-shortcut",
    ),
];

const fn two_layers(unit: &'static str, error: f64, model: &'static str, recipe: &'static str) -> CifarRow {
    row((2, "cifar10", "ResNet-110", unit), error, model, recipe)
}

const fn bottleneck(unit: &'static str, error: f64, model: &'static str, recipe: &'static str) -> CifarRow {
    row((2, "cifar10", "ResNet-164", unit), error, model, recipe)
}

/// Table 2: the place of the activation (figure 4), all with identity shortcuts.
pub const TABLE_2: [CifarRow; 10] = [
    two_layers("(a) original", 6.61, "resnet110-v1", "cifar10-resnet110-v1"),
    two_layers(
        "(b) BN after addition",
        8.17,
        "resnet110-bn-after-addition",
        "cifar10-resnet110-bn-after-addition",
    ),
    two_layers(
        "(c) ReLU before addition",
        7.84,
        "resnet110-relu-before-addition",
        "cifar10-resnet110-relu-before-addition",
    ),
    two_layers(
        "(d) ReLU-only pre-activation",
        6.71,
        "resnet110-relu-only-preactivation",
        "cifar10-resnet110-relu-only-preactivation",
    ),
    two_layers("(e) full pre-activation", 6.37, "resnet110-v2", "cifar10-resnet110-v2"),
    bottleneck("(a) original", 5.93, "resnet164-v1", "cifar10-resnet164-v1"),
    bottleneck(
        "(b) BN after addition",
        6.50,
        "resnet164-bn-after-addition",
        "cifar10-resnet164-bn-after-addition",
    ),
    bottleneck(
        "(c) ReLU before addition",
        6.14,
        "resnet164-relu-before-addition",
        "cifar10-resnet164-relu-before-addition",
    ),
    bottleneck(
        "(d) ReLU-only pre-activation",
        5.91,
        "resnet164-relu-only-preactivation",
        "cifar10-resnet164-relu-only-preactivation",
    ),
    bottleneck("(e) full pre-activation", 5.46, "resnet164-v2", "cifar10-resnet164-v2"),
];

/// Table 3: the original unit beside the pre-activation unit.
pub const TABLE_3: [CifarRow; 12] = [
    row(
        (3, "cifar10", "ResNet-110, 1-layer units", "original"),
        9.90,
        "resnet110-v1-one-layer",
        "cifar10-resnet110-v1-one-layer",
    ),
    row(
        (3, "cifar10", "ResNet-110, 1-layer units", "pre-activation"),
        8.91,
        "resnet110-v2-one-layer",
        "cifar10-resnet110-v2-one-layer",
    ),
    row((3, "cifar10", "ResNet-110", "original"), 6.61, "resnet110-v1", "cifar10-resnet110-v1"),
    row((3, "cifar10", "ResNet-110", "pre-activation"), 6.37, "resnet110-v2", "cifar10-resnet110-v2"),
    row((3, "cifar10", "ResNet-164", "original"), 5.93, "resnet164-v1", "cifar10-resnet164-v1"),
    row((3, "cifar10", "ResNet-164", "pre-activation"), 5.46, "resnet164-v2", "cifar10-resnet164-v2"),
    row((3, "cifar10", "ResNet-1001", "original"), 7.61, "resnet1001-v1", "cifar10-resnet1001-v1"),
    row((3, "cifar10", "ResNet-1001", "pre-activation"), 4.92, "resnet1001-v2", "cifar10-resnet1001-v2"),
    row((3, "cifar100", "ResNet-164", "original"), 25.16, "resnet164-v1", "cifar100-resnet164-v1"),
    row((3, "cifar100", "ResNet-164", "pre-activation"), 24.33, "resnet164-v2", "cifar100-resnet164-v2"),
    row((3, "cifar100", "ResNet-1001", "original"), 27.82, "resnet1001-v1", "cifar100-resnet1001-v1"),
    row((3, "cifar100", "ResNet-1001", "pre-activation"), 22.71, "resnet1001-v2", "cifar100-resnet1001-v2"),
];

/// Table 6 of arXiv 1512.03385: the original unit, shortcut option A. Its ResNet-110 is the best of five
/// runs, whose mean is 6.61; so is the median that stands in arXiv 1603.05027.
pub const ORIGINAL: [CifarRow; 6] = [
    original("ResNet-20", 8.75, "resnet20-v1", "cifar10-resnet20-v1"),
    original("ResNet-32", 7.51, "resnet32-v1", "cifar10-resnet32-v1"),
    original("ResNet-44", 7.17, "resnet44-v1", "cifar10-resnet44-v1"),
    original("ResNet-56", 6.97, "resnet56-v1", "cifar10-resnet56-v1"),
    original("ResNet-110", 6.43, "resnet110-v1", "cifar10-resnet110-v1"),
    original("ResNet-1202", 7.93, "resnet1202-v1", "cifar10-resnet1202-v1"),
];
