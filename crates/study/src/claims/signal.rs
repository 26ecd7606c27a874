//! Claims 5 and 8: what passes the units of a network, unit by unit.

use candle_core::{Device, Result, Tensor, bail};
use resnet::{Images, OpenOptions, Pretrained, origin_path};
use resnet_analysis::{Measures, UnitMeasures, measure};
use resnet_data::ImageSet;
use resnet_models::{Model, registry};
use resnet_record::{Contrast, Recipe, RunRecord, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Scale, Series};

use super::evidence::{Evidence, runs_of};
use super::{Measured, Verdict};
use crate::Error;
use crate::find::FoundRun;
use crate::results::RowResult;
use crate::words::{counted, percent, with_minus};

/// Images that a network is shown.
const IMAGES: usize = 32;
/// Shares of zeros in percent up to which f counts as cutting little.
const LITTLE: f64 = 10.0;

/// Measures `model` unit by unit on `images`. No claim here asks for the gradient, so all images have one
/// label.
fn units_of(model: &Model, images: &Tensor) -> Result<Measures> {
    let labels = vec![0; images.dim(0)?];
    match measure(model, images, &labels, |_, _| true)? {
        Some(measures) => Ok(measures),
        None => bail!("a measurement that nobody stopped was stopped"),
    }
}

/// `count` generated images, 32 at most, normalised to about mean 0 and deviation 1: `[N, 3, 32, 32]`.
pub(super) fn drawn(count: usize) -> Result<Tensor> {
    batch(&resnet_data::generated::shapes(count, 10, 0).train, ([0.5; 3], [0.25; 3]))
}

/// The first 32 images of `set`, normalised per channel: `[N, 3, H, W]`.
fn batch(set: &ImageSet, (mean, std): ([f64; 3], [f64; 3])) -> Result<Tensor> {
    let (count, height, width) = (set.len().min(IMAGES), set.height(), set.width());
    let normalised = (0..count).flat_map(|image| {
        set.image(image).iter().enumerate().map(move |(at, byte)| {
            let channel = at / (height * width);
            ((f64::from(*byte) / 255.0 - mean[channel]) / std[channel]) as f32
        })
    });
    Tensor::from_vec(normalised.collect::<Vec<f32>>(), (count, 3, height, width), &Device::Cpu)
}

/// Measures the network of this name unit by unit, on fresh weights and drawn images.
fn on_fresh_weights(name: &str) -> Result<Measures> {
    let spec = registry::find(name, 10).map_err(candle_core::Error::wrap)?;
    units_of(&Model::init(&spec, 0)?, &drawn(IMAGES)?)
}

/// What both ways of a fresh network's units pass on, as medians over the units.
pub(super) struct Fresh {
    /// How much of the gradient comes back through the shortcut: `|h'(x) v| / |v|`.
    pub(super) shortcut: f64,
    /// The residual branch's share of the sum in percent, by energy.
    pub(super) branch: f64,
}

/// Measures the network of this name on fresh weights.
pub(super) fn fresh(name: &str) -> Result<Fresh> {
    let units = on_fresh_weights(name)?.units;
    let median = |of: fn(&UnitMeasures) -> f64| Seeds::of(units.iter().map(of)).median().unwrap_or(f64::NAN);
    Ok(Fresh { shortcut: median(|unit| unit.shortcut_derivative), branch: median(|unit| unit.branch_share) })
}

/// Claim 5, on fresh weights: no training has shaped the residual branches yet.
pub(super) fn only_grows() -> Result<Measured> {
    let [before, proposed] =
        [on_fresh_weights("resnet56-relu-before-addition")?, on_fresh_weights("resnet56-v2")?];
    let least = |of: &Measures| of.units.iter().map(|unit| unit.branch_least).fold(f64::INFINITY, f64::min);
    let (never_less, other) = (least(&before) >= 0.0, least(&proposed));
    // What a unit puts out is the next one's input.
    let means = |of: &Measures| -> Vec<f64> {
        of.units[1..].iter().map(|unit| unit.mean).chain([of.last[0]]).collect()
    };
    let [means, other_means] = [means(&before), means(&proposed)];
    let ends = |means: &[f64]| [means[0], means[means.len() - 1]];
    let ([from, to], [other_from, other_to]) = (ends(&means), ends(&other_means));
    let line = |name: &str, colour, means: &[f64]| {
        let points = means.iter().zip(1u32..).map(|(mean, number)| (f64::from(number), *mean)).collect();
        Series::new(name, colour, points)
    };
    let y = Axis { label: "mean of the signal".to_owned(), scale: Scale::Linear, range: None };
    let [other, other_from, other_to] =
        [other, other_from, other_to].map(|value| with_minus(&format!("{value:.2}")));
    let title = format!("With ReLU before the addition the mean signal goes from {from:.2} to {to:.2}");
    let chart = Chart::new(title, Axis::from_zero("unit", means.len() as f64), y)
        .with(line("(c) ReLU before", Colour::Purple, &means))
        .with(line("(e) pre-act.", Colour::Blue, &other_means));
    Ok(Measured {
        verdict: if never_less && to > from { Verdict::Supported } else { Verdict::Contradicted },
        sentences: vec![format!(
            "resnet56-relu-before-addition on fresh weights: {} adds less than zero anywhere, and the mean of the signal goes \
             from {from:.2} after the first unit to {to:.2} after the last. resnet56-v2: units add down to {other}, and the \
             mean goes from {other_from} to {other_to}.",
            if never_less { "no unit" } else { "a unit" }
        )],
        rests_on: format!("fresh networks on {IMAGES} drawn images"),
        figure: Some(Figure::new(
            &chart,
            "The mean of each unit's output. It falls where channels are added, which begin as zeros."
                .to_owned(),
        )),
    })
}

/// Percent of the sums that ReLU sets to zero in a run, by unit: with its initial weights and with its last.
struct Cut {
    record: RunRecord,
    first: Vec<f64>,
    last: Vec<f64>,
}

fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// Claim 8: how much f = ReLU cuts before and after a training, at two depths.
pub(super) fn cut(evidence: &Evidence) -> std::result::Result<Measured, Error> {
    let (shallow, deep) = ("cifar10-resnet164-v1", "cifar10-resnet1001-v1");
    let rows = evidence.rows(&[shallow, deep]);
    let mut measured: Vec<(&RowResult, Vec<Cut>)> = vec![];
    for row in &rows {
        let cuts = row.runs.iter().map(cut_of).collect::<std::result::Result<Vec<_>, Error>>()?;
        let cuts: Vec<Cut> = cuts.into_iter().flatten().collect();
        if !cuts.is_empty() {
            measured.push((*row, cuts));
        }
    }
    let named = |name: &str| measured.iter().find(|(row, _)| row.row.name == name);
    let Some((_, cuts)) = named(shallow) else {
        return Ok(Measured::nothing(
            "It takes finished runs of original units with their checkpoints and data: figure 6's and, deeper, figure 1's.",
        ));
    };
    let of_shallow = Ends::of(cuts);
    let of_deep = named(deep).map(|(_, cuts)| Ends::of(cuts));
    let deeper = match &of_deep {
        Some(deep) => deep.told(),
        None => "The deeper network has not been trained.".to_owned(),
    };
    let names: Vec<&str> = measured.iter().map(|(row, _)| row.row.name.as_str()).collect();
    Ok(Measured {
        verdict: judged(&of_shallow, of_deep.as_ref()),
        sentences: vec![
            of_shallow.told(),
            deeper,
            format!("Up to {LITTLE} % counts as little, more as often."),
        ],
        rests_on: runs_of(measured.iter().map(|(_, cuts)| cuts.len()).sum(), &names),
        figure: cuts.first().map(by_unit),
    })
}

/// The share that a network cuts on average over its units, seed by seed.
struct Ends {
    model: String,
    first: Seeds,
    last: Seeds,
}

impl Ends {
    fn of(cuts: &[Cut]) -> Ends {
        Ends {
            model: cuts.first().map(|cut| cut.record.model.clone()).unwrap_or_default(),
            first: Seeds::of(cuts.iter().map(|cut| mean(&cut.first))),
            last: Seeds::of(cuts.iter().map(|cut| mean(&cut.last))),
        }
    }

    fn told(&self) -> String {
        let [first, last] = [&self.first, &self.last].map(|seeds| percent(seeds.mean().unwrap_or(f64::NAN)));
        format!("{} cuts {first} % of the sums at first and {last} % at the end.", self.model)
    }
}

/// The claim is that a trained network cuts little, and a much deeper one often.
fn judged(shallow: &Ends, deep: Option<&Ends>) -> Verdict {
    let is_little = shallow.last.range().is_some_and(|[_, most]| most <= LITTLE);
    // One seed alone decides nothing.
    let is_much = shallow.last.count() > 1 && shallow.last.range().is_some_and(|[least, _]| least > LITTLE);
    let is_often = deep.is_some_and(|deep| deep.last.range().is_some_and(|[least, _]| least > LITTLE));
    match deep.and_then(|deep| Contrast::of(&shallow.last, &deep.last)) {
        Some(more) if is_little && is_often && more.is_decided() && more.difference > 0.0 => {
            Verdict::Supported
        }
        Some(more) if more.is_decided() && more.difference < 0.0 => Verdict::Contradicted,
        _ if is_much => Verdict::Contradicted,
        _ => Verdict::Undecided,
    }
}

/// The picture of one run.
fn by_unit(cut: &Cut) -> Figure {
    let line = |name: &str, shares: &[f64], colour| {
        let points = shares.iter().zip(1u32..).map(|(share, unit)| (f64::from(unit), *share)).collect();
        Series::new(name, colour, points)
    };
    let most = cut.first.iter().chain(&cut.last).copied().fold(LITTLE, f64::max);
    let chart = Chart::new(
        "Shares of the sums that ReLU cuts, by unit",
        Axis::from_zero("unit", cut.last.len() as f64),
        Axis::percent("cut by ReLU after the addition, %", most),
    )
    .with(line("at first", &cut.first, Colour::Orange))
    .with(line("at the end", &cut.last, Colour::Vermilion));
    let images = counted(IMAGES, "image");
    let RunRecord { model, seed, .. } = &cut.record;
    let caption = format!("{model}, seed {seed}, on {images} of its training images.");
    Figure::new(&chart, caption)
}

/// What ReLU cuts in a run; `None` if the run is not finished, or its checkpoint or its data are gone.
fn cut_of(run: &FoundRun) -> std::result::Result<Option<Cut>, Error> {
    if !run.has_weights() {
        return Ok(None);
    }
    let Some(images) = images_of(&run.recipe, &run.record.data) else { return Ok(None) };
    let trained = Pretrained::load(&run.folder.dir().display().to_string())?;
    let spec = trained.network().spec().clone();
    let failed = |error: candle_core::Error| Error::Other(format!("{}: {error}", run.folder.dir().display()));
    let measure = |model: &Model| -> Result<Vec<f64>> {
        Ok(units_of(model, &images)?.units.iter().filter_map(|unit| unit.cut).collect())
    };
    let first =
        Model::init(&spec, run.recipe.train.seed).and_then(|model| measure(&model)).map_err(failed)?;
    let last = measure(trained.network().model()).map_err(failed)?;
    Ok(Some(Cut { record: run.record.clone(), first, last }))
}

/// The first training images of a run, normalised; `None` if they cannot be opened any more, or lie in files.
fn images_of(recipe: &Recipe, origin: &str) -> Option<Tensor> {
    let folder = origin_path(origin).filter(|_| recipe.data.generated.is_none());
    if folder.is_none() && recipe.data.generated.is_none() {
        return None;
    }
    let images = Images::of_recipe(recipe, folder.as_deref(), &OpenOptions::default()).ok()?;
    match images {
        Images::InMemory(data) => batch(&data.train, (recipe.data.mean, recipe.data.std)).ok(),
        Images::InFiles(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relu_before_the_addition_adds_nothing_below_zero_and_pre_activation_does() {
        let of = |name: &str| {
            let model = Model::init(&registry::find(name, 10).unwrap(), 0).unwrap();
            units_of(&model, &drawn(4).unwrap()).unwrap().units
        };
        let before = of("resnet20-relu-before-addition");
        assert!(before.iter().all(|unit| unit.branch_least >= 0.0), "{before:?}");
        let proposed = of("resnet20-v2");
        assert!(proposed.iter().all(|unit| unit.branch_least < -0.01 && unit.cut.is_none()), "{proposed:?}");
        let original = of("resnet20-v1");
        assert!(original.iter().all(|unit| unit.cut.is_some_and(|cut| cut > 5.0)), "{original:?}");
    }

    #[test]
    fn a_gate_that_begins_shut_passes_the_shortcut_and_an_exclusive_one_suppresses_the_branch() {
        let [gated, exclusive] = ["resnet20-shortcut-only-gating-bias-6", "resnet20-exclusive-gating-bias-6"]
            .map(|name| fresh(name).unwrap());
        assert!((0.9..1.05).contains(&gated.shortcut), "{}", gated.shortcut);
        assert!(gated.branch > 20.0 * exclusive.branch, "{} {}", gated.branch, exclusive.branch);
    }
}
