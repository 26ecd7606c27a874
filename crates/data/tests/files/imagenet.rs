//! The tables of the classes of ImageNet.

use resnet_data::imagenet::{classes, classes_of_ilsvrc_ids};

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
