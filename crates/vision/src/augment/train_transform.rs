//! `TrainTransform`: an image as a training step sees it, cropped, resized, mirrored, augmented and
//! normalised. The result depends on the image, the settings and the key alone.

use super::crop::{Crop, CropArea, ScaledCropArea};
use super::erase::RandomErasing;
use super::key::Key;
use super::light::{self, ColorJitter};
use super::policy::Policy;
use super::purposes;
use crate::image::{Encoded, Part};
use crate::jpeg::Scale;
use crate::pixels::{Pixel, Window};
use crate::resample;
use crate::{Direction, Error, Flip, Interpolation, InterpolationChoice, Normalisation};

/// Which pixels a crop is resized from, if the image is much larger than the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding {
    /// The pixels of the image: the result is that of Pillow, to the byte.
    #[default]
    Exact,
    /// For JPEG files, the means of 2 x 2, 4 x 4 or 8 x 8 pixels, which libjpeg can decode directly (Pillow's
    /// `draft`), as long as these are still shrunk by 2 or more along each axis. The result is slightly
    /// softer, and large images are prepared in about half the time.
    Scaled,
}

/// What is done to a training image each time it is shown, in the order of the fields.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use resnet_vision::image::Encoded;
/// use resnet_vision::{Key, Normalisation, TrainTransform};
///
/// let transform = TrainTransform::inception(224);
/// transform.check()?;
/// let bytes = std::fs::read("cat.jpg")?;
/// let cat = Encoded::open(&bytes, "cat.jpg")?;
/// let mut input = Vec::new();
/// let key = Key { seed: 0, epoch: 3, index: 1234 };
/// transform.apply(&cat, &Normalisation::IMAGENET, key, &mut input)?;
/// assert_eq!(input.len(), 3 * 224 * 224);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTransform {
    /// How the image is decoded.
    pub decoding: Decoding,
    /// Which part of the image is taken.
    pub crop: Crop,
    /// Height and width of the result in pixels.
    pub side: usize,
    /// The filter to resize with.
    pub interpolation: InterpolationChoice,
    /// Whether the image is mirrored.
    pub flip: Flip,
    /// RandAugment, TrivialAugment or none.
    pub policy: Policy,
    /// Random changes of colour.
    pub jitter: ColorJitter,
    /// Standard deviation of the random factors by which AlexNet shifts colours along the principal
    /// components of ImageNet's. AlexNet has 0.1; 0 turns it off.
    pub lighting: f64,
    /// Random erasing, after normalisation.
    pub erasing: Option<RandomErasing>,
}

impl TrainTransform {
    /// Inception's augmentation, and torchvision's: random resized crops, mirrored half the time.
    pub fn inception(side: usize) -> Self {
        Self {
            decoding: Decoding::Exact,
            crop: Crop::INCEPTION,
            side,
            interpolation: InterpolationChoice::Bilinear,
            flip: Flip::Half,
            policy: Policy::None,
            jitter: ColorJitter::default(),
            lighting: 0.0,
            erasing: None,
        }
    }

    /// The papers' augmentation: a square of `side` pixels, at most 256, from an image whose shorter side is
    /// scaled to 256 to 480 pixels; mirrored half the time; AlexNet's shift of colours.
    pub fn paper(side: usize) -> Self {
        Self { crop: Crop::PAPER, lighting: 0.1, ..Self::inception(side) }
    }

    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// If a setting is out of range; the message names it.
    pub fn check(&self) -> Result<(), Error> {
        self.crop.check(self.side)?;
        self.policy.check()?;
        if !self.jitter.fits() {
            return Err(Error::Invalid(format!(
                "{:?} is out of range: hue goes from 0 to 0.5, the others from 0 to 100",
                self.jitter
            )));
        }
        if !(self.lighting >= 0.0 && self.lighting.is_finite()) {
            return Err(Error::Invalid(format!(
                "a change of light of {} is no standard deviation",
                self.lighting
            )));
        }
        match self.erasing.map(|erasing| erasing.probability) {
            Some(probability) if !(0.0..=1.0).contains(&probability) => Err(Error::Invalid(format!(
                "erasing cannot have a probability of {probability}; it goes from 0 to 1"
            ))),
            _ => Ok(()),
        }
    }

    /// Appends `image` as it is shown at `key` to `out`: `[3, side, side]` normalised numbers.
    ///
    /// Only the part that is seen is decoded, where the format allows it, and it is resized in one pass.
    ///
    /// # Errors
    /// If the file is corrupt.
    ///
    /// # Panics
    /// If [`check`](Self::check) would refuse the settings.
    pub fn apply(
        &self,
        image: &Encoded<'_>,
        normalisation: &Normalisation,
        key: Key,
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let area = self.crop.draw(image.size(), self.side, &mut key.stream(purposes::CROP));
        let direction = self.flip.draw(&mut key.stream(purposes::FLIP));
        let interpolation = self.interpolation.draw(&mut key.stream(purposes::INTERPOLATION));
        let mut pixels = self.square(image, &area, direction, interpolation)?;
        let filled = (self.interpolation, normalisation.mean_colour());
        self.policy.apply(&mut pixels, self.side, filled, &mut key.stream(purposes::POLICY));
        if self.jitter != ColorJitter::default() {
            self.jitter.apply(&mut pixels, &mut key.stream(purposes::JITTER));
        }
        let start = out.len();
        normalisation.append_planes(&pixels, out);
        let input = &mut out[start..];
        if self.lighting > 0.0 {
            light::lighting(input, self.lighting, normalisation, &mut key.stream(purposes::LIGHTING));
        }
        if let Some(erasing) = self.erasing {
            erasing.apply(input, self.side, &mut key.stream(purposes::ERASE));
        }
        Ok(())
    }

    /// The pixels of the crop `area` of `image`, at the size of the result.
    fn square(
        &self,
        image: &Encoded<'_>,
        area: &CropArea,
        direction: Direction,
        interpolation: Interpolation,
    ) -> Result<Vec<Pixel>, Error> {
        let resized = |part: &Part<'_>, scaled: &ScaledCropArea| {
            let window = (&area.window, direction);
            let pixels_of = |needed: &Window| part.pixels(&scaled.window(needed));
            resample::resize_bands(pixels_of, scaled.part, area.to, window, interpolation)
        };
        let scale = match self.decoding {
            Decoding::Exact => Scale::Full,
            Decoding::Scaled => area.scale(),
        };
        if scale != Scale::Full {
            let scaled = area.at(scale);
            let needed = scaled.needed(area, interpolation);
            if let Some(part) = image.scaled_part(&needed, scale) {
                return Ok(resized(&part, &scaled));
            }
        }
        let whole = area.at(Scale::Full);
        let part = image.part(&whole.needed(area, interpolation))?;
        Ok(resized(&part, &whole))
    }
}
