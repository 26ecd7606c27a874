//! What passes the units of a network, unit by unit; claim 5.

use candle_core::{Device, Result, Tensor};
use resnet_analysis::{Measures, UnitMeasures, measure};
use resnet_data::ImageSet;
use resnet_models::{Model, registry};
use resnet_record::Seeds;
use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Scale, Series};

use super::{Measured, Verdict};
use crate::words::with_minus;

/// Images that a network is shown.
pub(super) const IMAGES: usize = 32;

/// Measures `model` unit by unit on `images`. No claim here asks for the gradient, so all images have one
/// label.
pub(super) fn units_of(model: &Model, images: &Tensor) -> Result<Measures> {
    measure(model, images, &vec![0; images.dim(0)?], |_| {})
}

/// `count` generated images, 32 at most, normalised to about mean 0 and deviation 1: `[N, 3, 32, 32]`.
pub(super) fn drawn(count: usize) -> Result<Tensor> {
    batch(&resnet_data::generated::shapes(count, 10, 0).train, ([0.5; 3], [0.25; 3]))
}

/// The first 32 images of `set`, normalised per channel: `[N, 3, H, W]`.
pub(super) fn batch(set: &ImageSet, (mean, std): ([f64; 3], [f64; 3])) -> Result<Tensor> {
    let (count, height, width) = (set.len().min(IMAGES), set.height(), set.width());
    let normalised = (0..count).flat_map(|image| {
        set.image(image).iter().enumerate().map(move |(at, byte)| {
            let channel = at / (height * width);
            ((f64::from(*byte) / 255.0 - mean[channel]) / std[channel]) as f32
        })
    });
    Tensor::from_vec(normalised.collect::<Vec<f32>>(), (count, 3, height, width), &Device::Cpu)
}

/// Measures the network of this name unit by unit, on fresh weights and generated images.
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
        rests_on: format!("fresh networks on {IMAGES} generated images"),
        figure: Some(Figure::new(
            &chart,
            "The mean of each unit's output. It falls where channels are added, which begin as zeros."
                .to_owned(),
        )),
    })
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
