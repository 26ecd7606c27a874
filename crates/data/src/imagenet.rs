//! The thousand classes of ImageNet's challenge since 2012, in the order of their numbers.
//!
//! A class is a synset of WordNet 3.0 (Princeton University), which gives it its words; numbers follow the
//! synsets' offsets (Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge").

/// Lines of a synset's offset, such as `n01440764`, a tab and its words.
static CLASSES: &str = include_str!("imagenet_classes.txt");

/// For each of ILSVRC2012's ids, 1 to 1000, the number of its class: what `meta.mat` of the development kit
/// says, whose ground truth of the validation images counts in these ids.
static ILSVRC_IDS: &str = include_str!("imagenet_ilsvrc_ids.txt");

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_thousand_in_the_order_of_their_synsets() {
        let synsets: Vec<&str> = classes().map(|(synset, _)| synset).collect();
        assert_eq!(synsets.len(), 1000);
        assert!(synsets.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(classes().all(|(synset, words)| synset.len() == 9 && !words.is_empty()));
        assert_eq!(classes().last(), Some(("n15075141", "toilet tissue, toilet paper, bathroom tissue")));
    }

    #[test]
    fn each_id_of_the_development_kit_is_another_class() {
        let ids: Vec<u32> = classes_of_ilsvrc_ids().collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
        // The first ten validation images: the ground truth's ids, and caffe's val.txt.
        let truth = [490, 361, 171, 822, 297, 482, 13, 704, 599, 164];
        let labels = [65, 970, 230, 809, 516, 57, 334, 415, 674, 332];
        assert_eq!(truth.map(|id: usize| ids[id - 1]), labels);
    }
}
