//! `stratified_split`: a partition that gives each class its share.

use proptest::prelude::*;

use resnet_data::stratified_split;

#[test]
fn cifar_gives_the_same_number_of_every_class() {
    let labels: Vec<u32> = (0..50_000).map(|i| (i * 7 % 10) as u32).collect();
    let (train, validation) = stratified_split(&labels, 10, 5_000, 0).unwrap();
    assert_eq!((train.len(), validation.len()), (45_000, 5_000));
    for class in 0..10 {
        assert_eq!(validation.iter().filter(|&&i| labels[i] == class).count(), 500);
    }
    assert_ne!(validation, stratified_split(&labels, 10, 5_000, 1).unwrap().1);
}

#[test]
fn impossible_splits_are_refused() {
    assert!(stratified_split(&[0, 1], 2, 2, 0).unwrap_err().to_string().contains("leaves none of 2"));
    assert!(stratified_split(&[0, 2], 2, 1, 0).unwrap_err().to_string().contains("image 1 has label 2"));
    assert_eq!(stratified_split(&[0, 1], 2, 0, 0).unwrap(), (vec![0, 1], vec![]));
    assert_eq!(stratified_split(&[], 2, 0, 0).unwrap(), (vec![], vec![]));
}

proptest! {
    #[test]
    fn a_split_is_a_stratified_partition(
        labels in prop::collection::vec(0u32..7, 1..200),
        part in 0.0f64..1.0,
        seed: u64,
    ) {
        let wanted = (labels.len() as f64 * part) as usize;
        let (train, validation) = stratified_split(&labels, 7, wanted, seed).unwrap();
        prop_assert_eq!(validation.len(), wanted);
        prop_assert!(train.is_sorted() && validation.is_sorted());
        let mut all = [train, validation.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        for class in 0..7 {
            let count = labels.iter().filter(|&&l| l == class).count();
            let given = validation.iter().filter(|&&i| labels[i] == class).count();
            let share = count as f64 * wanted as f64 / labels.len() as f64;
            prop_assert!((given as f64 - share).abs() < 1.0);
        }
        prop_assert_eq!(stratified_split(&labels, 7, wanted, seed).unwrap().1, validation);
    }
}
