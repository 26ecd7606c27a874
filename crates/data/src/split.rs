//! The validation split: seeded, stratified, the same on every machine.

use crate::Error;
use resnet_vision::random::RandomStream;

/// Splits images into training and validation so that every class gives its share of `validation` images.
///
/// `labels` has one label below `classes` for each image. Returns (training, validation) as ascending
/// indices into `labels`; together they are all of them. Where shares are not whole numbers, the classes
/// with the largest fractions give one more (ties: the lower label), so sizes are exact and each class is
/// within one image of its share.
///
/// # Errors
/// If a label is not below `classes`, or if `validation` leaves no image to train on.
///
/// ```
/// let labels: Vec<u32> = (0..50).map(|i| i % 5).collect();
/// let (train, validation) = resnet_data::stratified_split(&labels, 5, 10, 0)?;
/// assert_eq!((train.len(), validation.len()), (40, 10));
/// assert_eq!(validation.iter().filter(|&&i| labels[i] == 3).count(), 2);
/// # Ok::<(), resnet_data::Error>(())
/// ```
pub fn stratified_split(
    labels: &[u32],
    classes: usize,
    validation: usize,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), Error> {
    if let Some(i) = labels.iter().position(|&label| label as usize >= classes) {
        let label = labels[i];
        return Err(Error::Invalid(format!("image {i} has label {label}, but there are {classes} classes")));
    }
    if validation > 0 && validation >= labels.len() {
        return Err(Error::Invalid(format!(
            "a validation split of {validation} images leaves none of {} to train on; take fewer",
            labels.len()
        )));
    }
    if validation == 0 {
        return Ok(((0..labels.len()).collect(), Vec::new()));
    }
    // Grouped by a sort, so that memory follows the images there are and not the number of classes claimed.
    let mut members: Vec<usize> = (0..labels.len()).collect();
    members.sort_by_key(|&i| labels[i]);
    let mut groups: Vec<&mut [usize]> = members.chunk_by_mut(|&a, &b| labels[a] == labels[b]).collect();

    let total = labels.len() as u128;
    let exact = |group: &[usize]| group.len() as u128 * validation as u128;
    let mut take: Vec<usize> = groups.iter().map(|group| (exact(group) / total) as usize).collect();
    let missing = validation - take.iter().sum::<usize>();
    let mut by_fraction: Vec<usize> = (0..groups.len()).collect();
    by_fraction.sort_by_key(|&g| (std::cmp::Reverse(exact(groups[g]) % total), g));
    by_fraction[..missing].iter().for_each(|&g| take[g] += 1);

    let mut chosen = vec![false; labels.len()];
    for (group, take) in groups.iter_mut().zip(take) {
        let label = u64::from(labels[group[0]]);
        RandomStream::new(seed, crate::purposes::SPLIT, label, 0).shuffle(group);
        group[..take].iter().for_each(|&i| chosen[i] = true);
    }
    Ok((0..labels.len()).partition(|&i| !chosen[i]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
