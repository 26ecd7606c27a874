//! Accuracy and loss of a classifier on a set of images.

use std::fmt;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use resnet_data::Feed;
use resnet_record::Scores;
use resnet_vision::Batch;

use crate::processes::Processes;
use crate::{AllReduce as _, Classifier, Error};

/// Scores `model` on every image that an epoch of `feed` shows; sums are in f64.
///
/// If an image is shown in several crops, its probabilities are the mean of theirs (Krizhevsky et al.
/// 2012).
///
/// `on_images` is called with the number of images done, beginning with 0, and returns whether to go on. If
/// it stops the evaluation, the result is `None`.
///
/// # Errors
/// If the images cannot be loaded, the network fails or answers NaN, or it has fewer classes than the labels
/// need.
///
/// ```no_run
/// # fn f(model: &dyn resnet_train::Classifier) -> Result<(), Box<dyn std::error::Error>> {
/// use resnet_data::{DataLoader, LoaderConfig, generated};
/// use resnet_vision::{Augmentation, Normalisation};
/// use resnet_train::evaluate;
///
/// let data = generated::shapes(10, 1000, 0);
/// let how = (Augmentation::None, Normalisation::HALF);
/// let feed = DataLoader::new(data.test.read_shared(), how, LoaderConfig::evaluation(128))?;
/// let scores = evaluate(model, &feed, |_done| true)?.expect("it was not stopped");
/// println!("{:.2} % correct", scores.top1());
/// # Ok(())
/// # }
/// ```
pub fn evaluate(
    model: &dyn Classifier,
    feed: &dyn Feed,
    on_images: impl FnMut(u64) -> bool,
) -> Result<Option<Scores>, Error> {
    let begun = Instant::now();
    let tally = tally(model, feed, on_images, &mut |_| Ok(()))?;
    tally.map(|tally| tally.scores(begun.elapsed())).transpose()
}

/// An image that was scored.
pub struct Seen<'a> {
    /// Its number among those that were scored, from 0.
    pub image: u64,
    /// Its label.
    pub label: u32,
    /// The network's answer, a logit per class.
    pub logits: &'a [f32],
    /// Copies the pixels that the network saw; of several crops, those of the first.
    pub pixels: &'a dyn Fn() -> Result<Pixels, Error>,
}

impl fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("image", &self.image)
            .field("label", &self.label)
            .field("logits", &self.logits)
            .finish_non_exhaustive()
    }
}

/// Normalised pixels `[3, height, width]`, and height and width.
pub type Pixels = (Vec<f32>, [usize; 2]);

/// What is counted over images.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    images: u64,
    top1: u64,
    top5: u64,
    loss: f64,
    classes: usize,
}

impl Tally {
    /// The sum of all processes' counts; `None` if one of them was stopped.
    pub(crate) fn together(own: Option<Tally>, processes: &Processes) -> Result<Option<Tally>, Error> {
        if !processes.are_several() {
            return Ok(own);
        }
        let Tally { images, top1, top5, loss, classes } = own.unwrap_or_default();
        let stopped = f64::from(u8::from(own.is_none()));
        // A process that has no images does not know the number of classes.
        let knows = f64::from(u8::from(classes > 0));
        // Counts are exact in f64.
        let mut sums = [stopped, images as f64, top1 as f64, top5 as f64, loss, classes as f64, knows];
        processes.sum_f64(&mut sums)?;
        let [stopped, images, top1, top5, loss, classes, knowing] = sums;
        let classes = (classes / knowing.max(1.0)) as usize;
        let tally = Tally { images: images as u64, top1: top1 as u64, top5: top5 as u64, loss, classes };
        Ok(Some(tally).filter(|_| stopped == 0.0))
    }

    /// # Errors
    /// [`Error::NothingScored`] if there was no image: a mean of none would be NaN.
    pub(crate) fn scores(self, took: Duration) -> Result<Scores, Error> {
        let Tally { images, top1, top5, loss, classes } = self;
        if images == 0 {
            return Err(Error::NothingScored);
        }
        Ok(Scores {
            images,
            top1_correct: top1,
            top5_correct: (classes > 5).then_some(top5),
            loss: loss / images as f64,
            images_per_second: images as f64 / took.as_secs_f64().max(1e-9),
        })
    }
}

/// Counts over all images of `feed`, each of which is shown to `seen` with its logits; see [`evaluate`].
pub(crate) fn tally(
    model: &dyn Classifier,
    feed: &dyn Feed,
    mut on_images: impl FnMut(u64) -> bool,
    seen: &mut dyn FnMut(Seen<'_>) -> Result<(), Error>,
) -> Result<Option<Tally>, Error> {
    let device = device_of(model);
    let logits_of = model.evaluator();
    let (mut images, mut top1, mut top5, mut loss) = (0u64, 0u64, 0u64, 0f64);
    let mut width = 0;
    if !on_images(images) {
        return Ok(None);
    }
    for batch in feed.epoch(0, 0) {
        let batch = batch?;
        if batch.is_empty() {
            // All of its images are broken and left out.
            continue;
        }
        let crops = batch.crops();
        let (x, labels) = tensors_of(batch, &device).map_err(Error::compute("loading a batch"))?;
        let logits = logits_of(&x).map_err(Error::compute("evaluating the network"))?;
        let logits = averaged(logits, crops).map_err(Error::compute("averaging crops"))?;
        let (rows, classes) = rows_of(&logits, &labels)?;
        for (place, (row, &label)) in rows.chunks_exact(classes).zip(&labels).enumerate() {
            let Some(rank) = rank(row, label as usize) else {
                return Err(Error::NotANumber { image: images });
            };
            let of_image = cross_entropy(row, label as usize);
            if !of_image.is_finite() {
                return Err(Error::NotANumber { image: images });
            }
            top1 += u64::from(rank < 1);
            top5 += u64::from(rank < 5);
            loss += of_image;
            let pixels = || pixels_of(&x, place * crops).map_err(Error::compute("reading an image back"));
            seen(Seen { image: images, label, logits: row, pixels: &pixels })?;
            images += 1;
        }
        width = classes;
        if !on_images(images) {
            return Ok(None);
        }
    }
    Ok(Some(Tally { images, top1, top5, loss, classes: width }))
}

fn pixels_of(images: &Tensor, row: usize) -> candle_core::Result<Pixels> {
    let image = images.get(row)?;
    let (_, height, width) = image.dims3()?;
    Ok((image.flatten_all()?.to_vec1()?, [height, width]))
}

/// The device of the model's variables; the CPU if it has none.
pub(crate) fn device_of(model: &dyn Classifier) -> Device {
    model.variables().values().next().map_or(Device::Cpu, |variable| variable.device().clone())
}

/// The batch as a tensor `[N, 3, H, W]`, one row for each crop, and its labels.
pub(crate) fn tensors_of(batch: Batch, device: &Device) -> candle_core::Result<(Tensor, Vec<u32>)> {
    let rows = batch.len() * batch.crops();
    let Batch { images, labels, height, width } = batch;
    Ok((Tensor::from_vec(images, (rows, 3, height, width), device)?, labels))
}

/// The logits per image, `[N, classes]`, from those per crop, `[N * crops, classes]`: logarithms of the mean
/// probabilities of the crops.
fn averaged(logits: Tensor, crops: usize) -> candle_core::Result<Tensor> {
    if crops == 1 {
        return Ok(logits);
    }
    let (rows, classes) = logits.dims2()?;
    let logits = logits.to_dtype(DType::F64)?;
    let weights = logits.broadcast_sub(&logits.max_keepdim(1)?)?.exp()?;
    let probabilities = weights.broadcast_div(&weights.sum_keepdim(1)?)?;
    probabilities.reshape((rows / crops, crops, classes))?.mean(1)?.log()?.to_dtype(DType::F32)
}

/// All logits, row after row, and the length of a row; checked against the labels.
pub(crate) fn rows_of(logits: &Tensor, labels: &[u32]) -> Result<(Vec<f32>, usize), Error> {
    let read = || -> candle_core::Result<_> {
        let (n, classes) = logits.dims2()?;
        Ok((logits.flatten_all()?.to_vec1::<f32>()?, n, classes))
    };
    let (rows, n, classes) = read().map_err(Error::compute("reading the logits"))?;
    if n != labels.len() || labels.iter().any(|&label| label as usize >= classes) {
        let highest = labels.iter().max().copied().unwrap_or(0);
        return Err(Error::Setup(format!(
            "the network answers with {n} x {classes} logits for {} images with labels up to {highest}; give it as many \
             classes as the data has",
            labels.len()
        )));
    }
    Ok((rows, classes))
}

/// The number of classes that rank before `label`: those with a higher logit, and of equal logits those with
/// a lower index. `None` if any logit is NaN.
///
/// # Panics
/// If `label` is no class of the row.
pub fn rank(row: &[f32], label: usize) -> Option<usize> {
    if row.iter().any(|logit| logit.is_nan()) {
        return None;
    }
    let own = row[label];
    Some(row.iter().enumerate().filter(|&(i, &logit)| logit > own || (logit == own && i < label)).count())
}

/// -ln softmax(row)[label], in f64.
fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|&logit| (f64::from(logit) - f64::from(highest)).exp()).sum();
    sum.ln() + f64::from(highest) - f64::from(row[label])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_counts_what_is_higher_and_breaks_ties_by_index() {
        let row = [0.5, 2.0, 2.0, -1.0];
        assert_eq!([0, 1, 2, 3].map(|label| rank(&row, label)), [Some(2), Some(0), Some(1), Some(3)]);
        assert_eq!(rank(&[0.0, f32::NAN], 0), None, "NaN must not count as correct");
        assert_eq!(rank(&[f32::NAN, 0.0], 0), None);
        assert_eq!(rank(&[f32::INFINITY, 0.0], 0), Some(0));
    }

    #[test]
    fn crops_are_averaged_as_probabilities() {
        let of = |probabilities: &[f32]| probabilities.iter().map(|p| 7.0 + p.ln()).collect::<Vec<f32>>();
        let rows = [of(&[0.5, 0.25, 0.25]), of(&[0.1, 0.8, 0.1]), of(&[0.3, 0.3, 0.4]), of(&[0.7, 0.1, 0.2])];
        let logits = Tensor::from_vec(rows.concat(), (4, 3), &Device::Cpu).unwrap();
        let mean = averaged(logits, 2).unwrap().exp().unwrap().to_vec2::<f32>().unwrap();
        for (row, expected) in mean.iter().zip([[0.3, 0.525, 0.175], [0.5, 0.2, 0.3]]) {
            for (p, expected) in row.iter().zip(expected) {
                assert!((p - expected).abs() <= 1e-6, "{mean:?}");
            }
        }
        // Numbers that f32 cannot hold as probabilities do not become infinite, and NaN stays.
        let logits = Tensor::from_vec(vec![0.0f32, 2000.0, 1.0, 0.0], (2, 2), &Device::Cpu).unwrap();
        let row = averaged(logits, 2).unwrap().to_vec2::<f32>().unwrap().remove(0);
        assert!(row.iter().all(|log| log.is_finite()), "{row:?}");
        let logits = Tensor::from_vec(vec![0.0f32, f32::NAN, 1.0, 0.0], (2, 2), &Device::Cpu).unwrap();
        assert_eq!(rank(&averaged(logits, 2).unwrap().to_vec2::<f32>().unwrap()[0], 0), None);
    }

    #[test]
    fn cross_entropy_by_hand() {
        assert!((cross_entropy(&[0.0, 0.0], 1) - 2f64.ln()).abs() < 1e-15);
        assert!((cross_entropy(&[3.0, 1.0], 1) - (1.0 + 2f64.exp()).ln()).abs() < 1e-12);
        assert!((cross_entropy(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-9);
        // What an evaluation takes for a divergence: no record can hold the mean.
        for row in [[f32::INFINITY, 0.0], [0.0, f32::NEG_INFINITY]] {
            assert!(!cross_entropy(&row, 1).is_finite(), "{row:?}");
        }
    }
}
