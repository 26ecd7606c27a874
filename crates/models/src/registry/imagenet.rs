//! The networks for ImageNet: the papers' own, and timm's names for them and theirs.

use resnet_blocks::{Branch, ShapeChange, Split, StridePlace};

use crate::spec::{Family, Head, Spec, Stage, Stem, StemLayers, StemPool};

/// Depth, the kind of unit, and the number of units in each stage: table 1 of "Deep Residual Learning for Image
/// Recognition", the 200 layers of "Identity Mappings in Deep Residual Networks", and timm's 26.
static DEPTHS: [(usize, Units, [usize; 4]); 7] = [
    (18, Units::Basic, [2, 2, 2, 2]),
    (26, Units::Bottleneck, [2, 2, 2, 2]),
    (34, Units::Basic, [3, 4, 6, 3]),
    (50, Units::Bottleneck, [3, 4, 6, 3]),
    (101, Units::Bottleneck, [3, 4, 23, 3]),
    (152, Units::Bottleneck, [3, 8, 36, 3]),
    (200, Units::Bottleneck, [3, 24, 36, 3]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Units {
    Basic,
    Bottleneck,
}

/// What a name says, besides depth.
#[derive(Debug, Clone, Copy)]
struct Form {
    family: Family,
    place: StridePlace,
    first_unit: Split,
    head: Head,
    /// The width inside bottlenecks, over the usual one.
    widening: usize,
}

/// The papers' v1 and v2, but for the family.
const PAPER: Form = Form {
    family: Family::V1,
    place: StridePlace::First1x1,
    first_unit: Split::AfterActivation,
    head: Head::Linear,
    widening: 1,
};

/// timm's v1, which is called v1.5 elsewhere, and torchvision's.
const V1_5: Form = Form { place: StridePlace::Middle3x3, ..PAPER };

/// timm's v2.
const TIMM_V2: Form =
    Form { family: Family::V2, first_unit: Split::BeforeActivation, head: Head::Convolution, ..V1_5 };

/// The network called `name`, if there is one.
pub(super) fn find(name: &str, classes: usize) -> Option<Spec> {
    let name = without_tag(name)?;
    let (depth, form) = parse(name)?;
    let (_, units, counts) = DEPTHS.iter().find(|(known, ..)| *known == depth)?;
    let basic = *units == Units::Basic;
    // Wide two-layer units are another paper's.
    if basic && form.widening != 1 {
        return None;
    }
    // The papers have no 26 layers, and timm no v2 of them.
    if depth == 26 && (form.family == Family::V2 || form.place == StridePlace::First1x1) {
        return None;
    }
    let branch = if basic { Branch::Basic } else { Branch::Bottleneck(form.place) };
    let stage = |(index, units): (usize, &usize)| {
        let width = 64 << index;
        Stage {
            units: *units,
            width: width * form.widening,
            outputs: width * branch.expansion(),
            stride: if index == 0 { 1 } else { 2 },
        }
    };
    Some(Spec {
        name: name.to_owned(),
        family: form.family,
        input: [3, 224, 224],
        stem: Stem { layers: StemLayers::Conv7x7, outputs: 64, pool: StemPool::Maximum },
        stages: counts.iter().enumerate().map(stage).collect(),
        branch,
        shape_change: ShapeChange::Projection,
        first_unit: form.first_unit,
        head: form.head,
        classes,
    })
}

/// `resnet50` of `resnet50.a1_in1k`.
fn without_tag(name: &str) -> Option<&str> {
    match name.split_once('.') {
        None => Some(name),
        Some((name, tag)) => {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (!tag.is_empty() && tag.chars().all(word)).then_some(name)
        }
    }
}

fn parse(name: &str) -> Option<(usize, Form)> {
    if let Some(papers) = name.strip_suffix("-imagenet") {
        let (depth, family) = papers.strip_prefix("resnet")?.split_once('-')?;
        let family = match family {
            "v1" => Family::V1,
            "v2" => Family::V2,
            _ => return None,
        };
        return Some((number(depth)?, Form { family, ..PAPER }));
    }
    if let Some(wide) = name.strip_prefix("wide_resnet") {
        return Some((number(wide.strip_suffix("_2")?)?, Form { widening: 2, ..V1_5 }));
    }
    match name.strip_prefix("resnetv2_") {
        Some(depth) => Some((number(depth)?, TIMM_V2)),
        None => Some((number(name.strip_prefix("resnet")?)?, V1_5)),
    }
}

/// A number as it is written: no sign, no zero before it.
fn number(digits: &str) -> Option<usize> {
    digits.parse().ok().filter(|number: &usize| number.to_string() == digits)
}
