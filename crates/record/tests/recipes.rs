//! The shipped recipes, the keys' meaning, and what is refused with which words.

use proptest::prelude::*;
use resnet_record::{
    BUILT_IN, Duration, Error, ImageCrop, ImageOrientation, Recipe, ScheduleRecipe, parse_metrics,
};

const CIFAR: &str = include_str!("../../record/recipes/cifar10-resnet20-v2.toml");
const QUICK: &str = include_str!("../../record/recipes/quick-start.toml");

fn cifar() -> Recipe {
    Recipe::parse(CIFAR, "cifar10-resnet20-v2.toml").unwrap()
}

/// The built-in recipes, with their names.
fn shipped() -> Vec<(String, Recipe)> {
    BUILT_IN.iter().map(|(name, text)| (name.clone(), Recipe::parse(text, name).unwrap())).collect()
}

/// The recipes as they were written when keys had other names.
const BEFORE: [(&str, &str); 4] = [
    ("quick-start", include_str!("before/quick-start.toml")),
    ("cifar10-resnet110-v2", include_str!("before/cifar10-resnet110-v2.toml")),
    ("imagenet-resnet50-v2", include_str!("before/imagenet-resnet50-v2.toml")),
    ("imagenet-resnet200-v2", include_str!("before/imagenet-resnet200-v2.toml")),
];

#[test]
fn recipes_of_before_still_load_and_mean_the_same() {
    for (name, text) in BEFORE {
        let today = Recipe::built_in(name).unwrap();
        let mut before = Recipe::parse(text, name).unwrap();
        before.about.clone_from(&today.about);
        assert_eq!(before, today, "{name}");
    }
}

#[test]
fn old_keys_and_values_can_still_be_set() {
    for (before, today) in [
        ("train.batch=64", "train.batch_size=64"),
        ("schedule.peak=0.2", "schedule.lr=0.2"),
        ("model.branch_end=zero", "model.zero_init_residual=true"),
        ("optimizer.momentum_kind=nesterov", "optimizer.nesterov=true"),
        (
            r#"schedule={kind="steps",rate=0.1,divide_by=10,at=["2 epochs"],warmup={rate=0.01,duration="1 step"}}"#,
            r#"schedule={kind="multistep",lr=0.1,divide_by=10,milestones=["2 epochs"],warmup={lr=0.01,duration="1 step"}}"#,
        ),
    ] {
        let (mut old, mut new) = (cifar(), cifar());
        old.set(before).unwrap();
        new.set(today).unwrap();
        assert_eq!(old, new, "{before}");
        assert_ne!(old, cifar(), "{before}");
    }
    let mut images = Recipe::built_in("imagenet-resnet50-v2").unwrap();
    images
        .set_all(&["photos.side=128", "photos.crop=area", "photos.erase=0.25", "photos.policy=randaugment"])
        .unwrap();
    let section = images.images.unwrap();
    assert_eq!((section.image_size, section.random_erasing), (128, 0.25));
    assert_eq!(section.crop, ImageCrop::RandomResizedCrop);
}

#[test]
fn two_names_of_one_key_are_refused() {
    let both = CIFAR.replace("batch_size = 128", "batch_size = 128\nbatch = 64");
    let message = Recipe::parse(&both, "both.toml").unwrap_err().to_string();
    assert!(message.contains("`batch`") && message.contains("line"), "{message}");
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
fn a_recipe_from_before_there_was_an_orientation_turns_images_as_it_did() {
    let (_, recipe) = shipped()
        .into_iter()
        .find(|(name, _)| name == "imagenet-resnet50-v2")
        .expect("a recipe of images in files");
    let told = recipe.to_toml().unwrap();
    let before = told.replace("orientation = \"ignore\"\n", "");
    assert_ne!(before, told);
    let read = Recipe::parse(&before, "before.toml").unwrap();
    assert_eq!(read.images.map(|images| images.orientation), Some(ImageOrientation::Apply));
    // So that its run's folder says the same as before.
    assert_eq!(read.to_toml().unwrap(), before);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_keys_there_are() {
    for (from, to, words) in [
        ("batch_size = 128", "bach = 128", &["some.toml, line", "`bach`", "`batch_size`"][..]),
        ("lr = 0.1", "lear = 0.1", &["`lear`", "`lr`"]),
        ("kind = \"cosine\"", "kind = \"cosin\"", &["`cosin`", "`cosine`", "`multistep`"]),
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
    let rows: [(&[&str], &str, &str); 10] = [
        (&["train.bach=64"], "'train.bach=64'", "`bach`"),
        (&["train.batch_size=many"], "'train.batch_size=many'", "many"),
        (&["train.batch_size=-1"], "'train.batch_size=-1'", "-1"),
        (&["schedule.kind=cosin"], "'schedule.kind=cosin'", "`cosin`"),
        (&["schedule.lear=1.0"], "'schedule.lear=1.0'", "`lear`"),
        (&["schedule.lr=1e400"], "'schedule.lr=1e400'", "the number is too large"),
        (
            &["train.keep_checkpoints=99999999999999999999"],
            "'train.keep_checkpoints=99999999999999999999'",
            "the number is too large",
        ),
        // Of two that are wrong both, or the one that the cause is about.
        (
            &["train.batch_size=many", "optimizer.momentum=much"],
            "'train.batch_size=many' 'optimizer.momentum=much'",
            "string",
        ),
        (&["train.bach=64", "train.sead=1"], "'train.bach=64'", "`bach`"),
        // Keys that are nothing without each other are not to blame for a third.
        (
            &[
                "data.set=images",
                "images.crop=random-resized-crop",
                "images.evaluate={resize=72,crop=64}",
                "train.bach=64",
            ],
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
        ("train.batch_size=0", "train.batch_size is 0"),
        ("train.duration=0 epochs", "train.duration is zero"),
        ("train.evaluate_every_epochs=0", "evaluate_every_epochs is 0"),
        ("train.seed=-1", "-1"),
        ("optimizer.momentum=1.0", "[0, 1)"),
        ("optimizer={momentum=0.0,weight_decay=0.0,nesterov=true}", "nesterov"),
        ("optimizer.weight_decay=-0.1", "weight_decay is -0.1"),
        ("optimizer.weight_decay=nan", "weight_decay is NaN"),
        ("stages.frozen_norms=move", "nothing is frozen"),
        ("stages.lr_decay=0", "lr_decay is 0"),
        ("stages.lr_factors.stem=-1", "lr_factors.stem is -1"),
        ("stages={lr_decay=0.5,lr_factors={stem=0.1}}", "both given"),
        ("schedule.lr=0.0", "lr is 0"),
        ("schedule.lr=inf", "lr is inf"),
        ("schedule.min_lr=0.2", "0 to schedule.lr"),
        ("schedule.min_lr=nan", "min_lr is NaN"),
        ("schedule.cycle=0 epochs", "schedule.cycle is zero"),
        ("schedule.cycle_mul=2", "give schedule.cycle as well"),
        (r#"schedule={kind="cosine",lr=0.1,cycle="1 epoch",cycle_mul=0.5}"#, "1 or more"),
        (r#"schedule={kind="cosine",lr=0.1,cycle="1 epoch",cycle_decay=1.5}"#, "at most 1"),
        (r#"schedule.warmup={lr=0.0,duration="5 steps"}"#, "warmup.lr is 0"),
        (r#"schedule.warmup={lr=-1,duration="5 steps",kind="linear"}"#, "0 or more"),
        (r#"schedule.warmup={lr=0.1,duration="5 steps",kind="steep"}"#, "`flat`"),
        ("schedule.warmup=3", "a length such as"),
        ("schedule.warmup=3 weeks", "is not a duration"),
        (r#"schedule={kind="onecycle",lr=0.1,div_factor=0}"#, "div_factor is 0"),
        (r#"schedule={kind="polynomial",lr=0.1,power=-1}"#, "power is -1"),
        (r#"schedule={kind="exponential",lr=0.1,decay_rate=1.1,decay_every="1 epoch"}"#, "decay_rate is 1.1"),
        (
            r#"schedule={kind="exponential",lr=0.1,decay_rate=0.9,decay_every="0 steps"}"#,
            "decay_every is zero",
        ),
        (r#"schedule={kind="exponential",lr=0.1,decay_rate=0.9}"#, "`decay_every`"),
        ("data.validation=50000", "hold out fewer"),
        ("data.std=[0.2, 0.0, 0.2]", "channel 1"),
        ("data.mean=[123, 116, 103]", "data.mean of channel 0 is 123, of pixels from 0 to 255"),
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
        ("loss.class_weights=[1, 0]", "leave out its images"),
        (r#"loss={kind="binary-cross-entropy",class_weights=[0, 0]}"#, "one of them above 0"),
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
    recipe.set("train.batch_size=64").unwrap();
    recipe.set("train.duration = 3 epochs").unwrap();
    recipe.set("train.evaluate_test=each-epoch").unwrap();
    recipe.set(r#"about="quoted = too""#).unwrap();
    recipe.set("schedule.lr=1").unwrap();
    recipe.set_all(&["data.set=generated", "data.generated.train=100", "data.generated.test=10"]).unwrap();
    assert_eq!(recipe.train.batch_size, 64);
    assert_eq!(recipe.train.duration, Duration::Epochs(3));
    assert_eq!(recipe.about, "quoted = too");
    recipe.set(r#"schedule={kind="multistep",lr=0.1,divide_by=10,milestones=["2 epochs"]}"#).unwrap();
    assert!(matches!(recipe.schedule, ScheduleRecipe::MultiStep { warmup: None, .. }));

    for (assignment, words) in [
        ("train.bach=64", "`bach`"),
        ("train.batch_size", "no '='"),
        ("train.batch_size.size=64", "'batch_size' is a value"),
        ("train.batch_size=many", "many"),
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
    // Without validation images the last epoch is reported, however many are scored.
    let published = Recipe::built_in("cifar10-resnet110-v2").unwrap();
    let with = |changes: &[&str]| {
        let mut recipe = published.clone();
        recipe.set_all(changes).unwrap();
        recipe.expected_error
    };
    assert!(with(&["train.evaluate_every_epochs=10"]).is_some());
    let mut validated = published.clone();
    (validated.data.validation, validated.expected_error) = (5000, Some(6.4));
    validated.set("train.evaluate_every_epochs=10").unwrap();
    assert_eq!(validated.expected_error, None);
}

#[test]
fn a_file_that_cannot_be_a_recipe_is_named_with_its_fault() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("own.toml");
    let faulty = CIFAR.replace("lr = 0.1", "lr = nan");
    let large = vec![b' '; (1 << 20) + 1];
    let rows: [(&[u8], &str); 3] = [
        (faulty.as_bytes(), "own.toml: schedule.lr is NaN"),
        (b"name = \"\xff\"", "own.toml: it is no text in UTF-8"),
        (&large, "own.toml: it is larger than 1 MiB"),
    ];
    for (bytes, words) in rows {
        std::fs::write(&file, bytes).unwrap();
        let message = Recipe::load(&file).unwrap_err().to_string();
        assert!(message.contains(words), "'{words}' is missing in: {message}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = Recipe::parse(&text, "any");
        let _ = parse_metrics(&text);
        let _ = text.parse::<resnet_record::Warmup>();
        let _ = cifar().set(&text);
        let _ = cifar().set(&format!("train.batch_size={text}"));
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
