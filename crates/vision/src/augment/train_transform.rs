//! An image as a training step sees it: cut, resized, mirrored, changed, normalised; a function of its
//! key alone.

use super::crop::{Crop, Cut, ScaledCut};
use super::erase::RandomErasing;
use super::key::Key;
use super::light::{self, ColorJitter};
use super::policy::Policy;
use super::purposes;
use crate::image::{Encoded, Part};
use crate::jpeg::{Pixel, Scale, Window};
use crate::resample;
use crate::{Direction, Error, Flip, Interpolation, Normalisation};

/// From which pixels an image that is much larger than what is made of it is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding {
    /// From its own: the result is what Pillow makes of the decoded image.
    #[default]
    Exact,
    /// Of a JPEG file from means of 2 x 2, 4 x 4 or 8 x 8 of them, as libjpeg decodes them (Pillow's
    /// `draft`), where still two of those or more become one along each axis. The result is a little softer,
    /// and preparing large images takes about half the time.
    Scaled,
}

/// What is done to an image each time it is shown, in the order of the fields.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use resnet_vision::image::Encoded;
/// use resnet_vision::{Key, Normalisation, TrainTransform};
///
/// let augmentation = TrainTransform::inception(224);
/// augmentation.check()?;
/// let bytes = std::fs::read("cat.jpg")?;
/// let cat = Encoded::open(&bytes, "cat.jpg")?;
/// let mut input = Vec::new();
/// let key = Key { seed: 0, epoch: 3, index: 1234 };
/// augmentation.apply(&cat, &Normalisation::IMAGENET, key, &mut input)?;
/// assert_eq!(input.len(), 3 * 224 * 224);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTransform {
    /// How it is decoded.
    pub decoding: Decoding,
    /// Which part is cut.
    pub crop: Crop,
    /// Height and width of the result in pixels.
    pub side: usize,
    /// The filter to resize with.
    pub interpolation: Interpolation,
    /// Whether it is mirrored.
    pub flip: Flip,
    /// Changes drawn from a list.
    pub policy: Policy,
    /// Changes of colour.
    pub jitter: ColorJitter,
    /// Standard deviation of the change of light along the principal components of ImageNet's colours;
    /// AlexNet's is 0.1, and 0 is none.
    pub lighting: f64,
    /// What is erased after normalisation.
    pub erasing: Option<RandomErasing>,
}

impl TrainTransform {
    /// Random parts of random shapes, mirrored half the time: Inception's, and torchvision's since.
    pub fn inception(side: usize) -> Self {
        Self {
            decoding: Decoding::Exact,
            crop: Crop::INCEPTION,
            side,
            interpolation: Interpolation::Bilinear,
            flip: Flip::Half,
            policy: Policy::None,
            jitter: ColorJitter::default(),
            lighting: 0.0,
            erasing: None,
        }
    }

    /// The papers': scale augmentation, mirrored half the time, AlexNet's change of light.
    pub fn paper(side: usize) -> Self {
        Self { crop: Crop::PAPER, lighting: 0.1, ..Self::inception(side) }
    }

    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// If not; the message shows which.
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
    /// If [`check`](Self::check) has something against the settings.
    pub fn apply(
        &self,
        image: &Encoded<'_>,
        normalisation: &Normalisation,
        key: Key,
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let cut = self.crop.draw(image.size(), self.side, &mut key.stream(purposes::CROP));
        let direction = self.flip.draw(&mut key.stream(purposes::FLIP));
        let mut pixels = self.square(image, &cut, direction)?;
        self.policy.apply(&mut pixels, self.side, &mut key.stream(purposes::POLICY));
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

    /// What is cut from `image`, at its size.
    fn square(&self, image: &Encoded<'_>, cut: &Cut, direction: Direction) -> Result<Vec<Pixel>, Error> {
        let resized = |part: &Part<'_>, scaled: &ScaledCut| {
            let window = (&cut.window, direction);
            let pixels_of = |needed: &Window| part.pixels(&scaled.window(needed));
            resample::resize_bands(pixels_of, scaled.part, cut.to, window, self.interpolation)
        };
        let scale = match self.decoding {
            Decoding::Exact => Scale::Full,
            Decoding::Scaled => cut.scale(),
        };
        if scale != Scale::Full {
            let scaled = cut.at(scale);
            let needed = scaled.needed(cut, self.interpolation);
            if let Some(part) = image.scaled_part(&needed, scale) {
                return Ok(resized(&part, &scaled));
            }
        }
        let whole = cut.at(Scale::Full);
        let part = image.part(&whole.needed(cut, self.interpolation))?;
        Ok(resized(&part, &whole))
    }
}
