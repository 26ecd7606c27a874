//! Claims 5 and 8: what passes the units of a network, unit by unit.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use resnet::{Images, OpenOptions, Pretrained, origin_path};
use resnet_blocks::{Placement, ResidualUnit, ShapeChange, ShortcutInput};
use resnet_data::ImageSet;
use resnet_models::{Family, Model, registry};
use resnet_ops::{BatchNorm, Conv2d, ConvConfig, Layer, Mode, ZeroPadConfig, zero_pad_shortcut};
use resnet_record::{Contrast, Recipe, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Scale, Series};

use super::evidence::{Evidence, rests_on};
use super::{Measured, Verdict};
use crate::find::FoundRun;
use crate::words::{counted, percent};
use crate::{Error, Outcome};

/// Images that a network is shown.
const IMAGES: usize = 32;
/// What a sum may be below zero by f32's rounding, over its largest value.
const ROUNDING: f32 = 1e-6;
/// Shares of zeros in percent up to which f counts as cutting little.
const LITTLE: f64 = 10.0;

/// What passes a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitSignal {
    /// The mean of its output over images, channels and pixels.
    pub mean: f64,
    /// The share of its output that is zero, in percent: with ReLU after the addition, what that cuts.
    pub zeros: f64,
    /// The least value that the unit adds to its shortcut; `None` where f is no identity, or a projection
    /// changes the shape.
    pub least_added: Option<f32>,
    /// The largest magnitude of its output.
    pub largest: f32,
}

/// The units of a CIFAR network in order, each on what the one before puts out, as a training step has them:
/// norms take the batch's statistics. `images` are `[N, 3, H, W]`; the model stays as it is.
///
/// # Errors
/// If a unit cannot be built or run.
pub fn signals(model: &Model, images: &Tensor) -> Result<Vec<UnitSignal>> {
    let spec = model.spec();
    // Copies, so that the model's running statistics stay.
    let copied: HashMap<String, Tensor> = model
        .variables()
        .iter()
        .map(|(name, variable)| Ok((name.clone(), variable.as_tensor().detach().copy()?)))
        .collect::<Result<_>>()?;
    let vb = VarBuilder::from_tensors(copied, DType::F32, &Device::Cpu);
    let mut x = stem(model, &vb, images)?;
    let identity_after = matches!(
        spec.placement,
        Placement::FullPreActivation | Placement::ReluOnlyPreActivation | Placement::ReluBeforeAddition
    );
    let mut found = vec![];
    for (index, (name, config)) in spec.units().into_iter().enumerate() {
        let mut unit = ResidualUnit::new(config, spec.placement, spec.shortcut, vb.pp(name))?;
        let is_shared = index == 0 && spec.first_unit == ShortcutInput::Activated;
        if is_shared {
            unit = unit.with_shortcut_input(ShortcutInput::Activated);
        }
        let y = unit.forward(&x, Mode::Train)?;
        let carried = match (config.changes_shape(), config.shape_change) {
            (false, _) => Some(x.clone()),
            (true, ShapeChange::ZeroPadding) => {
                let change = ZeroPadConfig { out_channels: config.out_channels, stride: config.stride };
                Some(zero_pad_shortcut(&x, change)?)
            }
            _ => None,
        };
        // A pre-activation network's first shortcut carries what its branch begins with.
        let is_known = identity_after && !(is_shared && spec.family() == Family::V2);
        let added = match carried.filter(|_| is_known) {
            Some(carried) => Some(values(&(&y - carried)?)?.into_iter().fold(f32::INFINITY, f32::min)),
            None => None,
        };
        let outputs = values(&y)?;
        let count = outputs.len() as f64;
        found.push(UnitSignal {
            mean: outputs.iter().map(|value| f64::from(*value)).sum::<f64>() / count,
            zeros: 100.0 * outputs.iter().filter(|value| **value == 0.0).count() as f64 / count,
            least_added: added,
            largest: outputs.iter().fold(0f32, |most, value| most.max(value.abs())),
        });
        x = y;
    }
    Ok(found)
}

/// What enters the first unit.
fn stem(model: &Model, vb: &VarBuilder, images: &Tensor) -> Result<Tensor> {
    let (spec, conv) = (model.spec(), ConvConfig::same(3));
    let channels = spec.stem.out_channels;
    match spec.family() {
        Family::V2 => Conv2d::new(3, channels, conv, vb.pp("stem.conv"))?.forward(images, Mode::Train),
        Family::V1 => {
            let x = Conv2d::new(3, channels, conv, vb.pp("conv1"))?.forward(images, Mode::Train)?;
            BatchNorm::new(channels, vb.pp("bn1"))?.forward(&x, Mode::Train)?.relu()
        }
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// So many drawn images, normalised to about mean 0 and deviation 1.
pub(super) fn drawn(count: usize) -> Result<Tensor> {
    batch(&resnet_data::generated::shapes(count, 10, 0).train, ([0.5; 3], [0.25; 3]))
}

/// The first images of a set, normalised.
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

/// Claim 5: on fresh weights, where the branches can be anything.
pub(super) fn only_grows() -> Result<Measured> {
    let images = drawn(IMAGES)?;
    let of = |name: &str| -> Result<Vec<UnitSignal>> {
        let spec = registry::find(name, 10).map_err(candle_core::Error::wrap)?;
        signals(&Model::init(&spec, 0)?, &images)
    };
    let [before, proposed] = [of("resnet56-relu-before-addition")?, of("resnet56-v2")?];
    let least = |units: &[UnitSignal]| {
        units.iter().filter_map(|unit| Some(unit.least_added? / unit.largest)).fold(f32::INFINITY, f32::min)
    };
    let (never_less, other) = (least(&before) >= -ROUNDING, least(&proposed));
    let ends = |units: &[UnitSignal]| [units[0].mean, units[units.len() - 1].mean];
    let ([from, to], [other_from, other_to]) = (ends(&before), ends(&proposed));
    let line = |name: &str, colour, units: &[UnitSignal]| {
        let points = units.iter().zip(1u32..).map(|(unit, number)| (f64::from(number), unit.mean)).collect();
        Series::new(name, colour, points)
    };
    let y = Axis { label: "mean of the signal".to_owned(), scale: Scale::Linear, range: None };
    let title = format!("With ReLU before the addition the mean signal goes from {from:.2} to {to:.2}");
    let chart = Chart::new(title, Axis::from_zero("unit", before.len() as f64), y)
        .with(line("(c) ReLU before", Colour::Green, &before))
        .with(line("(e) pre-act.", Colour::Blue, &proposed));
    Ok(Measured {
        verdict: if never_less && to > from { Verdict::Supported } else { Verdict::Contradicted },
        sentences: vec![format!(
            "resnet56-relu-before-addition on fresh weights: no unit adds less than zero anywhere ({}), and the mean of the \
             signal goes from {from:.2} after the first unit to {to:.2} after the last. resnet56-v2: units add as little as \
             {other:.2} of their largest output, and the mean goes from {other_from:.2} to {other_to:.2}.",
            if never_less { "beyond f32's rounding" } else { "but here it does" }
        )],
        rests_on: format!("fresh networks on {IMAGES} drawn images"),
        figure: Some(Figure::new(
            &chart,
            "The mean of each unit's output. It falls where channels are added, which begin as zeros."
                .to_owned(),
        )),
    })
}

/// Shares of zeros of a run, by unit: at its first weights and at its last.
struct Cut {
    first: Vec<f64>,
    last: Vec<f64>,
}

fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// Claim 8: how much f = ReLU cuts before and after a training, at two depths.
pub(super) fn cut(evidence: &Evidence) -> std::result::Result<Measured, Error> {
    let rows = evidence.rows(&["cifar10-resnet164-v1", "cifar10-resnet1001-v1"]);
    let mut measured = vec![];
    for row in &rows {
        let cuts = row.runs.iter().map(cut_of).collect::<std::result::Result<Vec<_>, Error>>()?;
        let cuts: Vec<Cut> = cuts.into_iter().flatten().collect();
        if !cuts.is_empty() {
            measured.push((*row, cuts));
        }
    }
    let Some((shallow, cuts)) = measured.first() else {
        return Ok(Measured::nothing(
            "It takes finished runs of original units with their checkpoints and data: figure 1's and figure 6's.",
        ));
    };
    let ends = |cuts: &[Cut]| {
        let of = |shares: fn(&Cut) -> &Vec<f64>| Seeds::of(cuts.iter().map(|cut| mean(shares(cut))));
        [of(|cut| &cut.first), of(|cut| &cut.last)]
    };
    let told = |name: &str, ends: &[Seeds; 2]| {
        let [first, last] = ends.clone().map(|seeds| seeds.mean().unwrap_or(f64::NAN));
        format!("{name} cuts {} % of the sums at first and {} % at the end", percent(first), percent(last))
    };
    let of_shallow = ends(cuts);
    let mut sentences = vec![format!("{}.", told(&shallow.runs[0].record.model, &of_shallow))];
    let is_little = of_shallow[1].range().is_some_and(|[_, most]| most <= LITTLE);
    // One seed alone decides nothing.
    let is_much = cuts.len() > 1 && of_shallow[1].range().is_some_and(|[least, _]| least > LITTLE);
    let verdict = match measured.get(1) {
        Some((deep, cuts)) => {
            let of_deep = ends(cuts);
            sentences.push(format!("{}.", told(&deep.runs[0].record.model, &of_deep)));
            let more = Contrast::of(&of_shallow[1], &of_deep[1]);
            match more {
                Some(more) if is_little && more.is_decided() && more.difference > 0.0 => Verdict::Supported,
                Some(more) if more.is_decided() && more.difference < 0.0 => Verdict::Contradicted,
                _ if is_much => Verdict::Contradicted,
                _ => Verdict::Undecided,
            }
        }
        None => {
            sentences.push("The deeper network has not been trained.".to_owned());
            if is_much { Verdict::Contradicted } else { Verdict::Undecided }
        }
    };
    sentences.push(format!("Up to {LITTLE} % counts as little."));
    let line = |name: &str, shares: &[f64], colour| {
        let points = shares.iter().zip(1u32..).map(|(share, unit)| (f64::from(unit), *share)).collect();
        Series::new(name, colour, points)
    };
    let mut chart = Chart::new(
        "Shares of the sums that ReLU cuts, by unit",
        Axis::from_zero("unit", cuts[0].last.len() as f64),
        Axis::from_zero("cut by ReLU after the addition, %", 60.0),
    );
    chart = chart.with(line("at first", &cuts[0].first, Colour::Orange)).with(line(
        "at the end",
        &cuts[0].last,
        Colour::Vermilion,
    ));
    let all: Vec<_> = measured.iter().map(|(row, _)| *row).collect();
    Ok(Measured {
        verdict,
        sentences,
        rests_on: rests_on(&all),
        figure: Some(Figure::new(
            &chart,
            format!(
                "{}, seed {}, on {} of its training images.",
                shallow.runs[0].record.model,
                shallow.runs[0].record.seed,
                counted(IMAGES, "image")
            ),
        )),
    })
}

/// What ReLU cuts in a run; `None` if its checkpoint or its data are not there.
fn cut_of(run: &FoundRun) -> std::result::Result<Option<Cut>, Error> {
    let Outcome::Finished(results) = run.outcome else { return Ok(None) };
    let Some(images) = images_of(&run.recipe, &run.record.data)
        .filter(|_| run.folder.checkpoint(results.checkpoint).is_file())
    else {
        return Ok(None);
    };
    let trained = Pretrained::load(&run.folder.dir().display().to_string())?;
    let spec = trained.network().spec().clone();
    let failed = |error: candle_core::Error| Error::Other(format!("{}: {error}", run.folder.dir().display()));
    let measure = |model: &Model| -> Result<Vec<f64>> {
        Ok(signals(model, &images)?.into_iter().map(|unit| unit.zeros).collect())
    };
    let first =
        Model::init(&spec, run.recipe.train.seed).and_then(|model| measure(&model)).map_err(failed)?;
    let last = measure(trained.network().model()).map_err(failed)?;
    Ok(Some(Cut { first, last }))
}

/// Training images of a run, where they still are.
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

    fn of(name: &str) -> (Vec<UnitSignal>, Model) {
        let model = Model::init(&registry::find(name, 10).unwrap(), 0).unwrap();
        (signals(&model, &drawn(4).unwrap()).unwrap(), model)
    }

    #[test]
    fn relu_before_the_addition_adds_nothing_below_zero_and_pre_activation_does() {
        let (before, _) = of("resnet20-relu-before-addition");
        assert!(
            before.iter().all(|unit| unit.least_added.is_some_and(|least| least >= -ROUNDING * unit.largest))
        );
        let (proposed, _) = of("resnet20-v2");
        assert!(proposed[1..].iter().all(|unit| unit.least_added.is_some_and(|least| least < -0.01)));
        assert!(proposed.iter().all(|unit| unit.zeros < 1.0));
        let (original, _) = of("resnet20-v1");
        assert!(original.iter().all(|unit| unit.zeros > 5.0 && unit.least_added.is_none()), "{original:?}");
    }
}
