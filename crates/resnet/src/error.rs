//! Why a pretrained network cannot be loaded, applied, fine-tuned or exported.

use std::path::PathBuf;

/// What went wrong. Each message is a sentence with its cause; what to do about it is up to the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights cannot be read, understood, loaded or written.
    #[error(transparent)]
    Checkpoint(#[from] resnet_models::checkpoint::Error),
    /// There is no network of this name.
    #[error(transparent)]
    Registry(#[from] resnet_models::registry::Error),
    /// A data set or an image file cannot be read or written.
    #[error(transparent)]
    Data(#[from] resnet_data::Error),
    /// An image cannot be used.
    #[error(transparent)]
    Vision(#[from] resnet_vision::Error),
    /// A model of the hub cannot be found or downloaded.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] resnet_hub::Error),
    /// A run's folder or its recipe cannot be read, understood or written.
    #[error(transparent)]
    Record(#[from] resnet_record::Error),
    /// A training or an evaluation failed.
    #[error(transparent)]
    Train(#[from] resnet_train::Error),
    /// A tensor operation failed.
    #[error("{doing} failed: {cause}")]
    Compute {
        /// What was being computed.
        doing: String,
        /// candle's own words.
        cause: Box<candle_core::Error>,
    },
    /// A name that is neither a file nor a folder, and no model of the hub either.
    #[error("there is no file or folder {text}, and as a model of the hub: {cause}")]
    NotThere {
        /// What was asked for.
        text: String,
        /// What the hub says.
        cause: Box<Error>,
    },
    /// The bare name of a network of the registry, which does not name any weights.
    #[error("{0} names a network without weights")]
    NoWeights(String),
    /// A model of the hub, in a build without the feature `hub`.
    #[error("{0} would be a model of the hub, and this build of resnet lacks the feature `hub`")]
    HubFeatureOff(String),
    /// A repository's folder without the file of its weights.
    #[error("{} has config.json, but neither model.safetensors nor pytorch_model.bin beside it, nor an index of their \
             parts such as model.safetensors.index.json", folder.display())]
    WeightsMissing {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder with the weights of a repository, but without the config that tells of them.
    #[error("{} has {weights} but no config.json; give the file itself", folder.display())]
    ConfigMissing {
        /// The folder.
        folder: PathBuf,
        /// The name of the weights' file in it.
        weights: &'static str,
    },
    /// A run that has not written the checkpoint it would be loaded from.
    #[error("the run {} has no {} yet", run.display(), file.display())]
    RunHasNoCheckpoint {
        /// The run's folder.
        run: PathBuf,
        /// The checkpoint.
        file: PathBuf,
    },
    /// The config or the metadata tell of another number of classes than the weights' head has.
    #[error("{}: its {says} {told} classes, and its head has {has}", file.display())]
    ClassCount {
        /// The file of the weights.
        file: PathBuf,
        /// Who says so: `config.json tells of` or `metadata names`.
        says: &'static str,
        /// How many classes that has.
        told: usize,
        /// How many the head has.
        has: usize,
    },
    /// The caller names another number of classes than the weights' head has.
    #[error("{given} names of classes are given for {}, and its head has {has} classes", file.display())]
    GivenClasses {
        /// The file of the weights.
        file: PathBuf,
        /// How many names the caller gives.
        given: usize,
        /// How many classes the head has.
        has: usize,
    },
    /// Weights that say they are of another network than the one that they are given to.
    #[error("{}: its {says} {told}, and the network to be trained is {network}", file.display())]
    OtherNetwork {
        /// The file of the weights.
        file: PathBuf,
        /// Who says so: `metadata names` or `config.json tells of`.
        says: &'static str,
        /// The network that the weights are of.
        told: String,
        /// The network that they are given to.
        network: String,
    },
    /// A file of weights that the description of their network would replace.
    #[error("{} is where the description of the network goes; give the weights another name", file.display())]
    PlaceOfConfig {
        /// The file.
        file: PathBuf,
    },
    /// An export beside the config of something else, which it would replace.
    #[error(
        "{} describes another network, or belongs to another program, and the export would replace it; give the export a \
         folder of its own",
        config.display()
    )]
    OtherConfig {
        /// The config.
        config: PathBuf,
    },
    /// An export into the file that it is made of.
    #[error("{} is the file that the weights are read from, and an export would replace it", file.display())]
    ReplacesItself {
        /// The file.
        file: PathBuf,
    },
    /// An export among the checkpoints of a run, which are the training's alone.
    #[error("{} is among the checkpoints of the run {}, which only its training writes", file.display(), run.display())]
    AmongCheckpoints {
        /// The file.
        file: PathBuf,
        /// The run's folder.
        run: PathBuf,
    },
    /// An export with the ending of another format.
    #[error("an export is a safetensors file, and {} ends as another kind of file does; let it end in .safetensors", file.display())]
    OtherEnding {
        /// The file.
        file: PathBuf,
    },
    /// Nothing says how images are normalised.
    #[error("{} does not say how its images were normalised", file.display())]
    UnknownNormalisation {
        /// The file of the weights.
        file: PathBuf,
    },
    /// The network's logits for an image are not all finite.
    #[error(
        "the network's logits for {image} hold NaN or infinity; {weights} is damaged, or mean and std do not fit it"
    )]
    NotFinite {
        /// The image.
        image: String,
        /// The file of the weights.
        weights: String,
    },
    /// The recipe trains on images in files, and no folder of images was given.
    #[error("recipe '{recipe}' trains on your own images")]
    NeedsFolder {
        /// The recipe's name.
        recipe: String,
    },
    /// A folder was given for a recipe that generates its own images.
    #[error("recipe '{recipe}' generates its own images and reads none")]
    DrawsItsOwn {
        /// The recipe's name.
        recipe: String,
        /// The folder.
        folder: PathBuf,
        /// What the folder holds, if that is recognised.
        found: Option<Recognised>,
    },
    /// A folder of other data than the recipe is for.
    #[error("recipe '{recipe}' is for other data: {} holds {}", found.folder.display(), found.holds)]
    RecipeForOtherData {
        /// The recipe's name.
        recipe: String,
        /// What the folder holds.
        found: Recognised,
    },
    /// A run whose data are not where it found them.
    #[error("the run's data were in {}, and nothing is there", .0.display())]
    DataGone(PathBuf),
    /// A crop that is larger than the resized image.
    #[error("a crop of {crop} pixels does not fit into a shorter side of {resize}")]
    CropTooLarge {
        /// The side of the crop, in pixels.
        crop: usize,
        /// The shorter side that images are resized to, in pixels.
        resize: usize,
    },
    /// A run that cannot be trained again from an early enough step.
    #[error(
        "{} keeps no checkpoint of its first {agreed} steps, and began with the weights of {from}", run.display()
    )]
    NothingToReplay {
        /// The run's folder.
        run: PathBuf,
        /// Whose weights it began with.
        from: String,
        /// Steps in which the runs agree.
        agreed: u64,
    },
    /// A run of several processes, whose steps are not trained again by one.
    #[error(
        "{} was begun by {processes} processes, and one process alone would round otherwise than they did",
        run.display()
    )]
    SeveralProcesses {
        /// The run's folder.
        run: PathBuf,
        /// How many processes there were.
        processes: usize,
    },
    /// No room for a temporary copy of a run.
    #[error("cannot write to the folder for temporary files: {cause}; see that there is space")]
    NoScratch {
        /// The system's message.
        cause: std::io::Error,
    },
    /// Data that this network cannot be scored or trained on.
    #[error("{0}")]
    OtherData(String),
}

/// A folder whose data are known, although they are not those that a recipe is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The folder.
    pub folder: PathBuf,
    /// What it holds: "CIFAR-10", "class folders".
    pub holds: &'static str,
    /// A built-in recipe for such data.
    pub recipe: &'static str,
}

impl Error {
    /// A closure for `map_err` that says what was being computed.
    pub(crate) fn compute(doing: impl Into<String>) -> impl FnOnce(candle_core::Error) -> Error {
        let doing = doing.into();
        move |cause| Error::Compute { doing, cause: Box::new(cause) }
    }
}
