//! The networks for ImageNet: the papers' own, and those of timm's names.

use resnet_blocks::{
    Branch, Filters, NormKind, Placement, ShapeChange, Shortcut, ShortcutInput, StridePlace,
};

use crate::spec::{Head, Spec, Stage, StemLayers, StemPool, StemSpec};

/// Depth, the kind of unit, and the number of units in each stage: table 1 of "Deep Residual Learning for
/// Image Recognition", the 200 layers of "Identity Mappings in Deep Residual Networks", and timm's 10, 14 and
/// 26.
static DEPTHS: [(usize, Units, [usize; 4]); 9] = [
    (10, Units::Basic, [1, 1, 1, 1]),
    (14, Units::Bottleneck, [1, 1, 1, 1]),
    (18, Units::Basic, [2, 2, 2, 2]),
    (26, Units::Bottleneck, [2, 2, 2, 2]),
    (34, Units::Basic, [3, 4, 6, 3]),
    (50, Units::Bottleneck, [3, 4, 6, 3]),
    (101, Units::Bottleneck, [3, 4, 23, 3]),
    (152, Units::Bottleneck, [3, 8, 36, 3]),
    (200, Units::Bottleneck, [3, 24, 36, 3]),
];

/// Depths that only timm has.
static TIMM_DEPTHS: [usize; 3] = [10, 14, 26];

/// Patterns of timm's names that are not built here, and what sets such a network apart. A pattern is the
/// start of a name; after `*_` any part of it; after another `*` its end, behind a depth.
static REFUSED: [(&str, &str); 12] = [
    ("resnext", "its 3x3 convolutions are grouped, which the kernels here are not"),
    ("resnetaa", "it smooths before it sub-samples, which no unit of the paper does"),
    ("resnetblur", "it smooths before it sub-samples, which no unit of the paper does"),
    ("resnetrs", "its units have squeeze-and-excitation, which is another paper's"),
    ("seresnet", "its units have squeeze-and-excitation, which is another paper's"),
    ("ecaresnet", "its units have channel attention, which is another paper's"),
    ("*_evos", "its norms are EvoNorm-S0, which is not built here"),
    ("*_frn", "its norms are filter response normalisation, which is not built here"),
    ("*_clip", "CLIP's image tower pools by attention and has another stem"),
    ("*_mlp", "it is an image tower with a head of its own"),
    ("*ts", "its stem and activations are timm's own design, not a ResNet's of the paper"),
    ("*q", "its stem, units and activations are timm's own design, not a ResNet's of the paper"),
];

/// Tags of weights for other classes than ImageNet's thousand.
static CLASSES: [(&str, usize); 1] = [("goog_in21k", 21_843)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Units {
    Basic,
    Bottleneck,
}

/// What a name says, besides depth.
#[derive(Debug, Clone, Copy)]
struct Form {
    placement: Placement,
    place: StridePlace,
    stem: StemSpec,
    shape_change: ShapeChange,
    first_unit: ShortcutInput,
    norm: NormKind,
    filters: Filters,
    head: Head,
    /// Factor on the width inside bottlenecks.
    inner_factor: usize,
    /// Factor on all widths.
    factor: usize,
}

/// The papers' v1; v2 differs in its placement alone.
const PAPER: Form = Form {
    placement: Placement::Original,
    place: StridePlace::First1x1,
    stem: StemSpec { layers: StemLayers::Conv7x7, out_channels: 64, pool: StemPool::Max },
    shape_change: ShapeChange::Projection,
    first_unit: ShortcutInput::Activated,
    norm: NormKind::Batch,
    filters: Filters::Plain,
    head: Head::Linear,
    inner_factor: 1,
    factor: 1,
};

/// timm's v1, which is called v1.5 elsewhere, and torchvision's.
const V1_5: Form = Form { place: StridePlace::Middle3x3, ..PAPER };

/// timm's v2.
const TIMM_V2: Form = Form {
    placement: Placement::FullPreActivation,
    first_unit: ShortcutInput::Raw,
    head: Head::Convolution,
    ..V1_5
};

/// Groups of a group norm, in all of timm's networks.
const GROUPS: NormKind = NormKind::Group(32);

/// Why there is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// The name has another form.
    Unknown,
    /// It is timm's, and is not built here.
    Refused(&'static str),
}

/// The network called `name`.
pub(super) fn find(name: &str, classes: usize) -> Result<Spec, No> {
    let (name, _) = split_tag(name).ok_or(No::Unknown)?;
    let (depth, form) = parse(name).ok_or_else(|| refusal(name))?;
    let (_, units, counts) = DEPTHS.iter().find(|(known, ..)| *known == depth).ok_or(No::Unknown)?;
    let basic = *units == Units::Basic;
    let of_timms_v1 = form.placement == Placement::Original && form.place == StridePlace::Middle3x3;
    // No published network has wide two-layer units, and only timm's v1 has timm's own depths.
    if basic && (form.inner_factor, form.factor) != (1, 1) || TIMM_DEPTHS.contains(&depth) && !of_timms_v1 {
        return Err(No::Unknown);
    }
    let branch = if basic { Branch::Basic } else { Branch::Bottleneck(form.place) };
    let stage = |(index, units): (usize, &usize)| {
        let width = (64 * form.factor) << index;
        Stage {
            units: *units,
            width: width * form.inner_factor,
            out_channels: width * branch.expansion(),
            stride: if index == 0 { 1 } else { 2 },
        }
    };
    Ok(Spec {
        name: name.to_owned(),
        placement: form.placement,
        shortcut: Shortcut::Identity,
        input: [3, 224, 224],
        stem: form.stem,
        stages: counts.iter().enumerate().map(stage).collect(),
        branch,
        shape_change: form.shape_change,
        first_unit: form.first_unit,
        norm: form.norm,
        filters: form.filters,
        head: form.head,
        classes,
    })
}

/// The number of classes that goes with a name and its tag.
pub(super) fn usual_classes(name: &str) -> Option<usize> {
    find(name, 1).ok()?;
    let tag = split_tag(name)?.1;
    let special = CLASSES.iter().find(|(known, _)| tag == Some(known));
    Some(special.map_or(1000, |(_, classes)| *classes))
}

/// `resnet50` and `a1_in1k` of `resnet50.a1_in1k`.
fn split_tag(name: &str) -> Option<(&str, Option<&str>)> {
    let Some((name, tag)) = name.split_once('.') else { return Some((name, None)) };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!tag.is_empty() && tag.chars().all(word)).then_some((name, Some(tag)))
}

fn refusal(name: &str) -> No {
    let is_meant = |pattern: &str| match pattern.strip_prefix('*') {
        Some(part) if part.starts_with('_') => name.contains(part),
        // Any other part is an ending, after a depth.
        Some(part) => {
            name.strip_suffix(part).is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()))
        }
        None => name.starts_with(pattern),
    };
    let known = REFUSED.iter().filter(|_| name.contains("resne"));
    known.into_iter().find(|(pattern, _)| is_meant(pattern)).map_or(No::Unknown, |(_, why)| No::Refused(why))
}

fn parse(name: &str) -> Option<(usize, Form)> {
    if let Some(papers) = name.strip_suffix("-imagenet") {
        let (depth, version) = papers.strip_prefix("resnet")?.split_once('-')?;
        let placement = match version {
            "v1" => Placement::Original,
            "v2" => Placement::FullPreActivation,
            "bn-after-addition" => Placement::BnAfterAddition,
            _ => return None,
        };
        return Some((number(depth)?, Form { placement, ..PAPER }));
    }
    if let Some(wide) = name.strip_prefix("wide_resnet") {
        return Some((number(wide.strip_suffix("_2")?)?, Form { inner_factor: 2, ..V1_5 }));
    }
    if let Some(v2) = name.strip_prefix("resnetv2_") {
        let (depth, variant) = leading_number(v2)?;
        return Some((depth, v2_variant(variant)?));
    }
    let (depth, variant) = leading_number(name.strip_prefix("resnet")?)?;
    let form = match variant {
        "" => V1_5,
        "_gn" => Form { norm: GROUPS, ..V1_5 },
        "c" => Form { stem: deep([32, 32], 64), ..V1_5 },
        "s" => Form { stem: deep([64, 64], 128), ..V1_5 },
        "d" => pooled(V1_5, [32, 32]),
        "t" => pooled(V1_5, [24, 32]),
        _ => return None,
    };
    // timm's 10 and 14 layers are t variants.
    (depth > 14 || variant == "t").then_some((depth, form))
}

fn v2_variant(variant: &str) -> Option<Form> {
    Some(match variant {
        "" => TIMM_V2,
        "d" => pooled(TIMM_V2, [32, 32]),
        "t" => pooled(TIMM_V2, [24, 32]),
        "d_gn" => Form { norm: GROUPS, ..pooled(TIMM_V2, [32, 32]) },
        _ => {
            // Big Transfer: `x3_bit` is three times as wide everywhere.
            let factor = number(variant.strip_prefix('x')?.strip_suffix("_bit")?)?;
            let pool = StemPool::ZeroPaddedMax;
            let stem = StemSpec { out_channels: 64 * factor, pool, ..TIMM_V2.stem };
            (1..=4).contains(&factor).then_some(())?;
            Form { stem, factor, norm: GROUPS, filters: Filters::Standardised, ..TIMM_V2 }
        }
    })
}

/// The stem of three 3x3 convolutions.
fn deep(widths: [usize; 2], out_channels: usize) -> StemSpec {
    StemSpec { layers: StemLayers::Deep(widths), out_channels, pool: StemPool::Max }
}

/// The d variant of `form`, or the t variant with its narrower first layer.
fn pooled(form: Form, widths: [usize; 2]) -> Form {
    Form { stem: deep(widths, 64), shape_change: ShapeChange::PooledProjection, ..form }
}

/// A number as it is written: without a sign or leading zeros.
fn number(digits: &str) -> Option<usize> {
    digits.parse().ok().filter(|number: &usize| number.to_string() == digits)
}

/// The number at the start, and what follows it.
fn leading_number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((number(&text[..end])?, &text[end..]))
}
