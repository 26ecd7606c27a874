//! Which kernel computes which convolution: the one place where that is decided.

use std::sync::OnceLock;

use super::shape::ConvShape;
use super::{pointwise, winograd};
use crate::simd::Isa;

/// The ways to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Products over strips of input: any geometry.
    Direct,
    /// Winograd's F(4x4, 3x3): 3x3 at stride 1 and padding 1, channels in whole vectors.
    Winograd,
    /// Products of matrices: 1x1 without padding.
    Pointwise,
}

/// The environment asks for an algorithm that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} asks for {asked:?}, which is unknown: unset it, or set it to direct, for no Winograd")]
pub struct UnknownAlgorithm {
    asked: String,
}

/// The environment variable that leaves Winograd out.
const VARIABLE: &str = "RESNET_CONV";

/// What the environment asks for. Looked up once.
fn asked() -> &'static Result<Option<Algorithm>, UnknownAlgorithm> {
    static ASKED: OnceLock<Result<Option<Algorithm>, UnknownAlgorithm>> = OnceLock::new();
    ASKED.get_or_init(|| parse(&std::env::var_os(VARIABLE).unwrap_or_default().to_string_lossy()))
}

/// The algorithm named `asked`; `None` if that is empty.
fn parse(asked: &str) -> Result<Option<Algorithm>, UnknownAlgorithm> {
    match asked {
        "" => Ok(None),
        _ if asked.eq_ignore_ascii_case("direct") => Ok(Some(Algorithm::Direct)),
        _ => Err(UnknownAlgorithm { asked: asked.to_owned() }),
    }
}

impl Algorithm {
    /// What `RESNET_CONV` asks for, if it is set: [`Algorithm::Direct`] instead of [`Algorithm::Winograd`].
    ///
    /// # Errors
    /// If it is anything but `direct`. [`Algorithm::choose`] ignores that, so callers that can report errors
    /// call this first.
    pub fn requested() -> Result<Option<Algorithm>, UnknownAlgorithm> {
        asked().clone()
    }

    /// The algorithm for all three passes of `shape`: the most specialised one that applies and pays. With
    /// `RESNET_CONV=direct` in the environment it is never [`Algorithm::Winograd`], for comparisons; 1x1
    /// convolutions are [`Algorithm::Pointwise`] all the same.
    pub fn choose(isa: Isa, shape: &ConvShape) -> Self {
        let without = matches!(asked(), Ok(Some(Algorithm::Direct)));
        [Algorithm::Pointwise, Algorithm::Winograd]
            .into_iter()
            .filter(|algorithm| !(without && *algorithm == Algorithm::Winograd))
            .find(|algorithm| algorithm.applies(isa, shape) && algorithm.pays(isa, shape))
            .unwrap_or(Algorithm::Direct)
    }

    /// Whether it can compute `shape` on `isa`.
    pub fn applies(self, isa: Isa, shape: &ConvShape) -> bool {
        match self {
            Algorithm::Direct => true,
            Algorithm::Winograd => winograd::applies(shape, isa.lanes()),
            Algorithm::Pointwise => pointwise::applies(shape),
        }
    }

    /// Whether it is worth its preparations. Winograd's filters, 36 numbers for 9, are read once and used
    /// once per tile: for a single image of 7x7 pixels, reading them takes longer than the products that they
    /// save. The faster the products are, the more of them must be saved: with vectors of sixteen lanes, a
    /// single image of 14x14 (sixteen tiles) takes as long either way, and direct filters take a quarter of
    /// the memory; where these vectors are computed in halves, it takes half as long. Where the image is a
    /// single line of pixels, most of each tile is cut off.
    fn pays(self, isa: Isa, shape: &ConvShape) -> bool {
        let is_line = shape.in_h < 2 || shape.in_w < 2;
        let at_once = if isa.is_double_pumped() { isa.lanes() / 2 } else { isa.lanes() };
        self != Algorithm::Winograd || (!is_line && winograd::tiles(shape) > at_once)
    }

    pub(super) fn check(self, isa: Isa, shape: &ConvShape) {
        assert!(self.applies(isa, shape), "conv2d: {self:?} can't compute {shape:?} on {}", isa.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4, 16 and 32 tiles.
    #[test]
    fn winograd_takes_more_tiles_than_are_computed_at_once() {
        for isa in Isa::available() {
            let chosen = |images: usize, size: usize| {
                let (in_h, in_w, in_channels, out_channels) = (size, size, 256, 256);
                let (kernel, stride, padding) = (3, 1, 1);
                let shape =
                    ConvShape { images, in_h, in_w, in_channels, out_channels, kernel, stride, padding };
                Algorithm::choose(isa, &shape)
            };
            let takes_sixteen = isa.lanes() < 16 || isa.is_double_pumped();
            let of_sixteen = if takes_sixteen { Algorithm::Winograd } else { Algorithm::Direct };
            let all = [chosen(1, 7), chosen(1, 14), chosen(2, 14)];
            assert_eq!(all, [Algorithm::Direct, of_sixteen, Algorithm::Winograd], "{}", isa.name());
        }
    }

    #[test]
    fn direct_can_be_asked_for_and_anything_else_is_refused() {
        assert_eq!(parse(""), Ok(None));
        for asked in ["direct", "DIRECT"] {
            assert_eq!(parse(asked), Ok(Some(Algorithm::Direct)));
        }
        for asked in ["winograd", "directly", " "] {
            let message = parse(asked).expect_err("it cannot be asked for").to_string();
            assert!(message.starts_with(&format!("RESNET_CONV asks for {asked:?}, ")), "{message}");
        }
    }
}
