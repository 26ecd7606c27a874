//! What is kept of an evaluation for the run's page: which classes were confused, the worst mistakes, and the
//! least certain answers.

use std::collections::BTreeMap;

use resnet_record::{Answer, ClassResult, Confused, Picture, Predictions, Split};
use resnet_vision::{Normalisation, image};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::evaluate::Seen;

/// How many of the worst mistakes, and of the least certain answers, are kept with their pictures.
const WORST: usize = 24;
const UNSURE: usize = 16;
/// How many pairs of confused classes are kept, the most frequent first: all pairs of up to 100 classes.
const PAIRS: usize = 10_000;

/// Collects what is kept of an evaluation, image by image. Most images cost a comparison; pixels are copied
/// only of those that are among the worst or the least certain so far.
#[derive(Debug)]
pub(crate) struct Gallery {
    split: Split,
    normalisation: Normalisation,
    classes: Vec<ClassResult>,
    confused: BTreeMap<(u32, u32), u64>,
    worst: Vec<Candidate>,
    unsure: Vec<Candidate>,
    images: u64,
}

/// One process's part of the gallery, where several share an evaluation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct GalleryPart {
    images: u64,
    /// For each class: its images, and those that were classified correctly.
    classes: Vec<(u64, u64)>,
    confused: Vec<((u32, u32), u64)>,
    worst: Vec<Ranked>,
    unsure: Vec<Ranked>,
}

/// An answer and the bits of its rank, an f64: it may be infinite, which JSON cannot write as a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ranked {
    rank: u64,
    answer: Answer,
}

/// An answer that may be kept: those of the lowest ranks are.
#[derive(Debug, Clone)]
struct Candidate {
    rank: f64,
    image: u64,
    label: u32,
    guesses: [(u32, f64); 2],
    label_probability: f64,
    pixels: Vec<f32>,
    size: [usize; 2],
}

impl Gallery {
    pub(crate) fn new(split: Split, names: &[String], normalisation: Normalisation) -> Self {
        let class = |name: &String| ClassResult { name: name.clone(), images: 0, correct: 0 };
        let classes = names.iter().map(class).collect();
        let (worst, unsure) = (vec![], vec![]);
        Gallery { split, normalisation, classes, confused: BTreeMap::new(), worst, unsure, images: 0 }
    }

    /// Counts the answer to one image, and keeps it if it is among the worst or the least certain so far.
    pub(crate) fn look(&mut self, seen: &Seen<'_>) -> Result<(), Error> {
        let Seen { image, label, logits, .. } = *seen;
        self.images += 1;
        // Of equal logits the earlier class is first, as it is where accuracy is counted.
        let [first, second] = two_highest(logits);
        if let Some(class) = self.classes.get_mut(label as usize) {
            class.images += 1;
            class.correct += u64::from(first == label);
        }
        let highest = f64::from(logits[first as usize]);
        let weight = |class: u32| (f64::from(logits[class as usize]) - highest).exp();
        let sum: f64 = (0..logits.len()).map(|class| weight(class as u32)).sum();
        let probability = |class: u32| weight(class) / sum;
        let guesses = [first, second].map(|class| (class, probability(class)));
        let candidate = |rank| Candidate {
            rank,
            image,
            label,
            guesses,
            label_probability: probability(label),
            pixels: vec![],
            size: [0; 2],
        };
        if first != label {
            *self.confused.entry((label, first)).or_default() += 1;
            // The logarithm of the label's probability, from the logits: the probability may underflow.
            let rank = f64::from(logits[label as usize]) - highest - sum.ln();
            admit(&mut self.worst, WORST, candidate(rank), seen)?;
        }
        admit(&mut self.unsure, UNSURE, candidate(guesses[0].1 - guesses[1].1), seen)
    }

    /// What is kept of this process's images.
    pub(crate) fn part(&self) -> Result<GalleryPart, Error> {
        let ranked = |candidate: &Candidate| {
            let rank = candidate.rank.to_bits();
            self.answer(candidate.clone()).map(|answer| Ranked { rank, answer })
        };
        Ok(GalleryPart {
            images: self.images,
            classes: self.classes.iter().map(|class| (class.images, class.correct)).collect(),
            confused: self.confused.iter().map(|(pair, images)| (*pair, *images)).collect(),
            worst: self.worst.iter().map(ranked).collect::<Result<_, _>>()?,
            unsure: self.unsure.iter().map(ranked).collect::<Result<_, _>>()?,
        })
    }

    /// What is kept of all images, evaluated after `step` steps and `epoch` epochs. `parts` are in the order
    /// of the processes, which is that of their images in the evaluated set.
    pub(crate) fn joined(&self, parts: Vec<GalleryPart>, step: u64, epoch: u64) -> Predictions {
        let class = |name: &ClassResult| ClassResult { name: name.name.clone(), images: 0, correct: 0 };
        let mut classes: Vec<ClassResult> = self.classes.iter().map(class).collect();
        let mut confused: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        let (mut worst, mut unsure, mut before) = (vec![], vec![], 0);
        for part in parts {
            for (class, (images, correct)) in classes.iter_mut().zip(part.classes) {
                class.images += images;
                class.correct += correct;
            }
            part.confused.into_iter().for_each(|(pair, images)| *confused.entry(pair).or_default() += images);
            for (all, answers) in [(&mut worst, part.worst), (&mut unsure, part.unsure)] {
                all.extend(answers.into_iter().map(|mut ranked| {
                    ranked.answer.image += before;
                    ranked
                }));
            }
            before += part.images;
        }
        let pair = |((label, answer), images)| Confused { label, answer, images };
        let mut confused: Vec<Confused> = confused.into_iter().map(pair).collect();
        confused.sort_by_key(|pair| std::cmp::Reverse(pair.images));
        confused.truncate(PAIRS);
        let (worst, unsure) = (first(worst, WORST), first(unsure, UNSURE));
        Predictions { split: self.split, step, epoch, classes, confused, worst, unsure }
    }

    fn answer(&self, candidate: Candidate) -> Result<Answer, Error> {
        let Candidate { image, label, guesses, label_probability, pixels, size, .. } = candidate;
        let picture = picture(&pixels, size, self.normalisation)?;
        Ok(Answer { image, label, guesses, label_probability, picture })
    }
}

/// The answers of the lowest ranks; of equals the earlier images'.
fn first(mut ranked: Vec<Ranked>, most: usize) -> Vec<Answer> {
    ranked.sort_by(|a, b| f64::from_bits(a.rank).total_cmp(&f64::from_bits(b.rank)));
    ranked.truncate(most);
    ranked.into_iter().map(|ranked| ranked.answer).collect()
}

/// The picture of pixels `[3, height, width]` that were normalised by `shown`.
pub(crate) fn picture(pixels: &[f32], size: [usize; 2], shown: Normalisation) -> Result<Picture, Error> {
    let image::Picture { url, width, height } = image::Picture::of(pixels, size, shown)?;
    Ok(Picture { url, width, height })
}

/// Puts `candidate` in its place if it is among the first `most`.
fn admit(kept: &mut Vec<Candidate>, most: usize, candidate: Candidate, seen: &Seen<'_>) -> Result<(), Error> {
    let place = kept.partition_point(|other| other.rank <= candidate.rank);
    if place >= most {
        return Ok(());
    }
    let (pixels, size) = (seen.pixels)()?;
    kept.insert(place, Candidate { pixels, size, ..candidate });
    kept.truncate(most);
    Ok(())
}

/// The classes of the two highest logits; of equals the earlier.
fn two_highest(logits: &[f32]) -> [u32; 2] {
    let highest = |without: Option<usize>| {
        let others = (0..logits.len()).filter(|class| Some(*class) != without);
        others.reduce(|best, class| if logits[class] > logits[best] { class } else { best }).unwrap_or(0)
    };
    let first = highest(None);
    [first as u32, highest(Some(first)) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gallery(answers: &[(u32, [f32; 3])]) -> Predictions {
        let names = ["cat", "dog", "owl"].map(str::to_owned);
        let mut gallery = Gallery::new(Split::Test, &names, Normalisation::UNIT);
        let pixels = || Ok((vec![0.5; 12], [2, 2]));
        for (image, (label, logits)) in answers.iter().enumerate() {
            let seen = Seen { image: image as u64, label: *label, logits, pixels: &pixels };
            gallery.look(&seen).unwrap();
        }
        gallery.joined(vec![gallery.part().unwrap()], 7, 2)
    }

    #[test]
    fn mistakes_are_counted_by_pair_and_the_worst_come_first() {
        let answers = [
            (0, [1.0, 3.0, 0.0]),
            (0, [1.0, 9.0, 0.0]),
            (1, [0.0, 4.0, 0.0]),
            (2, [2.0, 2.0, 2.0]),
            (2, [0.0, 0.0, 90.0]),
        ];
        let kept = gallery(&answers);
        let counts: Vec<_> = kept.classes.iter().map(|class| (class.images, class.correct)).collect();
        assert_eq!(counts, [(2, 0), (1, 1), (2, 1)]);
        let pair = |label, answer, images| Confused { label, answer, images };
        assert_eq!(kept.confused, [pair(0, 1, 2), pair(2, 0, 1)]);
        assert_eq!(kept.worst.iter().map(|answer| answer.image).collect::<Vec<_>>(), [1, 0, 3]);
        assert_eq!(kept.unsure.iter().map(|answer| answer.image).collect::<Vec<_>>(), [3, 0, 2, 1, 4]);
        let tie = &kept.unsure[0];
        assert_eq!(tie.guesses.map(|guess| guess.0), [0, 1]);
        assert!(tie.guesses.iter().all(|guess| (guess.1 - 1.0 / 3.0).abs() < 1e-12));
        assert!(tie.picture.url.starts_with("data:image/png;base64,"));
        assert_eq!((kept.step, kept.epoch, kept.split), (7, 2, Split::Test));
    }

    #[test]
    fn parts_of_processes_are_one_gallery() {
        let answers: Vec<_> = (0..90u32)
            .map(|n| (n % 3, [(n * 7 % 11) as f32, (n * 5 % 13) as f32, f32::NEG_INFINITY * (n % 2) as f32]))
            .map(|(label, logits)| (label, logits.map(|logit| if logit.is_nan() { 0.5 } else { logit })))
            .collect();
        let names = ["cat", "dog", "owl"].map(str::to_owned);
        let pixels = || Ok((vec![0.5; 12], [2, 2]));
        let part = |answers: &[(u32, [f32; 3])]| {
            let mut gallery = Gallery::new(Split::Test, &names, Normalisation::UNIT);
            for (image, (label, logits)) in answers.iter().enumerate() {
                gallery.look(&Seen { image: image as u64, label: *label, logits, pixels: &pixels }).unwrap();
            }
            let part = gallery.part().unwrap();
            let sent = serde_json::to_vec(&part).unwrap();
            (gallery, serde_json::from_slice::<GalleryPart>(&sent).unwrap())
        };
        let parts: Vec<_> = [&answers[..31], &answers[31..32], &answers[32..]].map(part).into();
        let joined = parts[0].0.joined(parts.iter().map(|(_, part)| part.clone()).collect(), 7, 2);
        assert_eq!(joined, gallery(&answers));
        assert!(
            joined.worst.iter().any(|answer| answer.label_probability == 0.0),
            "an infinite rank is sent"
        );
    }

    #[test]
    fn few_are_kept_of_many() {
        let answers: Vec<_> = (0..500).map(|n| (0, [0.0, 1.0 + (n % 97) as f32, 0.5])).collect();
        let kept = gallery(&answers);
        assert_eq!((kept.worst.len(), kept.unsure.len()), (WORST, UNSURE));
        assert!(kept.worst.iter().take(5).all(|answer| answer.image % 97 == 96));
        assert!(kept.worst.is_sorted_by(|a, b| a.label_probability <= b.label_probability));
    }
}
