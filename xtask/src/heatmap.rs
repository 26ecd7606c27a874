//! Class activation maps (Zhou et al. 2016): where on a picture a network sees the class that it names.
//!
//! Head and pooling are linear, so a class's logit is the mean over the last feature map of
//! `W[class] . features`, plus a bias. Those products, brought back to the picture's size, are laid over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use candle_core::{Device, IndexOp as _, Tensor};
use resnet_data::names::shown;
use resnet_data::{Interpolation, Picture, Preprocess, picture, resize};
use resnet_ops::Mode;
use resnet_train::Classifier as _;

use crate::failure::Ended;
use crate::weights::Trained;

/// Where each picture's map is written.
#[derive(Debug)]
pub(crate) struct Targets(BTreeMap<PathBuf, PathBuf>);

impl Targets {
    /// One picture's map is the file `out`, if that ends in .png; otherwise `out` is a folder with a file for
    /// each.
    pub(crate) fn new(out: &Path, pictures: &[PathBuf]) -> anyhow::Result<Self> {
        let is_png = out.extension().is_some_and(|end| end.eq_ignore_ascii_case("png"));
        if is_png && !out.is_dir() {
            let [picture] = pictures else {
                let message = format!(
                    "--heatmap {} is one file, and there are {} pictures; give a folder instead",
                    shown(out),
                    pictures.len()
                );
                return Err(Ended::Usage(message).into());
            };
            return Ok(Self([(picture.clone(), out.to_owned())].into()));
        }
        let mut targets = BTreeMap::new();
        let mut sources: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
        for picture in pictures {
            let mut name = picture.file_name().unwrap_or(picture.as_os_str()).to_owned();
            name.push(".heatmap.png");
            let target = out.join(name);
            if let Some(other) = sources.insert(target.clone(), picture).filter(|other| *other != picture) {
                bail!(
                    "the heat maps of {} and {} would both be {}; predict them one after the other, into two folders",
                    shown(other),
                    shown(picture),
                    shown(&target)
                );
            }
            targets.insert(picture.clone(), target);
        }
        Ok(Self(targets))
    }

    /// Writes the map of `class` on the picture in `file`; returns where.
    pub(crate) fn write(
        &self,
        trained: &Trained,
        preprocess: &Preprocess,
        file: &Path,
        class: usize,
    ) -> anyhow::Result<&Path> {
        let target = self.0.get(file).with_context(|| format!("{} has no heat map", shown(file)))?;
        let picture = picture::decode(file)?;
        let map = activation(trained, preprocess, &picture, class)
            .with_context(|| format!("no heat map of {}", shown(file)))?;
        let png = picture::encode_png(&overlay(&picture, &map, preprocess))?;
        let write = || -> std::io::Result<()> {
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder)?;
            }
            resnet_files::write_whole(target, |out| out.write_all(&png))
        };
        write().with_context(|| format!("cannot write the heat map {}", shown(target)))?;
        Ok(target)
    }
}

/// The class's evidence at each place of the last feature map.
struct Map {
    width: usize,
    height: usize,
    evidence: Vec<f32>,
}

fn activation(
    trained: &Trained,
    preprocess: &Preprocess,
    picture: &Picture,
    class: usize,
) -> anyhow::Result<Map> {
    let side = preprocess.crop;
    let input = Tensor::from_vec(preprocess.apply(picture), (1, 3, side, side), &Device::Cpu)?;
    let features = trained.net.0.network().forward_features(&input, Mode::Eval)?.i(0)?;
    let (channels, height, width) = features.dims3()?;
    let variables = trained.net.variables();
    let head = ["fc.weight", "head.fc.weight"].into_iter().find_map(|name| variables.get(name));
    let head = head.context("the network has neither fc.weight nor head.fc.weight")?;
    // A head may be a convolution of 1 x 1: [classes, channels, 1, 1].
    let row = head.i(class)?.reshape((1, channels))?;
    let evidence = row.matmul(&features.reshape((channels, height * width))?)?.flatten_all()?.to_vec1()?;
    Ok(Map { width, height, evidence })
}

/// The map over the picture in grey, as large as the picture; what the network did not see stays dark.
fn overlay(picture: &Picture, map: &Map, preprocess: &Preprocess) -> Picture {
    let (low, high) =
        map.evidence.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let range = if high > low { high - low } else { 1.0 };
    let bytes = map.evidence.iter().flat_map(|x| [((x - low) / range * 255.0).round() as u8; 3]);
    let small = Picture { width: map.width, height: map.height, pixels: bytes.collect() };
    let [left, top, right, bottom] = preprocess.seen((picture.width, picture.height));
    // The square can be larger than the picture: then black surrounded that.
    let side = |from: f64, to: f64| ((to - from).round() as usize).max(1);
    let large = resize(&small, (side(left, right), side(top, bottom)), Interpolation::Bicubic);

    let mut out = picture.clone();
    for (i, pixel) in out.pixels.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((i % picture.width) as f64 - left, (i / picture.width) as f64 - top);
        let (column, row) = (x.round(), y.round());
        let grey = (0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1])) + 0.114 * f32::from(pixel[2]);
        let inside = column >= 0.0 && row >= 0.0 && column < large.width as f64 && row < large.height as f64;
        let [red, green, blue] = if inside {
            heat(large.pixels[3 * (row as usize * large.width + column as usize)])
        } else {
            [0.0; 3]
        };
        for (byte, colour) in pixel.iter_mut().zip([red, green, blue]) {
            *byte = (PICTURE * grey + (1.0 - PICTURE) * colour).round() as u8;
        }
    }
    out
}

/// How much of a pixel is the picture's; the rest is the map's.
const PICTURE: f32 = 0.45;

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

/// The colour of a byte.
fn heat(byte: u8) -> [f32; 3] {
    let place = f32::from(byte) / 255.0 * (COLOURS.len() - 1) as f32;
    let below = (place as usize).min(COLOURS.len() - 2);
    let part = place - below as f32;
    std::array::from_fn(|c| COLOURS[below][c] + part * (COLOURS[below + 1][c] - COLOURS[below][c]))
}

#[cfg(test)]
mod tests {
    use resnet_data::Normalisation;

    use super::*;

    #[test]
    fn hotter_is_lighter() {
        let lightness = |[r, g, b]: [f32; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        assert!((0..255).all(|byte| lightness(heat(byte)) < lightness(heat(byte + 1))));
        assert_eq!((heat(0), heat(255)), (COLOURS[0], COLOURS[5]));
    }

    #[test]
    fn the_hottest_place_lies_where_the_evidence_is() {
        // Seen is the middle square of a picture twice as wide as high; the evidence is in its upper right.
        let picture = Picture::new(80, 40, vec![100; 80 * 40 * 3]).unwrap();
        let mut evidence = vec![0.0; 16];
        evidence[3] = 5.0;
        let preprocess = Preprocess::small(16, Normalisation::HALF);
        let out = overlay(&picture, &Map { width: 4, height: 4, evidence }, &preprocess);
        let red = |x: usize, y: usize| out.pixels[3 * (80 * y + x)];
        assert_eq!((out.width, out.height), (80, 40));
        assert!(red(56, 4) > 150 && red(56, 4) > red(40, 20) && red(40, 20) >= 45, "{}", red(56, 4));
        assert_eq!([red(5, 5), red(75, 35)], [45; 2]);
    }

    #[test]
    fn files_and_folders_are_told_apart() {
        let pictures = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let one = Targets::new(Path::new("out.png"), &pictures(&["a/cat.jpg"])).unwrap();
        assert_eq!(one.0[Path::new("a/cat.jpg")], Path::new("out.png"));
        let two = Targets::new(Path::new("maps"), &pictures(&["a/cat.jpg", "cat.png", "cat.png"])).unwrap();
        assert_eq!(two.0[Path::new("a/cat.jpg")], Path::new("maps/cat.jpg.heatmap.png"));
        assert_eq!(two.0[Path::new("cat.png")], Path::new("maps/cat.png.heatmap.png"));
        let several = Targets::new(Path::new("out.PNG"), &pictures(&["a", "b"])).unwrap_err();
        assert!(several.to_string().contains("2 pictures"), "{several}");
        let twice = Targets::new(Path::new("maps"), &pictures(&["a/cat.jpg", "b/cat.jpg"])).unwrap_err();
        assert!(twice.to_string().contains("would both be maps/cat.jpg.heatmap.png"), "{twice}");
    }
}
