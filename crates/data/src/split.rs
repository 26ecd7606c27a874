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
