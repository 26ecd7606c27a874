//! `ImageSet`: images, subsets of subsets, and what does not fit.

use std::sync::Arc;

use resnet_data::ImageSet;

fn classes(n: usize) -> Arc<[String]> {
    (0..n).map(|i| i.to_string()).collect()
}

#[test]
fn images_and_subsets_of_subsets() {
    let pixels = (0..5u8).flat_map(|i| [i; 12]).collect();
    let set = ImageSet::new(pixels, vec![0, 1, 2, 1, 0], 2, 2, classes(3)).unwrap();
    assert_eq!(set.image(3), [3; 12]);
    let odd = set.subset(&[4, 1, 3]);
    assert_eq!((odd.len(), odd.labels(), odd.label(1)), (3, &[0, 1, 1][..], 1));
    assert_eq!(odd.image(0), [4; 12]);
    let last = odd.subset(&[2, 2]);
    assert_eq!((last.image(0), last.image(1)), (&[3; 12][..], &[3; 12][..]));
    assert!(set.subset(&[]).is_empty());
}

#[test]
fn what_does_not_fit_is_refused() {
    let cases = [
        (ImageSet::new(vec![0; 12], vec![0], 0, 2, classes(1)), "no pixels"),
        (ImageSet::new(vec![0; 11], vec![0], 2, 2, classes(1)), "but there are 11"),
        (ImageSet::new(vec![0; 12], vec![0, 0], 2, 2, classes(1)), "but there are 12"),
        (ImageSet::new(vec![0; 12], vec![1], 2, 2, classes(1)), "label 1"),
        (ImageSet::new(vec![0; 12], vec![0], usize::MAX, usize::MAX, classes(1)), "bytes of pixels"),
    ];
    for (result, wanted) in cases {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(wanted), "{message:?} should contain {wanted:?}");
    }
}
