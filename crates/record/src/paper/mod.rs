//! What the paper published, as data: He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks",
//! arXiv 1603.05027, tables 1 to 5, and for comparison the CIFAR-10 table of its predecessor, arXiv
//! 1512.03385; and what it claims.
//!
//! | file | job |
//! |---|---|
//! | `tables` | the rows of tables 1 to 3, and of the predecessor |
//! | `others` | tables 4 and 5, with other methods' figures |
//! | `claims` | what the paper says, each a thing to measure |
//!
//! CIFAR entries are classification errors on the test set in percent, median of five runs in tables 1 to 3.
//! A row names the network of the registry and the built-in recipe that train it.

mod claims;
mod others;
mod tables;

pub use claims::{CLAIMS, Claim};
pub use others::{
    IMAGENET_OTHERS, ImageNetOther, ImageNetRow, MEANS, Mean, OTHERS, OtherRow, TABLE_4, TABLE_5,
};
pub use tables::{ORIGINAL, TABLE_1, TABLE_2, TABLE_3};

/// Training images of ImageNet.
pub const IMAGENET_IMAGES: u64 = 1_281_167;
/// Classes of ImageNet.
pub const IMAGENET_CLASSES: usize = 1000;

/// Depth and unit in the name of a network. `-bottleneck` is dropped, since names of depths that imply
/// bottlenecks lack it. A name that does not begin with `resnet` has no depth and is returned whole.
///
/// ```
/// use resnet_record::paper::depth_and_unit;
/// assert_eq!(depth_and_unit("resnet110-v1-one-layer"), ("110", "-v1-one-layer"));
/// assert_eq!(depth_and_unit("resnet56-v2-bottleneck"), ("56", "-v2"));
/// assert_eq!(depth_and_unit("net-v2"), ("", "net-v2"));
/// ```
pub fn depth_and_unit(model: &str) -> (&str, &str) {
    let Some(name) = model.strip_prefix("resnet") else { return ("", model) };
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    let (depth, unit) = name.split_at(digits);
    (depth, unit.trim_end_matches("-bottleneck"))
}

/// What a row of a CIFAR table reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reported {
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
    pub reported: Reported,
    /// The network's name in the registry.
    pub model: &'static str,
    /// The built-in recipe that trains it.
    pub recipe: &'static str,
}

/// All CIFAR rows, table by table.
///
/// ```
/// use resnet_record::paper::{self, Reported};
/// let mut deepest = paper::cifar().filter(|row| row.table == 3 && row.network == "ResNet-1001");
/// let best = deepest.find(|row| row.unit == "pre-activation").unwrap();
/// assert_eq!((best.reported, best.model), (Reported::Error(4.92), "resnet1001-v2"));
/// ```
pub fn cifar() -> impl Iterator<Item = &'static CifarRow> {
    [&TABLE_1[..], &TABLE_2, &TABLE_3, &TABLE_4, &ORIGINAL].into_iter().flatten()
}
