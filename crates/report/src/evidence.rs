//! The parts of a run's page beside its curves: mistakes, images, layers, norms.

use resnet_record::{Answer, NormHistory, Norms, Picture, Predictions, RunFolder};
use serde::Serialize;

use crate::Error;
use crate::chart::bars::{Bar, bars};
use crate::chart::cells::{Cells, Kind, LEVELS};
use crate::figure::Figure;
use crate::numbers::{capital, count, percent, short, significant, with_article};

/// The most classes of a confusion matrix that is drawn, that has names beside it, and that has numbers in
/// its cells.
const MATRIX: usize = 100;
const NAMED: usize = 24;
const NUMBERED: usize = 12;
/// The most bars, and the most pairs of confused classes, that are shown.
const BARS: usize = 20;
const PAIRS: usize = 15;
/// The longest side of a picture whose pixels are shown as squares.
const SMALL: usize = 64;
/// The most columns and rows of a map of norms.
const TIMES: usize = 60;
const LAYERS: usize = 120;

/// These parts of the page; what a run has not kept is left out.
#[derive(Serialize, Default)]
pub(crate) struct Evidence {
    mistakes: Option<Mistakes>,
    samples: Vec<Shown>,
    samples_caption: String,
    layers: Vec<LayerLine>,
    layers_sum: String,
    norms: Vec<Figure>,
}

/// Which classes were taken for which others.
#[derive(Serialize)]
struct Mistakes {
    split: &'static str,
    figures: Vec<Figure>,
    pairs: Vec<(String, String, String)>,
    worst: Vec<Shown>,
    worst_caption: String,
    unsure: Vec<Shown>,
}

/// A picture with its words.
#[derive(Serialize)]
struct Shown {
    url: String,
    width: usize,
    height: usize,
    alt: String,
    class: String,
    lines: Vec<String>,
    is_small: bool,
}

#[derive(Serialize)]
struct LayerLine {
    name: String,
    kind: String,
    output: String,
    parameters: String,
    multiply_adds: String,
}

impl Evidence {
    /// What the run in `folder` has kept.
    pub(crate) fn read(folder: &RunFolder) -> Result<Self, Error> {
        let samples = folder.samples()?;
        let caption = match &samples {
            Some(samples) if samples.mixed => {
                "The first step's images as the network saw them: cropped, mirrored, mixed. The names are those of their \
                 first parts."
            }
            _ => "The first step's images as the network saw them, after augmentation.",
        };
        let layers = folder.layers()?;
        let sum = |of: fn(&resnet_record::LayerRow) -> u64| layers.iter().map(of).sum::<u64>();
        let zero = |number: u64| if number == 0 { String::new() } else { count(number) };
        Ok(Evidence {
            mistakes: folder.predictions()?.map(|predictions| mistakes(&predictions)),
            samples: samples
                .iter()
                .flat_map(|samples| &samples.images)
                .map(|(class, picture)| shown(picture, class.clone(), vec![], class.clone()))
                .collect(),
            samples_caption: caption.to_owned(),
            layers_sum: format!(
                "{} layers, {} parameters, {} multiply-adds per image",
                count(layers.len() as u64),
                count(sum(|layer| layer.parameters)),
                short(sum(|layer| layer.multiply_adds))
            ),
            layers: layers
                .into_iter()
                .map(|layer| LayerLine {
                    name: layer.name,
                    kind: layer.kind,
                    output: layer.output,
                    parameters: zero(layer.parameters),
                    multiply_adds: zero(layer.multiply_adds),
                })
                .collect(),
            norms: norms(&folder.norms()?),
        })
    }
}

fn shown(picture: &Picture, class: String, lines: Vec<String>, alt: String) -> Shown {
    let Picture { url, width, height } = picture.clone();
    let is_small = width.max(height) <= SMALL;
    Shown { url: only_picture(url), width, height, alt, class, lines, is_small }
}

/// `url` if it holds the picture itself (`data:image/...`), else an empty one. So a page loads nothing,
/// whatever a run's folder says.
fn only_picture(url: String) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+/=;:,".contains(c);
    if url.starts_with("data:image/") && url.chars().all(is_plain) { url } else { "data:,".to_owned() }
}

fn mistakes(predictions: &Predictions) -> Mistakes {
    let name = |class: u32| {
        predictions.classes.get(class as usize).map_or_else(|| class.to_string(), |class| class.name.clone())
    };
    let split = predictions.split.name();
    let mut figures = vec![];
    figures.extend(class_errors(predictions));
    figures.extend(matrix(predictions));
    let answer = |answer: &Answer| {
        let [(first, p), (second, q)] = answer.guesses;
        let (class, is_right) = (name(answer.label), first == answer.label);
        let lines = match is_right {
            true => vec![format!("right, {}", percent(p)), format!("then {}, {}", name(second), percent(q))],
            false => vec![
                format!("taken for {}, {}", name(first), percent(p)),
                format!("itself {}", percent(answer.label_probability)),
            ],
        };
        let alt = format!("image {} of the {split} images: {class}, {}", answer.image, lines.join(", "));
        shown(&answer.picture, class, lines, alt)
    };
    let worst_caption = match predictions.worst.first() {
        Some(worst) => format!(
            "At worst the network takes {} for {} with a probability of {}. Of the wrong answers these gave the right \
             class the least.",
            with_article(&name(worst.label)),
            with_article(&name(worst.guesses[0].0)),
            percent(worst.guesses[0].1)
        ),
        None => String::new(),
    };
    let pairs = predictions.confused.iter().take(PAIRS);
    Mistakes {
        split,
        figures,
        pairs: pairs.map(|pair| (name(pair.label), name(pair.answer), count(pair.images))).collect(),
        worst: predictions.worst.iter().map(answer).collect(),
        worst_caption,
        unsure: predictions.unsure.iter().map(answer).collect(),
    }
}

/// The error of each class, the highest first.
fn class_errors(predictions: &Predictions) -> Option<Figure> {
    let mut classes: Vec<_> = predictions.classes.iter().filter(|class| class.images > 0).collect();
    let error = |class: &resnet_record::ClassResult| {
        (class.images - class.correct.min(class.images)) as f64 / class.images as f64
    };
    classes.sort_by(|a, b| error(b).total_cmp(&error(a)));
    let (first, last) = (classes.first()?, classes.last()?);
    let split = predictions.split.name();
    let easiest = match classes.iter().filter(|class| error(class) == 0.0).count() {
        0 | 1 => format!("{} easiest, {}", last.name, percent(error(last))),
        several => format!("{several} classes without an error"),
    };
    let title = match classes.len() {
        _ if error(first) == 0.0 => format!("no {split} image is taken for another class"),
        1 => format!("{}: {} error", first.name, percent(error(first))),
        _ => format!("{} is hardest, {} error; {easiest}", first.name, percent(error(first))),
    };
    let shown = match classes.len() {
        many if many > BARS && error(first) > 0.0 => {
            format!(" The {BARS} of {many} classes with the highest {split} error.")
        }
        many if many > BARS => format!(" {BARS} of {many} classes."),
        _ => format!(" Error by class on the {split} images."),
    };
    let caption = format!("{}.{shown}", capital(&title));
    let bar = |class: &&resnet_record::ClassResult| Bar {
        name: class.name.clone(),
        value: 100.0 * error(class),
        text: format!("{} of {}", percent(error(class)), count(class.images)),
    };
    let drawn: Vec<Bar> = classes.iter().take(BARS).map(bar).collect();
    Some(Figure::drawn(bars(&title, &drawn), caption))
}

/// The confusion matrix of up to a hundred classes.
fn matrix(predictions: &Predictions) -> Option<Figure> {
    let n = predictions.classes.len();
    if !(2..=MATRIX).contains(&n) {
        return None;
    }
    let mut counts = vec![vec![0u64; n]; n];
    for (index, class) in predictions.classes.iter().enumerate() {
        counts[index][index] = class.correct;
    }
    for pair in &predictions.confused {
        if let Some(cell) =
            counts.get_mut(pair.label as usize).and_then(|row| row.get_mut(pair.answer as usize))
        {
            *cell = pair.images;
        }
    }
    // The strength follows the square root of the share of the row's images, so that a hundredth still shows.
    let cell = |(row, number): (usize, &u64)| {
        let share = *number as f64 / predictions.classes[row].images.max(1) as f64;
        let level =
            if *number == 0 { 0 } else { ((share.sqrt() * LEVELS as f64).ceil() as usize).clamp(1, LEVELS) };
        (level, if n <= NUMBERED && *number > 0 { number.to_string() } else { String::new() })
    };
    let cells = counts
        .iter()
        .enumerate()
        .map(|(row, numbers)| numbers.iter().map(|number| cell((row, number))).collect())
        .collect();
    let names = || {
        let names = predictions.classes.iter().map(|class| class.name.clone());
        if n <= NAMED { names.collect() } else { vec![] }
    };
    let title = match predictions.confused.first() {
        Some(pair) => format!(
            "{} is most often taken for {}: {} of {}",
            predictions.classes[pair.label as usize % n].name,
            predictions.classes[pair.answer as usize % n].name,
            count(pair.images),
            count(predictions.classes[pair.label as usize % n].images)
        ),
        None => "Every image is recognised".to_owned(),
    };
    let grid = Cells {
        title: title.clone(),
        description: format!(
            "A row for each class of the {} images, a column for each answer.",
            predictions.split.name()
        ),
        rows: names(),
        columns: names(),
        axes: ["class".to_owned(), "answer of the network".to_owned()],
        cells,
        kind: Kind::Matrix,
    };
    let caption = format!("{}. Rows are classes, columns answers; the diagonal is right.", capital(&title));
    Some(Figure::drawn(grid.inline(), caption))
}

/// Maps of norms: layers from top to bottom, time from left to right.
fn norms(history: &NormHistory) -> Vec<Figure> {
    let gradients = norm_map(history, "gradient", |norms| &norms.gradients);
    gradients.into_iter().chain(norm_map(history, "weights", |norms| &norms.weights)).collect()
}

/// A layer's name beside its row: stage, unit and layer, `0.1.conv2`.
fn short_name(layer: &str) -> String {
    layer.replace("stages.", "").replace("blocks.", "")
}

fn norm_map(history: &NormHistory, what: &str, of: fn(&Norms) -> &Vec<f32>) -> Option<Figure> {
    let times = spread(&history.steps, TIMES);
    let (first, last) = (*times.first()?, *times.last()?);
    let layers: Vec<(usize, &String)> = history.layers.iter().enumerate().collect();
    let layers = spread(&layers, LAYERS);
    let value = |time: &Norms, layer: usize| of(time).get(layer).map_or(f64::NAN, |norm| f64::from(*norm));
    let all = times.iter().flat_map(|time| layers.iter().map(|layer| value(time, layer.0)));
    let usable: Vec<f64> = all.filter(|value| value.is_finite() && *value > 0.0).collect();
    let (low, high) = usable
        .iter()
        .fold((f64::INFINITY, 0.0), |(low, high), value| (f64::min(low, *value), f64::max(high, *value)));
    if times.len() < 2 || low > high {
        return None;
    }
    let span = (high / low).ln().max(1e-9);
    let level = |value: f64| match value.is_finite() && value > 0.0 {
        true => (1.0 + (value / low).ln() / span * (LEVELS - 1) as f64).round() as usize,
        false => 0,
    };
    let row = |layer: usize| times.iter().map(|time| (level(value(time, layer)), String::new())).collect();
    let whole = |time: &Norms| of(time).iter().map(|norm| f64::from(*norm).powi(2)).sum::<f64>().sqrt();
    let subject = if what == "gradient" { "The gradient's norm" } else { "The weights' norm" };
    let [from, to] = [first, last].map(|time| significant(whole(time)));
    let title = format!("{subject} goes from {from} to {to}");
    let are_named = layers.len() <= NAMED;
    let grid = Cells {
        title: title.clone(),
        description: format!("Norms of {what} of {} layers at {} steps.", layers.len(), times.len()),
        rows: layers.iter().filter(|_| are_named).map(|layer| short_name(layer.1)).collect(),
        columns: [first, last].map(|time| count(time.step)).to_vec(),
        axes: ["layers, from the image on".to_owned(), "steps".to_owned()],
        cells: layers.iter().map(|layer| row(layer.0)).collect(),
        kind: Kind::Scale,
    };
    let [low, high] = [low, high].map(significant);
    let caption = format!("{title}. By layer, from {low} (faint) to {high} (full blue) on a log scale.");
    Some(Figure::drawn(grid.inline(), caption))
}

/// At most `most` of `items`, evenly spread, the first and the last among them.
fn spread<T>(items: &[T], most: usize) -> Vec<&T> {
    if items.len() <= most {
        return items.iter().collect();
    }
    (0..most).map(|index| &items[index * (items.len() - 1) / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use resnet_record::ClassResult;

    use super::*;

    #[test]
    fn no_address_leads_out_of_the_page() {
        let good = "data:image/png;base64,AB+/=".to_owned();
        assert_eq!(only_picture(good.clone()), good);
        for bad in ["https://example.org/a.png", "data:image/png\" onload=\"x", "data:text/html,x"] {
            assert_eq!(only_picture(bad.to_owned()), "data:,");
        }
    }

    #[test]
    fn a_class_with_one_mistake_is_not_shown_without_any() {
        let class = |name: &str, correct| ClassResult { name: name.to_owned(), images: 3000, correct };
        let predictions = Predictions {
            split: resnet_record::Split::Test,
            step: 10,
            epoch: 1,
            classes: vec![class("cat", 2999), class("dog", 1)],
            confused: vec![],
            worst: vec![],
            unsure: vec![],
        };
        let svg = class_errors(&predictions).unwrap().file();
        for said in [
            "dog is hardest, &gt;\u{a0}99.9\u{a0}% error; cat easiest, &lt;\u{a0}0.1\u{a0}%",
            "&lt;\u{a0}0.1\u{a0}% of 3,000",
        ] {
            assert!(svg.contains(said), "{said}: {svg}");
        }
        let classes = vec![class("cat", 3000), class("owl", 3000), class("dog", 1)];
        let svg = class_errors(&Predictions { classes, ..predictions }).unwrap().file();
        assert!(svg.contains("dog is hardest") && svg.contains("; 2 classes without an error"), "{svg}");
    }

    #[test]
    fn a_spread_has_both_ends() {
        let items: Vec<u32> = (0..1000).collect();
        let few = spread(&items, 60);
        assert_eq!((few.len(), *few[0], *few[59]), (60, 0, 999));
        assert_eq!(spread(&items[..3], 60).len(), 3);
    }
}
