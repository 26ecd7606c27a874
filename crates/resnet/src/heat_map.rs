//! Class activation maps (Zhou et al. 2016): where on an image a network sees the class that it names.
//!
//! Head and pooling are linear, so a class's logit is the mean over the last feature map of
//! `W[class] . features`, plus a bias. Those products, brought back to the image's size, are laid over it.

use std::path::Path;
use std::{fs, io};

use candle_core::IndexOp as _;
use resnet_train::Classifier as _;
use resnet_vision::image::PngMark;
use resnet_vision::{EvalTransform, Image, Interpolation, resize};

use crate::predict::tensor;
use crate::{Error, Pretrained};

/// The evidence for a class at each place of the last feature map, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Columns of the feature map.
    pub width: usize,
    /// Rows of the feature map.
    pub height: usize,
    /// What each place adds to the class's logit, times the number of places.
    pub evidence: Vec<f32>,
    transform: EvalTransform,
}

impl Pretrained {
    /// The evidence for `class` at each place of an image, in the crop that evaluation shows to the network.
    ///
    /// # Errors
    /// If the network has no such class or fails, or it is not known how images are normalised.
    pub fn heat_map(&self, image: &Image, class: usize) -> Result<HeatMap, Error> {
        let transform = self.eval_transform()?;
        let map = || -> candle_core::Result<HeatMap> {
            let features = self.feature_maps(&tensor(&[transform.apply(image)], &transform)?)?.i(0)?;
            let (channels, height, width) = features.dims3()?;
            let variables = self.network.variables();
            let name = format!("{}.weight", self.spec().family().head());
            let Some(head) = variables.get(&name) else { candle_core::bail!("the network has no {name}") };
            // A head may be a convolution of 1 x 1: [classes, channels, 1, 1].
            let row = head.i(class)?.reshape((1, channels))?;
            let evidence = row.matmul(&features.reshape((channels, height * width))?)?;
            Ok(HeatMap { width, height, evidence: evidence.flatten_all()?.to_vec1()?, transform })
        };
        map().map_err(Error::compute("drawing a heat map"))
    }
}

impl Pretrained {
    /// Draws where the network sees `class` on the image in the file `image`, and writes that over the image
    /// to the PNG file `out`, whole or not at all. What is smaller than 256 pixels is enlarged by a whole
    /// factor. Folders above `out` are created. An earlier heat map is replaced, any other file is left.
    ///
    /// # Errors
    /// As [`Pretrained::heat_map`] and [`HeatMap::may_be_at`], or if a file cannot be read or written.
    pub fn write_heat_map(&self, image: &Path, class: usize, out: &Path) -> Result<(), Error> {
        HeatMap::may_be_at(out)?;
        let image = resnet_data::decode_image(image)?;
        let png = MARK.encode(&enlarged(self.heat_map(&image, class)?.over(&image)))?;
        let write = || -> io::Result<()> {
            if let Some(folder) = out.parent() {
                fs::create_dir_all(folder)?;
            }
            resnet_files::write_whole(out, |file| file.write_all(&png))
        };
        write().map_err(|cause| not_written(out, cause))
    }
}

/// The least longer side of a heat map in a file, in pixels.
const SHOWN: usize = 256;

/// `image` with each pixel as a square, as large as it takes for the longer side to have 256 pixels.
fn enlarged(image: Image) -> Image {
    let factor = SHOWN.div_ceil(image.width.max(image.height).max(1));
    if factor == 1 {
        return image;
    }
    let (width, height) = (factor * image.width, factor * image.height);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let at = 3 * (y / factor * image.width + x / factor);
            pixels.extend_from_slice(&image.pixels[at..at + 3]);
        }
    }
    Image { width, height, pixels }
}

fn not_written(out: &Path, cause: io::Error) -> Error {
    let (action, path) = ("write the heat map".to_owned(), out.to_owned());
    resnet_data::Error::Write { action, path, cause }.into()
}

impl HeatMap {
    /// Whether a heat map may be written to `file`: nothing is there, an earlier heat map, which has a mark
    /// of its own, or a device or a pipe. So nobody's picture is lost by a wrong name.
    ///
    /// # Errors
    /// If another file, a folder or a link to nowhere is there.
    pub fn may_be_at(file: &Path) -> Result<(), Error> {
        resnet_files::may_replace(file, "heat map", |there| MARK.is_in(there))
            .map_err(|cause| not_written(file, cause))
    }

    /// The map over the image in grey, as large as the image; what the network did not see stays dark.
    pub fn over(&self, image: &Image) -> Image {
        let (low, high) =
            self.evidence.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        let range = if high > low { high - low } else { 1.0 };
        let bytes = self.evidence.iter().flat_map(|x| [((x - low) / range * 255.0).round() as u8; 3]);
        let small = Image { width: self.width, height: self.height, pixels: bytes.collect() };
        let [left, top, right, bottom] = self.transform.seen((image.width, image.height));
        // The crop can be larger than the image, which then had a black border.
        let side = |from: f64, to: f64| ((to - from).round() as usize).max(1);
        let large = resize(&small, (side(left, right), side(top, bottom)), Interpolation::Bicubic);

        let mut out = image.clone();
        for (i, pixel) in out.pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = ((i % image.width) as f64 - left, (i / image.width) as f64 - top);
            let (column, row) = (x.round(), y.round());
            let grey =
                (0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1])) + 0.114 * f32::from(pixel[2]);
            let inside =
                column >= 0.0 && row >= 0.0 && column < large.width as f64 && row < large.height as f64;
            let [red, green, blue] = if inside {
                heat(large.pixels[3 * (row as usize * large.width + column as usize)])
            } else {
                [0.0; 3]
            };
            for (byte, colour) in pixel.iter_mut().zip([red, green, blue]) {
                *byte = (IMAGE * grey + (1.0 - IMAGE) * colour).round() as u8;
            }
        }
        out
    }

    /// [`HeatMap::over`] as the bytes of a PNG file, which says in a text chunk what it is.
    ///
    /// # Errors
    /// If the image is too large for one.
    pub fn png_over(&self, image: &Image) -> Result<Vec<u8>, Error> {
        Ok(MARK.encode(&self.over(image))?)
    }
}

/// The mark of every heat map.
const MARK: PngMark = PngMark(b"\0\0\0\x18tEXtSoftware\0resnet heat map\xbe^6\"");

/// How much of a pixel is the image's; the rest is the map's.
const IMAGE: f32 = 0.45;

/// Colours from cold to hot. Each is lighter than the one before, so that the map can be read without seeing
/// colours.
const COLOURS: [[f32; 3]; 6] = [
    [0.0, 0.0, 20.0],
    [70.0, 10.0, 110.0],
    [165.0, 35.0, 105.0],
    [230.0, 90.0, 45.0],
    [250.0, 180.0, 30.0],
    [255.0, 255.0, 190.0],
];

/// The colour of a byte of the map, from 0 (cold) to 255 (hot).
fn heat(byte: u8) -> [f32; 3] {
    let place = f32::from(byte) / 255.0 * (COLOURS.len() - 1) as f32;
    let below = (place as usize).min(COLOURS.len() - 2);
    let part = place - below as f32;
    std::array::from_fn(|c| COLOURS[below][c] + part * (COLOURS[below + 1][c] - COLOURS[below][c]))
}

#[cfg(test)]
mod tests {
    use resnet_vision::{Normalisation, image};

    use super::*;

    #[test]
    fn hotter_is_lighter() {
        let lightness = |[r, g, b]: [f32; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        assert!((0..255).all(|byte| lightness(heat(byte)) < lightness(heat(byte + 1))));
        assert_eq!((heat(0), heat(255)), (COLOURS[0], COLOURS[5]));
    }

    #[test]
    fn a_heat_map_replaces_another_one_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let image = Image::new(8, 8, vec![100; 8 * 8 * 3]).unwrap();
        let transform = EvalTransform::small(8, Normalisation::HALF);
        let map = HeatMap { width: 1, height: 2, evidence: vec![0.0, 1.0], transform };
        let png = map.png_over(&image).unwrap();
        assert_eq!(image::decode_bytes(&png, "map.png").unwrap(), map.over(&image));
        fs::write(at("map.png"), png).unwrap();
        fs::write(at("mine.png"), image::encode_png(&image).unwrap()).unwrap();
        fs::write(at("short"), "x").unwrap();
        assert!(["map.png", "new.png"].iter().all(|name| HeatMap::may_be_at(&at(name)).is_ok()));
        for name in ["mine.png", "short", "."] {
            let refused = HeatMap::may_be_at(&at(name)).unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("is no heat map; name another"), "{refused}");
        }
    }

    #[test]
    fn small_maps_are_enlarged_by_a_whole_factor() {
        let image = Image::new(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let large = enlarged(image);
        assert_eq!((large.width, large.height), (256, 128));
        assert_eq!(large.pixels[..3], [1, 2, 3]);
        assert_eq!(large.pixels[3 * 127..3 * 129], [1, 2, 3, 4, 5, 6]);
        assert_eq!(enlarged(Image::new(300, 1, vec![7; 900]).unwrap()).width, 300);
    }

    #[test]
    fn the_hottest_place_lies_where_the_evidence_is() {
        // Seen is the middle square of an image twice as wide as high; the evidence is in its upper right.
        let image = Image::new(80, 40, vec![100; 80 * 40 * 3]).unwrap();
        let mut evidence = vec![0.0; 16];
        evidence[3] = 5.0;
        let transform = EvalTransform::small(16, Normalisation::HALF);
        let out = HeatMap { width: 4, height: 4, evidence, transform }.over(&image);
        let red = |x: usize, y: usize| out.pixels[3 * (80 * y + x)];
        assert_eq!((out.width, out.height), (80, 40));
        assert!(red(56, 4) > 150 && red(56, 4) > red(40, 20) && red(40, 20) >= 45, "{}", red(56, 4));
        assert_eq!([red(5, 5), red(75, 35)], [45; 2]);
    }
}
