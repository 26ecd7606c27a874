//! The networks for CIFAR: `resnet{depth}-{unit}[-one-layer|-basic|-bottleneck][-wide-by-{factor}][-a|-b]`
//! (appendix), where the unit is a placement of figure 4, a shortcut of figure 2, or one after the other.

use resnet_blocks::{
    Branch, Filters, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace,
};

use super::{DEEPEST, Error, unknown};
use crate::spec::{Head, Spec, Stage, StemLayers, StemPool, StemSpec};

/// The widest networks that have a name: WRN-40-14's factor and a little more (arXiv 1605.07146).
const WIDEST: usize = 16;

/// Words for figure 4; without one it is the original placement.
static PLACEMENTS: [(&str, Placement); 5] = [
    ("-v1", Placement::Original),
    ("-v2", Placement::FullPreActivation),
    ("-bn-after-addition", Placement::BnAfterAddition),
    ("-relu-before-addition", Placement::ReluBeforeAddition),
    ("-relu-only-preactivation", Placement::ReluOnlyPreActivation),
];

/// The gates' bias where a name has none: table 1's best.
const GATE_BIAS: f64 = -6.0;

/// The network called `name`.
pub(super) fn find(name: &str, classes: usize) -> Result<Spec, Error> {
    let unknown = || unknown(name);
    let mut words = Words(name.strip_prefix("resnet").ok_or_else(unknown)?);
    let depth = words.integer().ok_or_else(unknown)?;
    let placement = PLACEMENTS.iter().find(|(word, _)| words.take(word)).map(|(_, placement)| *placement);
    let shortcut = shortcut(&mut words).ok_or_else(unknown)?;
    if placement.is_none() && shortcut == Shortcut::Identity {
        return Err(unknown());
    }
    let wanted = branch(&mut words);
    let factor = width_factor(&mut words).ok_or_else(unknown)?;
    let shape_change = if words.take("-a") {
        Some(ShapeChange::ZeroPadding)
    } else {
        words.take("-b").then_some(ShapeChange::Projection)
    };
    if !words.0.is_empty() {
        return Err(unknown());
    }
    let published = match depth {
        164 | 1001 => Branch::Bottleneck(StridePlace::First1x1),
        _ if units(depth, Branch::Basic).is_none() => Branch::Bottleneck(StridePlace::First1x1),
        _ => Branch::Basic,
    };
    let branch = wanted.unwrap_or(published);
    let units = units(depth, branch).ok_or_else(|| Error::Depth { name: name.to_owned(), depth })?;
    let default = match branch {
        Branch::Bottleneck(_) => ShapeChange::Projection,
        Branch::OneLayer | Branch::Basic if factor > 1 => ShapeChange::Projection,
        Branch::OneLayer | Branch::Basic => ShapeChange::ZeroPadding,
    };
    let stage = |narrow: usize, stride| {
        let width = narrow * factor;
        Stage { units, width, out_channels: width * branch.expansion(), stride }
    };
    Ok(Spec {
        name: name.to_owned(),
        placement: placement.unwrap_or(Placement::Original),
        shortcut,
        input: [3, 32, 32],
        stem: StemSpec { layers: StemLayers::Conv3x3, out_channels: 16, pool: StemPool::None },
        stages: vec![stage(16, 1), stage(32, 2), stage(64, 2)],
        branch,
        shape_change: shape_change.unwrap_or(default),
        first_unit: ShortcutInput::Activated,
        norm: NormKind::Batch,
        filters: Filters::Plain,
        head: Head::Linear,
        classes,
    })
}

/// The word for figure 2, with its numbers; the identity without one. `None` if a number is out of its range.
fn shortcut(words: &mut Words) -> Option<Shortcut> {
    Some(if words.take("-plain") {
        Shortcut::ConstantScaling { shortcut: 0.0, branch: 1.0 }
    } else if words.take("-constant-scaling") {
        let (shortcut, branch) = match words.take("-by") {
            true => (words.number()?, words.number()?),
            false => (0.5, 0.5),
        };
        Shortcut::ConstantScaling { shortcut, branch }
    } else if words.take("-exclusive-gating") {
        Shortcut::ExclusiveGating { bias: gate_bias(words)? }
    } else if words.take("-shortcut-only-gating") {
        Shortcut::ShortcutOnlyGating { bias: gate_bias(words)? }
    } else if words.take("-conv-shortcut") {
        Shortcut::Convolution
    } else if words.take("-dropout-shortcut") {
        let ratio = if words.take("-by") { words.number()? } else { 0.5 };
        (ratio < 1.0).then_some(())?;
        Shortcut::Dropout { ratio }
    } else {
        Shortcut::Identity
    })
}

/// `-bias-6` is a bias of -6; table 1 has 0 to -7.
fn gate_bias(words: &mut Words) -> Option<f64> {
    // Subtracted, so that `-bias-0` is 0 and not -0.
    if words.take("-bias") { Some(0.0 - words.number()?) } else { Some(GATE_BIAS) }
}

/// `-wide-by-4` is a wide residual network (arXiv 1605.07146): four times the channels in every unit, not in
/// the stem.
fn width_factor(words: &mut Words) -> Option<usize> {
    if !words.take("-wide-by") {
        return Some(1);
    }
    words.0 = words.0.strip_prefix('-')?;
    words.integer().filter(|factor| (2..=WIDEST).contains(factor))
}

fn branch(words: &mut Words) -> Option<Branch> {
    if words.take("-one-layer") {
        Some(Branch::OneLayer)
    } else if words.take("-basic") {
        Some(Branch::Basic)
    } else {
        words.take("-bottleneck").then_some(Branch::Bottleneck(StridePlace::First1x1))
    }
}

/// Units per stage of a network of `depth` layers: all but the first and the last, over three stages. `None`
/// if they don't divide evenly or are too many.
fn units(depth: usize, branch: Branch) -> Option<usize> {
    let layers = depth.checked_sub(2).filter(|layers| *layers > 0 && depth <= DEEPEST)?;
    let a_stage = match branch {
        Branch::OneLayer => 3,
        Branch::Basic => 6,
        Branch::Bottleneck(_) => 9,
    };
    layers.is_multiple_of(a_stage).then_some(layers / a_stage)
}

/// What is left of a name.
struct Words<'a>(&'a str);

impl Words<'_> {
    /// Takes `word` off the front, if it stands there and ends there.
    fn take(&mut self, word: &str) -> bool {
        match self.0.strip_prefix(word) {
            Some(rest) if rest.is_empty() || rest.starts_with('-') => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes digits off the front; `None` if there are none or they begin with a needless zero.
    fn integer(&mut self) -> Option<usize> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().ok().filter(|number: &usize| number.to_string() == digits)
    }

    /// Takes `-` and a number such as 6 or 0.5 off the front.
    fn number(&mut self) -> Option<f64> {
        let text = self.0.strip_prefix('-')?;
        let end = text.find('-').unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        self.0 = rest;
        let plain = number.len() <= 8 && number.chars().all(|c| c.is_ascii_digit() || c == '.');
        number.parse().ok().filter(|_| plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_figures_2_and_4_has_a_name() {
        let (half, six) = (Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 }, -6.0);
        let original = Placement::Original;
        let rows = [
            ("v1", original, Shortcut::Identity),
            ("plain", original, Shortcut::ConstantScaling { shortcut: 0.0, branch: 1.0 }),
            ("constant-scaling", original, half),
            ("constant-scaling-by-0.5-1", original, Shortcut::ConstantScaling { shortcut: 0.5, branch: 1.0 }),
            ("exclusive-gating", original, Shortcut::ExclusiveGating { bias: six }),
            ("exclusive-gating-bias-0", original, Shortcut::ExclusiveGating { bias: 0.0 }),
            ("shortcut-only-gating-bias-6", original, Shortcut::ShortcutOnlyGating { bias: six }),
            ("conv-shortcut", original, Shortcut::Convolution),
            ("dropout-shortcut", original, Shortcut::Dropout { ratio: 0.5 }),
            ("bn-after-addition", Placement::BnAfterAddition, Shortcut::Identity),
            ("relu-before-addition", Placement::ReluBeforeAddition, Shortcut::Identity),
            ("relu-only-preactivation", Placement::ReluOnlyPreActivation, Shortcut::Identity),
            ("v2", Placement::FullPreActivation, Shortcut::Identity),
            ("v2-conv-shortcut", Placement::FullPreActivation, Shortcut::Convolution),
        ];
        for (word, placement, shortcut) in rows {
            for (depth, suffix, units) in
                [(110, "", 18), (164, "", 18), (110, "-one-layer", 36), (20, "-b", 3)]
            {
                let spec = find(&format!("resnet{depth}-{word}{suffix}"), 10).unwrap();
                assert_eq!((spec.placement, spec.shortcut), (placement, shortcut), "{word}");
                assert_eq!(spec.stages[2].units, units, "{word}{suffix}");
            }
        }
    }

    #[test]
    fn a_wide_network_is_wider_in_its_units_alone() {
        let spec = find("resnet14-v2-wide-by-4", 10).unwrap();
        assert_eq!(spec.stem.out_channels, 16);
        assert_eq!(spec.stages.iter().map(|stage| stage.out_channels).collect::<Vec<_>>(), [64, 128, 256]);
        assert_eq!(spec.shape_change, ShapeChange::Projection);
        assert_eq!(find("resnet14-v2-wide-by-4-a", 10).unwrap().shape_change, ShapeChange::ZeroPadding);
    }

    #[test]
    fn malformed_numbers_make_no_name() {
        for word in [
            "constant-scaling-by",
            "constant-scaling-by-0.5",
            "constant-scaling-by-0.5-x",
            "exclusive-gating-bias",
            "exclusive-gating-bias--6",
            "exclusive-gating-bias-inf",
            "dropout-shortcut-by-1",
            "dropout-shortcut-by-1e-3",
            "conv-shortcut-v1",
            "conv-shortcutb",
            "identity",
            "v2-wide-by",
            "v2-wide-by-1",
            "v2-wide-by-17",
            "v2-b-wide-by-4",
        ] {
            assert!(matches!(find(&format!("resnet20-{word}"), 10), Err(Error::Unknown { .. })), "{word}");
        }
        assert!(matches!(find("resnet21-v1-one-layer", 10), Err(Error::Depth { .. })));
    }
}
