//! Which classes images are of, and what the network sees in them.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use resnet_data::names::shown;
use resnet_models::Inference;
use resnet_ops::Mode;
use resnet_train::Classifier as _;
use resnet_vision::image::Encoded;
use resnet_vision::{EvalTransform, Image};

use crate::{Error, Pretrained, ResNet};

/// A network's answer to an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The network's raw outputs, one per class.
    pub logits: Vec<f32>,
    /// Whether EXIF data turned the image upright.
    pub is_turned: bool,
    names: Arc<[String]>,
}

/// A class that an image may be of.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess<'a> {
    /// Its number.
    pub class: usize,
    /// Its name.
    pub name: &'a str,
    /// From 0 to 1.
    pub probability: f64,
}

impl Prediction {
    /// The `count` most probable classes, the most probable first; of equal ones, the lower class number
    /// first.
    pub fn top(&self, count: usize) -> Vec<Guess<'_>> {
        guesses(&self.logits, &self.names, count)
    }
}

/// A network ready to classify: its norms are folded into its weights and its filters packed when the first
/// images arrive, once for all that follow. That copy of the weights stays in memory with it.
///
/// ```no_run
/// # fn main() -> Result<(), resnet::Error> {
/// let network = resnet::Pretrained::load("timm/resnet50.a1_in1k")?;
/// let predictor = network.predictor()?;
/// for name in ["cat.jpg", "dog.jpg"] {
///     for prediction in predictor.predict_files(&[name])? {
///         println!("{name}: {}", prediction?.top(1)[0].name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Predictor<'a> {
    network: Computing<'a>,
    about: About,
}

/// What a predictor knows besides its network.
#[derive(Debug)]
struct About {
    transform: EvalTransform,
    names: Arc<[String]>,
    /// The name of the network, for errors.
    model: String,
    /// The file of its weights, for errors.
    weights: String,
}

/// What computes logits.
#[derive(Debug)]
enum Computing<'a> {
    Prepared(Inference<'a>),
    AsItIs(&'a ResNet),
}

impl Computing<'_> {
    fn logits(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Computing::Prepared(network) => network.logits(images),
            Computing::AsItIs(network) => network.logits(images, Mode::Eval),
        }
    }
}

impl Predictor<'_> {
    /// Classifies decoded images in one batch.
    ///
    /// # Errors
    /// If the network fails or answers NaN or infinity.
    pub fn predict(&self, images: &[Image]) -> Result<Vec<Prediction>, Error> {
        let inputs: Vec<Vec<f32>> =
            images.par_iter().map(|image| self.about.transform.apply(image)).collect();
        let rows = self.logits(&inputs)?.into_iter().enumerate();
        rows.map(|(index, logits)| self.answer(logits, &format!("image {index}"), IsTurned::No)).collect()
    }

    /// Classifies image files in one batch; each has its own result. EXIF data turn images upright.
    ///
    /// # Errors
    /// The outer error is that of the network, as in [`Predictor::predict`]. An inner error says that a file
    /// can't be read or decoded, or that its logits are not all finite.
    pub fn predict_files(&self, files: &[impl AsRef<Path>]) -> Result<Vec<Result<Prediction, Error>>, Error> {
        let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
        let read = |file: &&Path| {
            let (bytes, name) = (resnet_data::read_image(file)?, shown(file));
            let encoded = Encoded::open(&bytes, &name)?;
            let is_turned = if encoded.is_turned() { IsTurned::Yes } else { IsTurned::No };
            Ok((self.about.transform.apply(&encoded.decode()?), is_turned))
        };
        let read: Vec<Result<(Vec<f32>, IsTurned), Error>> = files.par_iter().map(read).collect();
        let (mut inputs, mut turned) = (vec![], vec![]);
        for result in read {
            turned.push(result.map(|(input, is_turned)| {
                inputs.push(input);
                is_turned
            }));
        }
        let mut rows = self.logits(&inputs)?.into_iter();
        let answers = turned.into_iter().zip(files).map(|(is_turned, file)| {
            let is_turned = is_turned?;
            self.answer(rows.next().unwrap_or_default(), &shown(file), is_turned)
        });
        Ok(answers.collect())
    }

    fn logits(&self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, Error> {
        if inputs.is_empty() {
            return Ok(vec![]);
        }
        let About { transform, model, .. } = &self.about;
        let logits = || self.network.logits(&tensor(inputs, transform)?)?.to_vec2::<f32>();
        let side = transform.crop;
        logits().map_err(Error::compute(format!("{model} on images of {side} x {side}")))
    }

    fn answer(&self, logits: Vec<f32>, image: &str, is_turned: IsTurned) -> Result<Prediction, Error> {
        let About { names, weights, .. } = &self.about;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(Error::NotFinite { image: image.to_owned(), weights: weights.clone() });
        }
        Ok(Prediction { logits, is_turned: is_turned == IsTurned::Yes, names: names.clone() })
    }
}

impl Pretrained {
    /// The network ready to classify: for more than a few images. Preparing it takes as long as a few images;
    /// after that a batch takes less time and less memory.
    ///
    /// # Errors
    /// If it is not known how images are normalised.
    pub fn predictor(&self) -> Result<Predictor<'_>, Error> {
        let network = Computing::Prepared(self.network.model().network().for_inference());
        Ok(Predictor { network, about: self.about()? })
    }

    /// As [`Pretrained::predictor`], but the predictor owns the network, as a server needs it. When the first
    /// images arrive, the weights as they were are freed.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use resnet::{Predictor, Pretrained};
    ///
    /// /// What the threads of a server share.
    /// #[derive(Clone)]
    /// struct Server {
    ///     predictor: Arc<Predictor<'static>>,
    /// }
    ///
    /// # fn main() -> Result<(), resnet::Error> {
    /// let predictor = Arc::new(Pretrained::load("timm/resnet50.a1_in1k")?.into_predictor()?);
    /// let server = Server { predictor };
    /// let other = server.clone();
    /// std::thread::spawn(move || other.predictor.predict_files(&["cat.jpg"]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Pretrained::predictor`].
    pub fn into_predictor(self) -> Result<Predictor<'static>, Error> {
        let about = self.about()?;
        Ok(Predictor { network: Computing::Prepared(self.network.into_model().into_inference()), about })
    }

    /// A predictor that uses the network as it is, with nothing prepared.
    fn unprepared(&self) -> Result<Predictor<'_>, Error> {
        Ok(Predictor { network: Computing::AsItIs(&self.network), about: self.about()? })
    }

    fn about(&self) -> Result<About, Error> {
        Ok(About {
            transform: self.eval_transform()?,
            names: self.classes().names.into(),
            model: self.spec().name.clone(),
            weights: shown(&self.file),
        })
    }

    /// Classifies a few decoded images in one batch; for many there is [`Pretrained::predictor`].
    /// [`decode_bytes`](resnet_vision::image::decode_bytes) makes an image of a file's bytes.
    ///
    /// # Errors
    /// If it is not known how images are normalised, and as [`Predictor::predict`].
    pub fn predict(&self, images: &[Image]) -> Result<Vec<Prediction>, Error> {
        self.unprepared()?.predict(images)
    }

    /// Classifies a few image files in one batch; for many there is [`Pretrained::predictor`].
    ///
    /// # Errors
    /// If it is not known how images are normalised, and as [`Predictor::predict_files`].
    pub fn predict_files(&self, files: &[impl AsRef<Path>]) -> Result<Vec<Result<Prediction, Error>>, Error> {
        self.unprepared()?.predict_files(files)
    }

    /// The features of each image: the mean over the last feature map, one number per channel, which is what
    /// the head reads.
    ///
    /// # Errors
    /// As [`Pretrained::predict`].
    pub fn features(&self, images: &[Image]) -> Result<Vec<Vec<f32>>, Error> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let transform = self.eval_transform()?;
        let inputs: Vec<Vec<f32>> = images.par_iter().map(|image| transform.apply(image)).collect();
        let features = || -> candle_core::Result<Vec<Vec<f32>>> {
            let maps = self.feature_maps(&tensor(&inputs, &transform)?)?;
            maps.mean((2, 3))?.to_vec2()
        };
        features().map_err(Error::compute("computing features"))
    }

    /// The last feature map before pooling, `[N, C, h, w]`, of inputs `[N, 3, H, W]`.
    pub(crate) fn feature_maps(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        self.network.model().network().forward_features(inputs, Mode::Eval)
    }
}

/// Whether EXIF data turned an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsTurned {
    Yes,
    No,
}

/// Inputs as one tensor `[N, 3, side, side]`.
pub(crate) fn tensor(inputs: &[Vec<f32>], transform: &EvalTransform) -> candle_core::Result<Tensor> {
    let side = transform.crop;
    Tensor::from_vec(inputs.concat(), (inputs.len(), 3, side, side), &Device::Cpu)
}

fn guesses<'a>(logits: &[f32], names: &'a [String], count: usize) -> Vec<Guess<'a>> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight =
        |logit: f32| if logit == highest { 1.0 } else { (f64::from(logit) - f64::from(highest)).exp() };
    let sum: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let mut order: Vec<usize> = (0..logits.len().min(names.len())).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    let guess = |class: usize| Guess { class, name: &names[class], probability: weight(logits[class]) / sum };
    order.into_iter().take(count).map(guess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_a_softmax_in_order() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).into();
        let top = guesses(&[0.0, 2f32.ln(), 0.0], &names, 2);
        assert_eq!(top.iter().map(|guess| guess.name).collect::<Vec<_>>(), ["b", "a"]);
        assert!((top[0].probability - 0.5).abs() < 1e-7 && (top[1].probability - 0.25).abs() < 1e-7);
        assert_eq!(guesses(&[1e30, -1e30, f32::INFINITY], &names, 9)[0].probability, 1.0);
        assert_eq!(guesses(&[1.0; 3], &names, 9).len(), 3);
    }
}
