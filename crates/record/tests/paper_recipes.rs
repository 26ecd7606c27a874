//! The built-in recipes of the papers, checked against the papers' own tables.

use resnet_record::paper::{self, CifarRow, ImageNetRow, Reported};
use resnet_record::{
    BUILT_IN, DataSet, Duration, Flip, ImageCrop, ImageOrientation, Recipe, ScheduleRecipe, Warmup,
    WarmupFrom, WarmupKind, WarmupRecipe,
};

/// The recipes that cite one of the two papers.
fn citing() -> Vec<(Recipe, String)> {
    let recipes = BUILT_IN.iter().map(|(name, text)| Recipe::parse(text, name).unwrap());
    let with_paper = recipes.filter_map(|recipe| Some((recipe.clone(), recipe.paper?)));
    with_paper.filter(|(_, paper)| paper.contains("1603.05027") || paper.contains("1512.03385")).collect()
}

/// Whether `paper` cites this table: "table 1(b)", "tables 1, 2(a) and 3"; 0 is the predecessor's table 6.
fn cites(paper: &str, table: u8) -> bool {
    let (paper, number) = match table {
        0 => (paper.split_once("1512.03385, "), 6),
        _ => (paper.split_once("1603.05027, "), table),
    };
    let tables = paper.and_then(|(_, rest)| rest.split(':').next());
    tables.is_some_and(|tables| {
        tables.starts_with("table") && tables.split(" and ").any(|part| part.contains(&number.to_string()))
    })
}

fn set_name(recipe: &Recipe) -> &'static str {
    match recipe.data.set {
        DataSet::Cifar10 => "cifar10",
        DataSet::Cifar100 => "cifar100",
        DataSet::Generated => "generated",
        DataSet::Images => "images",
    }
}

/// What is wrong with the recipe that the row names.
fn fault(row: &CifarRow) -> Option<String> {
    let Some(recipe) = Recipe::built_in(row.recipe) else { return Some("there is none".to_owned()) };
    let paper = recipe.paper.clone().unwrap_or_default();
    // Table 6 of 1512.03385 has the best of five runs of ResNet-110, 6.43, whose median stands in 1603.05027.
    let is_mean = row.table == 0 && row.network == "ResNet-110";
    let (expected, published) = match row.reported {
        Reported::Error(error) => (Some(error), format!("{error:.2} %")),
        Reported::Fails => (None, "fails".to_owned()),
    };
    let is_same = recipe.expected_error == expected && recipe.published() == Some(published);
    match () {
        () if recipe.model.name != row.model => Some(format!("it trains {}", recipe.model.name)),
        () if set_name(&recipe) != row.data => Some(format!("it trains on {}", set_name(&recipe))),
        () if !is_mean && !is_same => Some(format!("it expects {:?}", recipe.published())),
        () if !is_mean && !cites(&paper, row.table) => Some(format!("it cites {paper}")),
        () => None,
    }
}

#[test]
fn every_row_of_the_tables_has_its_recipe_with_its_error() {
    let mut faults = vec![];
    for row in paper::cifar() {
        faults.extend(fault(row).map(|fault| format!("{}: {fault}; {row:?}", row.recipe)));
    }
    for row in &paper::TABLE_5 {
        let ImageNetRow { network, unit, augmentation, top1_error, recipe, .. } = row;
        let text = format!("arXiv 1603.05027, table 5: {network}, {unit}, {augmentation} augmentation");
        let wanted = (Some(text.replace("scale + aspect", "scale and aspect")), Some(*top1_error));
        let found = Recipe::built_in(recipe).map(|recipe| (recipe.paper, recipe.expected_error));
        if found.as_ref() != Some(&wanted) {
            faults.push(format!("{recipe}: {found:?}, not {wanted:?}"));
        }
    }
    for (recipe, paper) in citing().iter().filter(|(recipe, _)| recipe.data.set != DataSet::Images) {
        if !paper::cifar().any(|row| row.recipe == recipe.name) {
            faults.push(format!("{} is of no row: {paper}", recipe.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn cifars_trainings_are_the_papers() {
    let cifars: Vec<_> =
        citing().into_iter().filter(|(recipe, _)| recipe.data.set != DataSet::Images).collect();
    assert!(cifars.len() > 30, "{}", cifars.len());
    for (recipe, paper) in cifars {
        let name = &recipe.name;
        let batch = recipe.train.batch_size as u64;
        assert_eq!(batch, if paper.contains("mini-batch 64") { 64 } else { 128 }, "{name}");
        // All of it in images, whatever unit it is written in.
        let images = |duration: Duration| match duration {
            Duration::Steps(steps) => steps * batch,
            Duration::Images(images) => images,
            Duration::Epochs(_) => panic!("{name}"),
        };
        let thousands = 128_000;
        assert_eq!(images(recipe.train.duration), 64 * thousands, "{name}");
        assert_eq!((recipe.data.validation, recipe.optimizer.weight_decay), (0, 1e-4), "{name}");
        assert_eq!(recipe.optimizer.momentum, 0.9, "{name}");
        assert_eq!((recipe.augmentation.pad_crop, recipe.augmentation.flip), (4, Flip::Horizontal), "{name}");
        let ScheduleRecipe::MultiStep { lr, divide_by, milestones, warmup } = &recipe.schedule else {
            panic!("{name}")
        };
        assert_eq!((*lr, *divide_by), (0.1, 10.0), "{name}");
        let milestones: Vec<u64> = milestones.iter().map(|milestone| images(*milestone)).collect();
        assert_eq!(milestones, [32 * thousands, 48 * thousands], "{name}");
        let Some(WarmupRecipe::From(WarmupFrom { lr, duration: Warmup::For(duration), kind })) = *warmup
        else {
            panic!("{name}: {warmup:?}")
        };
        assert_eq!((lr, images(duration), kind), (0.01, 400 * 128, WarmupKind::Flat), "{name}");
    }
}

#[test]
fn imagenets_trainings_are_the_papers() {
    let is_of_paper =
        |name: &str| ["-v1", "-v2", "-bn-after-addition"].iter().any(|unit| name.contains(unit));
    let recipes = BUILT_IN.iter().map(|(name, text)| Recipe::parse(text, name).unwrap());
    let all: Vec<_> =
        recipes.filter(|recipe| recipe.data.set == DataSet::Images && is_of_paper(&recipe.name)).collect();
    assert_eq!(all.len(), 9);
    for recipe in all {
        let name = &recipe.name;
        let images = recipe.images.expect("transforms of images");
        // One crop of 320 pixels, of a shorter side of 320, but for the 101 layers of section 4.1.
        let is_in_the_text =
            ["imagenet-resnet101-v1", "imagenet-resnet101-bn-after-addition"].contains(&name.as_str());
        let resize = if is_in_the_text { (256, 224) } else { (320, 320) };
        assert_eq!((images.evaluate.resize, images.evaluate.crop), resize, "{name}");
        assert_eq!(images.image_size, 224, "{name}");
        assert_eq!(recipe.train.duration, Duration::Epochs(90), "{name}");
        assert_eq!((recipe.train.batch_size, recipe.optimizer.weight_decay), (256, 1e-4), "{name}");
        assert_eq!((recipe.optimizer.momentum, recipe.augmentation.flip), (0.9, Flip::Horizontal), "{name}");
        let ScheduleRecipe::MultiStep { lr, divide_by, milestones, warmup } = &recipe.schedule else {
            panic!("{name}")
        };
        assert_eq!((*lr, *divide_by, warmup), (0.1, 10.0, &None));
        assert_eq!(milestones[..], [Duration::Epochs(30), Duration::Epochs(60)]);
        let has_aspect = recipe.paper.as_ref().is_some_and(|paper| paper.contains("aspect"));
        assert_eq!(images.crop == ImageCrop::RandomResizedCrop, has_aspect, "{name}");
        // AlexNet's change of light goes with scale augmentation alone.
        assert_eq!(images.lighting, if has_aspect { 0.0 } else { 0.1 }, "{name}");
        let mut of_one = recipe.clone();
        let message = of_one.set("model.classes=1").unwrap_err().to_string();
        assert!(message.contains("model.classes is 1; a classifier needs at least two"), "{message}");
        // As torchvision and timm show ImageNet's images.
        assert_eq!(images.orientation, ImageOrientation::Ignore, "{name}");
    }
}

#[test]
fn what_was_published_is_an_error_or_a_failure() {
    let of = |name: &str| Recipe::built_in(name).unwrap().published();
    assert_eq!(of("cifar10-resnet110-exclusive-gating-bias-6").as_deref(), Some("8.70 %"));
    assert_eq!(of("cifar10-resnet110-dropout-shortcut").as_deref(), Some("fails"));
    assert_eq!(of("cifar10-resnet20-v2"), None);
}
