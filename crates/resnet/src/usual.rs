//! What is assumed of a network of which nobody says how its images are normalised and what its classes are
//! called. Its stem shows whether it takes photographs or CIFAR's images; the number of classes alone does
//! not, since others have ten classes too.

use resnet_data::{cifar, imagenet};
use resnet_models::{Family, Spec};
use resnet_vision::Normalisation;

/// The normalisation that is usual for such a network, and whose it is; `None` for a network with CIFAR's
/// stem and other classes than CIFAR's.
pub(crate) fn normalisation(spec: &Spec) -> Option<(Normalisation, &'static str)> {
    match (spec.has_imagenet_stem(), spec.family(), spec.classes) {
        // timm publishes all of them with this one, BiT's among them.
        (true, Family::V2, _) => Some((Normalisation::HALF, "timm's V2 networks")),
        (true, Family::V1, _) => Some((Normalisation::IMAGENET, "ImageNet")),
        (false, _, 10) => Some((Normalisation::CIFAR10, "CIFAR-10")),
        (false, _, 100) => Some((Normalisation::CIFAR100, "CIFAR-100")),
        (false, ..) => None,
    }
}

/// The names of its classes in the order of their labels, and the data set that they are of; `None` where
/// stem and number of classes are not those of CIFAR-10, CIFAR-100 or ImageNet.
pub(crate) fn classes(spec: &Spec) -> Option<(Vec<String>, &'static str)> {
    match (spec.has_imagenet_stem(), spec.classes) {
        (true, 1000) => Some((imagenet::classes().map(|(_, words)| words.to_owned()).collect(), "ImageNet")),
        (false, 10) => Some((cifar::names::cifar10().to_vec(), "CIFAR-10")),
        (false, 100) => Some((cifar::names::cifar100().to_vec(), "CIFAR-100")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use resnet_models::registry;

    use super::*;

    #[test]
    fn the_stem_tells_photographs_from_cifars_images() {
        let of = |name: &str, count: usize| {
            let spec = registry::find(name, count).unwrap();
            let last = classes(&spec).map(|(names, set)| {
                assert_eq!(names.len(), count);
                (names[count - 1].clone(), set)
            });
            (normalisation(&spec), last)
        };
        let of_set = |name: &str, set| Some((name.to_owned(), set));
        let imagenet = Some((Normalisation::IMAGENET, "ImageNet"));
        let half = Some((Normalisation::HALF, "timm's V2 networks"));
        let paper = "toilet tissue, toilet paper, bathroom tissue";
        assert_eq!(of("resnet50", 1000), (imagenet, of_set(paper, "ImageNet")));
        assert_eq!(of("resnetv2_50x1_bit", 1000), (half, of_set(paper, "ImageNet")));
        // Ten classes of one's own are not CIFAR's.
        for count in [7, 10, 100] {
            assert_eq!(of("resnet50", count), (imagenet, None), "{count}");
            assert_eq!(of("resnetv2_50", count), (half, None), "{count}");
        }
        let cifar10 = Some((Normalisation::CIFAR10, "CIFAR-10"));
        assert_eq!(of("resnet20-v2", 10), (cifar10, of_set("truck", "CIFAR-10")));
        let cifar100 = Some((Normalisation::CIFAR100, "CIFAR-100"));
        assert_eq!(of("resnet20-v1", 100), (cifar100, of_set("worm", "CIFAR-100")));
        assert_eq!(of("resnet20-v1", 1000), (None, None));
        assert_eq!(of("resnet20-v2", 37), (None, None));
    }
}
