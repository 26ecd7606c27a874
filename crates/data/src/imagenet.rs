//! The thousand classes of ImageNet's challenge since 2012, in the order of their numbers.
//!
//! A class is a synset of WordNet 3.0 (Princeton University), which gives it its words; numbers follow the
//! synsets' offsets (Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge").

/// Lines of a synset's offset, such as `n01440764`, a tab and its words.
static CLASSES: &str = include_str!("../assets/imagenet_classes.txt");

/// For each of ILSVRC2012's ids, 1 to 1000, the number of its class: what `meta.mat` of the development kit
/// says, whose ground truth of the validation images counts in these ids.
static ILSVRC_IDS: &str = include_str!("../assets/imagenet_ilsvrc_ids.txt");

/// The class of each of ILSVRC2012's ids, which its development kit uses for the ground truth; id 1 first.
///
/// ```
/// // Kit fox, whose synset is n02119789.
/// assert_eq!(resnet_data::imagenet::classes_of_ilsvrc_ids().next(), Some(278));
/// ```
pub fn classes_of_ilsvrc_ids() -> impl Iterator<Item = u32> {
    ILSVRC_IDS.lines().filter_map(|line| line.parse().ok())
}

/// Synset and words of each class, `("n01440764", "tench, Tinca tinca")` first.
///
/// ```
/// let (synset, words) = resnet_data::imagenet::classes().nth(207).unwrap();
/// assert_eq!((synset, words), ("n02099601", "golden retriever"));
/// ```
pub fn classes() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLASSES.lines().filter_map(|line| line.split_once('\t'))
}
