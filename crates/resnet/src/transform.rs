//! How an image becomes a network's input in evaluation: the one place that decides it for a checkpoint, so
//! that predictions, evaluations and what an export writes down agree.

use resnet_models::Spec;
use resnet_models::checkpoint::{Preprocessing, Resampling};
use resnet_vision::{EvalTransform, Interpolation, Normalisation};

/// The preprocessing that the checkpoint tells, or else the usual one for such a network, with the given
/// `normalisation`.
pub(crate) fn of(spec: &Spec, told: Option<Preprocessing>, normalisation: Normalisation) -> Preprocessing {
    let Normalisation { mean, std } = normalisation;
    Preprocessing { mean, std, ..told.unwrap_or_else(|| usual(spec, normalisation)) }
}

/// What is usual: for a network with ImageNet's stem the centre of an image, 224 of 256 pixels, as
/// torchvision and the papers have it; for others the whole, shrunk to the size of the network's images.
fn usual(spec: &Spec, normalisation: Normalisation) -> Preprocessing {
    let [_, side, _] = spec.input;
    let small = whole(spec.input, normalisation);
    if spec.has_imagenet_stem() { Preprocessing { resize: side * 8 / 7, ..small } } else { small }
}

/// The whole of an image, shrunk to `input`: `[channels, height, width]`.
pub(crate) fn whole(input: [usize; 3], Normalisation { mean, std }: Normalisation) -> Preprocessing {
    let [_, side, _] = input;
    Preprocessing { input, resize: side, interpolation: Resampling::Bilinear, crop: side, mean, std }
}

/// The normalisation of pixels that is part of `how`.
pub(crate) fn normalisation(how: Preprocessing) -> Normalisation {
    Normalisation { mean: how.mean, std: how.std }
}

/// The preprocessing `how` as a transform, ready to be applied to images.
pub(crate) fn applied(how: Preprocessing) -> EvalTransform {
    EvalTransform {
        resize: how.resize,
        crop: how.crop,
        interpolation: match how.interpolation {
            Resampling::Bilinear => Interpolation::Bilinear,
            Resampling::Bicubic => Interpolation::Bicubic,
        },
        normalisation: normalisation(how),
    }
}

/// The filter as checkpoints name it.
pub(crate) fn resampling(filter: Interpolation) -> Resampling {
    match filter {
        Interpolation::Bilinear => Resampling::Bilinear,
        Interpolation::Bicubic => Resampling::Bicubic,
    }
}

#[cfg(test)]
mod tests {
    use resnet_models::registry;

    use super::*;

    #[test]
    fn what_a_file_tells_is_kept_and_else_it_is_the_networks_usual() {
        let of = |name: &str, told| {
            let how = super::of(&registry::find(name, 10).unwrap(), told, Normalisation::IMAGENET);
            assert_eq!((how.mean, how.std), (Normalisation::IMAGENET.mean, Normalisation::IMAGENET.std));
            (how.input, how.resize, how.crop)
        };
        assert_eq!(of("resnet50", None), ([3, 224, 224], 256, 224));
        assert_eq!(of("resnet20-v2", None), ([3, 32, 32], 32, 32));
        let told = whole([3, 288, 288], Normalisation::HALF);
        assert_eq!(of("resnet50", Some(told)), ([3, 288, 288], 288, 288));
    }
}
