//! The thousand classes of ImageNet's challenge since 2012, in the order of their numbers.
//!
//! A class is a synset of WordNet 3.0 (Princeton University), which gives it its words; numbers follow the
//! synsets' offsets (Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge").

/// Lines of a synset's offset, such as `n01440764`, a tab and its words.
static CLASSES: &str = include_str!("imagenet_classes.txt");

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
}
