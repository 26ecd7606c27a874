//! How a row of the paper becomes a training: as the paper has it, for a night on two cores, or for minutes.

use std::fmt;

use resnet_models::{Branch, registry};
use resnet_record::paper::{IMAGENET_CLASSES, depth_and_unit};
use resnet_record::{
    DataSet, Duration, EvaluateTest, GeneratedSizes, Recipe, ScheduleRecipe, Warmup, WarmupRecipe,
};

/// How much is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The paper's networks and schedule.
    Full,
    /// Shallower networks, such as 56 layers for 110, for eight epochs: a night on two cores for a table's
    /// rows of 110 layers. ImageNet's networks have nine epochs, which takes two cores months.
    Small,
    /// Networks of 8 to 34 layers for some thousand images: minutes, to see that all of it works.
    Smoke,
}

/// What images a study trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// Those of the rows' data sets.
    Real,
    /// Shapes that a smoke training generates in their place; the other scales have none.
    Generated,
}

/// The paper's depths, each with those of small and smoke.
const DEPTHS: [(usize, usize, usize); 10] = [
    (20, 20, 8),
    (32, 32, 8),
    (44, 44, 8),
    (56, 56, 8),
    (110, 56, 14),
    (164, 56, 20),
    (1001, 164, 29),
    (1202, 110, 20),
    (152, 50, 18),
    (200, 101, 34),
];

/// Images that a smoke training sees, in batches half as large as the paper's and of 64 images at most.
const SMOKE_IMAGES: u64 = 2_560;
/// The same of ImageNet's networks, each step of which costs more than ten times as much as one of CIFAR's.
const SMOKE_IMAGENET_IMAGES: u64 = 1_280;
/// The generated data set of a smoke training.
const GENERATED: GeneratedSizes = GeneratedSizes { train: 1_280, test: 500 };
/// Epochs of a small training, and of one on images in files.
const SMALL_EPOCHS: u64 = 8;
const SMALL_IMAGENET_EPOCHS: u64 = 9;
/// Images of a small training's warm-up: 3 % of the training; the paper's warm-up takes 0.6 %.
const SMALL_WARMUP: u64 = 100 * 128;

impl Scale {
    /// Its name on the command line: `full`, `small`, `smoke`.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Full => "full",
            Scale::Small => "small",
            Scale::Smoke => "smoke",
        }
    }

    /// Seeds of each row unless somebody asks for more: the paper's five, two, one.
    pub fn usual_seeds(self) -> u64 {
        match self {
            Scale::Full => 5,
            Scale::Small => 2,
            Scale::Smoke => 1,
        }
    }

    /// The test error in percent above which a training by `recipe` has failed: the paper's 20 for CIFAR-10
    /// at full scale; else that of a network which is right at most twice as often as a guess, such as 80
    /// among ten classes.
    pub(crate) fn fails_above(self, recipe: &Recipe) -> f64 {
        match self {
            Scale::Full if recipe.data.set == DataSet::Cifar10 => 20.0,
            _ => 100.0 - 2.0 * 100.0 / recipe.classes().unwrap_or(IMAGENET_CLASSES) as f64,
        }
    }

    /// `paper`, a built-in recipe, at this scale, on images of this kind.
    pub(crate) fn recipe(self, paper: &Recipe, images: ImageKind) -> Recipe {
        let mut recipe = paper.clone();
        if recipe.data.set != DataSet::Images {
            recipe.train.evaluate_test = EvaluateTest::EachEpoch;
        }
        match self {
            Scale::Full => recipe.train.evaluate_every_epochs = 2,
            Scale::Small => small(&mut recipe),
            Scale::Smoke => smoke(&mut recipe, images),
        }
        if self != Scale::Full {
            // Nothing was published of this training.
            recipe.expected_error = None;
            recipe.about =
                format!("{} At the scale {}, to be held beside its row.", recipe.about, self.name());
            recipe.name = format!("{}-{}", self.name(), recipe.name);
            recipe.model.name = self.model(&recipe.model.name);
        }
        recipe
    }

    /// The network in the place of the paper's `model`: the same unit at another depth.
    fn model(self, model: &str) -> String {
        let (depth, unit) = depth_and_unit(model);
        let known = DEPTHS.iter().find(|(paper, ..)| paper.to_string() == depth);
        let depth = match (self, known) {
            (Scale::Small, Some((_, small, _))) => small.to_string(),
            (Scale::Smoke, Some((.., smoke))) => smoke.to_string(),
            _ => depth.to_owned(),
        };
        let name = format!("resnet{depth}{unit}");
        let is_bottleneck = |name: &str| {
            registry::find(name, 10).is_ok_and(|spec| matches!(spec.branch, Branch::Bottleneck(_)))
        };
        // On CIFAR the depth alone chooses between two-layer units and bottlenecks; the suffix keeps
        // bottlenecks.
        match is_bottleneck(model) && !is_bottleneck(&name) && !name.ends_with("-imagenet") {
            true => format!("{name}-bottleneck"),
            false => name,
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Eight epochs; the rate drops after four and six, as the paper's after half and three quarters. ImageNet:
/// nine epochs in batches of 64 images, with drops after three and six and the rate scaled to the batch.
fn small(recipe: &mut Recipe) {
    recipe.train.log_every_steps = 25;
    if recipe.data.set == DataSet::Images {
        let scale = 64.0 / recipe.train.batch_size as f64;
        recipe.train.batch_size = 64;
        length(recipe, Duration::Epochs(SMALL_IMAGENET_EPOCHS), [3, 6].map(Duration::Epochs), None);
        if let ScheduleRecipe::MultiStep { lr, .. } = &mut recipe.schedule {
            *lr *= scale;
        }
        return;
    }
    let milestones = [SMALL_EPOCHS / 2, SMALL_EPOCHS * 3 / 4].map(Duration::Epochs);
    length(recipe, Duration::Epochs(SMALL_EPOCHS), milestones, Some(Duration::Images(SMALL_WARMUP)));
}

/// Makes a training of some thousand images, in smaller batches.
fn smoke(recipe: &mut Recipe, kind: ImageKind) {
    let images = match recipe.data.set {
        DataSet::Images => SMOKE_IMAGENET_IMAGES,
        DataSet::Cifar10 | DataSet::Cifar100 | DataSet::Generated => SMOKE_IMAGES,
    };
    if kind == ImageKind::Generated {
        recipe.data.set = DataSet::Generated;
        recipe.data.generated = Some(GENERATED);
        recipe.images = None;
        recipe.augmentation.flip = resnet_record::Flip::None;
        recipe.train.evaluate_test = EvaluateTest::EachEpoch;
    }
    recipe.train.batch_size = (recipe.train.batch_size / 2).min(64);
    recipe.train.log_every_steps = 2;
    let milestones = [images / 2, images * 3 / 4].map(Duration::Images);
    length(recipe, Duration::Images(images), milestones, Some(Duration::Images(images / 16)));
}

/// Gives the training another length, with the drops of its rate and its warm-up where it has one.
fn length(recipe: &mut Recipe, duration: Duration, drops: [Duration; 2], rise: Option<Duration>) {
    recipe.train.duration = duration;
    if let ScheduleRecipe::MultiStep { milestones, warmup, .. } = &mut recipe.schedule {
        *milestones = drops.into();
        if let (Some(WarmupRecipe::From(from)), Some(rise)) = (warmup, rise) {
            from.duration = Warmup::For(rise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(scale: Scale, name: &str, images: ImageKind) -> Recipe {
        let recipe = scale.recipe(&Recipe::built_in(name).unwrap(), images);
        recipe.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
        recipe
    }

    #[test]
    fn a_network_keeps_its_unit_and_its_branch_at_every_depth() {
        let rows = [
            ("cifar10-resnet110-plain", "resnet56-plain", "resnet14-plain"),
            ("cifar10-resnet164-v2", "resnet56-v2-bottleneck", "resnet20-v2-bottleneck"),
            ("cifar10-resnet110-v1-one-layer", "resnet56-v1-one-layer", "resnet14-v1-one-layer"),
            ("cifar10-resnet1001-v1", "resnet164-v1", "resnet29-v1"),
            ("imagenet-resnet200-v2", "resnet101-v2-imagenet", "resnet34-v2-imagenet"),
        ];
        for (recipe, small, smoke) in rows {
            assert_eq!(at(Scale::Small, recipe, ImageKind::Real).model.name, small);
            assert_eq!(at(Scale::Smoke, recipe, ImageKind::Generated).model.name, smoke);
            let paper = Recipe::built_in(recipe).unwrap();
            assert_eq!(at(Scale::Full, recipe, ImageKind::Real).model.name, paper.model.name);
            assert_eq!(at(Scale::Full, recipe, ImageKind::Real).expected_error, paper.expected_error);
        }
        for (paper, small, smoke) in DEPTHS {
            for unit in ["-v1", "-v2", "-v1-one-layer", "-v1-imagenet"] {
                // Table 5's depths are of networks for ImageNet, all others of those for CIFAR.
                if [152, 200].contains(&paper) != unit.ends_with("-imagenet") {
                    continue;
                }
                if registry::find(&format!("resnet{paper}{unit}"), 10).is_err() {
                    continue;
                }
                for (scale, depth) in [(Scale::Small, small), (Scale::Smoke, smoke)] {
                    let name = scale.model(&format!("resnet{paper}{unit}"));
                    assert!(name.starts_with(&format!("resnet{depth}-")), "{name}");
                    assert!(registry::find(&name, 10).is_ok(), "{name}");
                }
            }
        }
    }

    #[test]
    fn trainings_are_as_long_as_their_scale_says() {
        let steps = |recipe: &Recipe| recipe.train.duration.steps(recipe.epoch_size(None).unwrap());
        assert_eq!(steps(&at(Scale::Small, "cifar10-resnet110-v1", ImageKind::Real)), 8 * 391);
        assert_eq!(steps(&at(Scale::Smoke, "cifar10-resnet110-v1", ImageKind::Generated)), 40);
        // An epoch of 50,000 images ends in a smaller batch, so a step is a little less than 64 images.
        assert_eq!(steps(&at(Scale::Smoke, "cifar10-resnet110-v1", ImageKind::Real)), 41);
        // Half the mini-batch, as many images.
        assert_eq!(steps(&at(Scale::Smoke, "cifar10-resnet1001-v2-batch64", ImageKind::Generated)), 80);
        assert_eq!(steps(&at(Scale::Smoke, "imagenet-resnet152-v2", ImageKind::Generated)), 20);
        assert_eq!(steps(&at(Scale::Full, "cifar10-resnet110-v1", ImageKind::Real)), 64_000);
    }
}
