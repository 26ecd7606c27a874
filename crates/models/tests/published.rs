//! ImageNet networks have the parameters and multiply-adds that are published of them.

use resnet_models::{registry, summary};
use resnet_testing::table;

/// Name, parameters for 1000 classes (timm 1.0.31 and torchvision 0.29 count the same), and multiply-adds in
/// thousands of millions at 224 x 224: torchvision's documentation where it has the network, to two digits
/// after the point.
const NETWORKS: [(&str, usize, Option<f64>); 17] = [
    ("resnet18", 11_689_512, Some(1.81)),
    ("resnet26", 15_995_176, None),
    ("resnet34", 21_797_672, Some(3.66)),
    ("resnet50", 25_557_032, Some(4.09)),
    ("resnet101", 44_549_160, Some(7.80)),
    ("resnet152", 60_192_808, Some(11.51)),
    ("resnet200", 64_673_832, None),
    ("wide_resnet50_2", 68_883_240, Some(11.40)),
    ("wide_resnet101_2", 126_886_696, Some(22.75)),
    ("resnetv2_18", 11_687_720, None),
    ("resnetv2_34", 21_795_880, None),
    ("resnetv2_50", 25_549_352, None),
    ("resnetv2_101", 44_541_480, None),
    ("resnetv2_152", 60_185_128, None),
    // The stride's place changes no parameter.
    ("resnet50-v1-imagenet", 25_557_032, None),
    ("resnet152-v2-imagenet", 60_185_128, None),
    ("resnet200-v2-imagenet", 64_666_152, None),
];

#[test]
fn parameters_and_multiply_adds_are_the_published_ones() {
    table::run(&NETWORKS, |(name, parameters, multiply_adds)| {
        let spec = registry::find(name, registry::usual_classes(name)).map_err(|error| error.to_string())?;
        let summary = summary::of(&spec).map_err(|error| error.to_string())?;
        let billions = (summary.multiply_adds as f64 / 1e7).round() / 100.0;
        if summary.parameters != *parameters || multiply_adds.is_some_and(|known| known != billions) {
            return Err(format!("{} parameters, {billions} G multiply-adds", summary.parameters));
        }
        Ok(())
    });
}

#[test]
fn a_head_of_more_classes_than_memory_holds_is_an_error() {
    let spec = registry::find("resnet18", 274_877_906_945).expect("a name of the registry");
    let fault = summary::of(&spec).expect_err("no memory holds its weights").to_string();
    assert!(fault.contains("linear layer fc: no memory holds"), "{fault}");
}
