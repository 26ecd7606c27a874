//! Small pictures for pages: what a network saw, as a data URL.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::{Image, encode_png};
use crate::resample::resize;
use crate::{Error, Interpolation, Normalisation};

/// The longest side of an image that is kept pixel by pixel. A larger image counts as a photograph.
const SMALL: usize = 64;
/// The longest side of a photograph's picture.
const LONGEST: usize = 112;
const QUALITY: u8 = 82;

/// A small picture as text that a page can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `data:image/png;base64,...`, or `data:image/jpeg` of a photograph.
    pub url: String,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

impl Picture {
    /// The picture of normalised pixels `[3, height, width]`, as a network takes them; `shown` is the
    /// normalisation that they were made with. An image of up to 64 pixels a side becomes a PNG, a larger one
    /// a JPEG whose longer side has at most 112 pixels.
    ///
    /// # Errors
    /// If the pixels are not of this size.
    pub fn of(planes: &[f32], [height, width]: [usize; 2], shown: Normalisation) -> Result<Self, Error> {
        let area = height * width;
        let byte = |channel: usize, value: f32| {
            let value = (value * shown.std[channel] + shown.mean[channel]) * 255.0;
            value.round().clamp(0.0, 255.0) as u8
        };
        let pixel = |at: usize| (0..3).map(move |channel| byte(channel, planes[channel * area + at]));
        if planes.len() != 3 * area {
            return Err(Error::Invalid(format!("{} numbers are no {width} x {height} pixels", planes.len())));
        }
        let image = Image::new(width, height, (0..area).flat_map(pixel).collect())?;
        let longest = width.max(height);
        if longest <= SMALL {
            return Ok(Picture { url: data_url("image/png", &encode_png(&image)?), width, height });
        }
        let shrunk = |side: usize| (side * LONGEST.min(longest) / longest).max(1);
        let image = resize(&image, (shrunk(width), shrunk(height)), Interpolation::Bicubic);
        let (width, height) = (image.width, image.height);
        let mut bytes = vec![];
        JpegEncoder::new_with_quality(&mut bytes, QUALITY)
            .encode(&image.pixels, width as u32, height as u32, ExtendedColorType::Rgb8)
            .map_err(|cause| Error::Invalid(format!("{image:?} cannot be written as JPEG: {cause}")))?;
        Ok(Picture { url: data_url("image/jpeg", &bytes), width, height })
    }
}

fn data_url(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", base64(bytes))
}

/// `bytes` in base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in pairs {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_small_picture_has_the_bytes_that_were_normalised() {
        let how = Normalisation::CIFAR10;
        let byte = |channel: usize, at: usize| (37 * at + 90 * channel + 11) as u8;
        let planes: Vec<f32> = (0..3).flat_map(|c| (0..6).map(move |at| how.apply(c, byte(c, at)))).collect();
        let picture = Picture::of(&planes, [2, 3], how).unwrap();
        let pixels = (0..6).flat_map(|at| (0..3).map(move |c| byte(c, at))).collect();
        let png = encode_png(&Image::new(3, 2, pixels).unwrap()).unwrap();
        assert_eq!(picture.url, format!("data:image/png;base64,{}", base64(&png)));
        assert_eq!((picture.width, picture.height), (3, 2));
        assert!(Picture::of(&planes, [3, 3], how).is_err());
    }

    #[test]
    fn a_photograph_is_shrunk_and_keeps_its_shape() {
        let planes = vec![0.5; 3 * 200 * 100];
        let picture = Picture::of(&planes, [200, 100], Normalisation::UNIT).unwrap();
        assert_eq!((picture.width, picture.height), (56, 112));
        assert!(picture.url.starts_with("data:image/jpeg;base64,/9j/") && picture.url.len() < 4000);
    }
}
