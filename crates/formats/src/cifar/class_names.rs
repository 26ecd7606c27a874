//! The class names of CIFAR-10 and CIFAR-100, in label order.

use std::sync::Arc;

const CIFAR10: &str = "airplane automobile bird cat deer dog frog horse ship truck";

const CIFAR100: &str = "\
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle \
    bowl boy bridge bus butterfly camel can castle caterpillar cattle \
    chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur \
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard \
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain \
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree \
    plain plate poppy porcupine possum rabbit raccoon ray road rocket \
    rose sea seal shark shrew skunk skyscraper snail snake spider \
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor \
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm";

/// The ten names of CIFAR-10.
pub fn cifar10() -> Arc<[String]> {
    CIFAR10.split_ascii_whitespace().map(String::from).collect()
}

/// The hundred fine names of CIFAR-100.
pub fn cifar100() -> Arc<[String]> {
    CIFAR100.split_ascii_whitespace().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_classes_and_they_are_sorted() {
        assert_eq!((cifar10().len(), cifar100().len()), (10, 100));
        assert!(cifar10().is_sorted() && cifar100().is_sorted());
    }
}
