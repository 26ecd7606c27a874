//! Networks with weights, and what is known about them.

use std::fmt;
use std::path::{Path, PathBuf};

use resnet_models::Spec;
use resnet_models::checkpoint::{Metadata, Preprocessing, Report, Resampling};
use resnet_record::{Recipe, RunFolder, RunRecord};
use resnet_vision::{EvalTransform, Normalisation};

use crate::{Error, ResNet, transform, usual};

/// A network with trained weights, and what is known about them.
///
/// ```no_run
/// use resnet::Pretrained;
///
/// # fn main() -> Result<(), resnet::Error> {
/// let network = Pretrained::load("timm/resnet50.a1_in1k")?;
/// for answer in network.predict_files(&["cat.jpg"])? {
///     for guess in answer?.top(5) {
///         println!("{:.1} %  {}", 100.0 * guess.probability, guess.name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pretrained {
    pub(crate) network: ResNet,
    pub(crate) file: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) run: Option<(RunFolder, RunRecord)>,
    pub(crate) report: Report,
    pub(crate) given: Given,
    pub(crate) notes: Vec<Note>,
}

/// What the caller says about weights; it counts before what their file says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) normalisation: Option<Normalisation>,
    /// The shorter side after resizing, in pixels.
    pub(crate) resize: Option<usize>,
    pub(crate) interpolation: Option<Resampling>,
}

/// What a caller may want to know about how weights were found and read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A file with several sets of weights, of which the usual one was taken.
    SeveralWeights {
        /// The file.
        file: PathBuf,
        /// The key of those that were taken.
        taken: String,
        /// The keys of the others.
        others: Vec<String>,
    },
    /// Anything else, as a sentence.
    Other(String),
}

/// A sentence without its full stop.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::SeveralWeights { file, taken, others } => {
                let (file, others) = (file.display(), others.join(", "));
                write!(f, "{file} holds several sets of weights; taking {taken}, not {others}")
            }
            Note::Other(told) => f.write_str(told),
        }
    }
}

/// The names of a network's classes, and where they are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassNames {
    /// In the order of the logits.
    pub names: Vec<String>,
    /// Who says so.
    pub origin: Origin,
}

/// Who says something about a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its file, or the `config.json` of the folder or the repository that was named.
    File,
    /// The caller.
    Caller,
    /// Nobody: it is assumed to be that of this data set, or of these networks, by the network's stem and its
    /// number of classes.
    Assumed(&'static str),
    /// Nobody; classes have their numbers for names.
    Nobody,
}

impl Pretrained {
    /// The network.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// The network alone.
    pub fn into_network(self) -> ResNet {
        self.network
    }

    /// What the network was built from.
    pub fn spec(&self) -> &Spec {
        self.network.spec()
    }

    /// The file that the weights are from; the index of its parts where they are in several.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What the file says about the weights, and where a folder or a model of the hub was named, its
    /// `config.json`. One that lies beside a file that was named itself is not read.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The run that the file belongs to, if it lies in one.
    pub fn run(&self) -> Option<&(RunFolder, RunRecord)> {
        self.run.as_ref()
    }

    /// What was loaded, and what was not.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What else is to be known about how the weights were found and read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Height and width of the network's input, in pixels.
    pub fn input_size(&self) -> [usize; 2] {
        let [_, height, width] = self.metadata.preprocessing.map_or(self.spec().input, |how| how.input);
        [height, width]
    }

    /// The recipe that it was trained by, if the file has it.
    ///
    /// # Errors
    /// If the file has one that is not understood.
    pub fn recipe(&self) -> Result<Option<Recipe>, Error> {
        let parse = |text: &String| Recipe::parse(text, &format!("the recipe in {}", self.file.display()));
        Ok(self.metadata.recipe.as_ref().map(parse).transpose()?)
    }

    /// Names of its classes: the caller's, the file's, or else CIFAR's or ImageNet's where both the stem and
    /// the number of classes are theirs.
    pub fn classes(&self) -> ClassNames {
        let given = self.given.classes.as_ref().map(|names| (names, Origin::Caller));
        let known = given.or(self.metadata.classes.as_ref().map(|names| (names, Origin::File)));
        if let Some((names, origin)) = known {
            return ClassNames { names: names.clone(), origin };
        }
        match usual::classes(self.spec()) {
            Some((names, set)) => ClassNames { names, origin: Origin::Assumed(set) },
            None => {
                let classes = self.spec().classes;
                let names = (0..classes).map(|class| format!("class {class}")).collect();
                ClassNames { names, origin: Origin::Nobody }
            }
        }
    }

    /// The normalisation of pixels, and who says so: the caller, the file, or else nobody. It is then assumed
    /// by the network's stem: with ImageNet's, that of the published weights, which is
    /// [`Normalisation::HALF`] for V2 networks and [`Normalisation::IMAGENET`] for others; with CIFAR's stem
    /// and its 10 or 100 classes, that of CIFAR.
    ///
    /// # Errors
    /// [`Error::UnknownNormalisation`] if nobody says it and it is none of these networks;
    /// [`Error::Vision`] if the caller's is none, as with a mean of pixels from 0 to 255.
    pub fn normalisation(&self) -> Result<(Normalisation, Origin), Error> {
        if let Some(given) = self.given.normalisation {
            given.check()?;
            return Ok((given, Origin::Caller));
        }
        if let Some(told) = self.told_normalisation() {
            return Ok((told, Origin::File));
        }
        match usual::normalisation(self.spec()) {
            Some((normalisation, whose)) => Ok((normalisation, Origin::Assumed(whose))),
            None => Err(Error::UnknownNormalisation { file: self.file.clone() }),
        }
    }

    /// The normalisation that the weights were trained with, if the file says it.
    pub fn told_normalisation(&self) -> Option<Normalisation> {
        self.metadata.preprocessing.map(transform::normalisation)
    }

    /// How an image becomes an input: as the caller says, the file, or else as is usual for such a network
    /// (see [`Pretrained::is_resizing_assumed`]).
    ///
    /// # Errors
    /// As [`Pretrained::normalisation`]; [`Error::CropTooLarge`] if the caller's resize is smaller than the
    /// crop.
    pub fn preprocessing(&self) -> Result<Preprocessing, Error> {
        let how = transform::of(self.spec(), self.metadata.preprocessing, self.normalisation()?.0);
        let resize = self.given.resize.unwrap_or(how.resize);
        if self.given.resize.is_some() && resize < how.crop {
            return Err(Error::CropTooLarge { crop: how.crop, resize });
        }
        let interpolation = self.given.interpolation.unwrap_or(how.interpolation);
        Ok(Preprocessing { resize, interpolation, ..how })
    }

    /// Whether [`Pretrained::preprocessing`] resizes as is usual because neither the file nor the caller says
    /// how, and the network takes photographs, which others may have resized in another way. With ImageNet's
    /// stem it is usual to resize with a bilinear filter and to crop 224 of 256 pixels.
    pub fn is_resizing_assumed(&self) -> bool {
        let is_given = self.given.resize.is_some() && self.given.interpolation.is_some();
        !is_given && self.metadata.preprocessing.is_none() && self.spec().has_imagenet_stem()
    }

    /// How an image becomes an input, ready to be applied.
    ///
    /// # Errors
    /// As [`Pretrained::preprocessing`].
    pub fn eval_transform(&self) -> Result<EvalTransform, Error> {
        self.preprocessing().map(transform::applied)
    }
}
