//! The data set that a network is for as a rule, by its number of classes.

use resnet_data::{cifar, imagenet};
use resnet_vision::Normalisation;

/// A data set with what a network for it needs to know.
pub(crate) struct DataSet {
    pub(crate) name: &'static str,
    pub(crate) normalisation: Normalisation,
    /// The names of its classes in the order of their labels.
    pub(crate) classes: fn() -> Vec<String>,
}

/// CIFAR-10, CIFAR-100 or ImageNet for their numbers of classes, nothing for others.
pub(crate) fn data_set(classes: usize) -> Option<DataSet> {
    match classes {
        10 => Some(DataSet {
            name: "CIFAR-10",
            normalisation: Normalisation::CIFAR10,
            classes: || cifar::names::cifar10().to_vec(),
        }),
        100 => Some(DataSet {
            name: "CIFAR-100",
            normalisation: Normalisation::CIFAR100,
            classes: || cifar::names::cifar100().to_vec(),
        }),
        1000 => Some(DataSet {
            name: "ImageNet",
            normalisation: Normalisation::IMAGENET,
            classes: || imagenet::classes().map(|(_, words)| words.to_owned()).collect(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_ten_a_hundred_and_a_thousand_classes_have_usual_data_sets() {
        let of = |classes| {
            data_set(classes).map(|set| (set.name, set.normalisation, (set.classes)()[classes - 1].clone()))
        };
        assert_eq!(of(10), Some(("CIFAR-10", Normalisation::CIFAR10, "truck".to_owned())));
        assert_eq!(of(100), Some(("CIFAR-100", Normalisation::CIFAR100, "worm".to_owned())));
        let last = "toilet tissue, toilet paper, bathroom tissue";
        assert_eq!(of(1000), Some(("ImageNet", Normalisation::IMAGENET, last.to_owned())));
        assert_eq!(of(37), None);
    }
}
