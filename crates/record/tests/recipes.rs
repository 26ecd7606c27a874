//! The shipped recipes, the keys' meaning, and what is refused with which words.

use proptest::prelude::*;
use resnet_record::paper::{self, Outcome};
use resnet_record::{
    DataSet, Duration, Error, PhotoCrop, PhotoDecoding, PhotoOrientation, Recipe, ScheduleRecipe,
    parse_metrics,
};

const CIFAR: &str = include_str!("../../../xtask/recipes/cifar10-resnet20-v2.toml");
const QUICK: &str = include_str!("../../../xtask/recipes/quick-start.toml");

fn cifar() -> Recipe {
    Recipe::parse(CIFAR, "cifar10-resnet20-v2.toml").unwrap()
}

/// Every file of xtask/recipes, with its name.
fn shipped() -> Vec<(String, Recipe)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/recipes");
    let mut recipes: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), Recipe::load(&path).unwrap()))
        .collect();
    recipes.sort_by(|a, b| a.0.cmp(&b.0));
    recipes
}

#[test]
fn every_shipped_recipe_is_valid_and_survives_being_written() {
    let recipes = shipped();
    assert!(recipes.len() >= 8, "{}", recipes.len());
    for (stem, recipe) in recipes {
        assert_eq!(stem, recipe.name);
        let text = recipe.to_toml().unwrap();
        assert_eq!(Recipe::parse(&text, "written").unwrap(), recipe, "{text}");
    }
}

#[test]
fn what_the_papers_recipes_expect_is_what_the_paper_published() {
    let of_cifar = |recipe: &Recipe| recipe.paper.is_some() && recipe.data.set != DataSet::Photos;
    for (name, recipe) in shipped().into_iter().filter(|(_, recipe)| of_cifar(recipe)) {
        let expected = Outcome::Error(recipe.expected_error.expect("a recipe of the paper states its error"));
        let (network, unit) = match recipe.model.name.rsplit_once('-').unwrap() {
            (network, "v1") => (network, "original"),
            (network, _) => (network, "pre-activation"),
        };
        let set = name.split('-').next().unwrap();
        let published = paper::cifar().find(|row| {
            row.table == 3
                && row.data == set
                && row.network.replace('-', "").eq_ignore_ascii_case(network)
                && row.unit == unit
        });
        assert_eq!(published.unwrap().outcome, expected, "{name}");
        assert_eq!(recipe.train.duration, Duration::Steps(64_000), "{name}");
        assert_eq!(recipe.data.validation, 0, "{name}: the paper trains on all images");
        let ScheduleRecipe::Steps { rate, divide_by, at, warmup } = &recipe.schedule else {
            panic!("{name}")
        };
        assert_eq!((*rate, *divide_by), (0.1, 10.0));
        assert_eq!(at[..], [Duration::Steps(32_000), Duration::Steps(48_000)]);
        assert_eq!(warmup.map(|w| (w.rate, w.duration)), Some((0.01, Duration::Steps(400))));
    }
}

#[test]
fn imagenets_recipes_are_the_papers() {
    let all: Vec<_> =
        shipped().into_iter().filter(|(_, recipe)| recipe.data.set == DataSet::Photos).collect();
    assert_eq!(all.len(), 2);
    for (name, recipe) in all {
        let photos = recipe.photos.expect("what is done to photographs");
        // One crop of 320 pixels, of a shorter side of 320.
        assert_eq!((photos.side, photos.evaluate.resize, photos.evaluate.crop), (224, 320, 320), "{name}");
        assert_eq!(recipe.train.duration, Duration::Epochs(90), "{name}");
        assert_eq!((recipe.train.batch, recipe.optimizer.weight_decay), (256, 1e-4), "{name}");
        let ScheduleRecipe::Steps { rate, divide_by, at, warmup } = &recipe.schedule else {
            panic!("{name}")
        };
        assert_eq!((*rate, *divide_by, warmup), (0.1, 10.0, &None));
        assert_eq!(at[..], [Duration::Epochs(30), Duration::Epochs(60)]);
        let best = paper::TABLE_5.last().expect("rows");
        let aspect = photos.crop == PhotoCrop::Area;
        assert_eq!(recipe.expected_error, aspect.then_some(best.top1_error), "{name}");
        assert_eq!(recipe.model.name.starts_with("resnet200-v2"), aspect, "{name}");
        let mut of_one = recipe.clone();
        let message = of_one.set("model.classes=1").unwrap_err().to_string();
        assert!(message.contains("model.classes is 1; a classifier needs at least two"), "{message}");
        // As torchvision and timm show ImageNet's images.
        assert_eq!(photos.orientation, PhotoOrientation::Ignore, "{name}");
        // A published figure is of photographs decoded as they are.
        assert_eq!(photos.decode == PhotoDecoding::Exact, aspect, "{name}");
    }
}

#[test]
fn a_recipe_from_before_there_was_an_orientation_turns_images_as_it_did() {
    let (_, recipe) = shipped()
        .into_iter()
        .find(|(_, recipe)| recipe.photos.is_some())
        .expect("a recipe of images in files");
    let told = recipe.to_toml().unwrap();
    let before = told.replace("orientation = \"ignore\"\n", "");
    assert_ne!(before, told);
    let read = Recipe::parse(&before, "before.toml").unwrap();
    assert_eq!(read.photos.map(|photos| photos.orientation), Some(PhotoOrientation::Apply));
    // So that its run's folder says the same as before.
    assert_eq!(read.to_toml().unwrap(), before);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_keys_there_are() {
    for (from, to, words) in [
        ("batch = 128", "bach = 128", &["some.toml, line", "`bach`", "`batch`"][..]),
        ("peak = 0.1", "peek = 0.1", &["`peek`", "`peak`"]),
        ("kind = \"cosine\"", "kind = \"cosin\"", &["`cosin`", "`cosine`", "`steps`"]),
        ("set = \"cifar10\"", "set = \"cifar11\"", &["`cifar11`", "`cifar10`"]),
        ("duration = \"200 epochs\"", "duration = \"200\"", &["some.toml, line", "'200'", "unit is missing"]),
        ("duration = \"200 epochs\"", "duration = 200", &["some.toml, line", "200", "string"]),
        ("[model]", "[modell]", &["`modell`", "`model`"]),
        ("momentum = 0.9", "momentum = ", &["some.toml, line"]),
    ] {
        assert!(CIFAR.contains(from), "{from}");
        let error = Recipe::parse(&CIFAR.replace(from, to), "some.toml").unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Recipe { .. }), "{message}");
        assert!(!message.contains('\n'), "{message}");
        for word in words {
            assert!(message.contains(word), "{to}: '{word}' is missing in: {message}");
        }
    }
}

#[test]
fn of_several_assignments_the_wrong_one_is_named() {
    let right =
        ["train.seed=3", "model.name=resnet8-v2", "train.duration=2 epochs", "train.log_every_steps=1"];
    // (assignments besides the right ones, what is blamed, a word of the cause)
    let rows: [(&[&str], &str, &str); 8] = [
        (&["train.bach=64"], "'train.bach=64'", "`bach`"),
        (&["train.batch=many"], "'train.batch=many'", "many"),
        (&["train.batch=-1"], "'train.batch=-1'", "-1"),
        (&["schedule.kind=cosin"], "'schedule.kind=cosin'", "`cosin`"),
        (&["schedule.peek=1.0"], "'schedule.peek=1.0'", "`peek`"),
        // Of two that are wrong both, or the one that the cause is about.
        (
            &["train.batch=many", "optimizer.momentum=much"],
            "'train.batch=many' 'optimizer.momentum=much'",
            "string",
        ),
        (&["train.bach=64", "train.sead=1"], "'train.bach=64'", "`bach`"),
        // Keys that are nothing without each other are not to blame for a third.
        (
            &["data.set=photos", "photos.crop=area", "photos.evaluate={resize=72,crop=64}", "train.bach=64"],
            "'train.bach=64'",
            "`bach`",
        ),
    ];
    let mut faults = vec![];
    for (wrong, blamed, word) in rows {
        for assignments in [[&right[..], wrong].concat(), [wrong, &right[..]].concat()] {
            let mut recipe = Recipe::parse(CIFAR, "cifar.toml").unwrap();
            let message = recipe.set_all(&assignments).unwrap_err().to_string();
            if !message.starts_with(&format!("cannot set {blamed}: ")) || !message.contains(word) {
                faults.push(format!("{assignments:?}: {message}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    for (assignment, words) in [
        ("train.batch=0", "train.batch is 0"),
        ("train.duration=0 epochs", "train.duration is zero"),
        ("train.evaluate_every_epochs=0", "evaluate_every_epochs is 0"),
        ("train.seed=-1", "-1"),
        ("optimizer.momentum=1.0", "[0, 1)"),
        ("optimizer={momentum=0.0,weight_decay=0.0,momentum_kind=\"nesterov\"}", "nesterov"),
        ("optimizer.weight_decay=-0.1", "weight_decay is -0.1"),
        ("optimizer.weight_decay=nan", "weight_decay is NaN"),
        ("schedule.peak=0.0", "peak is 0"),
        ("schedule.peak=inf", "peak is inf"),
        ("data.validation=50000", "hold out fewer"),
        ("data.std=[0.2, 0.0, 0.2]", "channel 1"),
        ("data.set=generated", "needs [data.generated]"),
        ("data.generated={train=10,test=10}", "remove it"),
        (r#"data={set="generated",mean=[0,0,0],std=[1,1,1],generated={train=0,test=1}}"#, "0 and 1 images"),
        ("model.classes=100", "10 classes"),
        ("name=Two Words", "lower-case"),
        ("expected_error=101.0", "percentage"),
        ("augmentation.pad_crop=33", "pad_crop"),
        ("augmentation.mixup=-0.1", "mixup"),
        ("augmentation.cutmix=nan", "cutmix"),
        ("augmentation.label_smoothing=1.0", "label_smoothing"),
    ] {
        let mut recipe = cifar();
        let message = recipe.set(assignment).unwrap_err().to_string();
        assert!(message.contains(words), "{assignment}: '{words}' is missing in: {message}");
        assert_eq!(recipe, cifar(), "{assignment}: a refused change must change nothing");
    }
}

#[test]
fn set_reads_the_value_as_the_schema_wants_it() {
    let mut recipe = cifar();
    recipe.set("train.batch=64").unwrap();
    recipe.set("train.duration = 3 epochs").unwrap();
    recipe.set("train.evaluate_test=each-epoch").unwrap();
    recipe.set(r#"about="quoted = too""#).unwrap();
    recipe.set("schedule.peak=1").unwrap();
    recipe.set_all(&["data.set=generated", "data.generated.train=100", "data.generated.test=10"]).unwrap();
    assert_eq!(recipe.train.batch, 64);
    assert_eq!(recipe.train.duration, Duration::Epochs(3));
    assert_eq!(recipe.about, "quoted = too");
    recipe.set(r#"schedule={kind="steps",rate=0.1,divide_by=10,at=["2 epochs"]}"#).unwrap();
    assert!(matches!(recipe.schedule, ScheduleRecipe::Steps { warmup: None, .. }));

    for (assignment, words) in [
        ("train.bach=64", "`bach`"),
        ("train.batch", "no '='"),
        ("train.batch.size=64", "'batch' is a value"),
        ("train.batch=many", "many"),
        ("=3", ""),
        (".=3", ""),
        ("train..batch=3", ""),
    ] {
        let message = recipe.set(assignment).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains(assignment), "{assignment}: {message}");
    }
}

#[test]
fn a_changed_recipe_no_longer_promises_the_published_error() {
    let load = || shipped().into_iter().find(|(name, _)| name == "cifar10-resnet110-v2").unwrap().1;
    let mut recipe = load();
    recipe.set_all(&["train.seed=5", "train.log_every_steps=1"]).unwrap();
    assert_eq!(recipe.expected_error, Some(6.37));
    recipe.set("train.duration=3 epochs").unwrap();
    assert_eq!((recipe.expected_error, recipe.paper), (None, None));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = Recipe::parse(&text, "any");
        let _ = parse_metrics(&text);
        let _ = text.parse::<resnet_record::Warmup>();
        let _ = cifar().set(&text);
        let _ = cifar().set(&format!("train.batch={text}"));
    }

    #[test]
    fn no_damage_to_a_recipe_makes_it_panic(at in 0..QUICK.len(), with in any::<char>(), drop in 0..40usize) {
        let damaged: String = QUICK.chars().take(at).chain([with]).chain(QUICK.chars().skip(at + drop)).collect();
        let _ = Recipe::parse(&damaged, "any");
    }

    #[test]
    fn no_cut_of_a_metrics_line_makes_it_panic(cut in 0..120usize, with in "[\\PC\n]{0,8}") {
        let line = r#"{"event":"step","step":50,"epoch":1,"images":6400,"loss":1.9,"rate":0.05,"images_per_second":512.0}"#;
        let damaged: String = line.chars().take(cut).collect::<String>() + &with + "\n" + line;
        let _ = parse_metrics(&damaged);
    }
}
